package devstack

import (
	"github.com/alicebob/miniredis/v2"

	"github.com/leadhook/leadhook/internal/listen"
)

// RedisOptions configure the embedded Redis.
type RedisOptions struct {
	Listen string // host:port; if empty, a free port of 127.0.0.1
}

// Redis is an embedded Redis, in memory only. Keys expire by the clock. It has no
// CONFIG command, no memory limit and no eviction.
type Redis struct {
	mini *miniredis.Miniredis
	addr string
}

// StartRedis starts a Redis, which serves when StartRedis returns. If the port is in
// use, the error names the address and the setting dev.redis_listen.
func StartRedis(opts RedisOptions) (*Redis, error) {
	mini := miniredis.NewMiniRedis()
	mini.ClockTTL(true)
	addr := listen.Addr(opts.Listen)
	if err := mini.StartAddr(addr); err != nil {
		return nil, listen.Refused("embedded Redis", "dev.redis_listen", addr, err)
	}
	return &Redis{mini: mini, addr: listen.Bound(addr, mini.Addr())}, nil
}

// Addr returns the host:port at which clients find it.
func (r *Redis) Addr() string { return r.addr }

// URL returns redis://host:port/0.
func (r *Redis) URL() string { return "redis://" + r.addr + "/0" }

// Close ends the Redis and its connections. It may be called twice.
func (r *Redis) Close() { r.mini.Close() }
