package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/portal/operation"
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
}

func (a *API) listPayments(ctx context.Context, in *paymentQuery) (*operation.Out[accountdb.Page], error) {
	acct, err := a.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	q, err := in.query()
	if err != nil {
		return nil, err
	}
	if q.File != uuid.Nil {
		if f, err := a.file(ctx, in.File); err != nil {
			return nil, err
		} else if f.Account != acct.ID {
			return nil, fault.New(fault.NotFound, "api: payments", "there is no file %s", q.File)
		}
	}
	if err := a.allow(ctx, acct, "payments.searched", q.File); err != nil {
		return nil, err
	}
	db, release, err := a.Databases.Account(ctx, acct.ID)
	if err != nil {
		return nil, err
	}
	defer release()
	page, err := db.Search(ctx, q)
	if err != nil {
		return nil, err
	}
	return operation.Answer(page), nil
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
