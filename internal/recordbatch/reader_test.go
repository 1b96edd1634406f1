package recordbatch_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"
	"github.com/segmentio/kafka-go"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leadhook/leadhook/internal/kafkatest"
	"github.com/leadhook/leadhook/internal/recordbatch"
)

const limit = 1 << 20

var codecs = map[string]int16{"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}

// read returns the records of a batch in words.
func read(ctx context.Context, raw []byte) (got []string, err error) {
	b, rest, err := recordbatch.Next(raw)
	if err == nil {
		err = b.Check()
	}
	if err != nil {
		return nil, err
	}
	if len(rest) > 0 {
		return nil, errors.New("there is something behind the batch")
	}
	r, err := recordbatch.NewUnpacker(limit).Open(&b)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	for {
		rec, err := r.Next(ctx)
		if errors.Is(err, io.EOF) {
			return got, nil
		}
		if err != nil {
			return got, err
		}
		got = append(got, inWords(&rec))
	}
}

func inWords(r *recordbatch.Record) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d at %d %s=%s", r.Offset, r.Time.UnixMilli(), r.Key, short(r.Value))
	if r.TooLarge > 0 {
		return fmt.Sprintf("%d at %d %s has %d bytes", r.Offset, r.Time.UnixMilli(), r.Key, r.TooLarge)
	}
	for h := range r.AllHeaders {
		fmt.Fprintf(&text, " %s:%s", h.Key, h.Value)
	}
	return text.String()
}

func short(b []byte) string {
	if len(b) > 100 {
		return fmt.Sprintf("%d bytes", len(b))
	}
	return string(b)
}

func records(r ...kafkatest.BatchRecord) []kafkatest.BatchRecord { return r }

func TestRecords(t *testing.T) {
	a := kafkatest.BatchRecord{Offset: 10, Key: []byte("a"), Value: []byte("1"), Headers: []kafka.Header{{Key: "x", Value: []byte("y")}, {Key: "z"}}}
	b := kafkatest.BatchRecord{Offset: 12, TimeDelta: 500, Value: []byte("2")}
	large := kafkatest.BatchRecord{Offset: 13, TimeDelta: 600, Key: []byte("large"), Value: []byte("v"), Zeros: limit, Headers: a.Headers}
	within := kafkatest.BatchRecord{Offset: 14, Zeros: limit - 1000}
	const appended = 8
	for name, c := range map[string]struct {
		batch kafkatest.Batch
		want  []string
	}{
		"several":        {kafkatest.Batch{Records: records(a, b)}, []string{"10 at 1000 a=1 x:y z:", "12 at 1500 =2"}},
		"none left":      {kafkatest.Batch{}, nil},
		"append time":    {kafkatest.Batch{Attributes: appended, Records: records(a, b)}, []string{"10 at 2000 a=1 x:y z:", "12 at 2000 =2"}},
		"the last large": {kafkatest.Batch{Records: records(a, large)}, []string{"10 at 1000 a=1 x:y z:", "13 at 1600 large has 1048599 bytes"}},
		"among large":    {kafkatest.Batch{Records: records(a, large, within)}, []string{"10 at 1000 a=1 x:y z:", "13 at 1600 large has 1048599 bytes", "14 at 1000 =1047576 bytes"}},
	} {
		for codec, bits := range codecs {
			t.Run(name+", "+codec, func(t *testing.T) {
				batch := c.batch
				batch.First, batch.Last, batch.FirstTime, batch.MaxTime = 10, 20, 1000, 2000
				batch.Attributes |= bits
				got, err := read(t.Context(), batch.Bytes())
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("-want +got:\n%s", diff)
				}
			})
		}
	}
}

// TestBombs has batches of some hundred KB that unpack to 60 and 300 MiB.
func TestBombs(t *testing.T) {
	const bytes, several, many = 300 << 20, 60 << 20, 3000
	one := kafkatest.Batch{Last: 1, Records: records(
		kafkatest.BatchRecord{Key: []byte("k"), Zeros: bytes}, kafkatest.BatchRecord{Offset: 1, Value: []byte("behind it")})}
	split := kafkatest.Batch{Last: many - 1}
	for i := range many {
		split.Records = append(split.Records, kafkatest.BatchRecord{Offset: int64(i), Zeros: several / many})
	}
	for codec, bits := range codecs {
		if bits == 0 {
			continue
		}
		one.Attributes, split.Attributes = bits, bits
		t.Run("one record, "+codec, func(t *testing.T) {
			got := frugally(t, one.Bytes())
			if want := []string{"0 at 0 k has 314572811 bytes", "1 at 0 =behind it"}; !cmp.Equal(got, want) {
				t.Errorf("got %q, want %q", got, want)
			}
		})
		t.Run("many records, "+codec, func(t *testing.T) {
			if got := frugally(t, split.Bytes()); len(got) != many || got[many-1] != fmt.Sprintf("%d at 0 =%d bytes", many-1, several/many) {
				t.Errorf("got %d records, want %d", len(got), many)
			}
		})
	}
}

// frugally reads a batch, and fails if that takes much memory.
func frugally(t *testing.T, raw []byte) []string {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := read(t.Context(), raw)
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	const most = 40 << 20 // a decoder with its window, and what is unpacked at once
	if used := after.TotalAlloc - before.TotalAlloc; used > most {
		t.Errorf("it took %d MiB of memory in all", used>>20)
	}
	return got
}

