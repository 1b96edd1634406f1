package seedfile_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/seedfile"
)

func TestSecretsMayBeVariables(t *testing.T) {
	variables := map[string]string{"TOKEN": "jokin", "K_2": "a2V5LTAxMjM0NTY3ODlhYmNkZWZnaGlq", "DOLLAR": "a${TOKEN}$", "TWO_LINES": "a\nb", "EMPTY": ""}
	rules := seedfile.Options{Variable: func(name string) (string, error) {
		if variables[name] == "" {
			return "", errors.New("which is not set")
		}
		return variables[name], nil
	}}
	for text, want := range map[string]string{
		"${TOKEN}":             "jokin",
		"token ${TOKEN}":       "token jokin",
		"${TOKEN}${K_2}":       "jokina2V5LTAxMjM0NTY3ODlhYmNkZWZnaGlq",
		"${DOLLAR}":            "a${TOKEN}$", // once is enough
		"$TOKEN":               "$TOKEN",
		"pa$$word$":            "pa$$word$",
		"$${TOKEN}":            "${TOKEN}",
		"$$${TOKEN}":           "$${TOKEN}",
		"$${":                  "${",
		"$${TOKEN}-${TOKEN}-$": "${TOKEN}-jokin-$",
		"{TOKEN}":              "{TOKEN}",
	} {
		hooks, err := seedfile.Parse(t.Context(), "seed.yaml", []byte(minimal(fmt.Sprintf("authorization: %q", text),
			fmt.Sprintf("headers: {X-Token: %q}", text), "vendor_name: ${TOKEN}")), rules)
		if err != nil {
			t.Errorf("%s: got error %v", text, err)
			continue
		}
		h := hooks[0].Webhook()
		if got := h.Authorization.Reveal(); got != want || h.Headers["X-Token"].Reveal() != want || h.VendorName != "${TOKEN}" {
			t.Errorf("%s: got %q, want %q in secrets alone", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"${MISSING}":     "environment variable MISSING, which is not set",
		"x ${EMPTY}":     "environment variable EMPTY, which is not set",
		"${}":            "without the name of a variable",
		"a${":            "without the name of a variable",
		"${not a name}":  "without the name of a variable",
		"${TOKEN:-else}": "without the name of a variable",
		"${TWO_LINES}":   "control characters",
	} {
		_, err := seedfile.Parse(t.Context(), "seed.yaml", []byte(minimal("signing_secrets: [whsec_YS0wMTIzNDU2Nzg5YWJjZGVmZ2hpamts]", fmt.Sprintf("authorization: %q", text))), rules)
		if err == nil || len(lines(err)) != 1 || !strings.Contains(err.Error(), want) || !strings.HasPrefix(err.Error(), "seed.yaml:7:20: ") {
			t.Errorf("%s: got error %v, want one in line 7 with %q", text, err, want)
		}
	}
	hooks, err := seedfile.Parse(t.Context(), "seed.yaml", []byte(minimal("signing_secrets: ['whsec_${K_2}']")), rules)
	if err != nil || hooks[0].Webhook().SigningSecrets[0].Reveal() != "whsec_a2V5LTAxMjM0NTY3ODlhYmNkZWZnaGlq" {
		t.Errorf("a signing secret: got error %v, %d webhooks", err, len(hooks))
	}
}

// TestAFileReadWebhookByWebhookIsTheSameFile compares with the same file and
// something behind it that only YAML as a whole makes sense of.
func TestAFileReadWebhookByWebhookIsTheSameFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		indent := strings.Repeat(" ", rapid.IntRange(0, 4).Draw(t, "indent"))
		var file strings.Builder
		file.WriteString(rapid.SampledFrom([]string{"", "# comment\n\n", "---\n", "\n  # - id: x\n---\n"}).Draw(t, "head"))
		file.WriteString(rapid.SampledFrom([]string{"webhooks:\n", "webhooks:   # all of them\n", "webhooks: \n\n"}).Draw(t, "key"))
		for n := range rapid.IntRange(1, 6).Draw(t, "webhooks") {
			gap := rapid.SampledFrom([]string{" ", "   ", "\n" + indent + "  "}).Draw(t, "gap")
			inner := indent + "  "
			if !strings.Contains(gap, "\n") {
				inner = indent + " " + gap
			}
			fmt.Fprintf(&file, "%s-%sid: w%d\n", indent, gap, n)
			for _, line := range rapid.SliceOfDistinct(rapid.SampledFrom([]string{
				"advertiser: USA_1", "url: https://crm.example.com/a", "event: new_contact", "active: true", "rate: 0",
				"vendor_name: |-\n" + inner + "   - id: x", "provider_name: \"a\n" + inner + " - b\"", "lead_types: [calls,\n" + inner + "  chats]",
				"headers:\n" + inner + "  X-A: b\n" + inner + "  # - c\n\n" + inner + "  X-B: c", "colour: red", "authorization: ${MISSING}",
				"lead_types:\n" + inner + "- calls\n" + inner + "- faxes",
			}), func(line string) string { return line }).Draw(t, "lines") {
				file.WriteString(inner + line + "\n")
			}
			file.WriteString(rapid.SampledFrom([]string{"", "\n", "# between\n", indent + "# - id: x\n"}).Draw(t, "between"))
		}
		single, err1 := seedfile.Parse(t.Context(), "f", []byte(file.String()), seedfile.Options{})
		whole, err2 := seedfile.Parse(t.Context(), "f", []byte(file.String()+"...\n"), seedfile.Options{})
		if diff := cmp.Diff(whole, single, revealed, unpacked); diff != "" || fmt.Sprint(err1) != fmt.Sprint(err2) {
			t.Fatalf("%s\n(-whole +webhook by webhook):\n%s%s", &file, diff, cmp.Diff(lines(err2), lines(err1)))
		}
	})
}

