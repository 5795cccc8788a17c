package api

import (
	"context"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/fileobject"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
	"sealgate/internal/store/catalog"
)

// A file that is waited for is looked at (one indexed read) the less often the longer
// that takes: who waits for a moment learns at once, and who waits for an hour is in
// nobody's way.
const (
	waitFirst = 50 * time.Millisecond
	waitMost  = time.Second
	waitStill = 15 * time.Second // whether who asks may still do so is looked at, too
)

// waitStep is how long to wait on after having waited so long.
func waitStep(waited time.Duration) time.Duration {
	return min(max(waitFirst, waited/20), waitMost)
}

// rest are the states in which nothing more happens by itself.
var rest = map[catalog.State]bool{
	catalog.Kept: true, catalog.Deleted: true, catalog.Erased: true, catalog.Held: true, catalog.Refused: true,
	catalog.Locked: true, catalog.Waiting: true, catalog.Delivered: true,
}

// reached tells whether a file has come to what is waited for.
func reached(until string, s catalog.State) bool {
	switch until {
	case "received":
		return s != catalog.Arriving && s != catalog.WaitingRename
	case "delivered":
		// Who is held, refused or locked will not be delivered before a person acts.
		return s == catalog.Delivered || s == catalog.Held || s == catalog.Refused || s == catalog.Locked
	}
	return rest[s]
}

func (a *API) waitForFile(ctx context.Context, in *struct {
	operation.ByID
	Until   string `query:"until" enum:"rest,received,delivered" default:"rest"`
	Timeout int    `query:"timeout" minimum:"0" maximum:"3600" default:"60" doc:"seconds"`
},
) (*operation.Out[fileobject.Object], error) {
	ctx, stop := context.WithTimeout(ctx, time.Duration(in.Timeout)*time.Second)
	defer stop()
	begun := time.Now()
	still := begun
	for {
		f, err := a.file(context.WithoutCancel(ctx), in.ID)
		if err != nil {
			return nil, err
		}
		if reached(in.Until, f.State) {
			return a.shown(context.WithoutCancel(ctx), f)
		}
		select {
		case <-ctx.Done():
			return nil, fault.New(fault.TryLater, "api: wait", "the file is still %s after %d s", f.State, in.Timeout)
		case <-time.After(waitStep(time.Since(begun))):
		}
		if time.Since(still) < a.patience {
			continue
		}
		still = time.Now()
		if err := access.Still(context.WithoutCancel(ctx)); err != nil {
			return nil, err
		}
	}
}
