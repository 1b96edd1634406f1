package config

import (
	"iter"
	"slices"
	"strings"
)

// suggestion ends the fault of an unknown name: the known ones that were likely
// meant, or where to see them all.
func suggestion(unknown string, known iter.Seq[string]) string {
	const mostTyped = 100 // longer than any known name
	if len(unknown) > mostTyped {
		unknown = unknown[:mostTyped]
	}
	var best []string
	least := max(2, len(unknown)/4)
	for _, name := range slices.Sorted(known) {
		d := distance(unknown, name)
		if strings.HasSuffix(name, "."+unknown) {
			d = 1 // the group was left out
		}
		if rest, longer := strings.CutPrefix(unknown, name); longer && !strings.HasPrefix(rest, ".") {
			d = min(d, 2) // logging for log
		}
		if d < least {
			best = nil
		}
		if d <= least {
			best, least = append(best, name), d
		}
	}
	if len(best) == 0 || len(best) > 3 {
		return "; leadhook config --defaults lists them all"
	}
	return "; did you mean " + strings.Join(best, " or ") + "?"
}

// distance is the number of bytes to change, add or remove that makes a of b
// (Levenshtein), computed row by row.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}
