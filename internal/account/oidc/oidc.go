// Package oidc is single sign-on: an account's people prove who they are to their own
// provider, by OpenID Connect.
//
//	browser ── Begin ──> provider ── code ──> Finish ──> a session (package person)
//
// The code flow with PKCE (S256), a nonce and a state. What was asked is sealed into a
// cookie of the browser, so that a code counts only in the browser that asked for it,
// only for the account and the provider that it was asked for, once, and for ten
// minutes; who has shown nothing yet makes the gateway write nothing. Each account
// has a redirect address of its own, so that no provider's answer is taken to another.
// Signature, issuer, audience, end and nonce of the ID token are looked at before
// anything in it is believed.
//
// Who a provider vouches for is let in as a login that the account has already: the
// one whose username is the verified e-mail address. From then on the provider's
// subject is bound to that login, and the address counts no more. A provider makes no
// logins, says nothing about logins of other accounts, and nothing about operators.
// A second factor that the login has is asked for all the same, unless the account
// trusts its provider's (TrustMFA).
//
// Providers are reached through the dial guard, by HTTPS only. Not here: pages and
// cookies (portal/signon).
package oidc

import (
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/singleflight"

	"sealgate/internal/account/person"
	"sealgate/internal/account/signin"
	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/dialguard"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/limit"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

const (
	answerWithin = 10 * time.Second
	maxAnswer    = 1 << 20
	secretKind   = "oidc"
	method       = "oidc" // of sessions
)

// IsMethod tells whether a session began by single sign-on.
func IsMethod(m string) bool { return m == method || strings.HasPrefix(m, method+"+") }

// Options are the parts of a Service. All are needed but where said.
type Options struct {
	Catalog *catalog.Catalog
	Custody *custody.Custodian
	Keys    *keys.Store
	SignIn  *signin.Service
	People  *person.Service
	Guard   *dialguard.Guard
	URL     string         // what browsers call this gateway; "" = nobody signs in this way
	Roots   *x509.CertPool // nil = those of the machine
	Now     func() time.Time
	Log     *slog.Logger
}

// Service keeps accounts' providers and signs in by them. It is safe for concurrent use.
type Service struct {
	opt    Options
	client *http.Client

	visits   *limit.Limiter // by network: each asks a provider
	refusals *limit.Limiter // by account: each is put on record
	asking   singleflight.Group

	mu    sync.Mutex // guards what follows
	known map[string]known
}

// A sign-in is two visits. Many people may sit behind one address.
var (
	visitRate   = limit.Rate{Burst: 120, Every: time.Second}
	refusalRate = limit.Rate{Burst: 10, Every: time.Minute}
)

// New returns the service of these stores.
func New(opt Options) *Service {
	transport := opt.Guard.Transport(answerWithin)
	transport.TLSClientConfig.RootCAs = opt.Roots
	client := &http.Client{
		Transport: httpsOnly{transport}, Timeout: answerWithin,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return &Service{
		opt: opt, known: map[string]known{}, client: client, visits: limit.New(visitRate, opt.Now), refusals: limit.New(refusalRate, opt.Now),
	}
}

// httpsOnly refuses addresses without encryption, wherever they were read, and reads
// no answer without end.
type httpsOnly struct{ next http.RoundTripper }

func (t httpsOnly) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Scheme != "https" {
		return nil, fault.New(fault.Denied, "oidc: ask the provider", "the provider names an address without https")
	}
	resp, err := t.next.RoundTrip(r)
	if err == nil {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, maxAnswer), resp.Body}
	}
	return resp, err
}

// Settings are an account's provider.
type Settings struct {
	Issuer   string `json:"issuer"`
	ClientID string `json:"client_id"`
	TrustMFA bool   `json:"trust_mfa"` // a second factor that the provider says it has seen is enough

	Secret    bool      `json:"-"` // there is a client secret
	ChangedAt time.Time `json:"-"`
}

// Change is what is to be set; nil leaves a setting.
type Change struct {
	Issuer, ClientID *string
	Secret           *string // empty: a client without one
	TrustMFA         *bool
}

