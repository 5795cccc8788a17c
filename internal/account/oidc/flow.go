package oidc

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"
	"golang.org/x/oauth2"

	"sealgate/internal/account/person"
	"sealgate/internal/account/signin"
	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/limit"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

// AnswerFor is how long a browser has at its provider.
const AnswerFor = 10 * time.Minute

// maxNext bounds the address to go on to: it lies in the cookie, and browsers drop
// cookies above 4 KiB.
const maxNext = 1000

// asked is what a browser was sent to its provider with.
type asked struct {
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"`
	Issuer   string    `json:"issuer"`
	Next     string    `json:"next"`
	Again    bool      `json:"again"`
	Until    time.Time `json:"until"`
}

// Begin sends a browser to an account's provider: to an address, with a cookie to
// bring back. again asks for a fresh proof of somebody who is signed in. NotFound: the
// account has no provider, or there is no such account; ErrBusy: too many come from there.
func (s *Service) Begin(ctx context.Context, from person.From, account, next string, again bool) (to, cookie string, err error) {
	if s.visits.Take(limit.Network(from.Source).String()) > 0 {
		return "", "", ErrBusy
	}
	h, err := s.house(ctx, account)
	if err != nil {
		return "", "", err
	}
	if s.opt.URL == "" {
		return "", "", errNone
	}
	p, err := s.provider(ctx, h.Issuer, false)
	if err != nil {
		s.opt.Log.WarnContext(ctx, "a provider of single sign-on cannot be asked", "account", h.Name, "error", err)
		return "", "", err
	}
	client, err := s.at(h, p)
	if err != nil {
		return "", "", err
	}
	if len(next) > maxNext {
		next = "/"
	}
	a := asked{
		State: rand.Text() + rand.Text(), Nonce: rand.Text() + rand.Text(), Verifier: oauth2.GenerateVerifier(),
		Issuer: h.Issuer, Next: next, Again: again, Until: s.opt.Now().Add(AnswerFor),
	}
	text, err := json.Marshal(a)
	if err != nil {
		return "", "", fault.Wrap(fault.Internal, "oidc: begin", err)
	}
	opts := []oauth2.AuthCodeOption{oauth2.SetAuthURLParam("nonce", a.Nonce), oauth2.S256ChallengeOption(a.Verifier)}
	if again {
		opts = append(opts, oauth2.SetAuthURLParam("prompt", "login"), oauth2.SetAuthURLParam("max_age", "0"))
	}
	sealed := h.rec.Seal("single_sign_on", "asked", h.ID, text)
	return client.AuthCodeURL(a.State, opts...), base64.RawURLEncoding.EncodeToString(sealed), nil
}

// Answer is what a browser comes back with.
type Answer struct {
	Cookie string // as Begin gave it to this browser
	State  string
	Code   string
	Issuer string // iss, where the provider names itself

	Here uuid.UUID // the login that this browser is signed in as; Nil = none
}

// ErrRefused is the one answer to whatever does not let somebody in.
var ErrRefused = fault.New(fault.Denied, "oidc: answer", "the single sign-on did not work out; try again, or ask your administrator")

// ErrElse is the answer to a browser in which somebody else is signed in: another
// account's provider could else put its people in his place, without his noticing.
var ErrElse = fault.New(fault.Denied, "oidc: answer", "somebody else is signed in in this browser; sign out first")

// ErrBusy is the answer to too many sign-ins from one network.
var ErrBusy = fault.New(fault.TryLater, "oidc: answer", "too many people are signing in from there; try again in a moment")

// Finish lets in whom the provider vouches for, and says where he wanted to go.
func (s *Service) Finish(ctx context.Context, from person.From, account string, in Answer) (*person.Entry, string, error) {
	if s.visits.Take(limit.Network(from.Source).String()) > 0 {
		return nil, "", ErrBusy
	}
	h, err := s.house(ctx, account)
	if fault.Is(err, fault.NotFound) {
		return nil, "", ErrRefused
	}
	if err != nil {
		return nil, "", err
	}
	a, sealed, err := s.open(h, in)
	if err != nil {
		return nil, "", s.nothing(ctx, h, from, err)
	}
	p, err := s.provider(ctx, h.Issuer, false)
	if err != nil {
		return nil, "", err
	}
	if in.Issuer != h.Issuer && (in.Issuer != "" || p.naming) {
		return nil, "", s.nothing(ctx, h, from, errToken("another provider answers"))
	}
	c, err := s.redeem(ctx, h, p, a, in.Code)
	var known *fault.Error
	if errors.As(err, &known) { // ours, or the provider is down
		s.opt.Log.WarnContext(ctx, "a provider of single sign-on cannot be asked", "account", h.Name, "error", err)
		return nil, "", err
	}
	if err != nil {
		return nil, "", s.nothing(ctx, h, from, err)
	}
	e, err := s.enter(ctx, from, h, a, c, sealed, in.Here)
	if fault.Is(err, fault.Denied) || fault.Is(err, fault.NotFound) || fault.Is(err, fault.Exists) {
		return nil, "", s.refuse(ctx, h, err)
	}
	return e, a.Next, err
}

