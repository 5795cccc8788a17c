package web

import (
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
)

// keysPage is one of the three views of an account's keys.
type keysPage struct {
	Account      portal.Account
	Tabs         []ui.Tab
	Manages      bool
	Certificates []portal.Certificate
	AccessKeys   []portal.AccessKey
	Statements   []portal.Statement
	Warnings     []ui.Banner
}

func (v *visit) keysPage(view string) (page keysPage, err error) {
	page.Account, _, err = v.TheAccount()
	if err != nil {
		return page, err
	}
	page.Manages = v.May("admin", desk.Operator)
	for _, tab := range []struct{ view, path string }{{"certificates", ""}, {"access", "access"}, {"statements", "statements"}} {
		href := v.At("keys")
		if tab.path != "" {
			href = v.At("keys", tab.path)
		}
		page.Tabs = append(page.Tabs, ui.Tab{Href: href, Label: v.L.T("keys.tab." + tab.view), Current: tab.view == view})
	}
	page.Warnings = v.warnings(page.Account)
	return page, nil
}

func (v *visit) certificates() error {
	page, err := v.keysPage("certificates")
	if err != nil {
		return err
	}
	if err := v.Get(v.Of("certificates"), nil, &page.Certificates); err != nil {
		return err
	}
	return v.Show("certificates", "keys", v.L.T("keys.title"), page)
}

func (v *visit) accessKeys() error {
	page, err := v.keysPage("access")
	if err != nil {
		return err
	}
	if err := v.Get(v.Of("access-keys"), nil, &page.AccessKeys); err != nil {
		return err
	}
	return v.Show("access-keys", "keys", v.L.T("keys.title"), page)
}

func (v *visit) keyCrumbs() []ui.Crumb {
	return []ui.Crumb{{Label: v.L.T("keys.title"), Href: v.At("keys")}}
}

// keyForm is a form about keys.
type keyForm struct {
	Form   *ui.Form
	Period bool // the account has an access key for each year
	Action string
	Cancel string
	Target *keyTarget
}

// managed lets through who manages the account's keys, and has proved lately that it
// is he: a form that takes a private key is not shown to who cannot send it.
func (v *visit) managed() error {
	if _, _, err := v.TheAccount(); err != nil {
		return err
	}
	if !v.May("admin", desk.Operator) {
		return fault.New(fault.Denied, "web: keys", "this needs the role admin")
	}
	return v.Proved()
}

func (v *visit) askRenew() error {
	if err := v.managed(); err != nil {
		return err
	}
	return v.Show("renew", "keys", v.L.T("renew.title"), keyForm{Form: &ui.Form{}}, v.keyCrumbs()...)
}

func (v *visit) renew() error {
	v.Next = v.At("keys", "renew")
	if err := v.Post(v.Of("certificates", "renew"), nil, nil); err != nil {
		return err
	}
	return v.Done(v.At("keys"), "certificate-renewed")
}

func (v *visit) askImport() error {
	if err := v.managed(); err != nil {
		return err
	}
	return v.Show("import", "keys", v.L.T("import.title"), keyForm{Form: &ui.Form{}}, v.keyCrumbs()...)
}

func (v *visit) importCertificate() error {
	v.Next = v.At("keys", "import")
	typed := v.R.PostForm
	form := &ui.Form{Values: url.Values{"certificate": typed["certificate"], "also": typed["also"]}} // the key is not shown again
	for _, name := range []string{"certificate", "certificate_key"} {
		if strings.TrimSpace(typed.Get(name)) == "" {
			form.Fail(name, v.L.T("form.required"))
		}
	}
	if form.OK() {
		in := portal.NewCertificate{Certificate: typed.Get("certificate"), Key: typed.Get("certificate_key"), Also: typed.Get("also") != ""}
		err := v.Post(v.Of("certificates"), in, nil)
		if err == nil {
			return v.Done(v.At("keys"), "certificate-imported")
		}
		if err := desk.Explain(form, "", err); err != nil {
			return err
		}
	}
	return v.FormAgain("import", "keys", v.L.T("import.title"), keyForm{Form: form}, v.keyCrumbs()...)
}

