package iso20022

import (
	"bytes"
	"hash/maphash"
)

// record collects the fields of a header, batch or payment: spans of one text
// that is used again for the next.
type record struct {
	text   []byte
	fields [fields]span
}

type span struct{ start, end int }

func (r *record) reset() {
	r.text = r.text[:0]
	r.fields = [fields]span{}
}

// get returns a field, empty when it is absent or blank.
func (r *record) get(f field) []byte {
	at := r.fields[f]
	return r.text[at.start:at.end]
}

func (r *record) has(f field) bool { return r.fields[f].end > r.fields[f].start }

// set gives a field the text from mark on, trimmed. What comes twice counts once:
// the first that is not blank.
func (r *record) set(f field, mark int) {
	value := bytes.TrimSpace(r.text[mark:])
	if len(value) == 0 || r.has(f) {
		r.text = r.text[:mark]
		return
	}
	n := copy(r.text[mark:], value)
	r.text = r.text[:mark+n]
	r.fields[f] = span{mark, mark + n}
}

func (r *record) put(f field, value []byte) {
	mark := len(r.text)
	r.text = append(r.text, value...)
	r.set(f, mark)
}

// maxIDs bounds the memory of idSet: 2^20 ids take about 40 MB.
const maxIDs = 1 << 20

// idSet finds ids that come twice, by 128 bits of hash, under seeds that no
// sender knows. Of more than maxIDs different ones the first are remembered.
type idSet struct {
	seeds [2]maphash.Seed
	seen  map[[2]uint64]struct{}
}

func newIDSet() *idSet {
	return &idSet{seeds: [2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, seen: map[[2]uint64]struct{}{}}
}

// add remembers an id and reports whether it was there already.
func (s *idSet) add(id []byte) bool {
	key := [2]uint64{maphash.Bytes(s.seeds[0], id), maphash.Bytes(s.seeds[1], id)}
	if _, ok := s.seen[key]; ok {
		return true
	}
	if len(s.seen) < maxIDs {
		s.seen[key] = struct{}{}
	}
	return false
}
