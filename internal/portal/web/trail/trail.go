// Package trail is the pages of the audit log: of one account for its admins, of all
// for who runs the gateway.
//
// The log has no order but that of time, and no index of what happened: a choice of
// kinds is looked for in the newest entries, page by page, up to a bound that the page
// tells. What is exported is all of the choice, as a sheet in which no cell is a
// formula.
package trail

import (
	"embed"
	"encoding/csv"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/sheet"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
)

//go:embed templates/*.html
var templates embed.FS

// Room is these pages.
func Room() desk.Room { return room }

var room = desk.Room{
	Views: ui.Later(templates, texts, actionTexts, detailTexts),
	Routes: []desk.Route{
		{Pattern: "GET /a/{account}/audit", Answer: list},
		{Pattern: "GET /a/{account}/audit/export", Answer: export},
		{Pattern: "GET /audit", Answer: list},
		{Pattern: "GET /audit/export", Answer: export},
		{Pattern: "GET /audit/verify", Answer: verify},
	},
}

const (
	pageSize = 50     // entries on a page
	batch    = 1000   // entries that are read at once
	looked   = 20_000 // entries that one page looks through at most
)

// kinds are the choices of the filter, and how the actions begin that belong to them.
var kinds = map[string][]string{
	"sign-in":  {"login.signed-in", "login.half-way", "login.refused", "session.", "link.", "factor", "recovery-code", "password."},
	"insight":  {"approval.", "payments.", "content.", "sealed.", "share.", "receipt.", "findings."},
	"files":    {"file.", "arrival.", "content.", "receipt.", "payments.", "grant."},
	"people":   {"login.added", "login.changed", "login.removed", "login.reset", "login.bound", "sign-on.", "token.", "agent.", "link.", "factors.reset"},
	"keys":     {"access-key.", "certificate.", "key.", "keys.", "ingest-key.", "master-key.", "statement.", "account.reseal"},
	"settings": {"account.", "webhook.", "alarm.", "data.", "queue.", "remote."},
	"denied":   {"access.denied", "login.refused"},
}

var kindOrder = []string{"sign-in", "files", "insight", "people", "keys", "settings", "denied"}

type entries struct {
	Entries []portal.AuditEntry `json:"entries"`
	Next    *string             `json:"next"`
}

// choice is what somebody wants to see of the log.
type choice struct {
	query url.Values // for the API
	kind  string
}

func (c choice) fits(e portal.AuditEntry) bool {
	return c.kind == "" || slices.ContainsFunc(kinds[c.kind], func(p string) bool { return strings.HasPrefix(e.Action, p) })
}

// page is what is shown of the log.
type page struct {
	Form   *ui.Form
	Kinds  []ui.Option
	Rows   []row
	Whole  bool // of the gateway, not of one account
	Asked  bool
	Looked int // entries that were looked through in vain or not; 0 = all there are
	Pager  ui.Pager
	Export string
	Here   string
	Report *portal.AuditReport
}

// row is one entry in words.
type row struct {
	portal.AuditEntry
	Text, Who, What string
	Details         []string
	Tone            string
}

// chosen reads the filter; what is wrong with it stands in the form.
func chosen(v *desk.Visit) (choice, *ui.Form) {
	form := v.Typed("since", "kind")
	c := choice{query: url.Values{}, kind: form.Values.Get("kind")}
	if v.Account != "" {
		c.query.Set("account", v.Account)
	}
	if since := strings.TrimSpace(form.Values.Get("since")); since != "" {
		day, err := time.Parse(time.DateOnly, since)
		if err != nil {
			form.Fail("since", v.L.T("audit.date"))
		} else {
			c.query.Set("since", day.Format(time.RFC3339))
		}
	}
	if c.kind != "" && kinds[c.kind] == nil {
		form.Fail("kind", v.L.T("form.required"))
	}
	return c, form
}

// here is the address of the log that is looked at.
func here(v *desk.Visit) string {
	if v.Account == "" {
		return "/audit"
	}
	return v.At("audit")
}

// allowed lets through who may read this log: the account's, or all of it.
func allowed(v *desk.Visit) error {
	if v.Account == "" {
		if !v.Person.Operator {
			return fault.New(fault.Denied, "web: audit", "only an operator may do this")
		}
		return nil
	}
	_, _, err := v.TheAccount()
	return err
}

func list(v *desk.Visit) error {
	if err := allowed(v); err != nil {
		return err
	}
	c, form := chosen(v)
	kept := desk.Keep(form.Values, "since", "kind")
	p := page{
		Form: form, Whole: v.Account == "", Asked: c.kind != "" || c.query.Get("since") != "", Here: here(v),
		Kinds: append([]ui.Option{{Value: "", Label: v.L.T("all")}}, v.Options("audit.kind", kindOrder...)...), Export: desk.Address(here(v)+"/export", kept),
	}
	if !form.OK() {
		return v.FormAgain("audit", "audit", v.L.T("nav.audit"), p)
	}
	before := v.R.URL.Query().Get("before")
	if before != "" {
		p.Pager.First = desk.Address(here(v), kept)
	}
	found, next, count, err := read(v, c, before)
	if err != nil {
		return err
	}
	for _, e := range found {
		p.Rows = append(p.Rows, rowOf(v, e))
	}
	if next != "" {
		kept.Set("before", next)
		p.Pager.Next = desk.Address(here(v), kept)
		if len(found) < pageSize {
			p.Looked = count
		}
	}
	return v.Show("audit", "audit", v.L.T("nav.audit"), p)
}

