package connectd

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"sealgate/internal/account/agents"
	"sealgate/internal/connect"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake/sealed"
)

// What has come whole is dealt with to its end, whether or not the agent still listens:
// it asks again, and hears how it went.

func (d *Door) begin(c *call, b *connect.Begin, _ []byte) (*connect.Progress, error) {
	ctx := context.WithoutCancel(c.Context())
	spec, err := spec(c.agent, b)
	if err != nil {
		return nil, err
	}
	begun, err := d.Intake.BeginSealed(ctx, spec)
	switch {
	case err != nil:
		return nil, d.cannot(c, err, b.File, unknown)
	case begun.File != nil:
		return d.received(ctx, begun.File)
	case begun.New:
		return &connect.Progress{State: connect.StateNew, File: begun.ID, Offset: begun.Offset}, nil
	}
	return &connect.Progress{State: connect.StatePartial, File: begun.ID, Offset: begun.Offset}, nil
}

// whole takes a small file in one request.
func (d *Door) whole(c *call, b *connect.Begin, object []byte) (*connect.Progress, error) {
	ctx := context.WithoutCancel(c.Context())
	if len(object) > connect.WholeSize {
		return nil, connect.Refuse(connect.TooLarge, "A sealed object over 1 MiB is sent in parts.")
	}
	spec, err := spec(c.agent, b)
	if err != nil {
		return nil, err
	}
	f, err := d.Intake.TakeSealed(ctx, spec, object, sealed.Claim{Delivery: b.Delivery, Size: b.Size, SHA256: b.SHA256})
	if err != nil {
		return nil, d.cannot(c, err, b.File, unknown)
	}
	return d.received(ctx, f)
}

// part takes a part of a sealed object. One that is signed by its slots, and does not
// open, was changed by somebody or sealed wrongly: its agent finds out by signing all of
// it.
func (d *Door) part(c *call) ([]byte, error) {
	file, err := c.file()
	if err != nil {
		return nil, err
	}
	offset, err := c.offset()
	if err != nil {
		return nil, err
	}
	if len(c.body) > connect.PartSize {
		return nil, connect.Refuse(connect.TooLarge, "A part has at most 4 MiB.")
	}
	appended := d.Intake.AppendSealed
	if c.claim.Slots {
		appended = d.Intake.AppendSlots
	}
	n, err := appended(context.WithoutCancel(c.Context()), sender(c.agent), file, offset, c.body)
	if c.claim.Slots && !errors.Is(err, sealed.ErrUnlike) {
		if used := d.use(c); used != nil {
			return nil, used
		}
	}
	if err != nil {
		return nil, d.cannot(c, err, file, n)
	}
	return d.tell(c, connect.Progress{State: connect.StatePartial, File: file, Offset: n})
}

// commit makes a file of what came.
func (d *Door) commit(c *call, asked *connect.Commit, _ []byte) (*connect.Progress, error) {
	ctx := context.WithoutCancel(c.Context())
	file, err := c.file()
	if err != nil {
		return nil, err
	}
	f, err := d.Intake.CommitSealed(ctx, sender(c.agent), file, sealed.Claim{Delivery: asked.Delivery, Size: asked.Size, SHA256: asked.SHA256})
	if err != nil {
		return nil, d.cannot(c, err, file, unknown)
	}
	return d.received(ctx, f)
}

// received tells that a delivery is durable, and proves it.
func (d *Door) received(ctx context.Context, f *catalog.File) (*connect.Progress, error) {
	receipt, err := d.Receipts.Receipt(ctx, f.ID)
	if err != nil {
		return nil, ours(err)
	}
	return &connect.Progress{State: connect.StateReceived, File: f.ID, Offset: f.Body.Sealed, Receipt: receipt}, nil
}

func sender(a *agents.Agent) sealed.Agent {
	return sealed.Agent{Account: a.Account, ID: a.ID, Actor: agents.Actor(a.ID)}
}

func spec(a *agents.Agent, b *connect.Begin) (sealed.Spec, error) {
	if len(b.IngestKey) != len(seal.Fingerprint{}) {
		return sealed.Spec{}, connect.Refuse(connect.Invalid, "The fingerprint of an ingest key has 32 bytes.")
	}
	return sealed.Spec{
		Agent:   sender(a),
		Foreign: custody.Foreign{ID: b.File, Header: b.Header, Grant: b.Grant, IngestKey: seal.Fingerprint(b.IngestKey)},
		Name:    b.Name, Size: b.Size, Object: b.ObjectSize, Delivery: b.Delivery,
	}, nil
}

const unknown = -1

// cannot says why a file of an agent is not taken. offset is the right one, if that
// is the matter.
func (d *Door) cannot(c *call, err error, file uuid.UUID, offset int64) error {
	switch {
	case errors.Is(err, custody.ErrIngestKey):
		return d.withGateway(connect.Refuse(connect.IngestKeyExpired, ""))
	case errors.Is(err, custody.ErrKeysChanged):
		return connect.Refuse(connect.KeysChanged, "")
	case errors.Is(err, sealed.ErrUnlike):
		return connect.Refuse(connect.BadSignature, "")
	case errors.Is(err, sealed.ErrOffset):
		p := connect.Refuse(connect.WrongOffset, "")
		if offset != unknown {
			p.Offset = &offset
		}
		return p
	case errors.Is(err, sealed.ErrGone), errors.Is(err, sealed.ErrFileTaken):
		if err := d.lookForeign(c, file); err != nil {
			return err
		}
		return connect.Refuse(connect.NotFound, fault.Message(err))
	case errors.Is(err, sealed.ErrWrong), errors.Is(err, custody.ErrForeign):
		if d.wrongs.Take(c.agent.ID.String()) == 0 {
			d.Log.WarnContext(c.Context(), "connect: an agent has sealed a file wrongly", "agent", c.agent.ID, "file", file, "error", err)
		}
		return err
	}
	return ours(err)
}

// lookForeign puts on record that an agent has named a file of another account.
func (d *Door) lookForeign(c *call, file uuid.UUID) error {
	var f *catalog.File
	err := d.Catalog.View(c.Context(), func(tx *catalog.Tx) (err error) {
		f, err = tx.File(file)
		return err
	})
	if err == nil && f.Account != c.agent.Account {
		return d.foreign(c.Context(), c.agent, file)
	}
	return nil
}
