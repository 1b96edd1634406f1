package realstack

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strconv"

	"github.com/redis/go-redis/v9"
)

// RedisOptions configure a Redis.
type RedisOptions struct {
	TLS      bool     // only TLS, with a certificate for 127.0.0.1 and localhost
	Password string   // of the default user; may be empty
	Args     []string // further arguments of redis-server, which override the defaults here
}

// Redis is one redis-server, without persistence unless Args ask for it.
type Redis struct {
	*server
	opts RedisOptions
	addr string
}

// StartRedis starts a redis-server, which serves when StartRedis returns.
func StartRedis(ctx context.Context, opts RedisOptions) (*Redis, error) {
	ports, err := freePorts(1)
	if err != nil {
		return nil, err
	}
	return startRedis(ctx, ports[0], opts)
}

func startRedis(ctx context.Context, port int, opts RedisOptions) (*Redis, error) {
	dir, err := newDir("redis")
	if err != nil {
		return nil, err
	}
	r := &Redis{opts: opts, addr: loopback(port)}
	r.server = &server{name: "Redis", dir: dir, ready: r.ping, argv: redisArgs(port, opts)}
	if opts.TLS {
		err = writeCerts(dir)
	}
	if err == nil {
		err = r.start(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func redisArgs(port int, opts RedisOptions) []string {
	args := []string{"redis-server", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"}
	if opts.TLS {
		args = append(args, "--port", "0", "--tls-port", strconv.Itoa(port), "--tls-auth-clients", "no",
			"--tls-cert-file", certFile, "--tls-key-file", keyFile, "--tls-ca-cert-file", caFile)
	} else {
		args = append(args, "--port", strconv.Itoa(port))
	}
	if opts.Password != "" {
		args = append(args, "--requirepass", opts.Password)
	}
	return append(args, opts.Args...)
}

func (r *Redis) ping(ctx context.Context) error {
	client, err := r.client()
	if err != nil {
		return err
	}
	defer client.Close()
	return client.Ping(ctx).Err()
}

// client returns a client for a few commands. The caller must close it.
func (r *Redis) client() (*redis.Client, error) {
	opts := &redis.Options{Addr: r.addr, Password: r.opts.Password, MaxRetries: -1}
	if r.opts.TLS {
		ca, err := os.ReadFile(r.CAFile())
		if err != nil {
			return nil, err
		}
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM(ca)
		opts.TLSConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	return redis.NewClient(opts), nil
}

// Addr returns its host:port.
func (r *Redis) Addr() string { return r.addr }

// URL returns the URL for clients, including the password: redis://host:port/0, or
// rediss:// with TLS.
func (r *Redis) URL() string {
	u := url.URL{Scheme: "redis", Host: r.addr, Path: "/0"}
	if r.opts.TLS {
		u.Scheme = "rediss"
	}
	if r.opts.Password != "" {
		u.User = url.UserPassword("", r.opts.Password)
	}
	return u.String()
}

// CAFile returns the file with the certificate to trust, with TLS.
func (r *Redis) CAFile() string { return filepath.Join(r.dir, caFile) }
