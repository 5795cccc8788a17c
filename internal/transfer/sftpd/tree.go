package sftpd

import (
	"context"
	"io"
	"io/fs"
	"time"

	"github.com/google/uuid"
	"github.com/pkg/sftp"

	"sealgate/internal/fault"
	"sealgate/internal/transfer/intake"
	"sealgate/internal/transfer/vpath"
)

// Item is a file in /out or /kept. Names in one folder differ at any one time.
type Item struct {
	ID      uuid.UUID
	Name    string
	Size    int64
	ModTime time.Time
}

// Content is the verified plaintext of an open file.
type Content interface {
	io.ReaderAt
	io.Closer
}

// Ref names a file in /out or /kept: by its id, or with uuid.Nil the file that
// has the name now.
type Ref struct {
	Name string
	ID   uuid.UUID
}

// shelf is what /out and /kept have in common.
type shelf interface {
	Stat(ctx context.Context, account uuid.UUID, file Ref) (Item, error)
	Open(ctx context.Context, account, login uuid.UUID, file Ref) (Content, error)
}

// Outbox is what lies behind /out: files that wait for the account.
type Outbox interface {
	shelf
	List(ctx context.Context, account uuid.UUID) ([]Item, error)
	// Remove says that the account has the file: it is delivered. Saying so
	// again of a file named by its id changes nothing.
	Remove(ctx context.Context, account, login uuid.UUID, file Ref) error
}

// Kept is what lies behind /kept: kept files of an account that may read them
// here. For other accounts it is empty.
type Kept interface {
	shelf
	// Pages begins to list the files. There may be a million, and a client may
	// have a great many folders open.
	Pages(ctx context.Context, account uuid.UUID) (Pages, error)
}

// Pages is a list that is read piece by piece.
type Pages interface {
	// Next returns some more, and io.EOF when there is nothing more.
	Next(ctx context.Context) ([]Item, error)
}

// Space tells how much room there is, in bytes.
type Space func() (free, total int64, err error)

// area is one of the folders at the root.
type area int

const (
	atRoot area = iota
	inIn
	inOut
	inKept
)

var areaNames = []string{inIn: "in", inOut: "out", inKept: "kept"}

// place parses a path of a client: which folder, and the path below it. What
// is in none of the folders counts as /in, because many clients cannot change
// the folder they send to.
func place(raw string) (area, vpath.Path, error) {
	p, err := vpath.Parse(raw)
	if err != nil || p.IsRoot() {
		return atRoot, p, err
	}
	top, rest := p.Top()
	switch top {
	case areaNames[inIn]:
		return inIn, rest, nil
	case areaNames[inOut]:
		return inOut, rest, nil
	case areaNames[inKept]:
		return inKept, rest, nil
	}
	return inIn, p, nil
}

// entry is a name as clients see it.
type entry struct {
	name string
	size int64
	time time.Time
	dir  bool
}

func (e entry) Name() string       { return e.name }
func (e entry) Size() int64        { return e.size }
func (e entry) ModTime() time.Time { return e.time }
func (e entry) IsDir() bool        { return e.dir }
func (e entry) Sys() any           { return nil }

// Mode is made up: there are no modes here, and what a client sets is ignored.
func (e entry) Mode() fs.FileMode {
	if e.dir {
		return fs.ModeDir | 0o700
	}
	return 0o600
}

func fromInbox(i intake.Info) entry { return entry{i.Name, i.Size, i.ModTime, i.Dir} }
func fromItem(i Item) entry         { return entry{name: i.Name, size: i.Size, time: i.ModTime} }

// entries is a listing; it keeps one of the session's handles until closed.
// pkg/sftp reads it from its beginning to its end, one READDIR after the other.
type entries struct {
	page  []entry
	more  func() ([]entry, error) // the next page, io.EOF after the last; nil = there is one only
	close func()
}

// ListAt implements sftp.ListerAt.
func (l *entries) ListAt(to []fs.FileInfo, _ int64) (int, error) {
	n := 0
	for n < len(to) {
		if len(l.page) == 0 {
			if l.more == nil {
				return n, io.EOF
			}
			page, err := l.more()
			if err == io.EOF {
				l.more = nil
				return n, io.EOF
			}
			if err != nil && n > 0 {
				return n, nil // the next READDIR meets it again
			}
			if err != nil {
				return 0, err
			}
			l.page = page
			continue
		}
		to[n], l.page = l.page[0], l.page[1:]
		n++
	}
	return n, nil
}

// Close gives the handle back.
func (l *entries) Close() error {
	if l.close != nil {
		l.close()
		l.close = nil
	}
	return nil
}

// Filelist implements sftp.FileLister: STAT, LSTAT, FSTAT, OPENDIR, READLINK.
func (s *session) Filelist(r *sftp.Request) (sftp.ListerAt, error) {
	at, p, err := place(r.Filepath)
	if err != nil {
		return nil, s.told("stat", err)
	}
	switch r.Method {
	case "List":
		if err := s.takeHandle(); err != nil {
			return nil, s.told("list", err)
		}
		l, err := s.list(at, p)
		if err != nil {
			s.freeHandle()
			return nil, s.told("list", err)
		}
		l.close = s.freeHandle
		return l, nil
	case "Stat", "Lstat":
		e, err := s.stat(at, p)
		if err != nil {
			return nil, s.told("stat", err)
		}
		return &entries{page: []entry{e}}, nil
	}
	return nil, errUnsupported
}

func (s *session) folder(name string) entry {
	return entry{name: name, time: s.srv.born, dir: true}
}

