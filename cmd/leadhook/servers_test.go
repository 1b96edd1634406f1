package main

import (
	"context"
	"os"
	"testing"

	"github.com/leadhook/leadhook/internal/devstack"
	"github.com/leadhook/leadhook/internal/realstack"
)

// A redisServer can be taken away and brought back empty: a real one if the
// environment names a real one, since that one must not be harmed.
type redisServer struct {
	url   string
	kill  func()
	empty func() // starts it again, with nothing in it
}

func startRedis(t testing.TB) *redisServer {
	t.Helper()
	if os.Getenv(realstack.RedisVariable) != "" {
		return startRealRedis(t)
	}
	var server *devstack.Redis
	begin := func(addr string) {
		var err error
		if server, err = devstack.StartRedis(devstack.RedisOptions{Listen: addr}); err != nil {
			t.Fatal(err)
		}
	}
	addr := realstack.FreeAddr(t) // nobody gets it while the server is away
	begin(addr)
	t.Cleanup(func() { server.Close() })
	return &redisServer{url: server.URL(), kill: func() { server.Close() }, empty: func() { begin(addr) }}
}

func startRealRedis(t testing.TB) *redisServer {
	t.Helper()
	server, err := realstack.StartRedis(t.Context(), realstack.RedisOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return &redisServer{url: server.URL(), kill: server.Kill, empty: func() {
		if err := server.Restart(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
	}}
}
