package fetch

import (
	"context"
	"math/rand/v2"

	"github.com/google/uuid"

	"sealgate/internal/agent/wire"
	"sealgate/internal/connect"
	"sealgate/internal/fault"
)

var sayNothing = wire.Say(connect.Nothing{})

// Kept lists what is kept, page by page, until each returns false.
func (f *Fetcher) Kept(ctx context.Context, each func(connect.Listed) bool) error {
	var page connect.Page
	for {
		var list connect.List
		if err := f.Client.Call(ctx, connect.PathKept, wire.Say(page), nil, &list); err != nil {
			return err
		}
		for _, l := range list.Files {
			if !each(l) {
				return nil
			}
		}
		if list.After == nil {
			return nil
		}
		page.After = list.After
	}
}

// Find returns what is listed of a kept file.
func (f *Fetcher) Find(ctx context.Context, file uuid.UUID) (connect.Listed, error) {
	var found connect.Listed
	err := f.Kept(ctx, func(l connect.Listed) bool {
		if l.File == file {
			found = l
		}
		return l.File != file
	})
	if err == nil && found.File != file {
		err = fault.New(fault.NotFound, "fetch: find", "no file %s is kept for this account", file)
	}
	return found, err
}

// Checked is what a check of kept files found.
type Checked struct {
	Checked int
	Failed  []Failure
}

// checkNewest and checkOthers are how many kept files a regular check opens: the
// newest, and as many out of all others, drawn anew each time.
const (
	checkNewest = 25
	checkOthers = 25
)

// Regular checks some kept files.
func (f *Fetcher) Regular(ctx context.Context) (Checked, error) {
	var picked []connect.Listed
	n := 0
	err := f.Kept(ctx, func(l connect.Listed) bool {
		n++
		switch {
		case n <= checkNewest+checkOthers:
			picked = append(picked, l)
		default: // each of the others is drawn with the same chance
			if i := rand.IntN(n - checkNewest); i < checkOthers {
				picked[checkNewest+i] = l
			}
		}
		return true
	})
	var c Checked
	if err != nil {
		return c, err
	}
	for _, l := range picked {
		if err := f.Check(ctx, l); err != nil {
			if !fault.Is(err, fault.Damaged) && !fault.Is(err, fault.Locked) {
				return c, err
			}
			c.Failed = append(c.Failed, Failure{l.File, l.Name, err})
		}
		c.Checked++
	}
	return c, nil
}
