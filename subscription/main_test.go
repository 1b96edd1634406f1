package subscription_test

import (
	"os"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"go.uber.org/goleak"

	"github.com/leadhook/leadhook/lead"
)

func TestMain(m *testing.M) {
	logging.Disable() // of the client, which writes of every lost connection
	goleak.VerifyTestMain(m)
}

// newRedis is a client for an empty Redis: the one that LEADHOOK_TEST_REDIS
// names, whose database is flushed, or else one inside the test.
func newRedis(t testing.TB) redis.UniversalClient {
	t.Helper()
	opts := &redis.Options{}
	if url := os.Getenv("LEADHOOK_TEST_REDIS"); url != "" {
		var err error
		if opts, err = redis.ParseURL(url); err != nil {
			t.Fatal("LEADHOOK_TEST_REDIS is not a redis:// URL")
		}
	} else {
		opts.Addr = miniredis.RunT(t).Addr()
	}
	opts.ContextTimeoutEnabled = true
	rdb := redis.NewClient(opts)
	t.Cleanup(func() { _ = rdb.Close() })
	if err := rdb.FlushDB(t.Context()).Err(); err != nil {
		t.Fatal("emptying Redis:", err)
	}
	return rdb
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
		SigningSecrets: []lead.Secret{"whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3", "whsec_YQ=="},
		Headers:        map[string]lead.Secret{"X-Tenant": "7", "Authorization": "Basic dTpw"},
		Rate:           2.5, VendorName: "Bergström & Söhne Auto", ProviderName: "Example Leads",
	}
}
