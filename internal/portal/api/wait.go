package api

import (
	"context"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/fileobject"
	"sealgate/internal/portal/operation"
	"sealgate/internal/store/catalog"
)

// waitStep is how often a file that is waited for is looked at: one indexed read.
const waitStep = 50 * time.Millisecond

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
	tick := time.NewTicker(waitStep)
	defer tick.Stop()
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
		case <-tick.C:
		}
	}
}
