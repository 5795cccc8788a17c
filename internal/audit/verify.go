package audit

import (
	"context"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"sealgate/internal/fault"
)

// Numbered is an entry with its place in the tree.
type Numbered struct {
	Number int64
	Entry  Entry
}

// Reader is where a verifier finds the log. Each method returns at most limit
// items, in order.
type Reader interface {
	Entries(ctx context.Context, from int64, limit int) ([]Numbered, error)
	Hashes(ctx context.Context, first int64, limit int) ([]tlog.Hash, error)
	Heads(ctx context.Context, above int64, limit int) ([][]byte, error)
}

// Report is what Verify found when all agreed.
type Report struct {
	Entries int64     // in the tree
	Heads   int       // signed heads compared
	Root    tlog.Hash // of all entries
}

// page is how many items a verifier asks for at a time.
const page = 1000

// Verify computes the tree again from the entries and compares it with the
// stored hashes, with every signed head, and with checkpoint: a signed head
// that was kept away from the gateway, nil when there is none. Only such a
// head can tell a log whose tail was cut off together with its hashes and
// heads. What does not agree is fault.Damaged, with a sentence that says what.
func Verify(ctx context.Context, log Reader, verifier note.Verifier, checkpoint []byte) (Report, error) {
	const op = "audit: verify"
	v := &verification{ctx: ctx, log: log, verifier: verifier}
	if err := v.entries(); err != nil {
		return Report{}, fault.Wrap(fault.Internal, op, err)
	}
	if err := v.heads(); err != nil {
		return Report{}, fault.Wrap(fault.Internal, op, err)
	}
	if checkpoint != nil {
		head, err := OpenHead(checkpoint, verifier)
		if err != nil {
			return Report{}, fault.New(fault.Damaged, op, "the checkpoint given is not one of this gateway: %v", err)
		}
		if err := v.compare(head, "the checkpoint given"); err != nil {
			return Report{}, err
		}
	}
	root, err := tlog.TreeHash(v.size, v)
	if err != nil {
		return Report{}, fault.Wrap(fault.Internal, op, err)
	}
	return Report{Entries: v.size, Heads: v.headCount, Root: root}, nil
}

// verification holds the tree computed so far: 2 hashes of 32 bytes an entry.
type verification struct {
	ctx      context.Context
	log      Reader
	verifier note.Verifier

	size      int64
	hashes    []tlog.Hash
	headCount int
}

// ReadHashes implements tlog.HashReader on the computed tree.
func (v *verification) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		out[i] = v.hashes[index]
	}
	return out, nil
}

// entries computes the tree, and compares its hashes with the stored ones as
// it goes. It may be called again when the log has grown.
func (v *verification) entries() error {
	const op = "audit: verify"
	for {
		rows, err := v.log.Entries(v.ctx, v.size, page)
		if err != nil {
			return err
		}
		from := len(v.hashes)
		for i := range rows {
			n := &rows[i]
			if n.Number != v.size {
				return fault.New(fault.Damaged, op, "audit entry %d is missing", v.size)
			}
			if err := n.Entry.Check(); err != nil {
				return fault.New(fault.Damaged, op, "audit entry %d was never written like this: %v", n.Number, err)
			}
			hashes, err := tlog.StoredHashes(n.Number, n.Entry.Canonical(), v)
			if err != nil {
				return err
			}
			v.hashes = append(v.hashes, hashes...)
			v.size++
		}
		if err := v.stored(from); err != nil {
			return err
		}
		if len(rows) < page {
			return nil
		}
	}
}

// stored compares the computed hashes from index first on with the stored ones.
func (v *verification) stored(first int) error {
	const op = "audit: verify"
	want := v.hashes[first:]
	if len(want) == 0 {
		return nil
	}
	have, err := v.log.Hashes(v.ctx, int64(first), len(want))
	if err != nil {
		return err
	}
	for i, h := range want {
		if i < len(have) && have[i] == h {
			continue
		}
		level, number := tlog.SplitStoredHashIndex(int64(first + i))
		return fault.New(fault.Damaged, op, "audit entry %d is not what was written, or the tree is not", number<<level)
	}
	return nil
}

// heads compares the computed tree with every signed head.
func (v *verification) heads() error {
	const op = "audit: verify"
	var last int64
	for {
		notes, err := v.log.Heads(v.ctx, last, page)
		if err != nil {
			return err
		}
		if len(notes) == 0 {
			break
		}
		for _, msg := range notes {
			head, err := OpenHead(msg, v.verifier)
			if err != nil {
				return fault.New(fault.Damaged, op, "a tree head after entry %d is not signed by this gateway: %v", last, err)
			}
			if head.Size <= last {
				return fault.New(fault.Damaged, op, "the tree heads after entry %d are not in order", last)
			}
			last = head.Size
			if head.Size > v.size { // the log may have grown meanwhile
				if err := v.entries(); err != nil {
					return err
				}
			}
			if err := v.compare(head, "a signed tree head"); err != nil {
				return err
			}
			v.headCount++
		}
	}
	if last < v.size {
		return fault.New(fault.Damaged, op, "%d audit entries have a number but no signed tree head", v.size-last)
	}
	return nil
}

// compare says whether head is a head of this tree.
func (v *verification) compare(head Head, what string) error {
	const op = "audit: verify"
	if head.Size > v.size {
		return fault.New(fault.Damaged, op, "the log was cut: %s counts %d audit entries, the log holds %d", what, head.Size, v.size)
	}
	root, err := tlog.TreeHash(head.Size, v)
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	if root != head.Root {
		return fault.New(fault.Damaged, op, "the log was forked: %s of %d audit entries is not of this log", what, head.Size)
	}
	return nil
}
