package desk

import (
	"strings"

	"sealgate/internal/fault"
	"sealgate/internal/portal/web/ui"
)

// Managed lets through who may manage the account of the address, or runs the gateway; a
// page of no account is for the latter. A form is not shown to who cannot send it, and
// what it says of what was typed is not said to him either.
func (v *Visit) Managed() error {
	if v.Account == "" {
		return v.RunsTheGateway()
	}
	if _, _, err := v.TheAccount(); err != nil {
		return err
	}
	if !v.May("admin", Operator) {
		return fault.New(fault.Denied, "web: form", "this needs the role admin")
	}
	return nil
}

// RunsTheGateway lets operators through.
func (v *Visit) RunsTheGateway() error {
	if !v.Person.Operator {
		return fault.New(fault.Denied, "web: form", "only an operator may do this")
	}
	return nil
}

// Required reports the fields in which nothing stands.
func (v *Visit) Required(form *ui.Form, names ...string) {
	for _, name := range names {
		if strings.TrimSpace(form.Values.Get(name)) == "" {
			form.Fail(name, v.L.T("form.required"))
		}
	}
}

// Lines takes a field in which each line is one thing.
func Lines(text string) []string {
	all := []string{}
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}
