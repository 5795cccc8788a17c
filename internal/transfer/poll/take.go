package poll

import (
	"bytes"
	"context"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/killpoint"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/intake"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/why"
)

const (
	// big is the size from which on a cut file is gone on with: below it, fetching it
	// again costs less than remembering it.
	big = 8 << 20

	// overlap is how much before the cut is read again and compared.
	overlap = 1 << 20

	// piece is how much is read before it is handed on to be hashed, sealed and written;
	// pieces is how many there are of a file at a time. With fewer or smaller ones
	// processors sleep between the stages, and waking one takes long.
	piece  = 512 << 10
	pieces = 8
)

// errChanged is for a file that is not any more what was seen a moment ago.
var errChanged = why.Changed.New(fault.TryLater, "poll: take", "the file was changed while it was fetched; it is fetched when it stays as it is")

// ours is an error of the gateway, not of the server: it ends the visit.
type ours struct{ error }

func (o ours) Unwrap() error { return o.error }

// take fetches one file, and puts it on record. A small one is put on record while the
// next one is fetched. What goes wrong with one file alone is a problem; an error ends
// the visit.
func (v *visit) take(ctx context.Context, f *far) error {
	alone := f.entry.Size >= big || f.shifted != nil
	if alone {
		if err := v.recorded(ctx, nil); err != nil {
			return err
		}
	}
	arrival, err := v.fetch(ctx, f)
	var drop error
	if err == nil {
		drop = errPanic
	}
	defer func() {
		if drop != nil {
			arrival.Drop(drop)
		}
	}()
	if berr := v.recorded(ctx, err); berr != nil { // the one before
		if err == nil {
			drop = berr
		}
		return berr
	}
	if err != nil {
		return v.untaken(ctx, f, err)
	}
	drop = nil
	v.record(ctx, f, arrival)
	if alone {
		return v.recorded(ctx, nil)
	}
	return nil
}

// unsettled leaves open whether a file that was taken is there at another hour, or
// another one is: the next visit asks again.
func (v *visit) unsettled(ctx context.Context, f *far, err error) error {
	*f.look = *f.shifted
	v.again(v.now().Add(v.wait(f)))
	if o, ok := err.(ours); ok {
		v.result.Failed++
		return o.error
	}
	if err == errChanged || fault.Is(err, fault.NotFound) {
		return nil
	}
	return v.problem(ctx, f.path, err)
}

// failed notes that a file could not be fetched.
func (v *visit) failed(ctx context.Context, f *far, err error) error {
	f.look.Tries++
	f.look.Result = fault.KindOf(err).String()
	f.look.LastSeen = v.now()
	werr := v.update(context.WithoutCancel(ctx), v.put(f.look))
	if o, ok := err.(ours); ok {
		v.result.Failed++
		return o.error
	}
	if err := v.problem(ctx, f.path, err); err != nil {
		v.result.Failed++
		return err
	}
	return werr
}

// patience is how often in a row a file may come to nothing before it is told.
const patience = 3

// changed begins to look at a file anew: the server says something else of it now than
// the look that found it ready, or than the listing did. From here on it is compared
// with what was said now.
func (v *visit) changed(ctx context.Context, f *far) error {
	if err := v.giveUp(ctx, f.look); err != nil {
		return err
	}
	var changes []change
	if f.look.Result == taken {
		was := *f.look
		changes = append(changes, v.settle(&was, remotes.AfterGone, ""))
	}
	now := v.now()
	f.look.Size, f.look.ModTime = f.entry.Size, f.entry.ModTime
	f.look.Since, f.look.LastSeen = now, now
	f.look.Result = changing
	f.look.Tries++
	v.again(now.Add(v.wait(f)))
	if f.look.Tries >= patience {
		if err := v.problem(ctx, f.path, errChanged); err != nil {
			return err
		}
	}
	return v.write(ctx, append(changes, v.put(f.look)))
}

// gone notes that a file which is listed is not there. Once, somebody was faster; time
// and again, the server does not let it be read.
func (v *visit) gone(ctx context.Context, f *far) error {
	f.look.Tries++
	f.look.Result = fault.NotFound.String()
	f.look.LastSeen = v.now()
	if f.look.Tries >= patience {
		err := v.problem(ctx, f.path, why.NotThere.New(fault.NotFound, "poll: take",
			"the file is in the server's listing, but it is not there, or not for this login, when it is opened"))
		if err != nil {
			return err
		}
	}
	return v.update(ctx, v.put(f.look))
}

// errPanic is why an arrival is given up whose reading panicked.
var errPanic = fault.New(fault.Internal, "poll: fetch", "the gateway failed over what the server sent")

