package crm

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A fullQueue is a listener that accepts nothing, and the connections that fill its
// queue: who connects then gets no answer at all.
type fullQueue struct {
	listener io.Closer
	waiting  []net.Conn
}

// Close ends the connections too.
func (q *fullQueue) Close() error {
	err := q.listener.Close()
	for _, c := range q.waiting {
		err = errors.Join(err, c.Close())
	}
	return err
}

// fullPort makes a port of the hole swallow all connections.
func fullPort(ctx context.Context, port int) (*fullQueue, error) {
	fd, err := listenShort(port)
	if err != nil {
		return nil, err
	}
	q := &fullQueue{listener: os.NewFile(uintptr(fd), "hole")}
	dialer := net.Dialer{Timeout: 200 * time.Millisecond}
	for range 16 { // one or two are enough
		conn, err := dialer.DialContext(ctx, "tcp", netip.AddrPortFrom(hole, uint16(port)).String())
		if err != nil {
			return q, nil //nolint:nilerr // so it is full
		}
		q.waiting = append(q.waiting, conn)
	}
	return nil, errors.Join(errors.New("the queue does not fill"), q.Close())
}

// listenShort returns a socket that listens with the shortest queue there is, which
// package net has no way to ask for.
func listenShort(port int) (fd int, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return 0, os.NewSyscallError("socket", err)
	}
	unix.CloseOnExec(fd)
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEPORT, 1),
		unix.Bind(fd, &unix.SockaddrInet4{Port: port, Addr: hole.As4()}),
		unix.Listen(fd, 0),
	)
	if err != nil {
		return 0, errors.Join(err, syscall.Close(fd))
	}
	return fd, nil
}
