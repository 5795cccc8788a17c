package poll

import (
	"context"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/killpoint"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake"
)

// recording is a file that was fetched and is being put on record.
type recording struct {
	f       *far
	arrival *intake.Arrival
	done    chan struct{} // closed when what follows is there

	row      *catalog.File // an older one, if it was on record from before
	err      error
	panicked any
}

// record begins to put a file on record. It is here: whether there is time left or not
// does not matter any more.
func (v *visit) record(ctx context.Context, f *far, arrival *intake.Arrival) {
	r := &recording{f: f, arrival: arrival, done: make(chan struct{})}
	v.recording = r
	go func() {
		defer close(r.done)
		defer func() { r.panicked = recover() }()
		r.row, r.err = arrival.Commit(context.WithoutCancel(ctx))
	}()
}

// recorded waits until the file that was fetched last is on record, and lets become of it
// there what is to. next is what went wrong with the one after it: when nothing more can
// be asked of the server, that stays due until the next visit.
func (v *visit) recorded(ctx context.Context, next error) error {
	r := v.recording
	if r == nil {
		return nil
	}
	v.recording = nil
	<-r.done
	if r.panicked != nil {
		panic(r.panicked)
	}
	f := r.f
	f.look.Arrival = uuid.Nil
	if r.err != nil {
		return v.untaken(ctx, f, ours{r.err})
	}
	f.look.Result, f.look.Tries = taken, 0
	if r.row.ID != r.arrival.ID() {
		v.result.Repeated++
	} else {
		v.result.Files++
		v.result.Bytes += f.entry.Size
	}
	killpoint.At("poll.taken")
	if v.After.leaves() || next != nil && ends(ctx, next) {
		return nil
	}
	return v.after(ctx, f)
}

// untaken notes why a file was not taken.
func (v *visit) untaken(ctx context.Context, f *far, err error) error {
	switch {
	case f.shifted != nil:
		return v.unsettled(ctx, f, err)
	case fault.Is(err, fault.NotFound): // somebody took it away: the next listing shows it no more
		return v.gone(ctx, f)
	case err == errChanged:
		return v.changed(ctx, f)
	}
	return v.failed(ctx, f, err)
}
