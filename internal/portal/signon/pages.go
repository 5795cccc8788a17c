package signon

import (
	"net/http"

	"sealgate/internal/account/oidc"
	"sealgate/internal/account/person"
	"sealgate/internal/fault"
	"sealgate/internal/portal/web/ui"
)

// signInData is what the pages of signing in show.
type signInData struct {
	Form     *ui.Form
	Next     string
	Codes    bool // one-time codes are asked for
	Passkeys bool
	Password bool
	SSO      string // where single sign-on is; empty: there is none
	Mail     bool   // links are sent by mail
}

func (v *visit) signIn() error {
	if v.session != nil && v.session.Stage == person.Full {
		v.redirect(v.next())
		return nil
	}
	return v.show("sign-in", true, signInData{Form: v.form, Next: v.next(), Passkeys: v.passkeysHere(), Mail: v.letters != nil, SSO: v.ssoPlace()})
}

func (v *visit) doSignIn() error {
	e, err := v.people.SignIn(v.r.Context(), v.from, v.r.PostForm.Get("username"), []byte(v.r.PostForm.Get("password")))
	if err == nil {
		return v.enter(e, v.next())
	}
	if err := v.wrong("", "sign-in.refused", err); err != nil {
		return err
	}
	return v.show("sign-in", true, signInData{Form: v.form, Next: v.next(), Passkeys: v.passkeysHere(), Mail: v.letters != nil, SSO: v.ssoPlace()})
}

func (v *visit) code() error {
	f, err := v.people.Factors(v.r.Context(), v.session.Login)
	if err != nil {
		return err
	}
	return v.show("code", true, signInData{Form: v.form, Next: v.next(), Codes: f.Codes, Passkeys: f.Passkeys > 0 && v.passkeysHere()})
}

func (v *visit) doCode() error {
	e, err := v.people.ShowCode(v.r.Context(), v.from, v.secret, v.r.PostForm.Get("code"))
	if err == nil {
		return v.enter(e, v.next())
	}
	if err := v.wrong("code", "code.refused", err); err != nil {
		return err
	}
	return v.code()
}

func (v *visit) again() error {
	f, err := v.people.Factors(v.r.Context(), v.session.Login)
	if err != nil {
		return err
	}
	d := signInData{Form: v.form, Next: v.next(), Codes: f.Codes, Passkeys: f.Passkeys > 0 && v.passkeysHere(), Password: f.Codes || f.Passkeys == 0}
	if v.sso != nil && oidc.IsMethod(v.session.Method) {
		d.SSO = providerOf(v.session.AccountName, d.Next, true)
	}
	return v.show("again", true, d)
}

func (v *visit) doAgain() error {
	e, err := v.people.Again(v.r.Context(), v.from, v.secret, []byte(v.r.PostForm.Get("password")), v.r.PostForm.Get("code"))
	if err == nil {
		return v.enter(e, v.next())
	}
	if err := v.wrong("", "again.refused", err); err != nil {
		return err
	}
	return v.again()
}

// signOut ends the session, if there is one; the browser forgets it in any case.
func (v *visit) signOut() error {
	if v.session != nil {
		err := v.people.End(v.r.Context(), v.session.Login.String(), v.session.Login, v.session.ID)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
	}
	setCookie(v.w, sessionCookie, "", -1e9)
	v.w.Header().Set("Clear-Site-Data", `"cache", "storage"`)
	return v.done("/sign-in", "signed-out")
}

// language chooses for who has not signed in.
func (v *visit) language() error {
	if to := v.r.PostForm.Get("to"); to == "sv" || to == "en" {
		setCookie(v.w, ui.LanguageCookie, to, languageFor)
	}
	v.redirect("/sign-in")
	return nil
}

func (v *visit) welcome() error {
	return v.show("welcome", true, signInData{Form: v.form})
}

func (v *visit) doWelcome() error {
	e, err := v.people.Follow(v.r.Context(), v.from, secretIn(v.r.PostForm.Get("link")))
	if err == nil {
		return v.enter(e, "/")
	}
	if err := v.wrong("link", "welcome.refused", err); err != nil {
		return err
	}
	v.form.Values.Del("link")
	return v.welcome()
}

// secretIn takes a link's secret, or the whole link.
func secretIn(text string) string {
	for i := len(text) - 1; i >= 0; i-- {
		if text[i] == '#' {
			return text[i+1:]
		}
	}
	return text
}

// passwordData is what the pages of choosing a password show.
type passwordData struct {
	Form     *ui.Form
	Username string
	Least    int
	Old      bool
}

func (v *visit) choose() error { return v.passwordPage("password", false) }

func (v *visit) newPassword() error { return v.passwordPage("new-password", true) }

func (v *visit) passwordPage(name string, old bool) error {
	least, err := v.people.LeastLength(v.r.Context(), v.secret, v.from)
	if err != nil {
		return err
	}
	return v.show(name, !old, passwordData{Form: v.form, Username: v.session.Username, Least: least, Old: old})
}

func (v *visit) doChoose() error {
	e, err := v.chosen(func(fresh []byte) (*person.Entry, error) {
		return v.people.ChoosePassword(v.r.Context(), v.from, v.secret, fresh)
	})
	switch {
	case err != nil:
		return err
	case e == nil:
		return v.choose()
	}
	return v.enter(e, "/")
}

func (v *visit) doNewPassword() error {
	e, err := v.chosen(func(fresh []byte) (*person.Entry, error) {
		return v.people.ChangePassword(v.r.Context(), v.from, v.secret, []byte(v.r.PostForm.Get("old")), fresh)
	})
	switch {
	case err != nil:
		return err
	case e == nil:
		return v.newPassword()
	}
	v.keep(e)
	return v.done("/me", "password-changed")
}

// chosen takes the password that was typed twice. Nothing and no error: something is
// wrong with it, and the form says what.
func (v *visit) chosen(set func([]byte) (*person.Entry, error)) (*person.Entry, error) {
	fresh := v.r.PostForm.Get("password")
	if fresh != v.r.PostForm.Get("repeat") {
		v.form.Fail("repeat", v.l.T("password.differs"))
		return nil, nil
	}
	least, err := v.people.LeastLength(v.r.Context(), v.secret, v.from)
	if err != nil {
		return nil, err
	}
	e, err := set([]byte(fresh))
	if fault.Is(err, fault.Denied) {
		v.form.Fail("old", v.l.T("password.wrong"))
		return nil, nil
	}
	if err != nil {
		return nil, v.wrongPassword(err, least)
	}
	return e, nil
}

// notFound is for ids that are none.
func notFound() error { return fault.New(fault.NotFound, "sign-on", "there is no such page") }

// image answers with an SVG that is ours.
func (v *visit) image(svg []byte) error {
	v.w.Header().Set("Content-Type", "image/svg+xml")
	v.w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	v.w.WriteHeader(http.StatusOK)
	_, _ = v.w.Write(svg) // the browser is gone when this fails
	return nil
}
