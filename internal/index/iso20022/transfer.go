package iso20022

import (
	"bytes"

	"sealgate/internal/index/check"
	"sealgate/internal/payment"
)

// text is an optional string of a payment, kept where a pointer to it stays
// good while the payment is emitted.
type text struct {
	value string
	ok    bool
}

func (t *text) set(value string) { t.value, t.ok = value, value != "" }

func (t *text) ptr() *string {
	if !t.ok {
		return nil
	}
	return &t.value
}

// batchData is what a batch gives to each of its payments.
type batchData struct {
	id, name, date text
	account        accountData
	number, bank   text
	payer          payment.Account
	method         string
	category       string
	line           int64 // on which the batch starts
}

// fill keeps the batch's values as strings, for all its payments.
func (b *batchData) fill(r *record) {
	b.id.set(string(r.get(fID)))
	b.name.set(string(r.get(fName)))
	b.date.set("")
	if day, ok := check.DateTimeDay(r.get(fDate)); ok {
		b.date.set(string(day))
	}
	b.account.fill(r)
	b.number.set(string(b.account.number))
	b.bank.set(string(b.account.bank))
	b.payer = payment.Account{Scheme: b.account.scheme, Number: b.number.value, Bank: b.bank.ptr()}
	b.method, b.category = string(r.get(fMethod)), string(r.get(fCategory))
}

// checkBatch reports what is wrong with the batch's own fields.
func (p *pain001) checkBatch() {
	r := &p.batch
	if id := r.get(fID); len(id) == 0 {
		p.addBatch(payment.MissingField, "batch %d has no id (PmtInfId)", p.batchNo)
	} else if p.batchIDs.add(id) {
		p.addBatch(payment.DuplicateBatchID, "batch %d has the same id (PmtInfId) as an earlier one", p.batchNo)
	}
	if day := r.get(fDate); len(day) == 0 {
		p.addBatch(payment.MissingField, "batch %d has no execution date (ReqdExctnDt)", p.batchNo)
	} else if _, ok := check.DateTimeDay(day); !ok {
		p.addBatch(payment.BadDate, "the execution date of batch %d, %.40s, is no day of the calendar", p.batchNo, day)
	}
	switch method := r.get(fMethod); string(method) {
	case "", "TRF", "CHK", "TRA":
	default:
		p.addBatch(payment.UnknownPaymentType, "batch %d asks for the payment method %.40s, which pain.001 does not have", p.batchNo, method)
	}
	a := &p.batchData.account
	a.fill(r)
	if a.scheme == "" {
		p.addBatch(payment.MissingField, "batch %d has no account to pay from (DbtrAcct)", p.batchNo)
	} else if code, what := a.check(); code != "" {
		p.addBatch(code, "the %s that batch %d is paid from, ending in %s, %s", what, p.batchNo, tail(a.number), complaint(code))
	}
	if bic := r.get(fBIC); len(bic) > 0 && !check.BIC(bic) {
		p.addBatch(payment.BadBIC, "the payer's bank in batch %d, %.40s, does not look like a BIC", p.batchNo, bic)
	}
}

// paymentData is the payment being built; payment points into it.
type paymentData struct {
	payment             payment.Payment
	account             accountData
	payee               payment.Account
	minor               int64
	name, number, bank  text
	message, e2e, instr text
	currency            text
	reference           payment.Reference
	buf                 []byte
	line                int64 // on which the payment starts
}

func (p *pain001) startTransfer() {
	p.settle()
	p.transfer.reset()
	p.message, p.lines = p.message[:0], 0
	p.current = &p.transfer
	p.pay.line = p.scan.Line()
	p.inBatch++
}

// endTransfer checks the payment that is read and emits it.
func (p *pain001) endTransfer() error {
	p.current = &p.batch
	d := &p.pay
	d.payment = payment.Payment{
		Batch: p.batchNo, BatchID: p.batchData.id.ptr(), Direction: payment.Out, ExecutionDate: p.batchData.date.ptr(),
		Payer: payment.Party{Name: p.batchData.name.ptr()}, Kind: p.kind(),
	}
	if p.batchData.payer.Scheme != "" {
		d.payment.Payer.Account = &p.batchData.payer
	}
	p.amount()
	p.texts()
	p.payeeAccount()
	if !d.e2e.ok {
		p.addPayment(payment.EndToEndIDMissing, "payment %d has no end-to-end id", p.seq())
	}
	return p.out.Payment(&d.payment)
}

// seq is the number of the payment being read.
func (p *pain001) seq() int64 { return p.out.Payments() + 1 }

func (p *pain001) addPayment(code payment.Code, format string, args ...any) {
	p.out.Add(code, payment.Place{Line: p.pay.line, Payment: p.seq()}, format, args...)
}

