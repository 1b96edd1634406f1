package crm

import (
	"io"
	"math"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/time/rate"
)

// An Answer answers a POST that has been read whole.
type Answer func(*Exchange)

// An Exchange is one POST and its answer.
type Exchange struct {
	w       http.ResponseWriter
	r       *http.Request
	lead    int64
	arrived func(lead int64, at time.Time, status int)
}

// send begins the answer.
func (x *Exchange) send(status int) {
	x.arrived(x.lead, time.Now(), status)
	x.w.WriteHeader(status)
}

// wait returns false if the client went away meanwhile.
func (x *Exchange) wait(d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-x.r.Context().Done():
		return false
	}
}

// raw has talk write to the connection itself, and closes it then. On HTTP/2, where
// several requests share it, the stream is reset instead.
func (x *Exchange) raw(talk func(net.Conn)) {
	h, ok := x.w.(http.Hijacker)
	if !ok {
		panic(http.ErrAbortHandler)
	}
	conn, _, err := h.Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer conn.Close()
	talk(conn)
}

// Takes takes the lead at once.
func Takes(x *Exchange) { x.send(http.StatusNoContent) }

// Status answers so at once.
func Status(status int) Answer { return func(x *Exchange) { x.send(status) } }

// After takes the lead and says so after a while.
func After(d time.Duration) Answer {
	return func(x *Exchange) {
		if x.wait(d) {
			x.send(http.StatusNoContent)
		}
	}
}

// LogNormal takes the lead after a random time: half of the answers take longer
// than the median, one of a hundred longer than four times that.
func LogNormal(median time.Duration) Answer {
	const sigma = 0.6
	return func(x *Exchange) {
		d := float64(median) * math.Exp(sigma*rand.NormFloat64())
		After(min(time.Duration(d), 20*median))(x)
	}
}

// Hangs never answers.
func Hangs(x *Exchange) {
	<-x.r.Context().Done()
	panic(http.ErrAbortHandler)
}

// Drips sends a byte of an answer's header now and then, and never all of it.
func Drips(x *Exchange) {
	x.raw(func(conn net.Conn) {
		for _, b := range []byte("HTTP/1.1 200 OK\r\nX-Slow: " + strings.Repeat("z", 1000)) {
			if _, err := conn.Write([]byte{b}); err != nil {
				return
			}
			time.Sleep(200 * time.Millisecond)
		}
	})
}

// SaysClose takes the lead at once, and announces that it ends the connection.
func SaysClose(x *Exchange) {
	x.w.Header().Set("Connection", "close")
	Takes(x)
}

// Closes takes the lead at once, and ends the connection without saying so.
func Closes(x *Exchange) {
	x.raw(func(conn net.Conn) {
		x.arrived(x.lead, time.Now(), http.StatusOK)
		_, _ = io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
	})
}

// Limited takes so many leads a second, all hosts together, and refuses others
// with 429 and no further advice.
func Limited(perSecond float64) Answer {
	limit := rate.NewLimiter(rate.Limit(perSecond), max(1, int(perSecond/2)))
	return func(x *Exchange) {
		if !limit.Allow() {
			x.send(http.StatusTooManyRequests)
			return
		}
		Takes(x)
	}
}

// Queues works off so many leads a second, all hosts together, one after the other:
// what comes while it is busy waits.
func Queues(perSecond float64) Answer {
	limit := rate.NewLimiter(rate.Limit(perSecond), 1)
	return func(x *Exchange) {
		if limit.Wait(x.r.Context()) == nil {
			Takes(x)
		}
	}
}
