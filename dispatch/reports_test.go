package dispatch_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/zlib"
	"context"
	"fmt"
	"io"
	"net"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/leadhook/leadhook/lead"
)

// TestAnswersThatWereReported has CRMs that answer as public reports say that servers do.
func TestAnswersThatWereReported(t *testing.T) {
	const taken = `{"success":true}`
	successful := lead.Answers{Body: []lead.AnswerRule{{Path: "success", Equals: new("true"), Then: "delivered"}}, Otherwise: "refused"}
	for _, c := range []struct {
		name, header, body string
		rules              *lead.Answers
		status             int // 0: delivered
		reason             lead.Reason
	}{
		{name: "status line without a reason", header: "200\r\n"},
		{name: "status line with a blank for a reason", header: "200 \r\n"},
		{name: "reason that contradicts the status", header: "400 OK\r\nStatus: 400 Bad Request\r\n", status: 400, reason: lead.Refused},
		{name: "Status field that contradicts the status", header: "200 OK\r\nStatus: 422 Unprocessable Entity\r\n"},
		{name: "byte order mark", header: "200 OK\r\n", body: "\ufeff" + taken, rules: &successful},
		{name: "UTF-16", header: "200 OK\r\n", body: inUTF16(taken), rules: &successful},
		{name: "UTF-16 that says no", header: "200 OK\r\n", body: inUTF16(`{"success":false}`), rules: &successful, status: 200, reason: lead.Refused},
		{name: "deflate that nobody asked for", header: "200 OK\r\nContent-Encoding: deflate\r\n", body: zlibbed(taken), rules: &successful},
		{name: "deflate without zlib", header: "200 OK\r\nContent-Encoding: deflate\r\n", body: deflated(taken), rules: &successful},
		{name: "brotli that nobody asked for", header: "200 OK\r\nContent-Encoding: br\r\n", body: "\x8b\x07\x80" + taken + "\x03", rules: &successful, status: 200, reason: lead.Refused},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := fmt.Sprintf("HTTP/1.1 %sContent-Length: %d\r\n\r\n%s", c.header, len(c.body), c.body)
			r, _ := reported(t, text, c.rules)
			if c.status == 0 {
				r.wantDelivered(t)
				return
			}
			if letter := r.onlyLetter(t); letter.Status != c.status || letter.Reason != c.reason {
				t.Errorf("got status %d, %s, want %d, %s", letter.Status, letter.Reason, c.status, c.reason)
			}
		})
	}
}

// TestRetryAfterThatIsTheTime has CRMs that say in Retry-After when to come again in seconds,
// or milliseconds, since 1970.
func TestRetryAfterThatIsTheTime(t *testing.T) {
	at := time.Now().Add(2 * time.Hour)
	for _, value := range []int64{at.Unix(), at.UnixMilli()} {
		began := time.Now()
		_, waits := reported(t, fmt.Sprintf("HTTP/1.1 429 No\r\nRetry-After: %d\r\nContent-Length: 0\r\n\r\n", value), nil)
		if len(waits) != 1 || waits[0].NotBefore.Before(at.Truncate(time.Second)) || waits[0].NotBefore.After(began.Add(4*time.Hour)) {
			t.Errorf("Retry-After: %d: got %+v, want the next attempt at %v", value, waits, at)
		}
	}
}

// reported returns what becomes of a lead whose CRM gives an answer.
func reported(t *testing.T, text string, rules *lead.Answers) (*rig, []*lead.Waiting) {
	address := socket(t, func(_ context.Context, conn net.Conn) {
		if readPost(bufio.NewReader(conn)) == nil {
			_, _ = io.WriteString(conn, text)
		}
	})
	hook := webhook("w", "http://"+address)
	hook.Answers = rules
	opts := options(address)
	if rules == nil {
		opts.Schedule = []time.Duration{10 * time.Second}
	}
	r := newRig(t, opts, hooks{hook})
	r.handle(t, message(call))
	return r, r.wheel.all()
}

func inUTF16(s string) string {
	b := []byte{0xff, 0xfe}
	for _, unit := range utf16.Encode([]rune(s)) {
		b = append(b, byte(unit), byte(unit>>8))
	}
	return string(b)
}

func zlibbed(s string) string {
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.String()
}

func deflated(s string) string {
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestSpeed)
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(w, s)
	_ = w.Close()
	return b.String()
}
