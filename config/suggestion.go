package config

import (
	"iter"
	"strings"

	"github.com/leadhook/leadhook/internal/suggest"
)

// suggestion returns the end of the fault of an unknown name: the known names that
// were probably meant, or how to list all.
func suggestion(unknown string, known iter.Seq[string]) string {
	const longest = 100 // longer than any known name
	if len(unknown) > longest {
		unknown = unknown[:longest]
	}
	best := suggest.Nearest(known, max(2, len(unknown)/4), func(name string) int {
		d := suggest.Distance(unknown, name)
		if strings.HasSuffix(name, "."+unknown) {
			d = 1 // the group was left out
		}
		if rest, longer := strings.CutPrefix(unknown, name); longer && !strings.HasPrefix(rest, ".") {
			d = min(d, 2) // logging for log
		}
		return d
	})
	if len(best) == 0 || len(best) > 3 {
		return "; leadhook config --defaults lists them all"
	}
	return "; did you mean " + strings.Join(best, " or ") + "?"
}
