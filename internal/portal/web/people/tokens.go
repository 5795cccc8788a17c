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

func readTokens(v *desk.Visit) (list []portal.Token, err error) {
	err = v.Get(desk.Join("accounts", v.Account, "tokens"), nil, &list)
	return list, err
}

func tokens(v *desk.Visit) error {
	all, err := readTokens(v)
	if err != nil {
		return err
	}
	rows := make([]tokenRow, 0, len(all))
	for _, t := range all {
		rows = append(rows, tokenRow{t, !t.Until.After(v.Now())})
	}
	return v.Show("tokens", "tokens", v.L.T("nav.tokens"), rows)
}

func tokenCrumbs(v *desk.Visit) []ui.Crumb {
	return []ui.Crumb{{Label: v.L.T("nav.tokens"), Href: v.At("tokens")}}
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
	return v.ShowAs(status(form), "token-new", "tokens", v.L.T("token.new"), formPage{
		Form: form, Action: v.At("tokens", "new"), Cancel: v.At("tokens"), Roles: v.Options("role", desk.Roles...), Terms: v.Options("token.for", terms...),
	}, tokenCrumbs(v)...)
}

func addToken(v *desk.Visit) error {
	if err := managed(v); err != nil {
		return err
	}
	form := public(v.R.PostForm, tokenFields)
	v.Next = desk.Address(v.At("tokens", "new"), form.Values)
	required(v, form, "name")
	if !slices.Contains(desk.Roles, form.Values.Get("role")) {
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
	if err := v.Post(desk.Join("accounts", v.Account, "tokens"), in, &out); err != nil {
		if err := v.Explain(form, err, tokenRefusals); err != nil {
			return err
		}
		return showNewToken(v, form)
	}
	title := v.L.T("token.made", "name", in.Name)
	return v.Show("once", "tokens", title, shownOnce{
		Title: title, Text: v.L.T("token.made.text", "day", v.L.Day(out.Until)), Back: v.At("tokens"),
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
	return v.Show("sure", "tokens", title, removalPage{
		Title: title, Text: v.L.T("token.remove.text", "name", name), Action: v.At("tokens", "of", t.ID, "remove"), Button: title, Cancel: v.At("tokens"), LastUsed: t.LastUsed,
	}, tokenCrumbs(v)...)
}

func removeToken(v *desk.Visit) error {
	t, _, err := theToken(v)
	if err != nil {
		return err
	}
	v.Next = v.At("tokens", "of", t.ID, "remove")
	if err := v.Delete(desk.Join("accounts", v.Account, "tokens", t.ID), nil, nil); err != nil {
		return err
	}
	return v.Done(v.At("tokens"), "token-removed")
}
