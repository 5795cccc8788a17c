// Package keys is the key store: the one place where private keys lie, apart
// from every database and every data backup.
//
// A store is a directory of small files, mode 0700:
//
//	store.json                 generation, salt, and a check value of the master key
//	gateway.key                the gateway's own secrets
//	tls.key                    key and certificate that the gateway made for its HTTPS door, if it did
//	account-<uuid>.key         certificate keys, access keys and secrets of one account, and which keys were destroyed
//	ingest-<day>-<fp16>.key    one ingest key; never backed up, destroyed after its day
//	copy.json                  where the last backup of the store was written
//	master.key                 the master key, unless it is kept elsewhere (better)
//
// Every secret is wrapped under the master key and bound to its place; package
// wrapped has the format. Nothing secret stands in the files unwrapped.
//
// Terms. The master key comes from a Master (package master): a file, a systemd
// credential or a passphrase. A generation is one master key with one salt:
// RotateMaster begins the next. A bundle is a whole store in one file: the
// backup, and the way a new generation or a restored store becomes the present
// one (bundle.go tells why a crash at any point converges).
//
// What is written is durable when the call returns. A file is destroyed by
// renaming it away, overwriting, fsyncing and removing it; what a medium keeps
// beside that is still wrapped by the master key, and RotateMaster makes it
// dead. Types that hold secrets do not print them. Our own copies of key bytes
// are overwritten after use; those inside the standard library are not.
//
// A key that is removed leaves a tombstone, so that an older catalog beside this
// store is told that it was destroyed and not lost. The remembered backup, when
// it can be reached, is brought up to date by every addition, removal and new
// master key; by a secret that changes, a moment later (package spare). A medium that
// hangs is waited for ten seconds, and by none who reads a key. How keys look outside
// of the store is the business of package keyfile; keys in PKCS#11 tokens are that of
// package token.
//
// A Store is safe for concurrent use by one process; the caller holds the lock
// of the data directory. Not here: who may use a key, and what for (custody).
package keys

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/keys/master"
	"sealgate/internal/keys/own"
	"sealgate/internal/keys/shred"
	"sealgate/internal/keys/spare"
	"sealgate/internal/keys/wrapped"
	"sealgate/internal/seal"
)

// Store is an open key store.
type Store struct {
	fs  durable.FS
	dir string

	// The spare copy lies on a medium that may hang. The turn at it is taken before mu
	// and never after it, and nobody but a change of the master key, which has patience
	// like everybody, waits for the medium with mu held.
	spare *spare.Keeper
	late  atomic.Bool   // something has changed since the copy was written
	later chan struct{} // has something since then

	opening sync.RWMutex // read-locked by who opens keys without mu, with the ring of then; locked to wipe one

	mu       sync.RWMutex // guards what follows, and every write to dir
	master   string       // where the master key came from, for people
	ring     *wrapped.Ring
	gateway  *own.Secrets
	accounts map[uuid.UUID]*Account // those read so far; an *Account never changes
	ingest   map[seal.Fingerprint]*IngestKey
	broken   error // a new generation was begun and could not be finished: nothing is written any more
}

// A Master is where the master key comes from; package master has them.
type Master = master.Source

// patience is how long an act waits for the medium of the copy.
const patience = 10 * time.Second

// Options are what few callers set.
type Options struct {
	FS       durable.FS      // nil is the disk of this machine
	HostKeys []crypto.Signer // for Create: SSH host keys to take over; none makes an Ed25519 and an RSA-4096 key
}

func (o Options) fs() durable.FS {
	if o.FS == nil {
		return durable.OS
	}
	return o.FS
}

