package admin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// Options are the settings of a [Server].
type Options struct {
	Listen  string // host:port; if empty, there is no listener, and Serve only waits
	PProf   bool   // serve Go's profiles under /debug/pprof/; they show leads and tokens in memory
	Version string // of the service, for leadhook_build_info
}

// A Check is one part of the service that may not be ready.
type Check struct {
	Name string

	// Ready returns nil if the part is ready, or else an error for a person to
	// read, without secrets. It is called at each request, also concurrently, and
	// must not block.
	Ready func() error

	// Notes returns what else a person should know of the part, which does not make
	// it unready. It is called as Ready is. Nil: there is never anything.
	Notes func() []string
}

// A Server serves the admin listener: call Listen, then Serve, each once.
type Server struct {
	opts     Options
	log      *zap.Logger
	server   *http.Server
	listener net.Listener // nil before Listen, and without an address
}

// New returns a Server for the checks and for the metrics that g gathers.
func New(o Options, checks []Check, g prometheus.Gatherer, log *zap.Logger) *Server {
	log = log.Named("admin")
	return &Server{opts: o, log: log, server: &http.Server{
		Handler:           handler(o, checks, g, log),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      2 * time.Minute, // a profile takes 30 s, or as long as the request says
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          zap.NewStdLog(log),
	}}
}

// Listen opens the listener, so that a port in use is known before the service
// begins its work. The error names the setting to change.
func (s *Server) Listen() error {
	if s.opts.Listen == "" {
		return nil
	}
	listener, err := net.Listen("tcp", s.opts.Listen)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("listening on %s for health and metrics: the port is in use, perhaps by another leadhook;"+
			" set admin.listen (LEADHOOK_ADMIN_LISTEN) to a free address, or to \"\" for none", s.opts.Listen)
	case err != nil:
		return fmt.Errorf("listening for health and metrics on admin.listen (LEADHOOK_ADMIN_LISTEN): %w", err)
	}
	s.listener = listener
	return nil
}

// Addr returns the host:port on which the Server listens, or "" if it does not.
func (s *Server) Addr() string {
	if s.listener == nil {
		return ""
	}
	return s.listener.Addr().String()
}

// Serve answers requests until ctx ends, then waits up to three seconds for the
// running ones, and returns nil. It returns an error if the listener fails.
func (s *Server) Serve(ctx context.Context) error {
	if s.listener == nil {
		<-ctx.Done()
		return nil
	}
	s.log.Info("serving health and metrics", zap.String("address", s.Addr()))
	ended := make(chan error, 1)
	go func() { ended <- s.server.Serve(s.listener) }()
	select {
	case err := <-ended:
		return fmt.Errorf("serving health and metrics on %s: %w", s.Addr(), err)
	case <-ctx.Done():
	}
	s.stop()
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serving health and metrics on %s: %w", s.Addr(), err)
	}
	return nil
}

func (s *Server) stop() {
	const timeout = 3 * time.Second
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	if err := s.server.Shutdown(ctx); err != nil {
		_ = s.server.Close() // ends a long profile, or a client that does not read
	}
}