// accessKeyForm is the page on which an access key is added.
func (v *visit) accessKeyForm(form *ui.Form) (keyForm, error) {
	a, _, err := v.TheAccount()
	return keyForm{Form: form, Period: a.KeyPeriod == "year"}, err
}

func (v *visit) askAccessKey() error {
	if err := v.managed(); err != nil {
		return err
	}
	page, err := v.accessKeyForm(&ui.Form{Values: url.Values{"held": {"gateway"}}})
	if err != nil {
		return err
	}
	return v.Show("access-key", "keys", v.L.T("access-key.title"), page, v.keyCrumbs()...)
}

func (v *visit) addAccessKey() error {
	v.Next = v.At("keys", "access", "new")
	typed := v.R.PostForm
	form := &ui.Form{Values: typed}
	in := portal.NewAccessKey{Period: strings.TrimSpace(typed.Get("period"))}
	if in.Public = strings.TrimSpace(typed.Get("public")); in.Public != "" {
		in.Public += "\n"
	}
	err := v.Post(v.Of("access-keys"), in, nil)
	if err == nil {
		return v.Done(v.At("keys", "access"), "access-key-added")
	}
	if err := desk.Explain(form, "", err); err != nil {
		return err
	}
	page, err := v.accessKeyForm(form)
	if err != nil {
		return err
	}
	return v.FormAgain("access-key", "keys", v.L.T("access-key.title"), page, v.keyCrumbs()...)
}

// challenge is the page of the round trip that proves that the customer has a key.
func (v *visit) challenge() error {
	target, err := v.accessKeyOf(v.R.PathValue("key"))
	if err != nil {
		return err
	}
	return v.Show("challenge", "keys", v.L.T("challenge.title"), keyForm{Form: &ui.Form{}, Target: target}, v.keyCrumbs()...)
}

func (v *visit) fetchChallenge() error {
	var c portal.Challenge
	key := v.R.PathValue("key")
	if err := v.Post(v.Of("access-keys", key, "challenge"), nil, &c); err != nil {
		return err
	}
	desk.Attach(v.W, "challenge-"+key+".pem")
	_, _ = io.WriteString(v.W, c.Challenge) // the client is gone when this fails
	return nil
}

func (v *visit) confirmKey() error {
	key := v.R.PathValue("key")
	form := &ui.Form{Values: v.R.PostForm}
	if strings.TrimSpace(v.R.PostForm.Get("answer")) == "" {
		form.Fail("answer", v.L.T("form.required"))
	} else {
		err := v.Post(v.Of("access-keys", key, "confirm"), portal.Answer{Answer: v.R.PostForm.Get("answer")}, nil)
		if err == nil {
			return v.Done(v.At("keys", "access"), "access-key-confirmed")
		}
		if fault.Is(err, fault.Denied) { // the answer is that of another key
			form.Fail("answer", fault.Message(err))
		} else if err := desk.Explain(form, "answer", err); err != nil {
			return err
		}
	}
	target, err := v.accessKeyOf(key)
	if err != nil {
		return err
	}
	return v.FormAgain("challenge", "keys", v.L.T("challenge.title"), keyForm{Form: form, Target: target}, v.keyCrumbs()...)
}

// keyTarget is the certificate or the access key that an address names.
type keyTarget struct {
	Kind     string // certificates, access
	API      string // where the API has it
	Key      string // fingerprint of a certificate, id of an access key
	Name     string // what the account is shown
	WithKey  bool   // its private half can be exported
	RemoveAt bool
}

// target finds it.
func (v *visit) target() (*keyTarget, error) {
	kind, key := v.R.PathValue("kind"), v.R.PathValue("key")
	switch kind {
	case "certificates":
		return v.certificateOf(key)
	case "access":
		return v.accessKeyOf(key)
	}
	return nil, fault.New(fault.NotFound, "web: key", "there is no such page")
}

