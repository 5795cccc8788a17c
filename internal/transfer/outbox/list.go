package outbox

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/inbox"
)

// Item is a file under the name it can be fetched by. Of several files with
// one name the oldest has it as it is; later ones get ".2", ".3" before the
// extension. A file whose name nobody can read, or whose numbered name another
// file has for its own, has its id for a name.
type Item struct {
	Name string
	File *catalog.File
}

func waiting(account uuid.UUID) catalog.FileFilter {
	return catalog.FileFilter{Account: account, State: catalog.Waiting, Direction: catalog.Out}
}

func kept(account uuid.UUID) catalog.FileFilter {
	return catalog.FileFilter{Account: account, State: catalog.Kept, Direction: catalog.In}
}

// Waiting lists what waits for the account, oldest first.
func (o *Outbox) Waiting(ctx context.Context, account uuid.UUID) ([]Item, error) {
	return o.all(ctx, waiting(account))
}

// Kept lists the account's kept files, oldest first. There may be a great many:
// see KeptPages.
func (o *Outbox) Kept(ctx context.Context, account uuid.UUID) ([]Item, error) {
	return o.all(ctx, kept(account))
}

func (o *Outbox) all(ctx context.Context, filter catalog.FileFilter) ([]Item, error) {
	pages, err := o.pages(ctx, filter)
	if err != nil {
		return nil, err
	}
	items := []Item{}
	for {
		page, err := pages.Next(ctx)
		if err == io.EOF {
			return items, nil
		}
		if err != nil {
			return nil, err
		}
		items = append(items, page...)
	}
}

// pageSize is how many files a page holds.
const pageSize = 500

// Pages is a list that is read page by page, oldest first: the files that there
// were when it was begun, less those that left since. It holds a few bytes for each
// page and for each name that several files have.
type Pages struct {
	outbox *Outbox
	filter catalog.FileFilter
	rec    *custody.Records // nil: no name can be read

	bounds []int64        // of the pages left: the number of the newest file, that of the oldest page last
	done   int64          // the number that the page before ended with
	shared map[uint64]int // names that several files have -> how many of them were listed
}

// KeptPages begins to list the account's kept files.
func (o *Outbox) KeptPages(ctx context.Context, account uuid.UUID) (*Pages, error) {
	return o.pages(ctx, kept(account))
}

func (o *Outbox) pages(ctx context.Context, filter catalog.FileFilter) (*Pages, error) {
	rec, err := o.records(ctx, filter.Account)
	if err != nil {
		return nil, err
	}
	filter.Limit = pageSize
	p := &Pages{outbox: o, filter: filter, rec: rec, shared: map[uint64]int{}}
	// Files come newest first, and are numbered from the oldest on.
	seen := map[uint64]bool{}
	for {
		files, err := o.files(ctx, filter)
		if err != nil || len(files) == 0 {
			return p, err
		}
		p.bounds = append(p.bounds, files[0].Number)
		for _, f := range files {
			name := short(f.NameMAC)
			if seen[name] {
				p.shared[name] = 0
			}
			seen[name] = true
		}
		filter.Before = files[len(files)-1].Number
	}
}

// short stands for a name in a Pages: nobody without the key finds two names of
// one.
func short(mac []byte) uint64 {
	var b [8]byte
	copy(b[:], mac)
	return binary.BigEndian.Uint64(b[:])
}

// Next returns the next page, and io.EOF after the last.
func (p *Pages) Next(ctx context.Context) ([]Item, error) {
	for len(p.bounds) > 0 {
		newest := p.bounds[len(p.bounds)-1]
		filter := p.filter
		filter.Before = newest + 1
		files, err := p.outbox.files(ctx, filter)
		if err != nil {
			return nil, err
		}
		p.bounds = p.bounds[:len(p.bounds)-1]
		items := make([]Item, 0, len(files))
		for _, f := range slices.Backward(files) {
			if f.Number <= p.done {
				continue // some of this page left, so it reaches into the one before
			}
			n := 1
			if listed, several := p.shared[short(f.NameMAC)]; several {
				n = listed + 1
				p.shared[short(f.NameMAC)] = n
			}
			name, err := p.name(ctx, f, n)
			if err != nil {
				return nil, err
			}
			items = append(items, Item{name, f})
		}
		p.done = newest
		if len(items) > 0 {
			return items, nil
		}
	}
	return nil, io.EOF
}

// records returns the account's records, nil when no name of it can be read.
func (o *Outbox) records(ctx context.Context, account uuid.UUID) (*custody.Records, error) {
	rec, err := o.keys.Records(ctx, account)
	if fault.Is(err, fault.Locked) {
		return nil, nil
	}
	return rec, err
}

