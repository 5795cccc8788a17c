package fetch

import (
	"context"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/google/uuid"

	"sealgate/internal/agent/wire"
	"sealgate/internal/connect"
	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/seal/sealfile"
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
			if !unopened(err) {
				return c, err
			}
			c.Failed = append(c.Failed, Failure{l.File, l.Name, err})
		}
		c.Checked++
	}
	return c, nil
}

// unopened reports whether an error says that a file does not open, and not that
// nobody could be asked: what the gateway has not signed is damaged, too.
func unopened(err error) bool {
	return (fault.Is(err, fault.Damaged) || fault.Is(err, fault.Locked)) && !wire.Unheard(err)
}

// Open opens a kept file: what names its id, or a sealed file on this machine. It is
// written to out, or under its own name here; with check, nothing is written.
func (f *Fetcher) Open(ctx context.Context, what, out string, check bool) (seal.Trailer, string, error) {
	const op = "fetch: open"
	var none seal.Trailer
	name := what
	if id, err := uuid.Parse(what); err == nil {
		l, err := f.Find(ctx, id)
		if err != nil {
			return none, "", err
		}
		dir, err := os.MkdirTemp("", "sealgate-open-") // sealed, and only its owner's
		if err != nil {
			return none, "", fault.Wrap(fault.Internal, op, err)
		}
		defer os.RemoveAll(dir)
		name = filepath.Join(dir, "body")
		if err := f.Body(ctx, connect.PathKeptBody(id), l, name); err != nil {
			return none, "", err
		}
	}
	in, err := os.Open(name)
	if err != nil {
		return none, "", fault.New(fault.NotFound, op, "%s is neither the id of a file nor a file here", what)
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return none, "", fault.Wrap(fault.Internal, op, err)
	}
	_, raw, err := seal.ReadHeader(io.NewSectionReader(in, 0, info.Size()))
	if err != nil {
		return none, "", err
	}
	var key *seal.FileKey
	defer func() {
		if key != nil {
			key.Wipe()
		}
	}()
	r, err := seal.OpenReaderAt(in, info.Size(), func(h seal.Header) (_ *seal.FileKey, err error) {
		key, err = f.Key(ctx, h, raw)
		return key, err
	})
	if err != nil {
		return none, "", err
	}
	if check {
		return r.Trailer(), "", r.Verify(ctx)
	}
	if out == "" {
		out = seal.SafeName(r.Trailer().Name)
	}
	return r.Trailer(), out, sealfile.WriteNew(out, func(w io.Writer) error { return r.VerifyTo(ctx, w) })
}
