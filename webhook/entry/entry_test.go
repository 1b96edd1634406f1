package entry_test

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/leadhook/leadhook/webhook/entry"
)

func TestValueIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.StringMatching(`[A-Za-z0-9]{1,64}`)
		e := entry.Entry{
			Stamp: entry.Stamp{
				Epoch: id.Draw(t, "epoch"), Number: rapid.Int64Range(1, entry.MaxNumber).Draw(t, "number"), Change: id.Draw(t, "change"),
			},
			Box: rapid.SliceOf(rapid.Byte()).Draw(t, "box"),
		}
		got, err := entry.Parse(e.Value())
		if err != nil || got.Stamp != e.Stamp || !bytes.Equal(got.Box, e.Box) {
			t.Fatalf("got %+v, error %v, want %+v", got, err, e)
		}
	})
}

// The format is that of the fill script in Redis too, and of every version of leadhook.
func TestValueIsWrittenAsEver(t *testing.T) {
	e := entry.Entry{Stamp: entry.Stamp{Epoch: "EPOCH", Number: 12, Change: "CHANGE"}, Box: []byte("a\nbox")}
	if got, want := string(e.Value()), "leadhook/1 EPOCH 12 CHANGE\na\nbox"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := string(e.Bound("A")), "leadhook/1\x00A\x00EPOCH\x0012\x00CHANGE"; got != want {
		t.Errorf("bound to %q, want %q", got, want)
	}
	if got, want := entry.AfterID("CHANGE"), "P7AS6KR3USRQYKRPBVYW7UX2N2"; got != want {
		t.Errorf("the repair of CHANGE is %s, want %s", got, want)
	}
}

func TestOtherValuesAreRefused(t *testing.T) {
	long := strings.Repeat("A", 65)
	for _, value := range []string{
		"", "leadhook/1", "leadhook/1 E 1 C", "leadhook/2 E 1 C\nbox", "leadhook/ E 1 C\n", "Leadhook/1 E 1 C\n",
		"leadhook/1 E 0 C\n", "leadhook/1 E -1 C\n", "leadhook/1 E +1 C\n", "leadhook/1 E 01 C\n", "leadhook/1 E 1.0 C\n",
		"leadhook/1 E 9007199254740992 C\n", "leadhook/1 E 99999999999999999999 C\n", "leadhook/1 E x C\n",
		"leadhook/1  1 C\n", "leadhook/1 E 1 \n", "leadhook/1 E 1  C\n", "leadhook/1 E 1 C \n", "leadhook/1 E 1 C D\n",
		"leadhook/1 É 1 C\n", "leadhook/1 E 1 C_\n", "leadhook/1 " + long + " 1 C\n", "leadhook/1 E 1 " + long + "\n",
		" leadhook/1 E 1 C\n", "\nleadhook/1 E 1 C\n", "leadhook/1\tE 1 C\n", "{\"v\":1}\n",
	} {
		if e, err := entry.Parse([]byte(value)); err == nil {
			t.Errorf("%q is %+v", value, e)
		}
	}
	if entry.MaxNumber != 1<<53-1 || float64(entry.MaxNumber) != math.Nextafter(1<<53, 0) {
		t.Error("Redis cannot compare the greatest number")
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("leadhook/1 EPOCH 12 CHANGE\nbox"))
	f.Add([]byte("leadhook/2 EPOCH 12 CHANGE\nbox"))
	f.Fuzz(func(t *testing.T, value []byte) {
		e, err := entry.Parse(value)
		if err == nil && !bytes.Equal(e.Value(), value) {
			t.Errorf("%q is read as what is written as %q", value, e.Value())
		}
	})
}

func TestKeysTellWhatARecordIsAbout(t *testing.T) {
	for key, want := range map[string]string{
		"A": "advertiser", "id": "advertiser", "epochs": "advertiser", "ID:x": "advertiser", "xid:x": "advertiser",
		entry.IDKey("84"): "webhook 84", entry.EpochKey("E"): "epoch E", entry.OpenKey("E"): "nothing", "": "nothing",
		entry.IDKey("epoch:E"): "webhook epoch:E", entry.EpochKey("id:84"): "epoch id:84",
	} {
		var got []string
		if id, ok := entry.WebhookOf(key); ok {
			got = append(got, "webhook "+id)
		}
		if epoch, ok := entry.EpochOf(key); ok {
			got = append(got, "epoch "+epoch)
		}
		if entry.IsAdvertiser(key) {
			got = append(got, "advertiser")
		}
		if text := strings.Join(got, " and "); text != want && (want != "nothing" || text != "") {
			t.Errorf("key %q: got %q, want %q", key, text, want)
		}
	}
}
