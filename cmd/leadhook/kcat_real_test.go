//go:build real

package main

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// kcat runs it against the rig's Kafka, with in on standard input.
func (r *rig) kcat(in string, args ...string) string {
	r.t.Helper()
	cmd := exec.CommandContext(r.t.Context(), "kcat", append([]string{"-b", r.kafka}, args...)...)
	cmd.Stdin = strings.NewReader(in)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		r.t.Fatalf("kcat %v: %v\n%s", args, err, errs.String())
	}
	return string(out)
}

// TestByHandWithKcat publishes two leads with kcat, one of which its CRM
// refuses, and something that is no lead, and reads the dead letters with it.
func TestByHandWithKcat(t *testing.T) {
	t.Parallel()
	crm := &answers{}
	r := newRig(t, setup{answer: crm.answer})
	takes, refuses := r.hook("takes", r.name("USA_1")), r.hook("refuses", r.name("Ünal_2"))
	crm.on(refuses, answerOf(422))
	r.seed(takes, refuses)
	r.run().ready()
	r.kcat(takes.Advertiser+"|"+event(takes.Advertiser, "new_contact", "call", 1)+"\n"+
		refuses.Advertiser+"|"+event(refuses.Advertiser, "new_contact", "chat", 2)+"\n", "-P", "-t", r.topic, "-K", "|")
	if got, want := r.settled(), (account{events: 2, wanted: 2, taken: 1, dead: 1, failed: 1}); got != want {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	r.kcat("no lead\n", "-P", "-t", r.topic, "-H", malformedHeader+"=text", "-H", "bytes=\xff")
	r.settled()

	reasons := map[string]int{}
	for line := range strings.Lines(r.kcat("", "-C", "-t", r.topic+".dlq", "-e", "-q", "-J")) {
		var letter struct{ Headers []string }
		if err := json.Unmarshal([]byte(strings.ToValidUTF8(line, "?")), &letter); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		for n := 0; n+1 < len(letter.Headers); n += 2 {
			name, value := letter.Headers[n], letter.Headers[n+1]
			if strings.HasPrefix(name, "leadhook.") && !readableText(value) {
				t.Errorf("header %s is %q, want readable text", name, value)
			}
			if name == "leadhook.reason" {
				reasons[value]++
			}
		}
	}
	if reasons["refused"] != 1 || reasons["not_json"] != 1 || len(reasons) != 2 {
		t.Errorf("kcat reads the reasons %v, want refused and not_json once each", reasons)
	}
}

func readableText(s string) bool {
	return s != "" && utf8.ValidString(s) && !strings.ContainsRune(s, utf8.RuneError) && !strings.ContainsFunc(s, unicode.IsControl)
}
