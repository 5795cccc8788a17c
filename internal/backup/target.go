package backup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"iter"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/store/vault"
)

const (
	workers        = 4       // files under way: so many wait for the disk together
	chunk          = 1 << 20 // bytes between two looks at the context
	writebackEvery = 8 << 20
)

// target is a directory that is being filled: a backup, or a data directory.
// Names in it are relative, with slashes.
type target struct {
	disk     durable.FS
	dir      string
	progress Progress

	mu          sync.Mutex // guards what follows, and whatever the workers of each share
	dirs        map[string]bool
	done, total int64
}

func (t *target) path(name string) string { return filepath.Join(t.dir, filepath.FromSlash(name)) }

// mkdirs makes a directory and those above it, up to the target's own.
func (t *target) mkdirs(name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range len(name) + 1 {
		if i < len(name) && name[i] != '/' {
			continue
		}
		dir := name[:i]
		if dir == "." || t.dirs[dir] {
			continue
		}
		if err := t.disk.Mkdir(t.path(dir)); err != nil {
			return err
		}
		if t.dirs == nil {
			t.dirs = map[string]bool{}
		}
		t.dirs[dir] = true
	}
	return nil
}

// syncDirs makes the names in all directories that were used durable.
func (t *target) syncDirs() error {
	for name := range t.dirs {
		if err := t.disk.SyncDir(t.path(name)); err != nil {
			return err
		}
	}
	return t.disk.SyncDir(t.dir)
}

// expect adds to what is to be done.
func (t *target) expect(bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.total += bytes
}

// advance tells that more is done.
func (t *target) advance(bytes int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done += bytes
	if t.progress != nil {
		t.progress(t.done, max(t.done, t.total))
	}
}

// each runs do for every item, some at a time, until one fails or ctx ends.
func each[T any](ctx context.Context, items iter.Seq[T], do func(context.Context, T) error) error {
	g, inner := errgroup.WithContext(ctx)
	g.SetLimit(workers)
	for item := range items {
		if inner.Err() != nil {
			break
		}
		g.Go(func() error { return do(inner, item) })
	}
	return errors.Join(g.Wait(), ctx.Err())
}

// put copies a file to name: under a temporary name until its bytes are
// durable, so that what has its name is whole.
func (t *target) put(ctx context.Context, name string, from io.ReaderAt, size int64) (Sum, error) {
	path := t.path(name)
	temp := path + durable.TempSuffix
	f, err := t.create(temp)
	if err != nil {
		return Sum{}, err
	}
	sum, err := t.copy(ctx, f, from, size)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return Sum{}, errors.Join(err, t.remove(temp))
	}
	return sum, t.disk.Rename(temp, path)
}

// create makes a new file in the place of what a crash left there.
func (t *target) create(path string) (durable.File, error) {
	if err := t.remove(path); err != nil {
		return nil, err
	}
	return t.disk.Create(path)
}

