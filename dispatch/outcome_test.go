package dispatch_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/leadhook/leadhook/dispatch"
	"github.com/leadhook/leadhook/lead"
)

func TestStatusDecides(t *testing.T) {
	const quick = 3
	for _, c := range []struct {
		status   int
		reason   lead.Reason // empty: delivered
		attempts int
	}{
		{200, "", 1}, {201, "", 1}, {202, "", 1}, {204, "", 1}, {299, "", 1},
		{300, lead.Refused, 1}, {301, lead.Refused, 1}, {302, lead.Refused, 1}, {307, lead.Refused, 1},
		{308, lead.Refused, 1}, {304, lead.Refused, 1},
		{400, lead.Refused, 1}, {402, lead.Refused, 1}, {405, lead.Refused, 1}, {413, lead.Refused, 1},
		{415, lead.Refused, 1}, {418, lead.Refused, 1}, {422, lead.Refused, 1}, {451, lead.Refused, 1},
		{401, lead.Exhausted, 1}, {403, lead.Exhausted, 1}, {404, lead.Exhausted, 1},
		{410, lead.Gone, 1},
		{408, lead.Exhausted, quick}, {409, lead.Exhausted, quick}, {425, lead.Exhausted, quick},
		{429, lead.Exhausted, 1},
		{500, lead.Exhausted, quick}, {502, lead.Exhausted, quick}, {503, lead.Exhausted, quick},
		{504, lead.Exhausted, quick}, {507, lead.Exhausted, quick}, {599, lead.Exhausted, quick},
		{501, lead.Refused, 1}, {505, lead.Refused, 1},
		{600, lead.Exhausted, quick}, {999, lead.Exhausted, quick},
	} {
		t.Run(fmt.Sprint(c.status), func(t *testing.T) {
			crm := newCRM(t, answer(c.status))
			r := newRig(t, options(crm.URL), hooks{webhook("w", crm.URL)})
			r.handle(t, message(call))
			if got := len(crm.seen()); got != c.attempts {
				t.Errorf("got %d POSTs, want %d", got, c.attempts)
			}
			if c.reason == "" {
				r.wantDelivered(t)
				return
			}
			letter := r.onlyLetter(t)
			if letter.Reason != c.reason || letter.Status != c.status || letter.Evidence != lead.Answered {
				t.Errorf("got %s, status %d, %s; want %s, status %d, answered",
					letter.Reason, letter.Status, letter.Evidence, c.reason, c.status)
			}
			if !strings.Contains(letter.Error, fmt.Sprintf("the CRM answered %d", c.status)) {
				t.Errorf("got %q, want the status in words", letter.Error)
			}
		})
	}
}

func TestRetryAfterEndsQuickRetries(t *testing.T) {
	for _, c := range []struct {
		status     int
		retryAfter string
		attempts   int
	}{
		{503, "1", 1}, {503, "0", 1}, {503, "Wed, 21 Oct 2015 07:28:00 GMT", 1}, {503, "soon", 3}, {500, "1", 3},
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

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 23, 16, 12, 9, 0, time.UTC)
	for _, c := range []struct {
		value string
		want  time.Duration
		ok    bool
	}{
		{"", 0, false}, {"soon", 0, false}, {"-1", 0, false}, {"1.5", 0, false}, {"+3", 0, false},
		{"0", 0, true}, {"120", 2 * time.Minute, true}, {" 7 ", 7 * time.Second, true},
		{"86400", 24 * time.Hour, true}, {"86401", 24 * time.Hour, true},
		{strings.Repeat("9", 40), 24 * time.Hour, true},
		{"Mon, 23 Nov 2026 16:13:09 GMT", time.Minute, true},
		{"Monday, 23-Nov-26 16:13:09 GMT", time.Minute, true},
		{"Mon Nov 23 16:13:09 2026", time.Minute, true},
		{"Mon, 23 Nov 2026 16:12:08 GMT", 0, true},
		{"Mon, 23 Nov 2099 16:12:08 GMT", 24 * time.Hour, true},
	} {
		got, ok := dispatch.RetryAfter(c.value, now)
		if got != c.want || ok != c.ok {
			t.Errorf("%q: got %v, %v, want %v, %v", c.value, got, ok, c.want, c.ok)
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	now := time.Date(2026, 11, 23, 16, 12, 9, 0, time.UTC)
	for _, seed := range []string{"", "0", "120", "99999999999999999999", "Mon, 23 Nov 2026 16:13:09 GMT", "soon", "-5"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, value string) {
		pause, ok := dispatch.RetryAfter(value, now)
		if pause < 0 || pause > 24*time.Hour || !ok && pause != 0 {
			t.Errorf("%q: got %v, %v, want at most a day, and nothing of what cannot be read", value, pause, ok)
		}
	})
}