func (s *session) list(at area, p vpath.Path) (*entries, error) {
	switch {
	case at == atRoot:
		l := new(entries)
		for _, name := range areaNames[inIn:] {
			l.page = append(l.page, s.folder(name))
		}
		return l, nil
	case at == inIn:
		infos, err := s.inbox.List(s.ctx, p)
		return &entries{page: convert(infos, fromInbox)}, err
	case !p.IsRoot():
		return nil, refuse(fault.NotFound, "there is no such folder")
	case at == inOut:
		return s.waiting()
	default:
		return s.kept()
	}
}

// waiting lists /out and remembers what it showed.
func (s *session) waiting() (*entries, error) {
	if s.srv.opt.Outbox == nil {
		return new(entries), nil
	}
	items, err := s.srv.opt.Outbox.List(s.ctx, s.who.Account)
	for _, i := range items {
		s.show(i.Name, i.ID)
	}
	return &entries{page: convert(items, fromItem)}, err
}

// kept lists /kept page by page.
func (s *session) kept() (*entries, error) {
	if s.srv.opt.Kept == nil {
		return new(entries), nil
	}
	pages, err := s.srv.opt.Kept.Pages(s.ctx, s.who.Account)
	if err != nil {
		return nil, err
	}
	return &entries{more: func() ([]entry, error) {
		items, err := pages.Next(s.ctx)
		return convert(items, fromItem), s.told("list", err)
	}}, nil
}

func convert[T any](from []T, f func(T) entry) []entry {
	to := make([]entry, len(from))
	for i := range from {
		to[i] = f(from[i])
	}
	return to
}

func (s *session) stat(at area, p vpath.Path) (entry, error) {
	switch {
	case at == atRoot:
		return s.folder("/"), nil
	case p.IsRoot():
		return s.folder(areaNames[at]), nil
	case at == inIn:
		if u := s.upload(p); u != nil {
			if e, ok := u.entry(); ok {
				return e, nil
			}
		}
		i, err := s.inbox.Stat(s.ctx, p)
		return fromInbox(i), err
	}
	from, err := s.shelf(at, p)
	if err != nil {
		return entry{}, err
	}
	var i Item
	err = s.find(at, p.Base(), func(file Ref) (err error) {
		i, err = from.Stat(s.ctx, s.who.Account, file)
		return err
	})
	if err == nil && at == inOut {
		s.show(i.Name, i.ID)
	}
	return fromItem(i), err
}

// Of several files with one name in /out the later ones are numbered, and when
// the first is taken the next gets its name. A session goes by what it was shown:
// a client that removes what it has fetched must not remove the next one, which
// nobody has.

// show remembers which file a name in /out meant.
func (s *session) show(name string, id uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown[name] = id
}

// ref is the file that the name in /out meant when it was shown.
func (s *session) ref(name string) Ref {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Ref{name, s.shown[name]}
}

// find looks for the file that was shown and, when that is gone, for the one
// that has the name now.
func (s *session) find(at area, name string, look func(Ref) error) error {
	if at == inOut {
		if file := s.ref(name); file.ID != uuid.Nil {
			if err := look(file); !fault.Is(err, fault.NotFound) {
				return err
			}
		}
	}
	return look(Ref{Name: name})
}

// shelf returns where a file of /out or /kept is; there are no folders in them.
func (s *session) shelf(at area, p vpath.Path) (shelf, error) {
	var from shelf = s.srv.opt.Outbox
	missing := s.srv.opt.Outbox == nil
	if at == inKept {
		from, missing = s.srv.opt.Kept, s.srv.opt.Kept == nil
	}
	if missing || len(p.Elements()) != 1 {
		return nil, refuse(fault.NotFound, "there is no such file")
	}
	return from, nil
}

// RealPath implements sftp.RealPathFileLister.
func (s *session) RealPath(raw string) (string, error) {
	p, err := vpath.Parse(raw)
	if err != nil {
		return "", s.told("realpath", err)
	}
	return p.String(), nil
}

// download is an open file of /out or /kept.
type download struct {
	s *session
	Content
}

// ReadAt implements io.ReaderAt.
func (d *download) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, d.s.told("read", refuse(fault.Invalid, "a negative offset"))
	}
	n, err := d.Content.ReadAt(p, off)
	return n, d.s.told("read", err)
}

// Close gives the handle back.
func (d *download) Close() error {
	defer d.s.freeHandle()
	return d.s.told("close", d.Content.Close())
}

// Fileread implements sftp.FileReader: OPEN for reading.
func (s *session) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	d, err := s.read(r.Filepath)
	if err != nil {
		return nil, s.told("open", err)
	}
	return d, nil
}

func (s *session) read(raw string) (*download, error) {
	at, p, err := place(raw)
	switch {
	case err != nil:
		return nil, err
	case p.IsRoot():
		return nil, refuse(fault.Invalid, "that is a folder")
	case at == inIn:
		return nil, refuse(fault.Denied, "files in /in cannot be read back; what is kept is in /kept")
	}
	from, err := s.shelf(at, p)
	if err != nil {
		return nil, err
	}
	if err := s.takeHandle(); err != nil {
		return nil, err
	}
	var c Content
	err = s.find(at, p.Base(), func(file Ref) error {
		if at == inOut && file.ID == uuid.Nil { // what is opened is what is removed
			i, err := from.Stat(s.ctx, s.who.Account, file)
			if err != nil {
				return err
			}
			file.ID = i.ID
			s.show(i.Name, i.ID)
		}
		c, err = from.Open(s.ctx, s.who.Account, s.who.Login, file)
		return err
	})
	if err != nil {
		s.freeHandle()
		return nil, err
	}
	return &download{s, c}, nil
}
