package keyapi

import (
	"context"
	"net/http"
	"time"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/keys/spare"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
)

// find resolves the key that a path names.
type find func(context.Context, ByKey) (custody.Target, error)

// removals registers what destroys a key for ever: what would be lost, the act
// itself, at once or later, and calling it off.
func (o *office) removals(r *operation.Router, path, what string, find find) {
	key := path + "/{key}"
	operation.Register(r, http.MethodGet, key+"/loss", "preview-"+what+"-removal", "What nobody could open any more without it; nothing is done", func(ctx context.Context, in *ByKey) (*operation.Out[portal.Loss], error) {
		target, err := find(ctx, *in)
		if err != nil {
			return nil, err
		}
		loss, err := o.Custody.Preview(ctx, target)
		if err != nil {
			return nil, err
		}
		return operation.Answer(lossOf(loss)), nil
	})
	operation.Register(r, http.MethodDelete, key, "remove-"+what, "Destroy it for ever, or schedule that; without confirm the error says what would be lost", func(ctx context.Context, in *removeKey) (*operation.Out[portal.Removal], error) {
		target, err := find(ctx, in.ByKey)
		if err != nil {
			return nil, err
		}
		return o.remove(ctx, target, in)
	})
	operation.Register(r, http.MethodPost, key+"/keep", "keep-"+what, "Call a scheduled removal off", func(ctx context.Context, in *ByKey) (*operation.None, error) {
		target, err := find(ctx, *in)
		if err != nil {
			return nil, err
		}
		return &operation.None{}, o.Custody.CancelRemoval(ctx, access.Of(ctx).Actor, target)
	})
}

type removeKey struct {
	ByKey
	Confirm string `query:"confirm" doc:"the account's name: yes, destroy it"`
	After   string `query:"after" doc:"not now, but after 1h to 366d"`
}

func (o *office) remove(ctx context.Context, t custody.Target, in *removeKey) (*operation.Out[portal.Removal], error) {
	actor := access.Of(ctx).Actor
	if in.After != "" {
		after, err := portal.ParseDuration(in.After)
		if err != nil {
			return nil, fault.New(fault.Invalid, "api: remove", "%v", err)
		}
		loss, at, err := o.Custody.ScheduleRemoval(ctx, actor, t, in.Confirm, time.Duration(after))
		if err != nil {
			return nil, err
		}
		return operation.Answer(portal.Removal{Loss: lossOf(loss), RemoveAt: portal.Moment(at)}), nil
	}
	done, err := o.Custody.Remove(ctx, actor, t, in.Confirm)
	if err != nil {
		return nil, err
	}
	return operation.Answer(portal.Removal{
		Loss: lossOf(done.Loss), Statement: done.Statement.String(), Text: string(done.Note), Copy: keyCopyOf(done.Copy),
	}), nil
}

// certificate finds the account and the certificate that a path names.
func (o *office) certificate(ctx context.Context, in ByKey) (custody.Target, error) {
	acct, err := o.Accounts.Account(ctx, in.Name)
	if err != nil {
		return custody.Target{}, err
	}
	fp, err := o.Custody.FindCertificate(ctx, acct.ID, in.Key)
	return custody.Target{Account: acct.ID, Certificate: fp}, err
}

func lossOf(l *custody.Loss) portal.Loss {
	return portal.Loss{
		Sentence: l.Sentence, Files: l.Files, Bytes: l.Bytes, Oldest: portal.Moment(l.Oldest), Newest: portal.Moment(l.Newest),
		Moving: l.Moving, StillOpen: l.StillOpen, Outside: l.Outside, Closes: l.Closes, Stops: l.Stops,
	}
}

func keyCopyOf(c spare.Copy) *portal.KeyCopy {
	if c.Path == "" {
		return nil
	}
	k := &portal.KeyCopy{Path: c.Path, Rewritten: c.Rewritten}
	if c.Err != nil {
		k.Problem = fault.Message(c.Err)
	}
	return k
}
