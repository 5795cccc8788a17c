package web

import (
	"net/url"
	"strconv"

	"sealgate/internal/portal"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
)

// home leads people of an account to it, and who runs the gateway to its accounts.
func (v *visit) home() error {
	if !v.Person.Operator {
		v.Redirect(desk.Join("a", v.Person.Account) + "/")
		return nil
	}
	var all []portal.Account
	if err := v.Get("/accounts", nil, &all); err != nil {
		return err
	}
	return v.Show("accounts", "gateway", v.L.T("nav.accounts"), all)
}

func (v *visit) toOverview() error {
	v.Redirect(v.At() + "/")
	return nil
}

// overviewPage is the first page of an account.
type overviewPage struct {
	Account portal.Account
	Attends []ui.Banner // what needs somebody, first
	Latest  []fileRow
	Sends   bool
}

// needs are the states that wait for a person, the most pressing first.
var needs = []struct{ state, tone string }{{"held", "warning"}, {"refused", "bad"}, {"locked", "warning"}, {"waiting-rename", "info"}}

func (v *visit) overview() error {
	account, _, err := v.TheAccount()
	if err != nil {
		return err
	}
	page := overviewPage{Account: account, Sends: v.May("uploader", "approver", "admin")}
	for _, need := range needs {
		found, err := v.listFiles(url.Values{"account": {v.Account}, "state": {need.state}, "limit": {"100"}})
		if err != nil {
			return err
		}
		if n := len(found.Files); n > 0 {
			b := ui.NewBanner(need.tone, "", v.L.T("attention."+need.state, "n", n))
			b.Href, b.Label = v.At("files")+"?state="+need.state, v.L.T("attention.show")
			page.Attends = append(page.Attends, b)
		}
	}
	page.Attends = append(page.Attends, v.warnings(account)...)
	latest, err := v.listFiles(url.Values{"account": {v.Account}, "limit": {strconv.Itoa(latestFiles)}})
	if err != nil {
		return err
	}
	for _, o := range latest.Files {
		page.Latest = append(page.Latest, rowOf(o))
	}
	return v.Show("overview", "overview", account.Name, page)
}

// latestFiles is how many the overview shows.
const latestFiles = 10

// warnings are what the account's keys need, in the reader's language where there is
// a text.
func (v *visit) warnings(a portal.Account) (list []ui.Banner) {
	for _, w := range a.Warnings {
		text := w.Message
		if key := "warning." + w.Code; v.L.Has(key) {
			at := ""
			if w.At != nil {
				at = v.L.Day(*w.At)
			}
			text = v.L.T(key, "at", at)
		}
		b := ui.NewBanner("warning", "", text)
		if v.May("reader", "approver", "admin", desk.Operator) {
			b.Href, b.Label = v.At("keys"), v.L.T("attention.keys")
		}
		list = append(list, b)
	}
	return list
}
