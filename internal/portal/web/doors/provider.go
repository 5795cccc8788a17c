package doors

import (
	"net/url"
	"strings"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
)

// providerPage is an account's single sign-on, nil = none.
type providerPage struct {
	Set     *portal.SingleSignOn
	Address ui.Secret // to be registered; no secret, but copied as one
	Confirm ui.Confirm
	Form    *ui.Form
}

func readProvider(v *desk.Visit) (*portal.SingleSignOn, error) {
	var s portal.SingleSignOn
	err := v.Get(v.Of("single-sign-on"), nil, &s)
	if fault.Is(err, fault.NotFound) {
		if _, _, err := v.TheAccount(); err != nil {
			return nil, err
		}
		return nil, nil
	}
	return &s, err
}

func provider(v *desk.Visit) error {
	s, err := readProvider(v)
	if err != nil {
		return err
	}
	page := providerPage{Set: s}
	if s != nil {
		page.Address = ui.Secret{Label: v.L.T("sso.redirect"), Value: s.Redirect, Help: v.L.T("sso.redirect.help")}
	}
	return v.Show("provider", "sign-on", v.L.T("sso.title"), page)
}

func providerCrumbs(v *desk.Visit) []ui.Crumb {
	return []ui.Crumb{{Label: v.L.T("sso.title"), Href: v.At("single-sign-on")}}
}

var providerFields = []string{"issuer", "client_id", "trust_mfa"}

func askProvider(v *desk.Visit) error {
	if err := v.Managed(); err != nil {
		return err
	}
	if err := v.Proved(); err != nil {
		return err
	}
	s, err := readProvider(v)
	if err != nil {
		return err
	}
	form := v.Typed(providerFields...)
	if s != nil && len(form.Values) == 0 {
		form.Values = url.Values{"issuer": {s.Issuer}, "client_id": {s.ClientID}}
		if s.TrustMFA {
			form.Values.Set("trust_mfa", "yes")
		}
	}
	return showProvider(v, s, form)
}

func showProvider(v *desk.Visit, s *portal.SingleSignOn, form *ui.Form) error {
	return v.ShowAs(form.Status(), "provider-edit", "sign-on", v.L.T("sso.edit"), providerPage{Set: s, Form: form}, providerCrumbs(v)...)
}

var providerRefusals = []desk.Refusal{
	{Words: "https.url", Text: "sso.no-url"},
	{Words: "needs its own client secret", Field: "client_secret", Text: "sso.secret.own"},
	{Words: "the issuer is an address", Field: "issuer", Text: "sso.issuer.bad"},
	{Words: "a client id is", Field: "client_id", Text: "sso.client.bad"},
	{Words: "may not be connected to", Field: "issuer", Text: "sso.issuer.kept-away"},
}

func setProvider(v *desk.Visit) error {
	s, err := readProvider(v)
	if err != nil {
		return err
	}
	if err := v.Managed(); err != nil {
		return err
	}
	typed := v.R.PostForm
	form := &ui.Form{Values: desk.Keep(typed, providerFields...)} // the secret is not shown again
	v.Next = desk.Address(v.At("single-sign-on", "edit"), form.Values)
	v.Required(form, "issuer", "client_id")
	if !form.OK() {
		return showProvider(v, s, form)
	}
	issuer, client, trust := strings.TrimSpace(typed.Get("issuer")), strings.TrimSpace(typed.Get("client_id")), typed.Get("trust_mfa") != ""
	in := portal.SingleSignOnChange{Issuer: &issuer, ClientID: &client, TrustMFA: &trust}
	if secret := strings.TrimSpace(typed.Get("client_secret")); secret != "" || typed.Get("no_secret") != "" {
		in.Secret = &secret
	}
	if err := v.Patch(v.Of("single-sign-on"), in, nil); err != nil {
		switch {
		case portal.IsStepUp(err) || portal.IsSignIn(err):
			return err
		case fault.Is(err, fault.TryLater): // the provider does not answer as one
			form.Fail("issuer", v.L.T("sso.issuer.silent"))
		case fault.Is(err, fault.Denied) && fault.Message(err) != "":
			form.Fail("issuer", v.L.T("sso.issuer.kept-away"))
		default:
			if err := v.Explain(form, err, providerRefusals); err != nil {
				return err
			}
		}
		return showProvider(v, s, form)
	}
	return v.Done(v.At("single-sign-on"), "sso-saved")
}

func askRemoveProvider(v *desk.Visit) error {
	if err := v.Managed(); err != nil {
		return err
	}
	if err := v.Proved(); err != nil {
		return err
	}
	return showRemoveProvider(v, &ui.Form{})
}

func showRemoveProvider(v *desk.Visit, form *ui.Form) error {
	s, err := readProvider(v)
	if err != nil {
		return err
	}
	if s == nil {
		return fault.New(fault.NotFound, "web: single sign-on", "the account has no single sign-on")
	}
	page := providerPage{Set: s, Confirm: ui.Confirm{
		Sentence: v.L.T("sso.remove.text", "issuer", s.Issuer), Must: v.Account, Action: v.At("single-sign-on", "remove"),
		Button: v.L.T("sso.remove"), Cancel: v.At("single-sign-on"), Form: form,
	}}
	return v.ShowAs(form.Status(), "provider-remove", "sign-on", v.L.T("sso.remove"), page, providerCrumbs(v)...)
}

func removeProvider(v *desk.Visit) error {
	v.Next = v.At("single-sign-on", "remove")
	form := &ui.Form{Values: desk.Keep(v.R.PostForm, "confirm")}
	if strings.TrimSpace(form.Values.Get("confirm")) != v.Account {
		form.Fail("confirm", v.L.T("confirm.wrong"))
		return showRemoveProvider(v, form)
	}
	if err := v.Delete(v.Of("single-sign-on"), nil, nil); err != nil {
		return err
	}
	return v.Done(v.At("single-sign-on"), "sso-removed")
}
