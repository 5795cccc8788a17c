package poll

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/intake"
	"sealgate/internal/transfer/remote"
)

// taken is the result of a look at a file that was taken and is there still.
const taken = "taken"

const (
	batch = 500 // rows in one commit

	// touch is how often it is written down that a file which stays is still there;
	// forgetTaken is how long one is remembered that is not. Who is forgotten and
	// comes again is fetched again, and recognised by its content.
	touch       = 24 * time.Hour
	forgetTaken = 7 * 24 * time.Hour
)

// change is something to be written of one look.
type change func(tx *catalog.Tx) error

// judge compares the listing with what is known: what is ready, what is due, what is
// to be looked at again; and writes down what it has seen.
func (v *visit) judge(ctx context.Context, l *listing) error {
	now := v.now()
	var changes []change
	listed := make(map[string]bool, len(l.files))
	for _, f := range l.files {
		mac := v.pathMAC(f.path)
		listed[string(mac)] = true
		f.look = v.looks[string(mac)]
		more, err := v.judgeOne(ctx, l, f, mac, now)
		if err != nil {
			return err
		}
		changes = append(changes, more...)
	}
	if l.whole {
		for mac, look := range v.looks {
			if !listed[mac] {
				more, err := v.missing(ctx, look, now)
				if err != nil {
					return err
				}
				changes = append(changes, more...)
			}
		}
	}
	return v.write(ctx, changes)
}

// write makes changes durable, many in one commit.
func (v *visit) write(ctx context.Context, changes []change) error {
	for some := range slices.Chunk(changes, batch) {
		err := v.update(ctx, func(tx *catalog.Tx) error {
			for _, write := range some {
				if err := write(tx); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (v *visit) judgeOne(ctx context.Context, l *listing, f *far, mac []byte, now time.Time) (changes []change, err error) {
	look := f.look
	switch {
	case look == nil:
		f.look = &remotes.Look{Remote: v.Remote, PathMAC: mac, Size: f.entry.Size, ModTime: f.entry.ModTime, FirstSeen: now, Since: now, LastSeen: now}
		look = f.look
		changes = append(changes, v.put(look))
	case !same(look, f.entry):
		if changes, err = v.renew(ctx, f, now); err != nil {
			return nil, err
		}
	case look.Result == taken && v.After.leaves():
		if now.Sub(look.LastSeen) >= touch {
			changes = append(changes, v.stays(f, now))
		}
		return changes, nil
	case look.Result == taken && !look.ModTime.IsZero():
		l.due = append(l.due, f)
		return changes, nil
	case look.Result == taken: // nothing tells whether it was replaced: its content does
		look.Result = ""
	}
	if wait := v.wait(f.entry); now.Sub(look.Since) < wait {
		v.again(look.Since.Add(wait))
		return changes, nil
	}
	l.ready = append(l.ready, f)
	return changes, nil
}

// wait is how long a file has to stay as it is. It is never less than what the
// server's times can tell apart, so that a file which is replaced after it was taken
// shows another time. Times in days are of files half a year old.
func (v *visit) wait(e remote.Entry) time.Duration {
	if v.Still <= 0 || v.Marker != "" {
		return 0
	}
	return max(v.Still, min(e.Precision, time.Minute))
}

// again notes when a file will be still.
func (v *visit) again(at time.Time) {
	if v.result.Again.IsZero() || at.Before(v.result.Again) {
		v.result.Again = at
	}
}

// same compares a file with what is known of it.
func same(look *remotes.Look, e remote.Entry) bool {
	return remote.Entry{Size: look.Size, ModTime: look.ModTime}.Same(e)
}

func (v *visit) put(look *remotes.Look) change {
	row := *look
	return func(tx *catalog.Tx) error { return tx.PutRemoteLook(&row) }
}

// renew begins to look at a file anew that was changed, or replaced.
func (v *visit) renew(ctx context.Context, f *far, now time.Time) (changes []change, err error) {
	if err := v.giveUp(ctx, f.look); err != nil {
		return nil, err
	}
	if f.look.Result == taken {
		was := *f.look
		changes = append(changes, v.settle(&was, remotes.AfterGone, ""))
	}
	f.look.Size, f.look.ModTime = f.entry.Size, f.entry.ModTime
	f.look.Since, f.look.LastSeen = now, now
	f.look.Result, f.look.Tries = "", 0
	return append(changes, v.put(f.look)), nil
}

// stays notes that a file which was taken is still there.
func (v *visit) stays(f *far, now time.Time) change {
	f.look.LastSeen = now
	row, seen := *f.look, v.seenMAC(f.look)
	return func(tx *catalog.Tx) error {
		rows, err := tx.TakenBefore(v.Remote, seen)
		if err != nil {
			return err
		}
		for _, t := range rows {
			t.LastSeen, t.After, t.Error = now, remotes.AfterDone, ""
			if err := tx.SaveTaken(t); err != nil {
				return err
			}
		}
		return tx.PutRemoteLook(&row)
	}
}

// settle writes what became of a file there that had been taken.
func (v *visit) settle(look *remotes.Look, after, code string) change {
	seen := v.seenMAC(look)
	return func(tx *catalog.Tx) error {
		rows, err := tx.TakenBefore(v.Remote, seen)
		if err != nil {
			return err
		}
		for _, t := range rows {
			if t.After != remotes.AfterDue {
				continue
			}
			if t.After, t.Error = after, code; after == remotes.AfterDue {
				t.Tries++
			}
			if err := tx.SaveTaken(t); err != nil {
				return err
			}
		}
		return nil
	}
}

// missing is about a file that is not there any more. What was taken and left is
// remembered for some time: a listing may be wrong for once.
func (v *visit) missing(ctx context.Context, look *remotes.Look, now time.Time) ([]change, error) {
	if look.Result == taken && v.After.leaves() && now.Sub(look.LastSeen) < forgetTaken {
		return nil, nil
	}
	if err := v.giveUp(ctx, look); err != nil {
		return nil, err
	}
	forget := func(tx *catalog.Tx) error { return tx.DeleteRemoteLook(v.Remote, look.PathMAC) }
	if look.Result != taken {
		return []change{forget}, nil
	}
	return []change{v.settle(look, remotes.AfterGone, ""), forget}, nil
}

// giveUp takes the unfinished arrival of a file away that nobody goes on with.
func (v *visit) giveUp(ctx context.Context, look *remotes.Look) error {
	if look.Arrival == uuid.Nil {
		return nil
	}
	err := v.intake.CancelUpload(ctx, v.spec(nil), look.Arrival)
	if err != nil && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Exists) {
		return err
	}
	look.Arrival = uuid.Nil
	return nil
}

// queue puts the files in the order in which they are taken: those that failed before
// last, the others as old as they are.
func queue(ready []*far) []*far {
	slices.SortFunc(ready, func(a, b *far) int {
		return cmp.Or(cmp.Compare(a.look.Tries, b.look.Tries), a.entry.ModTime.Compare(b.entry.ModTime), cmp.Compare(a.path, b.path))
	})
	return ready
}

func (v *visit) source() string { return "remote:" + v.Name }

// spec describes the arrival of a file; nil = of any.
func (v *visit) spec(f *far) intake.Spec {
	s := intake.Spec{Account: v.Account, Source: v.source(), Actor: v.source(), Direction: catalog.In}
	if f != nil {
		s.Path, s.Size, s.Delivery = f.name, f.entry.Size, v.delivery(f)
	}
	return s
}
