package doors

import (
	"net/url"
	"slices"
	"strings"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
)

// looksPage is what operators have asked the account for.
type looksPage struct {
	Setting string // the account's operator-access
	Live    []look
	Past    []look
	Asks    bool // the person may ask
	Answers bool // he may say yes or no
}

type look struct {
	portal.Approval
	Tone string
}

var lookTones = map[string]string{"asked": "warning", "allowed": "info", "refused": "bad"}

// readLooks are those of the account. One whose time is over is past, swept up or not.
func readLooks(v *desk.Visit) (live, past []look, err error) {
	var all []portal.Approval
	if err := v.Get(v.Of("approvals"), nil, &all); err != nil {
		return nil, nil, err
	}
	for _, a := range all {
		open := a.State == "asked" || a.State == "allowed"
		if open && !v.Now().Before(a.Until) {
			a.State, open = "over", false
		}
		tone := lookTones[a.State]
		if tone == "" {
			tone = "quiet"
		}
		if open {
			live = append(live, look{a, tone})
		} else {
			past = append(past, look{a, tone})
		}
	}
	return live, past, nil
}

func looks(v *desk.Visit) error {
	a, _, err := v.TheAccount()
	if err != nil {
		return err
	}
	page := looksPage{Setting: a.OperatorAccess, Answers: v.May("admin")}
	if page.Live, page.Past, err = readLooks(v); err != nil {
		return err
	}
	waits := slices.ContainsFunc(page.Live, func(l look) bool { return l.State == "asked" })
	page.Asks = v.Person.Operator && a.State == "open" && a.OperatorAccess == "asked" && !waits
	return v.Show("access", "access", v.L.T("access.title"), page)
}

func accessCrumbs(v *desk.Visit) []ui.Crumb {
	return []ui.Crumb{{Label: v.L.T("access.title"), Href: v.At("access")}}
}

var (
	lookFields = []string{"reason", "for"}
	lasting    = []string{"1h", "8h", "1d", "7d"}
)

// runs lets through who runs the gateway, to an account that there is.
func runs(v *desk.Visit) error {
	if err := v.Managed(); err != nil {
		return err
	}
	if !v.Person.Operator {
		return fault.New(fault.Denied, "web: access", "only an operator may do this")
	}
	return nil
}

func askNew(v *desk.Visit) error {
	if err := runs(v); err != nil {
		return err
	}
	form := v.Typed(lookFields...)
	if len(form.Values) == 0 {
		form.Values = url.Values{"for": {"8h"}}
	}
	return showNew(v, form)
}

func showNew(v *desk.Visit, form *ui.Form) error {
	return v.ShowAs(form.Status(), "access-new", "access", v.L.T("access.ask"), formPage{form, v.Options("access.for", lasting...)}, accessCrumbs(v)...)
}

var lookRefusals = []desk.Refusal{
	{Words: "say why in a sentence", Field: "reason", Text: "access.reason.bad"},
	{Words: "was asked already", Text: "access.asked-already"},
	{Words: "without being asked", Text: "access.setting.on"},
	{Words: "does not want to be asked", Text: "access.setting.off"},
	{Words: "closed", Text: "access.closed"},
}

func addLook(v *desk.Visit) error {
	if err := runs(v); err != nil {
		return err
	}
	form := &ui.Form{Values: desk.Keep(v.R.PostForm, lookFields...)}
	v.Next = desk.Address(v.At("access", "new"), form.Values)
	v.Required(form, "reason")
	if !slices.Contains(lasting, form.Values.Get("for")) {
		form.Fail("for", v.L.T("form.required"))
	}
	if !form.OK() {
		return showNew(v, form)
	}
	lasts, err := portal.ParseDuration(form.Values.Get("for"))
	if err != nil {
		return err
	}
	in := portal.NewApproval{Reason: strings.TrimSpace(form.Values.Get("reason")), For: lasts}
	if err := v.Post(v.Of("approvals"), in, nil); err != nil {
		if err := v.Explain(form, err, lookRefusals); err != nil {
			return err
		}
		return showNew(v, form)
	}
	return v.Done(v.At("access"), "access-asked")
}

// askAnswer is the page on which a request is allowed or refused.
func askAnswer(v *desk.Visit) error {
	if err := v.Managed(); err != nil {
		return err
	}
	if !v.May("admin") {
		return fault.New(fault.Denied, "web: access", "an admin of the account answers this")
	}
	if err := v.Proved(); err != nil {
		return err
	}
	live, past, err := readLooks(v)
	if err != nil {
		return err
	}
	all := append(live, past...)
	i := slices.IndexFunc(all, func(l look) bool { return l.ID == v.R.PathValue("look") })
	if i < 0 {
		return fault.New(fault.NotFound, "web: access", "there is no such request for access")
	}
	if all[i].State != "asked" {
		v.Redirect(v.At("access")) // which says how it was answered
		return nil
	}
	return v.Show("access-answer", "access", v.L.T("access.answer.title"), all[i], accessCrumbs(v)...)
}

// answer settles a request, or ends what runs.
func answer(verb, done string) func(*desk.Visit) error {
	return func(v *desk.Visit) error {
		id := v.R.PathValue("look")
		v.Next = v.At("access")
		if verb != "end" {
			v.Next = v.At("access", "of", id)
		}
		err := v.Post(v.Of("approvals", id, verb), nil, nil)
		if fault.Is(err, fault.Exists) { // somebody was faster, or its time ran out
			return v.Done(v.At("access"), "access-too-late")
		}
		if err != nil {
			return err
		}
		return v.Done(v.At("access"), done)
	}
}