// fetch reads a file to its end, and looks whether it is still what it was.
func (v *visit) fetch(ctx context.Context, f *far) (*intake.Arrival, error) {
	arrival, src, offset, err := v.open(ctx, f)
	if err != nil {
		return nil, err
	}
	panics := true
	defer func() {
		if panics { // over what the server sent: whoever ends the visit for it goes on with the other files first
			arrival.Drop(errPanic)
			f.look.Arrival, f.look.Result = uuid.Nil, fault.Internal.String()
			f.look.Tries++
			_ = v.update(context.WithoutCancel(ctx), v.put(f.look)) // best effort
		}
	}()
	err = copyAll(arrival, src, offset)
	panics = false
	if cerr := src.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = v.unchanged(ctx, f, src.Entry)
	}
	switch {
	case err != nil && f.entry.Size >= big && f.shifted == nil && ends(ctx, err):
		arrival.Abort(err) // kept, to be gone on with
		return nil, err
	case err != nil:
		arrival.Drop(err)
		f.look.Arrival = uuid.Nil
		return nil, err
	}
	killpoint.At("poll.fetched")
	return arrival, nil
}

// unchanged looks whether a file is still what was opened.
func (v *visit) unchanged(ctx context.Context, f *far, opened remote.Entry) error {
	now, err := v.session.Stat(ctx, f.path)
	if err != nil {
		return err
	}
	if !now.Same(opened) {
		f.entry = now
		return errChanged
	}
	return nil
}

// open opens the file and an arrival for it, both at the same offset. What the server
// says when it opens the file is what counts from then on.
func (v *visit) open(ctx context.Context, f *far) (*intake.Arrival, *remote.File, int64, error) {
	if f.look.Arrival != uuid.Nil {
		a, src, offset, err := v.resume(ctx, f)
		if a != nil || err != nil {
			return a, src, offset, err
		}
	}
	src, err := v.session.Open(ctx, f.path, 0)
	if err != nil {
		return nil, nil, 0, err
	}
	if err := v.agree(f, src.Entry); err != nil {
		_ = src.Close()
		return nil, nil, 0, err
	}
	a, err := v.begin(ctx, f)
	if err != nil {
		_ = src.Close()
		return nil, nil, 0, ours{err}
	}
	return a, src, 0, nil
}

// agree compares what the server says of a file now with what it said before: when it
// was asked about the file, or else in the listing that found it ready. Where listings
// are in another time zone, or without sizes, the first answer is another one, and is
// what the next one is compared with.
func (v *visit) agree(f *far, e remote.Entry) error {
	same := f.look.Size < 0 && f.entry.Same(e) || f.look.Size >= 0 && same(f.look, e)
	if f.shifted != nil {
		same = same || remote.Entry{Size: f.look.Size, ModTime: f.look.ModTime}.Shifted(e)
	}
	f.entry = e
	switch {
	case !same:
		return errChanged
	case e.Size < 0:
		return why.NoSize.New(fault.Invalid, "poll: take", "the server does not tell the size of the file; it cannot be known whether it is whole, so it is not taken")
	case e.Size > v.Limits.Bytes:
		return why.TooLarge.New(fault.TooLarge, "poll: take", "the file is larger than %d MiB; it is not taken", v.Limits.Bytes>>20)
	}
	if f.shifted == nil { // else it goes by the hour at which it was taken first
		f.look.Size, f.look.ModTime = e.Size, e.ModTime
	}
	return nil
}

// begin starts an arrival. That of a big file is remembered first, so that it is found
// after a crash, too.
func (v *visit) begin(ctx context.Context, f *far) (*intake.Arrival, error) {
	a, err := v.intake.Begin(ctx, v.with(f))
	if err != nil || f.entry.Size < big || f.shifted != nil {
		return a, err
	}
	f.look.Arrival = a.ID()
	if err := v.update(ctx, v.put(f.look)); err != nil {
		a.Drop(err)
		return nil, err
	}
	killpoint.At("poll.begun")
	return a, nil
}

// with is the spec of a file's arrival, with what is written down in its commit.
func (v *visit) with(f *far) intake.Spec {
	s := v.spec(f)
	s.With = func(tx *catalog.Tx, row *catalog.File) error {
		if err := tx.HoldsRemote(v.Remote, v.Fence); err != nil {
			return err
		}
		return v.enter(tx, f, row, v.now())
	}
	return s
}

