package receipt_test

import (
	"time"

	"pgregory.net/rapid"

	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/receipt"
)

func at(s string) time.Time {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		panic(err)
	}
	return t
}

// ordinary is the receipt of a lead that was delivered to one webhook at the first attempt.
func ordinary() *receipt.Receipt {
	return &receipt.Receipt{
		Version: receipt.Version, Type: receipt.TypeRecord,
		Place: receipt.Place{Topic: "leads", Partition: 3, Offset: 1842}, At: at("2026-12-01T16:12:09.714Z"), Instance: "leadhook-0",
		Advertiser: "USA_332240", Lead: "480015503", Kind: lead.KindCall, Trigger: lead.NewContact, Published: at("2026-12-01T16:12:09.500Z"),
		Emails: []string{"2026a:Zm9vYmFyYmF6cXV4cXV1eA"}, Phones: []string{"2026a:YmFyYmF6cXV4cXV1eGZvbw"},
		Outcome: receipt.Wanted, Wanted: 1,
		Deliveries: []receipt.Delivery{{
			ID: "dlv_00112233445566778899aabbccddeeff", Webhook: "84+TEST_1", Host: "crm.example.com", Outcome: receipt.Delivered, Made: 1,
			Attempts: []receipt.Attempt{{
				Number: 1, At: at("2026-12-01T16:12:09.530Z"), Millis: 184, Family: receipt.IPv4, Status: 201, Outcome: receipt.AttemptDelivered,
			}},
		}},
	}
}

// anyReceipt is one that Parse must accept.
func anyReceipt(t *rapid.T) *receipt.Receipt {
	r := &receipt.Receipt{
		Version: receipt.Version, At: anyTime(t), Instance: anyText(t),
		Type: sampled(t, receipt.Types...),
	}
	if r.Type == receipt.TypeNoWebhooks || r.Type == receipt.TypeGap {
		return withOffsets(t, r)
	}
	r.Place, r.Source = anyPlace(t), rapid.OneOf(rapid.Just(receipt.Place{}), rapid.Custom(anyPlace)).Draw(t, "source")
	r.Advertiser, r.Lead = anyText(t), rapid.SampledFrom([]string{"", "1", "18446744073709551615"}).Draw(t, "lead")
	r.Kind = sampled(t, "", lead.KindCall, lead.KindChat, lead.KindForm, lead.KindEmail, lead.KindOther)
	r.Trigger = sampled(t, "", lead.NewContact, lead.ExistingContact)
	r.Test, r.Published = rapid.Bool().Draw(t, "test"), maybeTime(t)
	r.Emails, r.Phones = anyPseudonyms(t), anyPseudonyms(t)
	if r.Type == receipt.TypeLateAttempt {
		d := anyDelivery(t)
		d.Attempts = []receipt.Attempt{anyAttempt(t)}
		r.Deliveries = []receipt.Delivery{d}
		return r
	}
	r.Deliveries = rapid.SliceOfN(rapid.Custom(anyDelivery), 0, 3).Draw(t, "deliveries")
	if len(r.Deliveries) != 1 || rapid.Bool().Draw(t, "whole") {
		r.Outcome = sampled(t, receipt.EventOutcomes...)
		r.Wanted = len(r.Deliveries)
	}
	r.Reason, r.Error, r.Until = anyReason(t), anyText(t), maybeTime(t)
	for range rapid.IntRange(0, 50).Draw(t, "declined") {
		r.Declines(sampled(t, lead.DeclinesInactive, lead.DeclinesLeadType, lead.DeclinesTrigger, lead.DeclinesUnknownType), anyID(t))
	}
	return r
}

func withOffsets(t *rapid.T, r *receipt.Receipt) *receipt.Receipt {
	r.Partition, r.Since = rapid.IntRange(0, 999).Draw(t, "partition"), anyTime(t)
	if r.Type == receipt.TypeGap {
		r.Error = anyText(t)
	}
	for range rapid.IntRange(1, 4).Draw(t, "ranges") {
		o := receipt.Offsets{Topic: "leads.retry.10s", First: rapid.Int64Range(0, 1<<40).Draw(t, "first")}
		o.Count = rapid.Int64Range(1, 1<<40).Draw(t, "count")
		o.Last = o.First + o.Count - 1
		r.Count += o.Count
		r.Offsets = append(r.Offsets, o)
	}
	return r
}

func anyDelivery(t *rapid.T) receipt.Delivery {
	few := rapid.IntRange(0, 20)
	return receipt.Delivery{
		ID: anyID(t), Webhook: anyID(t), Host: anyText(t), Outcome: sampled(t, receipt.DeliveryOutcomes...),
		Until: maybeTime(t), Why: anyText(t), Reason: anyReason(t), Mark: lead.Mark(rapid.Uint16().Draw(t, "mark")),
		Step: few.Draw(t, "step"), Made: few.Draw(t, "made"), Replays: few.Draw(t, "replays"), Actor: anyText(t),
		Attempts: rapid.SliceOfN(rapid.Custom(anyAttempt), 0, 3).Draw(t, "attempts"),
	}
}

func anyAttempt(t *rapid.T) receipt.Attempt {
	return receipt.Attempt{
		Number: rapid.IntRange(1, 40).Draw(t, "number"), At: anyTime(t), Millis: rapid.Int64Range(0, 1e6).Draw(t, "ms"),
		Host: anyText(t), Family: sampled(t, "", receipt.IPv4, receipt.IPv6), Status: rapid.SampledFrom([]int{0, 200, 599}).Draw(t, "status"),
		Outcome:  sampled(t, receipt.AttemptOutcomes...),
		Evidence: sampled(t, "", lead.NotSent, lead.MaybeReceived, lead.Answered), Cause: sampled(t, append(lead.Causes, "")...),
		Error: anyText(t), Words: anyText(t), Answer: anyText(t), Location: anyText(t), Record: anyText(t), Rule: anyText(t),
		Doubt: rapid.Bool().Draw(t, "doubt"),
	}
}

func sampled[T ~string](t *rapid.T, all ...T) T { return rapid.SampledFrom(all).Draw(t, "one of") }

func anyPlace(t *rapid.T) receipt.Place {
	return receipt.Place{
		Topic:     sampled(t, "leads", "leads.retry.1h30m", "Leads_2-x"),
		Partition: rapid.IntRange(0, 4096).Draw(t, "partition"), Offset: rapid.Int64Range(0, 1<<62).Draw(t, "offset"),
	}
}

func anyTime(t *rapid.T) time.Time {
	return time.UnixMilli(rapid.Int64Range(at("0000-01-01T00:00:00Z").UnixMilli(), at("9999-12-31T23:59:59Z").UnixMilli()).Draw(t, "time")).UTC()
}

func maybeTime(t *rapid.T) time.Time {
	return rapid.OneOf(rapid.Just(time.Time{}), rapid.Custom(anyTime)).Draw(t, "time")
}

func anyPseudonyms(t *rapid.T) []string {
	return rapid.SliceOfN(rapid.StringMatching(`[a-z0-9]{1,8}:[A-Za-z0-9_-]{22}`), 0, 3).Draw(t, "pseudonyms")
}

func anyReason(t *rapid.T) lead.Reason { return sampled(t, append(lead.Reasons(), "")...) }
func anyText(t *rapid.T) string        { return rapid.String().Draw(t, "text") }
func anyID(t *rapid.T) string          { return rapid.StringN(1, 20, -1).Draw(t, "id") }
