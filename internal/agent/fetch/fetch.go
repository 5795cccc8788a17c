// Package fetch brings home what waits for the account, and opens what is kept.
//
// A file of the outbox is fetched sealed, under a temporary name that no program
// takes for finished and that a broken fetch goes on with. It is opened, verified to
// its last byte, and has its own name only when it is on the disk:
//
//	body complete; opened and verified into another temporary file; fsync
//	journal: where it is about to lie, under a name that nothing has
//	rename; fsync the folder
//	journal: written
//	the gateway: delivered
//	journal: done
//
// A crash between any two fetches it again or only says again that it is here: it is
// written once. With customer-held access keys the gateway gives its half of the
// file's key only; the access key's half is opened here.
package fetch

import (
	"bytes"
	"context"
	"crypto/hpke"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/agent/home"
	"sealgate/internal/agent/journal"
	"sealgate/internal/agent/wire"
	"sealgate/internal/connect"
	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/seal"
)

// Fetcher fetches. One goroutine uses it.
type Fetcher struct {
	Journal *journal.Journal
	Client  *wire.Client
	Disk    durable.FS
	Folder  string // where files are written
	As      home.Form
	Access  hpke.PrivateKey // nil = none here
	Now     func() time.Time
	Log     *slog.Logger

	begun map[uuid.UUID]bool     // whose sealed part was begun by this process
	later map[uuid.UUID]postpone // files that came whole and could not be written
	named map[uuid.UUID]string   // files that have their name, which the journal does not know yet
}

// postpone is when a file is fetched again that came in vain, and why it did.
type postpone struct {
	tries int
	again time.Time
	err   error
}

// Result is what a visit brought.
type Result struct {
	Fetched []journal.Fetched
	Failed  []Failure
}

// Failure is a file that was not fetched.
type Failure struct {
	File uuid.UUID
	Name string
	Err  error
}

// A file that came whole and could not be opened or written costs its whole length
// again: it is tried again after a while, longer each time.
const (
	soon   = 5 * time.Minute
	seldom = 6 * time.Hour
)

// inVain postpones a file.
func (f *Fetcher) inVain(file uuid.UUID, err error) {
	if f.later == nil {
		f.later = map[uuid.UUID]postpone{}
	}
	n := f.later[file].tries
	f.later[file] = postpone{n + 1, f.Now().Add(min(soon<<min(n, 10), seldom)), err}
}

// All fetches everything that waits; in a hurry, what was postponed as well. What is wrong with one file keeps none of the
// others; an error means that nothing could be listed.
func (f *Fetcher) All(ctx context.Context, hurry bool) (Result, error) {
	var r Result
	if info, err := os.Stat(f.Folder); err != nil || !info.IsDir() {
		return r, fault.New(fault.NotFound, "fetch: folder", "the folder %s, where fetched files are to be written, is not there", f.Folder)
	}
	var page connect.Page
	for {
		var list connect.List
		if err := f.Client.Call(ctx, connect.PathOutbox, wire.Say(page), nil, &list); err != nil {
			return r, err
		}
		for _, l := range list.Files {
			if p, ok := f.later[l.File]; ok && !hurry && f.Now().Before(p.again) && p.again.Sub(f.Now()) <= seldom {
				r.Failed = append(r.Failed, Failure{l.File, l.Name, p.err})
				continue
			}
			got, err := f.one(ctx, l)
			if err != nil {
				if ctx.Err() != nil {
					return r, err
				}
				r.Failed = append(r.Failed, Failure{l.File, l.Name, err})
				continue
			}
			r.Fetched = append(r.Fetched, *got)
		}
		if list.After == nil {
			return r, nil
		}
		page.After = list.After
	}
}

func (f *Fetcher) one(ctx context.Context, l connect.Listed) (*journal.Fetched, error) {
	got, err := f.Journal.Fetch(ctx, l.File)
	if err != nil {
		return nil, err
	}
	if got == nil || !got.Written {
		if got == nil || !f.placed(got.Path, l) {
			path, err := f.write(ctx, l)
			if err != nil {
				return nil, err
			}
			got = f.record(l, path)
		} else if err := f.sync(); err != nil { // a crash came right behind the rename
			return nil, unwritten(err)
		}
		got.Written = true
		if err := f.Journal.SetFetched(ctx, *got); err != nil {
			return nil, err
		}
		delete(f.named, l.File)
		f.Log.Info("fetched", "file", l.File, "size", l.Size)
	}
	if err := f.clean(l.File); err != nil {
		return nil, unwritten(err)
	}
	if err := f.Client.Call(ctx, connect.PathOutboxAck(l.File), wire.Say(connect.Ack{SHA256: got.SHA256}), nil, new(connect.Nothing)); err != nil {
		return nil, err
	}
	got.Acknowledged = true
	return got, f.Journal.SetFetched(ctx, *got)
}