// enter writes a file into the ledger that is on record from now on, or was before.
func (v *visit) enter(tx *catalog.Tx, f *far, row *catalog.File, now time.Time) error {
	look := *f.look
	look.Arrival, look.Tries, look.Result, look.LastSeen = uuid.Nil, 0, taken, now
	after := remotes.AfterDue
	if v.After.leaves() {
		after = remotes.AfterDone
	}
	t := &remotes.Taken{
		Remote: v.Remote, SeenMAC: v.seenMAC(&look), TakenMAC: row.Delivery.MAC,
		File: row.ID, TakenAt: now, LastSeen: now, After: after,
	}
	before, err := tx.Taken(v.Remote, t.SeenMAC, t.TakenMAC)
	switch {
	case err == nil:
		before.LastSeen, before.After, before.Error = now, after, ""
		err = tx.SaveTaken(before)
	case fault.Is(err, fault.NotFound):
		err = tx.InsertTaken(t)
	}
	if err != nil {
		return err
	}
	return tx.PutRemoteLook(&look)
}

// resume goes on with an arrival that was cut, if the file is what it was then. Else
// the arrival is given up, and it returns none.
func (v *visit) resume(ctx context.Context, f *far) (*intake.Arrival, *remote.File, int64, error) {
	now, err := v.session.Stat(ctx, f.path)
	if err != nil {
		return nil, nil, 0, err
	}
	if now.Size != f.look.Size || micros(now.ModTime) != micros(f.look.ModTime) || now.ModTime.IsZero() {
		if err := v.giveUp(ctx, f.look); err != nil {
			return nil, nil, 0, ours{err}
		}
		return nil, nil, 0, nil
	}
	if err := v.agree(f, now); err != nil {
		return nil, nil, 0, err
	}
	a, err := v.intake.ResumeUpload(ctx, v.with(f), f.look.Arrival)
	if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Exists) {
		f.look.Arrival = uuid.Nil // nothing of it is left
		return nil, nil, 0, nil
	}
	if err != nil {
		return nil, nil, 0, ours{err}
	}
	offset := a.Durable()
	src, err := v.session.Open(ctx, f.path, max(0, offset-overlap))
	if err != nil {
		return v.anew(ctx, f, a, err)
	}
	switch equal, err := sameEnd(a, src, offset); {
	case err != nil:
		_ = src.Close()
		return v.anew(ctx, f, a, err)
	case !equal || !src.Entry.Same(now):
		_ = src.Close()
		return v.anew(ctx, f, a, errChanged)
	}
	return a, src, offset, nil
}

// anew gives up an arrival that could not be gone on with: some servers read files from
// their beginning only. It keeps one at which the connection broke.
func (v *visit) anew(ctx context.Context, f *far, a *intake.Arrival, err error) (*intake.Arrival, *remote.File, int64, error) {
	if ends(ctx, err) {
		a.Abort(err)
		return nil, nil, 0, err
	}
	a.Drop(err)
	f.look.Arrival = uuid.Nil
	return nil, nil, 0, nil
}

// sameEnd reads the last of what is durable again and leaves src at offset.
func sameEnd(a *intake.Arrival, src io.Reader, offset int64) (bool, error) {
	theirs := make([]byte, min(offset, overlap))
	if _, err := io.ReadFull(src, theirs); err != nil {
		return false, err
	}
	own := make([]byte, len(theirs))
	if _, err := a.ReadAt(own, offset-int64(len(own))); err != nil {
		return false, nil // what cannot be read back is no beginning of anything
	}
	return bytes.Equal(own, theirs), nil
}

// copyAll copies from src to its end. What has come is hashed, sealed and written while
// more is read, so that the server does not wait for that.
func copyAll(a *intake.Arrival, src *remote.File, offset int64) error {
	size := min(piece, src.Entry.Size-offset+1) // one more: to see the end with the last of it
	full, empty := make(chan []byte, pieces), make(chan []byte, pieces)
	made := 0
	room := func() []byte {
		if len(empty) == 0 && made < pieces {
			made++
			return make([]byte, size)
		}
		return <-empty
	}
	var failed atomic.Pointer[error]
	var writing sync.WaitGroup
	writing.Go(func() {
		for b := range full {
			if failed.Load() == nil {
				if _, err := a.WriteAt(b, offset); err != nil {
					failed.Store(&err)
				}
				offset += int64(len(b))
			}
			empty <- b[:cap(b)]
		}
	})
	err := func() error {
		defer writing.Wait()
		defer close(full)
		for failed.Load() == nil {
			buf := room()
			n, err := io.ReadFull(src, buf)
			if n > 0 {
				full <- buf[:n]
			}
			if err != nil {
				return err
			}
		}
		return nil
	}()
	if werr := failed.Load(); werr != nil {
		return ours{*werr}
	}
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return nil
	}
	return err
}
