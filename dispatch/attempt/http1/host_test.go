package http1

import (
	"strconv"
	"testing"
	"testing/synctest"
	"time"
)

// TestKeep has hosts from which something is learnt, and says how long their idle
// connections are kept then.
func TestKeep(t *testing.T) {
	b := bounds{first: 4 * time.Second, most: 50 * time.Second}
	for name, c := range map[string]struct {
		learn func(h *host)
		want  time.Duration
	}{
		"nothing":                            {func(*host) {}, 4 * time.Second},
		"promised 5 s":                       {func(h *host) { h.promise(5 * time.Second) }, 4 * time.Second},
		"promised 1 s":                       {func(h *host) { h.promise(time.Second) }, 500 * time.Millisecond},
		"promised 20 s":                      {func(h *host) { h.promise(20 * time.Second) }, 16 * time.Second},
		"promised an hour":                   {func(h *host) { h.promise(time.Hour) }, 50 * time.Second},
		"promised nothing at all":            {func(h *host) { h.promise(1) }, 0},
		"a promise that it took back":        {func(h *host) { h.promise(time.Hour); h.promise(0) }, 4 * time.Second},
		"open after 4 s":                     {func(h *host) { h.survive(4 * time.Second) }, 8 * time.Second},
		"open after 40 s":                    {func(h *host) { h.survive(40 * time.Second) }, 50 * time.Second},
		"closed after 5 s":                   {func(h *host) { h.survive(4 * time.Second); h.close(5*time.Second, b) }, 3750 * time.Millisecond},
		"closed after 2 s, against its word": {func(h *host) { h.promise(time.Minute); h.close(2*time.Second, b) }, 1500 * time.Millisecond},
		"closed after 5 and 2 s":             {func(h *host) { h.close(5*time.Second, b); h.close(2*time.Second, b) }, 1500 * time.Millisecond},
		"closed after 2 and 5 s":             {func(h *host) { h.close(2*time.Second, b); h.close(5*time.Second, b) }, 1500 * time.Millisecond},
		"closed after 0.3 s":                 {func(h *host) { h.close(300*time.Millisecond, b) }, 250 * time.Millisecond},
		"closed at once":                     {func(h *host) { h.close(time.Millisecond, b) }, 0},
		"a minute later":                     {func(h *host) { h.close(time.Millisecond, b); time.Sleep(minFresh) }, 4 * time.Second},
		"closed long ago":                    {func(h *host) { h.close(2*time.Second, b); time.Sleep(forget) }, 4 * time.Second},
		"failed":                             {func(h *host) { h.fail(3*time.Second, b) }, 0},
		"failed, a minute later":             {func(h *host) { h.fail(2*time.Second, b); time.Sleep(minFresh) }, 1500 * time.Millisecond},
		"failed again, a minute later":       {func(h *host) { h.fail(0, b); time.Sleep(minFresh); h.fail(0, b); time.Sleep(minFresh) }, 0},
		"failed in many requests at once": {func(h *host) {
			for range 100 {
				h.fail(0, b)
			}
			time.Sleep(minFresh)
		}, 4 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &host{}
				c.learn(h)
				if got := h.keep(b); got != c.want {
					t.Errorf("got %v, want %v", got, c.want)
				}
			})
		})
	}
}

// TestHostsAreBounded: the ones used last are known.
func TestHostsAreBounded(t *testing.T) {
	var all hosts
	at := func(i int) endpoint { return endpoint{address: strconv.Itoa(i)} }
	first := all.get(at(0))
	for i := range 2 * maxHosts {
		all.get(at(i))
		if i%100 == 0 && all.get(at(0)) != first {
			t.Fatalf("a host in use was forgotten after %d others", i)
		}
	}
	if len(all.known) != maxHosts || all.used.Len() != maxHosts {
		t.Errorf("got %d hosts and a list of %d, want %d", len(all.known), all.used.Len(), maxHosts)
	}
	last := all.get(at(2*maxHosts - 1))
	if all.get(at(1)) == nil || all.get(at(2*maxHosts-1)) != last {
		t.Error("the host that was used last was forgotten")
	}
}