func (v *visit) certificateOf(key string) (*keyTarget, error) {
	var all []portal.Certificate
	if err := v.Get(v.Of("certificates"), nil, &all); err != nil {
		return nil, err
	}
	at := slices.IndexFunc(all, func(c portal.Certificate) bool { return c.Fingerprint == key && c.RemovedAt == nil })
	if at < 0 {
		return nil, fault.New(fault.NotFound, "web: key", "there is no such certificate")
	}
	c := all[at]
	return &keyTarget{
		Kind: "certificates", API: "certificates", Key: key, Name: c.Subject, WithKey: c.KeyHere && c.Token == "", RemoveAt: c.RemoveAt != nil,
	}, nil
}

func (v *visit) accessKeyOf(key string) (*keyTarget, error) {
	var all []portal.AccessKey
	if err := v.Get(v.Of("access-keys"), nil, &all); err != nil {
		return nil, err
	}
	at := slices.IndexFunc(all, func(k portal.AccessKey) bool { return k.ID == key && k.RemovedAt == nil })
	if at < 0 {
		return nil, fault.New(fault.NotFound, "web: key", "there is no such access key")
	}
	k := all[at]
	return &keyTarget{
		Kind: "access", API: "access-keys", Key: key, Name: k.Fingerprint, WithKey: k.Held == "gateway", RemoveAt: k.RemoveAt != nil,
	}, nil
}

func (v *visit) askExport() error {
	if err := v.Proved(); err != nil {
		return err
	}
	t, err := v.target()
	if err != nil {
		return err
	}
	return v.Show("export", "keys", v.L.T("export.title."+t.Kind), v.exportForm(t, &ui.Form{}), v.keyCrumbs()...)
}

func (v *visit) exportForm(t *keyTarget, form *ui.Form) keyForm {
	return keyForm{Form: form, Target: t, Action: v.At("keys", t.Kind, t.Key, "export"), Cancel: v.keysOf(t)}
}

// keysOf is the view that a key stands in.
func (v *visit) keysOf(t *keyTarget) string {
	if t.Kind == "access" {
		return v.At("keys", "access")
	}
	return v.At("keys")
}

func (v *visit) export() error {
	t, err := v.target()
	if err != nil {
		return err
	}
	v.Next = v.At("keys", t.Kind, t.Key, "export")
	var out portal.Export
	in := map[string]any{"id": t.Key}
	name := "access-key-" + t.Key + ".pem"
	if t.Kind == "certificates" {
		in = map[string]any{"fingerprint": t.Key, "with_key": v.R.PostForm.Get("with_key") != ""}
		name = "certificate-" + strings.TrimPrefix(t.Key, "SHA256:") + ".pem"
	}
	if err := v.Post(v.Of(t.API, "export"), in, &out); err != nil {
		form := &ui.Form{Values: v.R.PostForm}
		if fault.Is(err, fault.Denied) && v.May("admin", desk.Operator) && !portal.IsStepUp(err) && !portal.IsSignIn(err) {
			form.Fail("", fault.Message(err))
		} else if err := desk.Explain(form, "", err); err != nil {
			return err
		}
		return v.FormAgain("export", "keys", v.L.T("export.title."+t.Kind), v.exportForm(t, form), v.keyCrumbs()...)
	}
	desk.Attach(v.W, name)
	_, _ = io.WriteString(v.W, out.PEM+out.Public) // the client is gone when this fails
	return nil
}

func (v *visit) askRemove() error {
	if err := v.Proved(); err != nil {
		return err
	}
	t, err := v.target()
	if err != nil {
		return err
	}
	return v.showRemoval(http.StatusOK, t, &ui.Form{Values: url.Values{"after": {"14d"}}})
}

