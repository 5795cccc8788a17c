// Package send is the page that sends files: GET and POST /a/{account}/upload.
//
// A script sends them by tus, resumable, and asks this same page (?file=ID…) for
// what became of them. Without scripts a plain form does it: its body goes straight
// to the API, and the answer leads to the page with the results.
//
// The page knows no store and decides nothing: who may send, and what is taken, says
// the API.
package send

import (
	"context"
	"embed"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"sealgate/internal/fault"
	"sealgate/internal/fileobject"
	"sealgate/internal/payment"
	"sealgate/internal/portal"
	"sealgate/internal/portal/fair"
	"sealgate/internal/portal/web/ui"
)

// Pattern is the route whose bodies may have any size.
const Pattern = "POST /a/{account}/upload"

const (
	maxShown    = 100 // results on one page
	maxFindings = 3   // of a result; the file's own page has all
	readerRole  = "reader"
)

//go:embed all:templates
var files embed.FS

// API is what the page asks; the context says for whom.
type API interface {
	Get(ctx context.Context, path string, query url.Values, out any) error
	Send(ctx context.Context, path, contentType string, body io.Reader, out any) error
}

// Pages answers the two requests.
type Pages struct {
	api   API
	views *ui.UI
}

// New returns the pages over an API.
func New(api API) *Pages {
	return &Pages{api, ui.Must(ui.New(files, texts))}
}

// data is what the template shows.
type data struct {
	Account string
	Owner   string // whose unfinished uploads the browser shows
	Here    string // the page's own address
	Error   string
	Results []result
	Moving  bool // one of them is still on its way
	Says    []say
}

// say is a text of the scripts.
type say struct{ Key, Text string }

const sayPrefix = "upload.say."

// values are the names that texts of scripts have values for. Scripts put them in.
var values = []string{"sent", "size", "speed", "left", "seconds", "problem", "name", "names", "done", "all"}

func says(l *ui.Locale) []say {
	var args []any
	for _, name := range values {
		args = append(args, name, "{"+name+"}")
	}
	var all []say
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		if name, ok := strings.CutPrefix(key, sayPrefix); ok {
			all = append(all, say{name, l.T(key, args...)})
		}
	}
	return all
}

// result is what is said about one file.
type result struct {
	Account  string
	File     fileobject.Object
	Findings []payment.Finding // the gravest
	More     int               // findings that are not shown
}

// Rests reports whether nothing more happens to the file by itself.
func (r result) Rests() bool { return !slices.Contains([]string{"arriving", "received"}, r.File.State) }

// Read reports whether the indexer has read it.
func (r result) Read() bool { return r.File.Indexed != nil && r.File.Format != nil }

// Trouble reports whether somebody has to do something about it.
func (r result) Trouble() bool {
	return slices.Contains([]string{"held", "refused", "locked", "waiting-rename"}, r.File.State)
}

// Show answers GET.
func (p *Pages) Show(w http.ResponseWriter, r *http.Request) {
	d, err := p.data(r)
	if err != nil {
		p.views.Refuse(w, r, err)
		return
	}
	ids := r.URL.Query()["file"]
	for _, id := range ids[:min(maxShown, len(ids))] {
		found, err := p.result(r, id)
		if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Invalid) {
			continue // an old link; there is nothing to tell about it
		}
		if err != nil {
			p.views.Refuse(w, r, err)
			return
		}
		d.Results = append(d.Results, found)
		d.Moving = d.Moving || !found.Rests()
	}
	p.render(w, r, http.StatusOK, d)
}

// data is what stands on the page before anything was sent.
func (p *Pages) data(r *http.Request) (data, error) {
	who, _ := ui.PersonOf(r.Context())
	if who.Operator || who.Role == readerRole {
		return data{}, fault.New(fault.Denied, "upload", "files are sent by the account's own people: uploaders, approvers and admins")
	}
	return data{
		Account: r.PathValue("account"), Owner: who.Login.String(), Here: r.URL.RequestURI(), Says: says(p.views.Locale(r)),
	}, nil
}

func (p *Pages) render(w http.ResponseWriter, r *http.Request, status int, d data) {
	p.views.Render(w, r, status, "upload", ui.Page{
		Title: p.views.Locale(r).T("nav.upload"), Account: d.Account, Section: "upload", Scripts: []string{"upload.js"}, Data: d,
	})
}

func (p *Pages) result(r *http.Request, id string) (result, error) {
	var o fileobject.Object
	if err := p.api.Get(r.Context(), "/files/"+url.PathEscape(id), nil, &o); err != nil {
		return result{}, err
	}
	if o.Account != r.PathValue("account") {
		return result{}, fault.New(fault.NotFound, "upload", "no such file")
	}
	findings := slices.SortedStableFunc(slices.Values(o.Findings), func(a, b payment.Finding) int {
		return grave[b.Severity] - grave[a.Severity]
	})
	shown := min(maxFindings, len(findings))
	return result{o.Account, o, findings[:shown], len(findings) - shown}, nil
}

var grave = map[payment.Severity]int{payment.Warning: 1, payment.Error: 2, payment.Fatal: 3}

// Take answers POST: the form as a browser sends it that runs no scripts.
func (p *Pages) Take(w http.ResponseWriter, r *http.Request) {
	d, err := p.data(r)
	if err != nil {
		p.views.Refuse(w, r, err)
		return
	}
	var taken struct {
		Files []struct {
			ID string `json:"id"`
		} `json:"files"`
	}
	body := fair.NewBody(w, r.Body)
	if err := p.api.Send(r.Context(), "/files", r.Header.Get("Content-Type"), body, &taken); err != nil {
		// A browser reads no answer before it has sent all. So it may, within bounds.
		_, _ = io.Copy(io.Discard, io.LimitReader(body, maxDiscarded)) // cut: nobody reads the answer
		if d.Error = fault.Message(err); fault.Is(err, fault.Invalid) && strings.Contains(d.Error, "no file") {
			d.Error = p.views.Locale(r).T("upload.none")
		}
		p.render(w, r, portal.ProblemOf(err).Status, d)
		return
	}
	query := url.Values{}
	for _, f := range taken.Files {
		query.Add("file", f.ID)
	}
	http.Redirect(w, r, r.URL.Path+"?"+query.Encode(), http.StatusSeeOther)
}

// maxDiscarded bounds what is read of a form that was refused.
const maxDiscarded = 256 << 20
