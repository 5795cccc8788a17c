// Package intake is the only way in: whatever door a file comes through, it
// becomes an Arrival here, and nothing is acknowledged before it is durable.
//
// # An arrival's life
//
//	Begin ──► WriteAt, Sync ... ──► Commit ──► received          (or waiting-rename, then Rename ──► received)
//	              │                    └─ the same delivery again: the file that is there already (R2)
//	              └► Abort ──► unfinished, to be resumed ──► Resume ──► WriteAt ...
//
// Bytes are sealed slot by slot as they become whole, under a file key that is
// fresh for each arrival; no plaintext and no name reaches a disk. A small file
// stays in memory, sealed, until it is committed in the catalog's own
// transaction; a larger one goes to the vault slot by slot.
//
// Invariants R1 to R4 and R6 to R8 of the design are kept here; the order of
// writes that they rest on is told at Arrival. After a crash nothing needs an
// operator: rows without progress are resumed or swept, objects without a row
// are swept.
package intake

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/vault"
	"sealgate/internal/transfer/inbox"
	"sealgate/internal/transfer/intake/ledger"
	"sealgate/internal/transfer/intake/live"
	"sealgate/internal/transfer/intake/objects"
	"sealgate/internal/transfer/intake/sealed"
	"sealgate/internal/transfer/intake/slots"
	"sealgate/internal/transfer/vpath"
)

// Bounds of the intake.
const (
	MaxSize = 1 << 40 // bytes in a file

	maxInline    = 64 << 10  // a sealed object up to this size lies in the catalog
	inlineBudget = 256 << 20 // all of them together; beyond it, files go to the vault at once
	memoryObject = 2 * seal.SlotSize
	memoryFirst  = 16 << 10 // room for what most files are

	reserve        = 256 << 20 // of the disk, for what is not a new arrival; less on small disks
	reserveRunning = reserve / 4

	recordTimeout = 30 * time.Second

	unfinishedFor = 7 * 24 * time.Hour // how long a cut arrival can be resumed
)

// Options are what an Intake needs beside its stores.
type Options struct {
	Node  string // name of this gateway; unfinished arrivals belong to it
	Now   func() time.Time
	Log   *slog.Logger
	Space Space // nil = no check

	// Observe counts the ends of arrivals: received, cut or refused. May be nil.
	Observe func(source, outcome string, size int64)
}

// Intake takes files in. It is safe for concurrent use.
type Intake struct {
	catalog *catalog.Catalog
	vault   vault.Vault
	objects *objects.Objects
	ledger  *ledger.Ledger
	keys    *custody.Custodian
	node    string
	now     func() time.Time
	log     *slog.Logger
	disk    disk
	observe func(source, outcome string, size int64)

	live    *live.Registry[*Arrival]
	renames stripes
	held    slots.Holding

	*sealed.Taker // BeginSealed, AppendSealed, CommitSealed, TakeSealed and DropSealed: files that agents have sealed

	active atomic.Int64 // when a file last began or was received, Unix milliseconds
}

// quietAfter is how long after the last arrival nobody is waiting any more.
const quietAfter = 100 * time.Millisecond

// Busy reports whether files are arriving right now: work that nobody waits for
// had better give way.
func (in *Intake) Busy() bool {
	return in.now().UnixMilli()-in.active.Load() < quietAfter.Milliseconds()
}

// stripes are mutexes shared out over logins.
type stripes [64]sync.Mutex

func (s *stripes) of(login uuid.UUID) *sync.Mutex { return &s[int(login[15])%len(s)] }

func (in *Intake) stir() { in.active.Store(in.now().UnixMilli()) }

