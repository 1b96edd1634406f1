package record

// The headers of dead letters and of deliveries that wait, all UTF-8 text. The counts
// of attempts, steps and replays are always present. Any other header that would be
// empty is left out: its value is unknown, or there was none.
const (
	ownHeaders = "leadhook." // all of them begin with it

	headerReason        = ownHeaders + "reason"     // of a dead letter, also while it waits
	headerNotBefore     = ownHeaders + "not-before" // of a delivery that waits
	headerError         = ownHeaders + "error"
	headerHost          = ownHeaders + "host"
	headerAnswer        = ownHeaders + "answer"
	headerLocation      = ownHeaders + "location"
	headerRecord        = ownHeaders + "record"
	headerAdvertiser    = ownHeaders + "advertiser"
	headerWebhook       = ownHeaders + "webhook"
	headerDelivery      = ownHeaders + "delivery"
	headerAttempts      = ownHeaders + "attempts"
	headerStep          = ownHeaders + "step"
	headerReplays       = ownHeaders + "replays"
	headerStatus        = ownHeaders + "status"
	headerEvidence      = ownHeaders + "evidence"
	headerMaybeReceived = ownHeaders + "maybe-received" // "true", or left out
	headerReceived      = ownHeaders + "received"
	headerFirstAttempt  = ownHeaders + "first-attempt"
	headerLastAttempt   = ownHeaders + "last-attempt"
	headerFirstDeferral = ownHeaders + "first-deferral"
	headerSource        = ownHeaders + "source"
	headerFormat        = ownHeaders + "format" // left out: 1
)

// format is the number of the latest format that this version reads. Whoever changes what a
// header means, so that older versions would do wrong, writes a greater one.
const format = 1
