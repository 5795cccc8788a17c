package durabletest

import (
	"errors"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
)

// ErrPowerCut is what every operation answers between the cut and the restart,
// and every file opened before a cut for ever.
var ErrPowerCut = fault.Wrap(fault.Internal, "durabletest", errors.New("the power is off"))

// PowerCut is a disk in memory that keeps apart what was made durable and what
// was not. Crash forgets a random part of the second, as hard as the contract
// of package durable allows:
//
//   - of the writes to a file since its last Sync any subset of their 512-byte
//     blocks is lost, in any order; a lost block within the file's length reads
//     as it was before, or as zeros;
//   - of the names made, replaced or taken away since the last SyncDir of their
//     directory any subset of the changes is lost. A rename within a directory
//     is one change; between two directories it is two.
//
// It is safe for concurrent use.
type PowerCut struct {
	mu    sync.Mutex
	dirs  map[string]*node // by path: as the running system sees them
	boot  int              // files opened in an earlier one are dead
	off   bool
	fuse  int // operations left until the cut; 0 = none set
	count int
}

// node is a file or a directory.
type node struct {
	dir bool

	// Of a file.
	data, synced []byte
	pending      []edit

	// Of a directory.
	names, durable map[string]*node
	changes        []change
}

// edit is a write of at most one block (or a truncation, data nil).
type edit struct {
	off  int64
	data []byte
}

// change is one step in a directory: the names it binds, nil for unbound.
type change map[string]*node

const block = 512

// NewPowerCut returns an empty disk whose roots are durable directories.
func NewPowerCut(roots ...string) *PowerCut {
	d := &PowerCut{dirs: map[string]*node{}}
	for _, r := range roots {
		d.dirs[filepath.Clean(r)] = newDir()
	}
	return d
}

func newDir() *node {
	return &node{dir: true, names: map[string]*node{}, durable: map[string]*node{}}
}

// Count returns how many operations that change the disk were asked for.
func (d *PowerCut) Count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.count
}

// CutAfter lets n more operations that change the disk happen; the one after
// them and everything later fails with ErrPowerCut until Crash.
func (d *PowerCut) CutAfter(n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fuse = n + 1
}

// Crash cuts the power, loses what rng chooses of all that was not durable,
// and starts the disk again.
func (d *PowerCut) Crash(rng *rand.Rand) {
	d.mu.Lock()
	defer d.mu.Unlock()
	roots := d.roots()
	d.dirs = map[string]*node{}
	for _, path := range slices.Sorted(maps.Keys(roots)) {
		d.restart(path, roots[path], rng, map[*node]bool{})
	}
	d.boot++
	d.off, d.fuse = false, 0
}

// roots returns the directories that no other directory holds.
func (d *PowerCut) roots() map[string]*node {
	roots := map[string]*node{}
	for path, n := range d.dirs {
		if _, held := d.dirs[filepath.Dir(path)]; !held || filepath.Dir(path) == path {
			roots[path] = n
		}
	}
	return roots
}

// restart settles a directory, and all that survives in it.
func (d *PowerCut) restart(path string, dir *node, rng *rand.Rand, settled map[*node]bool) {
	d.dirs[path] = dir
	dir.settle(rng)
	for _, name := range slices.Sorted(maps.Keys(dir.names)) {
		n := dir.names[name]
		switch {
		case n.dir:
			d.restart(filepath.Join(path, name), n, rng, settled)
		case !settled[n]: // two names may have survived of one renamed file
			settled[n] = true
			n.settle(rng)
		}
	}
}

// settle makes a random part of what was not durable so, and forgets the rest.
// In one crash of four everything is lost, in one everything is kept.
func (n *node) settle(rng *rand.Rand) {
	luck := []float64{0, 1, rng.Float64(), rng.Float64()}[rng.IntN(4)]
	if n.dir {
		for _, c := range n.changes {
			if rng.Float64() < luck {
				c.apply(n.durable)
			}
		}
		n.names, n.changes = maps.Clone(n.durable), nil
		return
	}
	for _, e := range n.pending {
		if rng.Float64() < luck {
			n.synced = e.apply(n.synced)
		}
	}
	n.data, n.pending = slices.Clone(n.synced), nil
}

func (c change) apply(names map[string]*node) {
	for name, n := range c {
		if n == nil {
			delete(names, name)
		} else {
			names[name] = n
		}
	}
}

func (e edit) apply(data []byte) []byte {
	if e.data == nil {
		return resize(data, e.off)
	}
	if end := e.off + int64(len(e.data)); end > int64(len(data)) {
		data = resize(data, end)
	}
	copy(data[e.off:], e.data)
	return data
}

func resize(data []byte, size int64) []byte {
	if size <= int64(len(data)) {
		return data[:size:size] // the capacity too: what is cut off never comes back
	}
	return append(data, make([]byte, size-int64(len(data)))...)
}

