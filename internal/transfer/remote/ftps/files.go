package ftps

import (
	"context"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"net/textproto"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/jlaffaye/ftp"

	"sealgate/internal/fault"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/why"
)

// path returns a path as it is sent: absolute, so that no name is taken for an option.
func (s *Session) path(op, name string) (string, error) {
	if err := s.idle(op); err != nil {
		return "", err
	}
	if err := remote.CheckPath(name); err != nil {
		return "", err
	}
	if !oneLine(name) {
		return "", fault.New(fault.Invalid, op, "a path on an FTP server holds no byte 255")
	}
	if !strings.HasPrefix(name, "/") {
		name = s.home + "/" + name
	}
	return path.Clean(name), nil
}

// List implements remote.Session.
func (s *Session) List(ctx context.Context, dir string) ([]remote.Entry, error) {
	const op = "ftps: list"
	dir, err := s.path(op, dir)
	if err != nil {
		return nil, err
	}
	entries, err := s.list(ctx, op, dir)
	if code(err) == ftp.StatusFileUnavailable {
		return nil, s.refused(ctx, op, dir, err)
	}
	return entries, s.explain(ctx, op, err)
}

func (s *Session) list(ctx context.Context, op, dir string) ([]remote.Entry, error) {
	seen := &lines{facts: s.ftp.IsTimePreciseInList()}
	var found []*ftp.Entry
	err := s.doFor(ctx, op, 10*s.patience, func() (err error) {
		s.listing(seen)
		defer s.listing(nil)
		if seen.facts {
			found, err = s.ftp.List(dir)
			return err
		}
		// Servers read patterns and options in what stands behind LIST.
		if err := s.ftp.ChangeDir(dir); err != nil {
			return err
		}
		found, err = s.ftp.List("")
		return errors.Join(err, s.ftp.ChangeDir(s.home))
	})
	if seen.over {
		return nil, remote.TooLong(err)
	}
	if err != nil {
		return nil, err
	}
	seen.end()
	unread := seen.count - len(found)
	if unread > 0 && len(found) == 0 {
		return nil, why.Wrong.New(fault.Damaged, op, "the server's listing cannot be read; who runs it should look at it")
	}
	var list remote.Listing
	list.Unread(unread) // a name with a line break is one line, and what follows the break another
	for _, e := range found {
		if e.Type == ftp.EntryTypeFolder && (path.Clean(e.Name) == dir || seen.kinds[e.Name] == remote.Folder) {
			continue // some name the folder itself in full, or the one above it
		}
		if err := list.Add(seen.entry(e)); err != nil {
			return nil, err
		}
	}
	return list.Entries(), nil
}

func (l *lines) entry(e *ftp.Entry) remote.Entry {
	r := remote.Entry{Name: e.Name, Size: int64(e.Size)}
	switch {
	case e.Type == ftp.EntryTypeFolder:
		r.Kind = remote.Folder
	case e.Type == ftp.EntryTypeLink:
		r.Kind = remote.Link
	case l.kinds[e.Name] != 0:
		r.Kind = l.kinds[e.Name]
	}
	if e.Time.IsZero() {
		return r
	}
	r.ModTime, r.Precision = e.Time.UTC(), time.Second
	if !l.facts {
		r.Precision, r.Local = time.Minute, true
		if r.ModTime.Equal(r.ModTime.Truncate(24 * time.Hour)) { // ls shows old files without a time of day
			r.Precision = 24 * time.Hour
		}
	}
	return r
}

// listing tells the next data connection to look at the lines it carries.
func (s *Session) listing(l *lines) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = l
}

// Stat implements remote.Session.
func (s *Session) Stat(ctx context.Context, name string) (remote.Entry, error) {
	const op = "ftps: stat"
	name, err := s.path(op, name)
	if err != nil {
		return remote.Entry{}, err
	}
	e := remote.Entry{Name: path.Base(name), Kind: remote.Regular}
	err = s.do(ctx, op, func() (err error) {
		e.Size, err = s.ftp.FileSize(name)
		// The facts of MLST are in UTC, as in the listing; with MDTM some servers know no
		// other time than their own.
		if err == nil && s.ftp.IsTimePreciseInList() {
			var facts *ftp.Entry
			if facts, err = s.ftp.GetEntry(name); code(err) != 0 {
				err = nil // it does not tell
			} else if err == nil && !facts.Time.IsZero() {
				e.ModTime, e.Precision = facts.Time.UTC(), time.Second
			}
		}
		if err == nil && e.ModTime.IsZero() && s.ftp.IsGetTimeSupported() {
			e.ModTime, err = s.ftp.GetTime(name)
			e.Precision, e.Local = time.Second, true
		}
		return err
	})
	var number *strconv.NumError
	var clock *time.ParseError
	switch {
	case err == nil && e.Size >= 0:
		return e, nil
	case err == nil, errors.As(err, &number), errors.As(err, &clock):
		return remote.Entry{}, &fault.Error{Kind: fault.Damaged, Op: op, Message: "the server does not tell the size or time of a file as numbers; who runs it should look at it", Err: why.Wrong.By(err)}
	case code(err) == ftp.StatusFileUnavailable || code(err) == ftp.StatusNotImplementedParameter:
		return s.lookUp(ctx, op, name, err)
	}
	return remote.Entry{}, s.explain(ctx, op, err)
}

