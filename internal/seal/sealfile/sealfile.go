// Package sealfile seals and opens files on this machine, without a gateway:
// `gateway seal` and `gateway open` are its callers.
//
// A destination appears whole or not at all: it is written beside its place
// under a temporary name, synced, and then linked into place, which fails when
// the name is taken. Nothing is ever overwritten unless asked for.
package sealfile

import (
	"context"
	"crypto"
	"crypto/hpke"
	"crypto/x509"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/seal"
)

// Source describes the content that SealFile seals.
type Source struct {
	Content  io.Reader
	Name     string    // goes into the trailer
	Received time.Time // goes into the trailer
}

// SealFile seals content for every certificate and every access key: any one of
// the first together with any one of the second opens it. The file belongs to no
// account; its id is fresh. At least one of each is needed.
func SealFile(ctx context.Context, src Source, dst string, certs []*x509.Certificate, access []hpke.PublicKey) (seal.Trailer, error) {
	h, k, err := newFile(certs, access)
	if err != nil {
		return seal.Trailer{}, err
	}
	defer k.Wipe()
	var t seal.Trailer
	err = writeNew(dst, false, func(w io.Writer) error {
		t, err = seal.Seal(w, &reader{ctx, src.Content}, h, k, src.Name, src.Received)
		return err
	})
	return t, err
}

func newFile(certs []*x509.Certificate, access []hpke.PublicKey) (h seal.Header, k *seal.FileKey, err error) {
	if len(certs) == 0 || len(access) == 0 {
		return h, nil, fault.New(fault.Invalid, "seal: file", "at least one certificate and one access key are needed")
	}
	if len(certs)+len(access) > seal.MaxWraps {
		return h, nil, fault.New(fault.TooLarge, "seal: file", "a file is sealed for at most %d keys", seal.MaxWraps)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return h, nil, fault.Wrap(fault.Internal, "seal: file", err)
	}
	h.File = id
	a, b := seal.NewShares()
	defer a.Wipe()
	defer b.Wipe()
	for _, cert := range certs {
		w, err := seal.WrapForCertificate(a, cert, h.Binding)
		if err != nil {
			return h, nil, err
		}
		h.Wraps = add(h.Wraps, w)
	}
	for _, pub := range access {
		w, err := seal.WrapForAccessKey(b, pub, h.Binding)
		if err != nil {
			return h, nil, err
		}
		h.Wraps = add(h.Wraps, w)
	}
	return h, seal.DeriveFileKey(a, b, h.File), nil
}

// add leaves out a key that was given twice, which no header may hold.
func add(wraps []seal.Wrap, w seal.Wrap) []seal.Wrap {
	for _, other := range wraps {
		if other.Kind == w.Kind && other.Key == w.Key {
			return wraps
		}
	}
	return append(wraps, w)
}

// File is a sealed file on this machine, opened: header, trailer and length are
// verified, the content not yet.
type File struct {
	*seal.Reader
	f *os.File
}

// Open opens a sealed file with the keys of its lock. Locked: it is not sealed
// for one of them. Damaged: it is, and something does not verify.
func Open(name string, certificate crypto.PrivateKey, access hpke.PrivateKey) (*File, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, openFault(err)
	}
	r, err := openReader(f, certificate, access)
	if err != nil {
		f.Close()
		return nil, err
	}
	return &File{Reader: r, f: f}, nil
}

func openReader(f *os.File, certificate crypto.PrivateKey, access hpke.PrivateKey) (*seal.Reader, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "seal: open", err)
	}
	var key *seal.FileKey
	defer func() { key.Wipe() }()
	return seal.OpenReaderAt(f, info.Size(), func(h seal.Header) (_ *seal.FileKey, err error) {
		key, err = h.FileKey(certificate, access)
		return key, err
	})
}

// Close closes the sealed file.
func (f *File) Close() error { return f.f.Close() }

// Target says where Extract puts the content.
type Target struct {
	Name      string    // empty: the name in the trailer, made safe, in the current directory
	Overwrite bool      // replace what has this name; otherwise that is an Exists fault
	Progress  io.Writer // is given the content as well, when not nil: for progress bars
}

// Extract writes the content to a file, which appears only once all of it and
// its SHA-256 are verified, and returns its name.
func (f *File) Extract(ctx context.Context, to Target) (string, error) {
	if to.Name == "" {
		to.Name = seal.SafeName(f.Trailer().Name)
	}
	return to.Name, writeNew(to.Name, to.Overwrite, func(w io.Writer) error {
		if to.Progress != nil {
			w = io.MultiWriter(w, to.Progress)
		}
		return f.VerifyTo(ctx, w)
	})
}

// OpenFile opens src and extracts it to dst: see Open and Extract.
func OpenFile(ctx context.Context, src, dst string, overwrite bool, certificate crypto.PrivateKey, access hpke.PrivateKey) (string, seal.Trailer, error) {
	f, err := Open(src, certificate, access)
	if err != nil {
		return "", seal.Trailer{}, err
	}
	defer f.Close()
	name, err := f.Extract(ctx, Target{Name: dst, Overwrite: overwrite})
	return name, f.Trailer(), err
}

// WriteNew lets fill write a new file, which appears at dst only once all of it is on
// the disk; when dst is there already, that is an Exists fault.
func WriteNew(dst string, fill func(io.Writer) error) error { return writeNew(dst, false, fill) }

// writeNew lets fill write a new file beside dst, and gives it its name only
// when all of it is on the disk:
//
//	create dst's temporary neighbour; write; fsync; link or rename to dst; fsync directory
func writeNew(dst string, overwrite bool, fill func(io.Writer) error) error {
	if _, err := os.Lstat(dst); err == nil && !overwrite {
		return exists(dst)
	}
	tmp, err := os.CreateTemp(filepath.Dir(dst), ".sealgate-*.tmp") // mode 0600
	if err != nil {
		return openFault(err)
	}
	defer os.Remove(tmp.Name())
	defer tmp.Close()
	if err := fill(tmp); err != nil {
		return err
	}
	if err := errors.Join(tmp.Sync(), tmp.Close()); err != nil {
		return fault.Wrap(fault.Internal, "seal: write", err)
	}
	if err := place(tmp.Name(), dst, overwrite); err != nil {
		return err
	}
	return syncDir(filepath.Dir(dst))
}

func place(tmp, dst string, overwrite bool) error {
	if overwrite {
		return fault.Wrap(fault.Internal, "seal: write", os.Rename(tmp, dst))
	}
	err := os.Link(tmp, dst) // fails when dst is there, at whatever moment it came
	if errors.Is(err, fs.ErrExist) {
		return exists(dst)
	}
	if err == nil {
		return fault.Wrap(fault.Internal, "seal: write", os.Remove(tmp))
	}
	// No hard links here (FAT, some network shares): reserve the name instead.
	f, err := os.OpenFile(dst, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return exists(dst)
	}
	if err != nil {
		return openFault(err)
	}
	f.Close()
	return fault.Wrap(fault.Internal, "seal: write", os.Rename(tmp, dst))
}

func exists(name string) error {
	return fault.New(fault.Exists, "seal: write", "%s is there already; nothing was overwritten", filepath.Base(name))
}

func openFault(err error) error {
	kind := fault.Internal
	switch {
	case errors.Is(err, fs.ErrNotExist):
		kind = fault.NotFound
	case errors.Is(err, fs.ErrPermission):
		kind = fault.Denied
	}
	return fault.Wrap(kind, "seal: file", err)
}

// reader ends with the context.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}
