package entry_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/seal"
)

var (
	sealed = seal.New([]seal.Key{seal.NewKey()}, false)
	plain  = seal.New(nil, true)
	first  = entry.Stamp{Epoch: "EPOCH", Number: 1, Change: "CHANGE"}
)

func hook(id string) *lead.Webhook {
	h := &lead.Webhook{
		ID: id, Advertiser: "A", URL: "https://crm.example.com/" + id, Authorization: "Bearer s3cret", AuthHeader: "X-Token",
		Trigger: lead.NewContact, LeadTypes: lead.Calls | lead.Forms, Format: lead.JSON, Active: true,
		SigningSecrets: []lead.Secret{"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="},
		Headers:        map[string]lead.Secret{"X-Dealer": "77"}, Rate: 2.5, VendorName: "V", ProviderName: "P", Enabled: 3,
		ContentType: "text/xml", ClientCert: clientCert, CA: authority, LegacyTLS: true,
		Disabled: lead.Disabled{At: at, Reason: lead.Gone, Status: 410},
		Answers: &lead.Answers{
			Refused:   []string{"204"},
			Body:      []lead.AnswerRule{{Path: "a.0", Equals: new("<"), Then: "delivered", ID: "id"}, {Empty: new(true), Then: "refused"}},
			Otherwise: "retry",
		},
	}
	h.Version = entry.Version(h)
	return h
}

var at = time.Date(2026, 11, 29, 12, 0, 0, 5, time.UTC)

func history(n, fields int) []entry.Change {
	var changes []entry.Change
	for i := range n {
		c := entry.Change{ID: fmt.Sprintf("C%d", i), At: at, By: "someone", With: "a test", Webhooks: []entry.WebhookChange{
			{Webhook: "w", Action: entry.Removed},
		}}
		for j := range fields {
			w := entry.WebhookChange{Webhook: fmt.Sprint("w", j), Action: entry.Changed}
			w.Fields = append(w.Fields, entry.FieldChange{Field: "url", Before: "https://a.example.com", After: "https://b.example.com"})
			c.Webhooks = append(c.Webhooks, w)
		}
		changes = append(changes, c)
	}
	return changes
}

