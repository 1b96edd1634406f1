package dispatch_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

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
