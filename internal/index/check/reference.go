package check

import (
	"strings"

	"sealgate/internal/payment"
)

// Types of payment.Reference.
const (
	refRF   = "rf"
	refOCR  = "ocr"
	refText = "text"
)

// PlainReference sorts the text of a field that may hold anything: rf when it
// looks like one, ocr when it is one, else text.
func PlainReference(s string) payment.Reference {
	switch {
	case LooksRF(s):
		return payment.Reference{Type: refRF, Value: strings.ReplaceAll(s, " ", "")}
	case OCR(s):
		return payment.Reference{Type: refOCR, Value: s}
	default:
		return payment.Reference{Type: refText, Value: s}
	}
}

// StructuredReference sorts the text of a field that the format calls a
// structured reference: all digits is ocr whether Luhn holds or not. The code
// is BadReferenceCheckDigit when an ocr or rf fails its check.
func StructuredReference(s string) (payment.Reference, payment.Code) {
	ref := payment.Reference{Type: refText, Value: s}
	right := true
	switch {
	case LooksRF(s):
		ref.Type, ref.Value = refRF, strings.ReplaceAll(s, " ", "")
		right = RF(ref.Value)
	case Digits(s):
		ref.Type = refOCR
		right = OCR(s)
	}
	if !right {
		return ref, payment.BadReferenceCheckDigit
	}
	return ref, ""
}
