package payment

// Severity orders findings by what follows from them.
type Severity string

// Severities: a fatal finding refuses the file, an error holds it.
const (
	Info    Severity = "info"
	Warning Severity = "warning"
	Error   Severity = "error"
	Fatal   Severity = "fatal"
)

// Code names a finding. Codes are part of the interface: they are never renamed.
type Code string

// Finding codes.
const (
	EmptyFile           Code = "empty-file"
	UnknownFormat       Code = "unknown-format"
	UnsupportedVersion  Code = "unsupported-version"
	BadEncoding         Code = "bad-encoding"
	XMLMalformed        Code = "xml-malformed"
	XMLForbiddenDoctype Code = "xml-forbidden-doctype"
	XMLLimit            Code = "xml-limit"
	FieldLimit          Code = "field-limit"
	Truncated           Code = "truncated"
	RecordLength        Code = "record-length"
	RecordOrder         Code = "record-order"
	UnknownRecord       Code = "unknown-record"
	ContentDamaged      Code = "content-damaged" // of a file that was sealed where it comes from

	ControlSumMismatch Code = "control-sum-mismatch"
	CountMismatch      Code = "count-mismatch"
	HashMismatch       Code = "hash-mismatch"
	BalanceMismatch    Code = "balance-mismatch"
	BatchMismatch      Code = "batch-mismatch"
	BadCheckDigit      Code = "bad-check-digit"
	BadAccount         Code = "bad-account"
	BadAmount          Code = "bad-amount"
	AmountPrecision    Code = "amount-precision"
	BadCurrency        Code = "bad-currency"
	BadDate            Code = "bad-date"
	MissingField       Code = "missing-field"
	UnknownPaymentType Code = "unknown-payment-type"
	DuplicateBatchID   Code = "duplicate-batch-id"
	TrailingData       Code = "trailing-data"
	DuplicateFile      Code = "duplicate-file"
	DuplicateMessageID Code = "duplicate-message-id"

	AddressUnstructured    Code = "address-unstructured"
	AccountCheckDigit      Code = "account-check-digit"
	UnknownClearing        Code = "unknown-clearing"
	BadBIC                 Code = "bad-bic"
	BadReferenceCheckDigit Code = "bad-reference-check-digit"
	PayeeAccountMissing    Code = "payee-account-missing"
	EndToEndIDMissing      Code = "end-to-end-id-missing"
	CharsetUnexpected      Code = "charset-unexpected"
	MixedLineEnds          Code = "mixed-line-ends"

	DuplicatePayment    Code = "duplicate-payment"
	DuplicateEndToEndID Code = "duplicate-end-to-end-id"
	PastExecutionDate   Code = "past-execution-date"
	FormatRetired       Code = "format-retired"
	TestFile            Code = "test-file"
	ControlSumAbsent    Code = "control-sum-absent"
)

var severities = map[Code]Severity{
	EmptyFile: Fatal, UnknownFormat: Fatal, UnsupportedVersion: Fatal, BadEncoding: Fatal, XMLMalformed: Fatal,
	XMLForbiddenDoctype: Fatal, XMLLimit: Fatal, FieldLimit: Fatal, Truncated: Fatal, RecordLength: Fatal,
	RecordOrder: Fatal, UnknownRecord: Fatal, ContentDamaged: Fatal,

	ControlSumMismatch: Error, CountMismatch: Error, HashMismatch: Error, BalanceMismatch: Error, BatchMismatch: Error,
	BadCheckDigit: Error, BadAccount: Error, BadAmount: Error, AmountPrecision: Error, BadCurrency: Error,
	BadDate: Error, MissingField: Error, UnknownPaymentType: Error, DuplicateBatchID: Error, TrailingData: Error,
	DuplicateFile: Error, DuplicateMessageID: Error,

	AddressUnstructured: Warning, AccountCheckDigit: Warning, UnknownClearing: Warning, BadBIC: Warning,
	BadReferenceCheckDigit: Warning, PayeeAccountMissing: Warning, EndToEndIDMissing: Warning,
	CharsetUnexpected: Warning, MixedLineEnds: Warning,

	DuplicatePayment: Info, DuplicateEndToEndID: Info, PastExecutionDate: Info, FormatRetired: Info, TestFile: Info,
	ControlSumAbsent: Info,
}

// Severity returns the one severity of a code; an unknown code is Fatal, so
// that nothing passes because it was forgotten here.
func (c Code) Severity() Severity {
	if s, ok := severities[c]; ok {
		return s
	}
	return Fatal
}

// Place says where in a file a finding was met. Zero parts are unknown.
type Place struct {
	Line    int64 `json:"line,omitempty"`    // from 1
	Byte    int64 `json:"byte,omitempty"`    // offset from 0, for bytes that fit no encoding
	Payment int64 `json:"payment,omitempty"` // Payment.Seq
}

// Finding is one thing the indexer has to say, added up by code.
type Finding struct {
	Code     Code     `json:"code"`
	Severity Severity `json:"severity"`
	Count    int64    `json:"count"`
	FirstAt  *Place   `json:"first_at,omitempty"`
	Message  string   `json:"message"` // about the first; for people, may hold text of the file
}
