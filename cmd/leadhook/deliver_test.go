package main

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/segmentio/kafka-go"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/leadhook/leadhook/examples"
	"github.com/leadhook/leadhook/internal/samplecrm"
	"github.com/leadhook/leadhook/lead"
)

var kinds = []lead.Kind{lead.KindCall, lead.KindChat, lead.KindForm, lead.KindEmail}

// example is the example event of a kind, with what tells it apart replaced.
func example(kind lead.Kind, advertiser, trigger string, id int) string {
	var event, body map[string]json.RawMessage
	text := examples.Event(kind)
	if err := json.Unmarshal(text, &event); err != nil {
		panic(err)
	}
	if err := json.Unmarshal(event["lead"], &body); err != nil {
		panic(err)
	}
	return strings.NewReplacer(
		string(event["advertiser_id"]), fmt.Sprintf("%q", advertiser),
		string(event["trigger"]), fmt.Sprintf("%q", trigger),
		`"id": `+string(body["id"]), fmt.Sprintf(`"id": %d`, id),
	).Replace(string(text))
}

func TestEveryLeadReachesEveryWebhookThatWantsIt(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	first, second, none := r.name("USA_1"), r.name("CAN_2"), r.name("USA_3")
	r.seed(r.everyCombination(first, second)...)

	var events []string
	for _, advertiser := range []string{first, second, none} {
		for _, trigger := range []string{"new_contact", "existing_contact", "new_lead"} {
			for _, kind := range kinds {
				events = append(events, example(kind, advertiser, trigger, 1000+len(events)))
			}
			events = append(events, event(advertiser, trigger, "sms", 1000+len(events)))
		}
	}
	r.publish(events...)
	i := r.run().ready()
	// Of the seven combinations four have calls, four chats, and four forms,
	// which e-mails count as: 4 kinds × 4 × 2 formats = 32 for each of the
	// three triggers of the first advertiser. The second one's webhook takes
	// four kinds of one trigger.
	r.exactly(3*32 + 4)
	if letters := r.letters(); len(letters) != 0 {
		t.Errorf("got %d dead letters, want none", len(letters))
	}
	_, metrics := get(t, "http://"+i.admin()+"/metrics")
	for _, want := range []string{
		`leadhook_events_total{outcome="unknown_type"} 9`,
		// Those of the third advertiser, and of the second one's other triggers.
		fmt.Sprintf(`leadhook_events_total{outcome="unwanted"} %d`, 3*4+2*4),
	} {
		if !strings.Contains(metrics, want) {
			t.Errorf("no %s in the metrics:\n%s", want, metrics)
		}
	}
}

// everyCombination are webhooks of the first advertiser for every combination
// of lead types, trigger and format, each with an inactive twin, and one of
// the second advertiser.
func (r *rig) everyCombination(first, second string) []hook {
	var hooks []hook
	for set := 1; set <= 7; set++ {
		for _, trigger := range []string{"new_contact", "existing_contact"} {
			for _, format := range []string{"json", "adf"} {
				h := r.hook(fmt.Sprintf("%d-%s-%s", set, trigger, format), first)
				h.LeadTypes, h.Event, h.Format = lead.LeadTypes(set).Names(), trigger, format
				off := h
				off.ID, off.URL, off.Active = h.ID+"-off", h.URL+"-off", false
				hooks = append(hooks, h, off)
			}
		}
	}
	return append(hooks, r.hook("second", second))
}

