package web

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
)

// settingsPage shows what an account has chosen; who may, changes it.
type settingsPage struct {
	Account portal.Account
	Tag     string
	Form    *ui.Form
	Changes bool   // the person may change it
	Unsaved bool   // the form holds what is not saved yet
	Asks    bool   // something would be erased: it has to be confirmed
	Loses   string // what, in the words of the API

	Content, Access, Period []ui.Option
}

// settingNames are the fields of the form.
var settingNames = []string{"content", "keep_for", "operator_access", "require_second_factor", "receipts", "key_period", "in_show_for", "outbox_keep_for"}

func (v *visit) settings() error {
	a, tag, err := v.TheAccount()
	if err != nil {
		return err
	}
	page := v.settingsOf(a, tag)
	asked := v.R.URL.Query()
	for _, name := range settingNames { // after a proof of who it is, what was typed before
		if values, ok := asked[name]; ok && page.Changes {
			page.Form.Values[name] = values
			page.Unsaved = true
		}
	}
	return v.Show("settings", "settings", v.L.T("nav.settings"), page)
}

func (v *visit) settingsOf(a portal.Account, tag string) settingsPage {
	return settingsPage{
		Account: a, Tag: tag, Changes: v.May("admin", desk.Operator) && a.State == "open", Form: &ui.Form{Values: settingValues(a)},
		Content: v.options("settings.content", "keep", "delete"),
		Access:  v.options("settings.access", v.accessChoices(a)...),
		Period:  v.options("settings.period", "none", "year"),
	}
}

// accessChoices are what the person may choose: operators do not let themselves in where
// they are not, or have to ask.
func (v *visit) accessChoices(a portal.Account) []string {
	if v.Person.Operator && a.OperatorAccess != "on" {
		return []string{"asked", "off"}
	}
	return []string{"on", "asked", "off"}
}

// options are choices whose texts are "KEY.VALUE" and "KEY.VALUE.help".
func (v *visit) options(key string, values ...string) (list []ui.Option) {
	for _, value := range values {
		list = append(list, ui.Option{Value: value, Label: v.L.T(key + "." + value), Help: v.L.T(key + "." + value + ".help")})
	}
	return list
}

func settingValues(a portal.Account) url.Values {
	values := url.Values{
		"content": {a.Content}, "operator_access": {a.OperatorAccess}, "key_period": {a.KeyPeriod},
		"keep_for": {days(a.KeepFor)}, "in_show_for": {days(a.InShowFor)}, "outbox_keep_for": {days(a.OutboxKeepFor)}, "receipts": {""}, "require_second_factor": {""},
	}
	if a.RequireFactor {
		values.Set("require_second_factor", "yes")
	}
	if a.Receipts {
		values.Set("receipts", "yes")
	}
	return values
}

const day = 24 * time.Hour

// days writes a duration as people of accounts count: in days where it is whole ones.
func days(d portal.Duration) string {
	return strings.TrimSuffix(d.String(), "d")
}

// ofDays reads it back; a unit may be given.
func ofDays(text string) (portal.Duration, error) {
	text = strings.TrimSpace(text)
	if n, err := strconv.ParseUint(text, 10, 16); err == nil {
		return portal.Duration(time.Duration(n) * day), nil
	}
	return portal.ParseDuration(text)
}

func (v *visit) saveSettings() error {
	a, tag, err := v.TheAccount()
	if err != nil {
		return err
	}
	typed := v.R.PostForm
	page := v.settingsOf(a, tag)
	page.Form = &ui.Form{Values: typed}
	page.Tag = typed.Get("tag")
	change := v.settingChange(page.Form, a)
	if !page.Form.OK() {
		page.Asks = typed.Has("confirm")
		return v.FormAgain("settings", "settings", v.L.T("nav.settings"), page)
	}
	v.Next = desk.Address(v.At("settings"), settingQuery(typed))
	err = v.API.PatchTagged(v.Ctx(), v.Of(), page.Tag, change)
	var problem *portal.Problem
	switch {
	case err == nil:
		return v.Done(v.At("settings"), "settings-saved")
	case errors.As(err, &problem) && problem.Status == http.StatusPreconditionFailed:
		now := v.settingsOf(a, tag)
		now.Form.Fail("", v.L.T("problem.precondition.text"))
		return v.ShowAs(http.StatusPreconditionFailed, "settings", "settings", v.L.T("nav.settings"), now)
	case fault.Is(err, fault.Invalid) && change.KeepFor != nil && change.Confirm == "" && strings.Contains(fault.Message(err), "confirm it"):
		page.Asks, page.Loses = true, fault.Message(err)
		return v.FormAgain("settings", "settings", v.L.T("nav.settings"), page)
	}
	if err := desk.Explain(page.Form, "", err); err != nil {
		return err
	}
	return v.FormAgain("settings", "settings", v.L.T("nav.settings"), page)
}

// settingQuery is what was typed, for the address to come back to.
func settingQuery(typed url.Values) url.Values {
	query := url.Values{}
	for _, name := range settingNames {
		query.Set(name, typed.Get(name))
	}
	return query
}

// settingChange is what differs from what is: nobody proves who he is, or confirms
// anything, for what he leaves as it was.
func (v *visit) settingChange(form *ui.Form, a portal.Account) (c portal.AccountChange) {
	typed := form.Values
	for name, set := range map[string]struct {
		now  string
		to   **string
		from []string
	}{
		"content":         {a.Content, &c.Content, []string{"keep", "delete"}},
		"operator_access": {a.OperatorAccess, &c.OperatorAccess, v.accessChoices(a)},
		"key_period":      {a.KeyPeriod, &c.KeyPeriod, []string{"none", "year"}},
	} {
		value := typed.Get(name)
		if !slices.Contains(set.from, value) {
			form.Fail(name, v.L.T("form.required"))
		} else if value != set.now {
			*set.to = &value
		}
	}
	for name, set := range map[string]struct {
		now   portal.Duration
		to    **portal.Duration
		least time.Duration
	}{
		"keep_for": {a.KeepFor, &c.KeepFor, day}, "in_show_for": {a.InShowFor, &c.InShowFor, time.Hour}, "outbox_keep_for": {a.OutboxKeepFor, &c.OutboxKeepFor, time.Hour},
	} {
		d, err := ofDays(typed.Get(name))
		switch {
		case err != nil:
			form.Fail(name, v.L.T("form.days"))
		case time.Duration(d) < set.least:
			form.Fail(name, v.L.T("form.least", "time", v.L.Duration(portal.Duration(set.least))))
		case d != set.now:
			*set.to = &d
		}
	}
	if receipts := typed.Get("receipts") != ""; receipts != a.Receipts {
		c.Receipts = &receipts
	}
	if factor := typed.Get("require_second_factor") != ""; factor != a.RequireFactor {
		c.RequireFactor = &factor
	}
	c.Confirm = strings.TrimSpace(typed.Get("confirm"))
	if c.Confirm != "" && c.Confirm != a.Name {
		form.Fail("confirm", v.L.T("confirm.wrong"))
	}
	return c
}
