package sftp

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"time"

	"github.com/pkg/sftp"

	"sealgate/internal/fault"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/why"
)

// List implements remote.Session.
func (s *Session) List(ctx context.Context, dir string) ([]remote.Entry, error) {
	const op = "sftp: list"
	if err := remote.CheckPath(dir); err != nil {
		return nil, err
	}
	var infos []os.FileInfo
	// A long listing takes many answers, but not for ever.
	over, err := s.wire.Bounded(remote.MaxListing, func() error {
		return s.within(ctx, 10*s.patience, func() (err error) {
			infos, err = s.sftp.ReadDirContext(ctx, dir)
			return err
		})
	})
	if over {
		return nil, remote.TooLong(err)
	}
	if err != nil {
		return nil, s.explain(ctx, op, err)
	}
	var list remote.Listing
	for _, info := range infos {
		if err := list.Add(entry(info)); err != nil {
			return nil, err
		}
	}
	return list.Entries(), nil
}

// Stat implements remote.Session.
func (s *Session) Stat(ctx context.Context, name string) (remote.Entry, error) {
	const op = "sftp: stat"
	if err := remote.CheckPath(name); err != nil {
		return remote.Entry{}, err
	}
	var info os.FileInfo
	err := s.within(ctx, s.patience, func() (err error) {
		info, err = s.sftp.Stat(name)
		return err
	})
	if err != nil {
		return remote.Entry{}, s.explain(ctx, op, err)
	}
	e := entry(info)
	e.Name = path.Base(name)
	return e, nil
}

// entry tells what an attribute block says.
func entry(info os.FileInfo) remote.Entry {
	e := remote.Entry{Name: info.Name(), Size: info.Size(), Kind: remote.Other}
	if !info.ModTime().IsZero() && info.ModTime().Unix() != 0 {
		e.ModTime, e.Precision = info.ModTime().UTC(), time.Second
	}
	switch mode := info.Mode(); {
	case mode.IsRegular():
		e.Kind = remote.Regular
	case mode.IsDir():
		e.Kind = remote.Folder
	case mode&fs.ModeSymlink != 0:
		e.Kind = remote.Link
	}
	return e
}

// Create implements remote.Session.
func (s *Session) Create(ctx context.Context, name string, content io.Reader) (remote.Proof, error) {
	const op = "sftp: create"
	if err := remote.CheckPath(name); err != nil {
		return remote.Proof{}, err
	}
	var f *sftp.File
	err := s.within(ctx, s.patience, func() (err error) {
		f, err = s.sftp.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		return err
	})
	if err != nil {
		return remote.Proof{}, s.taken(ctx, op, name, err)
	}
	proof, err := s.fill(ctx, f, content)
	closed := s.within(ctx, s.patience, f.Close)
	if err == nil {
		err = closed
	}
	if err != nil {
		return remote.Proof{}, s.explain(ctx, op, err)
	}
	there, err := s.Stat(ctx, name)
	if err != nil {
		return remote.Proof{}, err
	}
	if there.Size != proof.Size {
		return remote.Proof{}, remote.Short(op, there.Size, proof.Size)
	}
	return s.confirm(ctx, op, name, proof)
}

// fill writes content block by block, each answered before the next is sent.
func (s *Session) fill(ctx context.Context, f *sftp.File, content io.Reader) (remote.Proof, error) {
	var proof remote.Proof
	hash := sha256.New()
	block := make([]byte, smallBlock)
	for {
		n, err := io.ReadFull(content, block)
		if n > 0 {
			hash.Write(block[:n])
			if err := s.within(ctx, s.patience, func() error { _, err := f.WriteAt(block[:n], proof.Size); return err }); err != nil {
				return proof, err
			}
			proof.Size += int64(n)
		}
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			break
		}
		if err != nil {
			return proof, fault.Wrap(fault.Internal, "sftp: read what is to be sent", err)
		}
	}
	proof.SHA256 = [32]byte(hash.Sum(nil))
	if _, ok := s.sftp.HasExtension("fsync@openssh.com"); ok {
		return proof, s.within(ctx, s.patience, f.Sync)
	}
	return proof, nil
}

