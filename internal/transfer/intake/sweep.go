package intake

import (
	"context"
	"sync"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake/objects"
)

const (
	sweepEvery = time.Minute
	moveEvery  = 10 * time.Second

	// gatherConfirmed is how long confirmations are gathered before they are
	// written: a commit for each would make the next file's commit wait.
	gatherConfirmed = 250 * time.Millisecond
)

// Run does the intake's housekeeping until ctx ends: it writes confirmations
// down, takes expired names out of /in, and sweeps what crashes and
// disconnected clients left. Nothing waits for it.
func (in *Intake) Run(ctx context.Context) error {
	if err := in.SweepObjects(ctx); err != nil && ctx.Err() == nil {
		in.log.Warn("sweep of the vault", "err", err)
	}
	var aside sync.WaitGroup
	defer aside.Wait()
	aside.Go(func() { in.letGo(ctx) })
	tick, move := time.NewTicker(sweepEvery), time.NewTicker(moveEvery)
	defer tick.Stop()
	defer move.Stop()
	in.sweep(ctx)
	var flush <-chan time.Time // nil = nothing is to be written
	for {
		select {
		case <-ctx.Done():
			return in.ledger.WriteConfirmed(context.WithoutCancel(ctx))
		case <-in.ledger.Confirmed():
			if flush == nil {
				flush = time.After(gatherConfirmed)
			}
		case <-flush:
			flush = nil
			if err := in.ledger.WriteConfirmed(ctx); err != nil {
				in.log.Warn("confirmations not written yet", "err", err)
			}
		case <-tick.C:
			in.sweep(ctx)
		case <-move.C:
			if err := in.moveWhileQuiet(ctx); err != nil && ctx.Err() == nil {
				in.log.Warn("kept bodies not moved to the vault yet", "err", err)
			}
		}
	}
}

// letGo lets go of idle arrivals. Making a large one durable may take long, and
// confirmations do not wait for it.
func (in *Intake) letGo(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := in.Idle(ctx); err != nil && ctx.Err() == nil {
				in.log.Warn("sweep", "what", "idle arrivals", "err", err)
			}
		}
	}
}

// Sweep does one round of what is due by the clock, and moves what is at rest.
func (in *Intake) Sweep(ctx context.Context) {
	if err := in.Idle(ctx); err != nil && ctx.Err() == nil {
		in.log.Warn("sweep", "what", "idle arrivals", "err", err)
	}
	in.sweep(ctx)
	if err := in.MoveKept(ctx); err != nil && ctx.Err() == nil {
		in.log.Warn("sweep", "what", "kept bodies to the vault", "err", err)
	}
}

func (in *Intake) sweep(ctx context.Context) {
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"expired names", in.ledger.SweepNames},
		{"arrivals of agents that are gone", in.DropEnded},
		{"abandoned arrivals", in.sweepUnfinished},
		{"files without their rename", func(ctx context.Context) error { return in.ledger.TellOverdue(ctx, in.log) }},
		{"bodies in the catalog", in.objects.CountInline},
	} {
		if err := step.do(ctx); err != nil && ctx.Err() == nil {
			in.log.Warn("sweep", "what", step.what, "err", err)
		}
	}
}

// sweepUnfinished drops arrivals that nobody came back for. They were never
// acknowledged.
func (in *Intake) sweepUnfinished(ctx context.Context) error {
	var old []*catalog.File
	err := in.catalog.View(ctx, func(tx *catalog.Tx) error {
		files, err := tx.Files(catalog.FileFilter{State: catalog.Arriving, Node: in.node, Limit: -1})
		for _, f := range files {
			if in.now().Sub(f.BeganAt) > unfinishedFor && !in.live.Busy(f.ID) && !in.Taker.Busy(f.ID) {
				old = append(old, f)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	for _, f := range old {
		if err := in.drop(ctx, f); err != nil {
			return err
		}
		err := in.catalog.Update(ctx, func(tx *catalog.Tx) error {
			return tx.Audit(audit.Entry{Account: f.Account, Actor: "gateway", Action: "arrival.abandoned", Object: f.ID.String()})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// SweepObjects removes the vault objects that no row refers to: what a crash
// left between a row's commit and its object's removal.
func (in *Intake) SweepObjects(ctx context.Context) error { return in.objects.Sweep(ctx) }

// MoveKept moves small bodies that came to rest from the catalog to the vault,
// and returns when none is left. It shares its goroutine with SweepObjects.
func (in *Intake) MoveKept(ctx context.Context) error {
	for {
		if n, err := in.objects.MoveSome(ctx); err != nil || n == 0 {
			return err
		}
	}
}

// moveWhileQuiet is MoveKept as the background does it: nobody waits for it, so
// it stops when files arrive, unless bodies take half of their room in the
// catalog.
func (in *Intake) moveWhileQuiet(ctx context.Context) error {
	for !in.Busy() || in.objects.Inline() > inlineBudget/2 {
		if n, err := in.objects.MoveSome(ctx); err != nil || n == 0 {
			return err
		}
	}
	return nil
}

// NewDraft begins a new object for a file that is on record already.
func (in *Intake) NewDraft(ctx context.Context, file uuid.UUID) (*objects.Draft, error) {
	return in.objects.NewDraft(ctx, file)
}
