package web

import (
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/fileobject"
	"sealgate/internal/payment"
	"sealgate/internal/portal"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
)

// pageSize is how many rows a page of a list has.
const pageSize = 50

// fileList is the page of files.
type fileList struct {
	Form    *ui.Form
	Tabs    []ui.Tab
	Rows    []fileRow
	Pager   ui.Pager
	States  []ui.Option
	Sources []ui.Option
	Codes   []ui.Option

	Searched *searched
	Asked    bool // somebody has filtered
	Sends    bool
}

// More reports whether there are older names that were not looked at.
func (l fileList) More() bool { return l.Searched != nil && !l.Searched.All }

// fileRow is one file in a list.
type fileRow struct {
	fileobject.Object
	Worst payment.Severity // of its findings; "" = none
}

func rowOf(o fileobject.Object) fileRow {
	r := fileRow{Object: o}
	order := []payment.Severity{payment.Info, payment.Warning, payment.Error, payment.Fatal}
	worst := -1
	for _, f := range o.Findings {
		for i, s := range order {
			if s == f.Severity && i > worst {
				worst, r.Worst = i, s
			}
		}
	}
	return r
}

// Noted is how many different things the indexer has to say.
func (r fileRow) Noted() int { return len(r.Findings) }

// MoreSums is how many sums there are besides the first.
func (r fileRow) MoreSums() int { return len(r.Sums) - 1 }

// FindingsTone is the tone of the badge that counts them.
func (r fileRow) FindingsTone() string {
	switch r.Worst {
	case payment.Error, payment.Fatal:
		return "bad"
	case payment.Warning:
		return "warning"
	}
	return "info"
}

// Remote is the name of the remote that a file was fetched from; "" = none.
func (r fileRow) Remote() string {
	name, _ := strings.CutPrefix(r.Source, "remote:")
	if name == r.Source {
		return ""
	}
	return name
}

func (v *visit) files() error {
	if _, _, err := v.TheAccount(); err != nil {
		return err
	}
	asked := v.R.URL.Query()
	list := fileList{Form: &ui.Form{Values: asked}, Sends: v.May("uploader", "approver", "admin")}
	query := url.Values{"account": {v.Account}, "limit": {strconv.Itoa(pageSize)}, "direction": {"in"}}
	if asked.Get("direction") == "out" {
		query.Set("direction", "out")
	}
	for _, key := range []string{"part", "state", "source", "code", "format"} {
		if text := strings.TrimSpace(asked.Get(key)); text != "" {
			query.Set(key, text)
			list.Asked = true
		}
	}
	for _, key := range []string{"since", "until"} {
		text := asked.Get(key)
		if text == "" {
			continue
		}
		at, err := time.Parse(time.DateOnly, text)
		if err != nil {
			list.Form.Fail(key, v.L.T("form.date"))
			continue
		}
		if key == "until" {
			at = at.Add(day) // that day, too
		}
		query.Set(key, at.Format(time.RFC3339))
		list.Asked = true
	}
	if before := asked.Get("before"); before != "" {
		query.Set("before", before)
	}
	v.fileFilters(&list, query.Get("direction"))
	if !list.Form.OK() {
		return v.FormAgain("files", "files", v.L.T("files.title"), list)
	}
	page, err := v.listFiles(query)
	if err != nil {
		return err
	}
	for _, o := range page.Files {
		list.Rows = append(list.Rows, rowOf(o))
	}
	list.Searched = page.Searched
	list.Pager = pager(v.At("files"), asked, "before", page.Next)
	return v.Show("files", "files", v.L.T("files.title"), list)
}

// filePage is the API's page of files.
type filePage struct {
	Files []fileobject.Object `json:"files"`
	Next  *string             `json:"next"`

	Searched *searched `json:"searched"`
}

// searched is how far a search for a part of a name went.
type searched struct {
	Names int  `json:"names"`
	All   bool `json:"all"` // there are no older ones
}

func (v *visit) listFiles(query url.Values) (page filePage, err error) {
	err = v.Get("/files", query, &page)
	return page, err
}

// states that a file of a direction can be in, in the order of its life.
var states = map[string][]string{
	"in":  {"held", "refused", "locked", "waiting-rename", "arriving", "received", "kept", "deleted", "erased"},
	"out": {"waiting", "delivered"},
}

var sources = map[string][]string{"in": {"sftp", "portal", "api"}, "out": {"operator", "gateway"}}

