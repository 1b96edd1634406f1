package attempt

import (
	"context"
	"io"
	"net/http/httptrace"
	"time"

	"github.com/leadhook/leadhook/dispatch/attempt/http1"
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
// and the end of ctx cuts it. Over https it is made by net/http, as the first
// one to a host always is.
func (c *Client) Observe(ctx context.Context, r *Request) (Outcome, *Observation) {
	seen := &observation{ctx: ctx, network: watch{began: r.Time}}
	o := c.do(ctx, r, seen)
	o.Took = time.Since(r.Time)
	seen.Network = seen.network.network(time.Now())
	return o, &seen.Observation
}

// An observation is one that is being made. It makes requests so that the end of
// ctx cuts them, and keeps the head of the answer. With the end of either the
// connection is closed.
type observation struct {
	Observation

	ctx     context.Context //nolint:containedctx // the caller's of Observe: an attempt does not end with it
	network watch
}

// post makes a request, observed or not: a nil observation only passes it on.
func (s *observation) post(way *http1.Transport, limit context.Context, r *http1.Request) (*http1.Answer, error) {
	if s == nil {
		return way.Post(limit, r)
	}
	cut, cancel := context.WithCancelCause(limit)
	stop := context.AfterFunc(s.ctx, func() { cancel(context.Cause(s.ctx)) })
	end := func() { stop(); cancel(nil) }
	trace := s.network.trace()
	trace.GotConn = func(got httptrace.GotConnInfo) {
		context.AfterFunc(cut, func() { _ = got.Conn.Close() })
	}
	r.Trace, r.BodyWanted = trace, true
	answer, err := way.Post(cut, r)
	if err != nil {
		end()
		return nil, err
	}
	s.Protocol = answer.Proto
	answer.Body, answer.Whole = &headReader{ReadCloser: answer.Body, head: &s.Head, end: end}, false // so that it is read
	return answer, nil
}

// A headReader keeps the head of what is read of an answer.
type headReader struct {
	io.ReadCloser
	head *[]byte
	end  func()
}

func (r *headReader) Read(b []byte) (int, error) {
	n, err := r.ReadCloser.Read(b)
	*r.head = append(*r.head, b[:min(n, maxHead-len(*r.head))]...)
	return n, err
}

// Close closes the answer, and ends what waited for the end of the caller.
func (r *headReader) Close() error {
	defer r.end()
	return r.ReadCloser.Close()
}
