package webhook_test

import (
	"testing"

	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"

	"github.com/leadhook/leadhook/lead"
)

func TestMain(m *testing.M) {
	logging.Disable() // of the client, which writes of every lost connection
	goleak.VerifyTestMain(m)
}

// hook is a sound webhook with the given id and advertiser.
func hook(id, advertiser string) lead.Webhook {
	return lead.Webhook{
		ID: id, Advertiser: advertiser, URL: "https://crm.example.com/leads/" + id, Active: true,
		Trigger: lead.NewContact, LeadTypes: lead.AllLeadTypes, Format: lead.JSON,
	}
}

// full is a webhook with every field set.
func full(id, advertiser string) lead.Webhook {
	return lead.Webhook{
		ID: id, Advertiser: advertiser, URL: "https://CRM.example.com:443/Leads/?a=b&c=%7B%7D|&",
		Authorization: "token jokin <&> \u00fc", AuthHeader: "X-API-Key",
		Trigger: lead.ExistingContact, LeadTypes: lead.Chats | lead.Forms, Format: lead.ADF, Active: true,
		SigningSecrets: []lead.Secret{"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", "whsec_ZnVsbC0wMTIzNDU2Nzg5YWJjZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXowMTIzNDU2Nzg5QUJDREVGR0hJSktMTQ=="},
		Headers:        map[string]lead.Secret{"X-Tenant": "7", "Authorization": "Basic dTpw"},
		Rate:           2.5, VendorName: "Bergström & Söhne Auto", ProviderName: "Example Leads",
	}
}
