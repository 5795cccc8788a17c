package audit

import (
	"fmt"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// Log is where entries, hashes and heads lie, seen from inside one
// transaction.
type Log interface {
	// Size returns the number of entries that have a place in the tree.
	Size() (int64, error)
	// Pending returns entries that have none yet, oldest first.
	Pending(limit int) ([]*Entry, error)
	// Number gives an entry its place, counted from 0.
	Number(id uuid.UUID, number int64) error
	// ReadHashes and AddHashes keep the tree's hashes in tlog's stored order.
	tlog.HashReader
	AddHashes(first int64, hashes []tlog.Hash) error
	// AddHead stores the signed head of the tree with this size.
	AddHead(size int64, signed []byte) error
}

// Sequence gives up to limit pending entries the next places in the tree,
// signs the new head and returns how many there were. It is the only writer
// of the tree and runs in one transaction: either all of it happened or none.
func Sequence(log Log, signer note.Signer, limit int) (int, error) {
	size, err := log.Size()
	if err != nil {
		return 0, err
	}
	entries, err := log.Pending(limit)
	if err != nil || len(entries) == 0 {
		return 0, err
	}
	tree := &growing{stored: log, first: tlog.StoredHashCount(size)}
	for i, e := range entries {
		number := size + int64(i)
		if err := log.Number(e.ID, number); err != nil {
			return 0, err
		}
		if err := tree.add(number, e); err != nil {
			return 0, err
		}
	}
	size += int64(len(entries))
	root, err := tlog.TreeHash(size, tree)
	if err != nil {
		return 0, fmt.Errorf("root of %d entries: %w", size, err)
	}
	if err := log.AddHashes(tree.first, tree.fresh); err != nil {
		return 0, err
	}
	signed, err := Head{Size: size, Root: root}.sign(signer)
	if err != nil {
		return 0, fmt.Errorf("sign the tree head: %w", err)
	}
	return len(entries), log.AddHead(size, signed)
}

// growing is a tree whose first hashes are stored and whose last ones are in
// memory.
type growing struct {
	stored tlog.HashReader
	first  int64 // stored index of fresh[0]
	fresh  []tlog.Hash
}

func (g *growing) add(number int64, e *Entry) error {
	hashes, err := tlog.StoredHashes(number, e.Canonical(), g)
	if err != nil {
		return fmt.Errorf("hashes of entry %d: %w", number, err)
	}
	g.fresh = append(g.fresh, hashes...)
	return nil
}

// ReadHashes implements tlog.HashReader.
func (g *growing) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	hashes := make([]tlog.Hash, len(indexes))
	var missing []int64
	for i, index := range indexes {
		if k := index - g.first; k >= 0 && k < int64(len(g.fresh)) {
			hashes[i] = g.fresh[k]
		} else {
			missing = append(missing, index)
		}
	}
	if len(missing) == 0 {
		return hashes, nil
	}
	old, err := g.stored.ReadHashes(missing)
	if err != nil {
		return nil, err
	}
	for i, index := range indexes {
		if k := index - g.first; k < 0 || k >= int64(len(g.fresh)) {
			hashes[i], old = old[0], old[1:]
		}
	}
	return hashes, nil
}
