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
	"unicode/utf8"

	"github.com/google/uuid"

	"sealgate/internal/agent/home"
	"sealgate/internal/agent/journal"
	"sealgate/internal/agent/watch"
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
	if err := s.keep(file, p.Receipt); err != nil {
		return unwritten(err)
	}
	if err := s.cut("receipt"); err != nil {
		return err
	}
	at, err := place(d, file)
	if err != nil {
		return err
	}
	if err := s.Journal.Receive(ctx, journal.Receipt{Seq: d.Seq, File: file, ID: [32]byte(d.ID), SHA256: [32]byte(d.SHA256), At: at, Now: s.Now()}); err != nil {
		return err
	}
	d.State, d.File, d.At = journal.Received, file, at
	return s.cut("received")
}

// keep writes a receipt into its month's folder.
func (s *Sender) keep(file uuid.UUID, receipt []byte) error {
	month := s.Now().UTC().Format("2006-01")
	known := s.month.Load()
	there := known != nil && *known == month
	name := filepath.Join(s.Receipts, month, file.String()+".receipt")
	if there {
		err := durable.WriteFile(s.Disk, name, receipt)
		if !fault.Is(err, fault.NotFound) {
			return err
		} // else somebody has taken the folder away
	}
	for _, dir := range []string{s.Receipts, filepath.Dir(name)} {
		if err := s.Disk.Mkdir(dir); err != nil {
			return err
		}
		if err := s.Disk.SyncDir(filepath.Dir(dir)); err != nil {
			return err
		}
	}
	if err := durable.WriteFile(s.Disk, name, receipt); err != nil {
		return err
	}
	s.month.Store(&month)
	return nil
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
	case r.Name == nil || *r.Name != d.Name:
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
	return filepath.Join(dir, home.Sent, beside(name, file)), nil
}

// beside is the name of a file whose own name is taken. One that is as long as names may
// be loses letters before its ending.
func beside(name string, file uuid.UUID) string {
	const longest = 255 // bytes, of every file system
	ext := filepath.Ext(name)
	if len(ext) > longest/4 {
		ext = "" // no ending, only a dot
	}
	base, end := strings.TrimSuffix(name, ext), "."+file.String()[24:]+ext
	for len(base) > 1 && len(base)+len(end) > longest {
		_, size := utf8.DecodeLastRuneInString(base)
		base = base[:len(base)-size]
	}
	return base + end
}

// putAway moves or deletes a file whose receipt is on the disk.
//
//	rename(path, at); is what lies at "at" what was sent, by its hash, and does nobody
//	write to it any more? else it is given back to its folder
//	delete: unlink(at)
//	fsync both folders; journal: done
func (s *Sender) putAway(ctx context.Context, d *journal.Delivery) error {
	if d.At == "" {
		return s.finish(ctx, d)
	}
	here, there := isFile(d, d.Path), holds(ctx, d, d.At)
	if there == other && here == ours { // somebody else's file took the place: choose another
		at, err := place(d, d.File)
		if err != nil {
			return err
		}
		if at != d.At {
			if err := s.Journal.Elsewhere(ctx, d.Seq, at); err != nil {
				return err
			}
			d.At, there = at, holds(ctx, d, at)
		}
	}
	if there == none && here == ours {
		if watch.BeingWritten(d.Path) {
			return stillWritten()
		}
		if err := s.move(d); err != nil {
			return err
		}
		if err := s.cut("moved"); err != nil {
			return err
		}
		there = holds(ctx, d, d.At)
	}
	if there == ours && here == ours && twoNames(d.Path, d.At) { // a crash came between giving the second and taking the first
		if err := s.Disk.Remove(d.Path); err != nil {
			return heldOpen(err)
		}
	}
	switch {
	case there == unknown, there == none && here == unknown:
		return fault.New(fault.TryLater, "send: put away", "the folder of the file cannot be read, and so it is not put away yet")
	case there == other: // it was changed before the rename, of this run or of one that crashed: a new file
		if _, err := s.giveBack(d); err != nil {
			return err
		}
	case there == ours && watch.BeingWritten(d.At):
		if own, err := s.giveBack(d); err != nil {
			return err
		} else if own {
			return stillWritten()
		}
	case there == ours && home.After(d.After) == home.Delete:
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

func stillWritten() error {
	return fault.New(fault.TryLater, "send: put away", "the file was received as it was found, but a program has it open for writing still: it stays until that is done")
}

func (s *Sender) finish(ctx context.Context, d *journal.Delivery) error {
	if err := s.Journal.Finish(ctx, d.Seq, s.Now()); err != nil {
		return err
	}
	d.State = journal.Done
	s.Log.Info("sent", "file", d.File, "size", d.Size)
	return nil
}

// twoNames reports whether both are names of one file, and each its own: one that is
// reached twice, since the folder is, is not lost by taking one away.
func twoNames(a, b string) bool {
	one, err1 := os.Lstat(a)
	other, err2 := os.Lstat(b)
	return err1 == nil && err2 == nil && os.SameFile(one, other) && links(one) > 1
}

func (s *Sender) move(d *journal.Delivery) error {
	if home.After(d.After) == home.Move {
		if err := s.sentFolder(filepath.Dir(d.At)); err != nil {
			return heldOpen(err)
		}
	}
	return heldOpen(s.Disk.RenameNew(d.Path, d.At)) // taken by now: the next try finds another place
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

// giveBack returns what was renamed to the folder, where the scan finds it: under its
// own name, or beside when there is another file of that name by now.
func (s *Sender) giveBack(d *journal.Delivery) (own bool, err error) {
	dir, name := filepath.Split(d.Path)
	for _, to := range []string{d.Path, filepath.Join(dir, beside(name, d.File))} {
		err := s.Disk.RenameNew(d.At, to) // somebody is writing these names
		if fault.Is(err, fault.Exists) {
			continue
		}
		if err == nil {
			s.Log.Warn("a file was written anew while it was put away: it is another one now", "delivery", d.Seq, "own_name", to == d.Path)
		}
		return to == d.Path, heldOpen(err)
	}
	return false, fault.New(fault.Exists, "send: put away", "what was written anew as %s while it was sent lies at %s and has no name to go back to", d.Path, d.At)
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
