package bankgirot

import (
	"sealgate/internal/index/check"
	"sealgate/internal/index/family"
	"sealgate/internal/index/record"
	"sealgate/internal/payment"
)

// pending is the payment that waits for its texts. It is filled anew for each
// payment: the collector takes what it needs before flush returns.
type pending struct {
	waiting  bool
	plusgiro bool // texts come as 65, else as 25
	number   number

	p       payment.Payment
	account payment.Account
	amount  int64
	ref     payment.Reference
	own     string // instruction id
	texts   []byte // the message so far
	message string
	day     day

	lastDay [6]byte // the day read last: most payments of a file share one
	lastISO string
}

// payment takes a 14, 15, 16 or 54.
func (l *lb) payment(rec *record.Record, code string) error {
	w, s := &l.pay, &l.sect
	at := payment.Place{Line: rec.Line, Payment: l.out.Payments() + 1}
	w.waiting, w.plusgiro, w.texts = true, code == "54", w.texts[:0]
	w.p = payment.Payment{
		Batch: s.batch, Direction: payment.Out, Currency: &s.currency,
		Payer: payment.Party{Account: s.payer}, Kind: payment.KindTransfer,
	}
	if err := l.payTo(rec, at); err != nil {
		return err
	}
	switch code {
	case "15":
		w.p.Kind = payment.KindDeduction
	case "16":
		w.p.Kind = payment.KindCreditNote
	}
	l.amount(rec, code, at)
	l.day(rec, code, at)
	if ref := rec.Text(13, 37); ref != "" {
		w.ref = check.PlainReference(ref)
		w.p.Reference = &w.ref
	}
	if w.own = rec.Text(61, 80); w.own != "" {
		w.p.InstructionID = &w.own
	}
	return nil
}

// amount reads the amount and adds it to the section; deductions and credit
// notes count negative.
func (l *lb) amount(rec *record.Record, code string, at payment.Place) {
	w := &l.pay
	minor, state := rec.Number(38, 49)
	if state != record.Good || minor == 0 {
		l.out.Add(payment.BadAmount, at, "%q is not an amount that can be paid", rec.Text(38, 49))
	}
	if code == "15" || code == "16" {
		minor = -minor
	}
	if state == record.Good {
		w.amount = minor
		w.p.AmountMinor = &w.amount
	}
	l.sect.add(minor)
}

// day settles when to pay: the payment's own day, else the section's. In return
// reports other things stand there.
func (l *lb) day(rec *record.Record, code string, at payment.Place) {
	if l.report {
		return
	}
	w := &l.pay
	w.day = l.sect.day
	if !rec.Blank(50, 55) {
		var ok bool
		if w.day, ok = w.readDay(rec.Field(50, 55)); !ok {
			l.out.Add(payment.BadDate, at, "the payment day %q is not a day", rec.Text(50, 55))
			return
		}
	} else if w.day == (day{}) && !l.sect.dayBad && code != "16" {
		l.out.Add(payment.BadDate, at, "neither the payment nor its section has a payment day")
	}
	w.p.Immediate = w.day.now
	if w.day.date != "" {
		w.p.ExecutionDate = &w.day.date
	}
}

// readDay reads YYMMDD or GENAST.
func (w *pending) readDay(field []byte) (day, bool) {
	if string(field) == "GENAST" {
		return day{now: true}, true
	}
	if len(field) == 6 && w.lastISO != "" && [6]byte(field) == w.lastDay {
		return day{date: w.lastISO}, true
	}
	iso, ok := check.ShortDate(field)
	if !ok {
		return day{}, false
	}
	w.lastDay, w.lastISO = [6]byte(field), iso
	return day{date: iso}, true
}

// text takes a 25 or 65, which stands straight after its payment or another
// text of it.
func (l *lb) text(rec *record.Record, code string) error {
	w := &l.pay
	if !w.waiting || w.plusgiro != (code == "65") || !w.number.same(readNumber(rec)) {
		return l.misplaced(rec, "it does not follow its payment or another text of it")
	}
	last := 62
	if w.plusgiro {
		last = 47
	}
	if line := rec.Text(13, last); line != "" {
		if len(w.texts) > 0 {
			w.texts = append(w.texts, '\n')
		}
		w.texts = append(w.texts, line...)
	}
	if len(w.texts) > maxMessage {
		return family.Fatal(payment.FieldLimit, payment.Place{Line: rec.Line}, "a message of more than %d bytes", maxMessage)
	}
	return nil
}

// flush reports the payment that waits, when there is one.
func (l *lb) flush() error {
	w := &l.pay
	if !w.waiting {
		return nil
	}
	w.waiting = false
	if len(w.texts) > 0 {
		w.message = string(w.texts)
		w.p.Message = &w.message
	}
	return l.out.Payment(&w.p)
}
