package custody

import (
	"bytes"
	"context"
	"crypto/x509"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/custody/keyring"
	"sealgate/internal/custody/records"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/killpoint"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

// maxSealing bounds how many certificates, and how many access keys, an account
// has in use at a time: each costs every new file a wrap.
const maxSealing = 16

// CertificateInfo is a certificate on record.
type CertificateInfo struct {
	catalog.Certificate
	Cert  *x509.Certificate
	Here  bool   // its private key is in the key store
	Token string // the URI of the token that its private key lies in
	Files int64  // that have a body sealed under it
}

// Certificates lists the account's certificates, the newest first, removed ones
// among them.
func (c *Custodian) Certificates(ctx context.Context, account uuid.UUID) ([]CertificateInfo, error) {
	const op = "custody: certificates"
	var rows []*catalog.Certificate
	var files map[string]int64
	err := c.cat.View(ctx, func(tx *catalog.Tx) (err error) {
		if rows, err = tx.Certificates(account); err != nil {
			return err
		}
		files, err = filesByKey(tx, account)
		return err
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	have, err := c.held(account)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	list := make([]CertificateInfo, len(rows))
	for i, row := range rows {
		cert, err := x509.ParseCertificate(row.DER)
		if err != nil {
			return nil, fault.Wrap(fault.Damaged, op, err)
		}
		fp, err := seal.ParseFingerprint(row.Fingerprint)
		if err != nil {
			return nil, fault.Wrap(fault.Damaged, op, err)
		}
		list[i] = CertificateInfo{Certificate: *row, Cert: cert, Files: files[row.Fingerprint]}
		if k := have.Certificate(fp); k != nil {
			list[i].Here, list[i].Token = k.Key != nil, k.Token
		}
	}
	return list, nil
}

// filesByKey counts the files with a body that are sealed under each key, by
// its fingerprint.
func filesByKey(tx *catalog.Tx, account uuid.UUID) (map[string]int64, error) {
	locks, err := tx.Locks(account)
	if err != nil {
		return nil, err
	}
	sums, err := tx.SealedUnder(account)
	if err != nil {
		return nil, err
	}
	files := map[int64]int64{}
	for _, s := range sums {
		files[s.Lock] = s.Files
	}
	count := map[string]int64{}
	for _, l := range locks {
		for _, fp := range slices.Concat(l.Certificates, l.AccessKeys) {
			count[fp] += files[l.ID]
		}
	}
	return count, nil
}

// held is accountKeys for lists: no keys here is an answer, not an error.
func (c *Custodian) held(account uuid.UUID) (*keys.Account, error) {
	k, err := c.ks.Account(account)
	if fault.Is(err, fault.NotFound) {
		return new(keys.Account), nil
	}
	return k, err
}

// minNamed is how many digits of a fingerprint or an id name a key.
const minNamed = 6

// FindCertificate returns the fingerprint that begins with text.
func (c *Custodian) FindCertificate(ctx context.Context, account uuid.UUID, text string) (string, error) {
	const op = "custody: find certificate"
	ring, err := keyring.Of(ctx, c.cat, account)
	if err != nil {
		return "", fault.Wrap(fault.Internal, op, err)
	}
	text = strings.ToLower(text)
	var found []string
	for _, row := range ring.Certificates {
		if len(text) >= minNamed && strings.HasPrefix(row.Fingerprint, text) {
			found = append(found, row.Fingerprint)
		}
	}
	return only(op, "certificate", found)
}

// only returns the one thing that was found.
func only[T any](op, what string, found []T) (none T, err error) {
	switch len(found) {
	case 0:
		return none, fault.New(fault.NotFound, op, "the account has no such %s", what)
	case 1:
		return found[0], nil
	}
	return none, fault.New(fault.Invalid, op, "%d of the account's keys fit; name the %s by more of its fingerprint or id", len(found), what)
}

// RenewCertificate makes a certificate that new files are sealed under. The
// older ones go on opening what was sealed under them. The renewed certificate
// of an account that is closed opens it again, with a new record key.
func (c *Custodian) RenewCertificate(ctx context.Context, actor string, account uuid.UUID) (*CertificateInfo, error) {
	const op = "custody: renew certificate"
	ring, err := keyring.Of(ctx, c.cat, account)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	cert, err := keys.NewCertificate(ring.Account.Name, c.now())
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	info, err := c.install(ctx, actor, account, cert, "certificate.renewed", false)
	return info, fault.Wrap(fault.Internal, op, err)
}

// ImportCertificate is RenewCertificate with a certificate that the customer
// brought. With also, those that new files are sealed under stay so beside it.
func (c *Custodian) ImportCertificate(ctx context.Context, actor string, account uuid.UUID, cert *keys.Certificate, also bool) (*CertificateInfo, error) {
	info, err := c.install(ctx, actor, account, cert, "certificate.imported", also)
	return info, fault.Wrap(fault.Internal, "custody: import certificate", err)
}

// install adds a certificate: first the key store, then, in one transaction,
// the certificate, the record key wrapped for it, and which are current.
func (c *Custodian) install(ctx context.Context, actor string, account uuid.UUID, cert *keys.Certificate, action string, also bool) (*CertificateInfo, error) {
	const op = "custody: install certificate"
	defer c.change(account)()
	ring, err := keyring.Of(ctx, c.cat, account)
	if err != nil {
		return nil, err
	}
	rec, err := c.recordsFor(ctx, ring, cert)
	if err != nil {
		return nil, err
	}
	wrapped, err := rec.WrapFor(account, cert.Cert)
	if err != nil {
		return nil, err
	}
	if err := c.storeCertificate(account, cert); err != nil {
		return nil, err
	}
	killpoint.At("certificate-add.stored")
	if err := c.fault("certificate-add.stored"); err != nil {
		return nil, err
	}
	row := certificateRow(account, cert, c.now())
	err = c.cat.Update(ctx, func(tx *catalog.Tx) error {
		now, err := keyring.Read(tx, account)
		if err != nil {
			return err
		}
		if now.Account.State != ring.Account.State {
			return fault.New(fault.TryLater, op, "the account was opened or closed in this moment; try again")
		}
		return installed(tx, now, row, wrapped, actor, action, also)
	})
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	c.records[account] = rec
	c.mu.Unlock()
	killpoint.At("certificate-add.recorded")
	if err := c.fault("certificate-add.recorded"); err != nil {
		return nil, err
	}
	return &CertificateInfo{Certificate: *row, Cert: cert.Cert, Here: true, Token: cert.Token}, nil
}

// installed writes what install has made.
func installed(tx *catalog.Tx, ring keyring.Ring, row *catalog.Certificate, wrapped *catalog.RecordKey, actor, action string, also bool) error {
	for _, old := range ring.Certificates {
		if old.Current && !also {
			old.Current = false
			if err := tx.SaveCertificate(old); err != nil {
				return err
			}
		}
	}
	if err := tx.InsertCertificate(row); err != nil {
		return err
	}
	if err := tx.PutRecordKey(wrapped); err != nil {
		return err
	}
	detail := map[string]string{"also": strconv.FormatBool(also)}
	if ring.Account.State != catalog.AccountOpen {
		ring.Account.State = catalog.AccountOpen
		if err := tx.SaveAccount(ring.Account); err != nil {
			return err
		}
		detail["account"] = "reopened"
	}
	return tx.Audit(audit.Entry{Account: row.Account, Actor: actor, Action: action, Object: row.Fingerprint, Detail: detail})
}

// recordsFor returns the record key that is to be wrapped for a new
// certificate: the account's own, or a fresh one when it went with the last
// certificate.
func (c *Custodian) recordsFor(ctx context.Context, ring keyring.Ring, cert *keys.Certificate) (*Records, error) {
	const op = "custody: install certificate"
	living, current := 0, 0
	for _, row := range ring.Certificates {
		switch {
		case row.Fingerprint == cert.Fingerprint.String() && row.RemovedAt.IsZero():
			return nil, fault.New(fault.Exists, op, "the account has a certificate with this key already")
		case row.Fingerprint == cert.Fingerprint.String():
			return nil, fault.New(fault.Invalid, op, "this key was removed from the account, and what was sealed under it with it: bring another")
		case row.RemovedAt.IsZero():
			living++
		}
		if row.Current && row.RemovedAt.IsZero() {
			current++
		}
	}
	switch {
	case current >= maxSealing:
		return nil, fault.New(fault.TooLarge, op, "at most %d certificates can be in use at a time", maxSealing)
	case ring.Account.State == catalog.AccountOpen:
		return c.Records(ctx, ring.Account.ID)
	case living > 0:
		return nil, fault.New(fault.Locked, op, "the account was closed by an operator; a certificate does not open it again")
	}
	return records.New(), nil
}

// storeCertificate makes the key durable. One that a crash has left there is
// taken as it is.
func (c *Custodian) storeCertificate(account uuid.UUID, cert *keys.Certificate) error {
	err := c.ks.AddCertificate(account, cert)
	if fault.Is(err, fault.NotFound) { // the key store is older than the account
		return c.ks.CreateAccount(account, cert, nil)
	}
	if !fault.Is(err, fault.Exists) {
		return err
	}
	have, lookErr := c.accountKeys(account)
	if lookErr == nil && have.Certificate(cert.Fingerprint) != nil {
		return nil
	}
	return err
}

// ExportCertificate returns a certificate as PEM, the newest current one when
// fp is empty; with its private key behind it when asked for. Giving away the
// key is on record before it happens.
func (c *Custodian) ExportCertificate(ctx context.Context, actor string, account uuid.UUID, fp string, withKey bool) ([]byte, error) {
	const op = "custody: export certificate"
	list, err := c.Certificates(ctx, account)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	info, ok := choose(list, func(i CertificateInfo) bool {
		return i.Fingerprint == fp || fp == "" && i.Current
	})
	if !ok {
		return nil, fault.New(fault.NotFound, op, "the account has no such certificate")
	}
	public := keyfile.MarshalCertificate(info.Cert)
	if !withKey {
		return public, nil
	}
	if !info.Here {
		return nil, fault.New(fault.Denied, op, "the private key of this certificate is not at the gateway")
	}
	finger, err := seal.ParseFingerprint(info.Fingerprint)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	if err := c.auditExport(ctx, actor, account, "certificate.exported", info.Fingerprint); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	private, err := c.ks.ExportCertificateKey(account, finger)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	defer clear(private)
	return bytes.Join([][]byte{public, private}, nil), nil
}

// choose returns the first element that fits; lists are newest first.
func choose[T any](list []T, fits func(T) bool) (T, bool) {
	for _, e := range list {
		if fits(e) {
			return e, true
		}
	}
	var none T
	return none, false
}

func (c *Custodian) auditExport(ctx context.Context, actor string, account uuid.UUID, action, object string) error {
	return c.cat.Update(ctx, func(tx *catalog.Tx) error {
		return tx.Audit(audit.Entry{
			Account: account, Actor: actor, Action: action, Object: object, Detail: map[string]string{"private": "true"},
		})
	})
}
