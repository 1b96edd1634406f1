package service

import (
	"testing"

	"github.com/leadhook/leadhook/config"
	"github.com/leadhook/leadhook/dispatch"
	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/lead"
)

// A limit that no webhook finds would be without effect, and nobody would notice.
func TestWebhooksFindTheLimitsOfTheirHosts(t *testing.T) {
	t.Parallel()
	loaded, err := config.Load("", []string{"LEADHOOK_HTTP_HOST_LIMITS=CRM.example.com=20/10,crm.example.com:8443=5," +
		"crm.example.com:80=6,xn--bcher-kva.example=/0.25,192.0.2.1:80=7,[2001:DB8::1]=8,[2001:db8:0::1]:8443=9"})
	if err != nil {
		t.Fatal(err)
	}
	opts, err := DispatchOptions(&loaded.Config, "")
	if err != nil {
		t.Fatal(err)
	}
	client := attempt.NewClient(opts.Attempt)
	defer client.Close()
	for url, want := range map[string]dispatch.HostLimit{
		"https://crm.example.com/a?b=c":        {Attempts: 20, Rate: 10},
		"https://crm.EXAMPLE.com.:443/":        {Attempts: 20, Rate: 10},
		"https://crm.example.com:8443/":        {Attempts: 5},
		"http://crm.example.com/":              {Attempts: 6},
		"http://crm.example.com:8443/":         {Attempts: 5},
		"https://XN--Bcher-kva.example/leads":  {Rate: 0.25},
		"http://192.0.2.1/":                    {Attempts: 7},
		"https://[2001:db8:0:0::1]/":           {Attempts: 8},
		"https://[2001:0DB8::0001]:8443/leads": {Attempts: 9},
		"https://192.0.2.1/":                   {},
		"https://www.crm.example.com/":         {},
	} {
		target, err := client.Target(&lead.Webhook{URL: url})
		if err != nil {
			t.Fatal(err)
		}
		if got := opts.HostLimits[target.Origin()]; got != want {
			t.Errorf("%s is limited to %+v, want %+v", url, got, want)
		}
	}
}
