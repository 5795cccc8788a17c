// Package signin decides who may sign in.
//
//	username ─ look-up ─ budget ─ cache ─ a free place ─ spend ─ Argon2id ─ decision ─ record
//
// Every failed password costs the same work and gets the same answer, whether
// the login exists or not. There is no locking of accounts: failures from
// networks where a login has never signed in share a small budget, networks
// that are known have their own, and keys need none (throttle.go). Accounts
// that are closed are answered like unknown ones. Any error means no.
//
// Decisions are counted, and those about existing logins are put on record, a
// fraction of a second later and many at a time: a sign-in does not wait for
// the disk. Logs and records name logins by id only.
//
// A sign-in finds its login by an HMAC of the folded username. Passwords are
// Argon2id hashes over a pepper from the key store; of the networks that
// somebody has signed in from, and of whose budget is spent, there are only
// MACs. Who is signed in stays so only as long as he would be let in again
// (StillValid).
//
// Not here: making and changing logins (account).
package signin

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"log/slog"
	"runtime"
	"time"

	"golang.org/x/crypto/argon2"

	"sealgate/internal/custody"
	"sealgate/internal/keys"
	"sealgate/internal/metrics"
	"sealgate/internal/store/catalog"
)

// Options are what a Service needs beside its stores; zero values mean the
// defaults.
type Options struct {
	Now     func() time.Time // nil = time.Now
	Cores   int              // 0 = what the machine has
	Log     *slog.Logger     // nil = slog.Default()
	Metrics *metrics.Set     // nil = none

	// Pause holds back the answer to a failed sign-in; nil waits. It is here
	// so that tests need not.
	Pause func(ctx context.Context, d time.Duration)
}

// Service decides about attempts to sign in. It is safe for concurrent use.
type Service struct {
	catalog *catalog.Catalog
	keys    *custody.Custodian
	now     func() time.Time
	log     *slog.Logger
	metrics *metrics.Set
	pause   func(ctx context.Context, d time.Duration)

	index    []byte // key of username MACs
	pepper   []byte
	throttle []byte // key of the MACs of networks and budgets

	derive   func(password, salt []byte, time, memory uint32, threads uint8, size uint32) []byte // Argon2id
	hashing  *room
	verified *cache
	records  chan record
}

// WithDefaults returns the options with what was left out.
func (opt Options) WithDefaults() Options {
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.Default()
	}
	if opt.Cores == 0 {
		opt.Cores = runtime.NumCPU()
	}
	if opt.Pause == nil {
		opt.Pause = wait
	}
	return opt
}

// New returns the service of these stores.
func New(cat *catalog.Catalog, cus *custody.Custodian, ks *keys.Store, opt Options) *Service {
	opt = opt.WithDefaults()
	return &Service{
		catalog: cat, keys: cus, now: opt.Now, log: opt.Log, metrics: opt.Metrics, pause: opt.Pause,
		index: ks.UsernameIndexKey(), pepper: ks.Pepper(), throttle: ks.Secret("sign-in throttle"),
		derive: argon2.IDKey, hashing: newRoom(max(1, opt.Cores/2)), verified: newCache(opt.Now),
		records: make(chan record, recordsWaiting),
	}
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// mac names something in the catalog without telling it.
func mac(key []byte, label string, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte("sealgate/v1 " + label))
	for _, p := range parts {
		n := len(p)
		h.Write([]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)})
		h.Write(p)
	}
	return h.Sum(nil)
}
