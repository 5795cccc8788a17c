// Package sealed takes in files that were sealed where they come from: an agent at
// the customer's premises has made header, slots and trailer, and the gateway stores
// them as they are.
//
//	BeginSealed ──► AppendSealed ... ──► CommitSealed ──► received
//	    │                │ a crash: what opens is there     └ the same delivery again: the file that is there (R2)
//	    └ the delivery was taken, or is on its way
//
// Bytes are appended at the end of what is there and nowhere else, so that two
// seals of one slot never mix; after a restart the end is found by opening the
// leading slots (R6). The file key, which the agent's grant gives, opens each slot of a
// part before it is stored, and the trailer: what is acknowledged opens, and has
// the name, the size and the SHA-256 that the agent says. An agent that seals wrongly
// hears so while it has the file still. So it is enough that an agent has signed nonces
// and tags of a part: a byte that was changed on the way does not open.
//
// As with any arrival, the row with the grant is committed before the first byte
// reaches the vault, and the body is durable before one transaction makes it a file:
// state, audit entry, index job and the delivery of this agent (R1). An agent has each
// delivery once, for ever, whatever it calls the file; only what a restore has lost, and
// nobody can open, it sends again.
//
// Not here: whether the agent may (account/agents), and how it says all this
// (transfer/connectd).
package sealed

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"sync"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/agents"
	"sealgate/internal/store/vault"
	"sealgate/internal/transfer/intake/ledger"
	"sealgate/internal/transfer/intake/objects"
	"sealgate/internal/transfer/vpath"
)

// Source is the source of these files.
const Source = "connect"

// Bounds of one agent, and of all.
const (
	maxOpen   = 64   // arrivals that this process has open
	maxBegun  = 200  // and not finished
	maxBegunA = 1000 // of all agents of an account
	maxMemory = 64 << 20
	idleFor   = 10 * time.Minute // then what is there waits on disk
	waitAhead = 10 * time.Second // for the part before one that came too early
	ahead     = 16 << 20         // how early a part may come
)

// Why a request of an agent cannot be done as it is.
var (
	// ErrGone: the arrival is not known, or was given up: the agent begins anew.
	ErrGone = fault.New(fault.NotFound, "intake: sealed", "there is no such delivery on its way; begin it anew")
	// ErrOffset: the part does not begin where the one before it ended.
	ErrOffset = fault.New(fault.Exists, "intake: sealed", "the part does not begin where the one before it ended")
	// ErrFileTaken: the id is another file's.
	ErrFileTaken = fault.New(fault.Invalid, "intake: sealed", "the file id is taken; draw another one")
)

// Parts are what a Taker works with: those of its intake.
type Parts struct {
	Catalog *catalog.Catalog
	Vault   vault.Vault
	Objects *objects.Objects
	Ledger  *ledger.Ledger
	Keys    *custody.Custodian
	Node    string
	Now     func() time.Time
	Log     *slog.Logger
	House   House
	Disk    Disk
}

// Disk is the room that all arrivals share (R8).
type Disk interface {
	Room() error                           // for what is new
	Take(n int64) (done func(), err error) // for n bytes of what is under way; done when they are written
}

// House is what all arrivals have in common.
type House interface {
	Accepts(ctx context.Context, a *catalog.Account) error // why the account takes nothing
	NameFile(ctx context.Context, f *catalog.File, name string) error
	FitsInline(length int64) bool                    // a body of this length may lie in the catalog
	Took(inline int)                                 // a file was received
	Observe(outcome string, size int64)              // of an arrival's end
	RemoveObject(f *catalog.File)                    // no row refers to it any more
	Drop(ctx context.Context, f *catalog.File) error // takes an unfinished arrival off record
}

// Taker takes sealed files in. It is safe for concurrent use.
type Taker struct {
	on   Parts
	acts [64]sync.Mutex // shared out over file ids: one beginning or reopening at a time; held for short, all accounts share them

	mu       sync.Mutex // guards what follows
	open     map[uuid.UUID]*arrival
	coming   map[uuid.UUID]int                     // of an agent, not open yet
	wrong    map[uuid.UUID]map[uuid.UUID]time.Time // of an agent: the arrivals that were given up in their midst, because what came does not open
	inMemory int64                                 // what those that are not on record may come to
}