func (t *target) remove(path string) error {
	err := t.disk.Remove(path)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// copy copies size bytes and returns their sum. to = nil only reads.
func (t *target) copy(ctx context.Context, to durable.File, from io.ReaderAt, size int64) (sum Sum, err error) {
	hash := sha256.New()
	buf := make([]byte, min(chunk, max(size, 1)))
	for off := int64(0); off < size; {
		if err := ctx.Err(); err != nil {
			return sum, err
		}
		part := buf[:min(int64(len(buf)), size-off)]
		if n, err := from.ReadAt(part, off); n < len(part) {
			return sum, errors.Join(io.ErrUnexpectedEOF, err)
		}
		hash.Write(part)
		if to != nil {
			if _, err := to.WriteAt(part, off); err != nil {
				return sum, err
			}
		}
		off += int64(len(part))
		if to != nil && off%writebackEvery == 0 {
			durable.StartWriteback(to, off-writebackEvery, writebackEvery)
		}
		t.advance(int64(len(part)))
	}
	return Sum(hash.Sum(sum[:0])), nil
}

// standing returns what name is when the copy has it already: of the length and
// with the end of the original, and with the sum that it had then or, when that
// is not known, has now. A file that has its name is whole: see put. A body
// whose file waits for its rename gets another end by that, and nothing else.
func (t *target) standing(ctx context.Context, name string, original vault.Object, known body) (Sum, bool) {
	size := original.Size()
	f, err := t.disk.Open(t.path(name))
	if err != nil {
		return Sum{}, false
	}
	defer f.Close()
	if n, err := f.Size(); err != nil || n != size || !sameEnd(f, original, size) {
		return Sum{}, false
	}
	if known != (body{}) && known.size == size {
		t.advance(size)
		return known.sum, true
	}
	sum, err := t.copy(ctx, nil, f, size)
	return sum, err == nil
}

// sameEnd compares the last bytes of two files of this length.
func sameEnd(a, b io.ReaderAt, size int64) bool {
	n := min(size, 1024) // more than a trailer has
	one, two := make([]byte, n), make([]byte, n)
	if k, _ := a.ReadAt(one, size-n); int64(k) < n {
		return false
	}
	if k, _ := b.ReadAt(two, size-n); int64(k) < n {
		return false
	}
	return bytes.Equal(one, two)
}

// adopt makes a file that lies under its temporary name durable and gives it
// its name.
func (t *target) adopt(ctx context.Context, name string) (File, error) {
	temp := t.path(name) + durable.TempSuffix
	f, err := t.disk.Open(temp)
	if err != nil {
		return File{}, err
	}
	out := File{Name: name}
	if out.Size, err = f.Size(); err == nil {
		t.expect(out.Size)
		out.SHA256, err = t.copy(ctx, nil, f, out.Size)
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return File{}, err
	}
	return out, t.disk.Rename(temp, t.path(name))
}

// removeDatabase removes a database with what SQLite puts beside it.
func (t *target) removeDatabase(path string) error {
	for _, suffix := range []string{"", "-journal", "-wal", "-shm"} {
		if err := t.remove(path + suffix); err != nil {
			return err
		}
	}
	return nil
}

// removeAllBut removes the files of backups below the target that are not to be
// kept. What no backup has made is left alone.
func (t *target) removeAllBut(keep func(name string) bool) error {
	names, err := t.disk.List(t.path(Accounts))
	if err != nil {
		return err
	}
	for _, name := range names {
		whole, _, _ := strings.Cut(name, durable.TempSuffix) // ID.db.tmp-wal is of ID.db
		if err := t.discard(Accounts+"/"+name, Accounts+"/"+whole, keep); err != nil {
			return err
		}
	}
	return t.removeBodies(Vault, keep)
}

func (t *target) removeBodies(dir string, keep func(name string) bool) error {
	names, err := t.disk.List(t.path(dir))
	if err != nil {
		return err
	}
	for _, name := range names {
		whole := strings.TrimSuffix(name, durable.TempSuffix)
		switch {
		case vault.ValidRef(whole):
			err = t.discard(dir+"/"+name, dir+"/"+whole, keep)
		case len(name) == 2 && strings.Count(dir, "/") < 2:
			err = t.removeBodies(dir+"/"+name, keep)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// discard removes name, which is whole or a rest of it, unless it is to be kept.
func (t *target) discard(name, whole string, keep func(name string) bool) error {
	if !wellPlaced(whole) || (name == whole && keep(whole)) {
		return nil
	}
	return t.remove(t.path(name))
}

// writeManifest writes a manifest durably and in one step.
func (t *target) writeManifest(name string, m *Manifest) error {
	path := t.path(name)
	temp := path + durable.TempSuffix
	f, err := t.create(temp)
	if err != nil {
		return err
	}
	err = m.write(io.NewOffsetWriter(f, 0))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := t.disk.Rename(temp, path); err != nil {
		return err
	}
	return t.disk.SyncDir(t.dir)
}
