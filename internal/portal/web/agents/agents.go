// Package agents is the pages about Connects at the customer's premises: who is
// invited, what each agent says of itself, what it may, and its end.
//
// They lie below /a/{account}, for its admins and for who runs the gateway. The code
// that an agent enrols with is in the answer to one form, and nowhere after.
package agents

import (
	"cmp"
	"embed"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"sealgate/internal/portal"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
)

//go:embed templates/*.html
var templates embed.FS

// Room is these pages.
func Room() desk.Room { return room }

const (
	all = "/a/{account}/agents"
	one = all + "/of/{agent}"
)

var room = desk.Room{
	Views: ui.Later(templates, texts),
	Routes: []desk.Route{
		{Pattern: "GET " + all, Answer: list},
		{Pattern: "GET " + all + "/new", Answer: askNew},
		{Pattern: "POST " + all + "/new", Answer: invite},
		{Pattern: "GET " + one, Answer: show},
		{Pattern: "GET " + one + "/edit", Answer: askEdit},
		{Pattern: "POST " + one + "/edit", Answer: edit},
		{Pattern: "GET " + one + "/remove", Answer: askRemove},
		{Pattern: "POST " + one + "/remove", Answer: remove},
	},
}

// of is the API's path of something of the account's agents, at an address of theirs.
func of(v *desk.Visit, parts ...string) string {
	return v.Of(append([]string{"agents"}, parts...)...)
}

func at(v *desk.Visit, parts ...string) string {
	return v.At(append([]string{"agents"}, parts...)...)
}

// own is the page of the address's agent.
func own(v *desk.Visit, parts ...string) string {
	return at(v, append([]string{"of", v.R.PathValue("agent")}, parts...)...)
}

func theAgent(v *desk.Visit) (a portal.Agent, err error) {
	if err := v.Managed(); err != nil {
		return a, err
	}
	err = v.Get(of(v, v.R.PathValue("agent")), nil, &a)
	return a, err
}

func nameOf(v *desk.Visit, a portal.Agent) string {
	if a.Name == nil {
		return v.L.T("unknown")
	}
	return *a.Name
}

func crumbs(v *desk.Visit) []ui.Crumb {
	return []ui.Crumb{{Label: v.L.T("nav.agents"), Href: at(v)}}
}

type listPage struct {
	Base string
	Rows []portal.Agent
}

// list shows those first that somebody should see to.
func list(v *desk.Visit) error {
	if err := v.Managed(); err != nil {
		return err
	}
	page := listPage{Base: at(v)}
	if err := v.Get(of(v), nil, &page.Rows); err != nil {
		return err
	}
	slices.SortStableFunc(page.Rows, func(a, b portal.Agent) int { return cmp.Compare(urgency(a), urgency(b)) })
	return v.Show("agents", "agents", v.L.T("nav.agents"), page)
}

func urgency(a portal.Agent) int {
	switch {
	case a.State == "expired": // somebody waits for an agent that does not come
		return 2
	case a.State != "active":
		return 4
	case a.Silent:
		return 0
	case a.TroubledSince != nil:
		return 1
	}
	return 3
}

type agentPage struct {
	portal.Agent
	Invited     bool // it is no agent yet, and perhaps never: its code may have expired
	Base, Title string
	Again       string // where the same is invited anew
	Minutes     int64  // that its clock is off
}

func invited(a portal.Agent) bool { return a.State == "invited" || a.State == "expired" }

func show(v *desk.Visit) error {
	a, err := theAgent(v)
	if err != nil {
		return err
	}
	page := agentPage{Agent: a, Invited: invited(a), Base: own(v), Title: nameOf(v, a), Minutes: max(a.ClockOff, -a.ClockOff) / 60}
	page.Again = desk.Address(at(v, "new"), url.Values{"name": {page.Title}})
	return v.Show("agent", "agents", page.Title, page, crumbs(v)...)
}

// rights are what an agent may, as the fields of a form.
var rights = []string{"send", "fetch", "open"}

var fields = append([]string{"name", "for", "alarm_after"}, rights...)

var (
	terms  = []string{"1h", "24h", "7d"}
	alarms = []string{"1h", "6h", "24h", "3d", "7d"}
)

type formPage struct {
	Form                  *ui.Form
	Title, Action, Cancel string
	New                   bool
	Terms, Alarms         []ui.Option
}

func showForm(v *desk.Visit, page formPage, crumbs ...ui.Crumb) error {
	page.Terms, page.Alarms = v.Options("agent.for", terms...), v.Options("agent.silence", alarms...)
	if after := page.Form.Values.Get("alarm_after"); after != "" && !slices.Contains(alarms, after) { // set by the command
		page.Alarms = append(page.Alarms, ui.Option{Value: after, Label: after})
	}
	status := http.StatusOK
	if !page.Form.OK() {
		status = http.StatusUnprocessableEntity
	}
	return v.ShowAs(status, "form", "agents", page.Title, page, crumbs...)
}

func askNew(v *desk.Visit) error {
	if err := v.Managed(); err != nil {
		return err
	}
	if err := v.Proved(); err != nil {
		return err
	}
	form := v.Typed(fields...)
	if !form.Values.Has("for") { // nothing was chosen yet; the name may stand there
		form.Values = url.Values{"name": form.Values["name"], "send": {"yes"}, "fetch": {"yes"}, "for": {"24h"}, "alarm_after": {"24h"}}
	}
	return showNew(v, form)
}