// New returns a taker.
func New(p Parts) *Taker {
	return &Taker{on: p, open: map[uuid.UUID]*arrival{}, coming: map[uuid.UUID]int{}, wrong: map[uuid.UUID]map[uuid.UUID]time.Time{}}
}

// Agent is who sends.
type Agent struct {
	Account uuid.UUID
	ID      uuid.UUID
	Actor   string // for the audit
}

// Spec says what comes.
type Spec struct {
	Agent
	custody.Foreign
	Name     string
	Size     int64  // of the content
	Object   int64  // length of the sealed object
	Delivery []byte // nil = not known yet
}

// Begun says how far a delivery is.
type Begun struct {
	File   *catalog.File // not nil: it was received, as this file
	ID     uuid.UUID     // of the file that is on its way
	New    bool          // nothing of it was here
	Offset int64         // of the object: what is here
}

func (s *Spec) check() (vpath.Path, error) {
	const op = "intake: begin sealed"
	p, err := vpath.Parse(s.Name)
	if err != nil {
		return p, err
	}
	switch {
	case p.IsRoot():
		return p, fault.New(fault.Invalid, op, "a file needs a name")
	case s.Foreign.ID.Version() != 7:
		return p, fault.New(fault.Invalid, op, "a file id is a UUID of version 7")
	case s.Size < 0 || s.Size > maxSize:
		return p, fault.New(fault.TooLarge, op, "a file may have at most %d GiB", int64(maxSize)>>30)
	case len(s.Header) == 0 || len(s.Header) > seal.MaxHeader || s.Object != seal.ObjectSize(len(s.Header), s.Size):
		return p, fault.New(fault.Invalid, op, "the sealed object has not the length that its content makes")
	case s.Delivery != nil && len(s.Delivery) != deliverySize:
		return p, fault.New(fault.Invalid, op, "a delivery id has %d bytes", deliverySize)
	}
	return p, nil
}

const (
	deliverySize = 32
	maxSize      = 1 << 40
)

// BeginSealed begins a delivery, or says how far it has come. Of an arrival that is
// on its way already, the end of its last whole slot counts: who begins again may
// have sealed the rest anew. One id has one object: another length is ErrFileTaken.
// Errors are those of custody.Adopt, too.
func (t *Taker) BeginSealed(ctx context.Context, s Spec) (*Begun, error) {
	const op = "intake: begin sealed"
	p, err := s.check()
	if err != nil {
		return nil, err
	}
	known, a, err := t.enter(ctx, &s, p.Base(), false)
	if err == nil && len(known.others) > 0 {
		for _, old := range known.others {
			t.giveUp(ctx, old) // nothing is locked: it may wait for the arrival's end
		}
		known, a, err = t.enter(ctx, &s, p.Base(), true)
	}
	switch {
	case err != nil:
		return nil, fault.Wrap(fault.Internal, op, err)
	case known.received != nil:
		return &Begun{File: known.received, ID: known.received.ID}, nil
	case known.new:
		return &Begun{ID: s.Foreign.ID, New: true, Offset: int64(a.header)}, nil
	}
	off, err := a.backToSlot()
	return &Begun{ID: s.Foreign.ID, Offset: off}, err
}

// enter finds the arrival, or begins it. Others that are on their way for the same
// delivery are to be given up before, unless that has been tried.
func (t *Taker) enter(ctx context.Context, s *Spec, name string, tried bool) (known, *arrival, error) {
	act := t.act(s.Foreign.ID)
	act.Lock()
	defer act.Unlock()
	if t.refused(s.Agent.ID, s.Foreign.ID) {
		return known{}, nil, ErrWrong
	}
	k, err := t.look(ctx, s, tried)
	if err != nil || k.received != nil || len(k.others) > 0 && !tried {
		return k, nil, err
	}
	if a := t.at(s.Foreign.ID); a != nil || k.arriving != nil {
		if a == nil {
			a, err = t.reopen(ctx, k.arriving, s.Actor)
		}
		switch {
		case err == nil && a.agent.ID == s.Agent.ID && a.total == s.Object && a.header == len(s.Header):
			return k, a, nil
		case err == nil:
			return k, nil, ErrFileTaken
		case !errors.Is(err, ErrGone):
			return k, nil, err
		}
	}
	k.new = true
	a, err := t.begin(ctx, s, k.account, name)
	return k, a, err
}

