// Package examples has one complete lead event of each kind, as a producer would
// publish it. The people are invented.
//
// The events are for trials and tests. Before you publish one, give it a new
// lead.id and the current time: an unchanged event is the same lead again.
package examples

import (
	"embed"

	"github.com/leadhook/leadhook/lead"
)

//go:embed events/*.json
var events embed.FS

// Event returns the example event of a kind, as indented JSON that the caller may
// change. It returns nil for [lead.KindOther], which has no example.
func Event(kind lead.Kind) []byte {
	b, err := events.ReadFile("events/" + string(kind) + ".json")
	if err != nil {
		return nil
	}
	return b
}
