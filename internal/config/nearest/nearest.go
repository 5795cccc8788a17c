// Package nearest finds the known name that a mistyped one most likely meant.
package nearest

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
)

// Of finds the known name that a mistyped one most likely meant: at most a
// third of its letters differ. It is empty when none is near.
func Of(name string, known iter.Seq[string]) string {
	limit := max(2, len(name)/3)
	type candidate struct {
		name     string
		distance int
	}
	var found []candidate
	for _, k := range slices.Sorted(known) {
		if d := distance(name, k); d <= limit {
			found = append(found, candidate{k, d})
		}
	}
	if len(found) == 0 {
		return ""
	}
	c := slices.MinFunc(found, func(a, b candidate) int { return cmp.Compare(a.distance, b.distance) })
	return c.name
}

// Hint is the end of a sentence that refuses a name: "; did you mean "outbox"?", or
// nothing when none is near.
func Hint(name string, known iter.Seq[string]) string {
	near := Of(name, known)
	if near == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", near)
}

// distance is the number of letters to insert, drop or change to get from a to b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		diagonal := row[0]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			change := diagonal
			if a[i-1] != b[j-1] {
				change++
			}
			diagonal = row[j]
			row[j] = min(change, row[j]+1, row[j-1]+1)
		}
	}
	return row[len(b)]
}
