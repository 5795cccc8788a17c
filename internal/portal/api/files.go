package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/fault"
	"sealgate/internal/fileobject"
	"sealgate/internal/payment"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/accountapi"
	"sealgate/internal/portal/operation"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/inbox"
)

func (a *API) files() {
	operation.Register(a.Router, http.MethodGet, "/files", "list-files", "Files, newest first", a.listFiles)
	operation.Register(a.Router, http.MethodGet, "/files/{id}", "get-file", "One file", a.getFile)
	operation.Register(a.Router, http.MethodGet, "/files/{id}/timeline", "get-timeline", "What happened to a file, oldest first", a.timeline)
	operation.Register(a.Router, http.MethodGet, "/files/{id}/wait", "wait-for-file", "One file, once it has come to a state", a.waitForFile)
	operation.Register(a.Router, http.MethodPost, "/files/{id}/release", "release-file", "Let a held file, or one whose rename never came, go on", a.decide((*deciders).release))
	operation.Register(a.Router, http.MethodPost, "/files/{id}/reindex", "reindex-file", "Index a held or refused file again", a.decide((*deciders).reindex))
	operation.Register(a.Router, http.MethodDelete, "/files/{id}", "erase-file", "Erase a file's content; its record stays", a.eraseFile)
}

type fileQuery struct {
	Account   string    `query:"account"`
	Name      string    `query:"name"`
	State     string    `query:"state" doc:"arriving, and waiting-rename for less than a day, are listed only when asked for: they are not files yet"`
	Source    string    `query:"source"`
	Direction string    `query:"direction" enum:"in,out"`
	Format    string    `query:"format" doc:"as the index names it"`
	Code      string    `query:"code" doc:"of a finding"`
	Part      string    `query:"part" maxLength:"200" doc:"part of the name, in any case. Names are sealed: the newest ones are opened and looked at, some thousands for each page, and searched says how far that went"`
	Since     time.Time `query:"since" doc:"received (or begun) then or later"`
	Until     time.Time `query:"until" doc:"received (or begun) before"`
	Limit     int       `query:"limit" minimum:"1" maximum:"10000" default:"1000"`
	Before    int64     `query:"before" minimum:"0" doc:"next of the page before"`
}

type filePage struct {
	Files    []fileobject.Object `json:"files"`
	Next     *string             `json:"next"`
	Searched *searched           `json:"searched,omitempty"`
}

// searched is how far a search for a part of a name went.
type searched struct {
	Names int  `json:"names" doc:"that were opened for this page"`
	All   bool `json:"all" doc:"there are no older ones; else next goes on"`
}

func (a *API) listFiles(ctx context.Context, in *fileQuery) (*operation.Out[filePage], error) {
	filters, err := a.filters(ctx, in)
	if err != nil {
		return nil, err
	}
	if len(filters) == 0 { // a name is asked for, and no account's names can be read
		return operation.Answer(filePage{Files: []fileobject.Object{}}), nil
	}
	if in.Part != "" {
		return a.searchNames(ctx, filters[0], in)
	}
	var rows []*catalog.File
	for _, f := range filters {
		part, err := a.rows(ctx, f)
		if err != nil {
			return nil, err
		}
		rows = append(rows, part...)
	}
	slices.SortFunc(rows, func(x, y *catalog.File) int { return cmp.Compare(y.Number, x.Number) })
	page := filePage{Files: []fileobject.Object{}}
	if len(rows) > in.Limit {
		rows = rows[:in.Limit]
		next := strconv.FormatInt(rows[in.Limit-1].Number, 10)
		page.Next = &next
	}
	show := a.shower()
	for _, f := range rows {
		o, err := show.object(ctx, f)
		if err != nil {
			return nil, err
		}
		page.Files = append(page.Files, o)
	}
	return operation.Answer(page), nil
}

// filters are what the catalog is asked. A name is found by its MAC, which is
// under each account's own key: without an account it is one question for each.
func (a *API) filters(ctx context.Context, in *fileQuery) ([]catalog.FileFilter, error) {
	base := catalog.FileFilter{
		State: catalog.State(in.State), Source: in.Source, Direction: catalog.Direction(in.Direction),
		Format: in.Format, Code: in.Code, Since: in.Since, Until: in.Until, Before: in.Before, Limit: in.Limit + 1,
	}
	if c := access.Of(ctx); !c.Operator {
		base.Account = c.Account
	}
	if in.Part != "" && base.Account == uuid.Nil && in.Account == "" {
		return nil, fault.New(fault.Invalid, "api: files", "a part of a name is looked for within one account: say which")
	}
	if in.Account == "" && in.Name == "" {
		return []catalog.FileFilter{base}, nil
	}
	accounts, err := a.named(ctx, in.Account)
	if err != nil {
		return nil, err
	}
	var filters []catalog.FileFilter
	for _, acct := range accounts {
		f := base
		f.Account = acct.ID
		if in.Name != "" {
			rec, err := a.Custody.Records(ctx, acct.ID)
			if fault.Is(err, fault.Locked) {
				continue // its names are unreadable, so none of them is this one
			}
			if err != nil {
				return nil, err
			}
			f.NameMAC = inbox.MAC(rec, in.Name)
		}
		filters = append(filters, f)
	}
	return filters, nil
}

