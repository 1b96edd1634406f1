package deadletter

import (
	"github.com/leadhook/leadhook/lead"
	"github.com/leadhook/leadhook/producer"
	"github.com/leadhook/leadhook/producer/retryqueue"
)

// ReplayRecord returns a record of a retry topic that replays a dead letter, for its
// webhook alone: it waits like every record of that topic, and is then attempted like
// any delivery. It counts one more replay than the letter. Its schedule, its attempts
// and the time after which it expires begin again. The letter must have its event, its
// webhook and its delivery.
func ReplayRecord(topic string, l *Letter) producer.Record {
	w := &lead.Waiting{Message: l.Message, History: lead.History{
		Advertiser: l.Advertiser, Webhook: l.Webhook, Delivery: l.Delivery,
		Replays: l.Replays + 1, Received: l.Received, MaybeReceived: l.MaybeReceived,
	}}
	w.Message.Partition = l.Partition
	return retryqueue.Record(topic, w)
}
