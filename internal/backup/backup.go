// Package backup copies what a gateway has on record to another disk, checks
// such a copy, and makes a data directory out of one. No key is ever in it.
//
// # What is in a backup
//
//	manifest.json        what belongs to it: names, sizes, SHA-256 sums
//	catalog.db           the catalog
//	accounts/ID.db       the payment index of each account
//	vault/ab/cd/REF      sealed bodies, byte for byte
//
// Left out are keys/, settings, the socket, logs, and what is still arriving.
//
// # Order
//
// Everything is copied while the gateway works, in this order:
//
//  1. bodies that are on record and at rest
//  2. the catalog, as it is at one moment: the moment of the backup
//  3. bodies that this catalog refers to and that came meanwhile
//  4. account databases, each as it is at one later moment
//  5. the manifest
//
// A body is durable before the catalog refers to it, and does not change once its
// file is received, so after 3 each reference has its body, unless the body was
// removed meanwhile. That happens after an index was published in the account's
// database, which is copied later and has it: a worker that takes the file up
// finds its work done and goes on from there. Copied before the catalog, an
// account's database would lack the payments of files that the catalog calls
// indexed, and a duplicate of them would pass. What it knows too much, the
// files that arrived after 2, is taken out of the copy.
//
// # Incomplete backups
//
// The manifest is renamed before anything is changed, and written again when
// all is on the disk. A directory with unfinished.json and no manifest.json is
// what an interrupted backup left: nothing is restored from it, and the next
// backup into it goes on with what is whole.
//
// The manifest tells damage, not malice: who may write to a backup can change
// both. Keep it where others cannot.
package backup

import (
	"cmp"
	"context"
	"errors"
	"path"
	"slices"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/store/accountdb"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/vault"
)

// Names in a data directory; all but Keys are names in a backup, too.
const (
	Catalog  = "catalog.db"
	Accounts = "accounts"
	Vault    = "vault"
	Keys     = "keys"
)

// Progress is told how many bytes are done, and of how many as far as is known.
// It may be nil.
type Progress func(done, total int64)

// Sources are what a backup is made of.
type Sources struct {
	Data     string // the data directory, where no backup may lie
	Gateway  string // the gateway's own name; a backup is written over those of the same gateway only
	Version  string // of the gateway's program
	Catalog  Snapshotter
	Accounts *accountdb.Pool
	Vault    vault.Vault
	Now      func() time.Time

	fs durable.FS // of the destination; nil = durable.OS
}

// Snapshotter is a catalog that can be copied: a *catalog.Catalog while the
// gateway runs, a *catalog.Stored while it does not.
type Snapshotter interface {
	CopyTo(ctx context.Context, path string) error
	Bodies(ctx context.Context, visit func(catalog.BodyOnRecord) error) error
}

// Make writes a backup to the directory dest, whose parent must be there. In an
// earlier backup of the same gateway only what is new is copied and what is
// gone is removed. Where it refuses to write: see accept.
func Make(ctx context.Context, src Sources, dest string, progress Progress) (Summary, error) {
	const op = "backup: make"
	if src.fs == nil {
		src.fs = durable.OS
	}
	m := &maker{
		Sources: src, target: target{disk: src.fs, dir: dest, progress: progress},
		manifest: Manifest{Sealgate: manifestName, Version: manifestVersion, Gateway: src.Gateway, Program: src.Version, MadeAt: src.Now().UTC()},
		bodies:   map[string]File{},
	}
	for _, step := range []func(context.Context) error{m.begin, m.copyBodies, m.copyCatalog, m.countMissing, m.copyAccounts, m.prune, m.finish} {
		if err := step(ctx); err != nil {
			return Summary{}, told(ctx, op, dest, err)
		}
	}
	return m.manifest.Summary(), nil
}

// told gives an error of the work on dir the words that its reader needs: an end
// that was asked for, and a disk that is full, which is not the gateway's.
func told(ctx context.Context, op, dir string, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fault.Wrap(fault.TryLater, op, ctx.Err())
	case fault.Is(err, fault.Full):
		return &fault.Error{Kind: fault.Full, Op: op, Message: "there is no room left on the disk of " + dir, Err: err}
	}
	return fault.Wrap(fault.Internal, op, err)
}

// maker makes one backup.
type maker struct {
	Sources
	target
	manifest Manifest
	earlier  map[string]File // what the backup before had: by name
	bodies   map[string]File // what this one has: by reference
	absent   map[string]bool // references without a body in the vault
}

// begin looks at the destination, and marks what is there as unfinished before
// any of it is touched.
func (m *maker) begin(context.Context) error {
	earlier, err := m.accept()
	if err != nil {
		return err
	}
	m.earlier = make(map[string]File, len(earlier.Files))
	for _, f := range earlier.Files {
		m.earlier[f.Name] = f
	}
	for _, dir := range []string{Accounts, Vault} {
		if err := m.mkdirs(dir); err != nil {
			return err
		}
	}
	return nil
}

// copyBodies copies ahead what is not going to change, so that little is left to
// do between the catalog and the rest.
func (m *maker) copyBodies(ctx context.Context) error {
	return m.copyBodiesOf(ctx, m.Sources.Catalog, func(b catalog.BodyOnRecord) bool { return b.Final })
}