func TestPlacesInAFileOfJSONAreItsOwn(t *testing.T) {
	file := "{\"webhooks\": [{\"id\": \"ä\", \"colour\": 1}, {\"id\": \"b\", \"colour\": 2},\n {\"id\":\n\"c\", \"colour\": 3}]}"
	_, err := seedfile.Parse(t.Context(), "f", []byte(file), seedfile.Options{})
	var got []string
	for _, line := range lines(err) {
		if place, _, ok := strings.Cut(line, ": unknown field"); ok {
			got = append(got, place)
		}
	}
	if diff := cmp.Diff([]string{"f:1:27", "f:1:53", "f:3:6"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s%v", diff, err)
	}
}

func TestAMistakeInOneWebhookHidesNoneInTheOthers(t *testing.T) {
	file := minimal("colour: red") + "  - id: [b\n" + strings.NewReplacer("webhooks:\n", "", "id: a", "id: c").Replace(minimal("rate: -1"))
	_, err := seedfile.Parse(t.Context(), "f", []byte(file), seedfile.Options{})
	got := fmt.Sprint(err)
	if len(lines(err)) != 3 || !strings.Contains(got, "f:6:5: ") || !strings.Contains(got, "f:7:") || !strings.Contains(got, "f:12:11: ") {
		t.Errorf("got\n%v\nwant faults in lines 6, 7 and 12", err)
	}
}

func TestWarningsOfSeedFiles(t *testing.T) {
	at := func(id string, change func(*lead.Webhook)) seedfile.Entry {
		h := hook(id, "USA_1")
		h.URL = "https://crm.example.com/leads"
		change(&h)
		return seedfile.NewEntry(&h, seedfile.Position{File: id + ".yaml", Line: 2, Column: 5})
	}
	types := func(types lead.LeadTypes) func(*lead.Webhook) { return func(h *lead.Webhook) { h.LeadTypes = types } }
	got := seedfile.Warnings(
		[]seedfile.Entry{at("a", types(lead.Calls)), at("b", types(lead.Chats|lead.Forms)), at("c", types(lead.AllLeadTypes))},
		[]seedfile.Entry{
			at("other event", func(h *lead.Webhook) { h.Trigger = lead.ExistingContact }),
			at("other advertiser", func(h *lead.Webhook) { h.Advertiser = "USA_2" }),
			at("other case", func(h *lead.Webhook) { h.URL += "/" }),
			at("off", func(h *lead.Webhook) { h.Active = false }),
			at("http", func(h *lead.Webhook) { h.URL = "http://crm.example.com/?key=hush" }),
			at("d", types(lead.Forms)),
		})
	want := []string{
		`c.yaml:2:5: webhook "c" has the URL and event of webhook "a" (a.yaml:2:5), and takes calls like it: each such lead arrives twice`,
		`d.yaml:2:5: webhook "d" has the URL and event of webhook "b" (b.yaml:2:5), and takes forms like it: each such lead arrives twice`,
		`http.yaml:2:5: webhook "http" has an http URL: leads, and its secrets, can be read on their way`,
		`off.yaml:2:5: webhook "off" is inactive: no leads are sent to it`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var many []seedfile.Entry
	for n := range 1000 {
		many = append(many, at(fmt.Sprint("w", n), func(h *lead.Webhook) { h.Active = false }))
	}
	if got := seedfile.Warnings(many); len(got) != 11 || got[10] != "and 990 more inactive webhooks" {
		t.Errorf("of a thousand: got %d lines, the last is %q", len(got), got[len(got)-1])
	}
}
