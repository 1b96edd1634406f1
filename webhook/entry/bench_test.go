package entry_test

import (
	"testing"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/entry"
)

// BenchmarkOpen is what a look-up that the cache cannot answer does with what Redis has:
// one webhook, as most advertisers have, and its history.
func BenchmarkOpen(b *testing.B) {
	h := &lead.Webhook{
		ID: "prairie-new", Advertiser: "A", URL: "https://crm.prairie-state.example.com/leads", Authorization: "Bearer s3cret-s3cret-s3cret",
		Trigger: lead.NewContact, LeadTypes: lead.AllLeadTypes, Format: lead.JSON, Active: true,
	}
	value := sealList(b, sealed, &entry.List{Webhooks: []*lead.Webhook{h}, History: history(3, 1)}).Value()
	b.ReportAllocs()
	for b.Loop() {
		e, err := entry.Parse(value)
		if err == nil {
			_, err = entry.OpenWebhooks(sealed, "A", &e)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}
