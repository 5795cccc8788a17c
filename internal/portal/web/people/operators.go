package people

import (
	"net/url"
	"slices"
	"strings"

	"sealgate/internal/fault"
	"sealgate/internal/mailaddr"
	"sealgate/internal/portal"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
)

// operatorsPage is who runs the gateway.
type operatorsPage struct {
	Operators []portal.Operator
	Me        string // the id of who looks
}

func readOperators(v *desk.Visit) (list []portal.Operator, err error) {
	err = v.Get("/operators", nil, &list)
	return list, err
}

func operators(v *desk.Visit) error {
	all, err := readOperators(v)
	if err != nil {
		return err
	}
	return v.Show("operators", "operators", v.L.T("nav.operators"), operatorsPage{all, v.Person.Login.String()})
}

func operatorCrumbs(v *desk.Visit) []ui.Crumb {
	return []ui.Crumb{{Label: v.L.T("nav.operators"), Href: "/operators"}}
}

func askOperator(v *desk.Visit) error {
	if err := v.RunsTheGateway(); err != nil {
		return err
	}
	if err := v.Proved(); err != nil {
		return err
	}
	return showNewOperator(v, v.Typed("email"))
}

func showNewOperator(v *desk.Visit, form *ui.Form) error {
	return v.ShowAs(form.Status(), "operator-new", "operators", v.L.T("operator.new"), formPage{
		Form: form, Action: "/operators/new", Cancel: "/operators",
	}, operatorCrumbs(v)...)
}

func addOperator(v *desk.Visit) error {
	if err := v.RunsTheGateway(); err != nil {
		return err
	}
	form := public(v.R.PostForm, []string{"email"})
	v.Next = desk.Address("/operators/new", form.Values)
	email := strings.TrimSpace(form.Values.Get("email"))
	v.Required(form, "email")
	if email != "" && !mailaddr.Valid(email) {
		form.Fail("email", v.L.T("operator.email.bad"))
	}
	if !form.OK() {
		return showNewOperator(v, form)
	}
	var link portal.Link
	if err := v.Post("/operators", map[string]string{"email": email}, &link); err != nil {
		if err := v.Explain(form, err, operatorRefusals); err != nil {
			return err
		}
		return showNewOperator(v, form)
	}
	return showLink(v, v.L.T("operator.added", "name", email), &link, "/operators", operatorCrumbs(v)...)
}

// theOperator is that of the address.
func theOperator(v *desk.Visit) (portal.Operator, error) {
	all, err := readOperators(v)
	if err != nil {
		return portal.Operator{}, err
	}
	i := slices.IndexFunc(all, func(o portal.Operator) bool { return o.Email == v.R.PathValue("email") })
	if i < 0 {
		return portal.Operator{}, fault.New(fault.NotFound, "web: operator", "there is no such operator")
	}
	return all[i], nil
}

func ofOperator(o portal.Operator, what string) string {
	return desk.Join("operators", "of", o.Email, what)
}

func askReset(v *desk.Visit) error {
	o, err := theOperator(v)
	if err == nil {
		err = v.Proved()
	}
	if err != nil {
		return err
	}
	return v.Show("operator-reset", "operators", v.L.T("operator.reset"), formPage{
		Form: v.Typed("second_factor"), Who: o.Email, Action: ofOperator(o, "reset"), Cancel: "/operators",
	}, operatorCrumbs(v)...)
}

func reset(v *desk.Visit) error {
	o, err := theOperator(v)
	if err != nil {
		return err
	}
	form := public(v.R.PostForm, []string{"second_factor"})
	v.Next = desk.Address(ofOperator(o, "reset"), form.Values)
	query := url.Values{}
	if form.Values.Get("second_factor") != "" {
		query.Set("second_factor", "true")
	}
	var link portal.Link
	if err := v.Post(desk.Address(desk.Join("operators", o.Email, "reset"), query), nil, &link); err != nil {
		return err
	}
	return showLink(v, v.L.T("operator.was-reset", "name", o.Email), &link, "/operators", operatorCrumbs(v)...)
}

func askRemoveOperator(v *desk.Visit) error {
	o, err := theOperator(v)
	if err == nil {
		err = v.Proved()
	}
	if err != nil {
		return err
	}
	return showRemoveOperator(v, o, &ui.Form{})
}

func showRemoveOperator(v *desk.Visit, o portal.Operator, form *ui.Form) error {
	title := v.L.T("operator.remove")
	return v.ShowAs(form.Status(), "confirm", "operators", title, confirmPage{title, ui.Confirm{
		Sentence: v.L.T("operator.remove.text", "name", o.Email), Must: o.Email, Action: ofOperator(o, "remove"), Button: title, Cancel: "/operators", Form: form,
	}}, operatorCrumbs(v)...)
}

func removeOperator(v *desk.Visit) error {
	o, err := theOperator(v)
	if err != nil {
		return err
	}
	v.Next = ofOperator(o, "remove")
	form := public(v.R.PostForm, []string{"confirm"})
	if !confirmed(v, form, o.Email) {
		return showRemoveOperator(v, o, form)
	}
	if err := v.Delete(desk.Join("operators", o.Email), nil, nil); err != nil {
		if err := v.Explain(form, err, operatorRefusals); err != nil {
			return err
		}
		return showRemoveOperator(v, o, form)
	}
	return v.Done("/operators", "operator-removed")
}