// TestBatchesThatCannotBeUnpackedBitByBit have records of which nothing is known but that
// they are there.
func TestBatchesThatCannotBeUnpackedBitByBit(t *testing.T) {
	plain := kafkatest.Batch{Last: 2, Records: records(
		kafkatest.BatchRecord{Zeros: 8 << 20}, kafkatest.BatchRecord{Offset: 1, Zeros: 8 << 20}, kafkatest.BatchRecord{Offset: 2})}
	_, raw := plainRecords(t, &plain)
	z, err := zstd.NewWriter(nil, zstd.WithWindowSize(16<<20), zstd.WithSingleSegment(true))
	if err != nil {
		t.Fatal(err)
	}
	batch := kmsg.RecordBatch{Magic: 2, Attributes: 4, LastOffsetDelta: 2, NumRecords: 3, Records: z.EncodeAll(raw, nil)}
	got := frugally(t, kafkatest.Sealed(&batch))
	want := []string{"0 at 0  has 1048577 bytes", "1 at 0  has 1048577 bytes", "2 at 0  has 1048577 bytes"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func plainRecords(t *testing.T, b *kafkatest.Batch) (kmsg.RecordBatch, []byte) {
	t.Helper()
	var raw kmsg.RecordBatch
	if err := raw.ReadFrom(b.Bytes()); err != nil {
		t.Fatal(err)
	}
	return raw, raw.Records
}

func TestBatchesThatCannotBeRead(t *testing.T) {
	sound := func() []byte {
		return kafkatest.Batch{Last: 0, Records: records(kafkatest.BatchRecord{Key: []byte("k"), Value: []byte("v")})}.Bytes()
	}
	altered := func(at int, to byte) []byte {
		b := sound()
		b[at] = to
		return b
	}
	sealed := func(b kmsg.RecordBatch) []byte { b.Magic = 2; return kafkatest.Sealed(&b) }
	for name, c := range map[string]struct {
		raw  []byte
		want string
	}{
		"cut off":             {sound()[:65], "cut off"},
		"altered":             {altered(68, 'x'), "its checksum is wrong"},
		"old":                 {altered(16, 1), "its format 1 is from before Kafka 0.11"},
		"short":               {altered(11, 20)[:32], "32 bytes are too few"},
		"backwards":           {sealed(kmsg.RecordBatch{LastOffsetDelta: -1}), "it has 0 records up to -1 behind its first"},
		"fewer records":       {sealed(kmsg.RecordBatch{NumRecords: 1 << 30}), "it does not have its 1073741824 records"},
		"unknown compression": {sealed(kmsg.RecordBatch{Attributes: 7, NumRecords: 1}), "its compression 7 is not known"},
		"not what it says":    {sealed(kmsg.RecordBatch{Attributes: 4, NumRecords: 1, Records: []byte("no zstd")}), "unpacking it: "},
		"beyond its last":     {kafkatest.Batch{Records: records(kafkatest.BatchRecord{Offset: 1})}.Bytes(), "the offset 1, behind -1"},
		"twice the same":      {kafkatest.Batch{Last: 3, Records: records(kafkatest.BatchRecord{Offset: 1}, kafkatest.BatchRecord{Offset: 1})}.Bytes(), "the offset 1, behind 1"},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := read(t.Context(), c.raw); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %d records and the error %v, want one with %q", len(got), err, c.want)
			}
		})
	}
}

func TestSkippingEndsWithTheContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	cancel(stopped)
	raw := kafkatest.Batch{Attributes: codecs["zstd"], Records: records(kafkatest.BatchRecord{Zeros: 10 * limit})}.Bytes()
	if _, err := read(ctx, raw); !errors.Is(err, stopped) {
		t.Errorf("got %v, want the cause", err)
	}
}

func TestARecordWithoutTime(t *testing.T) {
	b, _, err := recordbatch.Next(kafkatest.Batch{FirstTime: -1, Records: records(kafkatest.BatchRecord{})}.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	r, err := recordbatch.NewUnpacker(limit).Open(&b)
	if err != nil {
		t.Fatal(err)
	}
	if rec, err := r.Next(t.Context()); err != nil || !rec.Time.Equal(time.Time{}) {
		t.Errorf("got %v, error %v; want the zero time", rec.Time, err)
	}
}

func FuzzBatch(f *testing.F) {
	for _, bits := range codecs {
		f.Add(kafkatest.Batch{Last: 3, Attributes: bits, Records: records(
			kafkatest.BatchRecord{Key: []byte("k"), Value: []byte("v"), Headers: []kafka.Header{{Key: "a"}}},
			kafkatest.BatchRecord{Offset: 2, Zeros: limit + 1})}.Bytes())
	}
	u := recordbatch.NewUnpacker(limit)
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, _, err := recordbatch.Next(raw) // without the checksum, which nothing random has
		if err != nil {
			return
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		defer func() {
			runtime.ReadMemStats(&after)
			if used := after.TotalAlloc - before.TotalAlloc; used > 64<<20+uint64(16*len(raw)) {
				t.Errorf("a batch of %d bytes took %d MiB of memory", len(raw), used>>20)
			}
		}()
		_, _ = b.Aborts()
		r, err := u.Open(&b)
		if err != nil {
			return
		}
		defer r.Close()
		for last := b.First - 1; ; {
			rec, err := r.Next(t.Context())
			if err != nil {
				return
			}
			if rec.Offset <= last || rec.Offset > b.Last {
				t.Fatalf("the offset %d behind %d, in a batch up to %d", rec.Offset, last, b.Last)
			}
			last = rec.Offset
			for range rec.AllHeaders {
			}
		}
	})
}
