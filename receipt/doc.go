// Package receipt records what happened to each lead: for each Kafka record that was
// settled, one receipt. Receipts are JSON records of the topic leads.receipts. They are a
// public contract: customers consume them for billing and analytics (docs/receipts.md,
// docs/receipt.schema.json).
//
// A [Receipt] is written by [Receipt.Append], read by [Parse], and published in batches by a
// [Writer].
//
// The package knows leads and what can become of them. It does not know who settles records,
// nor who reads receipts.
//
// # Every way in which a record can be settled
//
// A record of the live topic, or of a retry topic, that is a whole event ([Receipt.Outcome]):
//
//   - wanted: by one webhook or more. Each of them has its delivery in the receipt.
//   - unwanted: its advertiser has webhooks, but none that wants it. If the advertiser has
//     none, it is counted in a receipt of the type no_webhooks instead.
//   - unknown_type: no webhook takes leads of its type.
//   - unreadable: it was refused, and is a dead letter. Reason says why.
//   - internal: handling it panicked, and it is a dead letter.
//   - put_off: its webhooks could not be read, or it is to be a dead letter and these cannot be
//     written. It waits as it is, until Until.
//   - forwarded: it came from a retry topic before it was due, and waits on.
//   - left: a later version of leadhook wrote it, and this one cannot read it. It was put back.
//
// A record of a retry topic that is a single delivery has no such outcome, unless it was left
// or is unreadable. It and each delivery of an event end in one of these ways
// ([Delivery.Outcome]):
//
//   - delivered: a CRM accepted it.
//   - scheduled: its last attempt failed, and the next one is due at Until.
//   - deferred: it was not attempted, because its webhook does not take it now, or another
//     instance may be attempting it.
//   - handed_over: its attempt had not ended when this instance had to give it away. If that
//     attempt succeeds, or fails, a receipt of the type late_attempt follows.
//   - dead: it is a dead letter. Reason says why.
//   - repeated: the ledger says that it got further before. Mark says how far.
//   - forwarded: it came from a retry topic before it was due, and waits on.
//   - put_off: something of leadhook's own that it needs is away: its webhook cannot be read,
//     or it is to be a dead letter and these cannot be written. It waits until Until.
//
// A record that was not settled has no receipt: it is read again.
package receipt
