package seedfile_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/seedfile"
)

// minimal is a seed file with one webhook, whose further lines are given.
func minimal(lines ...string) string {
	var s strings.Builder
	s.WriteString("webhooks:\n  - id: a\n    advertiser: USA_1\n    url: https://crm.example.com/leads\n    event: new_contact\n")
	for _, line := range lines {
		s.WriteString("    " + line + "\n")
	}
	return s.String()
}

func httpsOnly(u *url.URL) error {
	if u.Scheme != "https" {
		return errors.New("http is not allowed")
	}
	return nil
}

func TestFaultsOfASeedFile(t *testing.T) {
	const secret, short = `"whsec_c2VjcmV0LTAxMjM0NTY3ODlhYmNkZWZnaA=="`, 6 // the line after minimal's
	const badRate = "rate must be a number from 0.001 to 10,000, in deliveries a second"
	long := strings.Repeat("x", 8<<10)
	atLine6 := func(column int, text string) []string {
		return []string{fmt.Sprintf("seed.yaml:%d:%d: %s", short, column, text)}
	}
	for name, c := range map[string]struct {
		file string
		want []string
	}{
		"empty":          {"", []string{"seed.yaml:1:1: the file is empty: it must have the key webhooks with a list of webhooks"}},
		"only a comment": {"# nothing\n---\n", []string{"seed.yaml:1:1: the file is empty: it must have the key webhooks with a list of webhooks"}},
		"no mapping":     {"- a\n", []string{"seed.yaml:1:1: the file must be a mapping, lines of key: value"}},
		"no list":        {"webhooks: a\n", []string{"seed.yaml:1:11: webhooks must be a list: each webhook begins with a hyphen"}},
		"unknown key":    {"webhook: []\n", []string{`seed.yaml:1:1: unknown key "webhook", did you mean webhooks?`}},
		"not UTF-8":      {"webhooks:\n  - id: \xff\n", []string{"seed.yaml:2:1: the file is not valid UTF-8 in this line"}},
		"no YAML":        {"webhooks:\n  - id: \"a\n", []string{"seed.yaml:2:9: not YAML or JSON: could not find end character of double-quoted text"}},
		"too large": {"#" + strings.Repeat("x", seedfile.MaxSize),
			[]string{"seed.yaml:1:1: the file has 67108865 bytes, at most 67108864 are allowed: divide it into several files"}},
		"nothing given": {"webhooks:\n  - active: true\n", []string{
			"seed.yaml:2:5: advertiser is required",
			"seed.yaml:2:5: id is required",
			"seed.yaml:2:5: url is required",
			"seed.yaml:2:5: event is required: new_contact or existing_contact",
		}},
		"no webhook at all": {"webhooks:\n  - {}\n  - a\n", []string{
			"seed.yaml:2:5: advertiser is required",
			"seed.yaml:2:5: id is required",
			"seed.yaml:2:5: url is required",
			"seed.yaml:2:5: event is required: new_contact or existing_contact",
			"seed.yaml:3:5: a webhook must be a mapping, lines of key: value",
		}},
		"an id twice": {minimal() + minimal("active: true")[len("webhooks:\n"):],
			[]string{`seed.yaml:6:5: webhook "a" is given twice, first at seed.yaml:2:5`}},
		"an id of two": {minimal() + "  - {id: a, advertiser: USA_2, url: 'https://crm.example.com', event: new_contact}\n",
			[]string{`seed.yaml:6:6: webhook "a" is given to advertiser "USA_2" here and to "USA_1" at seed.yaml:2:5: an id belongs to one advertiser`}},
		"a field twice":     {minimal("id: b"), atLine6(5, `key "id" is given twice`)},
		"an unknown field":  {minimal("authorisation: x"), atLine6(5, `unknown field "authorisation", did you mean authorization?`)},
		"a far field":       {minimal("campaign: x"), atLine6(5, `unknown field "campaign"`)},
		"a merge key":       {minimal("<<: {}"), atLine6(5, "tags, directives, merge keys and complex keys are not supported: put text in quotes, write the fields out")},
		"a tag":             {minimal("rate: !!str 5"), atLine6(11, "tags, directives, merge keys and complex keys are not supported: put text in quotes, write the fields out")},
		"an unknown alias":  {minimal("vendor_name: *x"), atLine6(19, "no anchor has the name of this alias: text that begins with * needs quotes")},
		"a boolean as text": {minimal("vendor_name: true"), atLine6(18, "vendor_name must be text: put true in quotes if it is meant")},
		"a list as text":    {minimal("vendor_name: [a]"), atLine6(18, "vendor_name must be text")},
		"both triggers": {strings.Replace(minimal(), "new_contact", "[new_contact, existing_contact]", 1),
			[]string{"seed.yaml:5:12: event takes one trigger: for both, make two webhooks"}},
		"an unknown trigger": {strings.Replace(minimal(), "new_contact", "contact", 1),
			[]string{"seed.yaml:5:12: event must be new_contact or existing_contact"}},
		"an unknown type": {minimal("lead_types: [calls, emails]"), atLine6(25, "a lead type must be one of calls, chats, forms")},
		"unknown types": {minimal("lead_types: [sms, calls, fax]"), []string{
			"seed.yaml:6:18: a lead type must be one of calls, chats, forms",
			"seed.yaml:6:30: a lead type must be one of calls, chats, forms",
		}},
		"no types":          {minimal("lead_types: []"), atLine6(17, "lead_types must name at least one of calls, chats, forms")},
		"types as text":     {minimal("lead_types: calls"), atLine6(17, "lead_types must be a list of up to three, such as [calls, chats, forms]")},
		"an unknown format": {minimal("format: xml"), atLine6(13, "format must be json or adf")},
		"active as a word":  {minimal("active: yes"), atLine6(13, "active must be true or false, without quotes")},
		"no rate":           {minimal("rate: 0"), atLine6(11, badRate)},
		"a negative rate":   {minimal("rate: -1"), atLine6(11, badRate)},
		"a rate of NaN":     {minimal("rate: .nan"), atLine6(11, badRate)},
		"a rate NaN":        {minimal("rate: nan"), atLine6(11, badRate)},
		"an endless rate":   {minimal("rate: inf"), atLine6(11, badRate)},
		"a rate beyond all": {minimal("rate: 1e999"), atLine6(11, badRate)},
		"a rate as a word":  {minimal("rate: five"), atLine6(11, badRate)},
		"a rate too low":    {minimal("rate: 0.0009"), atLine6(11, badRate)},
		"a rate too high":   {minimal("rate: 10000.1"), atLine6(11, badRate)},
		"a tiny rate and long headers": {minimal("headers: {X-A: "+long+", X-B: "+long+", x-a: 1}", "rate: 1e-12"), []string{
			"seed.yaml:6:15: headers has 16394 bytes of names and values, at most 16384 are allowed",
			"seed.yaml:6:16413: header x-a is given twice: names are alike in any case, and with _ in place of -",
			"seed.yaml:7:11: " + badRate,
		}},
		"much text": {minimal("vendor_name: "+long, "provider_name: "+long, "authorization: "+long, "headers: {X-A: "+long+"}"),
			[]string{"seed.yaml:2:5: the webhook has 32806 bytes of text in all its fields, at most 32768 are allowed"}},
		"a media type":       {minimal("content_type: xml"), atLine6(19, "content_type must be a media type, such as text/xml or application/json; charset=utf-8")},
		"a media type's tab": {minimal(`content_type: "text/xml\t"`), atLine6(19, "content_type has control characters, such as a line break or a tab")},
		"legacy_tls a word":  {minimal("legacy_tls: yes"), atLine6(17, "legacy_tls must be true or false, without quotes")},
		"ca no PEM":          {minimal("ca: hunter2"), atLine6(9, "ca is not PEM: want lines from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----")},
		"client_cert no PEM": {minimal("client_cert: hunter2"), atLine6(18, "client_cert is not PEM: want lines from -----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----")},
		"a misspelt field":   {minimal("client_certificate: hunter2"), atLine6(5, `unknown field "client_certificate"`)},
		"three secrets":      {minimal("signing_secrets: [" + secret + "," + secret + "," + secret + "]"), atLine6(22, "signing_secrets has more than 2 entries: two are enough for a rotation")},
		"secret no base64":   {minimal("signing_secrets: [whsec_c2VjcmV]"), atLine6(23, "a signing secret must be whsec_ and then base64 with its padding")},
		"secret no prefix":   {minimal("signing_secrets: [c2VjcmV0]"), atLine6(23, "a signing secret must be whsec_ and then base64 with its padding")},
		"an empty secret":    {minimal("signing_secrets: [whsec_]"), atLine6(23, "a signing secret has 0 bytes, it must have 24 to 64: whsec_ and then what openssl rand -base64 32 prints")},
		"a short secret":     {minimal("signing_secrets: [whsec_c2VjcmV0LTAxMjM0NTY3ODlhYmNkZWY=]"), atLine6(23, "a signing secret has 23 bytes, it must have 24 to 64: whsec_ and then what openssl rand -base64 32 prints")},
		"a long secret":      {minimal("signing_secrets: [whsec_" + strings.Repeat("c2Vj", 21) + "YWI=]"), atLine6(23, "a signing secret has 65 bytes, it must have 24 to 64: whsec_ and then what openssl rand -base64 32 prints")},
		"a secret twice":     {minimal("signing_secrets: [" + secret + ", " + strings.Replace(secret, "A==", "B==", 1) + "]"), atLine6(69, "a signing secret is given twice")},
		"auth with a line":   {minimal("authorization: |", "  Bearer hunter2"), atLine6(20, "authorization has control characters, such as a line break or a tab")},
		"auth with a blank":  {minimal(`authorization: "Bearer hunter2 "`), atLine6(20, "authorization begins or ends with a blank")},
		"auth header alone":  {minimal("auth_header: X-Key"), atLine6(18, "auth_header names the header for authorization, which is missing")},
		"auth header bad":    {minimal("authorization: hunter2", "auth_header: X Key"), []string{"seed.yaml:7:18: auth_header is not a header name (letters, digits and hyphens)"}},
		"auth header Host":   {minimal("authorization: hunter2", "auth_header: Host"), []string{"seed.yaml:7:18: header Host is reserved: leadhook or HTTP itself sets it"}},
		"headers a list":     {minimal("headers: [a]"), atLine6(14, "headers must be a mapping, lines of key: value")},
		"a header twice":     {minimal("headers: {X-A: hunter2, x-a: hunter2}"), atLine6(29, "header x-a is given twice: names are alike in any case, and with _ in place of -")},
		"a header alike":     {minimal("headers: {X-A-B: hunter2, x_a-b: hunter2}"), atLine6(31, "header x_a-b is given twice: names are alike in any case, and with _ in place of -")},
		"auth's header _":    {minimal("authorization: hunter2", "auth_header: X-API-Key", "headers: {x_api_key: hunter2}"), []string{"seed.yaml:8:15: header x_api_key is the one that authorization is sent in"}},
		"auth header _":      {minimal("authorization: hunter2", "auth_header: Content_Length"), []string{"seed.yaml:7:18: header Content_Length is reserved: leadhook or HTTP itself sets it"}},
		"a header bad":       {minimal("headers: {X A: hunter2}"), atLine6(15, "header X A is not a header name (letters, digits and hyphens)")},
		"a header's tab":     {minimal(`headers: {X-A: "hunter2\t."}`), atLine6(15, "a header's value has control characters, such as a line break or a tab")},
		"the auth's header":  {minimal("authorization: hunter2", "headers: {authorization: hunter2}"), []string{"seed.yaml:7:15: header authorization is the one that authorization is sent in"}},
		"an advertiser":      {strings.Replace(minimal(), "USA_1", strings.Repeat("x", 65), 1), []string{"seed.yaml:3:17: advertiser has 65 characters, at most 64 are allowed"}},
		"an id":              {strings.Replace(minimal(), "id: a", `id: "a\u0007"`, 1), []string{"seed.yaml:2:9: id has control characters, such as a line break or a tab"}},
	} {
		t.Run(name, func(t *testing.T) {
			hooks, err := seedfile.Parse(t.Context(), "seed.yaml", []byte(c.file), seedfile.Options{CheckURL: httpsOnly})
			if diff := cmp.Diff(c.want, lines(err)); diff != "" || hooks != nil {
				t.Errorf("got %d webhooks and faults (-want +got):\n%s", len(hooks), diff)
			}
			if err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "c2Vjc")) {
				t.Errorf("the fault shows a secret: %v", err)
			}
		})
	}
}

