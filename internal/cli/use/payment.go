package use

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"sealgate/internal/cli"
	"sealgate/internal/cli/ask"
	"sealgate/internal/command"
	"sealgate/internal/index/check"
	"sealgate/internal/payment"
	"sealgate/internal/portal/sheet"
	"sealgate/internal/terminal"
)

// search are the flags of payment ls.
type search struct {
	payee, number, from, to, min, max, currency, reference, file, after string
	held, csv                                                           bool
	limit                                                               int
}

// found is a payment with the file it stands in; foundPage is what the API gives.
type found struct {
	FileID string `json:"file_id"`
	payment.Payment
}

type foundPage struct {
	Total        int64   `json:"total"`
	TotalIsExact bool    `json:"total_is_exact"`
	Next         *string `json:"next"`
	Payments     []found `json:"payments"`
}

func (a *app) paymentCommand() *cobra.Command {
	return command.Group("payment", "Payments in the files of an account", a.paymentList())
}

func (a *app) paymentList() *cobra.Command {
	var s search
	cmd := &cobra.Command{
		Use:   "ls ACCOUNT",
		Short: "Search payments",
		Long: "Search the payments of an account, those of the newest file first. Payments of held files are\n" +
			"left out unless --held. An amount is written as 1234.50 in the payment's own currency.",
		Example:           cli.Examples("payment ls acme --payee virtanen", "payment ls acme --min 100000 --currency SEK --from 2026-11-01", "payment ls acme --file 0197c2f0-... --csv > payments.csv"),
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: ask.CompleteAccount(a.App),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.payments(cmd.Context(), args[0], s)
		},
	}
	f := cmd.Flags()
	f.StringVar(&s.payee, "payee", "", "part of the payee's name")
	f.StringVar(&s.number, "number", "", "account number of payee or payer")
	f.StringVar(&s.from, "from", "", "executed on or after this day (2026-11-21)")
	f.StringVar(&s.to, "to", "", "executed on or before this day")
	f.StringVar(&s.min, "min", "", "amount of at least")
	f.StringVar(&s.max, "max", "", "amount of at most")
	f.StringVar(&s.currency, "currency", "", "currency code")
	f.StringVar(&s.reference, "reference", "", "reference")
	f.StringVar(&s.file, "file", "", "payments of this file only")
	f.BoolVar(&s.held, "held", false, "payments of held files, too")
	f.IntVar(&s.limit, "limit", 1000, "show at most so many; 0 = all")
	f.StringVar(&s.after, "after", "", "go on behind this cursor (\"next\" of the page before)")
	f.BoolVar(&s.csv, "csv", false, "print CSV")
	return cmd
}

func (s search) query() (url.Values, error) {
	q := url.Values{}
	decimals, ok := 2, true
	if s.currency != "" {
		if decimals, ok = check.Currency(strings.ToUpper(s.currency)); !ok {
			return nil, command.Usage(fmt.Errorf("%q is no currency", s.currency))
		}
	}
	for key, text := range map[string]string{"min": s.min, "max": s.max} {
		if text == "" {
			continue
		}
		sign, digits := "", text
		if rest, negative := strings.CutPrefix(text, "-"); negative {
			sign, digits = "-", rest
		}
		minor, code := check.Amount(digits, decimals)
		if code != "" {
			return nil, command.Usage(fmt.Errorf("--%s: %q is no amount like 1234.50", key, text))
		}
		q.Set(key, sign+strconv.FormatInt(minor, 10))
	}
	for key, value := range map[string]string{
		"payee": s.payee, "number": s.number, "from": s.from, "to": s.to, "currency": strings.ToUpper(s.currency),
		"reference": s.reference, "file": s.file, "after": s.after,
	} {
		if value != "" {
			q.Set(key, value)
		}
	}
	if s.held {
		q.Set("held", "true")
	}
	if s.limit < 0 {
		return nil, command.Usage(errors.New("--limit cannot be negative"))
	}
	return q, nil
}

func (a *app) payments(ctx context.Context, account string, s search) error {
	query, err := s.query()
	if err != nil {
		return err
	}
	if a.JSON && s.csv {
		return command.Usage(errors.New("--json and --csv exclude each other"))
	}
	page, err := a.allPayments(ctx, account, query, s.limit)
	if err != nil {
		return err
	}
	if s.csv {
		return writeCSV(a.Out, page.Payments)
	}
	return a.Print(page, func(w io.Writer) error { return a.writePayments(w, page) })
}

// allPayments asks page by page, for limit payments or all.
func (a *app) allPayments(ctx context.Context, account string, query url.Values, limit int) (*foundPage, error) {
	c, err := a.Gateway()
	if err != nil {
		return nil, err
	}
	all := &foundPage{Payments: []found{}}
	for {
		size := pageSize
		if limit > 0 {
			size = min(size, limit-len(all.Payments))
		}
		query.Set("limit", strconv.Itoa(size))
		var page foundPage
		if err := c.Get(ctx, ask.Account(account, "payments"), query, &page); err != nil {
			return nil, err
		}
		if len(all.Payments) == 0 {
			all.Total, all.TotalIsExact = page.Total, page.TotalIsExact
		}
		all.Payments, all.Next = append(all.Payments, page.Payments...), page.Next
		if page.Next == nil || (limit > 0 && len(all.Payments) >= limit) {
			return all, nil
		}
		query.Set("after", *page.Next)
	}
}

func (a *app) writePayments(w io.Writer, page *foundPage) error {
	t := terminal.NewTable("FILE", ">NO", "PAYEE", "ACCOUNT", ">AMOUNT", "DATE", "REFERENCE")
	for _, p := range page.Payments {
		amount := "-"
		if p.AmountMinor != nil {
			amount = a.Amount(*p.AmountMinor, text(p.Currency))
		}
		reference := "-"
		if p.Reference != nil {
			reference = p.Reference.Value
		}
		date := text(p.ExecutionDate)
		if p.Immediate {
			date = "at once"
		}
		t.Row(p.FileID, strconv.FormatInt(p.Seq, 10), text(p.Payee.Name), number(p.Payee.Account), amount, date, reference)
	}
	if err := cli.WriteTable(w, t); err != nil {
		return err
	}
	about := ""
	if !page.TotalIsExact {
		about = "about "
	}
	if shown := int64(len(page.Payments)); shown < page.Total {
		a.Say("%s of %s%s payments", a.Locale.Count(shown), about, a.Locale.Count(page.Total))
	}
	return nil
}

func text(s *string) string {
	if s == nil {
		return "-"
	}
	return *s
}

func number(acct *payment.Account) string {
	switch {
	case acct == nil:
		return "-"
	case acct.Scheme == payment.SchemeSEAccount && acct.Bank != nil:
		return *acct.Bank + "-" + acct.Number
	}
	return acct.Number
}

// writeCSV writes payments for a spreadsheet.
func writeCSV(w io.Writer, list []found) error {
	out, err := sheet.New(w)
	if err != nil {
		return err
	}
	for _, p := range list {
		if err := out.Add(p.FileID, &p.Payment); err != nil {
			return err
		}
	}
	return out.Flush()
}
