package crm

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// domain is what all names end with. Each host is a domain of its own, since no
// list of public suffixes knows this one.
const domain = ".test"

// Hosts are hosts that behave alike.
type Hosts struct {
	Name  string // letters; the first part of the hosts' names
	Count int
	HTTP2 bool // they offer HTTP/2 beside HTTP/1.1, with TLS

	// Arrived is called when a host begins its answer to a lead, before it is
	// sent. It must be set before the hosts are settled.
	Arrived func(lead int64, at time.Time, status int)

	network  byte // the second byte of their addresses
	answer   atomic.Pointer[Answer]
	vanished atomic.Bool
}

// Behave says how the hosts answer from now on. Requests that wait for their answer
// keep the old behaviour.
func (h *Hosts) Behave(a Answer) { h.answer.Store(&a) }

// Vanish has the hosts' names lead to an address that accepts no connection and
// refuses none either.
func (h *Hosts) Vanish() { h.vanished.Store(true) }

// Host returns the name of a host, counted from zero.
func (h *Hosts) Host(n int) string { return h.Name + "-" + strconv.Itoa(n) + domain }

// hole is the address of all that have vanished.
var hole = netip.AddrFrom4([4]byte{127, 255, 0, 1})

// addr returns the address of the host with that number.
func (h *Hosts) addr(n int) netip.Addr {
	if h.vanished.Load() {
		return hole
	}
	return netip.AddrFrom4([4]byte{127, h.network, byte(n >> 8), byte(n)})
}

// parseHost returns the parts of a host's name, without a port or a final dot.
func parseHost(name string) (hosts string, n int, err error) {
	name, _, _ = strings.Cut(name, ":")
	label, found := strings.CutSuffix(strings.ToLower(strings.TrimSuffix(name, ".")), domain)
	hosts, number, dash := strings.Cut(label, "-")
	if n, err = strconv.Atoi(number); !found || !dash || err != nil || n < 0 {
		return "", 0, fmt.Errorf("there is no host %q in this world", name)
	}
	return hosts, n, nil
}
