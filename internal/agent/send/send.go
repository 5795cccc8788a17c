// Package send takes files out of the journal and brings each to the gateway exactly
// once.
//
// The order of what becomes durable, for one file:
//
//	1 journal: found
//	2 (large files) journal: sealed, with the file's id and key, before the first byte goes out;
//	  the hash of what a part holds, before that part goes out
//	3 the gateway: received
//	4 the receipt, verified against the pinned identity and fsynced in receipts/
//	5 journal: received, and where the file is to lie
//	6 the file is renamed into sent/ (or to a temporary name), hashed there, given back if
//	  it is not what was sent (or removed), its folder fsynced
//	7 journal: done
//
// A crash between any two is found at the next start: before 3, the file is sent or
// continued; between 3 and 5 it is offered again under the same delivery id, and the
// gateway answers with the receipt it has given; after 5 it is only put away. A file
// that was changed meanwhile stays where it is and is a delivery of its own.
package send

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/agent/journal"
	"sealgate/internal/agent/sealing"
	"sealgate/internal/agent/wire"
	"sealgate/internal/connect"
	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/seal"
)

// Sender brings single files to the gateway. It is safe for concurrent use, one file
// at a time each.
type Sender struct {
	Journal  *journal.Journal
	Client   *wire.Client
	Disk     durable.FS // receipts, and what is moved and removed
	Receipts string     // folder
	Identity string     // fingerprint of the pinned identity
	Pool     sealing.Pool
	Now      func() time.Time
	Log      *slog.Logger
	Cut      func(step string) error // what a test lets happen between two steps; nil = nothing

	month atomic.Pointer[string] // the folder of receipts that is there

	mu   sync.Mutex // guards what follows; held while the gateway is asked
	lock *sealing.Lock
	says *connect.Account
}

const (
	hashFirst = 8 << 20 // files up to this size are read twice rather than sent twice
	resumes   = 3       // of one file, before it waits
)

// errChanged: the file is not what was found.
var errChanged = errors.New("the file was changed or taken away")

func (s *Sender) cut(step string) error {
	if s.Cut == nil {
		return nil
	}
	return s.Cut(step)
}

// One brings one delivery as far as it comes now.
func (s *Sender) One(ctx context.Context, d *journal.Delivery) error {
	p, err := s.bring(ctx, d)
	if err != nil || d.State == journal.Gone {
		return err
	}
	return s.settle(ctx, d, p)
}

// bring brings the file to the gateway, which answers how far it is: to its end. One
// that was received before is left to settle; one that is not what was found is Gone.
func (s *Sender) bring(ctx context.Context, d *journal.Delivery) (*connect.Progress, error) {
	if d.State == journal.Received {
		return nil, nil
	}
	p, err := s.deliver(ctx, d)
	if errors.Is(err, errChanged) {
		if err = s.leave(ctx, d); err == nil {
			d.State = journal.Gone
		}
	}
	return p, err
}

// settle takes the receipt, and puts the file away. It works with the disk of this
// machine: many files do so at a time, and share its syncs.
func (s *Sender) settle(ctx context.Context, d *journal.Delivery, p *connect.Progress) error {
	if d.State != journal.Received {
		if err := s.receipt(ctx, d, p); err != nil {
			return err
		}
	}
	return s.putAway(ctx, d)
}

// leave ends the delivery of a file that is not there any more as it was found. What
// it became is found by the next scan; where that finds the same as before, nobody would
// ever be told, and so it is a trouble then.
func (s *Sender) leave(ctx context.Context, d *journal.Delivery) error {
	if d.Resent {
		s.Log.Error("a file that the gateway lost is not as it was sent any more", "delivery", d.Seq)
		return s.Journal.Lose(ctx, d.Seq, s.Now(), "The gateway lost this file, and "+d.Path+" does not hold it any more as it was sent.")
	}
	if isFile(d, d.Path) != none { // what it became is found by the next look, unless that finds the same again
		twice, err := s.Journal.LeftBefore(ctx, d)
		if err != nil {
			return err
		}
		if twice {
			return fault.New(fault.TryLater, "send: read", "%s has the size and time in its folder with which it was found, and others, or another content, when it is read: twice now. A program may be writing it, or the share tells what was before; it is tried again", d.Path)
		}
	}
	return s.Journal.Leave(ctx, d.Seq, s.Now(), journal.Changed, "The file was changed or taken away before it was sent.")
}

// deliver sends the file.
func (s *Sender) deliver(ctx context.Context, d *journal.Delivery) (*connect.Progress, error) {
	f, err := openUnchanged(d)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lock, err := s.Lock(ctx)
	if err != nil {
		return nil, err
	}
	progress, err := s.carry(ctx, lock, d, f)
	if reason(err) == connect.KeysChanged { // of another lock than ours: once more, sealed for the new one
		s.Relock()
		if lock, err = s.Lock(ctx); err != nil {
			return nil, err
		}
		d.State = journal.Found // the id and key of before are worth nothing
		progress, err = s.carry(ctx, lock, d, f)
	}
	if reason(err) == connect.Damaged { // what was sealed here does not open there: once more, all anew
		d.State = journal.Found
		if progress, err = s.carry(ctx, lock, d, f); reason(err) == connect.Damaged {
			return nil, fault.New(fault.Damaged, "send: sealed", "the gateway could not open what this Connect had sealed, twice: the file stays where it is, and is tried again once a day, and when the gateway or Connect is started anew (the gateway says: %v)", err)
		}
	}
	if err != nil {
		return nil, err
	}
	return progress, s.cut("answered")
}