// copyBodiesOf copies the bodies which a catalog refers to, which are wanted, and
// which the backup does not have yet. What the vault lacks is left in m.absent.
func (m *maker) copyBodiesOf(ctx context.Context, c Snapshotter, want func(catalog.BodyOnRecord) bool) error {
	var todo []string
	m.absent = map[string]bool{}
	err := c.Bodies(ctx, func(b catalog.BodyOnRecord) error {
		if _, have := m.bodies[b.Ref]; !have && want(b) {
			todo = append(todo, b.Ref)
			m.expect(b.Size)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return each(ctx, todo, func(ctx context.Context, ref string) error {
		f, err := m.copyBody(ctx, ref)
		m.mu.Lock()
		defer m.mu.Unlock()
		switch {
		case err == nil:
			m.bodies[ref] = f
		case fault.Is(err, fault.NotFound), fault.Is(err, fault.Invalid):
			m.absent[ref] = true
			return nil
		}
		return err
	})
}

// countMissing counts the bodies that the vault lacks although the gateway
// still refers to them: not those that it removed meanwhile. A backup is made
// in spite of them: it is not what is going to heal them.
func (m *maker) countMissing(ctx context.Context) error {
	if len(m.absent) == 0 {
		return nil
	}
	return m.Sources.Catalog.Bodies(ctx, func(b catalog.BodyOnRecord) error {
		if m.absent[b.Ref] {
			m.manifest.Missing++
		}
		return nil
	})
}

// copyBody copies one body unless the backup before had it.
func (m *maker) copyBody(ctx context.Context, ref string) (File, error) {
	object, err := m.Vault.Open(ctx, ref)
	if err != nil {
		return File{}, err
	}
	defer object.Close()
	name := bodyName(ref)
	if f, ok := m.standing(ctx, name, object, m.earlier[name]); ok {
		return f, nil
	}
	if err := m.mkdirs(path.Dir(name)); err != nil {
		return File{}, err
	}
	return m.put(ctx, name, object, object.Size())
}

// copyCatalog copies the catalog, and then what it refers to.
func (m *maker) copyCatalog(ctx context.Context) error {
	m.manifest.MadeAt = m.Now().UTC()
	if err := m.snapshot(ctx, Catalog, func(temp string) error { return m.Catalog.CopyTo(ctx, temp) }); err != nil {
		return err
	}
	copied, err := catalog.OpenStored(ctx, m.path(Catalog))
	if err != nil {
		return err
	}
	all := func(catalog.BodyOnRecord) bool { return true }
	return errors.Join(m.copyBodiesOf(ctx, copied, all), copied.Close())
}

// copyAccounts copies the databases of the accounts in the copied catalog.
func (m *maker) copyAccounts(ctx context.Context) error {
	copied, err := catalog.OpenStored(ctx, m.path(Catalog))
	if err != nil {
		return err
	}
	ids, err := copied.Accounts(ctx)
	if err != nil {
		return errors.Join(err, copied.Close())
	}
	last, err := copied.LastNumber(ctx)
	if err := errors.Join(err, copied.Close()); err != nil {
		return err
	}
	for _, id := range ids {
		if err := m.copyAccount(ctx, id, last); err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	return nil
}

func (m *maker) copyAccount(ctx context.Context, id uuid.UUID, last int64) error {
	return m.snapshot(ctx, accountName(id), func(temp string) error {
		if err := m.Accounts.CopyTo(ctx, id, temp); err != nil {
			return err
		}
		_, err := accountdb.ForgetAfter(ctx, temp, last)
		return err
	})
}

// snapshot has a database written under a temporary name and gives it its own.
func (m *maker) snapshot(ctx context.Context, name string, write func(temp string) error) error {
	temp := m.path(name) + durable.TempSuffix
	if err := m.removeDatabase(temp); err != nil {
		return err
	}
	if err := write(temp); err != nil {
		return errors.Join(err, m.removeDatabase(temp))
	}
	f, err := m.adopt(ctx, name)
	if err == nil {
		m.manifest.Files = append(m.manifest.Files, f)
	}
	return err
}

// prune removes what an earlier backup had and this one has not.
func (m *maker) prune(context.Context) error {
	keep := make(map[string]bool, len(m.manifest.Files)+len(m.bodies))
	for ref, f := range m.bodies {
		keep[bodyName(ref)] = true
		m.manifest.Files = append(m.manifest.Files, f)
	}
	for _, f := range m.manifest.Files {
		keep[f.Name] = true
	}
	return m.removeAllBut(keep)
}

// finish makes every name durable, and then says that the backup is whole.
func (m *maker) finish(context.Context) error {
	slices.SortFunc(m.manifest.Files, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	if err := m.syncDirs(); err != nil {
		return err
	}
	if err := m.writeManifest(manifestFile, &m.manifest); err != nil {
		return err
	}
	if err := m.disk.Remove(m.path(unfinishedFile)); err != nil && !fault.Is(err, fault.NotFound) {
		return err
	}
	return m.disk.SyncDir(m.dir)
}
