package index_test

import (
	"strings"
	"testing"

	"sealgate/internal/payment"
)

func pad(s string, n int) string { return s + strings.Repeat(" ", n-len(s)) }

// TestRecognised: what is not read yet is told apart by content, and named.
func TestRecognised(t *testing.T) {
	seal := "00260302HMAC" + strings.Repeat(" ", 68) + "\r\n"
	for _, c := range []struct{ file, format, says string }{
		{"01BGMAX               0120260302173035010331P", "bankgirot.bgmax", "BgMax"},
		{"01260302  L\xD6N  ", "bankgirot.lon", "Lön"},
		{"01260302  L\xC3\x96N  ", "bankgirot.lon", "Lön"},
		{"\r\n01260302  L\\N  ", "bankgirot.lon", "Lön"},
		{"0120260302AUTOGIRO", "bankgirot.autogiro", "Autogiro"},
		{seal + "0120260302AUTOGIRO", "bankgirot.autogiro", "Autogiro"},
		{"01AUTOGIRO              20260302", "bankgirot.autogiro-report", "Autogiro"},
		{"MH00        5566778899", "nordea.po3", "PO3"},
		{"MH10        5566778899", "nordea.po3", "PO3"},
		{"101 231380104 1210428822603020915A094101BANK", "nacha.ach", "ACH"},
		{"{1:F01BJRKSESSAXXX0000000000}{2:I101ESSESESSAXXXN}{4:\r\n:20:A", "swift.mt101", "MT101"},
		{":20:A\n:28D:1/1\n", "swift.mt101", "MT101"},
		{"{1:F01BJRKSESSAXXX0000000000}{2:O1030915260302X}{4:\r\n:20:A", "swift.mt103", "MT103"},
		{":20:A\r\n:23B:CRED\r\n", "swift.mt103", "MT103"},
		{"{1:F01BJRKSESSAXXX0000000000}{2:O9400915260302X}{4:\r\n:20:A", "swift.mt940", "MT940"},
		{":20:A\r\n:25:1\r\n:28C:1\r\n:60F:C260302SEK1,\r\n", "swift.mt940", "MT940"},
		{pad("AH2", 40) + "BETFOR00", "", "Telepay"},
		{"NY000010", "", "AvtaleGiro"},
		{"VOL1123456", "", "Bacs"},
		{"UNB+UNOC:3+A+B", "", "EDIFACT"},
		{pad("05123456", 80) + "\r\n" + pad("30123456", 80), "", "SUS"},
		{"PK\x03\x04abc", "", "zip"},
		{"-----BEGIN PGP MESSAGE-----", "", "PGP"},
		{"Datum;Belopp\n2026-03-02;1,00\n", "", "no format that is known"},
		{"Hej\n0120260302AUTOGIRO\n", "", "no format that is known"},
		{"\xFF\xFE1\x001\x000\x00", "", "UTF-16"},
		{"\xFE\xFF\x00\r\x00\n\x00H\x00e\x00j", "", "UTF-16"},
		{"<!DOCTYPE html>\n<html><body>Blocked</body></html>", "", "web page"},
		{"<!doctype HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\">\n<html><body>Blocked", "", "web page"},
		{"<html><body>Login<br></body></html>", "", "web page"},
		{"<Invoice xmlns='urn:x'/>", "", "Invoice"},
	} {
		a := read(t, strings.NewReader(c.file))
		format := ""
		if a.Format != nil {
			format = *a.Format
		}
		if a.Outcome != payment.Refused || a.Findings[0].Code != payment.UnknownFormat || format != c.format || !strings.Contains(a.Findings[0].Message, c.says) {
			t.Errorf("%.40q: %q, %+v", c.file, format, a.Findings)
		}
	}
}

func TestBlankFiles(t *testing.T) {
	blanks := strings.Repeat(" \r\n", 10_000)
	for file, want := range map[string]payment.Code{
		"": payment.EmptyFile, " \n\t": payment.EmptyFile, "\x1A": payment.EmptyFile, "\xEF\xBB\xBF": payment.EmptyFile,
		"\xFF\xFE": payment.EmptyFile, blanks: payment.EmptyFile, blanks + "x": payment.UnknownFormat,
	} {
		if a := read(t, strings.NewReader(file)); a.Findings[0].Code != want {
			t.Errorf("%.10q of %d bytes: %+v", file, len(file), a.Findings)
		}
	}
}
