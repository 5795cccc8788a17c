// Package payment is the common model of what a payment file says: payments,
// their parties and amounts, the sums of a file, and findings. It is pure data;
// the shapes and JSON names are those of the answer schema in docs/formats.md.
package payment

// Outcome is the fate of a file after reading.
type Outcome string

// Outcomes. A refused file has exactly one fatal finding and no payments.
const (
	Indexed Outcome = "indexed" // no error; warnings are fine
	Held    Outcome = "held"    // read to the end, at least one error
	Refused Outcome = "refused" // one fatal finding: the reader had to stop
)

// Direction tells whether money leaves the account holder or comes.
type Direction string

// Directions, seen from the account holder that the file belongs to.
const (
	Out Direction = "out"
	In  Direction = "in"
)

// Account is an account number as the file gives it, normalised by scheme:
// iban, bankgiro, plusgiro, se-account, us-aba, bban or other.
type Account struct {
	Scheme string  `json:"scheme"`
	Number string  `json:"number"`
	Bank   *string `json:"bank"` // BIC, clearing or routing number
}

// Account schemes.
const (
	SchemeIBAN      = "iban"
	SchemeBankgiro  = "bankgiro"
	SchemePlusgiro  = "plusgiro"
	SchemeSEAccount = "se-account"
	SchemeUSABA     = "us-aba"
	SchemeBBAN      = "bban"
	SchemeOther     = "other"
)

// Party is a payer or payee; each part may be absent.
type Party struct {
	Name    *string  `json:"name"`
	Account *Account `json:"account"`
}

// Reference is what the payee matches a payment by: rf, ocr or text.
type Reference struct {
	Type  string `json:"type"`
	Value string `json:"value"`
}

// Payment is one payment, in file order.
type Payment struct {
	Seq           int64      `json:"seq"`      // 1, 2, 3 ... through the file
	Batch         int64      `json:"batch"`    // ordinal of the batch, from 1
	BatchID       *string    `json:"batch_id"` // its id in the file
	Direction     Direction  `json:"direction"`
	Payer         Party      `json:"payer"`
	Payee         Party      `json:"payee"`
	AmountMinor   *int64     `json:"amount_minor"` // smallest unit of the currency; nil when unreadable
	Currency      *string    `json:"currency"`     // ISO 4217
	ExecutionDate *string    `json:"execution_date"`
	Immediate     bool       `json:"immediate"`
	Reference     *Reference `json:"reference"`
	Message       *string    `json:"message"`
	EndToEndID    *string    `json:"end_to_end_id"`
	InstructionID *string    `json:"instruction_id"`
	Kind          string     `json:"kind"`
}

// Kinds of payment that order files carry.
const (
	KindTransfer    = "transfer"
	KindSalary      = "salary"
	KindPension     = "pension"
	KindTax         = "tax"
	KindCheque      = "cheque"
	KindCash        = "cash"
	KindDeduction   = "deduction"
	KindCreditNote  = "credit-note"
	KindDirectDebit = "direct-debit"
)

// Sum adds the payments of one currency and direction.
type Sum struct {
	Currency  string    `json:"currency"`
	Direction Direction `json:"direction"`
	Count     int64     `json:"count"`
	Minor     int64     `json:"minor"`
}

// Dates are the first and last execution date among a file's payments.
type Dates struct {
	First string `json:"first"`
	Last  string `json:"last"`
}

// Summary is what a whole file says, without its payments.
type Summary struct {
	Outcome        Outcome   `json:"outcome"`
	Format         *string   `json:"format"`
	Variant        *string   `json:"variant"`
	Encoding       *string   `json:"encoding"`
	MessageIDs     []string  `json:"message_ids"`
	BatchCount     int64     `json:"batch_count"`
	PaymentCount   int64     `json:"payment_count"`
	Sums           []Sum     `json:"sums"` // sorted by currency, direction
	ExecutionDates *Dates    `json:"execution_dates"`
	Findings       []Finding `json:"findings"` // sorted by code
}
