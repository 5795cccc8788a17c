package remotes

import (
	"slices"
	"strconv"

	"sealgate/internal/portal"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
	"sealgate/internal/transfer/remote/why"
)

type testPage struct {
	Base   string
	Remote portal.Remote
	Test   portal.RemoteTest
	Steps  []stepRow
	Before []string // what was confirmed until now
}

// stepRow is one step of a test in the reader's language.
type stepRow struct {
	Name string
	OK   bool
	Seen string // of one that went well
	Why  told   // of one that did not
	// Confirm: nothing is wrong, but that nobody has confirmed the server.
	Confirm bool
}

// test shows what was seen. Who is going to confirm a server proves who he is first.
func test(v *desk.Visit) error {
	r, err := theRemote(v)
	if err != nil {
		return err
	}
	v.Next = own(v)
	if !r.Confirmed {
		if err := v.Proved(); err != nil {
			return err
		}
	}
	page := testPage{Base: own(v), Remote: r}
	if err := v.Post(of(v, r.Name, "test"), struct{}{}, &page.Test); err != nil {
		return err
	}
	for _, s := range page.Test.Steps {
		page.Steps = append(page.Steps, stepOf(v, s))
	}
	if s := r.Settings; s != nil && page.Test.Confirm != nil {
		page.Before = slices.Concat(s.HostKeys, s.CertificatePins)
	}
	return v.Show("test", "remotes", v.L.T("remote.test"), page, append(crumbs(v), ui.Crumb{Label: r.Name, Href: own(v)})...)
}

// stepOf says a step in words: what was seen of its facts, why it failed of its code.
func stepOf(v *desk.Visit, s portal.RemoteStep) stepRow {
	row := stepRow{Name: s.Name, OK: s.OK}
	if !s.OK {
		row.Why = tell(v, s.Error, s.Message)
		row.Confirm = s.Error == string(why.NotConfirmed) || s.Error == string(why.NotTrusted)
		return row
	}
	var facts []any
	for name, fact := range s.Facts {
		if n, err := strconv.Atoi(fact); err == nil {
			facts = append(facts, name, n)
			continue
		}
		facts = append(facts, name, fact)
	}
	key := "remote.saw." + s.Name
	if row.Seen = begun(s.Message); v.L.Has(key) {
		row.Seen = v.L.T(key, facts...)
	}
	if _, pulled := s.Facts["meant"]; pulled {
		row.Seen += " " + v.L.T("remote.saw.meant", facts...)
	}
	if s.Facts["old"] != "" {
		row.Seen += " " + v.L.T("remote.saw.old", facts...)
	}
	return row
}
