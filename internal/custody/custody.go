// Package custody decides who can open what. It joins the key store with the
// catalog: record keys for sealed columns, file keys with their wraps and
// grants, and the ingest key that lives one day.
//
// The lock of an account is made once, by NewAccountKeys: a certificate, a
// record key wrapped for it, and an access key. The key store's file is durable
// before the catalog hears of it, so no account on record is without its keys;
// a file that a crash leaves without its account opens nothing and is in
// nobody's way.
//
// A file's key can be had in two ways: by its grant, while it has one, and by
// certificate and access key together, when its content is kept. Grants are
// wrapped for the ingest key of the day. ChangeDay makes the day's key, wraps
// every grant still needed for it, and destroys the older ones, in this order;
// each step is durable before the next, so that a crash at any point is made
// good by the next round. What the clock says decides only which key is in use:
// no key is ever destroyed while a grant on record names it.
//
// Not here: whether somebody may (account, portal), and what is done with an
// opened file. Errors are faults: Locked for a key that is not here, Damaged
// for what does not open although its key is.
package custody

import (
	"context"
	"crypto/hpke"
	"crypto/x509"
	"sync"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

// Custodian uses the keys. It is safe for concurrent use.
type Custodian struct {
	ks    *keys.Store
	cat   *catalog.Catalog
	node  string
	now   func() time.Time
	stock *stock

	mu      sync.RWMutex // guards what follows
	records map[uuid.UUID]*Records
	locks   map[uuid.UUID]*lock
	ingest  *keys.IngestKey // in use for new grants; nil before the first

	day   sync.Mutex               // held by the one round that changes keys
	fault func(point string) error // tests: stops a round at a named point
}

// lock is what a kept file of an account is sealed for.
type lock struct {
	certificates []*x509.Certificate
	accessKeys   []hpke.PublicKey
}

// New returns a custodian for this node. Run, or ChangeDay, makes it change
// its ingest key.
func New(ks *keys.Store, cat *catalog.Catalog, node string, now func() time.Time) *Custodian {
	return &Custodian{
		ks: ks, cat: cat, node: node, now: now, stock: newStock(),
		records: make(map[uuid.UUID]*Records),
		locks:   make(map[uuid.UUID]*lock),
		fault:   func(string) error { return nil },
	}
}

// accountKeys returns what the key store holds for an account. None is Locked:
// the account is on record, and only somebody with a copy can bring its keys.
func (c *Custodian) accountKeys(account uuid.UUID) (*keys.Account, error) {
	k, err := c.ks.Account(account)
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.Locked, "custody: keys", "the keys of this account are not in the key store")
	}
	return k, err
}

// lockOf returns the current certificates and access keys of an account.
func (c *Custodian) lockOf(ctx context.Context, account uuid.UUID) (*lock, error) {
	c.mu.RLock()
	l := c.locks[account]
	c.mu.RUnlock()
	if l != nil {
		return l, nil
	}
	l = new(lock)
	err := c.cat.View(ctx, func(tx *catalog.Tx) error { return l.load(tx, account) })
	if err != nil {
		return nil, err
	}
	if len(l.certificates) == 0 || len(l.accessKeys) == 0 {
		return nil, fault.New(fault.Locked, "custody: new file", "the account has no certificate or no access key to seal files for")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.locks[account] = l
	return l, nil
}

func (l *lock) load(tx *catalog.Tx, account uuid.UUID) error {
	certs, err := tx.Certificates(account)
	if err != nil {
		return err
	}
	for _, row := range certs {
		if !row.Current || !row.RemovedAt.IsZero() {
			continue
		}
		cert, err := x509.ParseCertificate(row.DER)
		if err != nil {
			return fault.Wrap(fault.Damaged, "custody: certificate", err)
		}
		l.certificates = append(l.certificates, cert)
	}
	access, err := tx.AccessKeys(account)
	if err != nil {
		return err
	}
	for _, row := range access {
		if !row.Confirmed || !row.RemovedAt.IsZero() {
			continue
		}
		public, err := hpke.MLKEM768X25519().NewPublicKey(row.Public)
		if err != nil {
			return fault.Wrap(fault.Damaged, "custody: access key", err)
		}
		l.accessKeys = append(l.accessKeys, public)
	}
	return nil
}

// wraps seals a file's two shares for everybody who opens kept files.
func (l *lock) wraps(a, b seal.Share, binding seal.Binding) ([]seal.Wrap, error) {
	wraps := make([]seal.Wrap, 0, len(l.certificates)+len(l.accessKeys))
	for _, cert := range l.certificates {
		w, err := seal.WrapForCertificate(a, cert, binding)
		if err != nil {
			return nil, err
		}
		wraps = append(wraps, w)
	}
	for _, public := range l.accessKeys {
		w, err := seal.WrapForAccessKey(b, public, binding)
		if err != nil {
			return nil, err
		}
		wraps = append(wraps, w)
	}
	return wraps, nil
}
