package web

import (
	"net/url"
	"strconv"

	"sealgate/internal/portal"
	"sealgate/internal/portal/web/ui"
)

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
	Chart   ui.Chart
	Today   portal.Day
	Month   portal.Day // sums of all days
}

// latestFiles is how many the overview shows.
const latestFiles = 10

func (v *visit) overview() error {
	account, _, err := v.TheAccount()
	if err != nil {
		return err
	}
	var glance portal.Overview
	if err := v.Get(v.Of("overview"), url.Values{"language": {string(v.L.Language)}}, &glance); err != nil {
		return err
	}
	page := overviewPage{Account: account, Sends: v.May("uploader", "approver", "admin"), Chart: v.Chart(glance.Days)}
	for _, a := range glance.Attention {
		page.Attends = append(page.Attends, v.Attend(a))
	}
	for _, d := range glance.Days {
		page.Today = d // the last one
		page.Month.Files += d.Files
		page.Month.Payments += d.Payments
		page.Month.Problems += d.Problems
	}
	latest, err := v.listFiles(url.Values{"account": {v.Account}, "direction": {"in"}, "limit": {strconv.Itoa(latestFiles)}})
	if err != nil {
		return err
	}
	for _, o := range latest.Files {
		page.Latest = append(page.Latest, rowOf(o))
	}
	return v.Show("overview", "overview", account.Name, page)
}

// warnings are what the account's keys need.
func (v *visit) warnings(a portal.Account) (list []ui.Banner) {
	for _, w := range a.Warnings {
		b := v.Attend(portal.Attention{Code: w.Code, Severity: "warning", At: w.At, Message: w.Message})
		b.Href = ""
		list = append(list, b)
	}
	return list
}
