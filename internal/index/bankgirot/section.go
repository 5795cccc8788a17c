package bankgirot

import (
	"math"

	"sealgate/internal/index/check"
	"sealgate/internal/index/record"
	"sealgate/internal/payment"
)

// section is what holds from an 11 to its 29.
type section struct {
	batch    int64
	sender   payment.Account
	payer    *payment.Account // sender, or nil
	currency string
	day      day
	dayBad   bool // stated and wrong: reported once, not again for each payment

	count  int64
	total  int64
	payees map[transferNumber]*payee
	holder holder
}

// day is a payment day, at once, or neither.
type day struct {
	date string
	now  bool // GENAST
}

func (l *lb) opening(rec *record.Record) error {
	if l.open {
		return l.misplaced(rec, "the section before it has no total yet")
	}
	code := rec.At(47)
	report := code >= '0' && code <= '9'
	if l.sect.batch > 0 && report != l.report {
		return l.misplaced(rec, "the file holds orders and a return report")
	}
	if l.report = report; report {
		l.out.Identify(formatLBReturn, "")
	}
	l.open = true
	clear(l.sect.payees)
	l.sect = section{batch: l.out.AddBatch(), currency: "SEK", payees: l.sect.payees}
	s := &l.sect
	at := payment.Place{Line: rec.Line}

	number, finding := giroNumber(rec, check.Bankgiro[string])
	if s.sender = (payment.Account{Scheme: payment.SchemeBankgiro, Number: number}); number != "" {
		s.payer = &s.sender
	}
	if finding != "" {
		l.out.Add(finding, at, "the sender's Bankgiro number %q is wrong", number)
	}
	if c := rec.Text(60, 62); c != "" {
		s.currency = c
	}
	if s.currency != "SEK" && s.currency != "EUR" {
		l.out.Add(payment.BadCurrency, at, "the currency %q is neither SEK nor EUR", s.currency)
	}
	if !l.report && !rec.Blank(41, 46) {
		var ok bool
		if s.day, ok = l.pay.readDay(rec.Field(41, 46)); !ok {
			s.dayBad = true
			l.out.Add(payment.BadDate, at, "the section's payment day %q is not a day", rec.Text(41, 46))
		}
	}
	return nil
}

// add counts a payment record into the section's sums. A sum that no total
// field can hold stays where it is: it matches none.
func (s *section) add(minor int64) {
	s.count++
	if s.total < math.MaxInt64/2 && s.total > math.MinInt64/2 {
		s.total += minor
	}
}

// total compares a section with the 29 that closes it.
func (l *lb) total(rec *record.Record) {
	s := &l.sect
	l.open = false
	l.unusedPayees(rec)
	at := payment.Place{Line: rec.Line}

	if sender, _ := giroNumber(rec, check.Bankgiro[string]); sender != s.sender.Number {
		l.out.Add(payment.BatchMismatch, at, "the total is for sender %q, the section for %q", sender, s.sender.Number)
	}
	count, state := rec.Number(13, 20)
	if state == record.Bad {
		l.out.Add(payment.BadAmount, at, "the number of payments is not a number")
	}
	if state != record.Good || count != s.count {
		l.out.Add(payment.CountMismatch, at, "the total counts %q payments, the section has %d", rec.Text(13, 20), s.count)
	}
	total, state := rec.Number(21, 32)
	if state == record.Bad {
		l.out.Add(payment.BadAmount, at, "the total amount is not a number")
	}
	sign := rec.At(33)
	if sign == '-' {
		total = -total
	}
	signed := sign == '-' || rec.Blank(33, 33)
	if state != record.Good || !signed || total != s.total {
		l.out.Add(payment.ControlSumMismatch, at, "the total states %q, the payments add up to %d öre", rec.Text(21, 33), s.total)
	}
}