func (s *Sender) carry(ctx context.Context, lock *sealing.Lock, d *journal.Delivery, f *os.File) (*connect.Progress, error) {
	doc, err := s.Client.Known(ctx)
	if err != nil {
		return nil, err
	}
	if doc.MaxSize > 0 && d.Size > doc.MaxSize {
		return nil, connect.Refuse(connect.TooLarge, "The file is larger than the gateway takes.")
	}
	plan, err := lock.New(newID())
	if err != nil {
		return nil, err
	}
	if size := plan.Size(d.Size); size <= min(doc.WholeSize, connect.WholeSize) && d.State == journal.Found {
		defer plan.Wipe()
		return s.whole(ctx, plan, d, f)
	}
	return s.large(ctx, plan, d, f)
}

func newID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// whole sends a small file in one request.
func (s *Sender) whole(ctx context.Context, plan *sealing.Plan, d *journal.Delivery, f *os.File) (*connect.Progress, error) {
	content, err := io.ReadAll(io.NewSectionReader(f, 0, d.Size+1)) // it may be the second time
	if err != nil {
		return nil, unreadable(err)
	}
	if int64(len(content)) != d.Size || !unchanged(d, f) {
		return nil, errChanged
	}
	if err := s.hashed(d, sha256.Sum256(content)); err != nil {
		return nil, err
	}
	object, err := plan.Whole(content, s.trailer(d))
	if err != nil {
		return nil, err
	}
	if err := s.cut("sealed"); err != nil {
		return nil, err
	}
	p := new(connect.Progress)
	err = s.Client.Call(ctx, connect.PathWhole, s.begin(plan, d), object, p)
	if err == nil && p.State != connect.StateReceived {
		err = fault.New(fault.Damaged, "send: whole", "the gateway's answer makes no sense: a whole file is %q", p.State)
	}
	return p, err
}

func (s *Sender) trailer(d *journal.Delivery) seal.Trailer {
	return seal.Trailer{Name: d.Name, ReceivedAt: s.Now()}
}

// hashed takes note of the content's hash and the delivery id that it makes; of a
// file that is sent again, both must be those of before.
func (s *Sender) hashed(d *journal.Delivery, sum [32]byte) error {
	if d.Resent {
		if !bytes.Equal(sum[:], d.SHA256) {
			return errChanged
		}
		return nil
	}
	id := s.Journal.ID(d.Source, sum)
	d.ID, d.SHA256 = id[:], sum[:]
	return nil
}

// begin makes the first message, with a grant for whichever ingest key is the day's.
func (s *Sender) begin(plan *sealing.Plan, d *journal.Delivery) wire.Message {
	return func(k wire.Ingest) (any, error) {
		grant, err := plan.Grant(k.Key)
		return connect.Begin{
			Delivery: d.ID, File: plan.File, Name: d.Name, Size: d.Size, SHA256: d.SHA256,
			ObjectSize: plan.Size(d.Size), Header: plan.Header, Grant: grant, IngestKey: k.Fingerprint,
		}, err
	}
}

// Lock is what files are sealed for now.
func (s *Sender) Lock(ctx context.Context) (*sealing.Lock, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lock != nil {
		return s.lock, nil
	}
	a := new(connect.Account)
	if err := s.Client.Call(ctx, connect.PathAccount, wire.Say(connect.Nothing{}), nil, a); err != nil {
		return nil, err
	}
	l, err := sealing.NewLock(a)
	if err == nil {
		s.lock, s.says = l, a
	}
	return l, err
}

// Relock forgets what files are sealed for: the gateway has said that it changed.
func (s *Sender) Relock() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lock, s.says = nil, nil
}

// Locked reports whether files are sealed for this version of the lock.
func (s *Sender) Locked(version []byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.says != nil && bytes.Equal(s.says.Lock, version)
}

func reason(err error) connect.Reason {
	var p *connect.Problem
	if errors.As(err, &p) {
		return p.Reason()
	}
	return ""
}

// openUnchanged opens the file if it is still the one that was found.
func openUnchanged(d *journal.Delivery) (*os.File, error) {
	info, err := os.Lstat(d.Path)
	if err == nil && !info.Mode().IsRegular() {
		return nil, errChanged
	}
	f, err := os.OpenFile(d.Path, os.O_RDONLY|careful, 0)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Stat(d.Folder); d.Folder != "" && errors.Is(err, fs.ErrNotExist) {
			return nil, fault.New(fault.NotFound, "send: open", "the folder %s is not there; if it is a share, see whether it is connected", d.Folder)
		}
		return nil, errChanged
	}
	if err != nil {
		return nil, unreadable(err)
	}
	if !unchanged(d, f) {
		f.Close()
		return nil, errChanged
	}
	return f, nil
}

// unchanged reports whether an open file has the size and time that it was found with.
func unchanged(d *journal.Delivery, f *os.File) bool {
	info, err := f.Stat()
	return err == nil && d.Is(info)
}

func unreadable(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	if errors.Is(err, fs.ErrPermission) {
		return fault.New(fault.Denied, "send: read", "the account that Connect runs as may not read the file")
	}
	return fault.New(fault.TryLater, "send: read", "the file cannot be read: %v", err)
}
