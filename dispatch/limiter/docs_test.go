package limiter

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

func TestReceiversTellsTheFirstLimit(t *testing.T) {
	text, err := os.ReadFile("../../docs/receivers.md")
	if err != nil {
		t.Fatal(err)
	}
	if told := fmt.Sprintf("starts with %d attempts at once", firstOfWebhook); !strings.Contains(string(text), told) {
		t.Errorf("docs/receivers.md does not say %q", told)
	}
}