// named is the account of this name, or all that the caller knows for "".
func (a *API) named(ctx context.Context, name string) ([]*account.Account, error) {
	if name == "" {
		return accountapi.Known(ctx, a.Accounts)
	}
	acct, err := a.Accounts.Account(ctx, name)
	if err != nil {
		return nil, err
	}
	return []*account.Account{acct}, nil
}

// rows reads one more row than a page has, leaving out what is not a file yet.
func (a *API) rows(ctx context.Context, f catalog.FileFilter) ([]*catalog.File, error) {
	var rows []*catalog.File
	want := f.Limit
	for {
		var part []*catalog.File
		err := a.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
			part, err = tx.Files(f)
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, row := range part {
			if f.State != "" || isFile(row.State, row.Reason) {
				rows = append(rows, row)
			}
		}
		if len(part) < f.Limit || len(rows) >= want {
			return rows, nil
		}
		f.Before = part[len(part)-1].Number
	}
}

// isFile reports whether a row is a file to be listed: one that was received, or
// that should have been for a day and has a reason why it was not.
func isFile(state catalog.State, reason string) bool {
	return state != catalog.Arriving && (state != catalog.WaitingRename || reason != "")
}

func (a *API) getFile(ctx context.Context, in *operation.ByID) (*operation.Out[fileobject.Object], error) {
	f, err := a.file(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return a.shown(ctx, f)
}

// shown is one file with the texts of its findings. That an operator is given those,
// which may quote the file, is on record before.
func (a *API) shown(ctx context.Context, f *catalog.File) (*operation.Out[fileobject.Object], error) {
	show := a.shower()
	show.texts = true
	o, err := show.object(ctx, f)
	if err != nil {
		return nil, err
	}
	if access.Of(ctx).Operator && quotes(o) && !show.tells(ctx, show.accounts[f.Account], f.ID) {
		silence(&o)
	}
	return operation.Answer(o), nil
}

func (a *API) file(ctx context.Context, text string) (*catalog.File, error) {
	id, err := uuid.Parse(text)
	if err != nil {
		return nil, fault.New(fault.NotFound, "api: file", "there is no file %q", text)
	}
	var f *catalog.File
	err = a.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		f, err = tx.File(id)
		return err
	})
	if fault.Is(err, fault.NotFound) || err == nil && !access.Own(ctx, f.Account) {
		return nil, fault.New(fault.NotFound, "api: file", "there is no file %s", id)
	}
	return f, err
}

// shower makes file objects for one answer; it remembers the accounts it met.
type shower struct {
	api      *API
	accounts map[uuid.UUID]*account.Account
	texts    bool               // of findings, for operators, too: shown decides whether they get them
	told     map[uuid.UUID]bool // accounts whose findings were asked for: whether they are told
}

func (a *API) shower() *shower {
	return &shower{api: a, accounts: map[uuid.UUID]*account.Account{}, told: map[uuid.UUID]bool{}}
}

// Object is the file object of a row, as the caller may see it.
func (a *API) Object(ctx context.Context, f *catalog.File) (fileobject.Object, error) {
	return a.shower().object(ctx, f)
}

// object makes the file object of a row. Texts of findings may quote the file: in lists
// operators get them on the machine only, on record once an account and list. A file
// whose account's keys are gone shows what is not sealed.
func (s *shower) object(ctx context.Context, f *catalog.File) (fileobject.Object, error) {
	acct := s.accounts[f.Account]
	if acct == nil {
		var err error
		if acct, err = s.api.Accounts.AccountByID(ctx, f.Account); err != nil {
			return fileobject.Object{}, err
		}
		s.accounts[f.Account] = acct
	}
	rec, err := s.api.Custody.Records(ctx, f.Account)
	if err != nil && !fault.Is(err, fault.Locked) {
		return fileobject.Object{}, err
	}
	o := fileobject.Of(rec, acct.Name, f)
	if c := access.Of(ctx); c.Operator && !s.texts && quotes(o) {
		told, asked := s.told[acct.ID]
		if c.Local && !asked {
			told = s.tells(ctx, acct, uuid.Nil)
			s.told[acct.ID] = told
		}
		if !told {
			silence(&o)
		}
	}
	return o, nil
}

// silence takes the texts of findings out.
// tells reports whether an operator may read what findings of an account say, and has
// that on record. Without a record, as on a full disk, the rest is shown all the same.
func (s *shower) tells(ctx context.Context, acct *account.Account, file uuid.UUID) bool {
	err := s.api.allow(ctx, acct, "findings.read", file)
	if err != nil && !fault.Is(err, fault.Denied) {
		s.api.Log.WarnContext(ctx, "texts of findings are left out: it could not be put on record that they were read", "err", err)
	}
	return err == nil
}

// quotes reports whether findings say anything.
func quotes(o fileobject.Object) bool {
	return slices.ContainsFunc(o.Findings, func(found payment.Finding) bool { return found.Message != "" })
}

func silence(o *fileobject.Object) {
	for i := range o.Findings {
		o.Findings[i].Message = ""
	}
}
