package sftpd

import (
	"io"
	"sync"
	"time"

	"github.com/pkg/sftp"

	"sealgate/internal/fault"
	"sealgate/internal/transfer/intake"
	"sealgate/internal/transfer/vpath"
)

// upload is a path in /in that is open for writing.
//
// Whether a transfer begins anew or goes on is known at OPEN only when the
// client asks for an empty file, or nothing has that name. Otherwise its first
// WRITE tells: at offset 0 it sends the file from the start, which is a new
// file; at a later offset it goes on with what was cut. Nothing is ever added
// to a file that was received (R4).
type upload struct {
	s       *session
	path    vpath.Path
	appends bool // opened to append; clients do so to go on

	mu      sync.Mutex      // guards the fields below
	arrival *intake.Arrival // nil until it is known what this is
	modTime time.Time       // set before that
	err     error           // why this will not become a file
}

// Filewrite implements sftp.FileWriter: OPEN for writing.
func (s *session) Filewrite(r *sftp.Request) (io.WriterAt, error) {
	u, err := s.write(r)
	if err != nil {
		return nil, s.told("open", err)
	}
	return u, nil
}

func (s *session) write(r *sftp.Request) (*upload, error) {
	at, p, err := place(r.Filepath)
	switch {
	case err != nil:
		return nil, err
	case !s.who.Role.MayWrite():
		return nil, refuse(fault.Denied, "this login may not send files")
	case at == atRoot || p.IsRoot():
		return nil, refuse(fault.Invalid, "that is a folder")
	case at != inIn:
		return nil, refuse(fault.Denied, "files are sent to /in")
	}
	if s.upload(p) != nil {
		return nil, refuse(fault.TryLater, "this name is open for writing in this session already")
	}
	u := &upload{s: s, path: p, appends: r.Pflags().Append}
	look, err := s.srv.opt.Intake.Look(s.ctx, u.spec())
	if err != nil {
		return nil, err
	}
	fresh, err := mayOpen(look, r.Pflags())
	if err != nil {
		return nil, err
	}
	if err := s.takeHandle(); err != nil {
		return nil, err
	}
	if fresh {
		if u.arrival, err = look.Begin(s.ctx); err != nil {
			s.freeHandle()
			return nil, err
		}
	}
	s.mu.Lock()
	s.uploads[p.String()] = u
	s.mu.Unlock()
	return u, nil
}

// mayOpen checks the flags of an OPEN against what has the name already, and
// reports whether the file begins anew whatever is written.
func mayOpen(look *intake.Look, flags sftp.FileOpenFlags) (fresh bool, err error) {
	switch {
	case !look.Taken && !flags.Creat:
		return false, refuse(fault.NotFound, "there is no such file")
	case !look.Taken:
		return true, nil
	case look.Dir:
		return false, refuse(fault.Invalid, "that is a folder")
	case flags.Excl:
		return false, refuse(fault.Exists, "a file has that name already")
	}
	return flags.Trunc, nil
}

func (u *upload) spec() intake.Spec {
	return intake.Spec{Account: u.s.who.Account, Login: u.s.who.Login, Path: u.path, Source: intake.SourceSFTP}
}

// begin decides, at the first WRITE, what the transfer is. It is called before
// that WRITE can reach WriteAt.
func (u *upload) begin(offset uint64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.arrival != nil || u.err != nil {
		return
	}
	if offset == 0 && !u.appends {
		u.arrival, u.err = u.s.srv.opt.Intake.Begin(u.s.ctx, u.spec())
	} else {
		u.arrival, u.err = u.s.srv.opt.Intake.Resume(u.s.ctx, u.spec())
	}
	switch {
	case u.err != nil:
		u.arrival = nil
	case offset == 0 && u.appends && u.arrival.Durable() > 0:
		// The client counts from the end that it believes in; where that is
		// nobody knows.
		u.refuse(refuse(fault.Invalid, "the server does not append; go on at byte %d or send the file whole", u.arrival.Durable()))
	case !u.modTime.IsZero():
		u.arrival.SetModTime(u.modTime)
	}
}

// refuse ends the arrival as one that was cut. The caller holds mu.
func (u *upload) refuse(err error) {
	u.arrival.Abort(err)
	u.arrival, u.err = nil, err
}

// current returns the arrival to write to.
func (u *upload) current() (*intake.Arrival, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.arrival, u.err
}

// WriteAt implements io.WriterAt.
func (u *upload) WriteAt(p []byte, off int64) (int, error) {
	a, err := u.current()
	if err == nil && a == nil {
		err = refuse(fault.Invalid, "nothing was begun") // cannot happen: begin comes first
	}
	if err != nil {
		return 0, u.s.told("write", err)
	}
	n, err := a.WriteAt(p, off)
	return n, u.s.told("write", err)
}

func (u *upload) sync() error {
	a, err := u.current()
	if err != nil || a == nil {
		return err
	}
	return a.Sync()
}

// entry is the upload as stat shows it: what is durable, so that a client that
// goes on later begins there. It is false when the list of names knows better.
func (u *upload) entry() (entry, bool) {
	a, _ := u.current()
	if a == nil {
		return entry{}, false
	}
	return entry{name: u.path.Base(), size: a.Durable(), time: u.s.srv.opt.Now()}, true
}

// setSize is SETSTAT with a size on the open file. Emptying it begins a new
// file; there is nothing else that could be meant.
func (u *upload) setSize(size uint64) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	switch {
	case u.err != nil:
		return u.err
	case u.arrival != nil && uint64(u.arrival.Size()) == size:
		return nil
	case size != 0:
		return refuse(fault.Invalid, "the size of a file is that of the bytes sent")
	case u.arrival != nil:
		u.arrival.Abort(refuse(fault.Invalid, "the file was emptied"))
	}
	u.arrival, u.err = u.s.srv.opt.Intake.Begin(u.s.ctx, u.spec())
	if u.err != nil {
		u.arrival = nil
	}
	return u.err
}

// setTime is SETSTAT with times on the open file.
func (u *upload) setTime(t time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.modTime = t
	if u.arrival != nil {
		u.arrival.SetModTime(t)
	}
}

// TransferError implements sftp.TransferError: the session ended with the file
// open. pkg/sftp calls it before Close.
func (u *upload) TransferError(err error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.err == nil {
		u.err = fault.Wrap(fault.Invalid, "sftpd: transfer", err)
	}
}

// Close is the client's CLOSE, or the end of its session. Only the first makes
// a file, and only when the intake says that it is durable (R1, R3).
func (u *upload) Close() error {
	defer u.release()
	a, err := u.current()
	if a == nil {
		if err == nil && !u.modTime.IsZero() { // nothing was written
			err = u.s.inbox.SetModTime(u.s.ctx, u.path, u.modTime)
		}
		return u.s.told("close", err)
	}
	if err != nil {
		a.Abort(err)
		return u.s.told("close", err)
	}
	f, err := a.Commit(u.s.ctx)
	if err != nil {
		return u.s.told("close", err)
	}
	u.s.done(u.path, f.ID)
	return nil
}

func (u *upload) release() {
	u.s.freeHandle()
	u.s.mu.Lock()
	defer u.s.mu.Unlock()
	delete(u.s.uploads, u.path.String())
}