// change counts an operation that changes the disk and tells whether the
// power is still on. The caller holds mu.
func (d *PowerCut) change() error {
	d.count++
	if d.fuse > 0 {
		d.fuse--
		d.off = d.off || d.fuse == 0
	}
	return d.power()
}

func (d *PowerCut) power() error {
	if d.off {
		return ErrPowerCut
	}
	return nil
}

// parent returns the directory that holds name.
func (d *PowerCut) parent(op, name string) (*node, string, error) {
	dir, ok := d.dirs[filepath.Dir(filepath.Clean(name))]
	if !ok {
		return nil, "", pathError(op, name, fs.ErrNotExist)
	}
	return dir, filepath.Base(name), nil
}

func (n *node) bind(c change) {
	c.apply(n.names)
	n.changes = append(n.changes, c)
}

func pathError(op, name string, err error) error {
	kind := fault.Internal
	switch {
	case errors.Is(err, fs.ErrNotExist):
		kind = fault.NotFound
	case errors.Is(err, fs.ErrExist):
		kind = fault.Exists
	}
	return fault.Wrap(kind, "durabletest", &fs.PathError{Op: op, Path: name, Err: err})
}

// Create is durable.FS.
func (d *PowerCut) Create(name string) (durable.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change(); err != nil {
		return nil, err
	}
	dir, base, err := d.parent("create", name)
	if err != nil {
		return nil, err
	}
	if dir.names[base] != nil {
		return nil, pathError("create", name, fs.ErrExist)
	}
	n := &node{}
	dir.bind(change{base: n})
	return &cutFile{disk: d, boot: d.boot, node: n}, nil
}

// Open is durable.FS.
func (d *PowerCut) Open(name string) (durable.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.power(); err != nil {
		return nil, err
	}
	dir, base, err := d.parent("open", name)
	if err != nil {
		return nil, err
	}
	n := dir.names[base]
	switch {
	case n == nil:
		return nil, pathError("open", name, fs.ErrNotExist)
	case n.dir:
		return nil, pathError("open", name, errors.New("is a directory"))
	}
	return &cutFile{disk: d, boot: d.boot, node: n}, nil
}

// Rename is durable.FS; it moves files only.
func (d *PowerCut) Rename(oldname, newname string) error { return d.rename(oldname, newname, true) }

// RenameNew is durable.FS.
func (d *PowerCut) RenameNew(oldname, newname string) error { return d.rename(oldname, newname, false) }

func (d *PowerCut) rename(oldname, newname string, replace bool) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change(); err != nil {
		return err
	}
	from, oldbase, err := d.parent("rename", oldname)
	if err != nil {
		return err
	}
	to, newbase, err := d.parent("rename", newname)
	if err != nil {
		return err
	}
	n := from.names[oldbase]
	switch {
	case n == nil:
		return pathError("rename", oldname, fs.ErrNotExist)
	case n.dir || to.names[newbase] != nil && to.names[newbase].dir:
		return pathError("rename", oldname, errors.New("is a directory"))
	case !replace && to.names[newbase] != nil:
		return pathError("rename", newname, fs.ErrExist)
	case from == to && oldbase == newbase:
		return nil
	case from == to:
		from.bind(change{oldbase: nil, newbase: n})
	default:
		to.bind(change{newbase: n})
		from.bind(change{oldbase: nil})
	}
	return nil
}

// Remove is durable.FS.
func (d *PowerCut) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change(); err != nil {
		return err
	}
	dir, base, err := d.parent("remove", name)
	if err != nil {
		return err
	}
	n := dir.names[base]
	switch {
	case n == nil:
		return pathError("remove", name, fs.ErrNotExist)
	case n.dir && len(n.names) > 0:
		return pathError("remove", name, errors.New("directory not empty"))
	case n.dir:
		delete(d.dirs, filepath.Clean(name))
	}
	dir.bind(change{base: nil})
	return nil
}

// Mkdir is durable.FS.
func (d *PowerCut) Mkdir(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change(); err != nil {
		return err
	}
	if d.dirs[filepath.Clean(name)] != nil {
		return nil
	}
	dir, base, err := d.parent("mkdir", name)
	if err != nil {
		return err
	}
	if dir.names[base] != nil {
		return pathError("mkdir", name, fs.ErrExist)
	}
	n := newDir()
	d.dirs[filepath.Clean(name)] = n
	dir.bind(change{base: n})
	return nil
}

// List is durable.FS.
func (d *PowerCut) List(name string) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.power(); err != nil {
		return nil, err
	}
	dir, ok := d.dirs[filepath.Clean(name)]
	if !ok {
		return nil, pathError("list", name, fs.ErrNotExist)
	}
	return slices.Sorted(maps.Keys(dir.names)), nil
}

// SyncDir is durable.FS.
func (d *PowerCut) SyncDir(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.change(); err != nil {
		return err
	}
	dir, ok := d.dirs[filepath.Clean(name)]
	if !ok {
		return pathError("sync", name, fs.ErrNotExist)
	}
	dir.durable, dir.changes = maps.Clone(dir.names), nil
	return nil
}