// Create makes a new store in dir, which is made when it is missing, and fails
// with Exists when a store is there already. Making an RSA host key takes
// seconds.
func Create(ctx context.Context, dir string, m Master, opt Options) (*Store, error) {
	const op = "keys: create"
	s := newStore(opt.fs(), dir)
	if err := s.fs.Mkdir(dir); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	if err := s.checkDir(); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	if err := s.refuseTaken(); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	r, err := newRing(ctx, m, 1)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	s.ring, s.master = r, m.String()
	secrets, err := own.New(r, opt.HostKeys)
	if err == nil {
		err = s.write(own.File, secrets.Marshal())
	}
	if err == nil {
		err = s.loadGateway()
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	// Last: without it the directory is no store and Create may be run again.
	if err := s.write(storeFile, r.Header.Marshal()); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	if err := s.fs.SyncDir(filepath.Dir(dir)); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	return s, nil
}

// Open opens the store in dir. It finishes what a crash cut short: a new
// generation, a restore, a destruction. A missing store, and a master key that
// is missing or another one, are Locked.
func Open(ctx context.Context, dir string, m Master, opt Options) (*Store, error) {
	const op = "keys: open"
	s := newStore(opt.fs(), dir)
	if err := s.checkDir(); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	if err := s.settle(ctx, m); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	if err := shred.Sweep(s.fs, s.dir, isStoreName); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	if err := s.load(); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	return s, nil
}

func newStore(fs durable.FS, dir string) *Store {
	return &Store{
		fs: fs, dir: dir, later: make(chan struct{}, 1),
		spare: &spare.Keeper{
			Turns: spare.NewTurns(patience),
			FS:    fs, Record: filepath.Join(dir, copyFile), Parse: parseBundle, Covers: covers,
		},
		accounts: make(map[uuid.UUID]*Account),
		ingest:   make(map[seal.Fingerprint]*IngestKey),
	}
}

// load reads what every process needs; accounts are read when asked for.
func (s *Store) load() error {
	if err := s.loadGateway(); err != nil {
		return err
	}
	return s.loadIngest()
}

func (s *Store) loadGateway() error {
	doc, err := s.read(own.File)
	if fault.Is(err, fault.NotFound) {
		return fault.New(fault.Locked, "keys: read "+own.File, "the key store %s has lost its file %s", s.dir, own.File)
	}
	if err != nil {
		return err
	}
	s.gateway, err = own.Open(s.ring, doc)
	return err
}

// Close writes to the last backup what was put off, and wipes the store's own copies
// of secrets. Keys handed out stay usable.
func (s *Store) Close() {
	s.CatchUp()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wipe(s.ring)
	s.gateway.Wipe()
	clear(s.accounts)
	clear(s.ingest)
}

// wipe wipes a ring that nobody takes up any more, once nobody opens with it.
func (s *Store) wipe(r *wrapped.Ring) {
	s.opening.Lock()
	defer s.opening.Unlock()
	r.Wipe()
}

// Dir returns the store's directory.
func (s *Store) Dir() string { return s.dir }

// String names the store and nothing in it.
func (s *Store) String() string { return "key store " + s.dir }

// Format is String under every verb: none prints what is inside.
func (s *Store) Format(f fmt.State, _ rune) { io.WriteString(f, s.String()) }

// Generation returns how many master keys the store has had.
func (s *Store) Generation() int {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.ring.Header.Generation
}

// MasterSource says where the master key came from.
func (s *Store) MasterSource() string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.master
}

// Identity returns the key that signs receipts, statements and tree heads.
func (s *Store) Identity() ed25519.PrivateKey {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.gateway.Identity()
}

// HostKeys returns the SSH host keys, the preferred one first.
func (s *Store) HostKeys() []crypto.Signer {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.gateway.HostKeys()
}

// UsernameIndexKey returns the key of the HMAC by which sign-in finds a login.
func (s *Store) UsernameIndexKey() []byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.gateway.UsernameIndexKey()
}

// Pepper returns the secret that goes into every password hash.
func (s *Store) Pepper() []byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.gateway.Pepper()
}

// Secret returns 32 bytes that only this gateway can make from label. They
// outlive a change of the master key.
func (s *Store) Secret(label string) []byte {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.gateway.Derive(label)
}

// checkDir refuses a key store that others than its owner can look into. Only
// the disk of the machine has modes; the file layers of tests have none.
func (s *Store) checkDir() error {
	const op = "keys: directory"
	if s.fs != durable.OS {
		return nil
	}
	info, err := os.Stat(s.dir)
	switch {
	case os.IsNotExist(err):
		return fault.New(fault.Locked, op, "there is no key store at %s", s.dir)
	case err != nil:
		return err
	case !info.IsDir():
		return fault.New(fault.Invalid, op, "%s is not a directory", s.dir)
	case info.Mode().Perm()&0o077 != 0:
		return fault.New(fault.Denied, op,
			"the key store %s has mode %04o, others can look into it: chmod 700 %s", s.dir, info.Mode().Perm(), s.dir)
	}
	return nil
}