// Redirect is the address that an account's provider is told to send browsers to.
func (s *Service) Redirect(account string) string {
	return s.opt.URL + "/sign-in/oidc/" + url.PathEscape(account) + "/callback"
}

// errNone is the answer for an account without a provider, and for no account.
var errNone = fault.New(fault.NotFound, "oidc: settings", "the account has no single sign-on")

// house is an account with its provider.
type house struct {
	*catalog.Account
	rec *custody.Records
	Settings
	secret uuid.UUID // how the key store names the client's
}

func (s *Service) house(ctx context.Context, name string) (*house, error) {
	h, row, err := s.account(ctx, name)
	if err != nil {
		return nil, err
	}
	if row == nil {
		return nil, errNone
	}
	return h, s.read(h, row)
}

// read opens an account's settings.
func (s *Service) read(h *house, row *logins.SingleSignOn) error {
	const op = "oidc: settings"
	text, err := h.rec.Open("single_sign_on", "settings", h.ID, row.Settings)
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	if err := json.Unmarshal(text, &h.Settings); err != nil {
		return fault.Wrap(fault.Damaged, op, err)
	}
	h.ChangedAt, h.secret = row.ChangedAt, row.Secret
	if h.secret == uuid.Nil {
		return nil
	}
	_, err = s.opt.Keys.AccountSecret(h.ID, secretKind, h.secret)
	if h.Secret = err == nil; fault.Is(err, fault.NotFound) {
		return nil
	}
	return fault.Wrap(fault.Internal, op, err)
}

// account finds an open account of customers, with or without a provider.
func (s *Service) account(ctx context.Context, name string) (h *house, row *logins.SingleSignOn, err error) {
	h = &house{}
	err = s.opt.Catalog.View(ctx, func(tx *catalog.Tx) error {
		if h.Account, err = tx.AccountByName(name); err != nil {
			return err
		}
		row, err = tx.SingleSignOn(h.ID)
		if fault.Is(err, fault.NotFound) {
			row, err = nil, nil
		}
		return err
	})
	switch {
	case fault.Is(err, fault.NotFound), err == nil && (h.State != catalog.AccountOpen || name == catalog.SystemAccount):
		return nil, nil, errNone
	case err == nil:
		h.rec, err = s.opt.Custody.Records(ctx, h.ID)
	}
	return h, row, fault.Wrap(fault.Internal, "oidc: account", err)
}

// Settings returns an account's provider.
func (s *Service) Settings(ctx context.Context, account string) (*Settings, error) {
	h, err := s.house(ctx, account)
	if err != nil {
		return nil, err
	}
	return &h.Settings, nil
}

// Set changes an account's provider, or gives it one. The provider is asked for its
// description first. When it is another one, or another client of it, whom it means
// by a subject is forgotten; sessions that began by it end with every change. TryLater:
// somebody else has changed it meanwhile.
func (s *Service) Set(ctx context.Context, actor, account string, c Change) (*Settings, error) {
	const op = "oidc: set"
	if s.opt.URL == "" {
		return nil, fault.New(fault.Invalid, op, "providers send browsers back to https.url, and that is not set")
	}
	h, row, err := s.account(ctx, account)
	if err == nil && row != nil {
		err = s.read(h, row)
	}
	if err != nil {
		return nil, err
	}
	before := h.Settings
	set(&h.Issuer, c.Issuer)
	set(&h.ClientID, c.ClientID)
	set(&h.TrustMFA, c.TrustMFA)
	if err := h.check(); err != nil {
		return nil, err
	}
	another := before.Issuer != h.Issuer || before.ClientID != h.ClientID
	if another && h.Secret && c.Secret == nil {
		return nil, fault.New(fault.Invalid, op, "another issuer or client needs its own client secret: what the one before gave is not shown to it")
	}
	if _, err := s.provider(ctx, h.Issuer, true); err != nil {
		return nil, err
	}
	next, err := s.keepSecret(h, c.Secret)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(h.Settings)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	h.ChangedAt = s.opt.Now()
	err = s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := unchanged(tx, h.ID, row); err != nil {
			return err
		}
		v := &logins.SingleSignOn{Account: h.ID, Settings: h.rec.Seal("single_sign_on", "settings", h.ID, text), Secret: next, ChangedAt: h.ChangedAt}
		if err := tx.PutSingleSignOn(v); err != nil {
			return err
		}
		if another {
			if err := tx.UnbindSubjects(h.ID); err != nil {
				return err
			}
		}
		return s.ended(tx, h.ID, actor, "sign-on.set")
	})
	if err == nil && row != nil && row.Secret != next {
		err = s.forget(h.ID, row.Secret)
	}
	return &h.Settings, fault.Wrap(fault.Internal, op, err)
}

