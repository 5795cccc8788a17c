package send

import (
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/google/uuid"

	"sealgate/internal/agent/home"
	"sealgate/internal/agent/journal"
	"sealgate/internal/connect"
	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/statement"
)

// receipt verifies the receipt of a delivery, puts it on the disk, and notes where
// the file goes now.
func (s *Sender) receipt(ctx context.Context, d *journal.Delivery, p *connect.Progress) error {
	r, err := CheckReceipt(p.Receipt, s.Identity, d, p.File)
	if err != nil {
		return err
	}
	file := uuid.MustParse(r.File)
	folder := filepath.Join(s.Receipts, s.Now().UTC().Format("2006-01"))
	for _, dir := range []string{s.Receipts, folder} {
		if err := s.Disk.Mkdir(dir); err != nil {
			return unwritten(err)
		}
	}
	if err := s.Disk.SyncDir(s.Receipts); err != nil {
		return unwritten(err)
	}
	if err := durable.WriteFile(s.Disk, filepath.Join(folder, file.String()+".receipt"), p.Receipt); err != nil {
		return unwritten(err)
	}
	if err := s.cut("receipt"); err != nil {
		return err
	}
	at, err := place(d, file)
	if err != nil {
		return err
	}
	if err := s.Journal.Hashed(ctx, d.Seq, [32]byte(d.ID), [32]byte(d.SHA256)); err != nil {
		return err
	}
	if err := s.Journal.Receive(ctx, d.Seq, file, at, s.Now()); err != nil {
		return err
	}
	d.State, d.File, d.At = journal.Received, file, at
	return s.cut("received")
}

// unwritten gives a failure to write a receipt its sentence.
func unwritten(err error) error {
	if fault.Is(err, fault.Full) {
		return fault.New(fault.Full, "send: receipt", "the disk of Connect is full: the receipt cannot be kept, and so the file stays where it is")
	}
	return fault.New(fault.Internal, "send: receipt", "the receipt cannot be written, and so the file stays where it is: %v", innermost(err))
}

// CheckReceipt verifies that the gateway with this identity has received the file.
func CheckReceipt(signed []byte, identity string, d *journal.Delivery, file uuid.UUID) (*statement.Receipt, error) {
	const op = "send: receipt"
	doc, err := statement.Verify(signed, identity)
	if err != nil {
		return nil, err
	}
	r := doc.Receipt
	wrong := func(what string) error {
		return fault.New(fault.Damaged, op, "the gateway's receipt is about another file: its %s is not that of this one", what)
	}
	switch id, err := uuid.Parse(strings.ToLower(ifReceipt(r))); {
	case doc.Kind != statement.KindReceipt || r == nil:
		return nil, fault.New(fault.Damaged, op, "the gateway gave no receipt but a statement about something else")
	case err != nil || id != file:
		return nil, wrong("id")
	case r.Direction != "in":
		return nil, wrong("direction")
	case r.Size != d.Size:
		return nil, wrong("size")
	case r.SHA256 == nil || *r.SHA256 != hex.EncodeToString(d.SHA256):
		return nil, wrong("SHA-256")
	case r.Name != nil && *r.Name != d.Name:
		return nil, wrong("name")
	}
	return r, nil
}

func ifReceipt(r *statement.Receipt) string {
	if r == nil {
		return ""
	}
	return r.File
}

// place chooses where a file goes that was received: empty when it stays.
func place(d *journal.Delivery, file uuid.UUID) (string, error) {
	dir, name := filepath.Split(d.Path)
	switch home.After(d.After) {
	case home.Leave:
		return "", nil
	case home.Delete:
		return filepath.Join(dir, ".sealgate-"+file.String()+".part"), nil // no scan takes this name
	}
	at := filepath.Join(dir, home.Sent, name)
	if _, err := os.Lstat(at); errors.Is(err, fs.ErrNotExist) {
		return at, nil
	}
	ext := filepath.Ext(name)
	return filepath.Join(dir, home.Sent, strings.TrimSuffix(name, ext)+"."+file.String()[24:]+ext), nil
}

