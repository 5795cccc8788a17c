package api

import (
	"context"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/fileobject"
	"sealgate/internal/store/catalog"
)

// deciders are what a person may decide about a file.
type deciders struct{ *API }

func (d *deciders) release(ctx context.Context, id uuid.UUID, actor string) error {
	return d.Indexer.Release(ctx, id, actor)
}

func (d *deciders) reindex(ctx context.Context, id uuid.UUID, actor string) error {
	return d.Indexer.Reindex(ctx, id, actor)
}

func (a *API) decide(what func(*deciders, context.Context, uuid.UUID, string) error) func(context.Context, *ByID) (*out[fileobject.Object], error) {
	return func(ctx context.Context, in *ByID) (*out[fileobject.Object], error) {
		return a.after(ctx, in.ID, func(f *catalog.File) error { return what(&deciders{a}, ctx, f.ID, caller(ctx).Actor) })
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
