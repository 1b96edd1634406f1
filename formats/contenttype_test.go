package formats_test

import (
	"testing"

	"github.com/leadhook/leadhook/formats"
	"github.com/leadhook/leadhook/lead"
)

func TestContentTypeOfAWebhookReplacesThatOfItsFormat(t *testing.T) {
	for _, format := range []lead.Format{lead.JSON, lead.ADF} {
		hook := &lead.Webhook{Format: format, ContentType: "text/xml"}
		if got := formats.Render(&lead.Event{Lead: []byte("{}")}, hook, "").ContentType; got != "text/xml" {
			t.Errorf("%s: got %q", format, got)
		}
	}
}
