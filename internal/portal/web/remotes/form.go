package remotes

import (
	"net/url"
	"strconv"
	"strings"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
)

// open are the fields of the form that may stand in an address: no secret is among them.
var open = []string{
	"name", "url", "every", "cron", "time_zone", "include", "exclude", "subfolders", "after", "folder", "still", "done_marker", "expect_days", "expect_by", "alarm_after",
}

type formPage struct {
	Title, Action, Cancel string
	New, Pull             bool
	Password, PrivateKey  bool // there is one already
	Form                  *ui.Form
	Afters, Days          []ui.Option
	Account, Name         string
}

func direction(v *desk.Visit) (string, error) {
	switch d := v.R.PathValue("direction"); d {
	case "pull", "push":
		return d, nil
	}
	return "", fault.New(fault.NotFound, "web: remote", "there is no such page")
}

func askNew(v *desk.Visit) error {
	if err := v.Managed(); err != nil {
		return err
	}
	way, err := direction(v)
	if err != nil {
		return err
	}
	if err := v.Proved(); err != nil {
		return err
	}
	form := v.Typed(open...)
	if len(form.Values) == 0 {
		form.Values = url.Values{"every": {"1m"}, "time_zone": {"Europe/Stockholm"}, "alarm_after": {"1h"}}
		if way == "pull" {
			form.Values.Set("every", "5m")
			form.Values.Set("still", "30s")
			form.Values.Set("subfolders", "0")
			form.Values.Set("after", "leave")
		}
	}
	return showNew(v, way, form)
}

func showNew(v *desk.Visit, way string, form *ui.Form) error {
	page := formPage{Title: v.L.T("remote.new." + way), Action: at(v, "new", way), Cancel: at(v), New: true, Pull: way == "pull", Form: form}
	return showForm(v, page, crumbs(v)...)
}

func showForm(v *desk.Visit, page formPage, crumbs ...ui.Crumb) error {
	page.Afters = v.Options("remote.after", "leave", "delete", "move")
	page.Days = v.Options("remote.days", "never", "daily", "weekdays", "bankdays")
	page.Account = v.Account
	return v.ShowAs(page.Form.Status(), "form", "remotes", page.Title, page, crumbs...)
}

func add(v *desk.Visit) error {
	if err := v.Managed(); err != nil {
		return err
	}
	way, err := direction(v)
	if err != nil {
		return err
	}
	form := &ui.Form{Values: v.R.PostForm}
	v.Next = desk.Address(at(v, "new", way), desk.Keep(form.Values, open...))
	change := read(v, form, way == "pull")
	name := strings.TrimSpace(form.Values.Get("name"))
	v.Required(form, "name")
	if !form.OK() {
		return showNew(v, way, form)
	}
	err = v.Post(of(v), portal.NewRemote{Name: name, Direction: way, RemoteChange: change}, nil)
	if err == nil {
		return v.Done(at(v, "of", name), "remote-added")
	}
	if err := explain(v, form, err); err != nil {
		return err
	}
	return showNew(v, way, form)
}

func askEdit(v *desk.Visit) error {
	r, err := theRemote(v)
	if err != nil {
		return err
	}
	if err := v.Proved(); err != nil {
		return err
	}
	if r.Settings == nil {
		return fault.New(fault.Locked, "web: remote", "what the remote is set to is sealed under a key that is not here")
	}
	form := v.Typed(open...)
	if len(form.Values) == 0 {
		form.Values = valuesOf(r.Settings)
	}
	return showEdit(v, r, form)
}

func showEdit(v *desk.Visit, r portal.Remote, form *ui.Form) error {
	page := formPage{
		Title: v.L.T("remote.edit"), Action: own(v, "edit"), Cancel: own(v), Pull: r.Direction == "pull", Password: r.Password, PrivateKey: r.PrivateKey, Form: form, Name: r.Name,
	}
	return showForm(v, page, append(crumbs(v), ui.Crumb{Label: r.Name, Href: own(v)})...)
}

func valuesOf(s *portal.RemoteSettings) url.Values {
	values := url.Values{
		"url": {s.URL}, "cron": {s.Cron}, "time_zone": {s.TimeZone}, "include": {strings.Join(s.Include, "\n")}, "exclude": {strings.Join(s.Exclude, "\n")},
		"subfolders": {strconv.Itoa(s.Subfolders)}, "after": {s.After}, "done_marker": {s.DoneMarker}, "alarm_after": {s.AlarmAfter.String()},
	}
	if days, by, ok := strings.Cut(s.Expect, " by "); ok {
		values.Set("expect_days", days)
		values.Set("expect_by", by)
	}
	if s.Every != nil {
		values.Set("every", s.Every.String())
	}
	if s.Still != nil {
		values.Set("still", s.Still.String())
	}
	if folder, ok := strings.CutPrefix(s.After, "move:"); ok {
		values.Set("after", "move")
		values.Set("folder", folder)
	}
	return values
}