func TestTheJSONBodyIsTheLeadByteForByte(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	advertiser := r.name("USA_1")
	r.seed(r.hook("json", advertiser))
	body := `{ "id" : 12345678901234567890,"event_type":"call",` + "\t" +
		`"unknown":[1.50E+400,{"a":null,"a":2}],"display_name":"\u00fc \/ <b>& \ud83d\ude00 ü 😀","call":{"duration":"03:47"} }`
	value := fmt.Sprintf(`{"lead": %s ,"advertiser_id":%q,"trigger":"new_contact"}`, body, advertiser)
	r.put(kafka.Message{Key: []byte(advertiser), Value: []byte(value)})
	r.run()
	r.exactly(1)
	if got, want := string(r.crm.Posts()[0].Body), `{"lead": `+body+`}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTheHeadersOfAPost(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	advertiser := r.name("USA_1")
	plain, full := r.hook("plain", advertiser), r.hook("full", advertiser)
	plain.Auth = "token jokin"
	full.Format, full.Auth, full.AuthHeader = "adf", "user:pass word", "X-API-Key"
	full.Secrets = []string{"whsec_bm90LWEtcmVhbC1zZWNyZXQtLS0tb25l", "whsec_bm90LWEtcmVhbC1zZWNyZXQtLS0tdHdv"}
	full.Headers = map[string]string{"X-Tenant": "north"}
	r.seed(plain, full)
	value := strings.Replace(event(advertiser, "new_contact", "form", 77), `{`, `{"test":true,`, 1)
	const trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
	r.put(kafka.Message{Key: []byte("any key at all"), Value: []byte(value), Headers: []kafka.Header{
		{Key: "traceparent", Value: []byte(trace)}, {Key: "leadhook.attempts", Value: []byte("99")},
	}})
	r.run()
	r.exactly(2)
	for _, post := range r.crm.Posts() {
		h := hookOf(r, post)
		want := http.Header{
			"Accept":          {"*/*"},
			"Content-Length":  {fmt.Sprint(len(post.Body))},
			"Traceparent":     {trace},
			"User-Agent":      {"leadhook/" + buildVersion()},
			"Webhook-Attempt": {"1"},
			"Webhook-Id":      {deliveryID(advertiser, "77", "new_contact", h.ID)},
			"Webhook-Test":    {"true"},
			"Webhook-Trigger": {"new_contact"},
		}
		if h.ID == plain.ID {
			want["Authorization"], want["Content-Type"] = []string{"token jokin"}, []string{"application/json"}
		} else {
			want["X-Api-Key"], want["X-Tenant"] = []string{"user:pass word"}, []string{"north"}
			want["Content-Type"] = []string{"application/xml; charset=utf-8"}
			signedByAll(t, post, full.Secrets)
		}
		got := post.Header.Clone()
		got.Del("Webhook-Timestamp")
		got.Del("Webhook-Signature")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: want (-), got (+):\n%s", h.ID, diff)
		}
	}
}

func hookOf(r *rig, post samplecrm.Post) hook { return r.hooks[strings.TrimPrefix(post.Path, "/")] }

// signedByAll checks a POST as its receiver would, whose clock decides.
func signedByAll(t *testing.T, post samplecrm.Post, secrets []string) {
	t.Helper()
	for _, secret := range secrets {
		verifier, err := standardwebhooks.NewWebhook(secret)
		if err != nil {
			t.Fatal(err)
		}
		if err := verifier.Verify(post.Body, post.Header); err != nil {
			t.Errorf("secret %s: %v", secret, err)
		}
	}
}

func TestADFArrivesAsADF(t *testing.T) {
	t.Parallel()
	r := newRig(t, setup{})
	advertiser := r.name("USA_1")
	h := r.hook("adf", advertiser)
	h.Format = "adf"
	r.seed(h)
	want := map[string]string{} // service by lead id
	for n, kind := range kinds {
		r.publish(strings.ReplaceAll(example(kind, advertiser, "new_contact", 500+n), "\n", " "))
		want[fmt.Sprint(500+n)] = map[lead.Kind]string{
			lead.KindCall: "Phone call", lead.KindChat: "Chat", lead.KindForm: "Web form", lead.KindEmail: "Email",
		}[kind]
	}
	r.run()
	r.exactly(len(kinds))
	got := map[string]string{}
	for _, post := range r.crm.Posts() {
		var adf struct {
			ID      string `xml:"prospect>id"`
			Service string `xml:"prospect>provider>service"`
		}
		if err := xml.Unmarshal(post.Body, &adf); err != nil {
			t.Fatalf("%v\n%s", err, post.Body)
		}
		got[adf.ID] = adf.Service
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("want (-), got (+):\n%s", diff)
	}
}
