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
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

// AnswerFor is how long a browser has at its provider.
const AnswerFor = 10 * time.Minute

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
// account has no provider, or there is no such account.
func (s *Service) Begin(ctx context.Context, account, next string, again bool) (to, cookie string, err error) {
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
}

// ErrRefused is the one answer to whatever does not let somebody in.
var ErrRefused = fault.New(fault.Denied, "oidc: answer", "the single sign-on did not work out; try again, or ask your administrator")

// Finish lets in whom the provider vouches for, and says where he wanted to go.
func (s *Service) Finish(ctx context.Context, from person.From, account string, in Answer) (*person.Entry, string, error) {
	h, err := s.house(ctx, account)
	if fault.Is(err, fault.NotFound) {
		return nil, "", ErrRefused
	}
	if err != nil {
		return nil, "", err
	}
	a, sealed, err := s.open(h, in)
	if err != nil {
		s.opt.Log.InfoContext(ctx, "an answer of a provider counts for nothing", "account", h.Name, "source", from.Source, "error", err)
		return nil, "", ErrRefused
	}
	p, err := s.provider(ctx, h.Issuer, false)
	if err != nil {
		return nil, "", err
	}
	if in.Issuer != h.Issuer && (in.Issuer != "" || p.naming) {
		return nil, "", s.refuse(ctx, h, errToken("another provider answers"))
	}
	c, err := s.redeem(ctx, h, p, a, in.Code)
	var known *fault.Error
	if errors.As(err, &known) { // ours, or the provider is down
		s.opt.Log.WarnContext(ctx, "a provider of single sign-on cannot be asked", "account", h.Name, "error", err)
		return nil, "", err
	}
	if err != nil {
		return nil, "", s.refuse(ctx, h, err)
	}
	e, err := s.enter(ctx, from, h, a, c, sealed)
	if fault.Is(err, fault.Denied) || fault.Is(err, fault.NotFound) || fault.Is(err, fault.Exists) {
		return nil, "", s.refuse(ctx, h, err)
	}
	return e, a.Next, err
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

// refuse puts on record that what a provider said lets nobody in.
func (s *Service) refuse(ctx context.Context, h *house, why error) error {
	s.opt.Log.WarnContext(ctx, "single sign-on lets nobody in", "account", h.Name, "reason", why)
	entry := audit.Entry{Account: h.ID, Actor: audit.Gateway, Action: "sign-on.refused", Object: h.ID.String()}
	if err := s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.Audit(entry) }); err != nil {
		s.opt.Log.ErrorContext(ctx, "a refused single sign-on could not be put on record", "account", h.Name, "error", err)
	}
	return ErrRefused
}

// enter begins the session of whom the provider means. The first time binds him.
func (s *Service) enter(ctx context.Context, from person.From, h *house, a *asked, c *claims, sealed []byte) (*person.Entry, error) {
	mac := h.subject(h.Issuer, c.Subject)
	login, bound, err := s.meant(ctx, h, c, mac)
	if err != nil {
		return nil, err
	}
	now := s.opt.Now()
	proof := person.Elsewhere{Method: method, At: c.when(now), Factor: h.TrustMFA && c.twoFactors()}
	if a.Again && now.Sub(proof.At) > AnswerFor {
		return nil, fault.New(fault.Denied, "oidc: enter", "the provider does not say that the proof is fresh (auth_time)")
	}
	used := sha256.Sum256(sealed)
	return s.opt.People.EnterFrom(ctx, from, login, proof, func(tx *catalog.Tx) error {
		if err := tx.InsertCeremony(&logins.Ceremony{Hash: used[:], Kind: "oidc-used", Data: []byte{}, Until: now.Add(AnswerFor)}); err != nil {
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
