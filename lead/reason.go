package lead

// A Reason is why something is a dead letter.
type Reason string

// The reasons. Those of the first group are for events that cannot be read; such a
// dead letter belongs to no webhook.
const (
	NotJSON        Reason = "not_json"
	BadUTF8        Reason = "bad_utf8"
	NoAdvertiser   Reason = "no_advertiser"
	BadTrigger     Reason = "bad_trigger"
	BadLeadID      Reason = "bad_lead_id"
	NoEventType    Reason = "no_event_type"
	AmbiguousField Reason = "ambiguous_field"
	TooLarge       Reason = "too_large"
	Internal       Reason = "internal" // handling it panicked

	Exhausted       Reason = "exhausted"        // every attempt of the schedule failed
	Expired         Reason = "expired"          // it was not delivered in time (72 hours by default)
	Refused         Reason = "refused"          // the CRM will never accept it
	Gone            Reason = "gone"             // the CRM answered 410
	WebhookDisabled Reason = "webhook_disabled" // disabled by the service
	WebhookInactive Reason = "webhook_inactive" // set inactive by the advertiser
	WebhookRemoved  Reason = "webhook_removed"
	WebhookDamaged  Reason = "webhook_damaged" // what is stored of it cannot be used
)

// Reasons returns all reasons, those of events that cannot be read first.
func Reasons() []Reason {
	return []Reason{
		NotJSON, BadUTF8, NoAdvertiser, BadTrigger, BadLeadID, NoEventType, AmbiguousField, TooLarge, Internal,
		Exhausted, Expired, Refused, Gone, WebhookDisabled, WebhookInactive, WebhookRemoved, WebhookDamaged,
	}
}
