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

// Known is how many webhooks and hosts are remembered.
func (d *Dispatcher) Known() (webhooks, hosts int) { return d.limiter.Known() }