func sealList(t testing.TB, boxes entry.Boxes, l *entry.List) *entry.Entry {
	t.Helper()
	e, err := entry.SealList(boxes, "A", first, l)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func diff(a, b *entry.List) string {
	return cmp.Diff(a, b, cmpopts.IgnoreUnexported(entry.List{}), cmpopts.EquateEmpty())
}

func TestListIsOpenedAsItWasSealed(t *testing.T) {
	for name, boxes := range map[string]entry.Boxes{"sealed": sealed, "plain": plain} {
		want := &entry.List{Webhooks: []*lead.Webhook{hook("a"), hook("b")}, History: history(3, 2)}
		got, err := entry.OpenList(boxes, "A", sealList(t, boxes, want))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if d := diff(want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
		if !got.Has("C2") || got.Has("C3") || got.Webhook("b").ID != "b" || got.Webhook("c") != nil {
			t.Errorf("%s: %+v does not find what it has", name, got)
		}
	}
}

// TestHookSetsEveryFieldThatIsStored fails for a new field that hook does not set: once
// it does, the other tests fail unless the field is stored and read.
func TestHookSetsEveryFieldThatIsStored(t *testing.T) {
	notStored := []string{"Damaged", "Health"}
	for field, value := range reflect.ValueOf(hook("a")).Elem().Fields() {
		if value.IsZero() && !slices.Contains(notStored, field.Name) {
			t.Errorf("hook does not set %s", field.Name)
		}
	}
}

// What is stored today must be readable, and keep its versions, for ever.
func TestListIsStoredAsEver(t *testing.T) {
	old := hook("a")
	old.ContentType, old.ClientCert, old.CA, old.LegacyTLS = "", "", "", false
	ruled := *old
	old.Answers = nil
	e := sealList(t, plain, &entry.List{Webhooks: []*lead.Webhook{old}, History: history(1, 1)})
	const want = "plain\n" + `{"v":1,"webhooks":[{"id":"a","url":"https://crm.example.com/a","authorization":"Bearer s3cret",` +
		`"auth_header":"X-Token","event":"new_contact","lead_types":["calls","forms"],"format":"json","active":true,` +
		`"signing_secrets":["whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="],"headers":{"X-Dealer":"77"},"rate":2.5,` +
		`"vendor_name":"V","provider_name":"P","enabled":3,"disabled":{"at":"2026-11-29T12:00:00.000000005Z","reason":"gone","status":410}}],` +
		`"history":[{"id":"C0","at":"2026-11-29T12:00:00.000000005Z","by":"someone","with":"a test","webhooks":[{"id":"w","action":"removed"},` +
		`{"id":"w0","action":"changed","fields":[["url","https://a.example.com","https://b.example.com"]]}]}]}`
	if d := cmp.Diff(want, string(e.Box)); d != "" {
		t.Error(d)
	}
	if got := entry.Version(old); got != "a19c7b07f6cc98bd" {
		t.Errorf("the version of the webhook is %s", got)
	}
	const answers = `"rate":2.5,"answers":{"refused":["204"],"body":[{"path":"a.0","equals":"\u003c","then":"delivered","id":"id"},` +
		`{"empty":true,"then":"refused"}],"otherwise":"retry"},"vendor_name":"V"`
	if e := sealList(t, plain, &entry.List{Webhooks: []*lead.Webhook{&ruled}}); !bytes.Contains(e.Box, []byte(answers)) {
		t.Errorf("answers are stored as %s", e.Box)
	}
	if got := entry.Version(&ruled); got != "c128e7a1fd398295" {
		t.Errorf("the version of a webhook with answers is %s", got)
	}
	all := sealList(t, plain, &entry.List{Webhooks: []*lead.Webhook{hook("a")}}).Box
	for _, part := range []string{`"headers":{"X-Dealer":"77"},"content_type":"text/xml","client_cert":"-----BEGIN CERT`, `","ca":"-----BEGIN CERT`, `-----\n","legacy_tls":true,"rate":2.5,`} {
		if !bytes.Contains(all, []byte(part)) {
			t.Errorf("%s is not in %s", part, all)
		}
	}
	if got := entry.Version(hook("a")); got != "c309cc2596bf9098" {
		t.Errorf("the version of a webhook with all fields is %s", got)
	}
}

func TestVersionIsThatOfTheSettings(t *testing.T) {
	was := entry.Version(hook("a"))
	for name, change := range map[string]func(*lead.Webhook){
		"url": func(h *lead.Webhook) { h.URL += "x" }, "authorization": func(h *lead.Webhook) { h.Authorization += "x" },
		"auth_header": func(h *lead.Webhook) { h.AuthHeader += "x" }, "event": func(h *lead.Webhook) { h.Trigger = lead.ExistingContact },
		"lead_types": func(h *lead.Webhook) { h.LeadTypes = lead.Calls }, "active": func(h *lead.Webhook) { h.Active = false },
		"signing_secrets": func(h *lead.Webhook) { h.SigningSecrets = nil }, "headers": func(h *lead.Webhook) { h.Headers = nil },
		"rate": func(h *lead.Webhook) { h.Rate = 3 }, "vendor_name": func(h *lead.Webhook) { h.VendorName = "" },
		"provider_name": func(h *lead.Webhook) { h.ProviderName = "" }, "enabled": func(h *lead.Webhook) { h.Enabled++ },
		"content_type": func(h *lead.Webhook) { h.ContentType = "" }, "client_cert": func(h *lead.Webhook) { h.ClientCert = "" },
		"ca": func(h *lead.Webhook) { h.CA = "" }, "legacy_tls": func(h *lead.Webhook) { h.LegacyTLS = false },
		"answers": func(h *lead.Webhook) { h.Answers = nil }, "a rule": func(h *lead.Webhook) { h.Answers.Body[0].Path = "b" },
	} {
		h := hook("a")
		if change(h); entry.Version(h) == was {
			t.Errorf("another %s is the same version", name)
		}
	}
	h := hook("a")
	if h.Disabled = (lead.Disabled{}); entry.Version(h) != was {
		t.Error("a webhook that is not disabled is another version")
	}
}

// Whoever can write to where entries are stored can leave them out, but not change them.
func TestEveryAlteredByteIsNoticed(t *testing.T) {
	value := sealList(t, sealed, &entry.List{Webhooks: []*lead.Webhook{hook("a")}, History: history(1, 0)}).Value()
	for i := range value {
		for _, bit := range []byte{1, 0x20, 0x80} {
			altered := bytes.Clone(value)
			altered[i] ^= bit
			e, err := entry.Parse(altered)
			if err != nil {
				continue
			}
			if l, err := entry.OpenList(sealed, "A", &e); err == nil {
				t.Fatalf("byte %d (%q) was altered to %q, and the list is %+v", i, value[i], altered[i], l)
			}
		}
	}
	for n := range value {
		if e, err := entry.Parse(value[:n]); err == nil {
			if _, err := entry.OpenList(sealed, "A", &e); err == nil {
				t.Fatalf("the first %d bytes are a whole list", n)
			}
		}
	}
}

func TestCopiedEntryDoesNotOpen(t *testing.T) {
	e := sealList(t, sealed, &entry.List{Webhooks: []*lead.Webhook{hook("a")}})
	if _, err := entry.OpenList(sealed, "A", e); err != nil {
		t.Fatal(err)
	}
	if _, err := entry.OpenList(sealed, "B", e); err == nil {
		t.Error("it opens for another advertiser")
	}
	for name, stamp := range map[string]entry.Stamp{
		"epoch":  {Epoch: "OTHER", Number: 1, Change: "CHANGE"},
		"number": {Epoch: "EPOCH", Number: 2, Change: "CHANGE"},
		"change": {Epoch: "EPOCH", Number: 1, Change: "OTHER"},
		"border": {Epoch: "EPOCH1", Number: 1, Change: "CHANGE"},
	} {
		if _, err := entry.OpenList(sealed, "A", &entry.Entry{Stamp: stamp, Box: e.Box}); err == nil {
			t.Errorf("it opens with another %s", name)
		}
	}
	owner, err := entry.SealOwner(sealed, "a", first, "A")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := entry.OpenOwner(sealed, "a", owner); got != "A" || err != nil {
		t.Errorf("the owner is %q, %v", got, err)
	}
	if _, err := entry.OpenOwner(sealed, "b", owner); err == nil {
		t.Error("the owner of one id opens for another")
	}
	if _, err := entry.OpenList(sealed, "A", owner); err == nil {
		t.Error("the owner of an id opens as a list")
	}
	next := entry.Stamp{Epoch: "EPOCH", Number: 2, Change: entry.AfterID("CHANGE")}
	again, err := entry.Restamp(sealed, "A", e, next)
	if err != nil {
		t.Fatal(err)
	}
	if l, err := entry.OpenList(sealed, "A", again); err != nil || again.Stamp != next || len(l.Webhooks) != 1 {
		t.Errorf("with another stamp it is %+v, %v", l, err)
	}
	if _, err := entry.Restamp(sealed, "B", e, next); err == nil {
		t.Error("an entry of another advertiser gets a new stamp")
	}
}

// store returns an entry with a list as another version, or somebody else, could write it.
func store(t *testing.T, contents string) *entry.Entry {
	t.Helper()
	box, err := sealed.Seal(first.Bound("A"), []byte(contents))
	if err != nil {
		t.Fatal(err)
	}
	return &entry.Entry{Stamp: first, Box: box}
}

func TestDamagedWebhookHarmsNoOther(t *testing.T) {
	const damaged = `{"id":"b","url":"ftp://x","event":"new_contact","lead_types":["calls"],"format":"json","active":true,"rate":2}`
	good, _ := json.Marshal(map[string]any{
		"id": "a", "url": "https://a.example.com", "event": "new_contact", "lead_types": []string{"calls"}, "format": "json", "active": true,
	})
	l, err := entry.OpenList(sealed, "A", store(t, fmt.Sprintf(`{"v":1,"webhooks":[%s,%s],"history":[]}`, damaged, good)))
	if err != nil {
		t.Fatal(err)
	}
	if a, b := l.Webhook("a"), l.Webhook("b"); a.Damaged != "" || a.Version == "" || b.Damaged == "" || b.Version != "" || b.URL != "" {
		t.Fatalf("got %+v and %+v", a, b)
	}
	next := *l
	next.Webhooks = append(next.Webhooks[:0:0], l.Webhooks...)
	next.Webhooks = append(next.Webhooks, hook("c"))
	contents, err := sealed.Open(first.Bound("A"), sealList(t, sealed, &next).Box)
	if err != nil || !bytes.Contains(contents, []byte(damaged)) {
		t.Errorf("after another webhook was added the list is %s, %v; the damaged one was %s", contents, err, damaged)
	}
}

// A rule of a later version has something that changes what the rest of it means.
func TestAnswersOfLaterVersionsDamageTheirWebhook(t *testing.T) {
	const good = `{"id":"a","url":"https://crm.example.com","event":"new_contact","lead_types":["calls"],"format":"json","active":true`
	for answers, want := range map[string]string{
		`{"delivered":["2xx"]}`:                                            "",
		`{"delivered":["2xx"],"headers":{"x":"y"}}`:                        "its answers have rules that this version of leadhook does not know",
		`{"body":[{"path":"a","exists":true,"then":"refused","not":"b"}]}`: "its answers have rules that this version of leadhook does not know",
		`{"body":[{"path":"a","exists":true,"then":"postponed"}]}`:         "then must be delivered, retry or refused",
		`7`: "its answers have rules", `{"delivered":[2]}`: "its answers have rules",
	} {
		l, err := entry.OpenList(sealed, "A", store(t, `{"v":1,"webhooks":[`+good+`,"answers":`+answers+`}]}`))
		if err != nil {
			t.Fatal(err)
		}
		if got := l.Webhooks[0].Damaged; got == "" != (want == "") || !strings.Contains(got, want) {
			t.Errorf("%s: got damaged %q, want %q", answers, got, want)
		}
	}
}

func TestListsOfOtherLayoutsAreRefused(t *testing.T) {
	for contents, want := range map[string]string{
		`{"v":2,"webhooks":[]}`: "layout 2", `{}`: "layout 0", `[]`: "not what leadhook writes", ``: "not what leadhook writes", `{"v":1,"webhooks":7}`: "not what",
		`{"v":1,"webhooks":[7]}`: "not what", `{"v":1,"webhooks":[{"id":7}]}`: "not what", `{"v":1,"webhooks":[{"active":"yes"}]}`: "not what",
		`{"v":1,"webhooks":[{"lead_types":{}}]}`: "not what", `{"v":1,"webhooks":[{"headers":[]}]}`: "not what", `{"v":1} {}`: "not what",
	} {
		if _, err := entry.OpenList(sealed, "A", store(t, contents)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v, want one with %q", contents, err, want)
		}
		if _, err := entry.OpenWebhooks(sealed, "A", store(t, contents)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: error %v of the webhooks alone, want one with %q", contents, err, want)
		}
	}
	for _, contents := range []string{`{"v":1,"webhooks":[],"history":[],"new":{"x":1}}`, ` {"v":1, "webhooks":null}` + "\n", `{"v":1}`} {
		if l, err := entry.OpenList(sealed, "A", store(t, contents)); err != nil || len(l.Webhooks) != 0 {
			t.Errorf("%s: %v", contents, err)
		}
	}
}

// What is stored is read by hand, and must mean what it means to encoding/json.
func TestStoredTextsAreReadAsJSON(t *testing.T) {
	const contents = `{ "v" : 1, "webhooks" : [ {"id":"a\u0062", "url":"https:\/\/a.example.com", "event":"new_contact", "lead_types":[ "calls" , "f\u006frms"],` +
		` "format":"json", "active" : true, "vendor_name":"\ud83d\ude00", "provider_name":null, "rate":2.5e0, "enabled":2, "headers":{"X-A":"\u00e4"},` +
		` "signing_secrets":["whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="], "later":[{"id":"no"}] } ] }`
	hooks, err := entry.OpenWebhooks(sealed, "A", store(t, contents))
	if err != nil || len(hooks) != 1 {
		t.Fatalf("%d webhooks, error %v", len(hooks), err)
	}
	want := &lead.Webhook{
		ID: "ab", Advertiser: "A", URL: "https://a.example.com", Trigger: lead.NewContact, LeadTypes: lead.Calls | lead.Forms,
		Format: lead.JSON, Active: true, VendorName: "😀", Rate: 2.5, Enabled: 2, Headers: map[string]lead.Secret{"X-A": "ä"},
		SigningSecrets: []lead.Secret{"whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="},
	}
	want.Version = entry.Version(want)
	if d := cmp.Diff(want, hooks[0]); d != "" {
		t.Error(d)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	e := sealList(t, plain, &entry.List{History: history(entry.MaxHistory+5, 0)})
	l, err := entry.OpenList(plain, "A", e)
	if err != nil || len(l.History) != entry.MaxHistory || l.History[0].ID != "C0" {
		t.Errorf("%d changes are kept, the first is %+v, error %v", len(l.History), l.History[0], err)
	}
	e = sealList(t, plain, &entry.List{History: history(entry.MaxHistory, 300)})
	const most = 96 << 10
	if len(e.Box) > most {
		t.Errorf("a history takes %d bytes, want at most %d", len(e.Box), most)
	}
	if l, err = entry.OpenList(plain, "A", e); err != nil {
		t.Fatal(err)
	}
	for i, c := range l.History {
		if c.ID != fmt.Sprintf("C%d", i) || c.By != "someone" || c.With != "a test" || !c.At.Equal(at) {
			t.Errorf("change %d is %+v", i, c)
		}
	}
	if len(l.History[0].Webhooks) == 0 || len(l.History[entry.MaxHistory-1].Webhooks) != 0 {
		t.Error("it is not the oldest changes that are shortened")
	}
}

func TestTooLargeListIsRefused(t *testing.T) {
	l := &entry.List{}
	for i := range 100 {
		h := hook(fmt.Sprint("w", i))
		h.VendorName = strings.Repeat("x", 8<<10)
		l.Webhooks = append(l.Webhooks, h)
	}
	if _, err := entry.SealList(sealed, "A", first, l); !errors.Is(err, entry.ErrTooLarge) {
		t.Errorf("error %v", err)
	}
}

func FuzzOpenList(f *testing.F) {
	f.Add([]byte(`{"v":1,"webhooks":[{"id":"a","url":"https://a.example.com","event":"new_contact","lead_types":["calls"],"format":"json"}],"history":[{"id":"C"}]}`))
	f.Add([]byte(`{"v":1,"webhooks":[{"id":"a","headers":{"a":"b"},"signing_secrets":["x"],"rate":1e300,"disabled":{}},{"id":"a"}]}`))
	f.Fuzz(func(t *testing.T, contents []byte) {
		box, err := sealed.Seal(first.Bound("A"), contents)
		if err != nil {
			return
		}
		l, err := entry.OpenList(sealed, "A", &entry.Entry{Stamp: first, Box: box})
		if err != nil {
			return
		}
		e, err := entry.SealList(sealed, "A", first, l)
		if err != nil {
			return
		}
		again, err := entry.OpenList(sealed, "A", e)
		if err != nil {
			t.Fatalf("what was opened does not open again: %v", err)
		}
		if d := cmp.Diff(l.Webhooks, again.Webhooks); d != "" {
			t.Error(d)
		}
	})
}

func TestAnyWebhookIsOpenedAsItWasSealed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		h := hook(rapid.StringMatching(`[a-z0-9_]{1,20}`).Draw(t, "id"))
		h.URL = "https://crm.example.com/" + rapid.StringMatching(`[a-z/]{0,20}`).Draw(t, "path")
		h.Active = rapid.Bool().Draw(t, "active")
		h.Rate = rapid.SampledFrom([]float64{0, .001, 1, 10000}).Draw(t, "rate")
		h.Enabled = rapid.IntRange(0, 1<<30).Draw(t, "enabled")
		h.LeadTypes = lead.LeadTypes(rapid.IntRange(1, 7).Draw(t, "types"))
		h.Trigger = rapid.SampledFrom([]lead.Trigger{lead.NewContact, lead.ExistingContact}).Draw(t, "event")
		h.VendorName = rapid.StringMatching(`[A-Za-zäπ😀]{0,20}`).Draw(t, "vendor")
		h.Version = entry.Version(h)
		want := &entry.List{Webhooks: []*lead.Webhook{h}}
		e, err := entry.SealList(sealed, "A", first, want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := entry.OpenList(sealed, "A", e)
		if err != nil {
			t.Fatal(err)
		}
		if d := diff(want, got); d != "" {
			t.Error(d)
		}
	})
}

// TestNothingStoredHasAReservedName has ids and advertisers that could be taken for the
// keys of other records.
func TestNothingStoredHasAReservedName(t *testing.T) {
	for _, name := range []string{entry.IDKey("x"), entry.EpochKey("x"), entry.OpenKey("x")} {
		h := hook("a")
		h.ID = name
		got, err := entry.OpenList(plain, "A", sealList(t, plain, &entry.List{Webhooks: []*lead.Webhook{h}}))
		if err != nil || !strings.Contains(got.Webhooks[0].Damaged, "reserved") {
			t.Errorf("a webhook %s: got %+v, %v, want it damaged", name, got, err)
		}
		e, err := entry.SealList(plain, name, first, &entry.List{Webhooks: []*lead.Webhook{hook("a")}})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := entry.OpenList(plain, name, e); err == nil {
			t.Errorf("the list of an advertiser %s opens", name)
		}
		if e, err = entry.SealOwner(plain, "a", first, name); err != nil {
			t.Fatal(err)
		}
		if owner, err := entry.OpenOwner(plain, "a", e); err == nil {
			t.Errorf("an id belongs to %s", owner)
		}
	}
}
