package watch

import (
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"sealgate/internal/agent/journal"
)

// Name is what a file is called at the gateway: its own name, as the gateway spells
// names.
func Name(path string) string {
	return norm.NFC.String(strings.ToValidUTF8(filepath.Base(path), "\uFFFD"))
}

func sortByTime(files []journal.Source) {
	slices.SortFunc(files, func(a, b journal.Source) int {
		if c := a.Modified.Compare(b.Modified); c != 0 {
			return c
		}
		return strings.Compare(a.Path, b.Path)
	})
}

// Every is how often a folder is looked into when nothing tells of a change.
const Every = 15 * time.Second