// New returns an intake on these stores.
func New(cat *catalog.Catalog, v vault.Vault, keys *custody.Custodian, opt Options) *Intake {
	// As the catalog keeps it: what is answered now and what is read later agree.
	now := func() time.Time { return opt.Now().Truncate(time.Microsecond) }
	open := live.New[*Arrival]()
	in := &Intake{
		catalog: cat, vault: v, objects: objects.New(cat, v, keys), keys: keys,
		node: opt.Node, now: now, log: opt.Log, disk: disk{space: opt.Space}, observe: opt.Observe,
		live: open, ledger: ledger.New(cat, now, open.Busy),
	}
	in.Taker = sealed.New(sealed.Parts{
		Catalog: cat, Vault: v, Objects: in.objects, Ledger: in.ledger, Keys: keys, Node: in.node, Now: now, Log: in.log, House: house{in}, Disk: house{in},
	})
	return in
}

func (in *Intake) count(a *Arrival, outcome string) {
	if in.observe != nil {
		in.observe(a.spec.Source, outcome, a.board.Size())
	}
}

// Spec says what arrives, and from whom.
type Spec struct {
	Account   uuid.UUID
	Login     uuid.UUID // uuid.Nil for what the gateway itself sends
	Path      vpath.Path
	Source    string            // as in the file object: sftp, portal, api, operator ...
	Size      int64             // as the client says before it sends, 0 = it does not say
	Direction catalog.Direction // zero = in
	Actor     string            // for the audit; empty = the login, else the gateway

	// Delivery is what makes this delivery the same one when its content is the
	// same, too (R2): set by doors that fetch, and so can come again for what they
	// have taken. Such a delivery never becomes a second file.
	Delivery [][]byte

	// With is called in the transaction that puts the file on record, or finds the
	// one that is there already: what it writes is durable with the file, and its
	// error refuses it. May be nil.
	With func(tx *catalog.Tx, f *catalog.File) error
}

func (s Spec) actor() string {
	switch {
	case s.Actor != "":
		return s.Actor
	case s.Login != uuid.Nil:
		return s.Login.String()
	}
	return "gateway"
}

// Begin starts a new file. Nothing is on record until bytes must reach a disk.
func (in *Intake) Begin(ctx context.Context, spec Spec) (*Arrival, error) {
	l, err := in.Look(ctx, spec)
	if err != nil {
		return nil, err
	}
	return l.Begin(ctx)
}

// Begin starts a new file where Look looked; of what changed since then Commit
// takes care.
func (l *Look) Begin(ctx context.Context) (*Arrival, error) {
	const op = "intake: begin"
	in, spec := l.in, l.spec
	if l.Dir {
		return nil, fault.New(fault.Invalid, op, "a folder has that name")
	}
	in.stir()
	if err := in.disk.room(reserve, in.disk.flying.Load()); err != nil {
		return nil, err
	}
	keep := l.account.Content == catalog.ContentKeep || spec.Direction == catalog.Out
	fresh, err := in.keys.NewFile(ctx, l.account, keep)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	body, err := seal.NewBody(fresh.Key, fresh.ID)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	f := &catalog.File{
		ID: fresh.ID, Account: spec.Account, Login: spec.Login, Direction: spec.Direction,
		State: catalog.Arriving, Source: spec.Source, Node: in.node,
		Times: catalog.Times{BeganAt: in.now()}, Body: catalog.Body{Kind: catalog.NoBody},
		Content: catalog.Content{Size: spec.Size},
		Keep:    keep,
	}
	if err := in.nameFile(ctx, f, spec.Path.Base()); err != nil {
		return nil, err
	}
	obj := &objects.Memory{Bytes: append(make([]byte, 0, len(fresh.Header)+memoryFirst), fresh.Header...)}
	a := newArrival(in, spec, f, body, fresh.Header, obj)
	a.fresh = fresh
	a.account, a.waits = l.account, waits(l.account, spec)
	in.live.Add(a.file.ID, a.spec.name(), a)
	return a, nil
}

// nameFile seals the name into the row.
func (in *Intake) nameFile(ctx context.Context, f *catalog.File, name string) error {
	rec, err := in.keys.Records(ctx, f.Account)
	if err != nil {
		return err
	}
	f.NameMAC = inbox.MAC(rec, name)
	f.Name = rec.Seal("file", "name", f.ID, []byte(name))
	return nil
}
