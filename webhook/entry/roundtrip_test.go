package entry_test

import (
	"context"
	"encoding/base64"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/seal"
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
		h.ContentType = rapid.SampledFrom([]string{"", "text/xml", "application/json; charset=\"utf-8\""}).Draw(t, "content_type")
		h.ClientCert = rapid.SampledFrom([]lead.Secret{"", clientCert}).Draw(t, "client_cert")
		h.CA = rapid.SampledFrom([]string{"", authority, "${A} $${B}\n" + authority}).Draw(t, "ca")
		h.LegacyTLS = rapid.Bool().Draw(t, "legacy_tls")
		if rapid.Bool().Draw(t, "answers") {
			h.Answers = anyAnswers(t)
		}
		for _, key := range rapid.SliceOfNDistinct(rapid.SliceOfN(rapid.Byte(), 24, 64), 0, 2, func(key []byte) string { return string(key) }).Draw(t, "signing_secrets") {
			h.SigningSecrets = append(h.SigningSecrets, lead.Secret("whsec_"+base64.StdEncoding.EncodeToString(key)))
		}
		return h
	}).Filter(func(h lead.Webhook) bool { return h.ID != "" && h.Advertiser != "" })
}

// anyAnswers are any rules for answers.
func anyAnswers(t *rapid.T) *lead.Answers {
	text := func(name string) string { return hostile(3).Draw(t, name) }
	statuses := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"2xx", "4XX", "204", "302", "409", "503"}), 0, 6, rapid.ID).Draw(t, "statuses")
	cut := rapid.IntRange(0, len(statuses)).Draw(t, "cut")
	a := &lead.Answers{Delivered: statuses[:cut], Refused: statuses[cut:]}
	for range rapid.IntRange(0, 3).Draw(t, "rules") {
		r := lead.AnswerRule{
			Path:     strings.NewReplacer(".", "_", " ", "").Replace(text("path")) + ".0.true",
			Contains: text("contains"), Matches: `\Q` + strings.ReplaceAll(text("matches"), `\E`, "") + `\E`,
			In:   rapid.SliceOfN(hostile(2), 0, 3).Draw(t, "in"),
			Then: rapid.SampledFrom([]string{"delivered", "retry", "refused"}).Draw(t, "then"),
			ID:   "id." + rapid.SampledFrom([]string{"0", "true", "~", "1e3"}).Draw(t, "id"),
		}
		if rapid.Bool().Draw(t, "equals") {
			r.Equals = new(rapid.OneOf(rapid.Just(""), hostile(2)).Draw(t, "equal"))
		}
		if rapid.Bool().Draw(t, "empty") {
			r.Empty = new(rapid.Bool().Draw(t, "is empty"))
		}
		if r.Path[0] == '.' {
			r.Path = "a" + r.Path
		}
		a.Body = append(a.Body, r)
	}
	if len(a.Body) > 0 {
		a.Otherwise = rapid.SampledFrom([]string{"", "retry", "refused"}).Draw(t, "otherwise")
	}
	if a.Size() == 0 {
		return nil
	}
	return a
}

// TestWhatIsStoredAndExportedSeedsTheSameWebhooks compares versions too: a seed of an
// export changes nothing.
func TestWhatIsStoredAndExportedSeedsTheSameWebhooks(t *testing.T) {
	t.Parallel()
	boxes := seal.New(nil, true)
	rapid.Check(t, func(t *rapid.T) {
		hook := anyWebhook().Draw(t, "webhook")
		stamp := entry.Stamp{Epoch: entry.NewEpoch(), Number: 1, Change: entry.NewID()}
		sealed, err := entry.SealList(boxes, hook.Advertiser, stamp, &entry.List{Webhooks: []*lead.Webhook{&hook}})
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := entry.Parse(sealed.Value())
		if err != nil {
			t.Fatal(err)
		}
		list, err := entry.OpenList(boxes, hook.Advertiser, &parsed)
		if err != nil {
			t.Fatal(err)
		}
		text, err := seedfile.Text(list.Webhooks[0])
		if err != nil {
			t.Fatal(err)
		}
		read, err := seedfile.Parse(context.Background(), "export.yaml", []byte(seedfile.Head+text), seedfile.Options{})
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		again, err := seedfile.Merge(seedfile.Options{}, read)
		if err != nil {
			t.Fatal(err)
		}
		if version := entry.Version(&hook); version != list.Webhooks[0].Version || version != entry.Version(again.At(0)) {
			t.Fatalf("versions: %s before, %s stored, %s exported\n%s", version, list.Webhooks[0].Version, entry.Version(again.At(0)), text)
		}
		hook.Version = ""
		if diff := cmp.Diff(&hook, again.At(0), cmpopts.EquateEmpty()); diff != "" {
			t.Fatalf("(-seeded +exported):\n%s%s", diff, text)
		}
	})
}
