package custody

import (
	"context"
	"crypto/hpke"
	"crypto/x509"
	"slices"
	"sync/atomic"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/custody/keyring"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/killpoint"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

// Lock is what a file is sealed for: any of these certificates and any of these
// access keys together open it.
//
// New files get every current certificate, and the access keys of the period
// that the account has chosen: those of the present year, or those that are for
// all times. A key whose removal is scheduled is left out as long as there is
// another. When the gateway holds the keys, those of a new year are made when
// the first file of it comes; when the customer does and has brought none, the
// newest that there are go on, and Warnings says so.
//
// A key that the gateway should hold and that is not in its key store is left out;
// when no other of its kind is left, nothing is sealed at all.
type Lock struct {
	custodian    *Custodian
	account      uuid.UUID
	year         string      // it was chosen for
	id           int64       // on record; 0 = not yet, when it was read
	used         atomic.Bool // a file was put on record under it
	certificates []*x509.Certificate
	accessKeys   []hpke.PublicKey
	certs        []string // fingerprints, sorted
	access       []string
	holds        bool  // the gateway holds the private half of one of the access keys
	missing      error // says which key was left out, because it is not here; or nil
}

// Ready reports, as a Locked fault that says it to people, why nothing can be
// sealed for an account: what NewFile would answer.
func (c *Custodian) Ready(ctx context.Context, account uuid.UUID) error {
	_, err := c.lockOf(ctx, account)
	return fault.Wrap(fault.Internal, "custody: ready", err)
}

// CurrentLock returns what new files of an account are sealed for.
func (c *Custodian) CurrentLock(ctx context.Context, account uuid.UUID) (*Lock, error) {
	l, err := c.lockOf(ctx, account)
	return l, fault.Wrap(fault.Internal, "custody: lock", err)
}

// Whole reports, as a Locked fault, which key was left out of the lock because it
// is not in the key store.
func (l *Lock) Whole() error { return l.missing }

func (c *Custodian) lockOf(ctx context.Context, account uuid.UUID) (*Lock, error) {
	year := keyring.Year(c.now())
	c.mu.RLock()
	l, epoch := c.locks[account], c.epoch
	c.mu.RUnlock()
	// One that was used without a number has one now.
	if l != nil && l.year == year && (l.id != 0 || !l.used.Load()) {
		return l, nil
	}
	l, madeHere, err := c.readLock(ctx, account, year)
	if madeHere {
		if err := c.makeYearKey(ctx, account, year); err != nil {
			return nil, err
		}
		c.mu.RLock()
		epoch = c.epoch
		c.mu.RUnlock()
		l, _, err = c.readLock(ctx, account, year)
	}
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.epoch == epoch && c.changes == 0 {
		c.locks[account] = l
	}
	return l, nil
}

// readLock reads what files of this year are to be sealed for.
func (c *Custodian) readLock(ctx context.Context, account uuid.UUID, year string) (l *Lock, madeHere bool, err error) {
	l = &Lock{custodian: c, account: account, year: year}
	err = c.cat.View(ctx, func(tx *catalog.Tx) error {
		ring, err := keyring.Read(tx, account)
		if err != nil {
			return err
		}
		var certs []*catalog.Certificate
		var access []*catalog.AccessKey
		certs, access, madeHere = ring.Sealing(year)
		if madeHere = madeHere && ring.NotReady(len(certs), 1) == nil; madeHere {
			return nil // it comes to the rest when that is there
		}
		if err := ring.NotReady(len(certs), len(access)); err != nil {
			return err
		}
		if err := l.fill(ring, certs, access); err != nil {
			return err
		}
		rows, err := tx.Locks(account)
		for _, row := range rows {
			if l.Is(row) {
				l.id = row.ID
			}
		}
		return err
	})
	return l, madeHere, err
}

// fill takes up those of the keys of a ring that are to be sealed for and whose
// private halves are where they should be.
func (l *Lock) fill(ring keyring.Ring, certs []*catalog.Certificate, access []*catalog.AccessKey) error {
	missing, err := l.custodian.missing(ring)
	if err != nil {
		return err
	}
	certs, access, l.missing = missing.Leave(certs, access)
	if len(certs) == 0 || len(access) == 0 {
		return l.missing
	}
	for _, row := range certs {
		cert, err := x509.ParseCertificate(row.DER)
		if err != nil {
			return fault.Wrap(fault.Damaged, "custody: certificate", err)
		}
		l.certificates, l.certs = append(l.certificates, cert), append(l.certs, row.Fingerprint)
	}
	for _, row := range access {
		public, err := publicOf(row)
		if err != nil {
			return err
		}
		l.accessKeys, l.access = append(l.accessKeys, public), append(l.access, row.Fingerprint)
		l.holds = l.holds || row.Held == catalog.KeysGateway
	}
	slices.Sort(l.certs)
	slices.Sort(l.access)
	return nil
}

func publicOf(row *catalog.AccessKey) (hpke.PublicKey, error) {
	public, err := hpke.MLKEM768X25519().NewPublicKey(row.Public)
	return public, fault.Wrap(fault.Damaged, "custody: access key", err)
}

// makeYearKey makes a gateway-held account's access key of a year, in the key
// store first.
func (c *Custodian) makeYearKey(ctx context.Context, account uuid.UUID, year string) error {
	const op = "custody: access key of the year"
	defer c.change(account)()
	ring, err := keyring.Of(ctx, c.cat, account)
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	certs, _, madeHere := ring.Sealing(year)
	if !madeHere {
		return nil // somebody before us
	}
	missing, err := c.missing(ring)
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	if certs, _, err = missing.Leave(certs, nil); len(certs) == 0 {
		return err // nothing could be sealed with it
	}
	k, err := keys.NewAccessKey()
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	if err := c.ks.AddAccessKey(account, k); err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	killpoint.At("year-key.stored")
	if err := c.fault("year-key.stored"); err != nil {
		return err
	}
	row := accessKeyRow(account, k, catalog.KeysGateway, year, c.now())
	err = c.cat.Update(ctx, func(tx *catalog.Tx) error {
		if err := tx.InsertAccessKey(row); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{
			Account: account, Actor: audit.Gateway, Action: "access-key.added", Object: row.ID.String(),
			Detail: map[string]string{"held": row.Held, "period": year},
		})
	})
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	killpoint.At("year-key.recorded")
	return c.fault("year-key.recorded")
}