// unchanged refuses a change of settings that are not those which were read.
func unchanged(tx *catalog.Tx, account uuid.UUID, read *logins.SingleSignOn) error {
	now, err := tx.SingleSignOn(account)
	switch {
	case fault.Is(err, fault.NotFound) && read == nil:
		return nil
	case err != nil && !fault.Is(err, fault.NotFound):
		return err
	case err == nil && read != nil && bytes.Equal(now.Settings, read.Settings):
		return nil
	}
	return fault.New(fault.TryLater, "oidc: set", "somebody else has changed single sign-on just now; look at it, and try again")
}

// keepSecret brings a client's secret to the key store, under a name of its own, and
// returns how the settings name the client's secret from now on. So no provider is ever
// shown the secret that another one gave, whatever happens between the two stores; a
// secret that no settings name in the end goes with the leftovers.
func (s *Service) keepSecret(h *house, secret *string) (uuid.UUID, error) {
	if secret == nil && h.Secret {
		return h.secret, nil // of this client: another one would need its own
	}
	if h.Secret = secret != nil && *secret != ""; !h.Secret {
		return uuid.Nil, nil
	}
	const op = "oidc: client secret"
	id, err := uuid.NewV7()
	if err == nil {
		err = s.opt.Keys.SetSecret(h.ID, secretKind, id, []byte(*secret))
	}
	return id, fault.Wrap(fault.Internal, op, err)
}

// forget destroys a client's secret that the settings name no more.
func (s *Service) forget(account, secret uuid.UUID) error {
	if secret == uuid.Nil {
		return nil
	}
	return s.opt.Keys.RemoveSecret(account, secretKind, secret)
}

// ended puts a change on record and ends the sessions that stood on what was before.
func (s *Service) ended(tx *catalog.Tx, account uuid.UUID, actor, action string) error {
	if err := tx.DeleteSessionsBy(account, method); err != nil {
		return err
	}
	return tx.Audit(audit.Entry{Account: account, Actor: actor, Action: action, Object: account.String()})
}

// Remove takes an account's provider away.
func (s *Service) Remove(ctx context.Context, actor, account string) error {
	const op = "oidc: remove"
	h, err := s.house(ctx, account)
	if err != nil {
		return err
	}
	err = s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := tx.DeleteSingleSignOn(h.ID); err != nil {
			return err
		}
		if err := tx.UnbindSubjects(h.ID); err != nil {
			return err
		}
		return s.ended(tx, h.ID, actor, "sign-on.removed")
	})
	if err == nil {
		err = s.forget(h.ID, h.secret)
	}
	return fault.Wrap(fault.Internal, op, err)
}

const maxText = 1000 // bytes of an issuer or a client's id

func (s Settings) check() error {
	const op = "oidc: settings"
	u, err := url.Parse(s.Issuer)
	switch {
	case err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || len(s.Issuer) > maxText:
		return fault.New(fault.Invalid, op, "the issuer is an address like https://login.example.com, as the provider calls itself")
	case s.ClientID == "" || len(s.ClientID) > maxText || strings.ContainsFunc(s.ClientID, func(r rune) bool { return r < ' ' || r > '~' }):
		return fault.New(fault.Invalid, op, "a client id is what the provider calls this gateway, in ASCII")
	}
	return nil
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// subject is what a provider's name for a person is found by.
func (h *house) subject(issuer, subject string) []byte {
	mac := h.rec.MAC("oidc subject", h.ID[:], []byte(issuer), []byte(subject))
	return bytes.Clone(mac[:])
}
