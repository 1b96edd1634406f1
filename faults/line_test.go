//go:build faults

package faults

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"strings"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
)

// A line is a TCP proxy in front of a server, which can be made slow, and cut.
type line struct{ proxy *toxiproxy.Proxy }

// newLine listens on a free port. Where it leads is told later: a server may
// need to know first how its clients will call it.
func newLine() (*line, error) {
	zerolog.SetGlobalLevel(zerolog.Disabled) // the toxics have loggers of their own
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(prometheus.NewRegistry()), zerolog.Nop())
	l := &line{toxiproxy.NewProxy(server, "line", "127.0.0.1:0", "")}
	return l, l.proxy.Start()
}

func (l *line) addr() string { return l.proxy.Listen }

func (l *line) leadTo(addr string) {
	l.proxy.Lock()
	defer l.proxy.Unlock()
	l.proxy.Upstream = addr
}

func (l *line) close() { l.proxy.Stop() }

// slow delays what is answered, give or take jitter.
func (l *line) slow(delay, jitter time.Duration) error {
	return l.add("latency", map[string]int64{"latency": delay.Milliseconds(), "jitter": jitter.Milliseconds()})
}

// narrow lets so many KB a second through, of each connection's answers.
func (l *line) narrow(kilobytes int64) error {
	return l.add("bandwidth", map[string]int64{"rate": kilobytes})
}

// reset resets each connection after a while, those that there are too.
func (l *line) reset(after time.Duration) error {
	return l.add("reset_peer", map[string]int64{"timeout": after.Milliseconds()})
}

// cut lets nothing through any more, in neither direction, and tells nobody.
func (l *line) cut() error {
	return errors.Join(l.addTo("upstream", "cut", "timeout", map[string]int64{"timeout": 0}),
		l.addTo("downstream", "timeout", "timeout", map[string]int64{"timeout": 0}))
}

func (l *line) add(kind string, attributes map[string]int64) error {
	return l.addTo("downstream", kind, kind, attributes)
}

func (l *line) addTo(stream, name, kind string, attributes map[string]int64) error {
	toxic, err := json.Marshal(map[string]any{"name": name, "type": kind, "stream": stream, "attributes": attributes})
	if err == nil {
		_, err = l.proxy.Toxics.AddToxicJson(strings.NewReader(string(toxic)))
	}
	return err
}

// heal takes back slow, narrow, reset and cut.
func (l *line) heal(ctx context.Context) error {
	return l.mend(ctx, "latency", "bandwidth", "reset_peer", "timeout", "cut")
}

// mend takes back some of them.
func (l *line) mend(ctx context.Context, kinds ...string) error {
	for _, kind := range kinds {
		if l.proxy.Toxics.GetToxic(kind) == nil {
			continue
		}
		if err := l.proxy.Toxics.RemoveToxic(ctx, kind); err != nil {
			return err
		}
	}
	return nil
}

// answers says whether anybody listens.
func answers(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