func (f *Fetcher) record(l connect.Listed, path string) *journal.Fetched {
	return &journal.Fetched{File: l.File, Name: l.Name, Path: path, SHA256: l.SHA256, At: f.Now()}
}

// placed reports whether the file has got its name there, be it taken away since. A share
// that has lost the name, when it was started anew, has the temporary one again.
func (f *Fetcher) placed(path string, l connect.Listed) bool {
	temp, open := f.temporary(l.File)
	if f.As == home.Opened {
		temp = open
	}
	return f.named[l.File] == path && !taken(temp) || f.lies(path, l)
}

// lies reports whether the file is where it was about to be put.
func (f *Fetcher) lies(path string, l connect.Listed) bool {
	in, err := os.Open(path)
	if err != nil {
		return false
	}
	defer in.Close()
	if f.As == home.Sealed {
		h, _, err := seal.ReadHeader(in)
		info, serr := in.Stat()
		return err == nil && serr == nil && h.File == l.File && info.Size() == l.ObjectSize
	}
	sum := sha256.New()
	_, err = io.Copy(sum, in)
	return err == nil && bytes.Equal(sum.Sum(nil), l.SHA256)
}

// write brings the file to its place.
func (f *Fetcher) write(ctx context.Context, l connect.Listed) (string, error) {
	sealed, _ := f.temporary(l.File)
	if f.As == home.Sealed && !f.begun[l.File] {
		// Perhaps nobody opens it here: what a power cut left of it is not built upon.
		if err := ignoreMissing(f.Disk.Remove(sealed)); err != nil {
			return "", unwritten(err)
		}
		if f.begun == nil {
			f.begun = map[uuid.UUID]bool{}
		}
		f.begun[l.File] = true
	}
	if err := f.Body(ctx, connect.PathOutboxBody(l.File), l, sealed); err != nil {
		return "", err
	}
	o, err := f.opening(ctx, l)
	if err != nil { // what was fetched is as good as before
		return "", err
	}
	path, err := f.finish(ctx, l, sealed, o)
	if err == nil {
		delete(f.later, l.File)
		delete(f.begun, l.File)
		return path, nil
	}
	if fault.Is(err, fault.Damaged) { // fetched anew the next time
		_ = f.Disk.Remove(sealed)
	}
	if ctx.Err() == nil {
		f.inVain(l.File, err)
	}
	return "", err
}

// finish opens what was fetched and gives it its name; o is nil when nothing here
// opens it, and who opens it elsewhere finds out there.
func (f *Fetcher) finish(ctx context.Context, l connect.Listed, sealed string, o *connect.Opening) (string, error) {
	h, err := headerOf(sealed)
	if err == nil && h.File != l.File {
		err = fault.New(fault.Damaged, "fetch: open", "what was fetched is another file")
	}
	if err != nil {
		return "", err
	}
	var key *seal.FileKey
	if o != nil {
		key, err = keyOf(o, f.Access, func() (seal.Header, error) { return h, nil })
		if err != nil && !(f.As == home.Sealed && fault.Is(err, fault.Locked)) {
			return "", err
		}
	}
	if key != nil {
		defer key.Wipe()
	}
	if f.As == home.Sealed {
		if key != nil {
			if err := verify(ctx, sealed, l, key, io.Discard); err != nil {
				return "", err
			}
		}
		return f.name(ctx, sealed, seal.SafeName(l.Name)+".sealed", l)
	}
	_, open := f.temporary(l.File)
	if err := f.extract(ctx, sealed, open, l, key); err != nil {
		return "", err
	}
	return f.name(ctx, open, seal.SafeName(l.Name), l)
}

