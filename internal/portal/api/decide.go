package api

import (
	"context"

	"sealgate/internal/fault"
	"sealgate/internal/fileobject"
	"sealgate/internal/indexer"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
	"sealgate/internal/statement"
	"sealgate/internal/store/catalog"
)

// deciders are what a person may decide about a file.
type deciders struct{ *API }

// release lets a file go on: one that was held, or one whose rename never came.
func (d *deciders) release(ctx context.Context, f *catalog.File, actor string) error {
	if f.State == catalog.WaitingRename {
		return d.Intake.TakeWaiting(ctx, f.ID, actor)
	}
	return d.Indexer.Release(ctx, f.ID, actor)
}

func (d *deciders) reindex(ctx context.Context, f *catalog.File, actor string) error {
	return d.Indexer.Reindex(ctx, f.ID, actor)
}

func (a *API) decide(what func(*deciders, context.Context, *catalog.File, string) error) func(context.Context, *operation.ByID) (*operation.Out[fileobject.Object], error) {
	return func(ctx context.Context, in *operation.ByID) (*operation.Out[fileobject.Object], error) {
		return a.after(ctx, in.ID, func(f *catalog.File) error { return what(&deciders{a}, ctx, f, access.Of(ctx).Actor) })
	}
}

// eraseFile erases a file's content and answers with the statement about it: what
// still opens a copy in a backup is the part that people forget.
func (a *API) eraseFile(ctx context.Context, in *struct {
	operation.ByID
	Confirm string `query:"confirm" doc:"the file's id, again"`
},
) (*operation.Out[portal.Erased], error) {
	f, err := a.file(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if in.Confirm != f.ID.String() {
		acct, err := a.Accounts.AccountByID(ctx, f.Account)
		if err != nil {
			return nil, err
		}
		return nil, fault.New(fault.Invalid, "api: erase",
			"the content of 1 file of %s (%d bytes) is lost for ever; its record and its payments stay. Nothing was done: confirm it with the file's id.", acct.Name, f.Content.Size)
	}
	actor := access.Of(ctx).Actor
	if err := a.Indexer.Erase(ctx, f.ID, actor, indexer.ReasonErased); err != nil {
		return nil, err
	}
	s, err := a.Receipts.Erasure(ctx, actor, f.ID)
	if err != nil {
		return nil, err
	}
	d, err := statement.Verify(s.Text, "")
	if err != nil {
		return nil, err
	}
	if f, err = a.file(ctx, in.ID); err != nil {
		return nil, err
	}
	return operation.Answer(portal.Erased{
		ID: f.ID.String(), State: string(f.State), Sentence: d.Erasure.Sentence, Statement: s.ID.String(), Text: string(s.Text),
	}), nil
}

// after acts on a file and answers with what became of it.
func (a *API) after(ctx context.Context, id string, act func(*catalog.File) error) (*operation.Out[fileobject.Object], error) {
	f, err := a.file(ctx, id)
	if err != nil {
		return nil, err
	}
	if err := act(f); err != nil {
		return nil, err
	}
	if f, err = a.file(ctx, id); err != nil {
		return nil, err
	}
	return a.shown(ctx, f)
}
