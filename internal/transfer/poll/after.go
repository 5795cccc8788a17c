package poll

import (
	"context"
	"fmt"
	"path"
	"strings"

	"sealgate/internal/fault"
	"sealgate/internal/killpoint"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/why"
)

// maxRefusals is how many deletions or moves may be refused in a row before the rest
// is left for the next visit: it is a folder that cannot be written to.
const maxRefusals = 3

// after deletes or moves a file there that is durable here, when it is still what was
// taken. What fails is told, and tried again at the next visit.
func (v *visit) after(ctx context.Context, f *far) error {
	if v.refusals >= maxRefusals {
		v.result.Failed++
		return nil
	}
	now, err := v.session.Stat(ctx, f.path)
	switch {
	case fault.Is(err, fault.NotFound): // an answer was lost before, or somebody else did it
		return v.did(ctx, f)
	case err != nil:
		return v.refused(ctx, f, err)
	case !same(f.look, now): // it is a new one
		f.entry = now
		return v.changed(ctx, f)
	case now.ModTime.IsZero():
		if same, err := v.sameInList(ctx, f); err != nil {
			return v.refused(ctx, f, err)
		} else if !same {
			f.entry = now
			return v.changed(ctx, f)
		}
	}
	if v.Marker != "" { // first: one that stays behind would say that the next file of the name is done
		err = v.away(ctx, f.path+v.Marker)
	}
	if err == nil {
		err = v.away(ctx, f.path)
	}
	if err != nil {
		return v.refused(ctx, f, err)
	}
	killpoint.At("poll.removed")
	return v.did(ctx, f)
}

// sameInList compares the time of a file with the listing in which it was found, where
// the server tells times in listings only. Without any, nothing is deleted: the size
// alone does not say that it is still what was taken.
func (v *visit) sameInList(ctx context.Context, f *far) (bool, error) {
	if f.look.ListedTime.IsZero() {
		if v.After.Delete {
			return false, why.NoSize.New(fault.Invalid, "poll: after",
				"the server does not tell when files were changed, so it cannot be known whether another one has taken its place; let files be moved there, not deleted")
		}
		return true, nil
	}
	found, err := v.session.List(ctx, path.Dir(f.path))
	if err != nil {
		return false, err
	}
	for _, e := range found {
		if e.Name == path.Base(f.path) && e.Kind == remote.Regular {
			return !e.ModTime.IsZero() && listed(f.look, e), nil
		}
	}
	return false, nil
}

// away deletes or moves a file there. That it is gone already is no error.
func (v *visit) away(ctx context.Context, there string) (err error) {
	if v.After.Delete {
		err = v.session.Remove(ctx, there)
	} else {
		err = v.move(ctx, there)
	}
	if fault.Is(err, fault.NotFound) {
		if _, serr := v.session.Stat(ctx, there); fault.Is(serr, fault.NotFound) { // and not the folder to move it to
			return nil
		}
	}
	return err
}

// move renames a file into the folder for what was taken, under a name that is free.
func (v *visit) move(ctx context.Context, from string) error {
	dir, name := v.moved(), path.Base(from)
	err := v.session.Rename(ctx, from, path.Join(dir, name), false)
	if err != nil && !fault.Is(err, fault.Exists) && !ends(ctx, err) {
		// It may be that the folder is not there yet: servers say that in many ways.
		if merr := v.session.Mkdir(ctx, dir); merr != nil {
			return err
		}
		err = v.session.Rename(ctx, from, path.Join(dir, name), false)
	}
	if fault.Is(err, fault.Exists) { // of a file that was taken before
		ext := path.Ext(name)
		name = fmt.Sprintf("%s.%s%s", strings.TrimSuffix(name, ext), v.now().UTC().Format("20060102T150405.000000"), ext)
		err = v.session.Rename(ctx, from, path.Join(dir, name), false)
	}
	return err
}

// did notes that nothing is left to be done about a file. It is written down together
// with others: a crash before makes the next visit find it gone.
func (v *visit) did(ctx context.Context, f *far) error {
	v.refusals = 0
	if v.done = append(v.done, f); len(v.done) < batch {
		return nil
	}
	return v.writeDone(ctx)
}

func (v *visit) writeDone(ctx context.Context) error {
	if len(v.done) == 0 {
		return nil
	}
	err := v.update(ctx, func(tx *catalog.Tx) error {
		for _, f := range v.done {
			if err := v.settle(f.look, remotes.AfterDone, "")(tx); err != nil {
				return err
			}
			if err := tx.DeleteRemoteLook(v.Remote, f.look.PathMAC); err != nil {
				return err
			}
		}
		return nil
	})
	v.done = nil
	return err
}

// refused notes that a file could be neither deleted nor moved.
func (v *visit) refused(ctx context.Context, f *far, err error) error {
	if ends(ctx, err) {
		v.result.Failed++
		return err
	}
	v.refusals++
	what := "deleted"
	if !v.After.Delete {
		what = "moved"
	}
	told := &fault.Error{
		Kind: fault.KindOf(err), Op: "poll: after", Err: why.NotRemoved.By(err),
		Message: fmt.Sprintf("the file was taken and is safe, but could not be %s there: %s; it is not taken again", what, fault.Message(err)),
	}
	if err := v.problem(ctx, f.path, told); err != nil {
		return err
	}
	return v.update(ctx, v.settle(f.look, remotes.AfterDue, told.Kind.String()))
}