func showNew(v *desk.Visit, form *ui.Form) error {
	return showForm(v, formPage{Form: form, Title: v.L.T("agent.new"), Action: at(v, "new"), Cancel: at(v), New: true}, crumbs(v)...)
}

// mayIn reads the rights that were ticked.
func mayIn(v *desk.Visit, form *ui.Form) []string {
	may := slices.DeleteFunc(slices.Clone(rights), func(r string) bool { return form.Values.Get(r) == "" })
	if len(may) == 0 {
		form.Fail("send", v.L.T("agent.may.none"))
	}
	return may
}

// duration reads a time that was chosen.
func duration(v *desk.Visit, form *ui.Form, name string) portal.Duration {
	d, err := portal.ParseDuration(form.Values.Get(name))
	if err != nil {
		form.Fail(name, v.L.T("form.required"))
	}
	return d
}

type invitedPage struct {
	Title, Base   string
	Until         portal.Agent
	Code, Command ui.Secret
}

func invite(v *desk.Visit) error {
	if err := v.Managed(); err != nil {
		return err
	}
	form := &ui.Form{Values: desk.Keep(v.R.PostForm, fields...)}
	v.Next = desk.Address(at(v, "new"), form.Values)
	in := portal.NewAgent{
		Name: strings.TrimSpace(form.Values.Get("name")), May: mayIn(v, form), For: duration(v, form, "for"), AlarmAfter: duration(v, form, "alarm_after"),
	}
	if in.Name == "" {
		form.Fail("name", v.L.T("form.required"))
	}
	if !form.OK() {
		return showNew(v, form)
	}
	var out portal.AgentInvited
	if err := v.Post(of(v), in, &out); err != nil {
		if err := v.Explain(form, err, refusals); err != nil {
			return err
		}
		return showNew(v, form)
	}
	gateway := cmp.Or(out.Gateway, "https://"+v.R.Host)
	page := invitedPage{
		Title: v.L.T("agent.invited.title", "name", in.Name), Base: at(v), Until: out.Agent,
		Code:    ui.Secret{Label: v.L.T("agent.code"), Value: out.Code, Help: v.L.T("agent.code.help")},
		Command: ui.Secret{Label: v.L.T("agent.command"), Value: "connect enroll --gateway " + gateway + " --code " + out.Code},
	}
	return v.Show("invited", "agents", page.Title, page, crumbs(v)...)
}

func askEdit(v *desk.Visit) error {
	a, err := theAgent(v)
	if err != nil {
		return err
	}
	if err := v.Proved(); err != nil {
		return err
	}
	form := v.Typed(fields...)
	if len(form.Values) == 0 {
		form.Values = url.Values{"alarm_after": {a.AlarmAfter.String()}}
		for _, r := range a.May {
			form.Values.Set(r, "yes")
		}
	}
	return showEdit(v, a, form)
}

func showEdit(v *desk.Visit, a portal.Agent, form *ui.Form) error {
	page := formPage{Form: form, Title: v.L.T("agent.edit"), Action: own(v, "edit"), Cancel: own(v)}
	return showForm(v, page, append(crumbs(v), ui.Crumb{Label: nameOf(v, a), Href: own(v)})...)
}

func edit(v *desk.Visit) error {
	a, err := theAgent(v)
	if err != nil {
		return err
	}
	form := &ui.Form{Values: desk.Keep(v.R.PostForm, fields...)}
	v.Next = desk.Address(own(v, "edit"), form.Values)
	may, after := mayIn(v, form), duration(v, form, "alarm_after")
	if !form.OK() {
		return showEdit(v, a, form)
	}
	if err := v.Patch(of(v, a.ID), portal.AgentChange{May: &may, AlarmAfter: &after}, nil); err != nil {
		if err := v.Explain(form, err, refusals); err != nil {
			return err
		}
		return showEdit(v, a, form)
	}
	return v.Done(own(v), "agent-changed")
}

// refusals are what the gateway says against a form.
var refusals = []desk.Refusal{
	{Words: "agent of that name", Field: "name", Text: "agent.name.taken"},
	{Words: "an agent has a name", Field: "name", Text: "agent.name.wrong"},
	{Words: "does not let operators", Field: "fetch", Text: "agent.may.operator"},
}

type removePage struct {
	Name, Base string
	Invited    bool
	Waiting    int64
}

func askRemove(v *desk.Visit) error {
	a, err := theAgent(v)
	if err != nil {
		return err
	}
	if err := v.Proved(); err != nil {
		return err
	}
	return v.Show("remove", "agents", v.L.T("agent.remove"), removePage{nameOf(v, a), own(v), invited(a), a.Waiting}, append(crumbs(v), ui.Crumb{Label: nameOf(v, a), Href: own(v)})...)
}

func remove(v *desk.Visit) error {
	a, err := theAgent(v)
	if err != nil {
		return err
	}
	v.Next = own(v, "remove")
	if err := v.Delete(of(v, a.ID), nil, nil); err != nil {
		return err
	}
	if invited(a) {
		return v.Done(at(v), "invitation-removed")
	}
	return v.Done(at(v), "agent-removed")
}