func (o *Outbox) files(ctx context.Context, filter catalog.FileFilter) (files []*catalog.File, err error) {
	err = o.catalog.View(ctx, func(tx *catalog.Tx) error {
		files, err = tx.Files(filter)
		return err
	})
	return files, err
}

// name is the name that a file can be fetched by: the nth of those that have its
// name.
func (p *Pages) name(ctx context.Context, f *catalog.File, n int) (string, error) {
	if p.rec == nil {
		return f.ID.String(), nil
	}
	name, err := p.rec.Open("file", "name", f.ID, f.Name)
	if err != nil {
		return f.ID.String(), nil
	}
	shown := numbered(string(name), n)
	if n == 1 {
		return shown, nil
	}
	filter := p.filter
	filter.NameMAC, filter.Limit = inbox.MAC(p.rec, shown), 1
	if taken, err := p.outbox.files(ctx, filter); err != nil || len(taken) > 0 {
		return f.ID.String(), err
	}
	return shown, nil
}

// numbered is the name of the nth file that has it.
func numbered(name string, n int) string {
	if n == 1 {
		return name
	}
	ext := path.Ext(name)
	return fmt.Sprintf("%s.%d%s", strings.TrimSuffix(name, ext), n, ext)
}

// FindWaiting finds what waits for the account under a name.
func (o *Outbox) FindWaiting(ctx context.Context, account uuid.UUID, name string) (*catalog.File, error) {
	return o.find(ctx, waiting(account), name)
}

// WaitingByID returns a file that waits for the account.
func (o *Outbox) WaitingByID(ctx context.Context, account, id uuid.UUID) (*catalog.File, error) {
	return o.byID(ctx, waiting(account), id)
}

// FindKept finds a kept file of the account by its name.
func (o *Outbox) FindKept(ctx context.Context, account uuid.UUID, name string) (*catalog.File, error) {
	return o.find(ctx, kept(account), name)
}

// find looks the name up by its MAC, first as it is, then as a numbered one.
// It never goes through the account's files: anybody may ask for any name.
func (o *Outbox) find(ctx context.Context, filter catalog.FileFilter, name string) (*catalog.File, error) {
	files, err := o.named(ctx, filter, name)
	if err != nil {
		return nil, err
	}
	if len(files) > 0 {
		return files[len(files)-1], nil // the oldest
	}
	if original, n, ok := unnumbered(name); ok {
		if files, err = o.named(ctx, filter, original); err != nil {
			return nil, err
		}
		if n <= len(files) {
			return files[len(files)-n], nil
		}
	}
	if id, err := uuid.Parse(name); err == nil && id.String() == name {
		return o.byID(ctx, filter, id)
	}
	return nil, fault.New(fault.NotFound, "outbox: find", "no such file")
}

// byID finds a file by its id, as it is listed when it has no name to go by.
func (o *Outbox) byID(ctx context.Context, filter catalog.FileFilter, id uuid.UUID) (*catalog.File, error) {
	var f *catalog.File
	err := o.catalog.View(ctx, func(tx *catalog.Tx) (err error) { f, err = tx.File(id); return err })
	if err == nil && (f.Account != filter.Account || f.Direction != filter.Direction || f.State != filter.State) {
		return nil, fault.New(fault.NotFound, "outbox: find", "no such file")
	}
	return f, err
}

// named returns the files of exactly this name, newest first.
func (o *Outbox) named(ctx context.Context, filter catalog.FileFilter, name string) ([]*catalog.File, error) {
	rec, err := o.records(ctx, filter.Account)
	if err != nil || rec == nil {
		return nil, err
	}
	filter.NameMAC, filter.Limit = inbox.MAC(rec, name), -1
	return o.files(ctx, filter)
}

// unnumbered undoes numbered, for the second file of a name and later ones.
func unnumbered(name string) (original string, n int, ok bool) {
	ext := path.Ext(name)
	if stem := strings.TrimSuffix(name, ext); path.Ext(stem) != "" {
		number := path.Ext(stem)
		if n, err := strconv.Atoi(number[1:]); err == nil && numbered(strings.TrimSuffix(stem, number)+ext, n) == name && n > 1 {
			return strings.TrimSuffix(stem, number) + ext, n, true
		}
	}
	// The original had no extension: its number looks like one.
	if n, err := strconv.Atoi(strings.TrimPrefix(ext, ".")); err == nil && n > 1 && numbered(strings.TrimSuffix(name, ext), n) == name {
		return strings.TrimSuffix(name, ext), n, true
	}
	return "", 0, false
}
