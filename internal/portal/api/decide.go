package api

import (
	"context"

	"sealgate/internal/fault"
	"sealgate/internal/fileobject"
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

func (a *API) decide(what func(*deciders, context.Context, *catalog.File, string) error) func(context.Context, *ByID) (*out[fileobject.Object], error) {
	return func(ctx context.Context, in *ByID) (*out[fileobject.Object], error) {
		return a.after(ctx, in.ID, func(f *catalog.File) error { return what(&deciders{a}, ctx, f, caller(ctx).Actor) })
	}
}

func (a *API) eraseFile(ctx context.Context, in *struct {
	ByID
	Confirm string `query:"confirm" doc:"the file's id, again"`
},
) (*out[fileobject.Object], error) {
	if in.Confirm != in.ID {
		return nil, fault.New(fault.Invalid, "api: erase", "to erase a file, confirm with its id")
	}
	return a.after(ctx, in.ID, func(f *catalog.File) error {
		return a.Indexer.Erase(ctx, f.ID, caller(ctx).Actor, "erased-by-operator")
	})
}

// after acts on a file and answers with what became of it.
func (a *API) after(ctx context.Context, id string, act func(*catalog.File) error) (*out[fileobject.Object], error) {
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
