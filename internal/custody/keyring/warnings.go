package keyring

import (
	"crypto/x509"
	"fmt"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
)

// Warning is something about an account's keys that somebody should see to.
type Warning struct {
	Account uuid.UUID
	Name    string // of the account
	Code    string
	Object  string    // fingerprint of a certificate or id of an access key; may be empty
	At      time.Time // when it comes, or came, to pass; zero = now
	Message string
}

// The codes of warnings.
const (
	WarnExpires      = "certificate-expires"
	WarnExpired      = "certificate-expired"
	WarnNoYear       = "no-key-for-year"
	WarnNoAccessKey  = "no-access-key"
	WarnNotConfirmed = "not-confirmed"
	WarnClosed       = "closed"
	WarnRemoval      = "removal-scheduled"
	WarnMissing      = "key-missing"
	WarnOlderData    = "data-older-than-keys"
)

// How long before it happens a warning comes. Of an expiry it comes in three
// steps, which the message names.
const (
	expiryWarning = 60
	yearWarning   = 30
)

var expirySteps = []int{7, 30, expiryWarning}

// Warnings lists what should be seen to.
func (r Ring) Warnings(now time.Time) []Warning {
	all := r.warnings(now)
	for i := range all {
		all[i].Account, all[i].Name = r.Account.ID, r.Account.Name
	}
	return all
}

func (r Ring) warnings(now time.Time) (all []Warning) {
	if r.Account.State != catalog.AccountOpen {
		for _, row := range r.Certificates {
			if row.RemovedAt.IsZero() {
				return nil // closed by an operator: nothing is to be done
			}
		}
		return []Warning{{Code: WarnClosed, Message: "the account is closed: its last certificate was removed; a new one opens it again"}}
	}
	year := Year(now)
	certs, access, madeHere := r.Sealing(year)
	for _, row := range certs {
		all = append(all, expiry(row, now)...)
	}
	all = append(all, r.scheduled()...)
	unconfirmed := 0
	for _, row := range r.AccessKeys {
		if !row.Confirmed && row.RemovedAt.IsZero() {
			unconfirmed++
			all = append(all, Warning{Code: WarnNotConfirmed, Object: row.ID.String(), Message: "this access key is not used: its owner has not confirmed it yet"})
		}
	}
	if err := r.NotReady(len(certs), len(access)); err != nil && !madeHere {
		return append(all, Warning{Code: WarnNoAccessKey, Message: fault.Message(err)})
	}
	return append(all, r.yearly(access, now)...)
}

// expiry warns of a certificate that new files are sealed under. It goes on
// being used: what counts is its key.
func expiry(row *catalog.Certificate, now time.Time) []Warning {
	cert, err := x509.ParseCertificate(row.DER)
	if err != nil {
		return nil
	}
	w := Warning{Code: WarnExpired, Object: row.Fingerprint, At: cert.NotAfter}
	days := int(cert.NotAfter.Sub(now) / (24 * time.Hour))
	switch {
	case !now.Before(cert.NotAfter):
		w.Message = "the certificate has expired; files are sealed under it all the same, but it should be renewed"
	case days >= expiryWarning:
		return nil
	default:
		w.Code = WarnExpires
		for _, step := range expirySteps {
			if days < step {
				w.Message = fmt.Sprintf("the certificate expires in less than %d days, on %s; renew it", step, cert.NotAfter.UTC().Format(time.DateOnly))
				break
			}
		}
	}
	return []Warning{w}
}

// scheduled lists the removals to come.
func (r Ring) scheduled() (all []Warning) {
	add := func(object string, at time.Time) {
		all = append(all, Warning{
			Code: WarnRemoval, Object: object, At: at,
			Message: "the key will be removed on " + at.UTC().Format(time.DateTime) + " UTC, unless that is called off",
		})
	}
	for _, row := range r.Certificates {
		if !row.RemoveAt.IsZero() && row.RemovedAt.IsZero() {
			add(row.Fingerprint, row.RemoveAt)
		}
	}
	for _, row := range r.AccessKeys {
		if !row.RemoveAt.IsZero() && row.RemovedAt.IsZero() {
			add(row.ID.String(), row.RemoveAt)
		}
	}
	return all
}

// yearly warns when the customer has brought no key of this year, or, soon
// before its end, of the next.
func (r Ring) yearly(access []*catalog.AccessKey, now time.Time) []Warning {
	if r.Account.KeyPeriod != catalog.PeriodYear || r.Account.Keys != catalog.KeysCustomer {
		return nil
	}
	year := Year(now)
	if used := access[0].Period; used != year {
		if used == "" {
			used = "no year"
		}
		return []Warning{{Code: WarnNoYear, Message: fmt.Sprintf("the customer has brought no access key of %s: files are sealed under the one of %s, and are lost when that is destroyed", year, used)}}
	}
	soon := now.AddDate(0, 0, yearWarning)
	if next := Year(soon); next != year {
		_, coming, _ := r.Sealing(next)
		if len(coming) == 0 || coming[0].Period != next {
			return []Warning{{Code: WarnNoYear, At: time.Date(soon.UTC().Year(), 1, 1, 0, 0, 0, 0, time.UTC), Message: fmt.Sprintf("the customer has brought no access key of %s yet; that of %s will be used until he has", next, year)}}
		}
	}
	return nil
}
