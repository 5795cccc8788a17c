package api

import (
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/operation"
	"sealgate/internal/portal/sheet"
	"sealgate/internal/store/accountdb"
)

type paymentQuery struct {
	operation.ByName
	Payee     string `query:"payee" doc:"part of the payee's name"`
	Number    string `query:"number" doc:"account number of payee or payer"`
	Reference string `query:"reference"`
	From      string `query:"from" doc:"execution date, YYYY-MM-DD"`
	To        string `query:"to"`
	Min       string `query:"min" doc:"minor units"`
	Max       string `query:"max"`
	Currency  string `query:"currency"`
	File      string `query:"file"`
	Seq       int64  `query:"seq" minimum:"1" maximum:"4294967295" doc:"with file: this one payment of it, counted from 1"`
	Held      bool   `query:"held" doc:"payments of held files, too"`
	Limit     int    `query:"limit" minimum:"1" maximum:"10000" default:"1000"`
	After     string `query:"after" doc:"next of the page before"`
}

func (a *API) payments() {
	operation.Register(a.Router, http.MethodGet, "/accounts/{name}/payments", "list-payments", "Search the payments of an account", a.listPayments)
	operation.Register(a.Router, http.MethodGet, "/accounts/{name}/payments.csv", "export-payments", "The same as a sheet (CSV), whole; limit and after are not looked at", a.paymentSheet,
		operation.Gives(http.StatusOK, "CSV in UTF-8", "text/csv", &huma.Schema{Type: huma.TypeString}))
}

func (a *API) listPayments(ctx context.Context, in *paymentQuery) (*operation.Out[accountdb.Page], error) {
	acct, q, err := a.search(ctx, in, "payments.searched")
	if err != nil {
		return nil, err
	}
	page, err := a.page(ctx, acct.ID, q)
	if err != nil {
		return nil, err
	}
	return operation.Answer(page), nil
}

// page is one page of a search. The database is let go of between pages, however
// slow the reader is.
func (a *API) page(ctx context.Context, account uuid.UUID, q accountdb.Query) (accountdb.Page, error) {
	db, release, err := a.Databases.Account(ctx, account)
	if err != nil {
		return accountdb.Page{}, err
	}
	defer release()
	return db.Search(ctx, q)
}

// search is what a request looks for and where, once the use is on record.
func (a *API) search(ctx context.Context, in *paymentQuery, action string) (*account.Account, accountdb.Query, error) {
	acct, err := a.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, accountdb.Query{}, err
	}
	q, err := in.query()
	if err != nil {
		return nil, q, err
	}
	if q.File != uuid.Nil {
		if f, err := a.file(ctx, in.File); err != nil {
			return nil, q, err
		} else if f.Account != acct.ID {
			return nil, q, fault.New(fault.NotFound, "api: payments", "there is no file %s", q.File)
		}
	}
	return acct, q, a.allow(ctx, acct, action, q.File)
}

// Bounds of a sheet of payments: what is read at a time, and in all. Spreadsheets
// take 1,048,576 rows.
const (
	sheetPage = 2_000
	sheetRows = 1_000_000
)

// paymentSheet gives all payments of a search as CSV. When it cannot be finished, or
// there are more than fit, the trailer says so, as for contents.
func (a *API) paymentSheet(ctx context.Context, in *paymentQuery) (*huma.StreamResponse, error) {
	acct, q, err := a.search(ctx, in, "payments.exported")
	if err != nil {
		return nil, err
	}
	q.Limit = sheetPage
	first, err := a.page(ctx, acct.ID, q) // what is wrong with the question is said before the answer begins
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		_, w := humago.Unwrap(hc)
		h := w.Header()
		h.Set("Content-Type", "text/csv; charset=utf-8; header=present")
		h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": "payments-" + acct.Name + ".csv"}))
		h.Set("Content-Security-Policy", "sandbox")
		h.Set("Trailer", portal.ProblemTrailer)
		a.finish(ctx, w, a.writeSheet(ctx, w, acct.ID, q, first))
	}}, nil
}

func (a *API) writeSheet(ctx context.Context, w io.Writer, account uuid.UUID, q accountdb.Query, page accountdb.Page) error {
	if _, err := io.WriteString(w, sheet.Mark); err != nil {
		return err
	}
	out, err := sheet.New(w)
	if err != nil {
		return err
	}
	for rows := 0; ; {
		for _, p := range page.Payments {
			if rows++; rows > sheetRows {
				return errors.Join(out.Flush(), fault.New(fault.TooLarge, "api: payments", "the sheet ends after %d payments: search for fewer", sheetRows))
			}
			if err := out.Add(p.FileID.String(), &p.Payment); err != nil {
				return err
			}
		}
		if err := out.Flush(); err != nil || page.Next == nil {
			return err
		}
		q.After = *page.Next
		if page, err = a.page(ctx, account, q); err != nil {
			return err
		}
	}
}

func (in *paymentQuery) query() (accountdb.Query, error) {
	q := accountdb.Query{
		Payee: in.Payee, Number: in.Number, Reference: in.Reference, From: in.From, To: in.To,
		Currency: in.Currency, Seq: in.Seq, Limit: in.Limit, After: in.After,
	}
	if in.Held {
		q.Held = accountdb.WithHeld
	}
	var err error
	if q.Min, err = minor(in.Min); err != nil {
		return q, err
	}
	if q.Max, err = minor(in.Max); err != nil {
		return q, err
	}
	if in.File != "" {
		if q.File, err = uuid.Parse(in.File); err != nil {
			return q, fault.New(fault.NotFound, "api: payments", "there is no file %q", in.File)
		}
	}
	return q, nil
}

// minor reads an amount in minor units; none is no bound.
func minor(text string) (*int64, error) {
	if text == "" {
		return nil, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return nil, fault.New(fault.Invalid, "api: payments", "%q is not an amount in minor units", text)
	}
	return &n, nil
}
