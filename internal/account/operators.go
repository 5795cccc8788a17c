package account

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/mail"
	"strings"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account/signin"
	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

const (
	linkFor  = 72 * time.Hour
	linkKind = "welcome"
	linkSize = 32 // random bytes
)

// Link lets an operator in once, to set up how to sign in. Only a hash of its
// secret is kept.
type Link struct {
	Secret   string
	Operator uuid.UUID
	Until    time.Time
}

// AddOperator makes an operator, who is a login of the built-in account without
// a password, and the link that lets this person in.
func (s *Service) AddOperator(ctx context.Context, actor, email string) (*Link, error) {
	const op = "account: add operator"
	if a, err := mail.ParseAddress(email); err != nil || a.Address != email || strings.ContainsAny(email, " \"") {
		return nil, fault.New(fault.Invalid, op, "that is no e-mail address")
	}
	l, err := s.addLogin(ctx, actor, catalog.SystemAccount, NewLogin{Username: email, NoSFTP: true, Role: Admin}, "")
	if err != nil {
		return nil, err
	}
	return s.newLink(ctx, actor, l.ID)
}

// newLink replaces an operator's links by a fresh one.
func (s *Service) newLink(ctx context.Context, actor string, operator uuid.UUID) (*Link, error) {
	secret := make([]byte, linkSize)
	_, _ = rand.Read(secret) // never fails
	link := &Link{Secret: base64.RawURLEncoding.EncodeToString(secret), Operator: operator, Until: s.now().Add(linkFor)}
	err := s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		old, err := tx.Links(operator)
		if err != nil {
			return err
		}
		for _, o := range old {
			// Taking it at the beginning of time works for links that are over, too.
			if _, err := tx.TakeLink(o.Hash, time.Unix(0, 0)); err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
		}
		if err := tx.InsertLink(&logins.Link{Hash: linkHash(link.Secret), Login: operator, Kind: linkKind, Until: link.Until}); err != nil {
			return err
		}
		row, err := tx.Login(operator)
		if err != nil {
			return err
		}
		return tx.Audit(audit.Entry{Account: row.Account, Actor: actor, Action: "operator.invited", Object: operator.String()})
	})
	return link, fault.Wrap(fault.Internal, "account: link", err)
}

// linkHash needs no salt and no cost: the secret is random.
func linkHash(secret string) []byte {
	sum := sha256.Sum256([]byte("sealgate/v1 link " + secret))
	return sum[:]
}

// Operators returns all operators, by address.
func (s *Service) Operators(ctx context.Context) ([]*Login, error) {
	return s.Logins(ctx, catalog.SystemAccount)
}

// RemoveOperator deletes an operator; the last one stays.
func (s *Service) RemoveOperator(ctx context.Context, actor, email string) error {
	all, err := s.Operators(ctx)
	if err != nil {
		return err
	}
	if len(all) == 1 && signin.Fold(all[0].Username) == signin.Fold(email) {
		return fault.New(fault.Invalid, "account: remove operator", "this is the last operator; add another one first")
	}
	return s.RemoveLogin(ctx, actor, catalog.SystemAccount, email)
}

// ResetOperator takes away an operator's password and keys and gives a fresh
// link.
func (s *Service) ResetOperator(ctx context.Context, actor, email string) (*Link, error) {
	l, err := s.Login(ctx, catalog.SystemAccount, email)
	if err != nil {
		return nil, err
	}
	err = s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		row, err := tx.Login(l.ID)
		if err != nil {
			return err
		}
		row.Hash, row.Generated, row.Short = "", false, false
		if err := tx.SaveLogin(row); err != nil {
			return err
		}
		for _, k := range l.Keys {
			if err := tx.DeleteLoginKey(row.ID, k.Fingerprint); err != nil {
				return err
			}
		}
		return tx.Audit(audit.Entry{Account: row.Account, Actor: actor, Action: "operator.reset", Object: row.ID.String()})
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "account: reset operator", err)
	}
	s.Forget(l.ID)
	return s.newLink(ctx, actor, l.ID)
}

// FirstLink returns a fresh link for the operator who was made first, as long
// as no operator has signed in; nil after that, and when there is none.
func (s *Service) FirstLink(ctx context.Context) (*Link, error) {
	all, err := s.Operators(ctx)
	if err != nil {
		return nil, err
	}
	var first *Login
	for _, l := range all {
		if !l.LastSeen.IsZero() {
			return nil, nil
		}
		if first == nil || l.CreatedAt.Before(first.CreatedAt) {
			first = l
		}
	}
	if first == nil {
		return nil, nil
	}
	return s.newLink(ctx, audit.Gateway, first.ID)
}

// RedeemLink uses a link up and says whose it was.
func (s *Service) RedeemLink(ctx context.Context, secret string) (*Login, error) {
	const op = "account: redeem link"
	var id uuid.UUID
	err := s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		link, err := tx.TakeLink(linkHash(secret), s.now())
		if err != nil {
			return err
		}
		id = link.Login
		row, err := tx.Login(id)
		if err != nil {
			return err
		}
		if err := tx.TouchLogin(id, s.now()); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{Account: row.Account, Actor: id.String(), Action: "operator.welcomed", Object: id.String()})
	})
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.Denied, op, "this link was used already, or its time is over; ask for a new one")
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	all, err := s.Operators(ctx)
	if err != nil {
		return nil, err
	}
	for _, l := range all {
		if l.ID == id {
			return l, nil
		}
	}
	return nil, fault.New(fault.Denied, op, "this link belongs to nobody any more")
}
