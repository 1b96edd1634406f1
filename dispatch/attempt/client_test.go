package attempt_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/lead"
)

// roundTrip is a network of one function.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// request is one for a webhook, by a client whose network is f.
func request(t *testing.T, opts attempt.Options, hook *lead.Webhook, f roundTrip) (*attempt.Client, *attempt.Request) {
	t.Helper()
	opts.Network = f
	client := attempt.NewClient(opts)
	t.Cleanup(client.Close)
	target, err := client.Target(hook)
	if err != nil {
		t.Fatal(err)
	}
	return client, &attempt.Request{Target: target, DeliveryID: "d", Number: 1, Time: time.Now(), Body: [][]byte{[]byte("lead")}}
}

func TestDo(t *testing.T) {
	hook := &lead.Webhook{URL: "https://crm.example.com/"}
	for name, c := range map[string]struct {
		answer roundTrip
		want   attempt.Outcome
	}{
		"delivered": {
			func(*http.Request) (*http.Response, error) {
				time.Sleep(time.Second)
				return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody}, nil
			},
			attempt.Outcome{Verdict: attempt.Delivered, Status: 204, Took: time.Second},
		},
		"asked to pause": {
			func(*http.Request) (*http.Response, error) {
				return &http.Response{StatusCode: 429, Body: http.NoBody, Header: http.Header{"Retry-After": {"7"}}}, nil
			},
			attempt.Outcome{
				Verdict: attempt.Transient, Status: 429, Evidence: lead.Answered, Text: "the CRM answered 429 Too Many Requests",
				PauseAsked: true, Pause: 7 * time.Second,
			},
		},
		"no answer in time": {
			func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			},
			attempt.Outcome{Verdict: attempt.Transient, Evidence: lead.NotSent, Text: "no connection within 3s", Took: 3 * time.Second},
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				client, r := request(t, attempt.Options{Timeout: 3 * time.Second}, hook, c.answer)
				if got := client.Do(r); got != c.want {
					t.Errorf("got %+v, want %+v", got, c.want)
				}
			})
		})
	}
}

func TestBlockedTargetIsNotCalled(t *testing.T) {
	hook := &lead.Webhook{URL: "http://crm.example.com/"}
	client, r := request(t, attempt.Options{}, hook, func(*http.Request) (*http.Response, error) {
		t.Error("it was sent")
		return nil, errors.New("no")
	})
	o := client.Do(r)
	if o.Verdict != attempt.NeedsHuman || o.Evidence != lead.NotSent || !strings.Contains(o.Text, "plain http") || r.Target.Blocked() == nil {
		t.Errorf("got %+v, blocked: %v; want it refused before anything is sent", o, r.Target.Blocked())
	}
}

// TestTargets looks at what is told of a target, and that it is prepared once.
func TestTargets(t *testing.T) {
	hook := &lead.Webhook{URL: "https://crm.example.com:8443/hook?token=s3cret"}
	client, r := request(t, attempt.Options{}, hook, nil)
	if again, err := client.Target(hook); again != r.Target || err != nil {
		t.Errorf("got another target for the same webhook, error %v", err)
	}
	changed := *hook
	if other, err := client.Target(&changed); other == r.Target || err != nil {
		t.Errorf("got the target of another version of the webhook, error %v", err)
	}
	if r.Target.Origin() != "https://crm.example.com:8443" || r.Target.Host() != "crm.example.com:8443" {
		t.Errorf("got %s and %s", r.Target.Origin(), r.Target.Host())
	}
}

func TestOriginIsTheSameHoweverTheURLIsWritten(t *testing.T) {
	for origin, urls := range map[string][]string{
		"https://crm.example.com":       {"https://crm.example.com", "HTTPS://CRM.example.com:443/a?b=c", "https://crm.example.com./", "https://crm.example.com.:443"},
		"https://crm.example.com:8443":  {"https://crm.example.com:8443/", "https://Crm.Example.com.:8443"},
		"https://crm.example.com:80":    {"https://crm.example.com:80"},
		"http://crm.example.com":        {"http://crm.example.com:80/", "http://crm.example.COM"},
		"https://192.0.2.1":             {"https://192.0.2.1:443"},
		"https://[2001:db8::1]":         {"https://[2001:DB8:0::1]/", "https://[2001:db8::1]:443"},
		"https://[2001:db8::1]:8443":    {"https://[2001:0db8::0001]:8443"},
		"https://xn--bcher-kva.example": {"https://XN--bcher-kva.example"},
	} {
		for _, raw := range urls {
			_, r := request(t, attempt.Options{}, &lead.Webhook{URL: raw}, nil)
			if got := r.Target.Origin(); got != origin {
				t.Errorf("the origin of %s is %s, want %s", raw, got, origin)
			}
		}
	}
}

func TestTheEndOfItsContextEndsAnObservedAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hook := &lead.Webhook{URL: "https://crm.example.com/"}
		client, r := request(t, attempt.Options{Timeout: time.Hour}, hook, func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		o, seen := client.Observe(ctx, r)
		if o.Status != 0 || o.Took != time.Second || seen.Network.Total != time.Second || seen.Protocol != "" {
			t.Errorf("got %+v and %+v, want no answer after a second", o, seen)
		}
	})
}
