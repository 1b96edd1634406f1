package dispatch_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/leadhook/leadhook/dispatch"
	"github.com/leadhook/leadhook/lead"
)

// What a row of the table of outcomes says comes of an answer.
type row struct {
	statuses string // single ones and ranges
	reason   lead.Reason
	quick    bool // whether another attempt within seconds follows
	after    bool // whether Retry-After says when, instead of within seconds
	human    bool
}

// rows is the table of outcomes, for a first attempt. Each status is in one row.
var rows = []row{
	{statuses: "200-299"}, // delivered
	{statuses: "408 421 423 425 477 500 502-504 506-599 600-999", reason: lead.Exhausted, quick: true, after: true},
	{statuses: "429", reason: lead.Exhausted, after: true},
	{statuses: "401 403 404", reason: lead.Exhausted, after: true, human: true},
	{statuses: "410", reason: lead.Gone},
	{statuses: "300-399 501 505", reason: lead.Refused},
	{statuses: "400 402 405-407 409 411-420 422 424 426-428 430-476 478-499", reason: lead.Refused}, // with Retry-After they are tried again
}

// each calls f for each status of a row.
func (r row) each(t *testing.T, f func(status int)) {
	for part := range strings.FieldsSeq(r.statuses) {
		first, last, several := strings.Cut(part, "-")
		from, err := strconv.Atoi(first)
		to := from
		if several && err == nil {
			to, err = strconv.Atoi(last)
		}
		if err != nil {
			t.Fatal(err)
		}
		for status := from; status <= to; status++ {
			f(status)
		}
	}
}

// answered returns what became of a lead whose webhook answers each attempt so.
func answered(t *testing.T, status int, retryAfter string) (attempts int, waits []time.Duration, letter *lead.DeadLetter, r *rig) {
	opts := dispatch.Options{QuickAttempts: 2, Schedule: []time.Duration{10 * time.Second}}
	bubble(t, opts, func(*http.Request) (*http.Response, error) {
		attempts++
		header := http.Header{}
		if retryAfter != "" {
			header.Set("Retry-After", retryAfter)
		}
		return &http.Response{StatusCode: status, Body: http.NoBody, Header: header}, nil
	}, func(t *testing.T, rig *rig) {
		began := time.Now()
		rig.handle(t, message(call))
		for _, waiting := range rig.wheel.all() {
			waits = append(waits, waiting.NotBefore.Sub(began))
		}
		if letters := rig.letters.all(); len(letters) > 0 {
			letter = letters[0]
		}
		r = rig
	})
	return attempts, waits, letter, r
}

func TestItIsNotedHowTheLastAttemptFailed(t *testing.T) {
	for _, c := range []struct {
		status     int
		retryAfter string
		want       lead.Cause
	}{
		{200, "", ""}, {401, "", lead.CauseUnauthorized}, {403, "", lead.CauseUnauthorized}, {404, "", lead.CauseNotFound},
		{410, "", lead.CauseNotFound}, {302, "", lead.CauseRefused}, {422, "", lead.CauseRefused}, {501, "", lead.CauseRefused},
		{422, "60", lead.CauseServerError}, {423, "", lead.CauseServerError}, {500, "", lead.CauseServerError},
		{503, "", lead.CauseServerError}, {503, "60", lead.CauseOverloaded}, {429, "", lead.CauseOverloaded},
	} {
		_, _, _, r := answered(t, c.status, c.retryAfter)
		last := r.standing.last["w"]
		if last.Cause != c.want || c.want != "" && (last.Status != c.status || !strings.HasPrefix(last.Error, fmt.Sprint("the CRM answered ", c.status)) || last.At.IsZero()) {
			t.Errorf("%d, Retry-After %q: got %+v, want the cause %q", c.status, c.retryAfter, last, c.want)
		}
	}
}

// TestTheTableOfOutcomes asks for every status, without and with Retry-After.
func TestTheTableOfOutcomes(t *testing.T) {
	seen := map[int]bool{}
	for _, row := range rows {
		row.each(t, func(status int) {
			if seen[status] {
				t.Fatalf("%d is in two rows", status)
			}
			seen[status] = true
			row.check(t, status, "")
			row.check(t, status, "20.5")
		})
	}
	for status := 200; status <= 999; status++ {
		if !seen[status] {
			t.Errorf("%d is in no row", status)
		}
	}
}

