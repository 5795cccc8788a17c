package web

import (
	"net/url"
	"strconv"

	"sealgate/internal/portal"
	"sealgate/internal/portal/web/ui"
)

// home leads people of an account to it, and who runs the gateway to its accounts.
func (v *visit) home() error {
	if !v.person.Operator {
		v.redirect(join("a", v.person.Account) + "/")
		return nil
	}
	var all []portal.Account
	if err := v.get("/accounts", nil, &all); err != nil {
		return err
	}
	return v.show("accounts", "gateway", v.l.T("nav.accounts"), all)
}

func (v *visit) toOverview() error {
	v.redirect(v.at() + "/")
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
	account, _, err := v.theAccount()
	if err != nil {
		return err
	}
	page := overviewPage{Account: account, Sends: v.may("uploader", "approver", "admin")}
	for _, need := range needs {
		found, err := v.listFiles(url.Values{"account": {v.account}, "state": {need.state}, "limit": {"100"}})
		if err != nil {
			return err
		}
		if n := len(found.Files); n > 0 {
			b := ui.NewBanner(need.tone, "", v.l.T("attention."+need.state, "n", n))
			b.Href, b.Label = v.at("files")+"?state="+need.state, v.l.T("attention.show")
			page.Attends = append(page.Attends, b)
		}
	}
	page.Attends = append(page.Attends, v.warnings(account)...)
	latest, err := v.listFiles(url.Values{"account": {v.account}, "limit": {strconv.Itoa(latestFiles)}})
	if err != nil {
		return err
	}
	for _, o := range latest.Files {
		page.Latest = append(page.Latest, rowOf(o))
	}
	return v.show("overview", "overview", account.Name, page)
}

// latestFiles is how many the overview shows.
const latestFiles = 10

// warnings are what the account's keys need, in the reader's language where there is
// a text.
func (v *visit) warnings(a portal.Account) (list []ui.Banner) {
	for _, w := range a.Warnings {
		text := w.Message
		if key := "warning." + w.Code; v.l.Has(key) {
			at := ""
			if w.At != nil {
				at = v.l.Day(*w.At)
			}
			text = v.l.T(key, "at", at)
		}
		b := ui.NewBanner("warning", "", text)
		if v.may("reader", "approver", "admin", operator) {
			b.Href, b.Label = v.at("keys"), v.l.T("attention.keys")
		}
		list = append(list, b)
	}
	return list
}
