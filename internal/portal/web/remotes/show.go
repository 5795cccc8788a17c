package remotes

import (
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"sealgate/internal/fault"
	"sealgate/internal/fileobject"
	"sealgate/internal/portal"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
	"sealgate/internal/transfer/remote/why"
)

// told is why something failed: in the reader's language, and in the words of the
// gateway and the server, which are English and name names.
type told struct{ Says, Do, Quote string }

// tell says in words what a code means. Who reads English is told the sentence itself:
// it says the same and more, also what to do.
func tell(v *desk.Visit, code, sentence string) told {
	w := why.Code(code).Words(string(v.L.Language))
	if v.L.Language == ui.English && sentence != "" {
		return told{Says: begun(sentence)}
	}
	return told{Says: begun(w.Says), Do: begun(w.Do), Quote: sentence}
}

// begun makes words a sentence.
func begun(words string) string {
	first, size := utf8.DecodeRuneInString(words)
	if size == 0 {
		return ""
	}
	return string(unicode.ToUpper(first)) + strings.TrimSuffix(words[size:], ".") + "."
}

// visitRow is one visit.
type visitRow struct {
	portal.RemoteRun
	Who string // asked for it; "" = the schedule
	Why told
}

func rowOf(v *desk.Visit, run portal.RemoteRun) visitRow {
	row := visitRow{RemoteRun: run}
	switch {
	case run.ByName != nil:
		row.Who = *run.ByName
	case run.ByKind != "":
		row.Who = v.L.T("visit.by." + run.ByKind)
	}
	if run.Outcome == "failed" {
		code, sentence := run.Error, ""
		if run.FileError != "" {
			code = run.FileError
		}
		if run.Message != nil {
			sentence = *run.Message
		}
		row.Why = tell(v, code, sentence)
	}
	return row
}

// fileRow is a file that could not be left there until now.
type fileRow struct {
	portal.RemoteFile
	Name string
	Why  told
}

type onePage struct {
	Base    string
	Account string
	Remote  portal.Remote
	Runs    []visitRow
	Last    told // why the last visit failed, while they fail
	Ready   bool
	Shut    bool // an operator has said where files go, and may not see them
	Files   []fileRow
	Unknown int // of them, those that a person has to settle
	Days    string
	By      string // the days and the time of what is expected
}

func show(v *desk.Visit) error {
	r, err := theRemote(v)
	if err != nil {
		return err
	}
	page := onePage{Base: own(v), Account: v.Account, Remote: r, Ready: ready(r)}
	var runs []portal.RemoteRun
	if err := v.Get(of(v, r.Name, "runs"), url.Values{"limit": {"30"}}, &runs); err != nil {
		return err
	}
	for _, run := range runs {
		page.Runs = append(page.Runs, rowOf(v, run))
	}
	if r.FailingSince != nil {
		page.Last = tell(v, r.Error, "")
		if i := slices.IndexFunc(runs, func(run portal.RemoteRun) bool { return run.Outcome == "failed" }); i >= 0 {
			page.Last = page.Runs[i].Why
		}
	}
	if s := r.Settings; s != nil {
		page.Days, page.By, _ = strings.Cut(s.Expect, " by ")
	}
	if r.Direction == "push" {
		if err := page.push(v); err != nil {
			return err
		}
	}
	return v.Show("remote", "remotes", r.Name, page, crumbs(v)...)
}

// push adds what is of interest where files are left.
func (page *onePage) push(v *desk.Visit) error {
	a, _, err := v.TheAccount()
	if err != nil {
		return err
	}
	page.Shut = page.Remote.ByOperator && a.OperatorAccess != "on"
	var tried []portal.RemoteFile
	if err := v.Get(of(v, page.Remote.Name, "files"), nil, &tried); err != nil || len(tried) == 0 {
		return err
	}
	var waiting []fileobject.Object
	if err := v.Get(v.Of("outbox"), nil, &waiting); err != nil {
		return err
	}
	names := map[string]string{}
	for _, o := range waiting {
		names[o.ID] = o.Shown()
	}
	for _, f := range tried {
		name, waits := names[f.ID]
		if !waits { // it was delivered another way, which the next visit notes
			continue
		}
		page.Files = append(page.Files, fileRow{f, name, tell(v, f.Error, "")})
		if f.Unknown {
			page.Unknown++
		}
	}
	slices.SortStableFunc(page.Files, func(a, b fileRow) int { return urgent(b) - urgent(a) })
	return nil
}

func urgent(f fileRow) int {
	if f.Unknown {
		return 1
	}
	return 0
}

// arrived says of a file whose answer was lost that it lies there.
func arrived(v *desk.Visit) error {
	r, err := theRemote(v)
	if err != nil {
		return err
	}
	v.Next = own(v)
	var tried []portal.RemoteFile
	if err := v.Get(of(v, r.Name, "files"), nil, &tried); err != nil {
		return err
	}
	id := v.R.PathValue("file")
	if !slices.ContainsFunc(tried, func(f portal.RemoteFile) bool { return f.ID == id && f.Unknown }) {
		return fault.New(fault.NotFound, "web: remote", "the file does not wait for an answer")
	}
	if err := v.Post(of(v, r.Name, "files", id, "delivered"), nil, nil); err != nil {
		return err
	}
	return v.Done(own(v), "remote-arrived")
}

func sendAgain(v *desk.Visit) error {
	r, err := theRemote(v)
	if err != nil {
		return err
	}
	v.Next = own(v)
	if err := v.Post(of(v, r.Name, "files", v.R.PathValue("file"), "send-again"), nil, nil); err != nil {
		return err
	}
	return v.Done(own(v), "remote-sent-again")
}
