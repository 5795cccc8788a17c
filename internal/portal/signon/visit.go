package signon

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"sealgate/internal/account/password"
	"sealgate/internal/account/person"
	"sealgate/internal/fault"
	"sealgate/internal/portal/web/ui"
)

// route is one page: who may see it, and what answers.
type route struct {
	pattern string
	stages  []person.Stage // of the session that it needs; none: everybody
	fresh   bool           // it needs a proof of the last minutes, too
	answer  func(*visit) error
}

var (
	signedIn = []person.Stage{person.Full}
	settingF = []person.Stage{person.Factor}
)

// routes are all pages of signing in.
var routes = []route{
	{"GET /sign-in", nil, false, (*visit).signIn},
	{"POST /sign-in", nil, false, (*visit).doSignIn},
	{"GET /sign-in/forgot", nil, false, (*visit).forgot},
	{"POST /sign-in/forgot", nil, false, (*visit).doForgot},
	{"GET /sign-in/code", []person.Stage{person.Code}, false, (*visit).code},
	{"POST /sign-in/code", []person.Stage{person.Code}, false, (*visit).doCode},
	{"GET /sign-in/again", signedIn, false, (*visit).again},
	{"POST /sign-in/again", signedIn, false, (*visit).doAgain},
	{"POST /sign-in/passkey/ask", nil, false, askPasskey},
	{"POST /sign-in/passkey", nil, false, showPasskey},
	{"GET /sign-in/oidc", nil, false, (*visit).providers},
	{"GET /sign-in/oidc/{account}", nil, false, (*visit).toProvider},
	{"GET /sign-in/oidc/{account}/callback", nil, false, (*visit).fromProvider},
	{"POST /sign-out", nil, false, (*visit).signOut},
	{"POST /language", nil, false, (*visit).language},

	{"GET /welcome", nil, false, (*visit).welcome},
	{"POST /welcome", nil, false, (*visit).doWelcome},
	{"GET /welcome/password", []person.Stage{person.Password}, false, (*visit).choose},
	{"POST /welcome/password", []person.Stage{person.Password}, false, (*visit).doChoose},
	{"GET /welcome/factor", settingF, false, (*visit).codes},
	{"POST /welcome/factor", settingF, false, (*visit).confirmCodes},
	{"GET /welcome/factor.svg", settingF, false, (*visit).codesImage},

	{"GET /me", signedIn, false, (*visit).me},
	{"GET /me/password", signedIn, true, (*visit).newPassword},
	{"POST /me/password", signedIn, true, (*visit).doNewPassword},
	{"GET /me/codes", signedIn, true, (*visit).codes},
	{"POST /me/codes", signedIn, true, (*visit).confirmCodes},
	{"GET /me/codes.svg", signedIn, true, (*visit).codesImage},
	{"POST /me/codes/remove", signedIn, true, (*visit).removeCodes},
	{"POST /me/passkeys/ask", nil, false, offerPasskey},
	{"POST /me/passkeys", nil, false, addPasskey},
	{"POST /me/passkeys/{id}/remove", signedIn, true, (*visit).removePasskey},
	{"POST /me/recovery", signedIn, true, (*visit).recovery},
	{"POST /me/language", signedIn, false, (*visit).myLanguage},
	{"POST /me/sessions/{id}/end", signedIn, false, (*visit).endSession},
	{"POST /me/sessions/end", signedIn, false, (*visit).endOthers},
}

// maxForm is enough for the longest password, however it is written.
const maxForm = 16 << 10

// visit is one request for one page.
type visit struct {
	*Handler
	w       http.ResponseWriter
	r       *http.Request
	l       *ui.Locale
	from    person.From
	secret  string          // in the session's cookie
	session *person.Session // nil: nobody's
	form    *ui.Form
}

// visit finds out who comes, and sends who is at another stage there.
func (h *Handler) visit(w http.ResponseWriter, r *http.Request, to route) {
	from, err := fromOf(r)
	if err != nil {
		h.fail(w, r, err)
		return
	}
	s, err := h.session(r)
	if err != nil && !fault.Is(err, fault.Denied) {
		h.fail(w, r, err)
		return
	}
	if s != nil && s.Stage == person.Full {
		r = r.WithContext(with(r.Context(), s))
	}
	v := &visit{Handler: h, w: w, r: r, l: views.Locale(r), from: from, secret: cookie(r, sessionCookie), session: s, form: &ui.Form{}}
	if r.Method == http.MethodPost && !isJSON(r) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := r.ParseForm(); err != nil {
			views.Refuse(w, r, fault.New(fault.Invalid, "sign-on: form", "the form could not be read"))
			return
		}
		v.form.Values = r.PostForm
	}
	if !v.at(to) {
		return
	}
	if err := to.answer(v); err != nil {
		v.refuse(err)
	}
}

// isJSON reports whether a script sends.
func isJSON(r *http.Request) bool {
	return strings.HasPrefix(r.Header.Get("Content-Type"), "application/json")
}