// putAway moves or deletes a file whose receipt is on the disk.
//
//	rename(path, at); is what lies at "at" the file that was sent? else rename back
//	delete: unlink(at)
//	fsync both folders; journal: done
func (s *Sender) putAway(ctx context.Context, d *journal.Delivery) error {
	if d.At == "" {
		return s.finish(ctx, d)
	}
	here, there := isFile(d, d.Path), isFile(d, d.At)
	switch {
	case there == other:
		// Somebody else's file took the place: choose another.
		at, err := place(d, d.File)
		if err != nil {
			return err
		}
		if at == d.At {
			return fault.New(fault.Exists, "send: put away", "the file cannot be put away: %s is taken", d.At)
		}
		if err := s.Journal.Elsewhere(ctx, d.Seq, at); err != nil {
			return err
		}
		d.At = at
		return s.putAway(ctx, d)
	case here == unknown, there == unknown:
		return fault.New(fault.TryLater, "send: put away", "the folder of the file cannot be read, and so it is not put away yet")
	case here == ours && there == none:
		if err := s.move(d); err != nil {
			return err
		}
		if err := s.cut("moved"); err != nil {
			return err
		}
		if there = isFile(d, d.At); there == other { // changed between the look and the rename: it is a new file
			if err := s.moveBack(d); err != nil {
				return err
			}
		}
	}
	if there == ours && home.After(d.After) == home.Delete {
		if err := s.Disk.Remove(d.At); err != nil && !fault.Is(err, fault.NotFound) {
			return heldOpen(err)
		}
		if err := s.cut("removed"); err != nil {
			return err
		}
	}
	if err := s.sync(d); err != nil {
		return err
	}
	return s.finish(ctx, d)
}

func (s *Sender) finish(ctx context.Context, d *journal.Delivery) error {
	if err := s.Journal.Finish(ctx, d.Seq, s.Now()); err != nil {
		return err
	}
	d.State = journal.Done
	s.Log.Info("sent", "file", d.File, "size", d.Size)
	return nil
}

func (s *Sender) move(d *journal.Delivery) error {
	if home.After(d.After) == home.Move {
		if err := s.sentFolder(filepath.Dir(d.At)); err != nil {
			return heldOpen(err)
		}
	}
	return heldOpen(s.Disk.Rename(d.Path, d.At))
}

// sentFolder makes sent/, for those who may use the folder that it is in.
func (s *Sender) sentFolder(dir string) error {
	if _, err := os.Stat(dir); err == nil {
		return nil
	}
	if err := s.Disk.Mkdir(dir); err != nil {
		return err
	}
	if info, err := os.Stat(filepath.Dir(dir)); err == nil {
		_ = os.Chmod(dir, info.Mode().Perm()) // as well as it goes: the file is safe in any case
	}
	return nil
}

// moveBack gives a file its name again, unless there is another one by now: then it
// stays, under the name that it has.
func (s *Sender) moveBack(d *journal.Delivery) error {
	if _, err := os.Lstat(d.Path); err == nil || !errors.Is(err, fs.ErrNotExist) {
		s.Log.Warn("a file was written anew while it was put away, and lies in sent/ unsent", "delivery", d.Seq)
		return nil
	}
	return heldOpen(s.Disk.Rename(d.At, d.Path))
}

// sync makes the names durable. A network share may not be able to.
func (s *Sender) sync(d *journal.Delivery) error {
	dirs := []string{filepath.Dir(d.Path)}
	if to := filepath.Dir(d.At); to != dirs[0] {
		dirs = append(dirs, to)
	}
	for _, dir := range dirs {
		if err := s.Disk.SyncDir(dir); err != nil && !fault.Is(err, fault.NotFound) && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, errors.ErrUnsupported) {
			return heldOpen(err)
		}
	}
	return nil
}

func heldOpen(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, fs.ErrPermission) {
		return fault.New(fault.Denied, "send: put away", "the file was received, but the account that Connect runs as may not move or delete it")
	}
	return fault.New(fault.TryLater, "send: put away", "the file was received, but cannot be put away yet: %v", innermost(err))
}

func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// what lies at a path.
type lies int

const (
	none lies = iota
	ours      // the file that was sent
	other
	unknown
)

func isFile(d *journal.Delivery, path string) lies {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return none
	case err != nil:
		return unknown
	case info.Mode().IsRegular() && info.Size() == d.Size && info.ModTime().Equal(d.Modified):
		return ours
	}
	return other
}
