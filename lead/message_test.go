package lead_test

import (
	"testing"

	"github.com/leadhook/leadhook/lead"
)

func TestHeaderIsTheLastOfItsKey(t *testing.T) {
	m := lead.Message{Headers: []lead.Header{
		{Key: "a", Value: []byte("1")}, {Key: "A", Value: []byte("2")}, {Key: "a", Value: []byte("3")}, {Key: "b"},
	}}
	for key, want := range map[string]string{"a": "3", "A": "2", "b": "", "c": ""} {
		if got := m.Header(key); got != want {
			t.Errorf("header %s: got %q, want %q", key, got, want)
		}
	}
}

func TestSizeCountsEveryByte(t *testing.T) {
	empty := lead.Message{}
	full := lead.Message{
		Key: []byte("key"), Value: make([]byte, 1000), Headers: []lead.Header{{Key: "name", Value: []byte("value")}},
	}
	if got, want := full.Size()-empty.Size(), 3+1000+4+5; got != want {
		t.Errorf("got %d bytes more than an empty message, want %d", got, want)
	}
	if empty.Size() <= 0 {
		t.Errorf("got %d bytes for an empty message, want what its struct takes", empty.Size())
	}
}
