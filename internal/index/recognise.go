package index

import (
	"bytes"

	"sealgate/internal/index/family"
)

// known is a format that is told apart and named but not read.
type known struct {
	name            string // as in "the file is ..."
	format, variant string // ids, when the format has them
	match           func(head []byte) bool
}

// recognised are tried in this order when no family matched. The head they get
// begins with the first record: after blanks, and after a seal's opening record.
var recognised = []known{
	{"a Bankgirot BgMax file of incoming payments", "bankgirot.bgmax", "", func(h []byte) bool { return at(h, 1, "01") && at(h, 3, "BGMAX") }},
	{"a Bankgirot salary file (Lön)", "bankgirot.lon", "", isLon},
	{"a Bankgirot Autogiro file", "bankgirot.autogiro", "", func(h []byte) bool { return at(h, 1, "01") && at(h, 11, "AUTOGIRO") }},
	{"a Bankgirot Autogiro report", "bankgirot.autogiro-report", "", func(h []byte) bool { return at(h, 1, "01") && at(h, 3, "AUTOGIRO") }},
	{"a Nordea PO3 file", "nordea.po3", "", func(h []byte) bool { return at(h, 1, "MH00") || at(h, 1, "MH10") }},
	{"a US ACH file", "nacha.ach", "", func(h []byte) bool { return at(h, 1, "101") && at(h, 35, "094101") }},
	{"a SWIFT MT101 request for transfer", "swift.mt101", "MT101", func(h []byte) bool { return isMT(h, "101", ":28D:") }},
	{"a SWIFT MT103 credit transfer", "swift.mt103", "MT103", func(h []byte) bool { return isMT(h, "103", ":23B:") }},
	{"a SWIFT MT940 statement", "swift.mt940", "MT940", func(h []byte) bool { return isMT(h, "940", "") || isStatement(h) }},
	{"a Norwegian Telepay file", "", "", func(h []byte) bool { return at(h, 1, "AH2") && at(h, 41, "BETFOR") }},
	{"a Norwegian AvtaleGiro or OCR giro file", "", "", func(h []byte) bool { return at(h, 1, "NY0000") }},
	{"a Bacs Standard 18 file", "", "", func(h []byte) bool { return at(h, 1, "VOL1") }},
	{"an EDIFACT interchange", "", "", func(h []byte) bool { return at(h, 1, "UNA") || at(h, 1, "UNB+") }},
	{"a Swedbank SUS file", "", "", isSUS},
}

// recognise returns what the head is of, or nil.
func recognise(head []byte) *known {
	head = family.SkipBlank(head)
	if at(head, 1, "00") && at(head, 9, "HMAC") {
		_, head = line(head)
		head = family.SkipBlank(head)
	}
	for i := range recognised {
		if recognised[i].match(head) {
			return &recognised[i]
		}
	}
	return nil
}

// at tells whether text stands at a position, counted from 1 as in the formats'
// own descriptions.
func at(head []byte, position int, text string) bool {
	return len(head) >= position-1 && bytes.HasPrefix(head[position-1:], []byte(text))
}

// line cuts off the first line.
func line(head []byte) (first, rest []byte) {
	i := bytes.IndexAny(head, "\r\n")
	if i < 0 {
		return head, nil
	}
	return head[:i], head[i+1:]
}

// isLon: "01", six digits, two blanks, and "LÖN" with whatever Ö was made of.
func isLon(h []byte) bool {
	if len(h) < 14 || !at(h, 1, "01") || !allDigits(h[2:8]) || !at(h, 9, "  L") {
		return false
	}
	return h[12] == 'N' || h[13] == 'N'
}

// isSUS: an opening record 05 whose six digits every record repeats.
func isSUS(h []byte) bool {
	first, rest := line(h)
	second, _ := line(bytes.TrimLeft(rest, "\r\n"))
	return at(first, 1, "05") && len(first) >= 59 && len(second) >= 8 && string(first[2:8]) == string(second[2:8]) && allDigits(first[2:8])
}

func allDigits(b []byte) bool {
	for _, d := range b {
		if d < '0' || d > '9' {
			return false
		}
	}
	return true
}

// isMT tells a SWIFT message by its second block or, without blocks, by a line
// that only this type has.
func isMT(h []byte, kind, field string) bool {
	if at(h, 1, "{1:") {
		return bytes.Contains(h, []byte("{2:I"+kind)) || bytes.Contains(h, []byte("{2:O"+kind))
	}
	return field != "" && hasLine(h, field)
}

func isStatement(h []byte) bool {
	return !at(h, 1, "{1:") && hasLine(h, ":25:") && (hasLine(h, ":60F:") || hasLine(h, ":60M:"))
}

func hasLine(h []byte, start string) bool {
	for len(h) > 0 {
		var l []byte
		if l, h = line(h); bytes.HasPrefix(l, []byte(start)) {
			return true
		}
	}
	return false
}

// hint names a few things that are sent by mistake.
func hint(head []byte) string {
	for _, h := range [...]struct{ start, name string }{
		{"PK\x03\x04", "; it is a zip archive"},
		{"\x1F\x8B", "; it is compressed with gzip"},
		{"%PDF-", "; it is a PDF document"},
		{"-----BEGIN PGP", "; it is encrypted with PGP"},
		{"\x85", "; it may be encrypted with PGP"},
		{"\x8C", "; it may be encrypted with PGP"},
	} {
		if at(head, 1, h.start) {
			return h.name
		}
	}
	return ""
}
