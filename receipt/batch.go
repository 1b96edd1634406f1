package receipt

import (
	"time"

	"github.com/leadhook/leadhook/producer"
)

// A batch is receipts that are published together.
type batch struct {
	since   time.Time // when the first of them came
	bytes   []byte    // of each receipt its key and its value
	ends    []ends    // where these end
	about   ranges    // the records, roughly
	settled []func()  // to be called once the receipts are safe, or given up
}

type ends struct{ key, value int }

// recordWeight is what a record that waits for its receipt weighs beside the receipt's bytes.
const recordWeight = 64

// size returns what the batch takes in memory.
func (b *batch) size() int { return len(b.bytes) + recordWeight*max(len(b.ends), len(b.settled)) }

// add adds a receipt of some records.
func (b *batch) add(r *Receipt, about ranges, settled ...func()) {
	b.bytes = append(b.bytes, r.Advertiser...)
	key := len(b.bytes)
	b.bytes = r.Append(b.bytes)
	b.ends = append(b.ends, ends{key, len(b.bytes)})
	for _, o := range about {
		b.about.addRoughly(o)
	}
	b.settled = append(b.settled, settled...)
}

// records returns the receipts as they are published.
func (b *batch) records() []producer.Record {
	records := make([]producer.Record, len(b.ends))
	begin := 0
	for i, end := range b.ends {
		if end.key > begin {
			records[i].Key = b.bytes[begin:end.key]
		}
		records[i].Value = b.bytes[end.key:end.value]
		begin = end.value
	}
	return records
}

// settle calls what waits for the receipts.
func (b *batch) settle() {
	for _, settled := range b.settled {
		if settled != nil {
			settled()
		}
	}
}