func edit(v *desk.Visit) error {
	r, err := theRemote(v)
	if err != nil {
		return err
	}
	form := &ui.Form{Values: v.R.PostForm}
	v.Next = desk.Address(own(v, "edit"), desk.Keep(form.Values, open...))
	change := read(v, form, r.Direction == "pull")
	if !form.OK() {
		return showEdit(v, r, form)
	}
	err = v.Patch(of(v, r.Name), change, nil)
	if err == nil {
		return v.Done(own(v), "remote-changed")
	}
	if err := explain(v, form, err); err != nil {
		return err
	}
	return showEdit(v, r, form)
}

// read makes a change of what was typed. A secret that was left empty stays.
func read(v *desk.Visit, form *ui.Form, pull bool) (c portal.RemoteChange) {
	text := func(name string) *string {
		s := strings.TrimSpace(form.Values.Get(name))
		return &s
	}
	lines := func(name string) *[]string {
		list := desk.Lines(form.Values.Get(name))
		return &list
	}
	span := func(name string) *portal.Duration {
		d, err := portal.ParseDuration(*text(name))
		if *text(name) != "" && err != nil {
			form.Fail(name, v.L.T("remote.duration"))
		}
		return &d
	}
	secret := func(name string) *string {
		if s := form.Values.Get(name); s != "" {
			return &s
		}
		return nil
	}
	c.URL, c.Every, c.Cron, c.TimeZone = text("url"), span("every"), text("cron"), text("time_zone")
	c.Include, c.Exclude = lines("include"), lines("exclude")
	c.AlarmAfter = span("alarm_after")
	c.Password, c.PrivateKey, c.Passphrase = secret("password"), secret("private_key"), secret("passphrase")
	if c.PrivateKey != nil { // browsers send CR LF
		key := strings.ReplaceAll(*c.PrivateKey, "\r\n", "\n")
		c.PrivateKey = &key
	}
	v.Required(form, "url")
	if *c.Cron != "" { // it goes before
		*c.Every = 0
	}
	if *c.AlarmAfter == 0 {
		*c.AlarmAfter = portal.Duration(time.Hour)
	}
	if !pull {
		return c
	}
	depth, err := strconv.Atoi("0" + *text("subfolders"))
	if err != nil {
		form.Fail("subfolders", v.L.T("remote.subfolders.help"))
	}
	c.Subfolders, c.After, c.Still, c.DoneMarker, c.Expect = &depth, text("after"), span("still"), text("done_marker"), expected(v, form)
	switch *c.After {
	case "":
		*c.After = "leave"
	case "move":
		*c.After = "move:" + *text("folder")
	}
	return c
}

// expected puts the days and the time together at which a file is expected.
func expected(v *desk.Visit, form *ui.Form) *string {
	expect, by := form.Values.Get("expect_days"), strings.TrimSpace(form.Values.Get("expect_by"))
	switch {
	case expect == "" || expect == "never":
		expect = ""
	case by == "":
		form.Fail("expect_by", v.L.T("form.required"))
	default:
		expect += " by " + by
	}
	return &expect
}

// refusals are what the API says, and which field it is about.
var refusals = []desk.Refusal{
	{Words: "name of a remote", Field: "name"},
	{Words: "a remote of that name", Field: "name"},
	{Words: "passphrase", Field: "passphrase"},
	{Words: "private key", Field: "private_key"},
	{Words: "interval", Field: "every"},
	{Words: "cron", Field: "cron"},
	{Words: "time zone", Field: "time_zone"},
	{Words: "levels", Field: "subfolders"},
	{Words: "unchanged for", Field: "still"},
	{Words: "done-marker", Field: "done_marker"},
	{Words: "to which folder", Field: "folder"},
	{Words: "expected is written", Field: "expect_by", Text: "remote.expect.wrong"},
	{Words: "an alarm is raised", Field: "alarm_after"},
	{Words: "address", Field: "url"},
	{Words: "host", Field: "url"},
	{Words: "port", Field: "url"},
}

func explain(v *desk.Visit, form *ui.Form, err error) error {
	if portal.IsStepUp(err) {
		return err
	}
	if fault.Is(err, fault.Denied) && fault.Message(err) != "" { // an operator may not say where the outbox goes
		form.Fail("", fault.Message(err))
		return nil
	}
	return v.Explain(form, err, refusals)
}
