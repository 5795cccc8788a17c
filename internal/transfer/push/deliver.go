package push

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
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
	state *remotes.PushState // nil = it was never tried
	names names
}

// maxNumbers is how many names are tried when those before are taken.
const maxNumbers = 50

// deliver brings one file there. What goes wrong with this file alone is a problem; an
// error ends the visit.
func (v *visit) deliver(ctx context.Context, p *parcel) error {
	if p.state != nil && p.state.RunAt.After(v.now()) && p.state.RunAt.Before(v.now().Add(lastRetry)) { // later: the clock was ahead
		v.again(p)
		return nil
	}
	proof, err := v.bring(ctx, p)
	if err == nil {
		err = v.record(ctx, p, proof)
	}
	if err != nil {
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
	if p.state == nil {
		p.state = &remotes.PushState{Remote: v.Remote, File: p.File.ID, Stage: remotes.PushSending}
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
		return proof{check: "size"}, true, false, nil
	case err == nil, fault.Is(err, fault.NotFound): // nothing, or somebody else's
		return pr, false, false, errUnknown
	}
	return pr, false, false, err
}

// stage puts on record how far a file has come.
func (v *visit) stage(ctx context.Context, p *parcel, stage string) (err error) {
	p.state.Stage, p.state.ChangedAt = stage, v.now()
	if p.state.Names, err = v.sealed(p.File.ID, p.names); err != nil {
		return err
	}
	row := *p.state
	return v.update(ctx, func(tx *catalog.Tx) error { return tx.PutRemotePush(&row) })
}

// send writes the file under its temporary name.
func (v *visit) send(ctx context.Context, p *parcel) (pr proof, err error) {
	body, err := v.outbox.Open(ctx, p.File)
	if err != nil {
		return pr, err
	}
	defer func() { _ = body.Close() }()
	if err := v.stage(ctx, p, remotes.PushSending); err != nil {
		return pr, err
	}
	killpoint.At("push.begun")
	if err := v.session.Remove(ctx, p.names.Temporary); err != nil && !fault.Is(err, fault.NotFound) { // of an earlier try
		return pr, err
	}
	sum := sha256.New()
	there, err := v.session.Create(ctx, p.names.Temporary, io.TeeReader(io.NewSectionReader(body, 0, body.Size()), sum))
	if err == nil && (there.Size != body.Size() || there.SHA256 != [32]byte(sum.Sum(nil))) {
		err = why.NotWritten.New(fault.Damaged, "push: send", "the server has %d bytes of a file of %d", there.Size, body.Size())
	}
	if err != nil {
		if !ends(ctx, err) {
			_ = v.session.Remove(ctx, p.names.Temporary) // the next try removes what stays
		}
		return pr, whileWriting(err)
	}
	killpoint.At("push.sent")
	if err := v.stage(ctx, p, remotes.PushRenaming); err != nil {
		return pr, err
	}
	return proof{check: "size", hash: there.Hash}, nil
}

// whileWriting says what an error of the server often means that comes while a file is
// written: few of them tell that their disk is full, and some just hang up.
func whileWriting(err error) error {
	if fault.Is(err, fault.Full) || fault.Is(err, fault.Denied) {
		return err
	}
	return &fault.Error{
		Kind: fault.KindOf(err), Op: "push: send", Err: why.NotWritten.By(err),
		Message: "the file could not be written there, its disk may be full: " + fault.Message(err),
	}
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
