package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/config"
)

func TestHostLimitsAreKeptByHostAndPort(t *testing.T) {
	loaded := load(t, "", "LEADHOOK_HTTP_HOST_LIMITS=CRM.example.com=20/10, crm.example.com:8443=5,"+
		" xn--bcher-kva.example=/0.25, 192.0.2.1:80=7, [2001:DB8::1]=8/1000, [2001:db8:0::1]:8443=9, dms_1=1")
	want := map[string]config.HostLimit{
		"crm.example.com:443":       {Attempts: 20, Rate: 10},
		"crm.example.com:8443":      {Attempts: 5},
		"xn--bcher-kva.example:443": {Rate: 0.25},
		"192.0.2.1:80":              {Attempts: 7},
		"[2001:db8::1]:443":         {Attempts: 8, Rate: 1000},
		"[2001:db8::1]:8443":        {Attempts: 9},
		"dms_1:443":                 {Attempts: 1},
	}
	if diff := cmp.Diff(want, loaded.Config.HTTP.HostLimits); diff != "" {
		t.Errorf("limits (-want +got):\n%s", diff)
	}
	shown := setting(t, loaded, "http.host_limits").Value
	if want := "crm.example.com=20/10,crm.example.com:8443=5,xn--bcher-kva.example=/0.25,192.0.2.1:80=7," +
		"[2001:db8::1]=8/1000,[2001:db8::1]:8443=9,dms_1=1"; shown != want {
		t.Errorf("shown as %s, want %s", shown, want)
	}
	again := load(t, "", "LEADHOOK_HTTP_HOST_LIMITS="+shown)
	if diff := cmp.Diff(want, again.Config.HTTP.HostLimits); diff != "" {
		t.Errorf("limits, shown and loaded (-want +got):\n%s", diff)
	}
}
