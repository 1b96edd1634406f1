package lead_test

import (
	"strings"
	"testing"

	"github.com/leadhook/leadhook/lead"
)

func TestShownLocation(t *testing.T) {
	const hook = "https://crm.example.com/hooks/s3cretpath/in?token=s3cretquery"
	for location, want := range map[string]string{
		"https://www.crm.example.com":                    "https://www.crm.example.com/",
		"https://CRM.example.com:8443/Leads":             "https://crm.example.com:8443/Leads",
		"http://crm.example.com/hooks/s3cretpath/in":     "http://crm.example.com/hooks/***",
		"https://crm.example.com/s3cretpath":             "https://crm.example.com/***",
		"https://crm.example.com/s3cretquery/x":          "https://crm.example.com/***",
		"https://crm.example.com/in":                     "https://crm.example.com/in",
		"/login":                                         "https://crm.example.com/login",
		"/login?next=/hooks/s3cretpath":                  "https://crm.example.com/login",
		"/login/?x":                                      "https://crm.example.com/login",
		"v2":                                             "https://crm.example.com/hooks/***",
		"../../v2/x":                                     "https://crm.example.com/v2/***",
		"?session=s3cret":                                "https://crm.example.com/hooks/***",
		"//cdn.example.com/a/s3cret":                     "https://cdn.example.com/a/***",
		"https://u:s3cret@crm.example.com/a#s3cret":      "https://crm.example.com/a",
		"https://[2001:db8::1]:8443/a":                   "https://[2001:db8::1]:8443/a",
		"https://crm.example.com//s3cret":                "https://crm.example.com/***",
		"/dana@example.com":                              "https://crm.example.com/***",
		"/a%2Fs3cret":                                    "https://crm.example.com/***",
		"/a;s3cret":                                      "https://crm.example.com/***",
		"/309-555-0117":                                  "https://crm.example.com/***",
		"/" + strings.Repeat("a", 33):                    "https://crm.example.com/***",
		"https://script.googleusercontent.com/macros/e?": "https://script.googleusercontent.com/macros/***",
	} {
		if got, ok := lead.ShownLocation(hook, location); got != want || !ok {
			t.Errorf("%s: got %q, %v, want %q", location, got, ok, want)
		}
	}
	for _, location := range []string{
		"", "javascript:alert(1)", "mailto:dana@example.com", "https://", "https:///x", "http://a b/", "https://crm.example.com:x/", "%zz",
		"https://dana@", "https://größe.example.com/", "https://a$b/", "https://:443/", "https://" + strings.Repeat("a.", 200) + "com/", "/\x00",
	} {
		if got, ok := lead.ShownLocation(hook, location); ok {
			t.Errorf("%s: got %q, want that it is no URL", location, got)
		}
	}
}
