package attempt

import (
	"context"
	"net/http/httptrace"
	"time"

	"github.com/leadhook/leadhook/lead/scrub"
)

// An Observation is what was observed of an attempt besides its outcome.
type Observation struct {
	Protocol string // of the answer, such as HTTP/1.1; empty if there was none
	Head     []byte // the beginning of the answer's body, unpacked, at most 4 KiB; it may quote the request, including secrets
	Network  Network
}

// maxHead is the largest size of [Observation.Head] in bytes.
const maxHead = 4 << 10

// Observe is [Client.Do] for an attempt that a person watches. It costs more, the
// end of ctx ends it, and its connection is not used again.
func (c *Client) Observe(ctx context.Context, r *Request) (Outcome, *Observation) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	steps := &steps{began: r.Time}
	trace := steps.trace()
	trace.GotConn = func(got httptrace.GotConnInfo) {
		context.AfterFunc(ctx, func() { _ = got.Conn.Close() })
	}
	var x exchange
	x.request.Trace = trace
	x.request.Keep = func(status int) int { return max(r.Target.keeps(status), scrub.MaxRead) }
	o := c.do(ctx, r, &x)
	if o.Verdict == Delivered {
		o.keep(r, x.answer)
	}
	seen := &Observation{Network: steps.network(time.Now())}
	if x.answer != nil {
		seen.Protocol, seen.Head = x.answer.Proto, plainHead(x.answer, maxHead)
	}
	return o, seen
}