// lookUp finds what has no size: a folder, or nothing. FTP has one code for what is not
// there and what is not allowed, so the folder above is asked.
func (s *Session) lookUp(ctx context.Context, op, name string, because error) (remote.Entry, error) {
	missing := &fault.Error{Kind: fault.NotFound, Op: op, Message: "the server has no such file or folder for this login", Err: why.NotThere.By(because)}
	if name == "/" {
		return remote.Entry{Name: "/", Kind: remote.Folder, Size: -1}, nil
	}
	if s.ftp.IsTimePreciseInList() {
		var found *ftp.Entry
		err := s.do(ctx, op, func() (err error) {
			found, err = s.ftp.GetEntry(name)
			return err
		})
		if code(err) == ftp.StatusFileUnavailable {
			return remote.Entry{}, missing
		}
		if err != nil {
			return remote.Entry{}, s.explain(ctx, op, err)
		}
		e := (&lines{facts: true}).entry(found)
		e.Name = path.Base(name)
		return e, nil
	}
	entries, err := s.list(ctx, op, path.Dir(name))
	if code(err) == ftp.StatusFileUnavailable {
		return remote.Entry{}, missing
	}
	for _, e := range entries {
		if e.Name == path.Base(name) {
			return e, nil
		}
	}
	if err != nil {
		return remote.Entry{}, s.explain(ctx, op, err)
	}
	return remote.Entry{}, missing
}

// Create implements remote.Session.
func (s *Session) Create(ctx context.Context, name string, content io.Reader) (remote.Proof, error) {
	const op = "ftps: create"
	name, err := s.path(op, name)
	if err != nil {
		return remote.Proof{}, err
	}
	if _, err := s.Stat(ctx, name); err == nil {
		return remote.Proof{}, taken(op, nil) // STOR would write over it
	} else if !fault.Is(err, fault.NotFound) {
		return remote.Proof{}, err
	}
	from := &source{session: s, from: content, hash: sha256.New()}
	// The answers before the first byte, each write, and the answer at the end have their
	// own time; all of them together may take what the file takes.
	err = s.doFor(ctx, op, noEnd, func() error {
		_ = s.wire.SetDeadline(time.Now().Add(s.patience)) // until the source is asked
		return s.ftp.Stor(name, from)
	})
	if from.err != nil {
		s.cut() // the server may answer an upload that was broken off once or twice
		return remote.Proof{}, fault.Wrap(fault.Internal, op, from.err)
	}
	if err != nil {
		return remote.Proof{}, s.explain(ctx, op, err)
	}
	proof := remote.Proof{Size: from.size, SHA256: [32]byte(from.hash.Sum(nil))}
	there, err := s.Stat(ctx, name)
	if err != nil {
		return remote.Proof{}, err
	}
	if there.Size != proof.Size {
		return remote.Proof{}, remote.Short(op, there.Size, proof.Size)
	}
	return s.confirm(ctx, op, name, proof)
}

const noEnd = 10 * 365 * 24 * time.Hour

// confirm compares the hash of a file, when the server offers to tell it.
func (s *Session) confirm(ctx context.Context, op, name string, proof remote.Proof) (remote.Proof, error) {
	ask := "XSHA256 "
	if _, ok := s.features["XSHA256"]; !ok {
		if !strings.Contains(s.features["HASH"], "SHA-256") {
			return proof, nil
		}
		ask = "HASH "
	}
	var answer string
	var status int
	err := s.doFor(ctx, op, remote.TimeToHash(s.patience, proof.Size), func() (err error) {
		if ask == "HASH " {
			if status, answer, err = s.control.command("OPTS HASH SHA-256"); err != nil || status != ftp.StatusCommandOK {
				return err
			}
		}
		status, answer, err = s.control.command("%s%s", ask, name)
		return err
	})
	if err != nil {
		return remote.Proof{}, s.explain(ctx, op, err)
	}
	if status/100 != 2 {
		return proof, nil // not for this file: too large, or not allowed
	}
	sum, ok := parseHash(answer)
	if ok && sum != proof.SHA256 {
		return remote.Proof{}, why.Wrong.New(fault.Damaged, op, "the server has other bytes than those that were sent, says its own hash of the file")
	}
	if ok {
		proof.Hash = "SHA-256"
	}
	return proof, nil
}

// source is what is sent. When it breaks off, so does the data connection: closed in
// good order, it would be a whole file for the server.
type source struct {
	session *Session
	from    io.Reader
	hash    hash.Hash
	size    int64
	asked   bool
	err     error
}

