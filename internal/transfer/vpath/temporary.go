package vpath

import (
	"path"
	"strings"
)

// temporaryNames are the names that clients give to files they have not
// finished.
var temporaryNames = []string{
	"*.filepart", "*.part", "*.partial", "*.tmp", "*.temp", "*.crdownload", "*.writing", "*~", ".in.*", ".~*", "~$*",
}

// Temporary reports whether the last name says "not finished yet": by the
// patterns given, or by those of well-known clients when there are none. Case
// does not count, as it does not for the programs that make such names.
func (p Path) Temporary(patterns []string) bool {
	if len(patterns) == 0 {
		patterns = temporaryNames
	}
	name := strings.ToLower(p.Base())
	for _, pattern := range patterns {
		if ok, err := path.Match(strings.ToLower(pattern), name); err == nil && ok {
			return true
		}
	}
	return false
}
