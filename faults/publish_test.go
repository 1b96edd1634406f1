//go:build faults

package faults

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/segmentio/kafka-go"
)

// A batch of leads is written at once.
const batchLeads = 200

// publish publishes n leads, dealt out over the advertisers of the webhooks in
// turn, at so many a second; at 0, as fast as Kafka takes them. It returns when
// Kafka has all of them, and tries on until it does: what a broker took without
// saying so is published twice.
func (r *rig) publish(n int, rate float64, hooks ...*hook) {
	r.t.Helper()
	r.publishFrom(r.leads.Add(int64(n))-int64(n)+1, n, rate, hooks)
}

// publishAgain publishes leads again that were published before, n from the
// first on.
func (r *rig) publishAgain(first int64, n int, hooks ...*hook) {
	r.t.Helper()
	r.publishFrom(first, n, 0, hooks)
}

func (r *rig) publishFrom(first int64, n int, rate float64, hooks []*hook) {
	r.t.Helper()
	transport := &kafka.Transport{MetadataTTL: time.Second}
	defer transport.CloseIdleConnections()
	w := &kafka.Writer{
		Addr: kafka.TCP(r.brokers...), Transport: transport, Topic: r.topic, Balancer: &kafka.Hash{},
		RequiredAcks: kafka.RequireAll, BatchTimeout: time.Millisecond, BatchSize: batchLeads, MaxAttempts: 1,
		WriteTimeout: 5 * time.Second, ReadTimeout: 5 * time.Second,
	}
	defer w.Close()
	size := batchLeads
	if rate > 0 {
		size = min(size, max(1, int(rate/50)))
	}
	began := time.Now()
	for done := 0; done < n && r.t.Context().Err() == nil; {
		batch := leads(first+int64(done), min(size, n-done), hooks)
		if rate > 0 {
			time.Sleep(time.Until(began.Add(time.Duration(float64(done) / rate * float64(time.Second)))))
		}
		r.write(w, batch)
		done += len(batch)
	}
}

// leads are n leads with the ids from first on.
func leads(first int64, n int, hooks []*hook) []kafka.Message {
	batch := make([]kafka.Message, n)
	for i := range batch {
		id := first + int64(i)
		batch[i] = lead(id, hooks[int(id)%len(hooks)].Advertiser)
	}
	return batch
}

// write writes until it is done, or the test over.
func (r *rig) write(w *kafka.Writer, batch []kafka.Message) {
	for r.t.Context().Err() == nil {
		now := time.Now()
		for i := range batch {
			batch[i].Time = now
		}
		ctx, cancel := context.WithTimeout(r.t.Context(), 10*time.Second)
		err := w.WriteMessages(ctx, batch...)
		cancel()
		if err == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// publishing publishes in the background; the returned function waits for the
// end of it.
func (r *rig) publishing(n int, rate float64, hooks ...*hook) (wait func()) {
	var publisher sync.WaitGroup
	publisher.Go(func() { r.publish(n, rate, hooks...) })
	r.t.Cleanup(publisher.Wait)
	return publisher.Wait
}

// filler makes leads about as long as real ones are.
var filler = strings.Repeat("Asked about the blue one. ", 20)

// lead is a lead event as a producer writes it.
func lead(id int64, advertiser string) kafka.Message {
	return kafka.Message{Key: []byte(advertiser), Value: fmt.Appendf(nil,
		`{"schema_version":1,"advertiser_id":%q,"trigger":"new_contact","lead":{"id":%d,"event_type":"call",`+
			`"contact":{"first_name":"Ada","last_name":"Example","phone_mobile":"+13095550100"},"notes":%q}}`,
		advertiser, id, filler)}
}

// writeTo writes messages to the partitions that they name.
func (r *rig) writeTo(topic string, messages []kafka.Message) {
	r.t.Helper()
	byPartition := map[int][]kafka.Record{}
	for _, m := range messages {
		byPartition[m.Partition] = append(byPartition[m.Partition], kafka.Record{
			Time: m.Time, Key: kafka.NewBytes(m.Key), Value: kafka.NewBytes(m.Value), Headers: m.Headers})
	}
	for partition, records := range byPartition {
		res, err := r.kafka.Produce(r.t.Context(), &kafka.ProduceRequest{
			Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll, Records: kafka.NewRecordReader(records...)})
		if err == nil {
			err = res.Error
		}
		if err != nil {
			r.t.Fatalf("produce to %s/%d: %v", topic, partition, err)
		}
	}
}