// temporary are the names under which a file is on its way: sealed, and opened.
func (f *Fetcher) temporary(file uuid.UUID) (sealed, open string) {
	name := filepath.Join(f.Folder, ".sealgate-"+file.String())
	return name + ".part", name + ".opened.part"
}

// clean takes away what is left of the way.
func (f *Fetcher) clean(file uuid.UUID) error {
	sealed, open := f.temporary(file)
	return errors.Join(ignoreMissing(f.Disk.Remove(sealed)), ignoreMissing(f.Disk.Remove(open)))
}

// extract writes the content, verified to its last byte, and fsyncs it.
func (f *Fetcher) extract(ctx context.Context, sealed, open string, l connect.Listed, key *seal.FileKey) error {
	if err := ignoreMissing(f.Disk.Remove(open)); err != nil {
		return unwritten(err)
	}
	out, err := f.Disk.Create(open)
	if err != nil {
		return unwritten(err)
	}
	w := &writer{f: out}
	if err = verify(ctx, sealed, l, key, w); err == nil {
		err = out.Sync()
	}
	if cerr := out.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		_ = f.Disk.Remove(open)
		if w.err != nil || !fault.Is(err, fault.Damaged) {
			return unwritten(err)
		}
	}
	return err
}

// verify opens a sealed object, compares it with what was listed, and writes it.
func verify(ctx context.Context, name string, l connect.Listed, key *seal.FileKey, w io.Writer) error {
	const op = "fetch: verify"
	in, err := os.Open(name)
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	defer in.Close()
	r, err := seal.OpenReaderAt(in, l.ObjectSize, func(h seal.Header) (*seal.FileKey, error) {
		if h.File != l.File {
			return nil, fault.New(fault.Damaged, op, "what was fetched is another file")
		}
		return key, nil
	})
	if err != nil {
		return err
	}
	if t := r.Trailer(); t.Size != l.Size || len(l.SHA256) > 0 && string(t.SHA256[:]) != string(l.SHA256) {
		return fault.New(fault.Damaged, op, "what was fetched is not what was listed")
	}
	return r.VerifyTo(ctx, w)
}

// name gives a temporary file its own name, or one beside it when that is taken.
func (f *Fetcher) name(ctx context.Context, temp, name string, l connect.Listed) (string, error) {
	f.share(temp)
	ext := filepath.Ext(name)
	beside := strings.TrimSuffix(name, ext) + "." + l.File.String()[24:] + ext
	for _, name := range []string{name, beside} {
		path := filepath.Join(f.Folder, name)
		if taken(path) {
			continue
		}
		if err := f.Journal.SetFetched(ctx, *f.record(l, path)); err != nil {
			return "", err
		}
		err := f.Disk.RenameNew(temp, path)
		if fault.Is(err, fault.Exists) { // by now
			continue
		}
		if err == nil { // whoever it is for may take it away from now on: that is no reason to write it again
			if f.named == nil {
				f.named = map[uuid.UUID]string{}
			}
			f.named[l.File] = path
			err = f.sync()
		}
		if err != nil {
			return "", unwritten(err)
		}
		return path, nil
	}
	return "", fault.New(fault.Exists, "fetch: name", "%s is there already; nothing was overwritten", filepath.Join(f.Folder, beside))
}

// sync makes names durable. A network share may not be able to: then what it does is
// all there is.
func (f *Fetcher) sync() error {
	err := f.Disk.SyncDir(f.Folder)
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}

// share lets those read and write a finished file who may do so in its folder: the
// program that it is for runs as another account. As well as it goes: a share has
// rights of its own.
func (f *Fetcher) share(name string) {
	if info, err := os.Stat(f.Folder); err == nil {
		_ = os.Chmod(name, info.Mode().Perm()&0o666|0o600)
	}
}

func taken(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, fs.ErrNotExist)
}

func ignoreMissing(err error) error {
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

func unwritten(err error) error {
	if fault.Is(err, fault.Full) {
		return fault.New(fault.Full, "fetch: write", "there is no room for the file in the folder of fetched files")
	}
	return fault.Wrap(fault.Internal, "fetch: write", err)
}

// writer is an io.Writer over a file of package durable.
type writer struct {
	f   durable.File
	at  int64
	err error
}

func (w *writer) Write(p []byte) (int, error) {
	n, err := w.f.WriteAt(p, w.at)
	w.at, w.err = w.at+int64(n), err
	return n, err
}