// Read implements io.Reader.
func (r *source) Read(b []byte) (int, error) {
	if !r.asked {
		r.asked = true
		_ = r.session.wire.SetDeadline(time.Time{})
	}
	n, err := r.from.Read(b)
	r.hash.Write(b[:n])
	r.size += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
		r.session.mu.Lock()
		r.session.data.abort = true
		r.session.mu.Unlock()
	}
	return n, err
}

// Rename implements remote.Session.
func (s *Session) Rename(ctx context.Context, from, to string, replace bool) error {
	const op = "ftps: rename"
	from, err := s.path(op, from)
	if err != nil {
		return err
	}
	if to, err = s.path(op, to); err != nil {
		return err
	}
	_, err = s.Stat(ctx, to)
	switch {
	case err == nil && !replace:
		return taken(op, nil) // most servers would write over it
	case err != nil && !fault.Is(err, fault.NotFound):
		return err
	}
	there := err == nil
	rename := func() error { return s.ftp.Rename(from, to) }
	err = s.do(ctx, op, rename)
	if there && code(err)/10 == 55 { // a server that never replaces
		if err := s.Remove(ctx, to); err != nil {
			return err
		}
		err = s.do(ctx, op, rename)
	}
	if code(err)/10 == 55 {
		return s.refused(ctx, op, from, err)
	}
	return s.explain(ctx, op, err)
}

// Remove implements remote.Session.
func (s *Session) Remove(ctx context.Context, name string) error {
	const op = "ftps: remove"
	name, err := s.path(op, name)
	if err != nil {
		return err
	}
	err = s.do(ctx, op, func() error { return s.ftp.Delete(name) })
	if code(err)/10 == 55 {
		if e, found := s.Stat(ctx, name); found == nil && e.Kind == remote.Folder {
			return fault.New(fault.Invalid, op, "this is a folder on the server, not a file")
		}
		return s.refused(ctx, op, name, err)
	}
	return s.explain(ctx, op, err)
}

// Mkdir implements remote.Session.
func (s *Session) Mkdir(ctx context.Context, name string) error {
	const op = "ftps: mkdir"
	name, err := s.path(op, name)
	if err != nil {
		return err
	}
	err = s.do(ctx, op, func() error { return s.ftp.MakeDir(name) })
	if code(err)/100 == 5 {
		if _, found := s.Stat(ctx, name); found == nil {
			return taken(op, err)
		}
	}
	return s.explain(ctx, op, err)
}

func taken(op string, err error) error {
	return &fault.Error{Kind: fault.Exists, Op: op, Message: "something with this name is on the server already", Err: why.Taken.By(err)}
}

// code returns the server's code for an error; 0 = it did not give one.
func code(err error) int {
	var refused *textproto.Error
	if errors.As(err, &refused) {
		return refused.Code
	}
	return 0
}

// refused tells what is not there from what is not allowed.
func (s *Session) refused(ctx context.Context, op, name string, err error) error {
	if _, missing := s.Stat(ctx, name); fault.Is(missing, fault.NotFound) {
		return &fault.Error{Kind: fault.NotFound, Op: op, Message: "the server has no such file or folder for this login", Err: why.NotThere.By(err)}
	}
	return s.explain(ctx, op, err)
}

// explain gives an error its kind and its sentence.
func (s *Session) explain(ctx context.Context, op string, err error) error {
	var known *fault.Error
	if err == nil {
		return nil
	}
	if errors.As(err, &known) {
		return fault.Wrap(fault.Internal, op, err)
	}
	var identity *remote.IdentityError
	if errors.As(err, &identity) {
		return identity.Fault()
	}
	said := remote.Quote(err.Error())
	kind, reason, message := fault.Invalid, why.Refused, "the server refused: "+said
	switch c := code(err); {
	case c == 0:
		if broken := remote.Broken(ctx, op, err); broken != nil {
			return broken
		}
		kind, reason, message = fault.Damaged, why.Wrong, "the server answered something that is not FTP; who runs it should look at it"
	case c == 452 || c == ftp.StatusExceededStorage:
		kind, reason, message = fault.Full, why.ServerFull, "the server has no room left for this login"
	case c/100 == 4:
		kind, reason, message = fault.TryLater, why.Busy, "the server cannot do it now: "+said
	case c == 521 || c == 522 || c == 533 || c == 534:
		kind, reason, message = fault.Denied, why.NoTLS, "the server and the gateway do not agree on how data is encrypted: "+said
	case c == ftp.StatusFileUnavailable || c == ftp.StatusBadFileName || c == ftp.StatusNotLoggedIn || c == ftp.StatusStorNeedAccount:
		kind, reason, message = fault.Denied, why.NoRight, "the server does not allow this to the login; who runs it has to give it the right"
	}
	return &fault.Error{Kind: kind, Op: op, Message: message, Err: reason.By(err)}
}
