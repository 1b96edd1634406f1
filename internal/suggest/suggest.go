// Package suggest finds the known names that somebody who typed an unknown one
// probably meant. It does not know what the names stand for, nor how near is
// near enough.
package suggest

import (
	"iter"
	"slices"
)

// Nearest returns the known names with the least distance, sorted. It returns
// none if the least distance is more than far.
func Nearest(known iter.Seq[string], far int, distance func(name string) int) []string {
	var nearest []string
	least := far
	for _, name := range slices.Sorted(known) {
		d := distance(name)
		if d < least {
			nearest = nil
		}
		if d <= least {
			nearest, least = append(nearest, name), d
		}
	}
	return nearest
}

// Distance returns how many bytes must be changed, added or removed to make b
// of a (the Levenshtein distance). Its time grows with the product of their
// lengths.
func Distance(a, b string) int {
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