// wraps seals a file's two shares for everybody who opens kept files.
func (l *Lock) wraps(a, b seal.Share, binding seal.Binding) ([]seal.Wrap, error) {
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

// For returns the public keys that the lock seals for, for who seals elsewhere.
func (l *Lock) For() (certificates []*x509.Certificate, accessKeys []hpke.PublicKey) {
	return l.certificates, l.accessKeys
}

// Is reports whether a lock on record is this one.
func (l *Lock) Is(row *catalog.Lock) bool {
	return slices.Equal(l.certs, row.Certificates) && slices.Equal(l.access, row.AccessKeys)
}

func (l *Lock) same(other *Lock) bool {
	return slices.Equal(l.certs, other.certs) && slices.Equal(l.access, other.access)
}

// ID returns the lock's number, inside the transaction that puts a file under
// it on record. TryLater when one of its keys was removed after it was read.
func (l *Lock) ID(tx *catalog.Tx) (int64, error) {
	c := l.custodian
	c.mu.RLock()
	now := c.locks[l.account]
	c.mu.RUnlock()
	// While a change of keys is under way nothing is remembered, and what was is
	// forgotten at both its ends: who is remembered stands.
	if now == nil || !now.same(l) {
		if err := l.stands(tx); err != nil {
			return 0, err
		}
	}
	if l.id != 0 {
		return l.id, nil
	}
	l.used.Store(true)
	return tx.LockFor(l.account, l.certs, l.access)
}

// stands looks for the keys of the lock on record.
func (l *Lock) stands(tx *catalog.Tx) error {
	ring, err := keyring.Read(tx, l.account)
	if err != nil {
		return err
	}
	living := map[string]bool{}
	for _, cert := range ring.Certificates {
		living[cert.Fingerprint] = cert.RemovedAt.IsZero()
	}
	for _, key := range ring.AccessKeys {
		living[key.Fingerprint] = living[key.Fingerprint] || key.RemovedAt.IsZero()
	}
	for _, fp := range slices.Concat(l.certs, l.access) {
		if !living[fp] {
			return fault.New(fault.TryLater, "custody: lock", "the account's keys have just been changed; try again")
		}
	}
	return nil
}
