package redistest

import (
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/alicebob/miniredis/v2"
)

// A Line is the connection to a server; it can be cut.
type Line struct {
	Server *miniredis.Miniredis

	mu    sync.Mutex
	isCut bool
	hangs bool
	conns []*buffered
}

// Dial opens a connection, as the client's options want it.
func (l *Line) Dial(context.Context, string, string) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isCut {
		return nil, errors.New("the line is cut")
	}
	pipe, err := l.Server.Dial()
	if err != nil {
		return nil, err
	}
	conn := &buffered{Conn: pipe, out: make(chan []byte, 1024), closed: make(chan struct{})}
	conn.silent.Store(l.hangs)
	go conn.send()
	l.conns = append(l.conns, conn)
	return conn, nil
}

// buffered lets a client write a pipeline of commands before it reads the
// answers, as a socket does and a net.Pipe does not.
type buffered struct {
	net.Conn
	out    chan []byte
	once   sync.Once
	closed chan struct{}

	subscribed, silent atomic.Bool
}

func (b *buffered) Write(p []byte) (int, error) {
	if bytes.Contains(p, []byte("subscribe")) {
		b.subscribed.Store(true)
	}
	select {
	case b.out <- slices.Clone(p):
		return len(p), nil
	case <-b.closed:
		return 0, net.ErrClosed
	}
}

func (b *buffered) send() {
	for {
		select {
		case p := <-b.out:
			_, _ = b.Conn.Write(p)
		case <-b.closed:
			return
		}
	}
}

func (b *buffered) Read(p []byte) (int, error) {
	for {
		n, err := b.Conn.Read(p)
		if err != nil || !b.silent.Load() {
			return n, err
		}
	}
}

func (b *buffered) Close() error {
	b.once.Do(func() { close(b.closed) })
	return b.Conn.Close()
}

// Cut breaks all connections and lets no new one through.
func (l *Line) Cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = true
	for _, conn := range l.conns {
		_ = conn.Close()
	}
	l.conns = nil
}

// Silence loses what comes over connections with a subscription; they
// stay open.
func (l *Line) Silence() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.conns {
		conn.silent.Store(conn.subscribed.Load())
	}
}

// Hang loses what comes over all connections there are, and lets no new one
// through; all stay open.
func (l *Line) Hang() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hangs = true
	for _, conn := range l.conns {
		conn.silent.Store(true)
	}
}

// Mend lets connections through again, after Cut.
func (l *Line) Mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.isCut = false
}
