package http1

import (
	"net/http"
	"strings"
	"testing"
)

func TestAFreedRequestKeepsNothingOfItsHeader(t *testing.T) {
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://crm.example", strings.NewReader("lead"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = http.Header{"Authorization": {"hush"}, "X": {"y"}}
	q, err := newRequest(r)
	if err != nil {
		t.Fatal(err)
	}
	fields := q.fields[:cap(q.fields)]
	q.free()
	if len(q.fields) != 0 {
		t.Errorf("%d fields are left", len(q.fields))
	}
	for _, f := range fields {
		if f.name != "" || f.values != nil {
			t.Errorf("the field %s is kept", f.name)
		}
	}
}
