package dispatch

import (
	"net/http"

	"github.com/leadhook/leadhook/dispatch/attempt"
)

// SetTransport puts rt into the place of the network.
func (d *Dispatcher) SetTransport(rt http.RoundTripper) {
	opts := d.opts.Attempt
	opts.Network = rt
	d.client = attempt.NewClient(opts)
}

// Lanes is how many lanes and hosts are remembered.
func (d *Dispatcher) Lanes() (lanes, hosts int) { return d.limiter.Known() }
