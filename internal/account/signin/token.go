package signin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"net/netip"
	"strings"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

// API is the door of programs.
const API Door = "api"

// tokenPrefix makes a token known for what it is, to people and to programs that
// look for secrets where none should be.
const tokenPrefix = "sgt_"

// usedEvery is how exactly it is noted when a token was last used.
const usedEvery = time.Minute

// NewToken makes the secret of a token: 130 random bits. Nobody guesses that, so
// it needs neither a salt nor a slow hash.
func NewToken() string { return tokenPrefix + rand.Text() }

// TokenHash is what a token is found by.
func TokenHash(secret string) []byte {
	sum := sha256.Sum256([]byte("sealgate/v1 token " + secret))
	return sum[:]
}

var tokenSize = len(NewToken())

// errToken is the one answer to every token that is good for nothing.
var errToken = fault.New(fault.Denied, "sign-in: token", "the token is not known, or its time is over")

// Bearer is who has shown a token.
type Bearer struct {
	Token    uuid.UUID
	Account  uuid.UUID
	Role     Role
	Operator bool // it is a token of who runs the gateway
}

// Bearer lets in who shows a token: one that was not removed, whose time is not
// over, of an account that is open and lets people in from there. A right token
// never waits; who shows wrong ones spends what strangers at his address have, and
// is asked to try later when that is gone.
func (s *Service) Bearer(ctx context.Context, secret string, source netip.Addr) (*Bearer, error) {
	who, err := s.bearer(ctx, secret, source)
	outcome := "ok"
	if fault.Is(err, fault.Denied) {
		outcome = "refused"
		if ok, perr := s.strangerPays(ctx, source); perr == nil && !ok {
			outcome, err = "throttled", fault.New(fault.TryLater, "sign-in: token", "too many wrong tokens and passwords came from this address")
		}
	} else if err != nil {
		outcome = "error"
	}
	s.metrics.SignIn(string(API), "token", outcome)
	return who, err
}

func (s *Service) bearer(ctx context.Context, secret string, source netip.Addr) (*Bearer, error) {
	if len(secret) != tokenSize || !strings.HasPrefix(secret, tokenPrefix) {
		return nil, errToken
	}
	var token *logins.Token
	var acc *catalog.Account
	err := s.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		if token, err = tx.TokenByHash(TokenHash(secret)); err != nil {
			return err
		}
		acc, err = tx.Account(token.Account)
		return err
	})
	switch {
	case fault.Is(err, fault.NotFound):
		return nil, errToken
	case err != nil:
		return nil, fault.Wrap(fault.Internal, "sign-in: token", err)
	case acc.State != catalog.AccountOpen || !s.now().Before(token.Until):
		return nil, errToken
	}
	switch ok, err := s.from(ctx, acc, source); {
	case err != nil:
		return nil, fault.Wrap(fault.Internal, "sign-in: token", err)
	case !ok:
		return nil, errToken
	}
	if err := s.used(ctx, token); err != nil {
		return nil, err
	}
	return &Bearer{Token: token.ID, Account: acc.ID, Role: Role(token.Role), Operator: acc.Name == catalog.SystemAccount}, nil
}

// from tells whether the account lets people in from there.
func (s *Service) from(ctx context.Context, acc *catalog.Account, source netip.Addr) (bool, error) {
	if acc.AllowFrom == nil {
		return true, nil
	}
	rec, err := s.keys.Records(ctx, acc.ID)
	if err != nil {
		return false, err
	}
	list, err := OpenNetworks(rec, "account", acc.ID, acc.AllowFrom)
	if fault.Is(err, fault.Locked) {
		return false, nil
	}
	return err == nil && contains(list, source), err
}

// used notes that a token is used. One that was removed since it was read lets
// nobody in; that the disk is full keeps nobody out.
func (s *Service) used(ctx context.Context, t *logins.Token) error {
	now := s.now()
	if passed := now.Sub(t.LastUsed); passed >= 0 && passed < usedEvery {
		return nil
	}
	err := s.catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.TouchToken(t.ID, now) })
	if fault.Is(err, fault.NotFound) {
		return errToken
	}
	if err != nil {
		s.log.Error("the use of a token could not be put on record", "token", t.ID, "error", err)
	}
	return nil
}

// strangerPays takes a failure from what strangers at an address have; false when
// nothing is left. Then it writes nothing, either.
func (s *Service) strangerPays(ctx context.Context, source netip.Addr) (ok bool, err error) {
	pay := []budget{s.strangersAt(source)}
	if ok, err = s.peek(ctx, pay); err != nil || !ok {
		return ok, err
	}
	err = s.catalog.Update(ctx, func(tx *catalog.Tx) (err error) {
		ok, err = spend(tx, pay, s.now())
		return err
	})
	return ok, err
}
