// Package glob says which files a remote means: by patterns of names that its customer
// wrote.
//
// A pattern without a slash is about a file's own name, whatever folder it lies in;
// one with a slash is about its path below the remote's folder. *, ? and [a-z] mean
// what they mean in path.Match. Case does not count: many servers that people fetch
// from do not tell case apart, and a customer who writes *.xml means A.XML, too.
package glob

import (
	"path"
	"strings"

	"sealgate/internal/fault"
)

// maxPatterns and maxPattern bound what is matched against every name in a listing.
const (
	maxPatterns = 100
	maxPattern  = 255
)

// Set is which files are meant: those that one of Include matches, all when it is
// empty, but for those that one of Exclude matches.
type Set struct {
	Include []string
	Exclude []string
}

// Check reports, as a fault.Invalid for who wrote them, why patterns cannot be used.
func (s Set) Check() error {
	const op = "glob: check"
	if len(s.Include)+len(s.Exclude) > maxPatterns {
		return fault.New(fault.Invalid, op, "at most %d patterns of names can be given", maxPatterns)
	}
	for _, list := range [][]string{s.Include, s.Exclude} {
		for _, p := range list {
			if _, err := path.Match(p, ""); err != nil || p == "" || len(p) > maxPattern {
				return fault.New(fault.Invalid, op, "%q is no pattern of names; *.xml and lon-*.txt are", p)
			}
		}
	}
	return nil
}

// Has reports whether the file at this path below the remote's folder is meant.
func (s Set) Has(file string) bool {
	return (len(s.Include) == 0 || matches(s.Include, file)) && !matches(s.Exclude, file)
}

func matches(patterns []string, file string) bool {
	for _, p := range patterns {
		subject := file
		if !strings.Contains(p, "/") {
			subject = path.Base(file)
		}
		if ok, err := path.Match(strings.ToLower(strings.TrimPrefix(p, "/")), strings.ToLower(subject)); err == nil && ok {
			return true
		}
	}
	return false
}