// showRemoval says what nobody could open any more, in the reader's language and in
// the words that the signed statement will have.
func (v *visit) showRemoval(status int, t *keyTarget, form *ui.Form) error {
	var loss portal.Loss
	if err := v.Get(v.Of(t.API, t.Key, "loss"), nil, &loss); err != nil {
		return err
	}
	sentence := v.L.T("removal.files", "n", loss.Files, "size", v.L.Bytes(loss.Bytes))
	if loss.Files == 0 {
		sentence = v.L.T("removal.none")
	}
	switch {
	case loss.Closes:
		sentence += " " + v.L.T("removal.closes")
	case loss.Stops:
		sentence += " " + v.L.T("removal.stops")
	}
	when, err := v.L.Field(form, "after", "label", "removal.after", "help", "removal.after.help", "type", "select", "options", []ui.Option{
		{Value: "14d", Label: v.L.T("removal.after.14d")}, {Value: "1d", Label: v.L.T("removal.after.1d")}, {Value: "now", Label: v.L.T("removal.after.now")},
	})
	if err != nil {
		return err
	}
	title := v.L.T("removal.title." + t.Kind)
	return v.ShowAs(status, "confirm", "keys", title, confirmPage{
		Title: title, Detail: loss.Sentence,
		Confirm: ui.Confirm{
			Sentence: sentence, Must: v.Account, Action: v.At("keys", t.Kind, t.Key, "remove"), Button: v.L.T("removal.button"),
			Cancel: v.keysOf(t), Form: form, Fields: []ui.Field{when},
		},
	}, v.keyCrumbs()...)
}

func (v *visit) removeKey() error {
	t, err := v.target()
	if err != nil {
		return err
	}
	v.Next = v.At("keys", t.Kind, t.Key, "remove")
	form := &ui.Form{Values: v.R.PostForm}
	if strings.TrimSpace(form.Values.Get("confirm")) != v.Account {
		form.Fail("confirm", v.L.T("confirm.wrong"))
		return v.showRemoval(http.StatusUnprocessableEntity, t, form)
	}
	query := url.Values{"confirm": {v.Account}}
	if after := form.Values.Get("after"); after != "now" {
		query.Set("after", after)
	}
	var done portal.Removal
	if err := v.Delete(v.Of(t.API, t.Key), query, &done); err != nil {
		if err := desk.Explain(form, "", err); err != nil {
			return err
		}
		return v.showRemoval(http.StatusUnprocessableEntity, t, form)
	}
	if done.RemoveAt != nil {
		return v.Done(v.keysOf(t), "removal-scheduled")
	}
	return v.Done(v.At("keys", "statements", done.Statement), "key-removed")
}

func (v *visit) keepKey() error {
	t, err := v.target()
	if err != nil {
		return err
	}
	if err := v.Post(v.Of(t.API, t.Key, "keep"), nil, nil); err != nil {
		return err
	}
	return v.Done(v.keysOf(t), "removal-off")
}

func (v *visit) statements() error {
	page, err := v.keysPage("statements")
	if err != nil {
		return err
	}
	if err := v.Get(v.Of("statements"), nil, &page.Statements); err != nil {
		return err
	}
	return v.Show("statements", "keys", v.L.T("keys.title"), page)
}

// oneStatement is that of the address. One of another account is not there.
func (v *visit) oneStatement() (s portal.Statement, err error) {
	if _, _, err := v.TheAccount(); err != nil {
		return s, err
	}
	if err := v.Get(desk.Join("statements", v.R.PathValue("id")), nil, &s); err != nil {
		return s, err
	}
	if s.Account != v.Account {
		return portal.Statement{}, fault.New(fault.NotFound, "web: statement", "there is no such statement")
	}
	return s, nil
}

func (v *visit) statement() error {
	s, err := v.oneStatement()
	if err != nil {
		return err
	}
	crumbs := append(v.keyCrumbs(), ui.Crumb{Label: v.L.T("keys.tab.statements"), Href: v.At("keys", "statements")})
	return v.Show("statement", "keys", v.L.T("statement."+s.Kind), s, crumbs...)
}

func (v *visit) statementText() error {
	s, err := v.oneStatement()
	if err != nil {
		return err
	}
	desk.Attach(v.W, "statement-"+s.ID+".txt")
	_, _ = io.WriteString(v.W, s.Text) // the client is gone when this fails
	return nil
}
