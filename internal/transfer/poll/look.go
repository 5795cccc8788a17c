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
	"sealgate/internal/transfer/remote/why"
)

// Results of looks, besides the kinds of what failed.
const (
	taken    = "taken"    // and is there still
	replaced = "replaced" // after it was taken
	changing = "changing" // it was when it was to be fetched
)

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
	look, stale := f.look, false
	switch {
	case look == nil && len(v.looks)+l.fresh >= 2*v.Limits.Entries+1000:
		if !l.full {
			l.full = true
			return nil, v.problem(ctx, f.path, why.Endless.New(fault.TooLarge, "poll: list",
				"more files were seen there in the last days than can be remembered; new ones are not fetched until files that are done were moved to another folder"))
		}
		return nil, nil
	case look == nil:
		l.fresh++
		f.look = &remotes.Look{Remote: v.Remote, PathMAC: mac, Size: -1, ListedSize: f.entry.Size, ListedTime: f.entry.ModTime, FirstSeen: now, Since: now, LastSeen: now}
		look, stale = f.look, true
	case listed(look, f.entry):
	case look.Result != taken && look.Size >= 0 && same(look, f.entry): // the listing has come after what the file itself showed
		look.ListedSize, look.ListedTime, stale = f.entry.Size, f.entry.ModTime, true
	case look.Result == taken && v.After.leaves() && (remote.Entry{Size: look.ListedSize, ModTime: look.ListedTime}).Shifted(f.entry):
		// Its content says whether it is another file, or only the clocks were changed.
		was := *look
		f.shifted, look.ListedTime = &was, f.entry.ModTime
		l.ready = append(l.ready, f)
		return nil, nil
	default:
		if changes, err = v.renew(ctx, f, now); err != nil {
			return nil, err
		}
	}
	if look.Result == taken {
		if v.stillTaken(f, now) {
			switch {
			case !v.After.leaves():
				l.due = append(l.due, f)
			case now.Sub(look.LastSeen) >= touch:
				changes = append(changes, v.stays(f, now))
			}
			return changes, nil
		}
		look.Result = ""
	}
	if look.Since.After(now) { // the clock was ahead
		look.Since, stale = now, true
	}
	if now.Sub(look.LastSeen) >= touch {
		look.LastSeen, stale = now, true
	}
	if stale {
		changes = append(changes, v.put(look))
	}
	if wait := v.wait(f); now.Sub(look.Since) < wait {
		v.again(look.Since.Add(wait))
		return changes, nil
	}
	l.ready = append(l.ready, f)
	return changes, nil
}

// stillTaken reports whether a file that was taken is taken for the same one. Where the
// server tells no time at all, only its content says so: what stays there is fetched
// again every day, what is to be moved before it is moved. Nothing is deleted there, so
// what is to be deleted is not fetched more often for it.
func (v *visit) stillTaken(f *far, now time.Time) bool {
	if !f.look.ModTime.IsZero() || !f.look.ListedTime.IsZero() {
		return true
	}
	return v.After.Move == "" && now.Sub(f.look.LastSeen) < touch
}

// wait is how long a file has to stay as it is. It is never less than what the
// server's times can tell apart, so that a file which is replaced after it was taken
// shows another time. Times in days are of files half a year old. A done-marker makes
// the wait unnecessary, if it is surely of this file and not of the one before.
func (v *visit) wait(f *far) time.Duration {
	if v.Still <= 0 || f.marked && f.look.Result != replaced && f.look.Result != changing {
		return 0
	}
	return max(v.Still, min(f.entry.Precision, time.Minute))
}

// again notes when a file will be still.
func (v *visit) again(at time.Time) {
	if v.result.Again.IsZero() || at.Before(v.result.Again) {
		v.result.Again = at
	}
}

// listed compares a listing with the one before.
func listed(look *remotes.Look, e remote.Entry) bool {
	return remote.Entry{Size: look.ListedSize, ModTime: look.ListedTime}.Same(e)
}

// same compares what the server says of a file with what it said when it was asked
// before.
func same(look *remotes.Look, e remote.Entry) bool {
	return remote.Entry{Size: look.Size, ModTime: look.ModTime}.Same(e)
}

func (v *visit) put(look *remotes.Look) change {
	row := *look
	return func(tx *catalog.Tx) error { return tx.PutRemoteLook(&row) }
}

// renew begins to look at a file anew that was changed or replaced, as the listing shows.
func (v *visit) renew(ctx context.Context, f *far, now time.Time) (changes []change, err error) {
	if err := v.giveUp(ctx, f.look); err != nil {
		return nil, err
	}
	if f.look.Result == taken {
		was := *f.look
		changes = append(changes, v.settle(&was, remotes.AfterGone, ""))
	}
	f.look.Size, f.look.ModTime = -1, time.Time{}
	f.look.ListedSize, f.look.ListedTime = f.entry.Size, f.entry.ModTime
	f.look.Since, f.look.LastSeen = now, now
	switch f.look.Result {
	case changing: // and goes on
	case taken, replaced:
		f.look.Result, f.look.Tries = replaced, 0
	default:
		f.look.Result, f.look.Tries = "", 0
	}
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
