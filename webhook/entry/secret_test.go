package entry_test

import (
	"testing"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/webhook/entry"
	"github.com/leadhook/leadhook/webhook/seal"
)

func TestAClientCertificateIsASecretAndAnAuthorityIsNot(t *testing.T) {
	noKey := seal.New(nil, false)
	if entry.AllowsSecrets(noKey, &lead.Webhook{ID: "a", ClientCert: clientCert}) == nil {
		t.Error("a client certificate may be stored in clear")
	}
	if err := entry.AllowsSecrets(noKey, &lead.Webhook{ID: "a", CA: authority, LegacyTLS: true}); err != nil {
		t.Error(err)
	}
}