// read returns a page of what fits, where the next one begins ("" = this is the last)
// and how many entries were looked at.
func read(v *desk.Visit, c choice, before string) (found []portal.AuditEntry, next string, count int, err error) {
	size := batch
	if c.kind == "" {
		size = pageSize
	}
	c.query.Set("limit", strconv.Itoa(size))
	for count < looked {
		if before != "" {
			c.query.Set("before", before)
		}
		var got entries
		if err := v.Get("/audit", c.query, &got); err != nil {
			return nil, "", 0, err
		}
		for i, e := range got.Entries {
			count++
			before = e.ID
			if !c.fits(e) {
				continue
			}
			found = append(found, e)
			if len(found) == pageSize && (i+1 < len(got.Entries) || got.Next != nil) {
				return found, before, count, nil
			}
		}
		if got.Next == nil {
			return found, "", count, nil
		}
	}
	return found, before, count, nil
}

// rowOf says an entry in words.
func rowOf(v *desk.Visit, e portal.AuditEntry) row {
	r := row{AuditEntry: e, Text: e.Action, What: e.Object, Who: v.L.T("audit.actor." + e.ActorKind)}
	if key := "action." + e.Action; v.L.Has(key) {
		r.Text = v.L.T(key)
	}
	if e.ActorName != nil {
		r.Who = *e.ActorName
	}
	if e.ObjectName != nil {
		r.What = *e.ObjectName
	}
	switch e.Action {
	case "login.refused", "access.denied", "grant.damaged", "webhook.failed":
		r.Tone = "warning"
	}
	if e.ActorKind == "remote" && e.ActorName != nil {
		r.Who = v.L.T("audit.actor.at", "name", *e.ActorName)
	}
	r.Details = detailsOf(v, e)
	return r
}

// export hands out all of the choice as a sheet.
func export(v *desk.Visit) error {
	if err := allowed(v); err != nil {
		return err
	}
	c, form := chosen(v)
	if !form.OK() {
		return fault.New(fault.Invalid, "web: audit", "there is no such choice")
	}
	c.query.Set("limit", "10000")
	var got entries
	if err := v.Get("/audit", c.query, &got); err != nil { // before anything is sent
		return err
	}
	desk.Attach(v.W, "audit.csv")
	v.W.Header().Set("Content-Type", "text/csv; charset=utf-8")
	_, _ = io.WriteString(v.W, sheet.Mark) // the client is gone when this fails
	out := csv.NewWriter(v.W)
	line(out, "time", "account", "actor", "actor_name", "action", "object", "object_name", "detail", "id")
	for {
		for _, e := range got.Entries {
			if c.fits(e) {
				line(out, e.Time.UTC().Format(time.RFC3339Nano), e.Account, e.Actor, text(e.ActorName), e.Action, e.Object, text(e.ObjectName), recorded(e), e.ID)
			}
		}
		out.Flush()
		if got.Next == nil || out.Error() != nil {
			return nil
		}
		c.query.Set("before", *got.Next)
		got = entries{}
		if err := v.Get("/audit", c.query, &got); err != nil {
			v.Log.ErrorContext(v.Ctx(), "web: an export of the audit log was cut", "error", err)
			panic(http.ErrAbortHandler) // what has gone out must not look whole
		}
	}
}

// recorded is what an entry tells besides, as it is on record: programs read sheets.
func recorded(e portal.AuditEntry) string {
	var list []string
	for key, value := range e.Detail {
		list = append(list, key+": "+value)
	}
	slices.Sort(list)
	return strings.Join(list, "; ")
}

func line(out *csv.Writer, cells ...string) {
	for i, cell := range cells {
		cells[i] = sheet.Harmless(cell)
	}
	_ = out.Write(cells) // Error tells, after Flush
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// verify checks the whole log against what the gateway has signed.
func verify(v *desk.Visit) error {
	var report portal.AuditReport
	if err := v.Get("/audit/verify", nil, &report); err != nil {
		if !fault.Is(err, fault.Damaged) {
			return err
		}
		form := &ui.Form{}
		form.Fail("", v.L.T("audit.damaged"))
		return v.Show("verified", "audit", v.L.T("audit.verify"), page{Form: form, Here: "/audit"})
	}
	return v.Show("verified", "audit", v.L.T("audit.verify"), page{Report: &report, Here: "/audit"})
}
