//go:build faults

package faults

import (
	"bytes"
	wire "encoding/binary"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/leadhook/leadhook/internal/kafkatest"
)

// These cases publish what no leads are, or what unpacks to far more than it is, among good
// leads.

// largestRecord is what the service unpacks at most, by default. A larger record is a bomb.
const largestRecord = 4 << 20

// A packing is a way to compress records, as a batch's attributes name it, and how many
// zeros fit into what a broker takes.
type packing struct {
	name       string
	attributes int16
	megabytes  int64
}

func packings() []packing {
	return []packing{{"gzip", 1, 300}, {"zstd", 4, 300}, {"lz4", 3, 200}, {"snappy", 2, 15}}
}

// TestBombsAmongGoodLeads publishes, for each compression, a record in each of some partitions
// that unpacks to hundreds of times its size, and a batch of large leads that is far larger
// than what may be unpacked at once although each of them is good.
func TestBombsAmongGoodLeads(t *testing.T) {
	bombsAmongGoodLeads(newRig(t, setup{}))
}

func bombsAmongGoodLeads(r *rig) {
	const large = 20       // leads of 900 KB
	bombed := either(4, 1) // partitions
	hooks := r.many("crm", advertisers)
	instances := r.runs(2)
	published := r.publishing(manyLeads()/2, flow, hooks...)
	r.flows()
	thrown := 0
	for _, p := range packings() {
		value := lead(0, hooks[0].Advertiser).Value
		packed := kafkatest.Batch{Attributes: p.attributes, ProducerID: -1, FirstTime: time.Now().UnixMilli(), Records: []kafkatest.BatchRecord{
			{Key: []byte(hooks[0].Advertiser), Value: value, Zeros: p.megabytes << 20}}}.Bytes()
		for partition := range bombed {
			r.produce(r.topic, partition, packed)
			thrown++
		}
		first := r.leads.Add(large) - large + 1
		batch := kafkatest.Batch{Attributes: p.attributes, ProducerID: -1, FirstTime: time.Now().UnixMilli(), Last: large - 1}
		for i := range int64(large) {
			m := largeLead(first+i, hooks[0].Advertiser)
			batch.Records = append(batch.Records, kafkatest.BatchRecord{Offset: i, Key: m.Key, Value: m.Value})
		}
		if p.name != "snappy" { // which packs 18 MB into more than a broker takes
			r.produce(r.topic, bombed, batch.Bytes())
			continue
		}
		r.leads.Add(-large)
	}
	end := time.Now()
	published()
	a := r.once(2 * time.Minute)
	dead := 0
	for reason, n := range a.reasons {
		r.t.Logf("%d dead letters: %.200s", n, reason)
		dead += n
	}
	if dead != a.bombs || a.bombs < thrown {
		r.fails("%d bombs were published, the topic has %d, and %d are dead letters", thrown, a.bombs, dead)
	}
	peak := int64(0)
	for _, i := range instances {
		peak = max(peak, i.peak())
		i.stop()
	}
	if peak > 300<<20 { // one of them alone would be as much
		r.fails("it took %d MB", peak>>20)
	}
	r.row("event: 15 to 300 MiB in a record of some 100 KB (gzip, zstd, lz4, snappy), among good ones, and good ones of 18 MB in a batch", a, end,
		fmt.Sprintf("%d of %d bombs are dead letters; at most %d MB of memory", dead, a.bombs, peak>>20))
}

// largeLead is a lead of 900 KB.
func largeLead(id int64, advertiser string) kafka.Message {
	m := lead(id, advertiser)
	m.Value = bytes.Replace(m.Value, []byte(filler), bytes.Repeat([]byte("z"), 900_000), 1)
	return m
}