func (t *Taker) act(file uuid.UUID) *sync.Mutex { return &t.acts[int(file[15])%len(t.acts)] }

func (t *Taker) at(file uuid.UUID) *arrival {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.open[file]
}

// Busy reports whether somebody works on the arrival in this process.
func (t *Taker) Busy(file uuid.UUID) bool { return t.at(file) != nil }

// known is what the catalog says of a delivery.
type known struct {
	account  *catalog.Account
	received *catalog.File
	arriving *catalog.File
	others   []*catalog.File // on their way for the same delivery
	new      bool
}

// look finds out. One that replaces others is not one more of those that were begun.
func (t *Taker) look(ctx context.Context, s *Spec, replaces bool) (k known, err error) {
	begun, mine := 0, 0
	err = t.on.Catalog.View(ctx, func(tx *catalog.Tx) error {
		if k.account, err = tx.Account(s.Account); err != nil {
			return err
		}
		if s.Delivery != nil {
			same, on, err := t.taken(tx, s.Agent.ID, s.Delivery)
			if err != nil {
				return err
			}
			k.received = same
			if same == nil && on != nil && on.State == catalog.Arriving && on.ID != s.Foreign.ID && on.Node == t.on.Node {
				k.others = append(k.others, on)
			}
		}
		switch f, err := tx.File(s.Foreign.ID); {
		case fault.Is(err, fault.NotFound):
		case err != nil:
			return err
		case f.Account != s.Account || f.Login != s.Agent.ID || f.Source != Source:
			return ErrFileTaken
		case t.on.Keys.Lost(f) && k.received == nil:
			return ErrFileTaken // it is not here, and its id is: the agent seals it anew
		case f.State != catalog.Arriving:
			if k.received == nil {
				k.received = f
			}
			return nil
		case f.Node != t.on.Node:
			return fault.New(fault.TryLater, "intake: sealed", "this delivery was begun on another gateway")
		default:
			k.arriving = f
			return nil
		}
		files, err := tx.Files(catalog.FileFilter{Account: s.Account, State: catalog.Arriving, Source: Source, Limit: maxBegunA})
		begun = len(files)
		for _, f := range files {
			if f.Login == s.Agent.ID {
				mine++
			}
		}
		return err
	})
	switch {
	case err != nil || k.received != nil:
		return k, err
	case replaces || k.arriving != nil || len(k.others) > 0 || t.at(s.Foreign.ID) != nil: // it makes no more of them
	case begun >= maxBegunA || mine >= maxBegun:
		return k, fault.New(fault.TryLater, "intake: sealed", "too many deliveries were begun and not finished; finish some first")
	}
	return k, t.on.House.Accepts(ctx, k.account)
}

// taken returns the file that an agent's delivery became, and the one that is on its
// way as it. What was lost in a restore may be sent again; what was erased since may not.
func (t *Taker) taken(tx *catalog.Tx, agent uuid.UUID, delivery []byte) (same, on *catalog.File, err error) {
	d, err := tx.AgentDelivery(agent, delivery)
	if fault.Is(err, fault.NotFound) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := tx.File(d.File)
	switch {
	case fault.Is(err, fault.NotFound):
		return nil, nil, nil
	case err != nil:
		return nil, nil, err
	case d.TakenAt.IsZero():
		return nil, f, nil
	case t.on.Keys.Lost(f):
		return nil, nil, nil
	}
	return f, nil, nil
}

