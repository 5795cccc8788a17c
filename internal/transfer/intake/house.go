package intake

import (
	"context"

	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake/sealed"
)

// house is what this intake has in common with files that were sealed elsewhere.
type house struct{ in *Intake }

func (h house) Room() error {
	h.in.stir()
	return h.in.disk.room(reserve, h.in.disk.flying.Load())
}

func (h house) Take(n int64) (done func(), err error) { return h.in.disk.take(n) }

func (h house) Accepts(ctx context.Context, a *catalog.Account) error {
	return h.in.accepts(ctx, a, catalog.In)
}

func (h house) NameFile(ctx context.Context, f *catalog.File, name string) error {
	return h.in.nameFile(ctx, f, name)
}

func (h house) FitsInline(length int64) bool {
	return length <= maxInline && h.in.objects.Inline()+length <= inlineBudget
}

func (h house) Took(inline int) {
	h.in.stir()
	h.in.objects.AddInline(inline)
}

func (h house) Observe(outcome string, size int64) {
	if h.in.observe != nil {
		h.in.observe(sealed.Source, outcome, size)
	}
}

func (h house) RemoveObject(f *catalog.File) { h.in.removeObject(f) }

func (h house) Drop(ctx context.Context, f *catalog.File) error { return h.in.drop(ctx, f) }
