package samplecrm

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// shownHeaders are the headers whose values the page shows. Of all others it shows
// only the names, since a webhook's credentials may be in any header.
var shownHeaders = []string{
	"Accept", "Accept-Encoding", "Content-Length", "Content-Type", "Traceparent", "User-Agent", "Webhook-Attempt", "Webhook-Id",
	"Webhook-Signature", "Webhook-Test", "Webhook-Timestamp", "Webhook-Trigger",
}

// keptRequest is how many bytes of a request's body are kept.
const keptRequest = 64 << 10

// request formats a POST for a person, without the query and without the values of
// headers that may be secret. It truncates the body to keptRequest.
func (p Post) request() []byte {
	var b bytes.Buffer
	path, query := p.target()
	if query {
		path += "?…"
	}
	fmt.Fprintf(&b, "POST %s\n", path)
	writeHeader(&b, p.Header)
	b.WriteByte('\n')
	b.Write(p.Body[:min(len(p.Body), keptRequest)])
	if len(p.Body) > keptRequest {
		fmt.Fprintf(&b, "\n… %d bytes in all", len(p.Body))
	}
	return b.Bytes()
}

func writeHeader(b *bytes.Buffer, h http.Header) {
	const most = 16 << 10
	names := make([]string, 0, len(h))
	for name := range h {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		for _, value := range h[name] {
			if b.Len() > most {
				b.WriteString("…\n")
				return
			}
			if !slices.Contains(shownHeaders, name) {
				value = "(not shown)"
			}
			fmt.Fprintf(b, "%s: %s\n", asSent(name), clipped(value))
		}
	}
}

// asSent returns the name of a header as leadhook spells it. net/http has turned it into
// its canonical form.
func asSent(name string) string {
	if name == "Traceparent" || strings.HasPrefix(name, "Webhook-") {
		return strings.ToLower(name)
	}
	return name
}

// target returns the path of the POST, and whether a query followed it.
func (p Post) target() (path string, query bool) {
	path, _, query = strings.Cut(p.Path, "?")
	return path, query
}
