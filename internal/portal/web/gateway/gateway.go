// Package gateway is the pages of who runs the gateway: how it stands and what needs
// somebody first, the accounts, its health and its queues.
//
// They tell of accounts what the API tells an operator: states and counts, never what
// is in a file. What a customer's files hold is on the account's own pages, as far as
// the account lets operators see it.
package gateway

import (
	"embed"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
)

//go:embed templates/*.html
var templates embed.FS

// Room is these pages.
func Room() desk.Room { return room }

var room = desk.Room{
	Views: ui.Later(templates, texts),
	Routes: []desk.Route{
		{Pattern: "GET /{$}", Answer: home},
		{Pattern: "GET /accounts", Answer: operators(accounts)},
		{Pattern: "GET /accounts/new", Answer: operators(askAccount)},
		{Pattern: "POST /accounts/new", Answer: operators(addAccount)},
		{Pattern: "GET /accounts/of/{name}/close", Answer: operators(askClose)},
		{Pattern: "POST /accounts/of/{name}/close", Answer: operators(closeAccount)},
		{Pattern: "GET /health", Answer: operators(health)},
		{Pattern: "GET /queues", Answer: operators(queues)},
		{Pattern: "GET /queues/of/{kind}", Answer: operators(jobs)},
		{Pattern: "POST /queues/of/{kind}/retry", Answer: operators(retry)},
	},
}

// operators lets only those through who run the gateway.
func operators(answer func(*desk.Visit) error) func(*desk.Visit) error {
	return func(v *desk.Visit) error {
		if !v.Person.Operator {
			return fault.New(fault.Denied, "web: gateway", "only an operator may do this")
		}
		return answer(v)
	}
}

// home leads people of an account to it, and shows who runs the gateway how it stands.
func home(v *desk.Visit) error {
	if !v.Person.Operator {
		v.Redirect(desk.Join("a", v.Person.Account) + "/")
		return nil
	}
	return overview(v)
}

// overviewPage is the gateway at a glance.
type overviewPage struct {
	portal.GatewayOverview
	Attends []ui.Banner
	Chart   ui.Chart
	Waiting int64 // jobs
	OnWay   int64 // files
	Free    int   // percent of the disk
}

func overview(v *desk.Visit) error {
	var page overviewPage
	if err := v.Get("/overview", url.Values{"language": {string(v.L.Language)}}, &page.GatewayOverview); err != nil {
		return err
	}
	for _, a := range page.Attention {
		page.Attends = append(page.Attends, v.Attend(a))
	}
	for _, q := range page.Queues {
		page.Waiting += q.Jobs
	}
	for _, s := range page.Standing {
		if s.Reason == "" && (s.State == "arriving" || s.State == "received" || s.State == "waiting-rename") {
			page.OnWay += s.Files
		}
	}
	if page.DiskTotal > 0 {
		page.Free = int(100 * page.DiskFree / page.DiskTotal)
	}
	page.Chart = v.Chart(page.Days)
	return v.Show("overview", "gateway", v.L.T("gateway.title"), page)
}

// accountsPage is the list of accounts.
type accountsPage struct {
	Form     *ui.Form
	Accounts []portal.Account
	All      int
}

func accounts(v *desk.Visit) error {
	page := accountsPage{Form: v.Typed("q")}
	var all []portal.Account
	if err := v.Get("/accounts", nil, &all); err != nil {
		return err
	}
	page.All = len(all)
	part := strings.ToLower(strings.TrimSpace(page.Form.Values.Get("q")))
	for _, a := range all {
		if strings.Contains(a.Name, part) {
			page.Accounts = append(page.Accounts, a)
		}
	}
	return v.Show("accounts", "accounts", v.L.T("nav.accounts"), page)
}

func crumbs(v *desk.Visit) []ui.Crumb {
	return []ui.Crumb{{Label: v.L.T("nav.accounts"), Href: "/accounts"}}
}

// newAccount is the form of one.
type newAccount struct {
	Form                  *ui.Form
	Keys, Content, Access []ui.Option
}

var accountFields = []string{"name", "keys", "access_key", "content", "keep_for", "operator_access"}

func askAccount(v *desk.Visit) error {
	form := v.Typed(accountFields...)
	if len(form.Values) == 0 {
		form.Values = url.Values{"keys": {"gateway"}, "content": {"keep"}, "keep_for": {"400"}, "operator_access": {"on"}}
	}
	return showNew(v, http.StatusOK, form)
}

func showNew(v *desk.Visit, status int, form *ui.Form) error {
	return v.ShowAs(status, "account-new", "accounts", v.L.T("account.new"), newAccount{
		Form: form, Keys: v.Options("account.keys", "gateway", "customer"), Content: v.Options("account.content", "keep", "delete"),
		Access: v.Options("account.access", "on", "asked", "off"),
	}, crumbs(v)...)
}

var refusals = []desk.Refusal{
	{Words: "an account of that name", Field: "name", Text: "account.taken"},
	{Words: "an account's name has", Field: "name", Text: "account.name.bad"},
	{Words: "belongs to the gateway", Field: "name", Text: "account.name.bad"},
	{Words: "keep-for", Field: "keep_for", Text: "account.days"},
	{Words: "access key", Field: "access_key", Text: "account.access-key.bad"},
	{Words: "PEM", Field: "access_key", Text: "account.access-key.bad"},
}