// begin takes up the keys of a new file. A small one stays in memory; of a larger one
// the row is committed, and then its object begun.
func (t *Taker) begin(ctx context.Context, s *Spec, account *catalog.Account, name string) (*arrival, error) {
	if err := t.on.Disk.Room(); err != nil {
		return nil, err
	}
	leave, err := t.place(s.Agent.ID)
	if err != nil {
		return nil, err
	}
	defer leave()
	keep := account.Content == catalog.ContentKeep
	fresh, err := t.on.Keys.Adopt(ctx, account, keep, s.Foreign)
	if err != nil {
		return nil, err
	}
	f := &catalog.File{
		ID: s.Foreign.ID, Account: s.Account, Login: s.Agent.ID, Direction: catalog.In, State: catalog.Arriving, Source: Source, Node: t.on.Node,
		Times: catalog.Times{BeganAt: t.on.Now()}, Body: catalog.Body{Kind: catalog.NoBody}, Content: catalog.Content{Size: s.Size}, Keep: keep,
	}
	a := &arrival{
		t: t, agent: s.Agent, delivery: s.Delivery, file: f, name: name, fresh: fresh, header: len(s.Header), length: int64(len(s.Header)),
		total: s.Object, object: &objects.Memory{Bytes: append([]byte(nil), s.Header...)}, used: t.on.Now(), moved: make(chan struct{}),
	}
	err = t.on.House.NameFile(ctx, f, name)
	if err == nil {
		if a.body, err = seal.NewBody(fresh.Key, f.ID); err == nil {
			a.check = newCheck(a.body, a.header, s.Size)
		}
	}
	if err == nil && !(t.on.House.FitsInline(s.Object) && t.reserve(a)) {
		err = a.leaveMemory(ctx)
	}
	if err != nil {
		a.discard(ctx)
		return nil, err
	}
	t.add(a)
	return a, nil
}

// place makes sure that an agent has no more arrivals open than it may. leave is
// called when the arrival is open, or is not going to be.
func (t *Taker) place(agent uuid.UUID) (leave func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	many := t.coming[agent]
	for _, a := range t.open {
		if a.agent.ID == agent {
			many++
		}
	}
	if many >= maxOpen {
		return nil, fault.New(fault.TryLater, "intake: sealed", "this agent sends %d files at once; end some first", many)
	}
	t.coming[agent]++
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		if t.coming[agent]--; t.coming[agent] == 0 {
			delete(t.coming, agent)
		}
	}, nil
}

// reserve reports whether a may stay in memory until it is whole.
func (t *Taker) reserve(a *arrival) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.inMemory+a.total > maxMemory {
		return false
	}
	t.inMemory += a.total
	a.reserved = a.total
	return true
}

func (t *Taker) add(a *arrival) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.open[a.file.ID] = a
}

func (t *Taker) forget(a *arrival) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.open[a.file.ID] == a {
		delete(t.open, a.file.ID)
		t.inMemory -= a.reserved
	}
}

// refuse remembers an arrival that does not open: parts of it may be on their way, and
// their agent is to hear of each why it is in vain. The latest of each agent count.
func (t *Taker) refuse(a *arrival) {
	t.mu.Lock()
	defer t.mu.Unlock()
	mine := t.wrong[a.agent.ID]
	if mine == nil {
		mine = map[uuid.UUID]time.Time{}
		t.wrong[a.agent.ID] = mine
	}
	if len(mine) >= maxBegun {
		var oldest uuid.UUID
		for file, at := range mine {
			if oldest == uuid.Nil || at.Before(mine[oldest]) {
				oldest = file
			}
		}
		delete(mine, oldest)
	}
	mine[a.file.ID] = t.on.Now()
}

func (t *Taker) refused(agent, file uuid.UUID) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, is := t.wrong[agent][file]
	return is
}

