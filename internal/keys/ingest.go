package keys

import (
	"crypto/hpke"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/keys/wrapped"
	"sealgate/internal/killpoint"
	"sealgate/internal/seal"
)

const kindIngest = "ingest" // id: fingerprint; public: the public key; secret: the private key

// IngestKey is a key of this gateway that lives one day. Grants are wrapped
// for it.
type IngestKey struct {
	Day         string // as 2026-11-21, UTC
	Fingerprint seal.Fingerprint
	Public      hpke.PublicKey
	Private     hpke.PrivateKey
}

// String names the key.
func (k *IngestKey) String() string { return "ingest key " + k.Day + " " + k.Fingerprint.String() }

// Format is String under every verb: none prints what is inside.
func (k *IngestKey) Format(f fmt.State, _ rune) { io.WriteString(f, k.String()) }

func (k *IngestKey) file() string {
	return "ingest-" + k.Day + "-" + hex.EncodeToString(k.Fingerprint[:8]) + ".key"
}

// parseIngestFile returns day and beginning of the fingerprint in a file name.
func parseIngestFile(name string) (day, fp string, ok bool) {
	rest, ok := strings.CutPrefix(name, "ingest-")
	if !ok {
		return "", "", false
	}
	rest, ok = strings.CutSuffix(rest, ".key")
	if !ok || len(rest) != len(time.DateOnly)+1+16 || rest[len(time.DateOnly)] != '-' {
		return "", "", false
	}
	day, fp = rest[:len(time.DateOnly)], rest[len(time.DateOnly)+1:]
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return "", "", false
	}
	raw, err := hex.DecodeString(fp)
	return day, fp, err == nil && hex.EncodeToString(raw) == fp
}

// NewIngestKey makes and stores an ingest key for a day.
func (s *Store) NewIngestKey(day string) (*IngestKey, error) {
	const op = "keys: new ingest key"
	if _, err := time.Parse(time.DateOnly, day); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	private, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	public := private.PublicKey()
	k := &IngestKey{Day: day, Fingerprint: seal.AccessKeyFingerprint(public), Public: public, Private: private}
	secret, err := keyfile.Seed(private)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	doc := wrapped.New(k.file())
	if err := s.add(doc, wrapped.Entry{Kind: kindIngest, ID: k.Fingerprint.String(), Public: public.Bytes()}, secret); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	if err := s.write(doc.Name, doc.Marshal()); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	killpoint.At("ingest.key-made")
	s.ingest[k.Fingerprint] = k
	return k, nil
}

// IngestKey returns a living ingest key; NotFound when its day is over.
func (s *Store) IngestKey(fp seal.Fingerprint) (*IngestKey, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if k := s.ingest[fp]; k != nil {
		return k, nil
	}
	return nil, fault.New(fault.NotFound, "keys: ingest key", "the ingest key %s is gone", fp)
}

// IngestKeys returns the living ingest keys, the oldest day first.
func (s *Store) IngestKeys() []*IngestKey {
	s.mu.RLock()
	defer s.mu.RUnlock()
	all := make([]*IngestKey, 0, len(s.ingest))
	for _, k := range s.ingest {
		all = append(all, k)
	}
	slices.SortFunc(all, func(a, b *IngestKey) int { return strings.Compare(a.file(), b.file()) })
	return all
}

// DestroyIngestKey destroys an ingest key: no grant wrapped for it opens any
// more, wherever a copy of it lies. Gone already is fine.
func (s *Store) DestroyIngestKey(fp seal.Fingerprint) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.ingest[fp]
	if k == nil {
		return nil
	}
	if err := s.destroy(k.file()); err != nil {
		return fault.Wrap(fault.Internal, "keys: destroy ingest key", err)
	}
	killpoint.At("ingest.key-destroyed")
	delete(s.ingest, fp)
	return nil
}

// loadIngest reads every ingest key.
func (s *Store) loadIngest() error {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return err
	}
	clear(s.ingest)
	for _, name := range names {
		day, _, ok := parseIngestFile(name)
		if !ok {
			continue
		}
		k, err := s.openIngest(name, day)
		if err != nil {
			return err
		}
		s.ingest[k.Fingerprint] = k
	}
	return nil
}

func (s *Store) openIngest(name, day string) (*IngestKey, error) {
	doc, err := s.read(name)
	if err != nil {
		return nil, err
	}
	if len(doc.Entries) != 1 || doc.Entries[0].Kind != kindIngest {
		return nil, wrapped.Damaged(name, errors.New("not one ingest key"))
	}
	secret, err := s.ring.Open(name, doc.Entries[0])
	if err != nil {
		return nil, err
	}
	defer clear(secret)
	private, err := hpke.MLKEM768X25519().NewPrivateKey(secret)
	if err != nil {
		return nil, wrapped.Damaged(name, err)
	}
	public := private.PublicKey()
	k := &IngestKey{Day: day, Fingerprint: seal.AccessKeyFingerprint(public), Public: public, Private: private}
	if k.file() != name || k.Fingerprint.String() != doc.Entries[0].ID {
		return nil, wrapped.Damaged(name, errors.New("the key is another one than its name says"))
	}
	return k, nil
}
