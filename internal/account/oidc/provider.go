package oidc

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"sealgate/internal/fault"
)

const (
	believedFor = time.Hour // a provider's description
	retryAfter  = 10 * time.Second
	maxKnown    = 1000
	clockSlack  = time.Minute
)

// known is a provider's description, or why there is none.
type known struct {
	*oidc.Provider
	style  oauth2.AuthStyle
	naming bool // it says in its answers who it is
	err    error
	until  time.Time
}

// errDown is the answer while a provider cannot be asked.
func errDown(err error) error {
	var wrong *fault.Error
	if errors.As(err, &wrong) && wrong.Kind == fault.Denied { // by the dial guard
		return wrong
	}
	return &fault.Error{Kind: fault.TryLater, Op: "oidc: provider", Message: "the provider of the single sign-on does not answer as one; try again later", Err: err}
}

// provider returns what a provider says of itself, asked at most once an hour unless
// afresh, and once by all who wait for it.
func (s *Service) provider(ctx context.Context, issuer string, afresh bool) (known, error) {
	now := s.opt.Now()
	s.mu.Lock()
	p, ok := s.known[issuer]
	s.mu.Unlock()
	if !ok || afresh || !now.Before(p.until) || p.until.Sub(now) > believedFor {
		all, _, _ := s.asking.Do(issuer, func() (any, error) {
			p := s.discover(context.WithoutCancel(ctx), issuer) // who hangs up does not speak for the others
			p.until = now.Add(believedFor)
			if p.err != nil {
				p.until = now.Add(retryAfter)
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			if len(s.known) >= maxKnown {
				clear(s.known)
			}
			s.known[issuer] = p
			return p, nil
		})
		p, _ = all.(known)
	}
	return p, p.err
}

func (s *Service) discover(ctx context.Context, issuer string) known {
	p, err := oidc.NewProvider(s.with(ctx), issuer)
	if err != nil {
		return known{err: errDown(err)}
	}
	var more struct {
		Methods []string `json:"token_endpoint_auth_methods_supported"`
		Naming  bool     `json:"authorization_response_iss_parameter_supported"`
	}
	if err := p.Claims(&more); err != nil {
		return known{err: errDown(err)}
	}
	at, err := url.Parse(p.Endpoint().AuthURL)
	if err != nil || at.Scheme != "https" || at.Hostname() == "" {
		return known{err: errDown(errors.New("its authorization endpoint has no https address"))}
	}
	k := known{Provider: p, style: oauth2.AuthStyleInHeader, naming: more.Naming}
	if len(more.Methods) > 0 && !slices.Contains(more.Methods, "client_secret_basic") {
		k.style = oauth2.AuthStyleInParams
	}
	return k
}

// with makes the libraries ask through the dial guard.
func (s *Service) with(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, s.client)
}

// at is an account's client of its provider.
func (s *Service) at(h *house, p known) (*oauth2.Config, error) {
	c := &oauth2.Config{
		ClientID: h.ClientID, Endpoint: p.Endpoint(), RedirectURL: s.Redirect(h.Name), Scopes: []string{oidc.ScopeOpenID, "email"},
	}
	c.Endpoint.AuthStyle = p.style
	if !h.Secret {
		c.Endpoint.AuthStyle = oauth2.AuthStyleInParams
		return c, nil
	}
	secret, err := s.opt.Keys.AccountSecret(h.ID, secretKind, h.secret)
	c.ClientSecret = string(secret)
	return c, fault.Wrap(fault.Internal, "oidc: client secret", err)
}

// claims are what a provider says of a person.
type claims struct {
	Subject  string   `json:"sub"`
	Email    string   `json:"email"`
	Verified flag     `json:"email_verified"`
	AuthTime int64    `json:"auth_time"`
	AMR      []string `json:"amr"`
	Party    string   `json:"azp"`
}

// flag is a truth that some providers write as a text.
type flag bool

func (f *flag) UnmarshalJSON(text []byte) error {
	*f = string(text) == "true" || string(text) == `"true"`
	return nil
}

// twoFactors tells whether the provider says it has seen two (RFC 8176).
func (c claims) twoFactors() bool { return slices.Contains(c.AMR, "mfa") }

// when is when the person proved who he is; zero when the provider does not say, or
// says what cannot be.
func (c claims) when(now time.Time) time.Time {
	at := time.Unix(c.AuthTime, 0)
	if c.AuthTime <= 0 || at.After(now.Add(clockSlack)) {
		return time.Time{}
	}
	return at
}

// errToken is for the log: what a provider sent does not hold.
func errToken(what string) error { return errors.New("the answer does not hold: " + what) }

// redeem turns a code into what the provider says of the person, checked.
func (s *Service) redeem(ctx context.Context, h *house, p known, asked *asked, code string) (*claims, error) {
	client, err := s.at(h, p)
	if err != nil {
		return nil, err
	}
	ctx = s.with(ctx)
	token, err := client.Exchange(ctx, code, oauth2.VerifierOption(asked.Verifier))
	if err != nil {
		var refused *oauth2.RetrieveError
		if errors.As(err, &refused) && refused.Response != nil && refused.Response.StatusCode < 500 {
			return nil, errToken("the code is refused: " + refused.ErrorCode)
		}
		return nil, errDown(err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := p.VerifierContext(ctx, &oidc.Config{ClientID: h.ClientID, Now: s.opt.Now}).Verify(ctx, raw)
	if err != nil {
		return nil, errToken(err.Error())
	}
	var c claims
	if err := id.Claims(&c); err != nil {
		return nil, errToken(err.Error())
	}
	switch {
	case id.Nonce != asked.Nonce:
		return nil, errToken("it has another nonce")
	case id.Subject == "":
		return nil, errToken("it is about nobody")
	case c.Party != "" && c.Party != h.ClientID, len(id.Audience) > 1 && c.Party == "":
		return nil, errToken("it was made for another client")
	}
	if c.Email != "" || p.UserInfoEndpoint() == "" {
		return &c, nil
	}
	info, err := p.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, errDown(err)
	}
	if info.Subject != id.Subject {
		return nil, errToken("the provider tells of somebody else")
	}
	c.Email, c.Verified = info.Email, flag(info.EmailVerified)
	return &c, nil
}
