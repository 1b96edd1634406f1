package seal_test

import (
	"testing"

	"github.com/leadhook/leadhook/webhook/seal"
)

// Each look-up that the cache in the process does not answer opens a box.
func BenchmarkOpen2KiB(b *testing.B) {
	keys := seal.New([]seal.Key{seal.NewKey(), seal.NewKey()}, false)
	box, err := keys.Seal(data, make([]byte, 2<<10))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(box)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := keys.Open(data, box); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSeal2KiB(b *testing.B) {
	keys := seal.New([]seal.Key{seal.NewKey(), seal.NewKey()}, false)
	content := make([]byte, 2<<10)
	b.SetBytes(int64(len(content)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := keys.Seal(data, content); err != nil {
			b.Fatal(err)
		}
	}
}
