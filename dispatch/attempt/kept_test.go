package attempt_test

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"unicode/utf16"

	"github.com/leadhook/leadhook/dispatch/attempt"
	"github.com/leadhook/leadhook/lead"
)

// heapHeld returns how much of the memory that the heap took it did not give back.
func heapHeld() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapSys - stats.HeapReleased
}

// TestManyLeadsAreScrubbedAtOnce has the attempts at many large leads fail at once.
func TestManyLeadsAreScrubbedAtOnce(t *testing.T) {
	const size = 900 << 10
	leads, most := 16*runtime.GOMAXPROCS(0), 24<<20*uint64(runtime.GOMAXPROCS(0))
	long := fmt.Appendf(nil, `{"form":{"message":%q}}`, strings.Repeat("<p>is <b>the blue car</b> still there</p>", size/41))
	target := requestTo(t, &lead.Webhook{URL: hookURL}).Target
	debug.FreeOSMemory()
	before := heapHeld()
	var all sync.WaitGroup
	for range leads {
		all.Go(func() {
			request := &attempt.Request{Target: target, Lead: long}
			if o, _, err := request.Judge([]byte("HTTP/1.1 422 No\r\n\r\nis the blue car still there? no")); err != nil || o.Answer != "***? no" {
				t.Errorf("got %q, %v", o.Answer, err)
			}
		})
	}
	all.Wait()
	if after := heapHeld(); after > before+most {
		t.Errorf("the heap grew from %d to %d MiB for %d leads of %d KiB", before>>20, after>>20, leads, size>>10)
	}
}

// inUTF16 returns a text in UTF-16, with what stands before it.
func inUTF16(order binary.AppendByteOrder, text string) string {
	var b []byte
	for _, unit := range utf16.Encode([]rune(text)) {
		b = order.AppendUint16(b, unit)
	}
	return string(b)
}

func gzipOf(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

// TestABodyIsKeptByItsEncoding has bodies that are packed, or not in UTF-8.
func TestABodyIsKeptByItsEncoding(t *testing.T) {
	const said, kept = `{"error":"no ŞULE, the postal is required"}`, `{"error":"no ***, the postal is required"}`
	const brotli, zstd = "\x8b\x07\x80 Sule Sule \x03", "\x28\xb5\x2f\xfd\x04\x00\x41\x00\x00 Sule Sule"
	for _, c := range []struct{ name, encoding, body, want, words string }{
		{name: "as it is", body: said, want: kept},
		{name: "brotli", encoding: "br", body: brotli, words: "; its body is in br, which is not read"},
		{name: "zstd", encoding: "ZSTD", body: zstd, words: "; its body is in zstd, which is not read"},
		{name: "unknown", encoding: "Sule", body: brotli, words: "; its body is in an unknown encoding, which is not read"},
		{name: "brotli that is none", encoding: "br", body: said, want: kept},
		{name: "a charset for an encoding", encoding: "utf-8", body: said, want: kept},
		{name: "Latin-1", body: "no \xdeule, no S\xfcle", want: "no ule, no ***"},
		{name: "zeros at the end", body: "no\x00\x00", want: "no"},
		{name: "UTF-16", body: inUTF16(binary.LittleEndian, "\ufeff"+said), want: kept},
		{name: "UTF-16, the other order", body: inUTF16(binary.BigEndian, "\ufeff"+said), want: kept},
		{name: "UTF-16 without a mark", body: inUTF16(binary.LittleEndian, said), want: kept},
		{name: "UTF-16 without a mark, the other order", body: inUTF16(binary.BigEndian, "Şule"), want: "***"},
		{name: "UTF-16 in gzip", encoding: "gzip", body: gzipOf(inUTF16(binary.BigEndian, said)), want: kept},
		{name: "an e-mail address at the end of what is read", body: inUTF16(binary.LittleEndian, "no"+strings.Repeat(" ", 4<<10-8)+"sule@example.com"), want: "no"},
	} {
		r := requestTo(t, &lead.Webhook{URL: "https://crm.example.com/in"})
		r.Lead = []byte(`{"contact":{"first_name":"Şule"}}`)
		o, _, err := r.Judge([]byte("HTTP/1.1 422 No\r\nContent-Encoding: " + c.encoding + "\r\n\r\n" + c.body))
		if want := "the CRM answered 422 Unprocessable Entity" + c.words; err != nil || o.Answer != c.want || o.Text != want {
			t.Errorf("%s: got %q with %q, %v, want %q with %q", c.name, o.Answer, o.Text, err, c.want, want)
		}
	}
}

// TestNothingOfTheLeadIsKeptBesideTheBody has what a CRM says elsewhere.
func TestNothingOfTheLeadIsKeptBesideTheBody(t *testing.T) {
	hook := &lead.Webhook{URL: "https://crm.example.com/in", Answers: &lead.Answers{
		Body: []lead.AnswerRule{{Path: "ok", Equals: new("no"), Then: "refused", Reason: "why", ID: "id"}},
	}}
	for _, echo := range []string{"Grossmann", "GROSSMANN", "Gro%53smann", "R3Jvc3NtYW5uLCBTdWxl", "47726f73736d616e6e2c20"} {
		for _, recorded := range []string{
			"HTTP/1.1 302 " + echo + "\r\nLocation: https://grossmann.example.com/" + echo + "\r\n\r\n",
			"HTTP/1.1 302 " + echo + "\r\nLocation: /" + echo + "\r\n\r\n",
			"HTTP/1.1 422 " + echo + "\r\nServer: " + echo + "\r\nContent-Encoding: " + echo + "\r\nRetry-After: " + echo + "\r\n\r\n\x00",
			"HTTP/1.1 200 " + echo + "\r\n\r\n" + `{"ok":"no","why":"no ` + echo + `","id":"` + echo + `"}`,
		} {
			r := requestTo(t, hook)
			r.Lead = []byte(`{"contact":{"last_name":"Grossmann"}}`)
			o, _, err := r.Judge([]byte(recorded))
			if kept := fmt.Sprintf("%+v", o); err != nil || strings.Contains(kept, echo) || strings.Contains(kept, "grossmann") {
				t.Errorf("%q became %s, %v", recorded, kept, err)
			}
		}
	}
}