// produce appends a batch to a partition as it is, and tries on until Kafka takes it. Its first
// offset must be zero: the broker sets it.
func (r *rig) produce(topic string, partition int, packed []byte) {
	r.t.Helper()
	packed = append(wire.BigEndian.AppendUint32(nil, uint32(len(packed))), packed...)
	r.until(time.Minute, "Kafka takes a batch", func() bool {
		res, err := r.kafka.RawProduce(r.t.Context(), &kafka.RawProduceRequest{
			Topic: topic, Partition: partition, RequiredAcks: kafka.RequireAll,
			RawRecords: protocol.RawRecordSet{Reader: bytes.NewReader(packed)},
		})
		if err == nil {
			err = res.Error
		}
		if err != nil && !errors.Is(err, protocol.ErrNoRecord) { // which it says of what it has not parsed itself
			r.t.Logf("produce %d bytes to %s/%d: %v", len(packed), topic, partition, err)
			return false
		}
		return true
	})
}

// A transaction is leads that count together, or not at all.
type transaction struct {
	r      *rig
	client *kgo.Client
	hooks  []*hook
	leads  int
}

// transaction begins one, for leads of some webhooks.
func (r *rig) transaction(name string, hooks ...*hook) *transaction {
	r.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(servers.kafka.Addr()), kgo.TransactionalID(name+"-"+r.unique), kgo.DefaultProduceTopic(r.topic),
		kgo.ProducerBatchCompression(kgo.Lz4Compression()))
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(client.Close)
	x := &transaction{r: r, client: client, hooks: hooks}
	x.begin()
	return x
}

func (x *transaction) begin() {
	x.r.t.Helper()
	if err := x.client.BeginTransaction(); err != nil {
		x.r.t.Fatal(err)
	}
}

// put publishes some leads in it, which the brokers have when it returns.
func (x *transaction) put() {
	const n = 50
	x.r.t.Helper()
	var records []*kgo.Record
	for _, m := range leads(x.r.leads.Add(int64(n))-int64(n)+1, n, x.hooks) {
		records = append(records, &kgo.Record{Key: m.Key, Value: m.Value})
	}
	if err := x.client.ProduceSync(x.r.t.Context(), records...).FirstErr(); err != nil {
		x.r.t.Fatal(err)
	}
	x.leads += n
}

func (x *transaction) end(how kgo.TransactionEndTry) {
	x.r.t.Helper()
	if err := x.client.EndTransaction(x.r.t.Context(), how); err != nil {
		x.r.t.Fatal(err)
	}
	if how == kgo.TryAbort {
		x.r.gone += x.leads
	}
	x.leads = 0
}

// TestTransactionsAmongGoodLeads publishes in transactions of which every second one is
// aborted, and leaves one open for some seconds: what is behind it must wait until then,
// since nobody knows whether it counts. No aborted lead may be sent to anybody.
func TestTransactionsAmongGoodLeads(t *testing.T) {
	r := newRig(t, setup{environ: keenCommit})
	hooks := r.many("crm", advertisers)
	r.crm.usually(usualCRM)
	instances := r.runs(2)
	published := r.publishing(manyLeads(), flow, hooks...)
	r.flows()
	rounds := either(20, 6)
	aborts, commits := r.transaction("aborts", hooks...), r.transaction("commits", hooks...)
	for range rounds {
		aborts.put()
		commits.put()
		aborts.put()
		aborts.end(kgo.TryAbort)
		commits.put()
		commits.end(kgo.TryCommit)
		aborts.begin()
		commits.begin()
	}
	open := r.transaction("open", hooks...)
	open.put()
	aborts.put()
	time.Sleep(r.moment(2 * time.Second))
	instances[0].kill() // what it had read ahead is read again, beside an open transaction
	r.run()
	time.Sleep(either(10*time.Second, 3*time.Second))
	aborts.end(kgo.TryAbort)
	open.end(kgo.TryCommit)
	end := time.Now()
	published()
	a := r.arrived(2 * time.Minute)
	r.tolerates(claimsEnd, eachKill(1, flow))
	r.row(fmt.Sprintf("event: in %d transactions, every second one aborted, one open for some seconds, and SIGKILL of one of two", 2*rounds+1), a, end,
		fmt.Sprintf("%d of %d leads were in aborted ones, and nobody got any of them", r.gone, r.leads.Load()))
}
