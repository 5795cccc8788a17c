package remote

import (
	"fmt"
	"strconv"

	"sealgate/internal/fault"
	"sealgate/internal/transfer/remote/why"
)

// shownName bounds what is repeated of a name that is none.
const shownName = 200

// Listing puts the entries of one folder in order as they come from a server.
type Listing struct {
	entries []Entry
	seen    map[string]bool
}

// Add takes an entry. A name that cannot be one is kept to be shown; one that comes
// twice means that the server cannot be believed about either file.
func (l *Listing) Add(e Entry) error {
	if e.Name == "." || e.Name == ".." {
		return nil
	}
	e.Size = max(e.Size, -1)
	if !usable(e.Name) {
		e.Name = strconv.QuoteToASCII(cut(e.Name, shownName))
		e.Kind = Unusable
		l.entries = append(l.entries, e)
		return nil
	}
	if l.seen[e.Name] {
		return why.Wrong.New(fault.Damaged, "remote: list", "the server lists a name twice in one folder; who runs it should look at it")
	}
	if l.seen == nil {
		l.seen = map[string]bool{}
	}
	l.seen[e.Name] = true
	l.entries = append(l.entries, e)
	return nil
}

// Unread notes that a listing has lines that are no entries.
func (l *Listing) Unread(lines int) {
	if lines > 0 {
		l.entries = append(l.entries, Entry{Name: fmt.Sprintf("(lines that cannot be read: %d)", lines), Kind: Unusable, Size: -1})
	}
}

// Entries returns what was taken.
func (l *Listing) Entries() []Entry { return l.entries }

// TooLong is the error for a listing that passes MaxListing or its time.
func TooLong(err error) error {
	return &fault.Error{
		Kind: fault.TooLarge, Op: "remote: list",
		Message: "the server's listing of this folder does not end; move files that are done to another folder",
		Err:     why.Endless.By(err),
	}
}

func cut(s string, n int) string {
	if len(s) > n {
		return s[:n]
	}
	return s
}
