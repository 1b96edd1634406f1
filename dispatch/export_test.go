package dispatch

import (
	"net/http"

	"github.com/leadhook/leadhook/dispatch/attempt/http1"
)

// SetTransport puts rt into the place of the network.
func (d *Dispatcher) SetTransport(rt http.RoundTripper) {
	d.sender.transport = &http1.Transport{Next: rt}
}

// Transport is that of net/http, which makes the attempts that package http1
// does not make.
func (d *Dispatcher) Transport() http.RoundTripper {
	return d.sender.transport.(*http1.Transport).Next
}

var RetryAfter = retryAfter

// What docs/receivers.md tells.
const (
	IdleTimeout   = idleTimeout
	MaxAnswerBody = maxAnswerBody
)

// Lanes is how many lanes and hosts are remembered.
func (d *Dispatcher) Lanes() (lanes, hosts int) { return d.limiter.Known() }