func lines(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func TestReservedHeadersAreRefusedInAnyCase(t *testing.T) {
	for _, name := range []string{
		"Connection", "keep-alive", "Proxy-Authorization", "TE", "trailer", "Transfer-Encoding", "Upgrade", "HOST",
		"Content-Type", "content-length", "Content-Anything", "User-Agent", "accept-encoding", "traceparent",
		"Expect", "range", "HTTP2-Settings", "Proxy-Connection", "Proxy-Anything", "Content_Length", "content_type", "Transfer_Encoding",
		"user_agent", "accept_encoding", "webhook_id", "Webhook_Anything", "idempotency_key", "X_Idempotency-Key",
		"webhook-id", "Webhook-Signature", "WEBHOOK-anything", "Idempotency-Key", "x-idempotency-key",
	} {
		_, err := seedfile.Parse(t.Context(), "seed.yaml", []byte(minimal("headers: {"+name+": a}")), seedfile.Options{})
		if err == nil || !strings.Contains(err.Error(), "reserved") {
			t.Errorf("header %s: got error %v, want that it is reserved", name, err)
		}
	}
	for _, name := range []string{"X-Tenant", "Accept", "X-Content-Type", "Authorization", "Cookie"} {
		if _, err := seedfile.Parse(t.Context(), "seed.yaml", []byte(minimal("headers: {"+name+": a}")), seedfile.Options{}); err != nil {
			t.Errorf("header %s: got error %v, want none", name, err)
		}
	}
}

func TestURLsOfASeedFile(t *testing.T) {
	for raw, want := range map[string]string{
		"https://crm.example.com":                  "",
		"https://crm.example.com/":                 "",
		"https://CRM.Example.com:8443/A/b//?":      "",
		"https://crm.example.com?a=b":              "",
		"https://crm.example.com/a%20b/%2f?q=%zz|": "",
		"https://[2001:db8::1]:443/(a);b=c,d":      "",
		"https://xn--bergstrm-r4a.example/":        "",
		"http://crm.example.com/":                  "http is not allowed",
		"ftp://crm.example.com/":                   "begin with https://",
		"crm.example.com/leads":                    "begin with https://",
		"https:crm.example.com":                    "cannot be read",
		"https://":                                 "no host name",
		"https:///leads":                           "no host name",
		"https://crm.example.com:0/":               "port",
		"https://crm.example.com:65536/":           "port",
		"https://crm.example.com:/":                "port",
		"https://u@crm.example.com/":               "user info",
		"https://u:p@crm.example.com/":             "user info",
		"https://crm.example.com/#a":               "fragment",
		"https://crm.example.com/#":                "fragment",
		"https://crm.example.com/a b":              "percent-encoded",
		"https://crm.example.com/?a b":             "percent-encoded",
		"https://crm.example.com/{id}":             "percent-encoded",
		"https://crm.example.com/ä":                "percent-encoded",
		"https://bergström.example/":               "xn--",
		"https://crm.example.com/%zz":              "cannot be read",
	} {
		file := strings.Replace(minimal(), "https://crm.example.com/leads", `"`+raw+`"`, 1)
		hooks, err := seedfile.Parse(t.Context(), "seed.yaml", []byte(file), seedfile.Options{CheckURL: httpsOnly})
		switch {
		case want == "" && (err != nil || hooks[0].Webhook().URL != raw):
			t.Errorf("%s: got error %v, want it taken as it is", raw, err)
		case want != "" && (err == nil || len(lines(err)) != 1 || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: got error %v, want one with %q", raw, err, want)
		}
		if err != nil && strings.Contains(err.Error(), raw) && len(raw) > len("https://") {
			t.Errorf("the fault shows the URL: %v", err)
		}
	}
}

func TestAllFaultsOfAFileAreReportedInItsOrder(t *testing.T) {
	file := "webhook: []\n" + minimal("format: xml", "rate: -1", "colour: red") + "  - id: b\n    url: http://u@crm.example.com/#a\n"
	_, err := seedfile.Parse(t.Context(), "seed.yaml", []byte(file), seedfile.Options{CheckURL: httpsOnly})
	var got []string
	for _, line := range lines(err) {
		place, _, _ := strings.Cut(line, ": ")
		got = append(got, strings.TrimPrefix(place, "seed.yaml:"))
	}
	want := []string{"1:1", "7:13", "8:11", "9:5", "10:5", "10:5", "11:10", "11:10"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("places (-want +got):\n%s\n%v", diff, err)
	}
	faults, ok := errors.AsType[seedfile.Faults](err)
	if !ok || len(faults) != len(want) {
		t.Errorf("got an error of type %T with %d faults", err, len(faults))
	}
	if fault, ok := errors.AsType[*seedfile.Fault](err); !ok || fault.At.Line != 1 {
		t.Errorf("the first fault is not found with errors.AsType: %v", fault)
	}
}

func TestSeedTakesWhatPeopleWrite(t *testing.T) {
	for name, c := range map[string]struct {
		file   string
		change func(*lead.Webhook)
	}{
		"numbers as text": {strings.Replace(minimal("authorization: 0123", "vendor_name: 1_000.50", "headers: {X-N: 1e3, 7: 0x1F}"), "id: a", "id: 084", 1),
			func(h *lead.Webhook) {
				h.ID, h.Authorization, h.VendorName = "084", "0123", "1_000.50"
				h.Headers = map[string]lead.Secret{"X-N": "1e3", "7": "0x1F"}
			}},
		"nulls are defaults": {minimal("authorization: null", "auth_header: ~", "headers:", "lead_types:", "format: null", "active:", "rate: null"),
			func(*lead.Webhook) {}},
		"the registration API's word": {strings.Replace(minimal(), "new_contact", "new_lead", 1),
			func(h *lead.Webhook) { h.Trigger = lead.ExistingContact }},
		"anchors and aliases": {minimal("authorization: &token Bearer x", "lead_types: &types [chats]", "headers: {X-Token: *token}", "vendor_name: *token"),
			func(h *lead.Webhook) {
				h.Authorization, h.LeadTypes, h.VendorName = "Bearer x", lead.Chats, "Bearer x"
				h.Headers = map[string]lead.Secret{"X-Token": "Bearer x"}
			}},
		"a byte order mark and CRLF": {"\ufeff" + strings.ReplaceAll(minimal("active: true"), "\n", "\r\n"),
			func(h *lead.Webhook) { h.Active = true }},
		"JSON": {"{\n\t\"webhooks\": [{\"id\": \"a\", \"advertiser\": \"USA_1\", \"url\": \"https:\\/\\/crm.example.com\\/leads\", " +
			`"event": "new_contact", "vendor_name": "B\u00e4r \ud83d\ude97", "rate": 5.0e-1, "active": true, "format": null}]}`,
			func(h *lead.Webhook) { h.VendorName, h.Rate, h.Active = "Bär 🚗", 0.5, true }},
		"as much as may be": {minimal("headers: {X-A: "+strings.Repeat("x", 8<<10)+", X-B: "+strings.Repeat("x", 8<<10-6)+"}", "rate: 10000"),
			func(h *lead.Webhook) {
				h.Rate = lead.MaxRate
				h.Headers = map[string]lead.Secret{
					"X-A": lead.Secret(strings.Repeat("x", 8<<10)), "X-B": lead.Secret(strings.Repeat("x", 8<<10-6)),
				}
			}},
		"as slowly as may be": {minimal("rate: 0.001"), func(h *lead.Webhook) { h.Rate = lead.MinRate }},
		"two documents":       {"webhooks: []\n---\n" + minimal("format: adf"), func(h *lead.Webhook) { h.Format = lead.ADF }},
	} {
		t.Run(name, func(t *testing.T) {
			want := hook("a", "USA_1")
			want.URL, want.Active = "https://crm.example.com/leads", false
			c.change(&want)
			hooks, err := seedfile.Parse(t.Context(), "seed.yaml", []byte(c.file), seedfile.Options{CheckURL: httpsOnly})
			if err != nil || len(hooks) != 1 {
				t.Fatalf("got %d webhooks, error %v", len(hooks), err)
			}
			if diff := cmp.Diff(&want, hooks[0].Webhook(), revealed); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestMergeSeedsFindsConflictsBetweenFiles(t *testing.T) {
	parse := func(name, advertiser string) []seedfile.Entry {
		t.Helper()
		hooks, err := seedfile.Parse(t.Context(), name, []byte(strings.Replace(minimal(), "USA_1", advertiser, 1)), seedfile.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return hooks
	}
	one, again, foreign := parse("one.yaml", "USA_1"), parse("again.yaml", "USA_1"), parse("foreign.yaml", "USA_2")
	if hooks, err := seedfile.Merge(seedfile.Options{}, one); err != nil || len(hooks) != 1 {
		t.Errorf("one file: got %d webhooks, error %v", len(hooks), err)
	}
	_, err := seedfile.Merge(seedfile.Options{}, one, again, foreign)
	want := []string{
		`again.yaml:2:5: webhook "a" is given twice, first at one.yaml:2:5`,
		`foreign.yaml:2:5: webhook "a" is given to advertiser "USA_2" here and to "USA_1" at one.yaml:2:5: an id belongs to one advertiser`,
	}
	if diff := cmp.Diff(want, lines(err)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// many is a seed file with so many webhooks of an advertiser, one a line from the second.
func many(advertiser, id string, n int) string {
	var s strings.Builder
	s.WriteString("webhooks:\n")
	for i := range n {
		fmt.Fprintf(&s, "  - {id: %s%d, advertiser: %s, url: 'https://crm.example.com', event: new_contact}\n", id, i, advertiser)
	}
	return s.String()
}

func TestAnAdvertiserHasAHundredWebhooksAtMost(t *testing.T) {
	parse := func(name, file string) ([]seedfile.Entry, error) {
		return seedfile.Parse(t.Context(), name, []byte(file), seedfile.Options{})
	}
	most, err := parse("most.yaml", many("USA_1", "a", 100))
	if err != nil {
		t.Fatal(err)
	}
	_, err = parse("both.yaml", many("USA_1", "a", 130)+strings.TrimPrefix(many("USA_2", "b", 101), "webhooks:\n")+
		"  - {id: c, advertiser: USA_3, url: 'https://crm.example.com', event: new_contact, rate: 0}\n")
	want := []string{
		`both.yaml:102:6: advertiser "USA_1" has 130 webhooks, at most 100 are allowed (webhooks.per_advertiser): this is the first one too many`,
		`both.yaml:232:6: advertiser "USA_2" has 101 webhooks, at most 100 are allowed (webhooks.per_advertiser): this is the first one too many`,
		`both.yaml:233:90: rate must be a number from 0.001 to 10,000, in deliveries a second`,
	}
	if diff := cmp.Diff(want, lines(err)); diff != "" {
		t.Errorf("one file (-want +got):\n%s", diff)
	}
	more, err := parse("more.yaml", many("USA_1", "x", 2))
	if err != nil {
		t.Fatal(err)
	}
	_, err = seedfile.Merge(seedfile.Options{}, most, more)
	want = []string{`more.yaml:2:6: advertiser "USA_1" has 102 webhooks, at most 100 are allowed (webhooks.per_advertiser): this is the first one too many`}
	if diff := cmp.Diff(want, lines(err)); diff != "" {
		t.Errorf("two files (-want +got):\n%s", diff)
	}
	if hooks, err := seedfile.Merge(seedfile.Options{PerAdvertiser: 102}, most, more); err != nil || len(hooks) != 102 {
		t.Errorf("as many as the operator allows: got %d webhooks and error %v", len(hooks), err)
	}
}

func TestExampleSeedShowsEverything(t *testing.T) {
	data, err := os.ReadFile("../../examples/seed.yaml")
	if err != nil {
		t.Fatal(err)
	}
	hooks, err := seedfile.Parse(t.Context(), "seed.yaml", data, seedfile.Options{CheckURL: httpsOnly})
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[any]bool)
	for _, h := range hooks {
		w := h.Webhook()
		for _, shown := range []any{w.Trigger, w.Format, w.Active, w.Advertiser, w.LeadTypes} {
			seen[shown] = true
		}
	}
	for _, want := range []any{lead.NewContact, lead.ExistingContact, lead.JSON, lead.ADF, true, false} {
		if !seen[want] {
			t.Errorf("no webhook has %v", want)
		}
	}
	for _, field := range []string{
		"id", "advertiser", "url", "authorization", "auth_header", "event", "lead_types", "format", "active",
		"signing_secrets", "headers", "content_type", "client_cert", "ca", "legacy_tls", "rate", "answers", "vendor_name", "provider_name",
	} {
		if !bytes.Contains(data, []byte(" "+field+":")) {
			t.Errorf("field %s is not shown", field)
		}
	}
}

// A seed file of a few kilobytes must not cost gigabytes or minutes.
func TestFilesThatExplodeAreRefusedQuickly(t *testing.T) {
	many := func(n int, s string) string { return strings.Repeat(s, n) }
	for name, file := range map[string]string{
		"lists in a line":   many(200_000, "["),
		"maps in a line":    many(200_000, "{a: "),
		"hyphens":           many(200_000, "- "),
		"question marks":    many(200_000, "? "),
		"anchors":           "a: " + many(200_000, "&b "),
		"tags":              many(200_000, "!!a "),
		"aliases of a list": "webhooks: [&a {" + many(1000, "x: y, ") + "z: 1}" + many(100_000, ", *a") + "]",
		"aliases of types":  "webhooks:\n- lead_types: &a [" + many(50_000, "calls,") + "calls]\n" + many(50_000, "- lead_types: *a\n"),
		"billion laughs": "webhooks:\n- headers:\n    a: &a [lol,lol,lol,lol,lol,lol,lol,lol,lol]\n" +
			"    b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\n    c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n    d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n",
	} {
		t.Run(name, func(t *testing.T) {
			started := time.Now()
			_, err := seedfile.Parse(t.Context(), "seed.yaml", []byte(file), seedfile.Options{})
			if took := time.Since(started); err == nil || took > 20*time.Second {
				t.Errorf("got error %v after %v", err, took)
			}
			if len(lines(err)) > 101 {
				t.Errorf("got %d lines of faults", len(lines(err)))
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(minimal("headers: {X-A: &a b, X-B: *a}", "lead_types: [calls]", "rate: 1.5", "signing_secrets: [whsec_YS0wMTIzNDU2Nzg5YWJjZGVmZ2hpamts]")))
	f.Add([]byte(`{"webhooks": [{"id": 1, "advertiser": "a", "url": "https://h/?a", "event": "new_lead", "active": true}]}`))
	f.Add([]byte("webhooks:\n- ? a\n  : b\n- !!binary |\n  a\n- <<: *x\n--- # b\n...\n%YAML 1.2\n---\n"))
	f.Add([]byte("webhooks: [{}, [], '', \"\\ud800\", |-\n\n, >\n x]\r\n\t"))
	f.Fuzz(func(t *testing.T, data []byte) {
		hooks, err := seedfile.Parse(t.Context(), "f", data, seedfile.Options{CheckURL: httpsOnly})
		if (err == nil) == (hooks == nil) && len(hooks) > 0 {
			t.Fatalf("got %d webhooks and error %v", len(hooks), err)
		}
		faults, ok := errors.AsType[seedfile.Faults](err)
		if err != nil && !ok {
			t.Fatalf("got an error of type %T", err)
		}
		last := 1 + bytes.Count(data, []byte("\n")) + bytes.Count(data, []byte("\r"))
		for _, fault := range faults {
			if at := fault.At; at.File != "f" || at.Line < 1 || at.Line > last+1 || at.Column < 1 || fault.Text == "" {
				t.Errorf("fault %+v in a file of %d lines", fault, last)
			}
		}
		for _, h := range hooks {
			if h.Webhook().ID == "" || h.Webhook().Advertiser == "" || h.Webhook().LeadTypes == 0 || h.At.Line < 1 {
				t.Errorf("got webhook %+v", h)
			}
		}
	})
}

func TestLinesOfAFileFromWindowsAreCountedOnce(t *testing.T) {
	unix := "# one\n# two\nwebhooks:\n  - id: a\n    wrong: x\n"
	_, want := seedfile.Parse(t.Context(), "s.yaml", []byte(unix), seedfile.Options{})
	_, got := seedfile.Parse(t.Context(), "s.yaml", []byte(strings.ReplaceAll(unix, "\n", "\r\n")), seedfile.Options{})
	if want == nil || !strings.Contains(want.Error(), "s.yaml:5:5: ") || got == nil || got.Error() != want.Error() {
		t.Errorf("got\n%v\nwant, with a fault in line 5,\n%v", got, want)
	}
}
