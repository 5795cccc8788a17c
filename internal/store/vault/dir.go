package vault

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
)

// Dir is a vault in a directory: DIR/ab/abcd..., one level of 256 directories:
// after the first hundreds of objects none has to be made, and synced, any more. There is nothing else on disk, no temporary names and no index.
// Directories are made when first needed and never removed.
type Dir struct {
	fs  durable.FS
	dir string

	mu    sync.Mutex
	known map[string]bool  // directories whose own name is durable
	lost  map[string]error // directories whose fsync has failed
}

var _ Vault = (*Dir)(nil)

// Open opens the vault in dir, making the directory when it is not there; its
// parent must be.
func Open(disk durable.FS, dir string) (*Dir, error) {
	const op = "vault: open"
	if err := disk.Mkdir(dir); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	if err := disk.SyncDir(filepath.Dir(dir)); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	return &Dir{fs: disk, dir: dir, known: map[string]bool{}, lost: map[string]error{}}, nil
}

// path returns the object's name; ref has been checked.
func (v *Dir) path(ref string) string {
	return filepath.Join(v.dir, ref[:2], ref)
}

// Create is Vault.
func (v *Dir) Create(_ context.Context, ref string) (Body, error) {
	const op = "vault: create"
	if err := checkRef(op, ref); err != nil {
		return nil, err
	}
	if err := v.makeDirs(ref); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	f, err := v.fs.Create(v.path(ref))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	return &body{File: f, vault: v, ref: ref}, nil
}

// Resume is Vault.
func (v *Dir) Resume(_ context.Context, ref string) (Body, error) {
	f, err := v.open("vault: resume", ref)
	if err != nil {
		return nil, err
	}
	return &body{File: f, vault: v, ref: ref}, nil
}

// Open is Vault.
func (v *Dir) Open(_ context.Context, ref string) (Object, error) {
	const op = "vault: open object"
	f, err := v.open(op, ref)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		_ = f.Close()
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	return &object{f, size}, nil
}

func (v *Dir) open(op, ref string) (durable.File, error) {
	if err := checkRef(op, ref); err != nil {
		return nil, err
	}
	f, err := v.fs.Open(v.path(ref))
	return f, fault.Wrap(fault.Internal, op, err)
}

// Remove is Vault. The directory is not synced: a crash may bring the object
// back, as one that the catalog does not know and the sweep takes away.
func (v *Dir) Remove(_ context.Context, ref string) error {
	const op = "vault: remove"
	if err := checkRef(op, ref); err != nil {
		return err
	}
	err := v.fs.Remove(v.path(ref))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fault.Wrap(fault.Internal, op, err)
}

// Each is Vault. What is not an object in its place is passed over.
func (v *Dir) Each(ctx context.Context, visit func(ref string) error) error {
	return v.walk(ctx, v.dir, "", visit)
}

// walk visits the objects below dir, whose references begin with prefix.
func (v *Dir) walk(ctx context.Context, dir, prefix string, visit func(ref string) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	names, err := v.fs.List(dir)
	if err != nil {
		return fault.Wrap(fault.Internal, "vault: list", err)
	}
	for _, name := range names {
		switch {
		case prefix == "" && isFanout(name):
			err = v.walk(ctx, filepath.Join(dir, name), name, visit)
		case prefix != "" && ValidRef(name) && strings.HasPrefix(name, prefix):
			err = visit(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func isFanout(name string) bool {
	return len(name) == 2 && ValidRef(strings.Repeat(name, refLen/2))
}

// Free is Vault.
func (v *Dir) Free(context.Context) (int64, error) {
	n, err := durable.Free(v.fs, v.dir)
	return n, fault.Wrap(fault.Internal, "vault: free space", err)
}

// dirs returns the directories on the way to ref, the innermost first.
func (v *Dir) dirs(ref string) [2]string {
	return [2]string{filepath.Join(v.dir, ref[:2]), v.dir}
}

// makeDirs makes the directory for ref. It refuses where an fsync of one of
// them has failed: names that were lost then look clean now, and no later
// fsync would say so.
func (v *Dir) makeDirs(ref string) error {
	dirs := v.dirs(ref)
	v.mu.Lock()
	known := v.known[dirs[0]]
	err := v.lostIn(dirs)
	v.mu.Unlock()
	if err != nil || known {
		return err
	}
	return v.fs.Mkdir(dirs[0])
}

// lostIn returns the failure that one of dirs has met; the caller holds mu.
func (v *Dir) lostIn(dirs [2]string) error {
	for _, d := range dirs {
		if err := v.lost[d]; err != nil {
			return err
		}
	}
	return nil
}

// syncNames makes the name of ref durable: its entry in the innermost
// directory always, the entries of the directories once in a process, since
// the one before may have been killed between making and syncing them.
func (v *Dir) syncNames(ref string) error {
	dirs := v.dirs(ref)
	v.mu.Lock()
	known := v.known[dirs[0]]
	err := v.lostIn(dirs)
	v.mu.Unlock()
	if err != nil {
		return err
	}
	todo := dirs[:]
	if known {
		todo = dirs[:1]
	}
	for _, d := range todo {
		if err := v.fs.SyncDir(d); err != nil {
			if !fault.Is(err, fault.Full) { // a full disk recovers by itself
				v.mu.Lock()
				v.lost[d] = err
				v.mu.Unlock()
			}
			return err
		}
	}
	v.mu.Lock()
	v.known[dirs[0]] = true
	v.mu.Unlock()
	return nil
}

// object is an object open for reading; the file's other half stays hidden.
type object struct {
	file durable.File
	size int64
}

func (o *object) ReadAt(p []byte, off int64) (int, error) { return o.file.ReadAt(p, off) }
func (o *object) Size() int64                             { return o.size }
func (o *object) Close() error                            { return o.file.Close() }

// body is an object open for writing.
type body struct {
	durable.File
	vault *Dir
	ref   string

	mu    sync.Mutex
	named bool // its name is durable
}

// Sync makes the bytes durable and, the first time, the name.
func (b *body) Sync() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err := b.File.Sync(); err != nil {
		return fault.Wrap(fault.Internal, "vault: sync", err)
	}
	if b.named {
		return nil
	}
	if err := b.vault.syncNames(b.ref); err != nil {
		return fault.Wrap(fault.Internal, "vault: sync", err)
	}
	b.named = true
	return nil
}

// StartWriteback is durable.Writebacker.
func (b *body) StartWriteback(offset, length int64) {
	durable.StartWriteback(b.File, offset, length)
}

// Commit is Body.
func (b *body) Commit(context.Context) error {
	if err := b.Sync(); err != nil {
		_ = b.File.Close()
		return err
	}
	return fault.Wrap(fault.Internal, "vault: commit", b.File.Close())
}
