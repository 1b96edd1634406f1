package answer_test

import (
	"strings"
	"testing"

	"github.com/leadhook/leadhook/dispatch/attempt/answer"
	"github.com/leadhook/leadhook/lead"
)

// twoKiB is a body of 2 KiB with a text in front.
func twoKiB(before, after string) []byte {
	note := strings.Repeat("The lead was stored, and somebody is told of it. ", 50)
	return []byte(before + note[:2<<10-len(before)-len(after)] + after)
}

// BenchmarkRules applies four rules to a body of 2 KiB, of which the last one matches.
func BenchmarkRules(b *testing.B) {
	rules := compiled(b, lead.Answers{
		Delivered: []string{"2xx", "302"}, Refused: []string{"204"},
		Body: []lead.AnswerRule{
			{Path: "outcome", Equals: new("failure"), Then: "refused", Reason: "reason"},
			{Path: "r.error", Exists: new(true), Then: "refused", Reason: "r.error"},
			{Path: "data.0.code", In: []string{"SUCCESS", "DUPLICATE_DATA"}, Then: "delivered", ID: "data.0.details.id"},
			{Path: "r.status", Equals: new("ok"), Then: "delivered", ID: "r.id"},
		},
		Otherwise: "refused",
	})
	for name, body := range map[string][]byte{
		"json": twoKiB(`{"data":[{"code":"SUCCESS","details":{"note":"`, `","id":"5725767"},"message":"record added","status":"success"}]}`),
		"xml":  twoKiB(`<?xml version="1.0"?><r><note>`, `</note><status>ok</status><id>5725767</id></r>`),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if m := rules.Status(200); m.Outcome != answer.Delivered {
					b.Fatal(m)
				}
				if m := rules.Body(body, true); m.Outcome != answer.Delivered || m.Record != "5725767" {
					b.Fatal(m)
				}
			}
		})
	}
}

// BenchmarkDoubt is what webhooks without rules pay.
func BenchmarkDoubt(b *testing.B) {
	for name, body := range map[string][]byte{
		"empty": nil,
		"short": []byte(`{"status":"ok","id":17}`),
		"json":  twoKiB(`{"data":[{"code":"SUCCESS","details":{"note":"`, `","id":"5725767"}}]}`),
		"xml":   twoKiB(`<?xml version="1.0"?><r><note>`, `</note><status>ok</status></r>`),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if answer.Doubtful(body) {
					b.Fatal("doubt")
				}
			}
		})
	}
}
