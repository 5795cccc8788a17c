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
	"context"
	"errors"
	"path"
	"slices"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/store/accountdb"
	"sealgate/internal/store/catalog/stored"
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
// gateway runs, a *stored.File while it does not.
type Snapshotter interface {
	CopyTo(ctx context.Context, path string) error
	Bodies(ctx context.Context, visit func(stored.Body) error) error
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
		Sources:  src,
		target:   target{disk: src.fs, dir: dest, progress: progress},
		manifest: Manifest{Sealgate: manifestName, Version: manifestVersion, Gateway: src.Gateway, Program: src.Version, MadeAt: src.Now().UTC()},
		absent:   map[ref]bool{},
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
	absent   map[ref]bool // references without a body in the vault
}

// begin looks at the destination, and marks what is there as unfinished before
// any of it is touched.
func (m *maker) begin(context.Context) error {
	earlier, err := m.accept()
	if err != nil {
		return err
	}
	m.manifest.bodies = earlier.bodies
	for r, b := range m.manifest.bodies {
		b.stale = true
		m.manifest.bodies[r] = b
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
	return m.copyBodiesOf(ctx, m.Sources.Catalog, func(b stored.Body) bool { return b.Final })
}

// copyBodiesOf copies the bodies which a catalog refers to, which are wanted, and
// which the backup does not have yet. What the vault lacks is left in m.absent.
func (m *maker) copyBodiesOf(ctx context.Context, c Snapshotter, want func(stored.Body) bool) error {
	var todo []ref
	clear(m.absent)
	err := c.Bodies(ctx, func(b stored.Body) error {
		r, ok := parseRef(b.Ref)
		if !ok {
			return fault.New(fault.Damaged, "backup: bodies", "the catalog refers to a body by %q", b.Ref)
		}
		if have, ok := m.manifest.bodies[r]; (!ok || have.stale) && want(b) {
			todo = append(todo, r)
			m.expect(b.Size)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return each(ctx, slices.Values(todo), func(ctx context.Context, r ref) error {
		b, err := m.copyBody(ctx, r)
		m.mu.Lock()
		defer m.mu.Unlock()
		if fault.Is(err, fault.NotFound) {
			m.absent[r] = true
			return nil
		}
		if err == nil {
			m.manifest.bodies[r] = b
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
	return m.Sources.Catalog.Bodies(ctx, func(b stored.Body) error {
		if r, _ := parseRef(b.Ref); m.absent[r] {
			m.manifest.Missing++
		}
		return nil
	})
}

// copyBody copies one body unless the backup before had it.
func (m *maker) copyBody(ctx context.Context, r ref) (body, error) {
	object, err := m.Vault.Open(ctx, r.String())
	if err != nil {
		return body{}, err
	}
	defer object.Close()
	m.mu.Lock()
	known := m.manifest.bodies[r]
	m.mu.Unlock()
	name, size := bodyName(r.String()), object.Size()
	if known != (body{}) {
		if sum, ok := m.standing(ctx, name, object, known); ok {
			return body{size: size, sum: sum}, nil
		}
	}
	// From here on its directories are synced in the end: what an interrupted
	// backup left has its name, but maybe not for good.
	if err := m.mkdirs(path.Dir(name)); err != nil {
		return body{}, err
	}
	if sum, ok := m.standing(ctx, name, object, body{}); ok {
		return body{size: size, sum: sum}, nil
	}
	sum, err := m.put(ctx, name, object, size)
	return body{size: size, sum: sum}, err
}

// copyCatalog copies the catalog, and then what it refers to.
func (m *maker) copyCatalog(ctx context.Context) error {
	m.manifest.MadeAt = m.Now().UTC()
	if err := m.snapshot(ctx, Catalog, func(temp string) error { return m.Catalog.CopyTo(ctx, temp) }); err != nil {
		return err
	}
	copied, err := stored.Open(ctx, m.path(Catalog))
	if err != nil {
		return err
	}
	all := func(stored.Body) bool { return true }
	return errors.Join(m.copyBodiesOf(ctx, copied, all), copied.Close())
}

// copyAccounts copies the databases of the accounts in the copied catalog.
func (m *maker) copyAccounts(ctx context.Context) error {
	copied, err := stored.Open(ctx, m.path(Catalog))
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
		m.manifest.databases = append(m.manifest.databases, f)
	}
	return err
}

// prune removes what an earlier backup had and this one has not.
func (m *maker) prune(context.Context) error {
	databases := map[string]bool{}
	for _, f := range m.manifest.databases {
		databases[f.Name] = true
	}
	return m.removeAllBut(func(name string) bool {
		r, ok := parseRef(path.Base(name))
		if !ok {
			return databases[name]
		}
		b, have := m.manifest.bodies[r]
		return have && !b.stale
	})
}

// finish makes every name durable, and then says that the backup is whole.
func (m *maker) finish(context.Context) error {
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
