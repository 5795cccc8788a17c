// Package keyring knows the rules about an account's keys on record: which of
// them seal new files, which still open old ones, and what should be seen to.
//
// It reads the catalog's rows, and asks the key store for nothing but which keys it
// has: what it answers depends on that and on the time alone.
package keyring

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
)

// Ring is what the catalog knows about the keys of an account.
type Ring struct {
	Account      *catalog.Account
	Certificates []*catalog.Certificate // newest first, as are the access keys
	AccessKeys   []*catalog.AccessKey
}

// Read reads the keys of an account.
func Read(tx *catalog.Tx, account uuid.UUID) (r Ring, err error) {
	if r.Account, err = tx.Account(account); err != nil {
		return r, err
	}
	if r.Certificates, err = tx.Certificates(account); err != nil {
		return r, err
	}
	r.AccessKeys, err = tx.AccessKeys(account)
	return r, err
}

// Of reads the keys of an account in a transaction of its own.
func Of(ctx context.Context, cat *catalog.Catalog, account uuid.UUID) (r Ring, err error) {
	err = cat.View(ctx, func(tx *catalog.Tx) error {
		r, err = Read(tx, account)
		return err
	})
	return r, err
}

// AccessKey returns an access key of an account that was not removed.
func AccessKey(tx *catalog.Tx, account, id uuid.UUID) (*catalog.AccessKey, error) {
	const op = "custody: access key"
	row, err := tx.AccessKey(id)
	if fault.Is(err, fault.NotFound) || err == nil && row.Account != account {
		return nil, fault.New(fault.NotFound, op, "the account has no such access key")
	}
	if err == nil && !row.RemovedAt.IsZero() {
		return nil, fault.New(fault.Invalid, op, "this access key was removed")
	}
	return row, err
}

// Year is the period that a time belongs to.
func Year(t time.Time) string { return strconv.Itoa(t.UTC().Year()) }

// Sealing returns the keys that a file of this year is sealed for; none of one
// kind when there is none. madeHere says that the year's access key is missing
// and the gateway's to make.
func (r Ring) Sealing(year string) (certs []*catalog.Certificate, access []*catalog.AccessKey, madeHere bool) {
	certs = r.sealingCertificates()
	var usable []*catalog.AccessKey
	for _, key := range r.AccessKeys {
		if key.Confirmed && key.RemovedAt.IsZero() {
			usable = append(usable, key)
		}
	}
	period := ""
	if r.Account.KeyPeriod == catalog.PeriodYear {
		period = year
	}
	access = ofPeriod(usable, period)
	held := func(key *catalog.AccessKey) bool { return key.Held == catalog.KeysGateway }
	madeHere = period != "" && r.Account.Keys == catalog.KeysGateway && !slices.ContainsFunc(access, held)
	if len(access) == 0 {
		access = ofPeriod(usable, newestBefore(usable, period))
	}
	stays := func(key *catalog.AccessKey) bool { return key.RemoveAt.IsZero() }
	if slices.ContainsFunc(access, stays) {
		access = slices.DeleteFunc(access, func(key *catalog.AccessKey) bool { return !stays(key) })
	}
	return certs, access, madeHere
}

// sealingCertificates returns the current certificates. One whose removal is
// scheduled seals nothing more, as what it seals would go with it: the newest other
// one steps in, when there is one.
func (r Ring) sealingCertificates() (certs []*catalog.Certificate) {
	var stepsIn *catalog.Certificate
	for _, cert := range r.Certificates {
		switch {
		case !cert.RemovedAt.IsZero():
		case cert.Current:
			certs = append(certs, cert)
		case stepsIn == nil && cert.RemoveAt.IsZero():
			stepsIn = cert
		}
	}
	stays := func(cert *catalog.Certificate) bool { return cert.RemoveAt.IsZero() }
	switch {
	case slices.ContainsFunc(certs, stays):
		return slices.DeleteFunc(certs, func(cert *catalog.Certificate) bool { return !stays(cert) })
	case stepsIn != nil:
		return []*catalog.Certificate{stepsIn}
	}
	return certs
}

func ofPeriod(all []*catalog.AccessKey, period string) (some []*catalog.AccessKey) {
	for _, key := range all {
		if key.Period == period {
			some = append(some, key)
		}
	}
	return some
}

// newestBefore returns the newest period that has keys and is not after the one
// that has none; when that one is all times, simply the newest.
func newestBefore(all []*catalog.AccessKey, period string) string {
	newest := ""
	for _, key := range all {
		if period == "" || key.Period < period {
			newest = max(newest, key.Period)
		}
	}
	return newest
}

// NotReady says, as a Locked fault for people, why an account that has so many
// keys of Sealing cannot be sealed for; nil when it can.
func (r Ring) NotReady(certs, access int) error {
	const op = "keyring: ready"
	switch {
	case r.Account.State != catalog.AccountOpen:
		return fault.New(fault.Locked, op, "the account is closed: nothing is accepted")
	case certs == 0:
		return fault.New(fault.Locked, op, "the account has no certificate to seal files for: nothing is accepted until one is installed")
	case access > 0:
		return nil
	case r.Account.Keys == catalog.KeysCustomer:
		return fault.New(fault.Locked, op, "nothing is accepted until the customer has confirmed an access key (challenge, answer, confirm)")
	}
	return fault.New(fault.Locked, op, "the account has no access key to seal files for: nothing is accepted until one is added")
}

// Opening is the set of keys, by fingerprint, that open files somewhere.
type Opening struct{ certs, access map[string]bool }

// Opening returns the keys of the account that are there, or that the customer
// has, without one that is to be removed, if any is named.
func (r Ring) Opening(withoutCertificate string, withoutAccessKey uuid.UUID) Opening {
	o := Opening{map[string]bool{}, map[string]bool{}}
	for _, cert := range r.Certificates {
		o.certs[cert.Fingerprint] = cert.RemovedAt.IsZero() && cert.Fingerprint != withoutCertificate
	}
	for _, key := range r.AccessKeys {
		here := key.RemovedAt.IsZero() && key.ID != withoutAccessKey
		o.access[key.Fingerprint] = o.access[key.Fingerprint] || here || key.Held == catalog.KeysCustomer
	}
	return o
}

// Lock reports whether what is under a lock can be opened.
func (o Opening) Lock(row *catalog.Lock) bool {
	return slices.ContainsFunc(row.Certificates, func(fp string) bool { return o.certs[fp] }) && o.AccessKeys(row) > 0
}

// AccessKeys returns how many of a lock's access keys open.
func (o Opening) AccessKeys(row *catalog.Lock) (n int) {
	for _, fp := range row.AccessKeys {
		if o.access[fp] {
			n++
		}
	}
	return n
}
