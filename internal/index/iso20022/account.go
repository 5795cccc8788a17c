package iso20022

import (
	"sealgate/internal/index/check"
	"sealgate/internal/payment"
)

// accountData is an account as a record states it, normalised.
type accountData struct {
	scheme       string // empty: there is none
	number, bank []byte
	numberBuf    []byte // what number may point into
	bankBuf      []byte
}

// Codes of clearing systems and schemes that decide what a number is.
const (
	sweden     = "SESBA" // Swedish bankers' association clearing
	usa        = "USABA"
	schemeBG   = "BGNR"
	schemePG   = "PGNR"
	schemeBBAN = "BBAN"
	clearingBG = "9900"
	clearingPG = "9960"
)

// fill works out the account of a record (iso20022.md, "Accounts in Swedish
// files"): a scheme or the clearing number of a giro alone decides.
func (a *accountData) fill(r *record) {
	a.scheme, a.number, a.bank = "", nil, nil
	if r.has(fIBAN) {
		a.numberBuf = check.Compact(a.numberBuf[:0], r.get(fIBAN))
		a.scheme, a.number, a.bank = payment.SchemeIBAN, a.numberBuf, r.get(fBIC)
		return
	}
	given, scheme := r.get(fOther), r.get(fScheme)
	bban := string(scheme) == schemeBBAN
	if len(given) == 0 {
		given, bban = r.get(fBBAN), true
	}
	if len(given) == 0 {
		return
	}
	a.numberBuf = check.Compact(a.numberBuf[:0], given)
	a.bankBuf = check.Compact(a.bankBuf[:0], r.get(fMember))
	system, member := r.get(fSystem), a.bankBuf
	swedish := len(member) > 0 && (string(system) == sweden || len(system) == 0)
	switch {
	case string(scheme) == schemeBG:
		a.giro(payment.SchemeBankgiro)
	case string(scheme) == schemePG:
		a.giro(payment.SchemePlusgiro)
	case swedish && string(member) == clearingBG:
		a.giro(payment.SchemeBankgiro)
	case swedish && string(member) == clearingPG:
		a.giro(payment.SchemePlusgiro)
	case len(member) > 0 && string(system) == usa:
		a.scheme, a.number, a.bank = payment.SchemeUSABA, given, member
	case len(member) > 0 && string(system) == sweden && (bban || len(scheme) == 0):
		a.scheme, a.number, a.bank = payment.SchemeSEAccount, a.numberBuf, member
	case bban:
		a.scheme, a.number, a.bank = payment.SchemeBBAN, a.numberBuf, r.get(fBIC)
		if len(a.bank) == 0 {
			a.bank = r.get(fMember)
		}
	default:
		a.scheme, a.number, a.bank = payment.SchemeOther, given, r.get(fBIC)
	}
}

func (a *accountData) giro(scheme string) {
	a.scheme, a.number, a.bank = scheme, check.TrimZeros(a.numberBuf), nil
}

// check returns the finding about the account's number and what the number is
// called, or an empty code.
func (a *accountData) check() (code payment.Code, what string) {
	switch a.scheme {
	case payment.SchemeIBAN:
		return check.IBAN(a.number), "IBAN"
	case payment.SchemeBankgiro:
		return check.Bankgiro(a.number), "Bankgiro number"
	case payment.SchemePlusgiro:
		return check.Plusgiro(a.number), "Plusgiro number"
	case payment.SchemeUSABA:
		return check.ABA(a.bank), "routing number"
	case payment.SchemeSEAccount:
		return check.SwedishAccount(a.bank, a.number), "account"
	}
	return "", ""
}

// tail is enough of a number to find it in the file, and not more.
func tail(number []byte) []byte {
	return number[max(0, len(number)-4):]
}

// complaint says what a finding about a number means.
func complaint(code payment.Code) string {
	switch code {
	case payment.BadCheckDigit:
		return "has a wrong check digit: probably a digit was mistyped"
	case payment.BadAccount:
		return "cannot be one: its length or characters are wrong"
	case payment.UnknownClearing:
		return "has a clearing number that no bank is known to use"
	case payment.AccountCheckDigit:
		return "fails its bank's check digit; a few real accounts do"
	}
	return "is wrong"
}
