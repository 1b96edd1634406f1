package seedfile_test

import (
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/seedfile"
)

// hook is a sound webhook with the given id and advertiser.
func hook(id, advertiser string) lead.Webhook {
	return lead.Webhook{
		ID: id, Advertiser: advertiser, URL: "https://crm.example.com/leads/" + id, Active: true,
		Trigger: lead.NewContact, LeadTypes: lead.AllLeadTypes, Format: lead.JSON,
	}
}

// revealed compares secrets by their values and shows them, all invented. The
// version is not part of what is seeded.
var revealed = cmp.Options{
	cmp.Transformer("reveal", func(s lead.Secret) string { return s.Reveal() }),
	cmpopts.IgnoreFields(lead.Webhook{}, "Version"),
}

// unpacked compares entries by what is in them.
var unpacked = cmp.Transformer("Unpacked", func(e seedfile.Entry) any {
	return struct {
		Webhook *lead.Webhook
		At      seedfile.Position
	}{e.Webhook(), e.At}
})
