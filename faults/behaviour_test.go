//go:build faults

package faults

import (
	"bytes"
	"compress/gzip"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// silent is for servers whose clients are rude on purpose.
var silent = log.New(io.Discard, "", 0)

// A behaviour answers a POST that has been read whole.
type behaviour func(*exchange)

// An exchange is one POST and its answer.
type exchange struct {
	w     http.ResponseWriter
	r     *http.Request
	post  post
	sent  bool // the client has the status, whatever became of it afterwards
	abort bool // end the connection, or the HTTP/2 stream, without an answer
}

// answer sends a status. One of success means that the lead is taken.
func (x *exchange) answer(status int) {
	x.post.status, x.post.taken = uint16(status), status/100 == 2
	x.w.WriteHeader(status)
}

// send is answer for what is not over with that.
func (x *exchange) send(status int) {
	x.answer(status)
	x.sent = http.NewResponseController(x.w).Flush() == nil
}

// wait returns false if the client went away meanwhile.
func (x *exchange) wait(d time.Duration) bool {
	select {
	case <-time.After(d):
		return true
	case <-x.r.Context().Done():
		return false
	}
}

// raw takes the connection over, so that what is said on it is no answer that
// the CRM remembers.
func (x *exchange) raw(talk func(net.Conn)) {
	conn, _, err := x.w.(http.Hijacker).Hijack()
	if err != nil {
		x.abort = true
		return
	}
	defer conn.Close()
	talk(conn)
}

func takes(x *exchange) { x.answer(http.StatusNoContent) }

func status(code int) behaviour { return func(x *exchange) { x.answer(code) } }

// refusesFirst does not take the first leads, and all others.
func refusesFirst(leads int64) behaviour {
	var n atomic.Int64
	return func(x *exchange) {
		if n.Add(1) <= leads {
			x.answer(http.StatusUnauthorized)
			return
		}
		takes(x)
	}
}

// slowly takes the lead, and says so after a while. A client that did not wait
// has given it all the same.
func slowly(d time.Duration) behaviour { return within(d, d) }

// within is slowly, after any time from least to most.
func within(least, most time.Duration) behaviour {
	return func(x *exchange) {
		x.post.taken = true
		if x.wait(least + rand.N(most-least+1)) {
			x.answer(http.StatusNoContent)
		}
	}
}

// hangs never answers, and has not taken the lead.
func hangs(x *exchange) {
	<-x.r.Context().Done()
	x.abort = true
}

// drips sends a byte of the status line now and then, and never all of it.
func drips(x *exchange) {
	x.raw(func(conn net.Conn) {
		for _, b := range []byte("HTTP/1.1 200 " + strings.Repeat("z", 1000)) {
			if _, err := conn.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(200 * time.Millisecond)
		}
	})
}

// endless takes the lead, says so, and goes on talking.
func endless(x *exchange) {
	x.send(http.StatusOK)
	for chunk := bytes.Repeat([]byte("and on "), 1000); x.r.Context().Err() == nil; {
		if _, err := x.w.Write(chunk); err != nil {
			return
		}
	}
}

// bomb is a little gzip that becomes a gigabyte.
var bomb = sync.OnceValue(func() []byte {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	zeros := make([]byte, 1<<20)
	for range 1 << 10 {
		_, _ = w.Write(zeros)
	}
	_ = w.Close()
	return packed.Bytes()
})

// bombs takes the lead, says so, and answers with a bomb.
func bombs(x *exchange) {
	x.w.Header().Set("Content-Encoding", "gzip")
	x.send(http.StatusOK)
	_, _ = x.w.Write(bomb())
}

// redirects sends the client elsewhere.
func redirects(to string) behaviour {
	return func(x *exchange) {
		x.w.Header().Set("Location", to)
		x.answer(http.StatusFound)
	}
}

// resets reads the request and resets the connection; the lead is taken or
// not.
func resets(taken bool) behaviour {
	return func(x *exchange) {
		x.post.taken = taken
		x.raw(func(conn net.Conn) { _ = conn.(*net.TCPConn).SetLinger(0) })
	}
}

// streamResets resets the HTTP/2 stream of a lead that it has not taken.
func streamResets(x *exchange) { x.abort = true }

// garbage answers with what is no HTTP.
func garbage(x *exchange) {
	x.raw(func(conn net.Conn) {
		_, _ = io.WriteString(conn, "\x16\x03\x01 220 mail.example.com ESMTP ready\r\n\r\n")
	})
}

// hugeHeaders takes the lead, and says so with more headers than anybody wants to read.
func hugeHeaders(x *exchange) {
	x.post.status, x.post.taken = http.StatusOK, true
	x.raw(func(conn net.Conn) {
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nX-Huge: "+strings.Repeat("h", 10<<20)+"\r\n\r\n")
	})
}

// goesAway takes the lead, and ends the connection (HTTP/2: GOAWAY).
func goesAway(x *exchange) {
	x.w.Header().Set("Connection", "close")
	x.answer(http.StatusNoContent)
}

// later asks for patience. An empty Retry-After is none.
func later(code int, retryAfter string) behaviour {
	return func(x *exchange) {
		if retryAfter != "" {
			x.w.Header().Set("Retry-After", retryAfter)
		}
		x.answer(code)
	}
}

// authorized takes a lead only with the right token.
func authorized(token string) behaviour {
	return func(x *exchange) {
		if x.r.Header.Get("Authorization") != token {
			x.answer(http.StatusUnauthorized)
			return
		}
		takes(x)
	}
}

// queues is a CRM that works off n a second, one after the other: who comes
// when it is busy waits.
func queues(n int) behaviour {
	limit := rate.NewLimiter(rate.Limit(n), 1)
	return func(x *exchange) {
		if limit.Wait(x.r.Context()) == nil {
			takes(x)
		}
	}
}

// limited takes n leads a second, of which half may come at once, and answers 429 to
// the rest.
func limited(n int) behaviour {
	limit := rate.NewLimiter(rate.Limit(n), max(1, n/2))
	return func(x *exchange) {
		if !limit.Allow() {
			x.answer(http.StatusTooManyRequests)
			return
		}
		takes(x)
	}
}
