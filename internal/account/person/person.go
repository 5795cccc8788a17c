// Package person is how people come into the portal, and stay: sessions, second
// factors, recovery codes, one-time links, passwords of their own.
//
// A sign-in goes through stages, each with a new secret in the browser's cookie: the
// password or a link; then a code, when the login has a second factor; then what is
// still to be set up (a password after a link, a second factor where one is
// demanded); then it is Full. A link never stands in for a second factor.
//
// A session lasts 8 hours, and half an hour unused. At each request everything is
// asked that a sign-in would ask: is the account open, does the login still have the
// portal, may it be used from this address; and what let this person in (password,
// role) is still as it was. Dangerous acts ask for a proof of the last minutes:
// ProvedAt says when that was.
//
// Of secrets only hashes and MACs are in the catalog; the secrets of one-time codes
// are in the key store. Every change is an audit entry of the same transaction.
//
// Who is let in by a password, and how fast passwords and codes can be guessed, is
// decided by package signin. Not here: pages and cookies (portal/signon).
package person

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account/signin"
	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/limit"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

const sweepEvery = time.Hour

// Service is the one place that changes sessions and factors. It is safe for
// concurrent use.
type Service struct {
	signin  *signin.Service
	catalog *catalog.Catalog
	records *custody.Custodian
	keys    *keys.Store
	now     func() time.Time
	log     *slog.Logger
	macKey  []byte
	refused *limit.Limiter // passkeys that did not hold, of a login: what is put on record
}

// refusedRate is how often it is put on record that a passkey did not hold.
var refusedRate = limit.Rate{Burst: 5, Every: time.Minute}

// New returns the service of these stores.
func New(in *signin.Service, cat *catalog.Catalog, cus *custody.Custodian, ks *keys.Store, now func() time.Time, log *slog.Logger) *Service {
	return &Service{
		signin: in, catalog: cat, records: cus, keys: ks, now: now, log: log, macKey: ks.Secret("people"),
		refused: limit.New(refusedRate, now),
	}
}

// Run removes what is over until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	sweep := time.NewTicker(sweepEvery)
	defer sweep.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-sweep.C:
			if err := s.Sweep(ctx); err != nil && ctx.Err() == nil {
				s.log.Error("old sessions could not be removed", "error", err)
			}
		}
	}
}

// Sweep removes sessions and ceremonies that are over. Run does so by itself.
func (s *Service) Sweep(ctx context.Context) error {
	now := s.now()
	return s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := tx.SweepSessions(now, now.Add(-idleFor)); err != nil {
			return err
		}
		return tx.SweepCeremonies(now)
	})
}

// errNobody is the answer to a session that is not there, or not any more.
var errNobody = fault.New(fault.Denied, "person: session", "nobody is signed in")

// newSecret makes what a browser shows again: 260 random bits.
func newSecret() string { return rand.Text() + rand.Text() }

// hash is what a secret is found by. It needs no salt and no cost: it is random.
func hash(label, secret string) []byte {
	sum := sha256.Sum256([]byte("sealgate/v1 " + label + " " + secret))
	return sum[:]
}

// mac is for what could be guessed by who has the catalog.
func (s *Service) mac(label string, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, s.macKey)
	h.Write([]byte("sealgate/v1 " + label))
	for _, p := range parts {
		h.Write([]byte{byte(len(p) >> 8), byte(len(p))})
		h.Write(p)
	}
	return h.Sum(nil)
}

func newID() (uuid.UUID, error) {
	id, err := uuid.NewV7()
	return id, fault.Wrap(fault.Internal, "person: id", err)
}

// note is an audit entry about a login.
func note(l *logins.Login, actor, action string, detail map[string]string) audit.Entry {
	return audit.Entry{Account: l.Account, Actor: actor, Action: action, Object: l.ID.String(), Detail: detail}
}
