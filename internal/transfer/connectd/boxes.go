package connectd

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"sync"

	"github.com/google/uuid"

	"sealgate/internal/account/agents"
	"sealgate/internal/audit"
	"sealgate/internal/connect"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/fileobject"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

// box is a kind of file that an agent may fetch.
type box struct {
	state     catalog.State
	direction catalog.Direction
}

var (
	outboxOf = box{catalog.Waiting, catalog.Out}
	keptOf   = box{catalog.Kept, catalog.In}

	deliveredOf = box{catalog.Delivered, catalog.Out}
)

func (b box) holds(f *catalog.File) bool { return f.State == b.state && f.Direction == b.direction }

// pageSize is how many files a page of a list has.
const pageSize = 500

func (d *Door) waiting(c *call, p *connect.Page, _ []byte) (*connect.List, error) {
	return d.list(c, outboxOf, p)
}

func (d *Door) kept(c *call, p *connect.Page, _ []byte) (*connect.List, error) {
	return d.list(c, keptOf, p)
}

// list gives a page, the newest files first.
func (d *Door) list(c *call, b box, p *connect.Page) (*connect.List, error) {
	const op = "connectd: list"
	ctx := c.Context()
	rec, err := d.Custody.Records(ctx, c.agent.Account)
	if err != nil {
		return nil, err
	}
	var files []*catalog.File
	var owner *catalog.Account
	var foreign uuid.UUID
	err = d.Catalog.View(ctx, func(tx *catalog.Tx) error {
		if owner, err = tx.Account(c.agent.Account); err != nil {
			return err
		}
		filter := catalog.FileFilter{Account: owner.ID, State: b.state, Direction: b.direction, Limit: pageSize + 1}
		if p.After != nil {
			last, err := tx.File(*p.After)
			if err == nil && last.Account != owner.ID {
				foreign = last.ID
				err = fault.New(fault.NotFound, op, "there is no such file")
			}
			if err != nil {
				return err
			}
			filter.Before = last.Number
		}
		files, err = tx.Files(filter)
		return err
	})
	if foreign != uuid.Nil {
		if err := d.foreign(ctx, c.agent, foreign); err != nil {
			return nil, err
		}
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	l := &connect.List{Files: []connect.Listed{}}
	if len(files) > pageSize {
		files = files[:pageSize]
		l.After = &files[pageSize-1].ID
	}
	for _, f := range files {
		l.Files = append(l.Files, listed(rec, owner, f))
	}
	return l, nil
}

func listed(rec *custody.Records, owner *catalog.Account, f *catalog.File) connect.Listed {
	o := fileobject.Of(rec, owner.Name, f)
	x := connect.Listed{
		File: f.ID, Name: o.Shown(), Size: f.Content.Size, ReceivedAt: f.ReceivedAt.UTC(), ObjectSize: f.Body.Sealed, Opens: connect.OpensAccessKey,
	}
	if o.SHA256 != nil {
		x.SHA256, _ = hex.DecodeString(*o.SHA256) // written by the object
	}
	if owner.Keys == catalog.KeysGateway || f.Grant.Key != "" {
		x.Opens = connect.OpensGateway
	}
	return x
}

// named returns the file that a request names, if it is of the agent's account.
func (d *Door) named(c *call) (*catalog.File, error) {
	id, err := c.file()
	if err != nil {
		return nil, err
	}
	var f *catalog.File
	err = d.Catalog.View(c.Context(), func(tx *catalog.Tx) error {
		f, err = tx.File(id)
		return err
	})
	if err == nil && f.Account != c.agent.Account {
		if err := d.foreign(c.Context(), c.agent, id); err != nil {
			return nil, err
		}
		err = fault.New(fault.NotFound, "connectd: find", "there is no such file")
	}
	return f, err
}

// find returns the file that a request names, if it is in the box.
func (d *Door) find(c *call, b box) (*catalog.File, error) {
	f, err := d.named(c)
	if err == nil && !b.holds(f) {
		return nil, fault.New(fault.NotFound, "connectd: find", "the file is not there any more")
	}
	return f, err
}

// foreign puts on record that an agent has named a file of another account. Who does
// that all the time is told to wait.
func (d *Door) foreign(ctx context.Context, a *agents.Agent, file uuid.UUID) error {
	if d.acts.Take(a.ID.String()) > 0 {
		return tooManyActs()
	}
	d.denied(ctx, a, audit.Entry{Object: file.String(), Detail: map[string]string{"to": "connect"}})
	return nil
}

// denied puts on record that an agent has asked for what it may not have.
func (d *Door) denied(ctx context.Context, a *agents.Agent, e audit.Entry) {
	e.Account, e.Actor, e.Action = a.Account, agents.Actor(a.ID), "access.denied"
	err := d.Catalog.Update(context.WithoutCancel(ctx), func(tx *catalog.Tx) error { return tx.Audit(e) })
	if err != nil {
		d.Log.ErrorContext(ctx, "connect: a denial is not on record", "agent", a.ID, "error", err)
	}
}

func tooManyActs() error { return later("This agent does too much at once that is put on record.") }

// openWaiting tells what a file of the outbox is opened with. It is on record before it
// leaves.
func (d *Door) openWaiting(c *call, _ *connect.Nothing, _ []byte) (*connect.Opening, error) {
	f, err := d.find(c, outboxOf)
	if err != nil {
		return nil, err
	}
	h, err := d.header(c.Context(), f)
	if err != nil {
		return nil, err
	}
	key, err := d.Custody.FileKey(c.Context(), f, h)
	if fault.Is(err, fault.Locked) {
		return d.giveShare(c, f, h)
	}
	if err != nil {
		return nil, err
	}
	defer key.Wipe()
	if err := d.onRecord(c, "key.given", f); err != nil {
		return nil, err
	}
	return &connect.Opening{FileKey: key.Bytes()}, nil
}

// keptShare gives the half of a file's key that the gateway has: of a kept file, and of
// one that this account has fetched and may have sealed still. It is on record before
// it leaves.
func (d *Door) keptShare(c *call, s *connect.Share, _ []byte) (*connect.Opening, error) {
	f, err := d.named(c)
	if err != nil {
		return nil, err
	}
	var h seal.Header
	switch {
	case keptOf.holds(f):
		h, err = d.header(c.Context(), f)
	case deliveredOf.holds(f) && len(s.Header) > 0: // the body goes after a while: whoever has it brings its header
		h, _, err = seal.ReadHeader(bytes.NewReader(s.Header))
	default:
		err = fault.New(fault.NotFound, "connectd: share", "the file is not there any more")
	}
	if err != nil {
		return nil, err
	}
	return d.giveShare(c, f, h)
}

func (d *Door) giveShare(c *call, f *catalog.File, h seal.Header) (*connect.Opening, error) {
	share, err := d.Custody.ShareA(f, h)
	if err != nil {
		return nil, err
	}
	defer share.Wipe()
	if err := d.onRecord(c, "share.given", f); err != nil {
		return nil, err
	}
	return &connect.Opening{ShareA: append([]byte(nil), share[:]...)}, nil
}

// onRecord puts on record what an agent does, as often as one may.
func (d *Door) onRecord(c *call, action string, f *catalog.File) error {
	if d.acts.Take(c.agent.ID.String()) > 0 {
		return tooManyActs()
	}
	return d.Catalog.Update(c.Context(), func(tx *catalog.Tx) error {
		return tx.Audit(audit.Entry{Account: f.Account, Actor: agents.Actor(c.agent.ID), Action: action, Object: f.ID.String()})
	})
}

func (d *Door) header(ctx context.Context, f *catalog.File) (seal.Header, error) {
	obj, err := d.Bodies.OpenSealed(ctx, f)
	if err != nil {
		return seal.Header{}, err
	}
	defer obj.Close()
	h, _, err := seal.ReadHeader(io.NewSectionReader(obj, 0, obj.Size()))
	return h, err
}

func (d *Door) waitingBody(c *call) ([]byte, error) { return d.piece(c, outboxOf) }

// keptBody gives a kept file as it lies here. Its beginning, and whatever else is the
// first that this agent gets of it, is on record, like a file that is fetched so by the
// API.
func (d *Door) keptBody(c *call) ([]byte, error) {
	offset, err := c.offset()
	if err != nil {
		return nil, err
	}
	f, err := d.find(c, keptOf)
	if err != nil {
		return nil, err
	}
	part, err := d.piece(c, keptOf)
	if err != nil || offset > 0 && d.reads.goesOn(c.agent.ID, f.ID) {
		return part, err
	}
	if err := d.onRecord(c, "sealed.read", f); err != nil {
		return nil, err
	}
	d.reads.begun(c.agent.ID, f.ID)
	return part, nil
}

// reads are the kept files whose reading is on record, by agent. It is forgotten when
// they are many, and at a restart: then it is put on record again.
type reads struct {
	mu   sync.Mutex
	have map[[2]uuid.UUID]bool
}

const maxReads = 10_000

func (r *reads) goesOn(agent, file uuid.UUID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.have[[2]uuid.UUID{agent, file}]
}

func (r *reads) begun(agent, file uuid.UUID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.have == nil || len(r.have) >= maxReads {
		r.have = map[[2]uuid.UUID]bool{}
	}
	r.have[[2]uuid.UUID{agent, file}] = true
}

// piece reads a part of a sealed object, as it is.
func (d *Door) piece(c *call, b box) ([]byte, error) {
	offset, err := c.offset()
	if err != nil {
		return nil, err
	}
	f, err := d.find(c, b)
	if err != nil {
		return nil, err
	}
	obj, err := d.Bodies.OpenSealed(c.Context(), f)
	if err != nil {
		return nil, err
	}
	defer obj.Close()
	if offset > obj.Size() {
		p := connect.Refuse(connect.WrongOffset, "The file ends before that.")
		end := obj.Size()
		p.Offset = &end
		return nil, p
	}
	part := make([]byte, min(connect.PartSize, obj.Size()-offset))
	_, err = io.ReadFull(io.NewSectionReader(obj, offset, int64(len(part))), part)
	return part, fault.Wrap(fault.Internal, "connectd: body", err)
}

// ack takes a file off the outbox: the agent has it on its disk and has seen that it
// is the one on record. It says so again when our answer was not heard.
func (d *Door) ack(c *call, a *connect.Ack, _ []byte) (*connect.Nothing, error) {
	ctx := c.Context()
	f, err := d.named(c)
	if err != nil {
		return nil, err
	}
	if !outboxOf.holds(f) && !deliveredOf.holds(f) {
		return nil, fault.New(fault.NotFound, "connectd: ack", "the file does not wait to be fetched")
	}
	rec, err := d.Custody.Records(ctx, f.Account)
	if err != nil {
		return nil, err
	}
	o := fileobject.Of(rec, "", f)
	if o.SHA256 == nil || *o.SHA256 != hex.EncodeToString(a.SHA256) {
		return nil, fault.New(fault.Damaged, "connectd: ack", "this is not the file that waits: its SHA-256 is another one")
	}
	return &connect.Nothing{}, d.Outbox.DeliveredTo(ctx, f.ID, agents.Actor(c.agent.ID), map[string]string{"verified": "sha256"}, nil)
}
