package http1

import (
	"crypto/tls"
	"net/http/httptrace"
)

// A trace is the hooks of a request. It may be nil, and so may each hook.
type trace struct{ *httptrace.ClientTrace }

func (t trace) TLSHandshakeStart() {
	if t.ClientTrace != nil && t.ClientTrace.TLSHandshakeStart != nil {
		t.ClientTrace.TLSHandshakeStart()
	}
}

func (t trace) TLSHandshakeDone(state tls.ConnectionState, err error) {
	if t.ClientTrace != nil && t.ClientTrace.TLSHandshakeDone != nil {
		t.ClientTrace.TLSHandshakeDone(state, err)
	}
}

func (t trace) GotConn(info httptrace.GotConnInfo) {
	if t.ClientTrace != nil && t.ClientTrace.GotConn != nil {
		t.ClientTrace.GotConn(info)
	}
}

func (t trace) WroteRequest(err error) {
	if t.ClientTrace != nil && t.ClientTrace.WroteRequest != nil {
		t.ClientTrace.WroteRequest(httptrace.WroteRequestInfo{Err: err})
	}
}

func (t trace) GotFirstResponseByte() {
	if t.ClientTrace != nil && t.ClientTrace.GotFirstResponseByte != nil {
		t.ClientTrace.GotFirstResponseByte()
	}
}
