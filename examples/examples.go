// Package examples holds one complete lead event of each kind, as a producer
// would publish it. The people are invented.
//
// The events are for trying things out and for tests. Whoever publishes one
// gives it a fresh lead.id and the time of the day first: an event that is
// published unchanged is the same lead again.
package examples

import (
	"embed"

	"github.com/leadhook/leadhook/lead"
)

//go:embed events/*.json
var events embed.FS

// Event returns the example event of a kind, as indented JSON that the caller
// may change. It is nil for a kind without example, which only
// [lead.KindOther] is.
func Event(kind lead.Kind) []byte {
	b, err := events.ReadFile("events/" + string(kind) + ".json")
	if err != nil {
		return nil
	}
	return b
}
