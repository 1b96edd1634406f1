package crm

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

const (
	// nameServer is where the names are asked for. resolv.conf has no place for
	// another port.
	nameServer = "127.0.0.1:53"

	// nameQueues is how many sockets serve them. The queue of one has room for some
	// hundred queries, while thousands of attempts may ask together: a query that is
	// dropped is asked again after five seconds, and the host would look slow.
	nameQueues = 32
)

// A World serves the names and the hosts that are settled in it.
type World struct {
	authority *authority
	caFile    string
	server    *http.Server
	closers   []io.Closer
	serving   sync.WaitGroup
	hosts     atomic.Pointer[map[string]*Hosts] // by name
}

// Start starts a world without hosts, which keeps its authority's certificate in
// dir. The caller must close it.
func Start(ctx context.Context, dir string) (w *World, err error) {
	w = &World{caFile: filepath.Join(dir, "ca.pem")}
	w.Settle()
	if w.authority, err = newAuthority(w.caFile); err != nil {
		return nil, err
	}
	w.server = &http.Server{
		Handler: w, IdleTimeout: time.Minute, ReadHeaderTimeout: time.Minute,
		ErrorLog: zap.NewStdLog(zap.NewNop()), // of clients that give up
	}
	if err := w.listen(ctx); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	return w, nil
}

func (w *World) listen(ctx context.Context) error {
	config := net.ListenConfig{Control: reusePort}
	for range nameQueues {
		names, err := config.ListenPacket(ctx, "udp", nameServer)
		if err != nil {
			return fmt.Errorf("serve names: %w", err)
		}
		w.closers = append(w.closers, names)
		w.serving.Go(func() { w.serveNames(names) })
	}
	plain, err := config.Listen(ctx, "tcp4", "0.0.0.0:80")
	if err != nil {
		return err
	}
	secure, err := config.Listen(ctx, "tcp4", "0.0.0.0:443")
	if err != nil {
		return errors.Join(err, plain.Close())
	}
	w.serving.Go(func() { _ = w.server.Serve(plain) })
	w.serving.Go(func() { _ = w.server.Serve(tls.NewListener(secure, w.tlsConfig())) })
	for _, port := range []int{80, 443} {
		full, err := fullPort(ctx, port)
		if err != nil {
			return fmt.Errorf("make a black hole: %w", err)
		}
		w.closers = append(w.closers, full)
	}
	return nil
}

// reusePort lets several listeners share a port; or one have it of all addresses and
// another of one of them, which then has what is for that one.
func reusePort(_, _ string, conn syscall.RawConn) (err error) {
	ctlErr := conn.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	})
	return errors.Join(ctlErr, err)
}

// tlsConfig offers each host's own certificate, and HTTP/2 where the hosts have it.
func (w *World) tlsConfig() *tls.Config {
	certificate := func(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
		return w.authority.certificate(hello.ServerName)
	}
	one := &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: certificate, NextProtos: []string{"http/1.1"}}
	two := one.Clone()
	two.NextProtos = []string{"h2", "http/1.1"}
	both := one.Clone()
	both.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
		hosts, _, err := w.find(hello.ServerName)
		if err != nil {
			return nil, err
		}
		if hosts.HTTP2 {
			return two, nil
		}
		return one, nil
	}
	return both
}

// Settle replaces all hosts. Requests that wait for an answer of hosts that were
// there before are still answered by them.
func (w *World) Settle(all ...*Hosts) {
	hosts := make(map[string]*Hosts, len(all))
	for n, h := range all {
		h.network, hosts[h.Name] = byte(n+1), h
	}
	w.hosts.Store(&hosts)
}

// find returns the hosts among which the one with that name is, and its number.
func (w *World) find(name string) (*Hosts, int, error) {
	kind, n, err := parseHost(name)
	if err != nil {
		return nil, 0, err
	}
	h := (*w.hosts.Load())[kind]
	if h == nil || n >= h.Count {
		return nil, 0, fmt.Errorf("there is no host %q in this world", name)
	}
	return h, n, nil
}

// CAFile returns the file with the certificate of the authority, in PEM.
func (w *World) CAFile() string { return w.caFile }

// ServeHTTP reads a POST and has its host answer it.
func (w *World) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	hosts, _, err := w.find(r.Host)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusMisdirectedRequest)
		return
	}
	lead, err := readLead(r.Body)
	if err != nil {
		http.Error(rw, err.Error(), http.StatusBadRequest)
		return
	}
	(*hosts.answer.Load())(&Exchange{w: rw, r: r, lead: lead, arrived: hosts.Arrived})
}

// Close ends everything and returns when nothing is served.
func (w *World) Close() error {
	err := w.server.Close()
	for _, c := range w.closers {
		err = errors.Join(err, c.Close())
	}
	w.serving.Wait()
	return err
}
