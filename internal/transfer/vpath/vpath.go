// Package vpath is the one normaliser of names that strangers send: every
// path of a door is parsed here once, and the result is used for the check as
// well as for the act. A Path never becomes a path of the operating system.
//
// Names are refused, not repaired: a name is valid UTF-8 without control,
// bidirectional or other invisible characters and without a backslash. It is
// stored in Unicode NFC, so that two spellings of one name are one name.
package vpath

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sealgate/internal/fault"
)

// Bounds of a path, in bytes of UTF-8 and in elements.
const (
	MaxElement = 255
	MaxDepth   = 16
	maxRaw     = 4096 // before normalising; no legal path is longer
)

// Path is a checked path, relative to the root of a login's tree. The root
// itself has no elements.
type Path struct {
	elements []string
}

// Parse checks and normalises a path as a client sent it. A leading slash, "."
// and empty elements mean nothing; ".." goes up and never above the root.
// The error is fault.Invalid with a sentence for the sender.
func Parse(raw string) (Path, error) {
	const op = "vpath: parse"
	if len(raw) > maxRaw {
		return Path{}, fault.New(fault.Invalid, op, "the path is too long")
	}
	if !utf8.ValidString(raw) {
		return Path{}, fault.New(fault.Invalid, op, "the name is not valid UTF-8")
	}
	var elements []string
	for e := range strings.SplitSeq(norm.NFC.String(raw), "/") {
		switch e {
		case "", ".":
			continue
		case "..":
			if len(elements) > 0 {
				elements = elements[:len(elements)-1]
			}
			continue
		}
		if err := checkElement(e); err != nil {
			return Path{}, err
		}
		elements = append(elements, e)
	}
	if len(elements) > MaxDepth {
		return Path{}, fault.New(fault.Invalid, op, "the path is deeper than %d folders", MaxDepth)
	}
	return Path{elements}, nil
}

// MustParse is Parse for constants; it panics on an error.
func MustParse(raw string) Path {
	p, err := Parse(raw)
	if err != nil {
		panic(err)
	}
	return p
}

func checkElement(e string) error {
	const op = "vpath: parse"
	if len(e) > MaxElement {
		return fault.New(fault.Invalid, op, "a name is longer than %d bytes", MaxElement)
	}
	if strings.TrimFunc(e, unicode.IsSpace) == "" {
		return fault.New(fault.Invalid, op, "a name consists of blanks")
	}
	for _, r := range e {
		if r == '\\' {
			return fault.New(fault.Invalid, op, "a name contains a backslash")
		}
		if !visible(r) {
			return fault.New(fault.Invalid, op, "a name contains a control or invisible character (U+%04X)", r)
		}
	}
	return nil
}

// visible reports whether a character may stand in a name. Category C covers
// controls, format characters (bidirectional marks, zero-width joiners, the
// byte order mark), surrogates and private use; line and paragraph separators
// would break a listing.
func visible(r rune) bool {
	return !unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) && r != utf8.RuneError
}

// IsRoot reports whether p is the root.
func (p Path) IsRoot() bool { return len(p.elements) == 0 }

// Elements returns the names from the root down. The caller must not change it.
func (p Path) Elements() []string { return p.elements }

// Base returns the last name, "" for the root.
func (p Path) Base() string {
	if p.IsRoot() {
		return ""
	}
	return p.elements[len(p.elements)-1]
}

// Dir returns p without its last name; the root's is the root.
func (p Path) Dir() Path {
	if p.IsRoot() {
		return p
	}
	return Path{p.elements[: len(p.elements)-1 : len(p.elements)-1]}
}

// Top returns the first name and the path below it.
func (p Path) Top() (string, Path) {
	if p.IsRoot() {
		return "", p
	}
	return p.elements[0], Path{p.elements[1:]}
}

// Equal reports whether both are the same path.
func (p Path) Equal(q Path) bool { return p.String() == q.String() }

// Inside reports whether p is dir or lies below it.
func (p Path) Inside(dir Path) bool {
	if len(p.elements) < len(dir.elements) {
		return false
	}
	for i, e := range dir.elements {
		if p.elements[i] != e {
			return false
		}
	}
	return true
}

// String renders the path with a leading slash.
func (p Path) String() string { return "/" + strings.Join(p.elements, "/") }
