package webhook

import "slices"

// nearest returns the known word that was probably meant, and "" if none is
// near enough to be worth naming.
func nearest(given string, known []string) string {
	best, least := "", 3
	for _, word := range known {
		if d := distance(given, word); d < least && d < len(word) {
			best, least = word, d
		}
	}
	return best
}

// distance is the Levenshtein distance: how many letters to add, drop or
// change to come from a to b. Only short words make sense; others are far.
func distance(a, b string) int {
	const longest = 64
	if len(a) > longest || len(b) > longest {
		return longest
	}
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
			row[j+1] = slices.Min([]int{change, row[j] + 1, row[j+1] + 1})
		}
	}
	return row[len(b)]
}