// Rename implements remote.Session.
func (s *Session) Rename(ctx context.Context, from, to string, replace bool) error {
	const op = "sftp: rename"
	if err := errors.Join(remote.CheckPath(from), remote.CheckPath(to)); err != nil {
		return err
	}
	_, posix := s.sftp.HasExtension("posix-rename@openssh.com")
	if replace && posix {
		return s.explain(ctx, op, s.within(ctx, s.patience, func() error { return s.sftp.PosixRename(from, to) }))
	}
	// Version 3 of the protocol says that a rename fails when the name is taken. Not
	// every server knows, so it is looked at first.
	switch _, err := s.Stat(ctx, to); {
	case err == nil && !replace:
		return taken(op, nil)
	case err == nil:
		if err := s.Remove(ctx, to); err != nil {
			return err
		}
	case !fault.Is(err, fault.NotFound):
		return err
	}
	return s.explain(ctx, op, s.within(ctx, s.patience, func() error { return s.sftp.Rename(from, to) }))
}

// Remove implements remote.Session.
func (s *Session) Remove(ctx context.Context, name string) error {
	const op = "sftp: remove"
	if err := remote.CheckPath(name); err != nil {
		return err
	}
	// The library would remove a folder, too, when it may not remove a file.
	there, err := s.Stat(ctx, name)
	if err == nil && there.Kind == remote.Folder {
		return fault.New(fault.Invalid, op, "this is a folder on the server, not a file")
	}
	if err != nil && !fault.Is(err, fault.NotFound) { // a link may lead nowhere
		return err
	}
	return s.explain(ctx, op, s.within(ctx, s.patience, func() error { return s.sftp.Remove(name) }))
}

// Mkdir implements remote.Session.
func (s *Session) Mkdir(ctx context.Context, name string) error {
	const op = "sftp: mkdir"
	if err := remote.CheckPath(name); err != nil {
		return err
	}
	err := s.within(ctx, s.patience, func() error { return s.sftp.Mkdir(name) })
	return s.taken(ctx, op, name, err)
}

// taken finds out whether an act failed because the name is taken: version 3 of the
// protocol has no code for that.
func (s *Session) taken(ctx context.Context, op, name string, err error) error {
	var refused *sftp.StatusError
	if errors.As(err, &refused) || errors.Is(err, os.ErrPermission) {
		if _, found := s.Stat(ctx, name); found == nil {
			return taken(op, err)
		}
	}
	return s.explain(ctx, op, err)
}

func taken(op string, err error) error {
	return &fault.Error{Kind: fault.Exists, Op: op, Message: "something with this name is on the server already", Err: why.Taken.By(err)}
}

// explain gives an error of the library its kind and its sentence.
func (s *Session) explain(ctx context.Context, op string, err error) error {
	var known *fault.Error
	var refused *sftp.StatusError
	var own *refusedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return fault.Wrap(fault.Internal, op, err)
	case errors.Is(err, os.ErrNotExist):
		return &fault.Error{Kind: fault.NotFound, Op: op, Message: "the server has no such file or folder for this login", Err: why.NotThere.By(err)}
	case errors.Is(err, os.ErrPermission):
		return &fault.Error{Kind: fault.Denied, Op: op, Message: "the server does not allow this to the login; who runs it has to give it the right", Err: why.NoRight.By(err)}
	case errors.As(err, &refused):
		return refusal(op, refused.Code, err)
	case errors.As(err, &own):
		return refusal(op, own.code, err)
	}
	if errors.Is(err, sftp.ErrSSHFxConnectionLost) {
		err = fmt.Errorf("%w: %w", remote.ErrCut, err)
	}
	if broken := remote.Broken(ctx, op, err); broken != nil {
		return broken
	}
	return &fault.Error{Kind: fault.Damaged, Op: op, Message: "the server answered something that is not SFTP; who runs it should look at it", Err: why.Wrong.By(err)}
}

// Codes of later versions that servers of version 3 use, too.
const (
	codeConnectionLost   = 7
	codeNoSpace          = 14
	codeQuotaExceeded    = 15
	codeFileAlreadyThere = 11
)

func refusal(op string, code uint32, err error) error {
	f := &fault.Error{Kind: fault.Invalid, Op: op, Err: why.Refused.By(err), Message: "the server refused: " + remote.Quote(err.Error())}
	switch code {
	case codeNoSpace, codeQuotaExceeded:
		f.Kind, f.Message, f.Err = fault.Full, "the server has no room left for this login", why.ServerFull.By(err)
	case codeFileAlreadyThere:
		return taken(op, err)
	case codeConnectionLost, uint32(sftp.ErrSSHFxNoConnection):
		f.Kind, f.Message, f.Err = fault.TryLater, "the server has lost its own connection to where the files are", why.Busy.By(err)
	}
	return f
}
