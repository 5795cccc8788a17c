package people

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
)

// tokenRow is one token in the list.
type tokenRow struct {
	portal.Token
	Over bool // its time is over
}

// Tokens are those of an account; below /operators, of who runs the gateway.

// tokensOf is where the API has them.
func tokensOf(v *desk.Visit, parts ...string) string {
	below := []string{"tokens"}
	if v.Account != "" {
		below = []string{"accounts", v.Account, "tokens"}
	}
	return desk.Join(append(below, parts...)...)
}

// tokensAt is where the pages are.
func tokensAt(v *desk.Visit, parts ...string) string {
	if v.Account == "" {
		return desk.Join(append([]string{"operators", "tokens"}, parts...)...)
	}
	return v.At(append([]string{"tokens"}, parts...)...)
}

// tokenSection is what the navigation marks.
func tokenSection(v *desk.Visit) string {
	if v.Account == "" {
		return "operators"
	}
	return "tokens"
}

func readTokens(v *desk.Visit) (list []portal.Token, err error) {
	err = v.Get(tokensOf(v), nil, &list)
	return list, err
}

// tokensPage is the list.
type tokensPage struct {
	Base string
	Own  bool // of who runs the gateway
	Rows []tokenRow
}

func tokens(v *desk.Visit) error {
	if v.Account == "" {
		if err := v.RunsTheGateway(); err != nil {
			return err
		}
	}
	all, err := readTokens(v)
	if err != nil {
		return err
	}
	rows := make([]tokenRow, 0, len(all))
	for _, t := range all {
		rows = append(rows, tokenRow{t, !t.Until.After(v.Now())})
	}
	return v.Show("tokens", tokenSection(v), v.L.T("nav.tokens"), tokensPage{tokensAt(v), v.Account == "", rows}, operatorTokenCrumbs(v)...)
}

func tokenCrumbs(v *desk.Visit) []ui.Crumb {
	return append(operatorTokenCrumbs(v), ui.Crumb{Label: v.L.T("nav.tokens"), Href: tokensAt(v)})
}

// operatorTokenCrumbs lead to the operators, whose tokens have no place of their own in
// the navigation.
func operatorTokenCrumbs(v *desk.Visit) []ui.Crumb {
	if v.Account != "" {
		return nil
	}
	return operatorCrumbs(v)
}

var (
	tokenFields = []string{"name", "role", "for"}
	terms       = []string{"30d", "90d", "180d", "366d"}
)

func askToken(v *desk.Visit) error {
	if err := provedAndManaged(v); err != nil {
		return err
	}
	form := v.Typed(tokenFields...)
	if len(form.Values) == 0 {
		form.Values = url.Values{"role": {"uploader"}, "for": {"90d"}}
	}
	return showNewToken(v, form)
}

func showNewToken(v *desk.Visit, form *ui.Form) error {
	var roles []ui.Option
	if v.Account != "" {
		roles = v.Options("role", desk.Roles...)
	}
	return v.ShowAs(form.Status(), "token-new", tokenSection(v), v.L.T("token.new"), formPage{
		Form: form, Action: tokensAt(v, "new"), Cancel: tokensAt(v), Roles: roles, Terms: v.Options("token.for", terms...),
	}, tokenCrumbs(v)...)
}

func addToken(v *desk.Visit) error {
	if err := v.Managed(); err != nil {
		return err
	}
	form := public(v.R.PostForm, tokenFields)
	v.Next = desk.Address(tokensAt(v, "new"), form.Values)
	v.Required(form, "name")
	if v.Account == "" {
		form.Values.Del("role") // there is one
	} else if !slices.Contains(desk.Roles, form.Values.Get("role")) {
		form.Fail("role", v.L.T("form.required"))
	}
	if !slices.Contains(terms, form.Values.Get("for")) {
		form.Fail("for", v.L.T("form.required"))
	}
	if !form.OK() {
		return showNewToken(v, form)
	}
	term, err := portal.ParseDuration(form.Values.Get("for"))
	if err != nil {
		return err
	}
	in := portal.NewToken{Name: strings.TrimSpace(form.Values.Get("name")), Role: form.Values.Get("role"), For: term}
	var out portal.TokenMade
	if err := v.Post(tokensOf(v), in, &out); err != nil {
		if err := v.Explain(form, err, tokenRefusals); err != nil {
			return err
		}
		return showNewToken(v, form)
	}
	title := v.L.T("token.made", "name", in.Name)
	return v.Show("once", tokenSection(v), title, shownOnce{
		Title: title, Text: v.L.T("token.made.text", "day", v.L.Day(out.Until)), Back: tokensAt(v),
		Secret: ui.Secret{Label: v.L.T("token.label"), Value: out.Secret, Help: v.L.T("once.help")},
	}, tokenCrumbs(v)...)
}

// theToken is that of the address.
func theToken(v *desk.Visit) (portal.Token, string, error) {
	all, err := readTokens(v)
	if err != nil {
		return portal.Token{}, "", err
	}
	i := slices.IndexFunc(all, func(t portal.Token) bool { return t.ID == v.R.PathValue("token") })
	if i < 0 {
		return portal.Token{}, "", fault.New(fault.NotFound, "web: token", "there is no such token")
	}
	name := v.L.T("unknown")
	if all[i].Name != nil {
		name = *all[i].Name
	}
	return all[i], name, nil
}

// removalPage asks whether something is meant that can be made again.
type removalPage struct {
	Title, Text, Action, Button, Cancel string
	LastUsed                            *time.Time
}

func askRemoveToken(v *desk.Visit) error {
	t, name, err := theToken(v)
	if err != nil {
		return err
	}
	if err := v.Proved(); err != nil {
		return err
	}
	title := v.L.T("token.remove")
	return v.Show("sure", tokenSection(v), title, removalPage{
		Title: title, Text: v.L.T("token.remove.text", "name", name), Action: tokensAt(v, "of", t.ID, "remove"), Button: title, Cancel: tokensAt(v), LastUsed: t.LastUsed,
	}, tokenCrumbs(v)...)
}

func removeToken(v *desk.Visit) error {
	t, _, err := theToken(v)
	if err != nil {
		return err
	}
	v.Next = tokensAt(v, "of", t.ID, "remove")
	if err := v.Delete(tokensOf(v, t.ID), nil, nil); err != nil {
		return err
	}
	return v.Done(tokensAt(v), "token-removed")
}
