package sftpd

import (
	"time"

	"github.com/pkg/sftp"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/vpath"
)

// Filecmd implements sftp.FileCmder: every request that changes names or
// attributes.
func (s *session) Filecmd(r *sftp.Request) error {
	var err error
	switch r.Method {
	case "Setstat":
		err = s.setstat(r)
	case "Rename":
		err = s.rename(r, false)
	case "Remove":
		err = s.remove(r.Filepath)
	case "Mkdir":
		err = s.inFolder(r.Filepath, func(p vpath.Path) error { return s.inbox.Mkdir(s.ctx, p) })
	case "Rmdir":
		err = s.inFolder(r.Filepath, func(p vpath.Path) error { return s.inbox.Rmdir(s.ctx, p) })
	default: // Symlink, Link
		err = errUnsupported
	}
	return s.told(r.Method, err)
}

// PosixRename implements posix-rename@openssh.com: the target may exist.
func (s *session) PosixRename(r *sftp.Request) error {
	return s.told(r.Method, s.rename(r, true))
}

// inFolder runs do on a path below /in, where names may be changed.
func (s *session) inFolder(raw string, do func(vpath.Path) error) error {
	at, p, err := place(raw)
	switch {
	case err != nil:
		return err
	case !s.who.Role.MayWrite():
		return refuse(fault.Denied, "this login may not change anything")
	case at == atRoot, p.IsRoot():
		return refuse(fault.Denied, "this folder is always there")
	case at != inIn:
		return refuse(fault.Denied, "this folder cannot be changed")
	}
	return do(p)
}

// setstat takes times and ignores modes and owners: clients report a transfer
// as failed when they cannot set them.
func (s *session) setstat(r *sftp.Request) error {
	at, p, err := place(r.Filepath)
	if err != nil {
		return err
	}
	if at != inIn || p.IsRoot() {
		_, err := s.stat(at, p)
		return err
	}
	flags, attrs := r.AttrFlags(), r.Attributes()
	if attrs == nil {
		return refuse(fault.Invalid, "the attributes do not parse")
	}
	if !s.who.Role.MayWrite() {
		return refuse(fault.Denied, "this login may not change anything")
	}
	u := s.upload(p)
	if flags.Size {
		if err := s.setSize(u, p, attrs.Size); err != nil {
			return err
		}
	}
	when := time.Unix(int64(attrs.Mtime), 0)
	switch {
	case !flags.Acmodtime:
		_, err = s.stat(at, p)
		return err
	case u != nil:
		u.setTime(when)
		return nil
	}
	return s.inbox.SetModTime(s.ctx, p, when)
}

func (s *session) setSize(u *upload, p vpath.Path, size uint64) error {
	if u != nil {
		return u.setSize(size)
	}
	i, err := s.inbox.Stat(s.ctx, p)
	if err == nil && (i.Dir || uint64(i.Size) != size) {
		err = refuse(fault.Invalid, "what was received cannot be changed; send it whole")
	}
	return err
}

// rename changes a name within /in. A file that is being written keeps its
// name until it is closed.
func (s *session) rename(r *sftp.Request, replace bool) error {
	return s.inFolder(r.Filepath, func(from vpath.Path) error {
		return s.inFolder(r.Target, func(to vpath.Path) error {
			if s.upload(from) != nil || s.upload(to) != nil {
				return errStillOpen
			}
			if err := s.inbox.Rename(s.ctx, from, to, replace); err != nil {
				return err
			}
			s.named(to)
			return nil
		})
	})
}

// named notes a file that has its final name: where the rename is what takes it,
// the client knows that it was taken once it goes on (R2).
func (s *session) named(p vpath.Path) {
	i, err := s.inbox.Stat(s.ctx, p)
	if err == nil && !i.Dir && i.State != catalog.Arriving && i.State != catalog.WaitingRename {
		s.owe(i.File)
	}
}

var errStillOpen = refuse(fault.TryLater, "the file is still being written in this session; close it first")

func (s *session) remove(raw string) error {
	at, p, err := place(raw)
	switch {
	case err != nil:
		return err
	case at != inOut || p.IsRoot():
		return s.inFolder(raw, func(p vpath.Path) error {
			if s.upload(p) != nil {
				return errStillOpen
			}
			return s.inbox.Remove(s.ctx, p)
		})
	case !s.who.Role.MayWrite():
		return refuse(fault.Denied, "this login may not take files away")
	}
	if _, err := s.shelf(at, p); err != nil {
		return err
	}
	return s.srv.opt.Outbox.Remove(s.ctx, s.who.Account, s.who.Login, s.ref(p.Base()))
}

// StatVFS implements statvfs@openssh.com, which df uses.
func (s *session) StatVFS(r *sftp.Request) (*sftp.StatVFS, error) {
	if _, _, err := place(r.Filepath); err != nil {
		return nil, s.told("statvfs", err)
	}
	if s.srv.opt.Space == nil {
		return nil, errUnsupported
	}
	free, total, err := s.srv.opt.Space()
	if err != nil {
		return nil, s.told("statvfs", err)
	}
	const block, names = 4096, 1 << 31
	blocks, left := uint64(max(total, 0))/block, uint64(max(free, 0))/block
	return &sftp.StatVFS{
		Bsize: block, Frsize: block, Blocks: blocks, Bfree: left, Bavail: left,
		Files: names, Ffree: names, Favail: names, Namemax: vpath.MaxElement,
	}, nil
}
