package attempt

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/http/httptrace"

	"golang.org/x/net/http2"

	"github.com/leadhook/leadhook/dispatch/attempt/http1"
	"github.com/leadhook/leadhook/lead"
)

// errReplay keeps net/http from sending a POST again.
var errReplay = errors.New("the request may have been received")

// An exchange is the request of one attempt and its answer. It watches what goes
// over the connection, for the evidence after a failure.
type exchange struct {
	target  *Target
	request http1.Request
	fields  [maxFields]http1.HeaderField // the memory of request.Fields
	answer  *http1.Answer                // nil: none came

	reused bool         // the connection has carried requests before
	outer  net.Conn     // the connection as net/http sees it; nil until there is one
	conn   *countedConn // the connection below outer; nil if there is none
	writes int64        // conn.writes when the exchange got the connection
	reads  int64        // conn.reads at that time
}

// prepare sets the request that is sent.
func (x *exchange) prepare(r *Request) {
	x.request.Template, x.request.Fields, x.request.Body = r.Target.template, r.fields(x.fields[:0]), r.Body
	x.request.Watcher, x.request.Await = x, r.Target.rules.WantsBody()
	if x.request.Keep == nil {
		x.request.Keep = r.Target.keep
	}
}

// GotConn implements [http1.Watcher]. net/http calls it on the goroutine of the
// request, again whenever it changes to another connection.
func (x *exchange) GotConn(info httptrace.GotConnInfo) {
	x.leave()
	x.outer, x.conn, x.reused = info.Conn, counted(info.Conn), info.Reused
	if x.conn != nil {
		x.conn.join()
		x.writes, x.reads = x.conn.writes.Load(), x.conn.reads.Load()
	}
}

// leave ends the use of the connection. If it does not lead to the CRM (421), it is
// closed, unless it is used by others too: the next attempt needs a new one.
func (x *exchange) leave() {
	if x.conn == nil {
		return
	}
	x.conn.leave()
	if x.answer != nil && x.answer.Status == http.StatusMisdirectedRequest && x.conn.retire() {
		_ = x.conn.Close()
	}
}

// MayRepeat implements [http1.Watcher]. net/http calls it before it sends the
// request again. Over HTTP/2 it does so only if the server said that it did not
// process the request (REFUSED_STREAM, GOAWAY: RFC 9113 §8.7). Over HTTP/1.1 it
// does so if it wrote nothing, on a connection that the CRM closed while it was
// idle; and if a header calls the request idempotent, which must not happen.
func (x *exchange) MayRepeat() error {
	if x.wrote() && !x.http2() {
		return errReplay
	}
	return nil
}

func (x *exchange) http2() bool {
	secure, ok := x.outer.(*tls.Conn)
	return ok && secure.ConnectionState().NegotiatedProtocol == http2.NextProtoTLS
}

// wrote reports whether bytes of the request may have been sent. On a connection
// that requests share (HTTP/2), those of another request count too.
func (x *exchange) wrote() bool {
	return x.outer != nil && (x.conn == nil || x.conn.writes.Load() != x.writes)
}

// read reports whether anything was received.
func (x *exchange) read() bool { return x.conn != nil && x.conn.reads.Load() != x.reads }

// evidence grades an exchange that ended without a status.
func (x *exchange) evidence() lead.Evidence {
	if x.wrote() {
		return lead.MaybeReceived
	}
	return lead.NotSent
}
