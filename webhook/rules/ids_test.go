package rules_test

import (
	"strings"
	"testing"

	"github.com/leadhook/leadhook/webhook/rules"
)

func TestIDs(t *testing.T) {
	const at = "https://crm.example.com/"
	for _, c := range []struct {
		id   string
		want string // in the fault; empty: none
	}{
		{"84+TEST_1", ""}, {"USA_332240", ""}, {"Bergstr\u00f6m & S\u00f6hne 1", ""}, {"\u4f8b\u3048", ""}, {"a\u0301", ""}, {"\U0001f697", ""},
		{"ID:1", ""}, {"my id:1", ""}, {"identity", ""}, {"epochs", ""}, {"open", ""}, {"Open:1", ""},
		{"id:1", "begins with id:"}, {"id:", "begins with id:"}, {"epoch:x", "begins with epoch:"}, {"open:", "begins with open:"}, {"open:x", "begins with open:"},
		{"a\u00a0b", "U+00A0"}, {"a\u2003b", "U+2003"}, {"a\u3000b", "U+3000"}, {"a\u2028b", "U+2028"}, {"a\u2800b", "U+2800"},
		{"a\u200bb", "U+200B"}, {"a\u200db", "U+200D"}, {"a\u2060b", "U+2060"}, {"\ufeffa", "U+FEFF"}, {"a\u00adb", "U+00AD"},
		{"a\u202eb", "U+202E"}, {"a\u2066b", "U+2066"}, {"a\u200fb", "U+200F"}, {"a\u061cb", "U+061C"},
		{"a\ufe0f", "U+FE0F"}, {"a\U000e0100", "U+E0100"}, {"a\U000e0041", "U+E0041"}, {"a\u034fb", "U+034F"}, {"a\u3164b", "U+3164"},
		{"a\uffa0b", "U+FFA0"}, {"a\u115fb", "U+115F"}, {"a\u180eb", "U+180E"}, {"a\ue000b", "U+E000"}, {"a\uffffb", "U+FFFF"},
		{"a\u0007b", "control characters"}, {"a\tb", "control characters"}, {"a\u0085b", "control characters"},
		{" a", "blank"}, {"a ", "blank"}, {"\u00a0a", "blank"}, {"a\xff", "UTF-8"}, {"", "required"},
	} {
		for _, field := range []string{"id", "advertiser"} {
			h := hook(at)
			if field == "id" {
				h.ID = c.id
			} else {
				h.Advertiser = c.id
			}
			wrong := rules.Check(h)
			switch {
			case c.want == "" && len(wrong) > 0:
				t.Errorf("%s %+q: got %v, want it accepted", field, c.id, wrong)
			case c.want != "" && (len(wrong) != 1 || wrong[0].Field != field || !strings.Contains(wrong[0].Text, c.want)):
				t.Errorf("%s %+q: got %v, want one fault with %q", field, c.id, wrong, c.want)
			}
		}
	}
}