func (v *visit) fileFilters(list *fileList, direction string) {
	for _, d := range []string{"in", "out"} {
		list.Tabs = append(list.Tabs, ui.Tab{Href: v.At("files") + "?direction=" + d, Label: v.L.T("files.direction." + d), Current: d == direction})
	}
	list.States = []ui.Option{{Label: v.L.T("all")}}
	for _, s := range states[direction] {
		list.States = append(list.States, ui.Option{Value: s, Label: v.L.T("state." + s)})
	}
	list.Codes = v.L.Findings(v.L.T("all"))
	list.Sources = []ui.Option{{Label: v.L.T("all")}}
	for _, s := range sources[direction] {
		list.Sources = append(list.Sources, ui.Option{Value: s, Label: v.L.T("source." + s)})
	}
}

// pager leads through a list with the same filters.
func pager(path string, asked url.Values, key string, next *string) (p ui.Pager) {
	query := url.Values{}
	for name, values := range asked {
		if name != key && name != ui.Done && len(values) > 0 && values[0] != "" {
			query.Set(name, values[0])
		}
	}
	if asked.Get(key) != "" {
		p.First = desk.Address(path, query)
	}
	if next != nil {
		query.Set(key, *next)
		p.Next = desk.Address(path, query)
	}
	return p
}

// theFile reads the file of the address. One of another account is not there.
func (v *visit) theFile() (o fileobject.Object, err error) {
	if err := v.Get(desk.Join("files", v.R.PathValue("id")), nil, &o); err != nil {
		return o, err
	}
	if o.Account != v.Account {
		if _, _, err := v.TheAccount(); err != nil {
			return o, err
		}
		return o, fault.New(fault.NotFound, "web: file", "there is no such file")
	}
	return o, nil
}

// oneFile is the page of a file.
type oneFile struct {
	fileRow
	Problems []payment.Finding // what holds or refuses it
	Notes    []payment.Finding
	Timeline []happening
	Reads    bool // its content can be downloaded
	Sealed   bool
	Receipt  bool
	Pays     bool // its payments can be seen
	Release  bool
	Reindex  bool
	Erase    bool
	Confirm  *ui.Confirm
	Closed   string // to operators, as the account has chosen: asked or off; "" = it is not
}

// happening is one thing that happened to a file, in the reader's language where there
// is a text.
type happening struct {
	At   time.Time
	Text string
	By   string
}

func (v *visit) timeline(id string) (list []happening, err error) {
	var all []portal.Happening
	if err := v.Get(desk.Join("files", id, "timeline"), nil, &all); err != nil {
		return nil, err
	}
	for _, one := range all {
		h := happening{At: one.At, Text: one.Text}
		if key := "happening." + one.Action; v.L.Has(key) {
			h.Text = v.L.T(key)
		}
		switch kind := "actor." + one.ActorKind; {
		case one.ActorName != nil:
			h.By = *one.ActorName
		case one.ActorKind != "gateway" && v.L.Has(kind):
			h.By = v.L.T(kind)
		}
		list = append(list, h)
	}
	return list, nil
}

func (v *visit) file() error {
	o, err := v.theFile()
	if err != nil {
		return err
	}
	f := v.oneFile(o)
	if v.Person.Operator {
		a, _, err := v.TheAccount()
		if err != nil {
			return err
		}
		if a.OperatorAccess != "on" && a.ApprovedUntil == nil {
			f.Closed, f.Reads, f.Pays, f.Receipt = a.OperatorAccess, false, false, false
		}
	}
	if f.Timeline, err = v.timeline(o.ID); err != nil {
		return err
	}
	return v.Show("file", "files", o.Shown(), f, ui.Crumb{Label: v.L.T("files.title"), Href: v.At("files")})
}

// oneFile says what of a file the person may see and do. The server refuses the rest
// whatever a page offers.
func (v *visit) oneFile(o fileobject.Object) oneFile {
	f := oneFile{fileRow: rowOf(o)}
	reads, decides := v.May("reader", "approver", "admin", desk.Operator), v.May("approver", "admin", desk.Operator)
	held := o.State == "held" || o.State == "refused"
	for _, found := range o.Findings {
		if held && (found.Severity == payment.Error || found.Severity == payment.Fatal) {
			f.Problems = append(f.Problems, found)
		} else {
			f.Notes = append(f.Notes, found)
		}
	}
	f.Reads = reads && (held || o.State == "kept" || o.State == "waiting")
	f.Sealed = reads && o.State == "kept"
	f.Receipt = o.Indexed != nil && o.Direction == "in"
	f.Pays = reads && o.PaymentCount > 0
	f.Release = decides && (held || o.State == "waiting-rename" && o.Reason != nil)
	f.Reindex = decides && held
	f.Erase = decides && (held || o.State == "kept")
	return f
}

