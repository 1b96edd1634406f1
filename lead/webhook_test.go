package lead_test

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"go.uber.org/zap/zapcore"

	"github.com/leadhook/leadhook/lead"
)

var kinds = []lead.Kind{lead.KindCall, lead.KindChat, lead.KindForm, lead.KindEmail, lead.KindOther}

func TestWantsEveryCombination(t *testing.T) {
	// Which kinds each set of lead types takes, written out by hand.
	takes := map[lead.LeadTypes]string{
		0:                       "",
		lead.Calls:              "call",
		lead.Chats:              "chat",
		lead.Forms:              "form email",
		lead.Calls | lead.Chats: "call chat",
		lead.Calls | lead.Forms: "call form email",
		lead.Chats | lead.Forms: "chat form email",
		lead.AllLeadTypes:       "call chat form email",
	}
	triggers := []lead.Trigger{lead.NewContact, lead.ExistingContact}
	for types, taken := range takes {
		for _, kind := range kinds {
			for _, of := range triggers {
				for _, raised := range triggers {
					for _, active := range []bool{true, false} {
						hook := lead.Webhook{LeadTypes: types, Trigger: of, Active: active}
						ev := lead.Event{Kind: kind, Trigger: raised}
						want := active && of == raised && strings.Contains(" "+taken+" ", " "+string(kind)+" ")
						if got := hook.Wants(&ev); got != want {
							t.Errorf("webhook for %q on %s, active %v; %s that raised %s: got %v, want %v",
								types, of, active, kind, raised, got, want)
						}
					}
				}
			}
		}
	}
}

func TestOfSeveralDeclinesTheFirstCounts(t *testing.T) {
	for _, tc := range []struct {
		hook lead.Webhook
		ev   lead.Event
		want lead.Decline
	}{
		{lead.Webhook{}, lead.Event{Kind: lead.KindOther, Trigger: lead.NewContact}, lead.DeclinesUnknownType},
		{lead.Webhook{Damaged: "not JSON"}, lead.Event{Kind: lead.KindOther}, lead.DeclinesUnknownType},
		{lead.Webhook{Trigger: lead.ExistingContact}, lead.Event{Kind: lead.KindCall, Trigger: lead.NewContact}, lead.DeclinesTrigger},
		{lead.Webhook{LeadTypes: lead.Forms}, lead.Event{Kind: lead.KindCall}, lead.DeclinesLeadType},
		{lead.Webhook{LeadTypes: lead.Calls}, lead.Event{Kind: lead.KindCall}, lead.DeclinesInactive},
		{lead.Webhook{LeadTypes: lead.Calls, Active: true}, lead.Event{Kind: lead.KindCall}, ""},
	} {
		if got := tc.hook.Declines(&tc.ev); got != tc.want {
			t.Errorf("webhook %+v, event of kind %s: got %q, want %q", tc.hook, tc.ev.Kind, got, tc.want)
		}
	}
}

func TestWhyTheServiceSetAWebhookInactive(t *testing.T) {
	at := time.Date(2026, 11, 23, 16, 12, 9, 5, time.FixedZone("", 3600))
	for reason, want := range map[lead.Reason]string{
		lead.Gone:      "leadhook set the webhook inactive at 2026-11-23T15:12:09Z because its CRM answered 410 Gone",
		lead.Exhausted: "leadhook set the webhook inactive at 2026-11-23T15:12:09Z because its CRM kept failing",
	} {
		if got := (lead.Disabled{At: at, Reason: reason}).String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestDamagedWebhookTakesEveryKnownKind(t *testing.T) {
	hook := lead.Webhook{ID: "w", Damaged: "not JSON"}
	for _, kind := range kinds {
		want := kind != lead.KindOther
		if got := hook.Wants(&lead.Event{Kind: kind, Trigger: lead.NewContact}); got != want {
			t.Errorf("%s: got %v, want %v", kind, got, want)
		}
	}
}

func TestLeadTypeNames(t *testing.T) {
	if got, want := (lead.AllLeadTypes).String(), "calls,chats,forms"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	var all lead.LeadTypes
	for _, name := range lead.AllLeadTypes.Names() {
		one, ok := lead.ParseLeadType(name)
		if !ok || one.String() != name {
			t.Errorf("%s: got %q, %v, want itself", name, one, ok)
		}
		all |= one
	}
	if all != lead.AllLeadTypes {
		t.Errorf("got %q from all names, want %q", all, lead.AllLeadTypes)
	}
	for _, wrong := range []string{"", "call", "Calls", "emails", "calls,chats"} {
		if one, ok := lead.ParseLeadType(wrong); ok {
			t.Errorf("%q: got %q, want it refused", wrong, one)
		}
	}
}

func TestParseFormat(t *testing.T) {
	for in, want := range map[string]bool{"json": true, "adf": true, "": false, "ADF": false, "xml": false} {
		if got, ok := lead.ParseFormat(in); ok != want || ok && string(got) != in {
			t.Errorf("%q: got %q, %v, want %v", in, got, ok, want)
		}
	}
}

func TestSecretIsNeverShown(t *testing.T) {
	const hush = "token jokin"
	hook := lead.Webhook{
		ID: "w", Authorization: hush, SigningSecrets: []lead.Secret{hush},
		Headers: map[string]lead.Secret{"X-Token": hush},
	}
	var shown []string
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%10.3s", "%T%[1]v"} {
		shown = append(shown, fmt.Sprintf(verb, lead.Secret(hush)), fmt.Sprintf(verb, hook), fmt.Sprintf(verb, &hook))
	}
	shown = append(shown, fmt.Sprint(lead.Secret(hush)), lead.Secret(hush).String(), asJSON(t, hook), asYAML(t, hook))
	shown = append(shown, slog.AnyValue(lead.Secret(hush)).String(), asZap(lead.Secret(hush)), asZap(hook))
	for _, s := range shown {
		if strings.Contains(s, "jokin") || strings.Contains(strings.ToLower(s), fmt.Sprintf("%x", "jokin")) {
			t.Errorf("the secret is shown: %s", s)
		}
	}
	if got := lead.Secret(hush).Reveal(); got != hush {
		t.Errorf("Reveal: got %q, want %q", got, hush)
	}
	if got := fmt.Sprintf("%v %s %q", lead.Secret(hush), lead.Secret(hush), lead.Secret("")); got != "*** *** " {
		t.Errorf("got %q, want stars for a secret and nothing for none", got)
	}
}

func asJSON(t *testing.T, v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func asYAML(t *testing.T, v any) string {
	b, err := yaml.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func asZap(v any) string {
	enc := zapcore.NewMapObjectEncoder()
	if err := enc.AddReflected("v", v); err != nil {
		return err.Error()
	}
	return fmt.Sprint(enc.Fields)
}
