package push

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"sealgate/internal/fault"
	"sealgate/internal/killpoint"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/outbox"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/why"
)

// parcel is one file on its way.
type parcel struct {
	outbox.Item
	state *remotes.PushState
	names names
}

// maxNumbers is how many names are tried when those before are taken.
const maxNumbers = 50

// deliver brings one file there. What goes wrong with this file alone is a problem; an
// error ends the visit.
func (v *visit) deliver(ctx context.Context, p *parcel) error {
	panics := true
	defer func() {
		if panics { // over what the server said: the other files come first next time
			p.state.Tries++
			_ = v.stage(context.WithoutCancel(ctx), p, p.state.Stage) // best effort
		}
	}()
	proof, err := v.bring(ctx, p)
	panics = false
	if err == nil {
		err = v.record(ctx, p, proof)
	}
	switch {
	case errors.Is(err, errElsewhere):
		return v.forget(ctx, p.state)
	case err != nil:
		return v.failed(ctx, p, err)
	}
	v.result.Files++
	v.result.Bytes += p.File.Content.Size
	return nil
}

// proof is what shows that a file lies there.
type proof struct {
	check string // what was compared
	hash  string // how the server confirmed the content; empty = it does not offer that
}

// bring does what is left of the way.
func (v *visit) bring(ctx context.Context, p *parcel) (pr proof, err error) {
	if err := v.ready(p); err != nil {
		return pr, err
	}
	whole := false
	if p.state.Stage == remotes.PushRenaming {
		var done bool
		if pr, done, whole, err = v.settle(ctx, p); done || err != nil {
			return pr, err
		}
	}
	if !whole {
		if pr, err = v.send(ctx, p); err != nil {
			return pr, err
		}
	}
	return pr, v.rename(ctx, p)
}

// ready knows what the file is called there.
func (v *visit) ready(p *parcel) error {
	fresh := names{
		Temporary: remote.Delivery{Path: v.there(p.Name), ID: p.File.ID.String()}.Temporary(),
		Final:     v.there(p.Name),
	}
	p.names = fresh
	if p.state.Stage != remotes.PushRenaming {
		return nil
	}
	n, err := v.names(p.state)
	if err != nil {
		return err
	}
	p.names = n
	return nil
}

// errUnknown is for a file whose rename was begun and never answered, and that lies
// there under neither name: the customer may have taken it, or the folder of before is
// not what is looked into. Nobody but a person can know.
var errUnknown = why.AnswerLost.New(fault.Invalid, "push: settle",
	"the connection broke just when the file was given its name, and now it is not there: it cannot be known whether it was left there and taken. Ask who runs the server; then say that it was delivered, or have it sent again")

// settle finds out how far a file came whose rename was begun and not answered: done,
// or still whole under its temporary name.
func (v *visit) settle(ctx context.Context, p *parcel) (pr proof, done, whole bool, err error) {
	size := p.File.Content.Size
	switch e, err := v.session.Stat(ctx, p.names.Temporary); {
	case err == nil:
		return proof{check: "size"}, false, e.Size == size, nil
	case !fault.Is(err, fault.NotFound):
		return pr, false, false, err
	}
	e, err := v.session.Stat(ctx, p.names.Final)
	switch {
	case err == nil && (e.Size == size || e.Size < 0):
		same, read, err := v.same(ctx, p)
		if err == nil && !same {
			err = errUnknown
		}
		pr.check = "size"
		if read {
			pr.check = "content"
		}
		return pr, err == nil, false, err
	case err == nil, fault.Is(err, fault.NotFound): // nothing, or somebody else's
		return pr, false, false, errUnknown
	}
	return pr, false, false, err
}

// stage puts on record how far a file has come.
func (v *visit) stage(ctx context.Context, p *parcel, stage string) error {
	row, err := v.row(p, stage)
	if err != nil {
		return err
	}
	return v.update(ctx, func(tx *catalog.Tx) error { return tx.PutRemotePush(row) })
}

// row is how far a file has come, to be written.
func (v *visit) row(p *parcel, stage string) (*remotes.PushState, error) {
	names, err := v.sealed(p.File.ID, p.names)
	if err != nil {
		return nil, err
	}
	p.state.Stage, p.state.ChangedAt, p.state.Names = stage, v.now(), names
	row := *p.state
	return &row, nil
}

// rename gives the file its name: the first that is free.
func (v *visit) rename(ctx context.Context, p *parcel) error {
	wanted := p.names.Final
	for n := 2; ; n++ {
		killpoint.At("push.verified")
		err := v.session.Rename(ctx, p.names.Temporary, p.names.Final, false)
		if err == nil {
			killpoint.At("push.renamed")
			return nil
		}
		if ends(ctx, err) { // whether it was done is settled at the next visit
			return err
		}
		if !fault.Is(err, fault.Exists) || n > maxNumbers { // the server said that it was not
			return cmp.Or(v.stage(ctx, p, remotes.PushSending), err)
		}
		p.names.Final = numbered(wanted, n)
		if err := v.stage(ctx, p, remotes.PushRenaming); err != nil {
			return err
		}
	}
}

// numbered is a name beside one that is taken.
func numbered(name string, n int) string {
	ext := path.Ext(name)
	return fmt.Sprintf("%s.%d%s", strings.TrimSuffix(name, ext), n, ext)
}

// record says that the file was delivered, in one commit with the end of its way. It
// lies there: whether there is time left does not matter any more.
func (v *visit) record(ctx context.Context, p *parcel, pr proof) error {
	detail := map[string]string{"check": pr.check, "size": strconv.FormatInt(p.File.Content.Size, 10)}
	if pr.hash != "" {
		detail["hash"] = pr.hash
	}
	err := v.outbox.DeliveredTo(context.WithoutCancel(ctx), p.File.ID, "remote:"+v.Name, detail, func(tx *catalog.Tx) error {
		if err := tx.HoldsRemote(v.Remote, v.Fence); err != nil {
			return err
		}
		return tx.DeleteRemotePush(v.Remote, p.File.ID)
	})
	if err == nil {
		killpoint.At("push.delivered")
	}
	return err
}

// failed notes that a file was not delivered.
func (v *visit) failed(ctx context.Context, p *parcel, err error) error {
	v.result.Failed++
	if p.state.Names != nil && ctx.Err() == nil {
		p.state.Tries++ // it comes last next time, also when it is what breaks the connection
		p.state.Error = string(why.Of(err))
		if !ends(ctx, err) {
			p.state.RunAt = v.now().Add(retryAfter(p.state.Tries))
			v.again(p)
		}
		if werr := v.stage(ctx, p, p.state.Stage); werr != nil {
			return werr
		}
	}
	if ends(ctx, err) || fault.Is(err, fault.Full) { // no use to try the others
		return err
	}
	if len(v.result.Problems) < maxProblems {
		v.result.Problems = append(v.result.Problems, Problem{p.Name, err})
	}
	return nil
}

// again notes when a file is tried again.
func (v *visit) again(p *parcel) {
	if at := p.state.RunAt; v.result.Again.IsZero() || at.Before(v.result.Again) {
		v.result.Again = at
	}
}
