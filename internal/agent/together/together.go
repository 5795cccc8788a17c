// Package together lets those who come at the same time share one costly act, as a
// sync of the disk: who comes while it runs waits, and all who wait then share the
// next one.
package together

import (
	"runtime"
	"sync"

	"sealgate/internal/durable"
)

// Group shares acts. The zero value is ready.
type Group[T any] struct {
	turn sync.Mutex // held while an act runs

	mu   sync.Mutex // guards next
	next *round[T]
}

// round is one act to come, and those who wait for it.
type round[T any] struct {
	items []T
	ran   bool
}

// Do returns when act has run for items that item is one of. It is one of the callers
// that runs it, one at a time; all of them pass the same act.
func (g *Group[T]) Do(item T, act func(items []T)) {
	g.mu.Lock()
	if g.next == nil {
		g.next = new(round[T])
	}
	mine := g.next
	mine.items = append(mine.items, item)
	g.mu.Unlock()

	g.turn.Lock()
	defer g.turn.Unlock()
	if mine.ran {
		return
	}
	runtime.Gosched() // those who have just come back from the last act come along
	g.mu.Lock()
	g.next = nil
	g.mu.Unlock()
	mine.ran = true
	act(mine.items)
}

// Disk is a disk whose folders are synced once for all who ask at the same time.
func Disk(fs durable.FS) durable.FS { return &sharedDisk{FS: fs, folders: map[string]*folder{}} }

type sharedDisk struct {
	durable.FS

	mu      sync.Mutex // guards folders
	folders map[string]*folder
}

type folder struct {
	Group[*error]
	users int
}

// SyncDir implements durable.FS: the sync begins after it was called.
func (d *sharedDisk) SyncDir(name string) (err error) {
	d.mu.Lock()
	f := d.folders[name]
	if f == nil {
		f = new(folder)
		d.folders[name] = f
	}
	f.users++
	d.mu.Unlock()
	f.Do(&err, func(all []*error) {
		err := d.FS.SyncDir(name)
		for _, one := range all {
			*one = err
		}
	})
	d.mu.Lock()
	defer d.mu.Unlock()
	if f.users--; f.users == 0 {
		delete(d.folders, name)
	}
	return err
}

// Free implements durable.Freer.
func (d *sharedDisk) Free(dir string) (int64, error) { return durable.Free(d.FS, dir) }