func (r row) check(t *testing.T, status int, retryAfter string) {
	t.Helper()
	waits := r.after
	if retryAfter != "" && r.reason == lead.Refused && status/100 == 4 {
		waits = true // the CRM wants it again
	}
	attempts, parked, letter, rig := answered(t, status, retryAfter)
	wantAttempts := 1
	if r.quick && retryAfter == "" {
		wantAttempts = 2
	}
	if attempts != wantAttempts {
		t.Errorf("%d, Retry-After %q: got %d attempts at once, want %d", status, retryAfter, attempts, wantAttempts)
	}
	switch {
	case waits:
		shortest := 10 * time.Second
		if retryAfter != "" {
			shortest = 21 * time.Second
		}
		if len(parked) != 1 || letter != nil || parked[0] < shortest || parked[0] > shortest+2*time.Second {
			t.Errorf("%d, Retry-After %q: got waits %v and dead letter %v, want it to wait %v", status, retryAfter, parked, letter, shortest)
		}
		verdict := "transient"
		if r.human {
			verdict = "needs_human"
		}
		if rig.count(t, "leadhook_attempts_total", verdict) != float64(attempts) {
			t.Errorf("%d, Retry-After %q: want it to count as %s", status, retryAfter, verdict)
		}
	case r.reason == "":
		if letter != nil || len(parked) != 0 {
			t.Errorf("%d: got dead letter %v and waits %v, want it delivered", status, letter, parked)
		}
	case letter == nil || letter.Reason != r.reason || letter.Status != status || letter.Evidence != lead.Answered ||
		!strings.Contains(letter.Error, fmt.Sprintf("the CRM answered %d", status)):
		t.Errorf("%d, Retry-After %q: got dead letter %v and waits %v, want %s and the status in words", status, retryAfter, letter, parked, r.reason)
	}
}

// TestAConflictAfterWhatMayHaveBeenReceived is delivered: the CRM has the lead from that
// attempt, however long ago, and after other answers.
func TestAConflictAfterWhatMayHaveBeenReceived(t *testing.T) {
	for _, c := range []struct {
		name      string
		answers   []int // 0: the request was written, and no answer came
		delivered bool
	}{
		{"at once", []int{409}, false},
		{"after an answer", []int{503, 503, 409}, false},
		{"after no answer", []int{0, 409}, true},
		{"after no answer, and another one", []int{0, 503, 503, 409}, true},
		{"not after no answer", []int{0, 422}, false},
	} {
		attempts := 0
		opts := waiting()
		opts.QuickAttempts = 1
		bubble(t, opts, func(req *http.Request) (*http.Response, error) {
			attempts++
			if code := c.answers[attempts-1]; code != 0 {
				return status(code)
			}
			return lost(req)
		}, func(t *testing.T, r *rig) {
			r.handle(t, message(call))
			r.turn(t)
			if dead := len(r.letters.all()) > 0; dead == c.delivered || attempts != len(c.answers) {
				t.Errorf("%s: got %d attempts, a dead letter: %v", c.name, attempts, dead)
			}
		})
	}
}

// lost is what comes of a request that was written and not answered.
func lost(req *http.Request) (*http.Response, error) {
	httptrace.ContextClientTrace(req.Context()).GotConn(httptrace.GotConnInfo{Conn: new(net.TCPConn)})
	return nil, io.ErrUnexpectedEOF
}

func TestRetryAfterEndsQuickRetries(t *testing.T) {
	for _, c := range []struct {
		status     int
		retryAfter string
		attempts   int
	}{
		{503, "1", 1}, {503, "0", 1}, {503, "Wed, 21 Oct 2015 07:28:00 GMT", 1}, {503, "soon", 3}, {500, "1", 1}, {408, "0.5", 1},
	} {
		t.Run(fmt.Sprint(c.status, c.retryAfter), func(t *testing.T) {
			crm := newCRM(t, func(_ int, w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", c.retryAfter)
				w.WriteHeader(c.status)
			})
			r := newRig(t, options(crm.URL), hooks{webhook("w", crm.URL)})
			r.handle(t, message(call))
			if got := len(crm.seen()); got != c.attempts {
				t.Errorf("got %d POSTs, want %d", got, c.attempts)
			}
		})
	}
}