// nothing refuses an answer before a provider has vouched for anybody. It may come from
// anybody, as often as he likes: it is counted and logged, and not put on record.
func (s *Service) nothing(ctx context.Context, h *house, from person.From, why error) error {
	s.opt.SignIn.Count(signin.Portal, method, "refused")
	s.opt.Log.InfoContext(ctx, "an answer of a provider counts for nothing", "account", h.Name, "source", from.Source, "error", why)
	return ErrRefused
}

// open opens what the browser was sent with, if this is the browser and its time is
// not over.
func (s *Service) open(h *house, in Answer) (*asked, []byte, error) {
	sealed, err := base64.RawURLEncoding.DecodeString(in.Cookie)
	if err != nil {
		return nil, nil, err
	}
	text, err := h.rec.Open("single_sign_on", "asked", h.ID, sealed)
	if err != nil {
		return nil, nil, err
	}
	a := new(asked)
	if err := json.Unmarshal(text, a); err != nil {
		return nil, nil, err
	}
	switch {
	case subtle.ConstantTimeCompare([]byte(a.State), []byte(in.State)) != 1:
		return nil, nil, errToken("another state")
	case !s.opt.Now().Before(a.Until):
		return nil, nil, errToken("too late")
	case a.Issuer != h.Issuer:
		return nil, nil, errToken("the account has another provider now")
	case in.Code == "":
		return nil, nil, errToken("no code")
	}
	return a, sealed, nil
}

// refuse puts on record, a few times a minute, that somebody for whom the provider
// vouches is not let in.
func (s *Service) refuse(ctx context.Context, h *house, why error) error {
	s.opt.SignIn.Count(signin.Portal, method, "refused")
	answer := ErrRefused
	if errors.Is(why, ErrElse) {
		answer = ErrElse
	}
	s.opt.Log.WarnContext(ctx, "single sign-on lets nobody in", "account", h.Name, "reason", why)
	if s.refusals.Take(h.ID.String()) > 0 {
		return answer
	}
	entry := audit.Entry{Account: h.ID, Actor: audit.Gateway, Action: "sign-on.refused", Object: h.ID.String()}
	if err := s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.Audit(entry) }); err != nil {
		s.opt.Log.ErrorContext(ctx, "a refused single sign-on could not be put on record", "account", h.Name, "error", err)
	}
	return answer
}

// enter begins the session of whom the provider means, who is nobody else than who is
// signed in here. The first time binds him.
func (s *Service) enter(ctx context.Context, from person.From, h *house, a *asked, c *claims, sealed []byte, here uuid.UUID) (*person.Entry, error) {
	mac := h.subject(h.Issuer, c.Subject)
	login, bound, err := s.meant(ctx, h, c, mac)
	if err != nil {
		return nil, err
	}
	if here != uuid.Nil && here != login {
		return nil, ErrElse
	}
	now := s.opt.Now()
	proof := person.Elsewhere{Method: method, At: c.when(now), Factor: h.TrustMFA && c.twoFactors()}
	if a.Again && now.Sub(proof.At) > person.ProofFor {
		return nil, fault.New(fault.Denied, "oidc: enter", "the provider does not say that the proof is fresh (auth_time)")
	}
	used := sha256.Sum256(sealed)
	return s.opt.People.EnterFrom(ctx, from, login, proof, func(tx *catalog.Tx) error {
		if err := tx.InsertCeremony(&logins.Ceremony{Hash: used[:], Until: now.Add(AnswerFor)}); err != nil {
			return err
		}
		if bound {
			return nil
		}
		if err := tx.BindSubject(login, mac); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{Account: h.ID, Actor: login.String(), Action: "login.bound", Object: login.String()})
	})
}

// meant is the login that a provider means: the one that its subject is bound to, else
// the one of this account that is called like the verified address.
func (s *Service) meant(ctx context.Context, h *house, c *claims, mac []byte) (login uuid.UUID, bound bool, err error) {
	const op = "oidc: login"
	err = s.opt.Catalog.View(ctx, func(tx *catalog.Tx) error {
		l, err := tx.LoginBySubject(mac)
		if err == nil {
			login, bound = l.ID, true
			return nil
		}
		if !fault.Is(err, fault.NotFound) {
			return err
		}
		name, wrong := signin.CheckUsername(c.Email)
		if wrong != nil || !bool(c.Verified) {
			return fault.New(fault.Denied, op, "the subject is bound to nobody, and the provider vouches for no address")
		}
		l, err = tx.LoginByName(s.opt.SignIn.NameMAC(name))
		if fault.Is(err, fault.NotFound) || err == nil && l.Account != h.ID {
			return fault.New(fault.Denied, op, "the account has no login that is called like the address")
		}
		if err == nil {
			login = l.ID
		}
		return err
	})
	return login, bound, fault.Wrap(fault.Internal, op, err)
}
