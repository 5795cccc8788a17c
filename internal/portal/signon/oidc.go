package signon

import (
	"errors"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"sealgate/internal/account/oidc"
	"sealgate/internal/account/person"
	"sealgate/internal/fault"
	"sealgate/internal/portal/web/ui"
)

// oidcData is what the page before single sign-on shows. It shows the same for any
// name: only whose name leads to a provider can be found out, by going there.
type oidcData struct {
	Form      *ui.Form
	Next      string
	Account   string
	To, Other string
}

// ssoPlace is where the button of the sign-in page leads.
func (v *visit) ssoPlace() string {
	if v.sso == nil {
		return ""
	}
	return "/sign-in/oidc?next=" + url.QueryEscape(v.next())
}

// providers asks for the account, then shows the way to its provider. That is a link:
// browsers let no form end at another site (form-action).
func (v *visit) providers() error {
	v.form.Values = v.r.URL.Query()
	return v.showProviders(strings.ToLower(strings.TrimSpace(v.r.URL.Query().Get("account"))))
}

func (v *visit) showProviders(account string) error {
	d := oidcData{Form: v.form, Next: v.next(), Account: account, Other: "/sign-in/oidc?next=" + url.QueryEscape(v.next())}
	if account != "" {
		d.To = providerOf(account, v.next(), false)
	}
	return v.show("oidc", true, d)
}

func providerOf(account, next string, again bool) string {
	to := "/sign-in/oidc/" + url.PathEscape(account) + "?next=" + url.QueryEscape(next)
	if again {
		to += "&again=1"
	}
	return to
}

// toProvider sends the browser to an account's provider. Whom another site sends here
// is asked first: the provider may be one that signs in whoever comes as its own man.
func (v *visit) toProvider() error {
	if v.sso == nil {
		return v.noProvider("oidc.none")
	}
	switch v.r.Header.Get("Sec-Fetch-Site") {
	case "", "none", "same-origin": // a browser of old, the address bar, a page of ours
	default:
		return v.showProviders(v.r.PathValue("account"))
	}
	to, cookie, err := v.sso.Begin(v.r.Context(), v.from, v.r.PathValue("account"), v.next(), v.r.URL.Query().Get("again") == "1")
	if err != nil {
		return v.unsigned(err)
	}
	setCookie(v.w, oidcCookie, cookie, oidc.AnswerFor)
	v.redirect(to)
	return nil
}

// fromProvider takes the browser back.
func (v *visit) fromProvider() error {
	if v.sso == nil {
		return v.noProvider("oidc.none")
	}
	q, here := v.r.URL.Query(), uuid.Nil
	if v.session != nil && v.session.Stage == person.Full {
		here = v.session.Login
	}
	e, next, err := v.sso.Finish(v.r.Context(), v.from, v.r.PathValue("account"), oidc.Answer{
		Cookie: cookie(v.r, oidcCookie), State: q.Get("state"), Code: q.Get("code"), Issuer: q.Get("iss"), Here: here,
	})
	setCookie(v.w, oidcCookie, "", -1e9)
	if err != nil {
		return v.unsigned(err)
	}
	return v.enter(e, safeNext(next))
}

// unsigned says why the way over the provider led nowhere.
func (v *visit) unsigned(err error) error {
	switch {
	case fault.Is(err, fault.NotFound):
		return v.noProvider("oidc.none")
	case errors.Is(err, oidc.ErrBusy):
		return v.noProvider("signon.busy")
	case errors.Is(err, oidc.ErrElse):
		return v.noProvider("oidc.else")
	case fault.Is(err, fault.TryLater):
		return v.noProvider("oidc.down")
	case fault.Is(err, fault.Denied):
		return v.noProvider("oidc.refused")
	}
	return err
}

func (v *visit) noProvider(text string) error {
	v.form.Values = url.Values{}
	v.form.Fail("", v.l.T(text))
	return v.showProviders("")
}