// find returns the arrival of an agent, opened again if need be; of one that was
// received, its file.
func (t *Taker) find(ctx context.Context, who Agent, file uuid.UUID) (*arrival, *catalog.File, error) {
	act := t.act(file)
	act.Lock()
	defer act.Unlock()
	if t.refused(who.ID, file) {
		return nil, nil, ErrWrong
	}
	if a := t.at(file); a != nil {
		if a.agent.ID != who.ID {
			return nil, nil, ErrGone
		}
		return a, nil, nil
	}
	var f *catalog.File
	err := t.on.Catalog.View(ctx, func(tx *catalog.Tx) (err error) { f, err = tx.File(file); return err })
	switch {
	case fault.Is(err, fault.NotFound):
		return nil, nil, ErrGone
	case err != nil:
		return nil, nil, err
	case f.Account != who.Account || f.Login != who.ID || f.Source != Source || f.State == catalog.Arriving && f.Node != t.on.Node:
		return nil, nil, ErrGone
	case t.on.Keys.Lost(f):
		return nil, nil, ErrGone
	case f.State != catalog.Arriving:
		return nil, f, nil
	}
	a, err := t.reopen(ctx, f, who.Actor)
	return a, nil, err
}

// Idle lets go of arrivals that nobody has touched for a while: what came of them
// waits on disk; small ones are forgotten.
func (t *Taker) Idle(ctx context.Context) error {
	t.mu.Lock()
	var idle []*arrival
	for _, a := range t.open {
		idle = append(idle, a)
	}
	for agent, mine := range t.wrong {
		maps.DeleteFunc(mine, func(_ uuid.UUID, at time.Time) bool { return t.on.Now().Sub(at) >= idleFor })
		if len(mine) == 0 {
			delete(t.wrong, agent)
		}
	}
	t.mu.Unlock()
	for _, a := range idle {
		a.suspendIdle(ctx)
	}
	return nil
}

// DropSealed takes away what an agent has begun and not finished: it was revoked.
func (t *Taker) DropSealed(ctx context.Context, agent uuid.UUID) error {
	t.mu.Lock()
	var mine []*arrival
	for _, a := range t.open {
		if a.agent.ID == agent {
			mine = append(mine, a)
		}
	}
	t.mu.Unlock()
	for _, a := range mine {
		a.end(ctx, errRevoked)
	}
	var rows []*catalog.File
	err := t.on.Catalog.View(ctx, func(tx *catalog.Tx) error {
		row, err := tx.Agent(agent)
		if err != nil {
			return err
		}
		rows, err = tx.Files(catalog.FileFilter{Account: row.Account, State: catalog.Arriving, Source: Source, Node: t.on.Node, Limit: -1})
		return err
	})
	for _, f := range rows {
		if f.Login == agent {
			err = errors.Join(err, t.on.House.Drop(ctx, f))
		}
	}
	return fault.Wrap(fault.Internal, "intake: drop sealed", err)
}

// DropEnded does that for all agents that were revoked and of which something is left:
// with their account, or when DropSealed could not.
func (t *Taker) DropEnded(ctx context.Context) error {
	ended := map[uuid.UUID]bool{}
	err := t.on.Catalog.View(ctx, func(tx *catalog.Tx) error {
		rows, err := tx.Files(catalog.FileFilter{State: catalog.Arriving, Source: Source, Node: t.on.Node, Limit: -1})
		for _, f := range rows {
			if err == nil && !ended[f.Login] {
				if errors.Is(stillActive(tx, f.Login), errRevoked) {
					ended[f.Login] = true
				}
			}
		}
		return err
	})
	for agent := range ended {
		err = errors.Join(err, t.DropSealed(ctx, agent))
	}
	return err
}

var errRevoked = fault.New(fault.Denied, "intake: sealed", "this agent was revoked")

// giveUp drops an arrival whose agent sends the same under another id.
func (t *Taker) giveUp(ctx context.Context, f *catalog.File) {
	if a := t.at(f.ID); a != nil {
		a.end(ctx, ErrGone)
		return
	}
	if err := t.on.House.Drop(ctx, f); err != nil {
		t.on.Log.Warn("an arrival that was begun anew is swept later", "file", f.ID, "err", err)
	}
}

// stillActive fails when the agent was revoked since its request came.
func stillActive(tx *catalog.Tx, agent uuid.UUID) error {
	row, err := tx.Agent(agent)
	if err == nil && row.State != agents.Active {
		err = errRevoked
	}
	return err
}