// at tells whether the session has come to where the page is; if not, it sends there.
func (v *visit) at(to route) bool {
	if to.stages == nil {
		return true
	}
	for _, g := range to.stages {
		if v.session == nil || v.session.Stage != g {
			continue
		}
		if to.fresh && v.now().Sub(v.session.ProvedAt).Abs() > person.ProofFor {
			v.redirect("/sign-in/again?next=" + url.QueryEscape(v.back()))
			return false
		}
		return true
	}
	if v.session == nil {
		v.toSignIn()
	} else {
		v.redirect(placeOf(v.session.Stage, v.next()))
	}
	return false
}

// back is where to go on after a proof: who sent a form sends it again from its page.
func (v *visit) back() string {
	if v.r.Method == http.MethodGet {
		return v.r.URL.RequestURI()
	}
	return "/me"
}

// placeOf is the page of a stage.
func placeOf(g person.Stage, next string) string {
	switch g {
	case person.Code:
		return "/sign-in/code?next=" + url.QueryEscape(next)
	case person.Password:
		return "/welcome/password"
	case person.Factor:
		return "/welcome/factor"
	}
	return next
}

// next is where the person wanted to go.
func (v *visit) next() string {
	if next := v.r.PostForm.Get("next"); next != "" {
		return safeNext(next)
	}
	return safeNext(v.r.URL.Query().Get("next"))
}

// enter gives the browser a session's new secret and sends it on.
func (v *visit) enter(e *person.Entry, next string) error {
	v.keep(e)
	v.redirect(placeOf(e.Stage, next))
	return nil
}

// keep gives the browser a session's new secret. The one that it had, if that is another
// session, ends: nobody can see it any more.
func (v *visit) keep(e *person.Entry) {
	if was := v.session; was != nil && was.ID != e.ID && was.Stage == person.Full {
		err := v.people.End(v.r.Context(), was.Login.String(), was.Login, was.ID)
		if err != nil && !fault.Is(err, fault.NotFound) {
			v.log.ErrorContext(v.r.Context(), "sign-on: an earlier session could not be ended", "session", was.ID, "error", err)
		}
	}
	setCookie(v.w, sessionCookie, e.Secret, 0)
	device := e.Device
	if device == "" && e.Stage == person.Full { // as long as it is used, a browser is known
		device = v.from.Device
	}
	if device != "" {
		setCookie(v.w, deviceCookie, device, deviceFor)
	}
}

func (v *visit) redirect(to string) { http.Redirect(v.w, v.r, to, http.StatusSeeOther) }

func (v *visit) toSignIn() {
	to := "/sign-in"
	if v.r.Method == http.MethodGet {
		to += "?next=" + url.QueryEscape(safeNext(v.r.URL.RequestURI()))
	}
	v.redirect(to)
}

// done says on the next page what was done.
func (v *visit) done(to, code string) error {
	v.redirect(to + "?" + ui.Done + "=" + code)
	return nil
}

// scripts of pages: comfort, but for passkeys.
var scripts = map[string][]string{
	"welcome": {"welcome.js"}, "sign-in": {"passkey.js"}, "code": {"passkey.js"}, "again": {"passkey.js"}, "codes": {"passkey.js"}, "me": {"passkey.js"},
}

// show answers with a page; a form that is refused comes back with 422.
func (v *visit) show(name string, plain bool, data any) error {
	status := http.StatusOK
	if !v.form.OK() {
		status = http.StatusUnprocessableEntity
	}
	page := ui.Page{Title: v.l.T(name + ".title"), Plain: plain, Data: data}
	page.Scripts = scripts[name]
	views.Render(v.w, v.r, status, name, page)
	return nil
}

// refuse answers with an error that no form could be told of.
func (v *visit) refuse(err error) {
	if fault.Is(err, fault.Denied) && v.session != nil {
		v.toSignIn() // the session has gone on, or has gone
		return
	}
	v.fail(v.w, v.r, err)
}

// wrong puts what is wrong with what was typed beside a field; other errors come
// back.
func (v *visit) wrong(field, refused string, err error) error {
	switch {
	case fault.Is(err, fault.Denied):
		v.form.Fail(field, v.l.T(refused))
	case fault.Is(err, fault.TryLater):
		v.form.Fail("", v.l.T("signon.busy"))
	case fault.Is(err, fault.Invalid):
		v.form.Fail(field, v.l.T("signon.invalid"))
	default:
		return err
	}
	return nil
}

// wrongPassword says why a password that was chosen is refused.
func (v *visit) wrongPassword(err error, least int) error {
	for why, key := range map[error]string{
		password.ErrShort: "password.short", password.ErrLong: "password.long", password.ErrText: "password.text", password.ErrNames: "password.names", password.ErrGuessable: "password.guessable",
	} {
		if errors.Is(err, why) {
			v.form.Fail("password", v.l.T(key, "n", least))
			return nil
		}
	}
	return v.wrong("password", "password.wrong", err)
}