func addAccount(v *desk.Visit) error {
	form := &ui.Form{Values: desk.Keep(v.R.PostForm, accountFields...)}
	v.Next = desk.Address("/accounts/new", desk.Keep(form.Values, accountFields...))
	typed := func(name string) string { return strings.TrimSpace(form.Values.Get(name)) }
	in := portal.NewAccount{Name: typed("name"), Keys: typed("keys"), AccessKey: typed("access_key")}
	if in.AccessKey != "" {
		in.AccessKey += "\n"
	}
	if in.Name == "" {
		form.Fail("name", v.L.T("form.required"))
	}
	content, access := typed("content"), typed("operator_access")
	for field, fits := range map[string]bool{
		"keys": in.Keys == "gateway" || in.Keys == "customer", "content": content == "keep" || content == "delete",
		"operator_access": slices.Contains([]string{"on", "asked", "off"}, access),
	} {
		if !fits {
			form.Fail(field, v.L.T("form.required"))
		}
	}
	if in.Keys == "gateway" && in.AccessKey != "" {
		form.Fail("access_key", v.L.T("account.access-key.not-here"))
	}
	days, err := strconv.ParseUint(typed("keep_for"), 10, 16)
	if err != nil || days == 0 {
		form.Fail("keep_for", v.L.T("account.days"))
	}
	if !form.OK() {
		return showNew(v, http.StatusUnprocessableEntity, form)
	}
	keep := portal.Duration(time.Duration(days) * 24 * time.Hour) //nolint:gosec // sixteen bits
	in.Content, in.OperatorAccess, in.KeepFor = &content, &access, &keep
	if err := v.Post("/accounts", in, nil); err != nil {
		if err := v.Explain(form, err, refusals); err != nil {
			return err
		}
		return showNew(v, http.StatusUnprocessableEntity, form)
	}
	return v.Done(desk.Join("a", in.Name, "logins"), "account-added")
}

// closePage says what is lost, in the words of the API, too.
type closePage struct {
	Title, Detail string
	Confirm       ui.Confirm
}

func askClose(v *desk.Visit) error {
	if err := v.Proved(); err != nil {
		return err
	}
	return showClose(v, http.StatusOK, &ui.Form{})
}

func showClose(v *desk.Visit, status int, form *ui.Form) error {
	name := v.R.PathValue("name")
	err := v.Delete(desk.Join("accounts", name), nil, nil) // without being confirmed: it says what it would do
	if !fault.Is(err, fault.Invalid) {
		return err
	}
	title := v.L.T("account.close")
	return v.ShowAs(status, "close", "accounts", title, closePage{title, fault.Message(err), ui.Confirm{
		Sentence: v.L.T("account.close.text", "name", name), Must: name, Action: desk.Join("accounts", "of", name, "close"), Button: title, Cancel: "/accounts", Form: form,
	}}, crumbs(v)...)
}

func closeAccount(v *desk.Visit) error {
	name := v.R.PathValue("name")
	v.Next = desk.Join("accounts", "of", name, "close")
	form := &ui.Form{Values: desk.Keep(v.R.PostForm, "confirm")}
	if strings.TrimSpace(form.Values.Get("confirm")) != name {
		form.Fail("confirm", v.L.T("confirm.wrong"))
		return showClose(v, http.StatusUnprocessableEntity, form)
	}
	if err := v.Delete(desk.Join("accounts", name), url.Values{"confirm": {name}}, nil); err != nil {
		return err
	}
	return v.Done("/accounts", "account-closed")
}

// finding is one thing that was examined.
type finding struct {
	portal.Finding
	Title string
}

// healthPage is what was examined, by how bad it is.
type healthPage struct {
	Bad, Doubtful, Fine []finding
}

// checks are what is examined of one thing: "keys of acme".
var checks = []string{"keys of ", "token of "}

func health(v *desk.Visit) error {
	var list []portal.Finding
	if err := v.Get("/doctor", url.Values{"machine": {"true"}}, &list); err != nil {
		return err
	}
	var page healthPage
	for _, f := range list {
		one := finding{f, f.Check}
		one.Found, one.Do = v.L.Health(f.Found), v.L.Health(f.Do)
		key, of := f.Check, ""
		for _, prefix := range checks {
			if rest, ok := strings.CutPrefix(f.Check, prefix); ok {
				key, of = strings.TrimSpace(prefix), rest
			}
		}
		if key := "check." + strings.ReplaceAll(key, " ", "-"); v.L.Has(key) {
			one.Title = v.L.T(key, "name", of)
		}
		switch f.Status {
		case portal.Failing:
			page.Bad = append(page.Bad, one)
		case portal.Warned:
			page.Doubtful = append(page.Doubtful, one)
		default:
			page.Fine = append(page.Fine, one)
		}
	}
	return v.Show("health", "health", v.L.T("nav.health"), page)
}
