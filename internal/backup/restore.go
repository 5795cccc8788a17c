package backup

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
)

// restoring is where a data directory is put together before any of it has its
// place.
const restoring = "restoring"

// Restore makes the data directory data out of the backup in src. It must be
// new, or hold no more than keys and settings: `keys restore` may come before
// or after. Every byte is compared with its sum on the way. The catalog comes to
// its place last: without it there is no gateway to serve.
func Restore(ctx context.Context, src, data string, progress Progress) (Summary, error) {
	return restore(ctx, durable.OS, src, data, progress)
}

func restore(ctx context.Context, disk durable.FS, src, data string, progress Progress) (Summary, error) {
	const op = "backup: restore"
	b, err := open(src)
	if err != nil {
		return Summary{}, err
	}
	defer b.Close()
	if within(src, data) {
		return Summary{}, fault.New(fault.Invalid, op, "%s lies in the backup", data)
	}
	if err := os.MkdirAll(data, 0o700); err != nil {
		return Summary{}, fault.Wrap(fault.Internal, op, err)
	}
	lock, err := durable.LockDir(data)
	if err != nil {
		return Summary{}, fault.Wrap(fault.Internal, op, err)
	}
	defer lock.Unlock()
	if err := clearPlace(data); err != nil {
		return Summary{}, fault.Wrap(fault.Internal, op, err)
	}
	if err := b.lay(ctx, &target{disk: disk, dir: filepath.Join(data, restoring), progress: progress}); err != nil {
		return Summary{}, told(ctx, op, data, err)
	}
	for _, name := range []string{Vault, Accounts, Catalog} {
		if err := disk.Rename(filepath.Join(data, restoring, name), filepath.Join(data, name)); err != nil {
			return Summary{}, fault.Wrap(fault.Internal, op, err)
		}
		if err := disk.SyncDir(data); err != nil {
			return Summary{}, fault.Wrap(fault.Internal, op, err)
		}
	}
	if err := errors.Join(disk.Remove(filepath.Join(data, restoring)), disk.SyncDir(data)); err != nil {
		return Summary{}, fault.Wrap(fault.Internal, op, err)
	}
	return b.manifest.Summary(), nil
}

// clearPlace refuses a directory with anything in it that a restore could
// overwrite or mix with, and removes what a restore that was cut left.
func clearPlace(data string) error {
	entries, err := os.ReadDir(data)
	if err != nil {
		return err
	}
	cut := false
	var taken []string
	for _, e := range entries {
		switch e.Name() {
		case Keys, "gateway.yaml", "lock":
		case restoring:
			cut = true
		default:
			taken = append(taken, e.Name())
		}
	}
	for _, name := range taken {
		if !cut || (name != Vault && name != Accounts) {
			return fault.New(fault.Exists, "backup: restore", "%s is not empty (%s); restore into a new directory", data, name)
		}
	}
	if !cut {
		return nil
	}
	for _, name := range []string{Vault, Accounts, restoring} { // the mark goes last
		if err := os.RemoveAll(filepath.Join(data, name)); err != nil {
			return err
		}
	}
	return nil
}

// Verify checks that a backup is complete and that each of its files is there
// with its size; deep, it reads every byte and compares the sums.
func Verify(ctx context.Context, src string, deep bool, progress Progress) (Summary, error) {
	const op = "backup: verify"
	b, err := open(src)
	if err != nil {
		return Summary{}, err
	}
	defer b.Close()
	t := &target{progress: progress}
	err = each(ctx, b.manifest.files(), func(ctx context.Context, f File) error {
		return b.read(f, func(r io.ReaderAt) error {
			if !deep {
				return nil
			}
			return b.compare(ctx, t, nil, r, f)
		})
	})
	if err != nil {
		return Summary{}, told(ctx, op, src, err)
	}
	return b.manifest.Summary(), nil
}

// Read tells what the backup in dir is, by its manifest alone.
func Read(dir string) (Summary, error) {
	b, err := open(dir)
	if err != nil {
		return Summary{}, err
	}
	return b.manifest.Summary(), b.Close()
}

// backup is a complete backup, open for reading. A path in it never leads out
// of it, whatever links lie there.
type backup struct {
	*os.Root
	manifest *Manifest
}

func open(dir string) (*backup, error) {
	const op = "backup: open"
	m, err := readManifest(dir, manifestFile)
	if fault.Is(err, fault.NotFound) {
		if _, serr := os.Stat(filepath.Join(dir, unfinishedFile)); serr == nil {
			err = fault.New(fault.Damaged, op, "the backup in %s is incomplete: it was interrupted; make it again", dir)
		}
	}
	if err != nil {
		return nil, err
	}
	if err := m.complete(); err != nil {
		return nil, &fault.Error{Kind: fault.Damaged, Op: op, Message: manifestFile + " of the backup is damaged", Err: err}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	return &backup{root, m}, nil
}

func damaged(name, how string) error {
	return fault.New(fault.Damaged, "backup: read", "%s in the backup %s", name, how)
}

// read opens a file of the backup, which has to be a plain one of its size.
func (b *backup) read(f File, use func(io.ReaderAt) error) error {
	name := filepath.FromSlash(f.Name)
	info, err := b.Lstat(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return damaged(f.Name, "is missing")
	case err != nil:
		return &fault.Error{Kind: fault.Damaged, Op: "backup: read", Message: f.Name + " in the backup cannot be read", Err: err}
	case !info.Mode().IsRegular():
		return damaged(f.Name, "is no plain file")
	case info.Size() != f.Size:
		return damaged(f.Name, "has another size than when it was written")
	}
	r, err := b.Open(name)
	if err != nil {
		return fault.Wrap(fault.Internal, "backup: read", err)
	}
	defer r.Close()
	return use(r)
}

// compare reads a file, copying it to to unless that is nil, and compares it
// with its sum.
func (b *backup) compare(ctx context.Context, t *target, to durable.File, r io.ReaderAt, f File) error {
	sum, err := t.copy(ctx, to, r, f.Size)
	if err != nil {
		return err
	}
	if sum != f.SHA256 {
		return damaged(f.Name, "is damaged: it has other bytes than when it was written")
	}
	return nil
}

// lay copies all files of the backup to t.
func (b *backup) lay(ctx context.Context, t *target) error {
	if err := t.disk.Mkdir(t.dir); err != nil {
		return err
	}
	for _, dir := range []string{Accounts, Vault} {
		if err := t.mkdirs(dir); err != nil {
			return err
		}
	}
	for f := range b.manifest.files() {
		t.total += f.Size
	}
	err := each(ctx, b.manifest.files(), func(ctx context.Context, f File) error {
		return b.read(f, func(r io.ReaderAt) error { return b.layOne(ctx, t, r, f) })
	})
	if err != nil {
		return err
	}
	return t.syncDirs()
}

// layOne copies one file; until all are there, none has its place.
func (b *backup) layOne(ctx context.Context, t *target, r io.ReaderAt, f File) error {
	if err := t.mkdirs(path.Dir(f.Name)); err != nil {
		return err
	}
	to, err := t.disk.Create(t.path(f.Name))
	if err != nil {
		return err
	}
	err = b.compare(ctx, t, to, r, f)
	if err == nil {
		err = to.Sync()
	}
	return errors.Join(err, to.Close())
}