// content hands the plaintext of a file on.
func (v *visit) content() error { return v.download("content") }

// sealed hands a file on as it lies in the vault.
func (v *visit) sealed() error { return v.download("sealed") }

func (v *visit) download(what string) error {
	o, err := v.theFile()
	if err != nil {
		return err
	}
	c, err := v.API.Download(v.Ctx(), desk.Join("files", o.ID, what))
	if err != nil {
		return err
	}
	defer c.Close()
	desk.Attach(v.W, c.Name)
	if c.Size >= 0 {
		v.W.Header().Set("Content-Length", strconv.FormatInt(c.Size, 10))
	}
	return v.handOn(c)
}

func (v *visit) receipt() error {
	o, err := v.theFile()
	if err != nil {
		return err
	}
	var note portal.Receipt
	if err := v.Get(desk.Join("files", o.ID, "receipt"), nil, &note); err != nil {
		return err
	}
	desk.Attach(v.W, o.Shown()+"."+o.ID+".receipt.json")
	_, _ = io.WriteString(v.W, note.Text) // the client is gone when this fails
	return nil
}

// askRelease asks before a held file goes on: its payments count from then.
func (v *visit) askRelease() error {
	o, err := v.theFile()
	if err != nil {
		return err
	}
	f := v.oneFile(o)
	if !f.Release {
		return fault.New(fault.Denied, "web: release", "the file cannot be released, or not by you")
	}
	return v.Show("release", "files", v.L.T("release.title"), f, v.fileCrumbs(o)...)
}

func (v *visit) release() error {
	if _, err := v.theFile(); err != nil {
		return err
	}
	if err := v.Post(desk.Join("files", v.R.PathValue("id"), "release"), nil, nil); err != nil {
		return err
	}
	return v.Done(v.At("files", v.R.PathValue("id")), "released")
}

func (v *visit) reindex() error {
	if _, err := v.theFile(); err != nil {
		return err
	}
	if err := v.Post(desk.Join("files", v.R.PathValue("id"), "reindex"), nil, nil); err != nil {
		return err
	}
	return v.Done(v.At("files", v.R.PathValue("id")), "reindexed")
}

func (v *visit) fileCrumbs(o fileobject.Object) []ui.Crumb {
	return []ui.Crumb{{Label: v.L.T("files.title"), Href: v.At("files")}, {Label: o.Shown(), Href: v.At("files", o.ID)}}
}

func (v *visit) askErase() error {
	o, err := v.theFile()
	if err != nil {
		return err
	}
	if !v.oneFile(o).Erase {
		return fault.New(fault.Denied, "web: erase", "the file cannot be erased, or not by you")
	}
	if err := v.Proved(); err != nil {
		return err
	}
	return v.showErase(http.StatusOK, o, &ui.Form{})
}

// eraseName is what has to be typed: the file's name, or its id when nobody can
// read that.
func eraseName(o fileobject.Object) string {
	if o.Name == nil {
		return o.ID
	}
	return *o.Name
}

func (v *visit) showErase(status int, o fileobject.Object, form *ui.Form) error {
	return v.ShowAs(status, "confirm", "files", v.L.T("erase.title"), confirmPage{
		Title: v.L.T("erase.title"),
		Confirm: ui.Confirm{
			Sentence: v.L.T("erase.sentence", "name", o.Shown(), "size", v.L.Bytes(o.Size)), Must: eraseName(o),
			Action: v.At("files", o.ID, "erase"), Button: v.L.T("erase.button"), Cancel: v.At("files", o.ID), Form: form,
		},
	}, v.fileCrumbs(o)...)
}

// confirmPage asks for something that cannot be undone.
type confirmPage struct {
	Title   string
	Detail  string // in English, from the API
	Confirm ui.Confirm
}

func (v *visit) erase() error {
	o, err := v.theFile()
	if err != nil {
		return err
	}
	v.Next = v.At("files", o.ID, "erase")
	if strings.TrimSpace(v.R.PostForm.Get("confirm")) != eraseName(o) {
		form := &ui.Form{Values: v.R.PostForm}
		form.Fail("confirm", v.L.T("confirm.wrong"))
		return v.showErase(http.StatusUnprocessableEntity, o, form)
	}
	if err := v.Delete(desk.Join("files", o.ID), url.Values{"confirm": {o.ID}}, nil); err != nil {
		return err
	}
	return v.Done(v.At("files", o.ID), "erased")
}
