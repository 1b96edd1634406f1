package attempt

import (
	"context"
	"net/http/httptrace"
	"time"
)

// An Observation is what was seen of an attempt, beside its outcome.
type Observation struct {
	Protocol string // of the answer, such as HTTP/1.1; empty: none came
	Head     []byte // of the answer's body, at most 4 KiB; it may quote the request, secrets and all
	Network  Network
}

// maxHead is how much of an answer an observation has.
const maxHead = 4 << 10

// Observe is [Client.Do] for an attempt that somebody watches: it costs more,
// and the end of ctx cuts it. Over https it is made by net/http, as the first one
// to a host always is. Its connection is not used again.
func (c *Client) Observe(ctx context.Context, r *Request) (Outcome, *Observation) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	steps := &watch{began: r.Time}
	trace := steps.trace()
	trace.GotConn = func(got httptrace.GotConnInfo) {
		context.AfterFunc(ctx, func() { _ = got.Conn.Close() })
	}
	var x exchange
	x.request.Trace, x.request.KeepBody = trace, maxHead
	o := c.do(ctx, r, &x)
	seen := &Observation{Network: steps.network(time.Now())}
	if x.answer != nil {
		seen.Protocol, seen.Head = x.answer.Proto, x.answer.Body
	}
	return o, seen
}
