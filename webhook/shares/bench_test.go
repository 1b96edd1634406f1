package shares_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"github.com/leadhook/leadhook/internal/redistest"
	"github.com/leadhook/leadhook/webhook/shares"
)

// BenchmarkGet looks up 256 keys of all shares, every fourth of which has a record of
// 1 KiB. LEADHOOK_TEST_REDIS names the Redis, which is emptied, else it is the one inside
// the test.
func BenchmarkGet(b *testing.B) {
	r := newRig(redistest.New(b))
	records := map[int][]shares.Record{}
	var asked []string
	for i := range 256 {
		key := keyIn(i%shares.Count, i/shares.Count)
		asked = append(asked, key)
		if i/shares.Count == 0 {
			records[i] = []shares.Record{{Key: key, Value: sized(1, "a")}}
		}
	}
	var steps []shares.Step
	for share := range shares.Count {
		steps = append(steps, shares.Step{Share: share, To: at(5, "head"), Records: records[share]})
	}
	if err := errors.Join(r.Fill(b.Context(), epoch, steps)...); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		for _, answer := range r.Get(b.Context(), epoch, asked) {
			if answer.Err != nil {
				b.Fatal(answer.Err)
			}
		}
	}
	b.ReportMetric(float64(b.N*len(asked))/b.Elapsed().Seconds(), "keys/s")
}

// BenchmarkFill takes a step of 200 records of 1 KiB: into a share that is empty, over
// records that are stored, and without any.
func BenchmarkFill(b *testing.B) {
	r := newRig(redistest.New(b))
	for _, size := range []int{0, 200} {
		step := shares.Step{Share: 7, To: at(1, "a"), Records: make([]shares.Record, size)}
		number := 0
		next := func() {
			number++
			for i := range step.Records {
				step.Records[i] = shares.Record{Key: keyIn(7, i), Value: sized(number, fmt.Sprint("c", number)), Offset: int64(number)}
			}
		}
		fill := func(b *testing.B) {
			if err := r.Fill(b.Context(), epoch, []shares.Step{step})[0]; err != nil {
				b.Fatal(err)
			}
		}
		b.Run(fmt.Sprint(size, "-records-empty"), func(b *testing.B) {
			next()
			for b.Loop() {
				if err := r.DropShare(b.Context(), epoch, 7); err != nil {
					b.Fatal(err)
				}
				fill(b)
			}
		})
		b.Run(fmt.Sprint(size, "-records-over"), func(b *testing.B) {
			for b.Loop() {
				next()
				step.From, step.To = step.To, at(step.To.Applied+1, "a")
				fill(b)
			}
		})
		if err := r.DropShare(b.Context(), epoch, 7); err != nil {
			b.Fatal(err)
		}
	}
}

// sized is a value of 1 KiB.
func sized(number int, change string) []byte {
	v := value(number, change)
	return append(v, bytes.Repeat([]byte("x"), 1024-len(v))...)
}
