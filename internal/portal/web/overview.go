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
	if err := v.Get(desk.Join("accounts", v.Account, "overview"), nil, &glance); err != nil {
		return err
	}
	page := overviewPage{Account: account, Sends: v.May("uploader", "approver", "admin"), Chart: v.chart(glance.Days)}
	for _, a := range glance.Attention {
		page.Attends = append(page.Attends, v.attend(a))
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

// chart draws the files of each day, and how many of them had errors.
func (v *visit) chart(days []portal.Day) ui.Chart {
	c := ui.Chart{Unit: v.L.T("overview.files"), Part: v.L.T("overview.problems")}
	var files, most int64
	for _, d := range days {
		c.Bars = append(c.Bars, ui.Bar{Label: v.L.Date(d.Day), Value: d.Files, Part: d.Problems})
		files, most = files+d.Files, max(most, d.Files)
	}
	c.Title = v.L.T("overview.arrivals.text", "files", files, "days", len(days), "most", most)
	return c
}

// attend is what needs somebody: in the reader's language where there is a text, and
// with the way to where something can be done about it.
func (v *visit) attend(a portal.Attention) ui.Banner {
	tone := map[string]string{"error": "bad", "warning": "warning"}[a.Severity]
	if tone == "" {
		tone = "info"
	}
	b := ui.NewBanner(tone, "", a.Message)
	if key := "attention." + a.Code; v.L.Has(key) {
		at := ""
		if a.At != nil {
			at = v.L.Day(*a.At)
		}
		b.Text = v.L.T(key, "n", a.Count, "at", at)
	}
	b.Label = v.L.T("attention.show")
	state := map[string]string{"files-held": "held", "files-refused": "refused", "files-locked": "locked", "files-not-renamed": "waiting-rename"}[a.Code]
	switch {
	case state != "":
		b.Href = v.At("files") + "?state=" + state
	case !v.May("reader", "approver", "admin", desk.Operator):
	case a.Code == "outbox-waiting":
		b.Href = v.At("outbox")
	default:
		b.Href = v.At("keys")
	}
	return b
}

// warnings are what the account's keys need.
func (v *visit) warnings(a portal.Account) (list []ui.Banner) {
	for _, w := range a.Warnings {
		b := v.attend(portal.Attention{Code: w.Code, Severity: "warning", At: w.At, Message: w.Message})
		b.Href = ""
		list = append(list, b)
	}
	return list
}
