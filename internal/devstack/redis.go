package devstack

import (
	"github.com/alicebob/miniredis/v2"
)

// RedisOptions say where the embedded Redis listens.
type RedisOptions struct {
	Listen string // host:port; empty: a free port of 127.0.0.1
}

// Redis is an embedded Redis, all in memory: what is in it is gone with it.
// Keys expire as the clock goes. It has no CONFIG, no memory limit and no
// eviction.
type Redis struct {
	mini *miniredis.Miniredis
	addr string
}

// StartRedis starts a Redis, which serves when it returns. A port that is
// taken is an error that names the address and the setting dev.redis_listen.
func StartRedis(opts RedisOptions) (*Redis, error) {
	mini := miniredis.NewMiniRedis()
	mini.ClockTTL(true)
	listen := listenAddr(opts.Listen)
	if err := mini.StartAddr(listen); err != nil {
		return nil, cannotListen("embedded Redis", "dev.redis_listen", listen, err)
	}
	return &Redis{mini: mini, addr: advertised(listen, mini.Addr())}, nil
}

// Addr is where clients find it, host:port.
func (r *Redis) Addr() string { return r.addr }

// URL is Addr as clients take it: redis://host:port/0.
func (r *Redis) URL() string { return "redis://" + r.addr + "/0" }

// Close ends the Redis and its connections. It may be called twice.
func (r *Redis) Close() { r.mini.Close() }
