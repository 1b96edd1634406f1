package crm

import (
	"bytes"
	"errors"
	"io"
	"sync"
)

// buffers keeps the bodies' memory for the next requests.
var buffers = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// readLead reads a body to its end and returns the number of the first member
// "id", which is the lead's.
func readLead(body io.Reader) (int64, error) {
	b := buffers.Get().(*bytes.Buffer)
	defer buffers.Put(b)
	b.Reset()
	if _, err := b.ReadFrom(body); err != nil {
		return 0, err
	}
	return leadID(b.Bytes())
}

var idMember = []byte(`"id":`)

func leadID(body []byte) (id int64, err error) {
	_, after, found := bytes.Cut(body, idMember)
	after = bytes.TrimLeft(after, " ")
	digits := 0
	for ; digits < len(after) && after[digits] >= '0' && after[digits] <= '9'; digits++ {
		id = 10*id + int64(after[digits]-'0')
	}
	if !found || digits == 0 {
		return 0, errors.New("the body has no lead with an id")
	}
	return id, nil
}
