package webhook_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leadhook/leadhook/internal/redistest"
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook"
	"github.com/leadhook/leadhook/webhook/seedfile"
)

// hostile is text that YAML, JSON or a reference to a variable could take for
// something else.
func hostile(most int) *rapid.Generator[string] {
	part := rapid.OneOf(
		rapid.SampledFrom([]string{
			"null", "~", "true", "no", "0123", "1e3", ".inf", "0x1F", "2026-11-24", "- a", "- id: x", "a: b", "a:", ": ", "#", " # b", "&a", "*a",
			"!!str", "!", "|", ">", "|-", "{", "}", "[", "]", ",", "'", "''", `"`, `\`, `\n`, `\u0041`, "%", "@", "`", "?", "? a", "---", "...", "<<", "=",
			"${", "${HOME}", "$${HOME}", "$", "$$", "$$$", "}", "<a>&amp;", "\u00a0x", "\u2028x", "\u2029x", "\ufeffx", "\u200b", "\ufffd", "\U0001f697", "ä", "\u202e", "\ue000", "\uffff",
		}),
		rapid.String(),
	)
	return rapid.Map(rapid.SliceOfN(part, 1, most), func(parts []string) string {
		text := strings.Map(func(r rune) rune {
			if unicode.IsControl(r) {
				return -1
			}
			return r
		}, strings.ToValidUTF8(strings.Join(parts, ""), ""))
		return strings.TrimSpace(text)
	})
}

// anID is hostile text that may be an id.
func anID(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || unicode.In(r, unicode.Variation_Selector, unicode.Other_Default_Ignorable_Code_Point) || r == '\u2800' {
			return -1
		}
		return r
	}, text)
	for utf8.RuneCountInString(text) > most {
		_, size := utf8.DecodeLastRuneInString(text)
		text = text[:len(text)-size]
	}
	return strings.TrimSpace(text)
}

// anyWebhook is any that may be seeded, but for its id's being another's.
func anyWebhook() *rapid.Generator[lead.Webhook] {
	return rapid.Custom(func(t *rapid.T) lead.Webhook {
		text := func(name string) string { return hostile(4).Draw(t, name) }
		h := lead.Webhook{
			ID: anID(text("id"), 128), Advertiser: anID(text("advertiser"), 64),
			URL:           "https://" + rapid.StringMatching(`(CRM|crm)\.example\.com(:443)?(/[a-zA-Z0-9/._~!$&'()*+,;=:@-]{0,20})?(\?[a-z0-9=&{}|%]{0,0}(%7B|[a-z&=/?!*'])*)?`).Draw(t, "url"),
			Authorization: lead.Secret(rapid.OneOf(rapid.Just(""), hostile(4)).Draw(t, "authorization")),
			Trigger:       rapid.SampledFrom([]lead.Trigger{lead.NewContact, lead.ExistingContact}).Draw(t, "event"),
			LeadTypes:     lead.LeadTypes(rapid.IntRange(1, int(lead.AllLeadTypes)).Draw(t, "lead_types")),
			Format:        rapid.SampledFrom([]lead.Format{lead.JSON, lead.ADF}).Draw(t, "format"),
			Active:        rapid.Bool().Draw(t, "active"),
			Rate:          rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(lead.MinRate, lead.MaxRate)).Draw(t, "rate"),
			VendorName:    text("vendor_name"), ProviderName: text("provider_name"),
		}
		if h.Authorization != "" {
			h.AuthHeader = rapid.SampledFrom([]string{"", "X-API-Key", "api_key!#$%&'*+-.^`|~"}).Draw(t, "auth_header")
		}
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"X-A", "null", "~", "1", "'*&!|#%`", "y"}), 0, 3, rapid.ID).Draw(t, "headers") {
			if h.Headers == nil {
				h.Headers = make(map[string]lead.Secret)
			}
			h.Headers[name] = lead.Secret(text("value"))
		}
		for _, key := range rapid.SliceOfNDistinct(rapid.SliceOfN(rapid.Byte(), 24, 64), 0, 2, func(key []byte) string { return string(key) }).Draw(t, "signing_secrets") {
			h.SigningSecrets = append(h.SigningSecrets, lead.Secret("whsec_"+base64.StdEncoding.EncodeToString(key)))
		}
		return h
	}).Filter(func(h lead.Webhook) bool { return h.ID != "" && h.Advertiser != "" })
}

func TestWhatIsExportedSeedsTheSameRecords(t *testing.T) {
	rdb := redistest.New(t)
	store := webhook.NewStore(rdb, "leadhook")
	rapid.Check(t, func(rt *rapid.T) {
		hooks := rapid.SliceOfNDistinct(anyWebhook(), 0, 5, func(h lead.Webhook) string { return h.ID }).Draw(rt, "webhooks")
		rdb.FlushDB(t.Context())
		if _, err := store.Seed(t.Context(), hooks, webhook.SeedOptions{}); err != nil {
			rt.Fatal(err)
		}
		file := seedfile.Head
		for h, err := range store.All(t.Context(), "") {
			if err != nil {
				rt.Fatal(err)
			}
			text, err := seedfile.Text(h)
			if err != nil {
				rt.Fatal(err)
			}
			file += text
		}
		if len(hooks) == 0 {
			file = seedfile.Empty
		}
		read, err := seedfile.Parse(t.Context(), "export.yaml", []byte(file), seedfile.Options{})
		if err != nil {
			rt.Fatalf("%v\n%s", err, file)
		}
		again, err := seedfile.Merge(seedfile.Options{}, read)
		if err != nil {
			rt.Fatal(err)
		}
		want := content(t, rdb)
		rdb.FlushDB(t.Context())
		if _, err := store.Seed(t.Context(), again, webhook.SeedOptions{}); err != nil {
			rt.Fatal(err)
		}
		if diff := cmp.Diff(want, content(t, rdb)); diff != "" {
			rt.Fatalf("(-exported +seeded):\n%s%s", diff, file)
		}
	})
}
