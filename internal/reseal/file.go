package reseal

import (
	"bytes"
	"context"
	"errors"
	"io"
	"time"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/killpoint"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/vault"
)

// errChanged says that the row is not as it was read: somebody moved, ended or
// resealed the file meanwhile.
var errChanged = errors.New("the file changed meanwhile")

// one brings a file under a lock. job is the lease under which that is done.
func (r *Resealer) one(ctx context.Context, job *catalog.Job, f *catalog.File, to *custody.Lock) error {
	old, err := r.Bodies.OpenSealed(ctx, f)
	if err != nil {
		return err
	}
	defer old.Close()
	h, _, err := seal.ReadHeader(io.NewSectionReader(old, 0, old.Size()))
	if err != nil {
		return err
	}
	fresh, key, err := r.Custody.Reseal(ctx, f, h, to)
	if err != nil {
		return err
	}
	defer key.Wipe()
	if f.Body.Kind == catalog.InlineBody {
		return r.inline(ctx, job, f, old, fresh, key, to)
	}
	return r.object(ctx, job, f, old, fresh, key, to)
}

// inline replaces a body that lies in the catalog.
func (r *Resealer) inline(
	ctx context.Context, job *catalog.Job, f *catalog.File, old vault.Object, h seal.Header, key *seal.FileKey, to *custody.Lock,
) error {
	var body sized
	if err := seal.ReplaceHeader(&body, old, old.Size(), h, key); err != nil {
		return err
	}
	if err := verify(ctx, bytes.NewReader(body.bytes), int64(len(body.bytes)), key); err != nil {
		return err
	}
	err := r.change(ctx, job, f, to, func(tx *catalog.Tx, f *catalog.File) error {
		f.Body.Sealed = int64(len(body.bytes))
		if err := tx.DeleteInline(f.ID); err != nil {
			return err
		}
		return tx.PutInline(f.ID, body.bytes)
	})
	if err == nil {
		killpoint.At("reseal.switched")
	}
	return err
}

// sized is a body in memory: an inline one is small.
type sized struct{ bytes []byte }

func (s *sized) Write(p []byte) (int, error) {
	s.bytes = append(s.bytes, p...)
	return len(p), nil
}

// object writes a new object, has the row refer to it, and removes the old one.
func (r *Resealer) object(
	ctx context.Context, job *catalog.Job, f *catalog.File, old vault.Object, h seal.Header, key *seal.FileKey, to *custody.Lock,
) error {
	d, err := r.Intake.NewDraft(ctx, f.ID)
	if err != nil {
		return err
	}
	w := &beating{w: io.NewOffsetWriter(d, 0), beat: func() error { return r.extend(ctx, job) }, now: r.opt.Now, last: r.opt.Now()}
	if err = seal.ReplaceHeader(w, old, old.Size(), h, key); err == nil {
		err = verify(ctx, d, w.n, key)
	}
	if err == nil {
		err = d.Commit(ctx)
	}
	if err != nil {
		return errors.Join(err, d.Drop(context.WithoutCancel(ctx)))
	}
	killpoint.At("reseal.body-copied")
	refused := true // by the function, so that nothing was changed
	err = r.change(ctx, job, f, to, func(_ *catalog.Tx, f *catalog.File) error {
		f.Body = catalog.Body{Kind: catalog.VaultBody, Ref: d.Ref, Sealed: w.n}
		refused = false
		return nil
	})
	switch {
	case err == nil:
		d.Keep()
	case refused || fault.Is(err, fault.Full):
		return errors.Join(err, d.Drop(context.WithoutCancel(ctx)))
	default:
		return err // the row may refer to either object: both stay for the next start
	}
	killpoint.At("reseal.switched")
	if err := r.Bodies.Remove(ctx, f.Body); err != nil {
		r.opt.Log.Warn("body not removed yet", "file", f.ID, "err", err)
	}
	killpoint.At("reseal.old-removed")
	return nil
}

// verify reads a copy whole: the only other one is going to be removed.
func verify(ctx context.Context, copied io.ReaderAt, size int64, key *seal.FileKey) error {
	body, err := seal.OpenReaderAt(copied, size, func(seal.Header) (*seal.FileKey, error) { return key, nil })
	if err != nil {
		return err
	}
	return body.Verify(ctx)
}

// change changes the row of a file in one transaction, when it is as it was read
// and the job is still ours.
func (r *Resealer) change(
	ctx context.Context, job *catalog.Job, was *catalog.File, to *custody.Lock, edit func(*catalog.Tx, *catalog.File) error,
) error {
	return r.Catalog.Update(context.WithoutCancel(ctx), func(tx *catalog.Tx) error {
		if err := tx.ExtendJob(job, r.opt.Now().Add(lease)); err != nil {
			return err
		}
		f, err := tx.File(was.ID)
		if err != nil {
			return err
		}
		if f.Body != was.Body || f.Lock != was.Lock {
			return errChanged
		}
		if f.Lock, err = to.ID(tx); err != nil {
			return err
		}
		if err := edit(tx, f); err != nil {
			return err
		}
		return tx.SaveFile(f)
	})
}

func (r *Resealer) extend(ctx context.Context, job *catalog.Job) error {
	return r.Catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.ExtendJob(job, r.opt.Now().Add(lease)) })
}

// beating counts what is written and calls beat now and then, so that copying a
// large body outlasts the lease.
type beating struct {
	w    io.Writer
	n    int64
	beat func() error
	now  func() time.Time
	last time.Time
}

func (b *beating) Write(p []byte) (int, error) {
	if now := b.now(); now.Sub(b.last) > lease/8 {
		if err := b.beat(); err != nil {
			return 0, err
		}
		b.last = now
	}
	n, err := b.w.Write(p)
	b.n += int64(n)
	return n, err
}
