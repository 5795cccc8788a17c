// Package audit is the tamper-evident log: what an audit entry is, the Merkle
// tree over all of them, and the signed tree heads that make edits show.
//
// An entry is a row of the transaction that makes the change it tells of; if
// the entry cannot be written, the change does not happen. The row has no
// place in the tree yet: one sequencer (Sequence) numbers the rows afterwards,
// in batches, adds them to an RFC 6962 tree (golang.org/x/mod/sumdb/tlog) and
// signs the new head with the gateway's identity key. A leaf is the canonical
// encoding of an entry (Entry.Canonical), so that anybody who has the rows can
// compute the tree again (Verify): an edited, deleted, inserted or re-ordered
// row changes the root, a tail cut off is found by any head kept elsewhere,
// and two heads that do not fit one tree are a fork. Rows that were not
// numbered yet, a second's worth, are outside this promise.
//
// Entries name accounts, logins and files by id only. They hold no usernames,
// file names, payees or contents; Check refuses what could be one.
//
// The package keeps nothing itself: the rows, the hashes and the heads lie
// behind Log, which the catalog implements.
package audit

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/google/uuid"
)

// Gateway is the actor of what the gateway does by itself.
const Gateway = "gateway"

// Entry is one thing that somebody did.
type Entry struct {
	ID      uuid.UUID // version 7
	Time    time.Time // kept in microseconds
	Account uuid.UUID // whose log it belongs to; uuid.Nil = the gateway's own
	Actor   string    // id of a login, operator or token, or Gateway
	Action  string    // "file.received": a noun and a verb
	Object  string    // id of what was acted on; may be empty
	Detail  map[string]string
}

// Bounds of an entry.
const (
	maxText   = 256
	maxDetail = 16
)

// Check reports why e may not be written. Texts are restricted to the bytes
// that ids, codes, numbers and times are made of, so that names and sentences
// do not get into a log that is kept for ever.
func (e *Entry) Check() error {
	switch {
	case e.ID == uuid.Nil:
		return fmt.Errorf("audit entry without an id")
	case e.Time.IsZero():
		return fmt.Errorf("audit entry without a time")
	case e.Actor == "" || e.Action == "":
		return fmt.Errorf("audit entry without an actor or action")
	case len(e.Detail) > maxDetail:
		return fmt.Errorf("audit entry with %d details", len(e.Detail))
	}
	for _, s := range []string{e.Actor, e.Action, e.Object} {
		if !plainToken(s) {
			return fmt.Errorf("audit entry %s: text that may not be logged", e.Action)
		}
	}
	for k, v := range e.Detail {
		if k == "" || !plainToken(k) || !plainToken(v) {
			return fmt.Errorf("audit entry %s: a detail that may not be logged", e.Action)
		}
	}
	return nil
}

func plainToken(s string) bool {
	if len(s) > maxText {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case c == '.', c == '_', c == ':', c == '+', c == '/', c == '=', c == ',', c == '-':
		default:
			return false
		}
	}
	return true
}

// canonicalMagic is the first field of every leaf and names its encoding.
const canonicalMagic = "sealgate/v1 audit entry"

// Canonical returns the leaf of e in the tree. Its fields, in this order:
// magic, id, time (microseconds since 1970 UTC), account, actor, action,
// object, number of details, and each detail's key and value by ascending key.
// Texts and ids are preceded by their length in 4 bytes; numbers are 8 bytes;
// all big-endian. No two entries have the same encoding.
func (e *Entry) Canonical() []byte {
	b := make([]byte, 0, 256)
	b = appendText(b, canonicalMagic)
	b = appendText(b, e.ID[:])
	b = binary.BigEndian.AppendUint64(b, uint64(e.Time.UnixMicro()))
	b = appendText(b, e.Account[:])
	b = appendText(b, e.Actor)
	b = appendText(b, e.Action)
	b = appendText(b, e.Object)
	b = binary.BigEndian.AppendUint64(b, uint64(len(e.Detail)))
	for _, k := range slices.Sorted(maps.Keys(e.Detail)) {
		b = appendText(b, k)
		b = appendText(b, e.Detail[k])
	}
	return b
}

func appendText[T ~string | ~[]byte](b []byte, s T) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}