// kind follows the category purpose of the payment, else of the batch.
func (p *pain001) kind() string {
	category := p.batchData.category
	if own := p.transfer.get(fCategory); len(own) > 0 {
		category = string(own)
	}
	switch category {
	case "SALA":
		return payment.KindSalary
	case "PENS":
		return payment.KindPension
	case "TAXS":
		return payment.KindTax
	}
	if p.batchData.method == "CHK" {
		return payment.KindCheque
	}
	return payment.KindTransfer
}

// defaultDecimals is what a currency that nobody knows is read with, so that the
// amount can be shown beside the finding.
const defaultDecimals = 2

// amount reads the amount: as instructed, else as the equivalent of another.
func (p *pain001) amount() {
	d, r := &p.pay, &p.transfer
	amount, currency := r.get(fAmount), r.get(fCurrency)
	if len(amount) == 0 {
		amount, currency = r.get(fEqvtAmount), r.get(fEqvtCurrency)
	}
	d.setCurrency(currency)
	if len(amount) == 0 {
		p.addPayment(payment.MissingField, "payment %d has no amount", p.seq())
		return
	}
	decimals, ok := check.Currency(currency)
	if !ok {
		decimals = defaultDecimals
		p.addPayment(payment.BadCurrency, "the currency of payment %d, %.40q, is no ISO 4217 code", p.seq(), currency)
	}
	// The control sums add amounts as written, whether or not they can be paid.
	p.batchSum.AddBytes(amount)
	p.total.AddBytes(amount)
	minor, code := check.Amount(amount, decimals)
	switch {
	case code == payment.AmountPrecision:
		p.addPayment(code, "the amount of payment %d, %.40s, has more than the %d decimals of %s", p.seq(), amount, decimals, currency)
	case code != "":
		p.addPayment(code, "the amount of payment %d, %.40s, is not a number that can be paid", p.seq(), amount)
	default:
		if minor == 0 {
			p.addPayment(payment.BadAmount, "the amount of payment %d is zero", p.seq())
		}
		d.minor = minor
		d.payment.AmountMinor = &d.minor
	}
}

// setCurrency keeps the currency; most payments of a file have the same.
func (d *paymentData) setCurrency(code []byte) {
	if string(code) != d.currency.value {
		d.currency.set(string(code))
	}
	d.payment.Currency = d.currency.ptr()
}

// texts makes the strings of the payment in one allocation.
func (p *pain001) texts() {
	d, r := &p.pay, &p.transfer
	d.account.fill(r)
	d.buf = d.buf[:0]
	var ends [7]int
	for i, value := range [...][]byte{
		r.get(fName), d.account.number, d.account.bank, p.message, r.get(fEndToEnd), r.get(fInstruction), r.get(fReference),
	} {
		d.buf = append(d.buf, value...)
		ends[i] = len(d.buf)
	}
	all, start := string(d.buf), 0
	for i, t := range [...]*text{&d.name, &d.number, &d.bank, &d.message, &d.e2e, &d.instr} {
		t.set(all[start:ends[i]])
		start = ends[i]
	}
	d.payment.Payee.Name = d.name.ptr()
	d.payment.Message = d.message.ptr()
	d.payment.EndToEndID = d.e2e.ptr()
	d.payment.InstructionID = d.instr.ptr()
	if reference := all[start:]; reference != "" {
		var code payment.Code
		d.reference, code = check.StructuredReference(reference)
		d.payment.Reference = &d.reference
		if code != "" {
			p.addPayment(code, "the reference of payment %d, %.40s, fails its check digit", p.seq(), reference)
		}
	}
}

// payeeAccount checks the account that was found by texts.
func (p *pain001) payeeAccount() {
	d := &p.pay
	if bic := p.transfer.get(fBIC); len(bic) > 0 && !check.BIC(bic) {
		p.addPayment(payment.BadBIC, "the payee's bank in payment %d, %.40s, does not look like a BIC", p.seq(), bic)
	}
	if d.account.scheme == "" {
		if p.batchData.method != "CHK" {
			p.addPayment(payment.PayeeAccountMissing, "payment %d has no account for the payee", p.seq())
		}
		return
	}
	d.payee = payment.Account{Scheme: d.account.scheme, Number: d.number.value, Bank: d.bank.ptr()}
	d.payment.Payee.Account = &d.payee
	if code, what := d.account.check(); code != "" {
		p.addPayment(code, "the payee's %s in payment %d, ending in %s, %s", what, p.seq(), tail(d.account.number), complaint(code))
	}
}

func trim(b []byte) []byte { return bytes.TrimSpace(b) }
