package fetch

import (
	"bytes"
	"context"
	"crypto/hpke"
	"errors"
	"io/fs"
	"os"

	"sealgate/internal/agent/home"
	"sealgate/internal/agent/wire"
	"sealgate/internal/connect"
	"sealgate/internal/fault"
	"sealgate/internal/seal"
)

// Body fetches a sealed object into a file, going on where an earlier try stopped.
// The bytes are authentic by themselves, once they are opened.
func (f *Fetcher) Body(ctx context.Context, path string, l connect.Listed, into string) error {
	out, err := f.Disk.Open(into)
	if errors.Is(err, fs.ErrNotExist) {
		out, err = f.Disk.Create(into)
	}
	if err != nil {
		return unwritten(err)
	}
	defer out.Close()
	at, err := out.Size()
	if err != nil {
		return unwritten(err)
	}
	if at > l.ObjectSize {
		if at, err = 0, out.Truncate(0); err != nil {
			return unwritten(err)
		}
	}
	for at < l.ObjectSize {
		part, err := f.Client.Get(ctx, path, at)
		if err != nil {
			return err
		}
		if len(part) == 0 || at+int64(len(part)) > l.ObjectSize {
			return fault.New(fault.Damaged, "fetch: body", "the gateway gave %d bytes of a file of %d from byte %d on", len(part), l.ObjectSize, at)
		}
		if _, err := out.WriteAt(part, at); err != nil {
			return unwritten(err)
		}
		at += int64(len(part))
	}
	if err := out.Sync(); err != nil {
		return unwritten(err)
	}
	return nil
}

// opening asks for what opens a file of the outbox; nil when it is to stay sealed and
// the key is not here.
func (f *Fetcher) opening(ctx context.Context, l connect.Listed) (*connect.Opening, error) {
	if l.Opens == connect.OpensAccessKey && f.Access == nil {
		if f.As == home.Sealed {
			return nil, nil
		}
		return nil, noAccessKey()
	}
	o := new(connect.Opening)
	if err := f.Client.Call(ctx, connect.PathOutboxOpen(l.File), sayNothing, nil, o); err != nil {
		if f.As == home.Sealed && fault.Is(err, fault.Locked) {
			return nil, nil
		}
		return nil, err
	}
	return o, nil
}

func noAccessKey() error {
	return fault.New(fault.Locked, "fetch: open", "the account holds its access keys itself: name the key's file in connect.yaml (fetch: access-key: FILE), or fetch files sealed (fetch: as: sealed)")
}

// keyOf makes the file key out of what the gateway tells and, where that is its half
// only, the access key.
func keyOf(o *connect.Opening, access hpke.PrivateKey, header func() (seal.Header, error)) (*seal.FileKey, error) {
	const op = "fetch: open"
	if len(o.FileKey) > 0 {
		defer clear(o.FileKey)
		return seal.FileKeyFromBytes(o.FileKey)
	}
	if access == nil {
		return nil, noAccessKey()
	}
	if len(o.ShareA) != len(seal.Share{}) {
		return nil, fault.New(fault.Damaged, op, "the gateway gave nothing that opens the file")
	}
	h, err := header()
	if err != nil {
		return nil, err
	}
	w, err := h.Find(seal.KindAccessKey, seal.AccessKeyFingerprint(access.PublicKey()))
	if err != nil {
		return nil, err
	}
	b, err := seal.UnwrapByAccessKey(w, access, h.Binding)
	if err != nil {
		return nil, err
	}
	a := seal.Share(o.ShareA)
	defer a.Wipe()
	defer b.Wipe()
	clear(o.ShareA)
	return seal.DeriveFileKey(a, b, h.File), nil
}

func headerOf(name string) (seal.Header, error) {
	f, err := os.Open(name)
	if err != nil {
		return seal.Header{}, fault.Wrap(fault.Internal, "fetch: header", err)
	}
	defer f.Close()
	h, _, err := seal.ReadHeader(f)
	return h, err
}

// Key finds what opens a kept file with this header: the gateway's half, which it
// puts on record, and the access key. raw is the header's bytes, for a file that the
// gateway may not have any more.
func (f *Fetcher) Key(ctx context.Context, h seal.Header, raw []byte) (*seal.FileKey, error) {
	if f.Access != nil { // found out before the gateway is asked
		if _, err := h.Find(seal.KindAccessKey, seal.AccessKeyFingerprint(f.Access.PublicKey())); err != nil {
			return nil, err
		}
	}
	o := new(connect.Opening)
	if err := f.Client.Call(ctx, connect.PathKeptShare(h.File), wire.Say(connect.Share{Header: raw}), nil, o); err != nil {
		return nil, err
	}
	return keyOf(o, f.Access, func() (seal.Header, error) { return h, nil })
}

// Check proves that a kept file still opens with the gateway's half and the access
// key: the header's MAC commits to the file key. The content is not read.
func (f *Fetcher) Check(ctx context.Context, l connect.Listed) error {
	start, err := f.Client.Get(ctx, connect.PathKeptBody(l.File), 0)
	if err != nil {
		return err
	}
	h, raw, err := seal.ReadHeader(bytes.NewReader(start))
	if err != nil {
		return err
	}
	if h.File != l.File {
		return fault.New(fault.Damaged, "fetch: check", "the gateway gave another file than the one that was asked for")
	}
	key, err := f.Key(ctx, h, nil)
	if err != nil {
		return err
	}
	defer key.Wipe()
	return seal.VerifyHeader(raw, key)
}
