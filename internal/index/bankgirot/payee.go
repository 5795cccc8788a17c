package bankgirot

import (
	"sealgate/internal/index/check"
	"sealgate/internal/index/record"
	"sealgate/internal/payment"
)

// number is positions 3 to 12 with blanks before digits as zeros, as the
// records of one payee are compared.
type number [10]byte

func readNumber(rec *record.Record) number {
	field := rec.Field(3, 12)
	if len(field) == len(number{}) && check.Digits(field) {
		return number(field)
	}
	n := number([]byte("          "))
	first := len(n) // that is not blank
	for i, c := range field[:min(len(field), len(n))] {
		if c != ' ' && c != '\t' && c != 0 {
			n[i] = c
			first = min(first, i)
		}
	}
	for i := 0; first < len(n) && i < first; i++ {
		n[i] = '0'
	}
	return n
}

// transferNumber is the five digits of a credit transfer number.
type transferNumber [5]byte

// transfer returns the credit transfer number in n, whose fifth to ninth
// character it is; Bankgiro numbers do not start with so many zeros.
func (n number) transfer() (t transferNumber, ok bool) {
	return transferNumber(n[4:9]), string(n[:4]) == "0000"
}

// checkDigit tests the sixth digit of a credit transfer number, which may be
// blank.
func (n number) checkDigit() payment.Code {
	switch {
	case !check.Digits(n[4:9]) || (n[9] != ' ' && !check.Digits(n[9:])):
		return payment.BadAccount
	case n[9] != ' ' && !check.Luhn(n[4:]):
		return payment.BadCheckDigit
	}
	return ""
}

// same reports whether two records name the same payee. The check digit of a
// credit transfer number may be blank in one and filled in the other, and a
// giro number may have its hyphen in one.
func (n number) same(other number) bool {
	if n == other {
		return true
	}
	if _, ok := n.transfer(); ok {
		return string(n[:9]) == string(other[:9])
	}
	var a, b [len(n)]byte
	return string(check.TrimZeros(check.Compact(a[:0], n[:]))) == string(check.TrimZeros(check.Compact(b[:0], other[:])))
}

// payee is what 26, 27 and 40 said about a credit transfer number.
type payee struct {
	introduced bool // by 26 or 40; a 27 alone names nobody
	name       string
	account    *payment.Account // from 40
	salary     bool
	wrongDigit bool // its check digit fails in one of these records
	used       bool
}

// holder is the payee named by a 26 under a whole Bankgiro number, as return
// reports do; it stands before that payee's payments.
type holder struct {
	number number
	name   string
}

// payee takes a 26, 27 or 40.
func (l *lb) payee(rec *record.Record, code string) {
	n := readNumber(rec)
	at := payment.Place{Line: rec.Line}
	t, ok := n.transfer()
	if !ok {
		if code == "26" {
			l.sect.holder = holder{number: n, name: rec.Text(13, 47)}
		} else if code == "40" && !l.report {
			l.out.Add(payment.BadAccount, at, "the account record is for %q, which is no credit transfer number", rec.Text(3, 12))
		}
		return
	}
	finding := n.checkDigit()
	if finding == payment.BadAccount {
		l.out.Add(finding, at, "the credit transfer number %q is not a number", rec.Text(7, 12))
		return
	}
	p := l.sect.payees[t]
	if p == nil {
		if l.sect.payees == nil {
			l.sect.payees = map[transferNumber]*payee{}
		}
		p = &payee{}
		l.sect.payees[t] = p
	}
	p.wrongDigit = p.wrongDigit || finding != ""
	switch code {
	case "26":
		p.introduced, p.name = true, rec.Text(13, 47)
	case "40":
		p.introduced, p.account, p.salary = true, l.account(rec, at), rec.At(41) == 'L'
	}
}

// account reads the clearing number and account of a 40.
func (l *lb) account(rec *record.Record, at payment.Place) *payment.Account {
	clearing, account := rec.Text(13, 16), rec.Text(17, 28)
	finding := check.SwedishAccount(clearing, account)
	if _, state := rec.Number(17, 28); state != record.Good {
		finding = payment.BadAccount // also digits before blanks: the end may be cut off
	}
	if finding != "" {
		l.out.Add(finding, at, "clearing number %q and account %q", clearing, account)
	}
	a := &payment.Account{Scheme: payment.SchemeSEAccount, Number: check.TrimZeros(account)}
	if clearing != "" {
		a.Bank = &clearing
	}
	return a
}

// payTo fills in whom the payment goes to.
func (l *lb) payTo(rec *record.Record, at payment.Place) error {
	w := &l.pay
	w.number = readNumber(rec)
	t, ok := w.number.transfer()
	if w.plusgiro || !ok {
		l.payToGiro(rec, at)
		return nil
	}
	finding := w.number.checkDigit()
	p := l.sect.payees[t]
	introduced := p != nil && p.introduced
	if finding == "" && introduced && p.wrongDigit {
		finding = payment.BadCheckDigit
	}
	if finding != "" {
		l.out.Add(finding, at, "the credit transfer number %q is wrong", rec.Text(7, 12))
	}
	if !introduced {
		// A number that is none can have been introduced by nobody, and is
		// reported already; the bank's own reports may leave names out.
		if finding == payment.BadAccount || l.report {
			return nil
		}
		return l.misplaced(rec, "no 26 or 40 has introduced its credit transfer number "+rec.Text(7, 12))
	}
	p.used = true
	if p.name != "" {
		w.p.Payee.Name = &p.name
	}
	switch w.p.Payee.Account = p.account; {
	case p.account == nil:
		w.p.Kind = payment.KindCash
	case p.salary:
		w.p.Kind = payment.KindSalary
	}
	return nil
}

func (l *lb) payToGiro(rec *record.Record, at payment.Place) {
	w := &l.pay
	scheme, rule := payment.SchemeBankgiro, check.Bankgiro[string]
	if w.plusgiro {
		scheme, rule = payment.SchemePlusgiro, check.Plusgiro[string]
	}
	giro, finding := giroNumber(rec, rule)
	if finding != "" {
		l.out.Add(finding, at, "the %s number %q is wrong", scheme, giro)
	}
	if giro != "" {
		w.account = payment.Account{Scheme: scheme, Number: giro}
		w.p.Payee.Account = &w.account
	}
	if h := &l.sect.holder; h.name != "" && h.number == w.number {
		w.p.Payee.Name = &h.name
	}
}

// giroNumber reads the giro number in positions 3 to 12, without blanks,
// hyphens and leading zeros, and tests it. It is empty when the field is blank.
func giroNumber(rec *record.Record, rule func(string) payment.Code) (string, payment.Code) {
	s := check.TrimZeros(rec.Text(3, 12))
	if !check.Digits(s) {
		s = check.TrimZeros(string(check.Compact(nil, s)))
	}
	return s, rule(s)
}

// unusedPayees reports, before a section is closed, credit transfer numbers
// that fail their check and that no payment used, so that none goes unseen.
func (l *lb) unusedPayees(rec *record.Record) {
	for _, p := range l.sect.payees {
		if p.wrongDigit && !p.used {
			l.out.Add(payment.BadCheckDigit, payment.Place{Line: rec.Line}, "a credit transfer number of this section, with no payment to it, is wrong")
		}
	}
}
