package api

import (
	"context"
	"strconv"
	"strings"

	"sealgate/internal/fault"
	"sealgate/internal/fileobject"
	"sealgate/internal/portal/operation"
	"sealgate/internal/store/catalog"
)

// maxOpened is how many names are opened for one page of a search. It takes some
// tens of milliseconds.
const maxOpened = 20_000

// searchNames lists the files of an account whose names hold a text. Names are sealed
// each by itself and have no order that could be asked for: whole names are found
// by their MAC (filters), and parts of names only by opening one after another, the
// newest first. The answer says how many, and its next goes on from there.
func (a *API) searchNames(ctx context.Context, filter catalog.FileFilter, in *fileQuery) (*operation.Out[filePage], error) {
	page := filePage{Files: []fileobject.Object{}, Searched: &searched{All: true}}
	rec, err := a.Custody.Records(ctx, filter.Account)
	if fault.Is(err, fault.Locked) {
		return operation.Answer(page), nil // its names are unreadable, so that none of them is this one
	}
	if err != nil {
		return nil, err
	}
	part := strings.ToLower(in.Part)
	show := a.shower()
	filter.Limit = min(1000, a.Opens)
	for page.Searched.Names < a.Opens {
		var names []catalog.Named
		err := a.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
			names, err = tx.Names(filter)
			return err
		})
		if err != nil {
			return nil, err
		}
		for i := range names {
			n := &names[i]
			if filter.State == "" && !isFile(n.State, n.Reason) {
				filter.Before = n.Number
				continue
			}
			if len(page.Files) == in.Limit {
				return more(page, filter.Before), nil
			}
			filter.Before = n.Number
			page.Searched.Names++
			if name, ok := fileobject.Name(rec, n.ID, n.Name); !ok || !strings.Contains(strings.ToLower(name), part) {
				continue
			}
			f, err := a.file(ctx, n.ID.String())
			if fault.Is(err, fault.NotFound) {
				continue // an arrival that was given up meanwhile
			}
			if err != nil {
				return nil, err
			}
			o, err := show.object(ctx, f)
			if err != nil {
				return nil, err
			}
			page.Files = append(page.Files, o)
		}
		if len(names) < filter.Limit {
			return operation.Answer(page), nil
		}
	}
	return more(page, filter.Before), nil
}

// more is a page behind which there may be another.
func more(page filePage, before int64) *operation.Out[filePage] {
	next := strconv.FormatInt(before, 10)
	page.Next, page.Searched.All = &next, false
	return operation.Answer(page)
}
