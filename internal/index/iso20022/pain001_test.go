package iso20022_test

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"sealgate/internal/index/family"
	"sealgate/internal/index/indextest"
	"sealgate/internal/index/iso20022"
	"sealgate/internal/payment"
)

// order is a faultless file of one batch and one payment; the tests change it.
const order = `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"><CstmrCdtTrfInitn>
<GrpHdr><MsgId>M-1</MsgId><CreDtTm>2026-03-02T09:15:00</CreDtTm><NbOfTxs>1</NbOfTxs><CtrlSum>100.50</CtrlSum><InitgPty><Nm>A</Nm></InitgPty></GrpHdr>
<PmtInf><PmtInfId>B-1</PmtInfId><PmtMtd>TRF</PmtMtd><NbOfTxs>1</NbOfTxs><CtrlSum>100.50</CtrlSum>
<ReqdExctnDt><Dt>2026-03-04</Dt></ReqdExctnDt><Dbtr><Nm>Björkö Livs AB</Nm></Dbtr>
<DbtrAcct><Id><IBAN>SE8050000000052810112347</IBAN></Id></DbtrAcct><DbtrAgt><FinInstnId><BICFI>ESSESESS</BICFI></FinInstnId></DbtrAgt>
<CdtTrfTxInf><PmtId><EndToEndId>E-1</EndToEndId></PmtId><Amt><InstdAmt Ccy="SEK">100.50</InstdAmt></Amt>
<CdtrAgt><FinInstnId><ClrSysMmbId><ClrSysId><Cd>SESBA</Cd></ClrSysId><MmbId>9900</MmbId></ClrSysMmbId></FinInstnId></CdtrAgt>
<Cdtr><Nm>Mejeri AB</Nm></Cdtr>
<CdtrAcct><Id><Othr><Id>5999313</Id><SchmeNm><Prtry>BGNR</Prtry></SchmeNm></Othr></Id></CdtrAcct>
<RmtInf><Ustrd>Faktura 1</Ustrd></RmtInf></CdtTrfTxInf></PmtInf>
</CstmrCdtTrfInitn></Document>`

// Parts of order that tests replace.
const (
	payeeAgent   = `<CdtrAgt><FinInstnId><ClrSysMmbId><ClrSysId><Cd>SESBA</Cd></ClrSysId><MmbId>9900</MmbId></ClrSysMmbId></FinInstnId></CdtrAgt>`
	payeeAccount = `<CdtrAcct><Id><Othr><Id>5999313</Id><SchmeNm><Prtry>BGNR</Prtry></SchmeNm></Othr></Id></CdtrAcct>`
	theAmount    = `<Amt><InstdAmt Ccy="SEK">100.50</InstdAmt></Amt>`
	theDate      = `<ReqdExctnDt><Dt>2026-03-04</Dt></ReqdExctnDt>`
	freeText     = `<Ustrd>Faktura 1</Ustrd>`
	namespace    = `urn:iso:std:iso:20022:tech:xsd:pain.001.001.09`
)

func read(t testing.TB, doc string) indextest.Answer {
	t.Helper()
	var a indextest.Answer
	out := family.NewCollector(a.Emit)
	err := iso20022.Family{}.Read(strings.NewReader(doc), out)
	var stop *family.Stop
	switch {
	case errors.As(err, &stop):
		a.Summary = out.Refused(stop)
	case err != nil:
		t.Fatal(err)
	default:
		a.Summary = out.Summary()
	}
	return a
}

// verdict renders outcome and findings that are compared: "held bad-date:1".
func verdict(a indextest.Answer) string {
	codes := map[string]int64{}
	for _, f := range a.Findings {
		if f.Severity != payment.Info {
			codes[string(f.Code)] = f.Count
		}
	}
	s := string(a.Outcome)
	for _, code := range slices.Sorted(maps.Keys(codes)) {
		s += fmt.Sprintf(" %s:%d", code, codes[code])
	}
	return s
}

// change replaces each old by the new after it; an old that is not there is a
// mistake of the test.
func change(t testing.TB, doc string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(doc, pairs[i]) {
			t.Fatalf("no %q in the document", pairs[i])
		}
		doc = strings.ReplaceAll(doc, pairs[i], pairs[i+1])
	}
	return doc
}

func TestVerdicts(t *testing.T) {
	for _, c := range []struct {
		name  string
		pairs []string
		want  string
	}{
		{"as it is", nil, "indexed"},

		{"count of the file", []string{"<GrpHdr><MsgId>M-1</MsgId><CreDtTm>2026-03-02T09:15:00</CreDtTm><NbOfTxs>1<", "<GrpHdr><MsgId>M-1</MsgId><NbOfTxs>2<"}, "held count-mismatch:1"},
		{"no count of the file", []string{"</CreDtTm><NbOfTxs>1</NbOfTxs>", "</CreDtTm>"}, "held count-mismatch:1"},
		{"count of the batch", []string{"</PmtMtd><NbOfTxs>1<", "</PmtMtd><NbOfTxs>11<"}, "held count-mismatch:1"},
		{"no count of the batch", []string{"</PmtMtd><NbOfTxs>1</NbOfTxs>", "</PmtMtd>"}, "indexed"},
		{"count with zeros", []string{"<NbOfTxs>1<", "<NbOfTxs>0001<"}, "indexed"},
		{"count that is none", []string{"<NbOfTxs>1<", "<NbOfTxs>1.0<"}, "held count-mismatch:2"},
		{"control sums", []string{"<CtrlSum>100.50<", "<CtrlSum>100.51<"}, "held control-sum-mismatch:2"},
		{"control sums written otherwise", []string{"<CtrlSum>100.50<", "<CtrlSum>+0100.5000<"}, "indexed"},
		{"control sums by floating point", []string{"<CtrlSum>100.50<", "<CtrlSum>100.5000000001<"}, "held control-sum-mismatch:2"},
		{"control sums with exponent", []string{"<CtrlSum>100.50<", "<CtrlSum>1.005E2<"}, "held control-sum-mismatch:2"},
		{"no control sums", []string{"<CtrlSum>100.50</CtrlSum>", ""}, "indexed"},

		{"no message id", []string{"<MsgId>M-1</MsgId>", ""}, "held missing-field:1"},
		{"blank message id", []string{"<MsgId>M-1<", "<MsgId> <"}, "held missing-field:1"},
		{"no batch id", []string{"<PmtInfId>B-1</PmtInfId>", ""}, "held missing-field:1"},
		{"no date", []string{theDate, ""}, "held missing-field:1"},
		{"empty date", []string{theDate, "<ReqdExctnDt/>"}, "held missing-field:1"},
		{"no account to pay from", []string{"<DbtrAcct><Id><IBAN>SE8050000000052810112347</IBAN></Id></DbtrAcct>", ""}, "held missing-field:1"},
		{"no amount", []string{theAmount, "", "100.50", "0"}, "held missing-field:1"},
		{"no batch", []string{order[strings.Index(order, "<PmtInf>") : strings.Index(order, "</PmtInf>")+9], "", "<NbOfTxs>1<", "<NbOfTxs>0<", "100.50", "0"}, "held missing-field:1"},
		{"empty batch", []string{order[strings.Index(order, "<CdtTrfTxInf>") : strings.Index(order, "</CdtTrfTxInf>")+14], "", "<NbOfTxs>1<", "<NbOfTxs>0<", "100.50", "0"}, "held missing-field:1"},
		{"fields of a batch after its payment", []string{"<PmtInfId>B-1</PmtInfId>", "", "</CdtTrfTxInf>", "</CdtTrfTxInf><PmtInfId>B-1</PmtInfId>"}, "held missing-field:1"},
		{"two batches of one id", []string{"</PmtInf>", "</PmtInf>" + order[strings.Index(order, "<PmtInf>"):strings.Index(order, "</PmtInf>")+9], "</CreDtTm><NbOfTxs>1<", "</CreDtTm><NbOfTxs>2<", "</NbOfTxs><CtrlSum>100.50</CtrlSum><InitgPty>", "</NbOfTxs><CtrlSum>201</CtrlSum><InitgPty>"}, "held duplicate-batch-id:1"},

		{"zero", []string{"100.50", "0.00"}, "held bad-amount:1"},
		{"minus", []string{">100.50</InstdAmt>", ">-100.50</InstdAmt>", "<CtrlSum>100.50</CtrlSum>", ""}, "held bad-amount:1"},
		{"comma", []string{">100.50</InstdAmt>", ">100,50</InstdAmt>", "<CtrlSum>100.50</CtrlSum>", ""}, "held bad-amount:1"},
		{"exponent", []string{">100.50</InstdAmt>", ">1e2</InstdAmt>", "<CtrlSum>100.50</CtrlSum>", ""}, "held bad-amount:1"},
		{"plus, zeros, bare point", []string{">100.50</InstdAmt>", ">+00100.</InstdAmt>", "<CtrlSum>100.50<", "<CtrlSum>100<"}, "indexed"},
		{"too many decimals", []string{"100.50", "100.505"}, "held amount-precision:1"},
		{"zeros as decimals", []string{"100.50", "100.50000"}, "indexed"},
		{"yen with decimals of zero", []string{`Ccy="SEK">100.50`, `Ccy="JPY">1500.00`, "<CtrlSum>100.50<", "<CtrlSum>1500<"}, "indexed"},
		{"more than can be counted", []string{"100.50", "99999999999999999999"}, "held bad-amount:1"},
		{"unknown currency", []string{`"SEK"`, `"SEX"`}, "held bad-currency:1"},
		{"no currency", []string{` Ccy="SEK"`, ""}, "held bad-currency:1"},
		{"equivalent amount", []string{theAmount, `<Amt><EqvtAmt><Amt Ccy="SEK">100.50</Amt><CcyOfTrf>EUR</CcyOfTrf></EqvtAmt></Amt>`}, "indexed"},

		{"impossible day", []string{"<Dt>2026-03-04<", "<Dt>2026-02-29<"}, "held bad-date:1"},
		{"day in another order", []string{"<Dt>2026-03-04<", "<Dt>04/03/2026<"}, "held bad-date:1"},
		{"time where a date belongs", []string{"<Dt>2026-03-04<", "<Dt>2026-03-04T08:00:00<"}, "indexed"},
		{"unknown method", []string{"<PmtMtd>TRF<", "<PmtMtd>DD<"}, "held unknown-payment-type:1"},
		{"template", []string{"100.50", "{{sum}}", "2026-03-04", "{{date}}", "SE8050000000052810112347", "{{iban}}"}, "held bad-account:1 bad-amount:1 bad-date:1 control-sum-mismatch:2"},

		{"payer's IBAN", []string{"SE8050000000052810112347", "SE8050000000052810112341"}, "held bad-check-digit:1"},
		{"IBAN with blanks", []string{"SE8050000000052810112347", "SE80 5000 0000 0528 1011 2347"}, "indexed"},
		{"short IBAN", []string{"SE8050000000052810112347", "SE805000000005281011234"}, "held bad-account:1"},
		{"payee's Bankgiro", []string{"5999313", "5999314"}, "held bad-check-digit:1"},
		{"Bankgiro with letters", []string{"5999313", "59A9313"}, "held bad-account:1"},
		{"no account for the payee", []string{payeeAccount, ""}, "indexed payee-account-missing:1"},
		{"cheque", []string{payeeAccount, "", "<PmtMtd>TRF<", "<PmtMtd>CHK<"}, "indexed"},
		{"no end-to-end id", []string{"<EndToEndId>E-1</EndToEndId>", ""}, "indexed end-to-end-id-missing:1"},
		{"empty end-to-end id", []string{"<EndToEndId>E-1<", "<EndToEndId><"}, "indexed end-to-end-id-missing:1"},
		{"odd BICs", []string{"ESSESESS", "ESSE"}, "indexed bad-bic:1"},
		{"BIC not provided", []string{"ESSESESS", "NOTPROVIDED"}, "indexed"},
		{"no BIC", []string{"<BICFI>ESSESESS</BICFI>", ""}, "indexed"},
		{"OCR", []string{freeText, "<Strd><CdtrRefInf><Ref>202600418</Ref></CdtrRefInf></Strd>"}, "indexed bad-reference-check-digit:1"},
		{"RF", []string{freeText, "<Strd><CdtrRefInf><Ref>RF19 2026 0041</Ref></CdtrRefInf></Strd>"}, "indexed bad-reference-check-digit:1"},
		{"free address", []string{"<Nm>Mejeri AB</Nm>", "<Nm>Mejeri AB</Nm><PstlAdr><AdrLine>Box 1</AdrLine><AdrLine>Umeå</AdrLine></PstlAdr>"}, "indexed address-unstructured:1"},
		{"free address with country", []string{"<Nm>Mejeri AB</Nm>", "<Nm>Mejeri AB</Nm><PstlAdr><Ctry>SE</Ctry><AdrLine>Box 1</AdrLine></PstlAdr>"}, "indexed address-unstructured:1"},
		{"hybrid address", []string{"<Nm>Mejeri AB</Nm>", "<Nm>Mejeri AB</Nm><PstlAdr><TwnNm>Umeå</TwnNm><Ctry>SE</Ctry><AdrLine>Box 1</AdrLine></PstlAdr>"}, "indexed"},
		{"address of an ultimate payer", []string{"<CdtTrfTxInf>", "<UltmtDbtr><PstlAdr><AdrLine>Box 1</AdrLine></PstlAdr></UltmtDbtr><CdtTrfTxInf>"}, "indexed address-unstructured:1"},
		{"empty type", []string{"<ReqdExctnDt>", "<PmtTpInf/><ReqdExctnDt>"}, "indexed"},

		{"version 02", []string{namespace, "urn:iso:std:iso:20022:tech:xsd:pain.001.001.02", "CstmrCdtTrfInitn", "pain.001.001.02"}, "indexed"},
		{"version 12", []string{"pain.001.001.09", "pain.001.001.12"}, "indexed"},
		{"version 13", []string{"pain.001.001.09", "pain.001.001.13"}, "refused unsupported-version:1"},
		{"version 01", []string{"pain.001.001.09", "pain.001.001.01"}, "refused unsupported-version:1"},
		{"German", []string{"pain.001.001.09", "pain.001.003.03"}, "indexed"},
		{"Swiss", []string{namespace, "http://www.six-interbank-clearing.com/de/pain.001.001.03.ch.02.xsd"}, "indexed"},
		{"another body", []string{"CstmrCdtTrfInitn", "CstmrDrctDbtInitn"}, "refused unknown-format:1"},
		{"no body", []string{order[strings.Index(order, "<CstmrCdtTrfInitn>") : strings.Index(order, "</CstmrCdtTrfInitn>")+19], ""}, "refused unknown-format:1"},
		{"body of no namespace", []string{`<Document xmlns=`, `<d:Document xmlns:d=`, "</Document>", "</d:Document>"}, "refused unknown-format:1"},
		{"not built", []string{"pain.001.001.09", "pain.008.001.02"}, "refused unknown-format:1"},
		{"not built, unknown version", []string{"pain.001.001.09", "camt.053.001.99"}, "refused unsupported-version:1"},
		{"no payments", []string{"pain.001.001.09", "camt.003.001.05"}, "refused unknown-format:1"},
		{"another standard", []string{namespace, "urn:iso:std:iso:20022:tech:xsd:seev.031.001.05"}, "refused unknown-format:1"},

		{"two documents", []string{"</Document>", "</Document>" + order}, "refused xml-malformed:1"},
		{"ampersand", []string{"Mejeri AB", "Mejeri & Co"}, "refused xml-malformed:1"},
		{"end tags missing", []string{"</CstmrCdtTrfInitn></Document>", ""}, "refused truncated:1"},
		{"Latin-1 that says UTF-8", []string{"ö", "\xF6"}, "refused bad-encoding:1"},
		{"mark against declaration", []string{`<?xml version="1.0" encoding="UTF-8"?>`, "\xEF\xBB\xBF" + `<?xml version="1.0" encoding="ISO-8859-1"?>`}, "refused bad-encoding:1"},
		{"doctype", []string{"<Document xmlns=", "<!DOCTYPE Document><Document xmlns="}, "refused xml-forbidden-doctype:1"},
		{"doctype in a comment", []string{"<Document xmlns=", "<!-- <!DOCTYPE Document> --><Document xmlns="}, "indexed"},
		{"long field", []string{"Mejeri AB", strings.Repeat("x", 65537)}, "refused field-limit:1"},
		{"endless lines", []string{freeText, strings.Repeat("<Ustrd>"+strings.Repeat("x", 60000)+"</Ustrd>", 20)}, "refused field-limit:1"},
		{"second message", []string{"</CstmrCdtTrfInitn>", "</CstmrCdtTrfInitn><CstmrCdtTrfInitn/>"}, "held trailing-data:1"},
		{"second document in the envelope", []string{"<Document", "<E><Document", "</Document>", `</Document><Document xmlns="` + namespace + `"><CstmrCdtTrfInitn/></Document></E>`}, "held trailing-data:1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := read(t, change(t, order, c.pairs...))
			if got := verdict(a); got != c.want {
				t.Errorf("got %s, want %s\n%+v", got, c.want, a.Findings)
			}
			if a.Outcome == payment.Refused && (len(a.Findings) != 1 || a.PaymentCount != 0 || len(a.Sums) != 0) {
				t.Errorf("not a clean refusal: %+v", a.Summary)
			}
		})
	}
}

// TestRefusedFilesSayWhatTheyWere: the format of a file is known even when it
// was refused before its Document.
func TestRefusedFilesSayWhatTheyWere(t *testing.T) {
	for _, pairs := range [][]string{
		{"<Document xmlns=", "<!DOCTYPE Document [ <!ENTITY a \"<Document>\"> ]><Document xmlns="},
		{`encoding="UTF-8"`, `encoding="EBCDIC-SE"`},
		{`encoding="UTF-8"`, `encoding="UTF-16"`},
		{`<?xml version="1.0" encoding="UTF-8"?>`, "\xEF\xBB\xBF" + `<?xml version="1.0" encoding="ISO-8859-1"?>`},
		{`<?xml`, "\n<?xml"},
		{"<Document xmlns=", "<?xml-bad?><d:Document xml:lang='sv' xmlns:d ='", `09">`, `09'>`},
		{"</MsgId>", ""},
	} {
		a := read(t, change(t, order, pairs...))
		if a.Outcome != payment.Refused || a.Format == nil || *a.Format != "iso20022.pain.001" || a.Variant == nil {
			t.Errorf("%q: %+v", pairs, a.Summary)
		}
	}
}

func TestAccounts(t *testing.T) {
	agent := func(system, member, bic string) string {
		s := "<CdtrAgt><FinInstnId>"
		if bic != "" {
			s += "<BICFI>" + bic + "</BICFI>"
		}
		if member != "" {
			s += "<ClrSysMmbId>"
			if system != "" {
				s += "<ClrSysId><Cd>" + system + "</Cd></ClrSysId>"
			}
			s += "<MmbId>" + member + "</MmbId></ClrSysMmbId>"
		}
		return s + "</FinInstnId></CdtrAgt>"
	}
	othr := func(id, scheme string) string {
		return "<CdtrAcct><Id><Othr><Id>" + id + "</Id>" + scheme + "</Othr></Id></CdtrAcct>"
	}
	const (
		bgnr = "<SchmeNm><Prtry>BGNR</Prtry></SchmeNm>"
		pgnr = "<SchmeNm><Prtry>PGNR</Prtry></SchmeNm>"
		bban = "<SchmeNm><Cd>BBAN</Cd></SchmeNm>"
		cust = "<SchmeNm><Cd>CUID</Cd></SchmeNm>"
	)
	for _, c := range []struct{ agent, account, want, verdict string }{
		{"", othr("599-9313", bgnr), "bankgiro 5999313 -", "indexed"},
		{agent("SESBA", "9900", ""), othr("05999313", ""), "bankgiro 5999313 -", "indexed"},
		{agent("SESBA", "9900", ""), othr("5999313", bban), "bankgiro 5999313 -", "indexed"},
		{agent("SESBA", "9960", ""), othr("28 65 43-4", bban), "plusgiro 2865434 -", "indexed"},
		{"", othr("2865434", pgnr), "plusgiro 2865434 -", "indexed"},
		{agent("SESBA", "9960", ""), othr("2865435", bban), "plusgiro 2865435 -", "held bad-check-digit:1"},
		{agent("SESBA", "5001", ""), othr("123 45-67", bban), "se-account 1234567 5001", "indexed account-check-digit:1"},
		{agent("SESBA", "9999", ""), othr("1234567", bban), "se-account 1234567 9999", "indexed unknown-clearing:1"},
		{agent("USABA", "231380104", ""), othr(" 12-34 ", ""), "us-aba 12-34 231380104", "indexed"},
		{agent("USABA", "231380105", ""), othr("1234", ""), "us-aba 1234 231380105", "held bad-check-digit:1"},
		{agent("", "", "TESTNOKK"), othr("8601 11-17947", bban), "bban 86011117947 TESTNOKK", "indexed"},
		{agent("GBDSC", "601613", ""), othr("12345678", bban), "bban 12345678 601613", "indexed"},
		{agent("", "", "TESTJPJT"), othr("12-34", cust), "other 12-34 TESTJPJT", "indexed"},
		{"", othr("12-34", ""), "other 12-34 -", "indexed"},
		{agent("SESBA", "6000", "HANDSESS"), "<CdtrAcct><Id><IBAN>se8050000000052810112347</IBAN></Id></CdtrAcct>", "iban SE8050000000052810112347 HANDSESS", "indexed"},
		{"", "<CdtrAcct><Id/></CdtrAcct>", "", "indexed payee-account-missing:1"},
	} {
		a := read(t, change(t, order, payeeAgent, c.agent, payeeAccount, c.account))
		got := ""
		if acc := a.Payments[0].Payee.Account; acc != nil {
			bank := "-"
			if acc.Bank != nil {
				bank = *acc.Bank
			}
			got = fmt.Sprintf("%s %s %s", acc.Scheme, acc.Number, bank)
		}
		if got != c.want || verdict(a) != c.verdict {
			t.Errorf("%s %s:\n got %q, %s\nwant %q, %s", c.agent, c.account, got, verdict(a), c.want, c.verdict)
		}
	}
}

func TestFields(t *testing.T) {
	str := func(s *string) string {
		if s == nil {
			return "-"
		}
		return *s
	}
	for _, c := range []struct {
		name  string
		pairs []string
		get   func(p payment.Payment) string
		want  string
	}{
		{"plain date", []string{theDate, "<ReqdExctnDt> 2026-03-04 </ReqdExctnDt>"}, func(p payment.Payment) string { return str(p.ExecutionDate) }, "2026-03-04"},
		{"zone does not shift", []string{theDate, "<ReqdExctnDt><DtTm>2026-03-04T23:30:00-05:00</DtTm></ReqdExctnDt>"}, func(p payment.Payment) string { return str(p.ExecutionDate) }, "2026-03-04"},
		{"date with zone", []string{"<Dt>2026-03-04<", "<Dt>2026-03-04Z<"}, func(p payment.Payment) string { return str(p.ExecutionDate) }, "2026-03-04"},
		{"bad date is null", []string{"<Dt>2026-03-04<", "<Dt>2026-13-04<"}, func(p payment.Payment) string { return str(p.ExecutionDate) }, "-"},
		{"messages", []string{freeText, "<Ustrd> a </Ustrd><Ustrd/><Ustrd>b\r\nc</Ustrd>"}, func(p payment.Payment) string { return str(p.Message) }, "a\nb\nc"},
		{"no message", []string{freeText, ""}, func(p payment.Payment) string { return str(p.Message) }, "-"},
		{"first reference", []string{freeText, "<Strd><CdtrRefInf><Ref>RF18 2026 0041</Ref></CdtrRefInf></Strd><Strd><CdtrRefInf><Ref>2</Ref></CdtrRefInf></Strd>"}, func(p payment.Payment) string { return p.Reference.Type + str(&p.Reference.Value) }, "rfRF1820260041"},
		{"text reference", []string{freeText, "<Strd><CdtrRefInf><Ref>Order 7</Ref></CdtrRefInf></Strd>"}, func(p payment.Payment) string { return p.Reference.Type + str(&p.Reference.Value) }, "textOrder 7"},
		{"not provided is kept", []string{"E-1", "NOTPROVIDED"}, func(p payment.Payment) string { return str(p.EndToEndID) }, "NOTPROVIDED"},
		{"instruction", []string{"<EndToEndId>", "<InstrId> I </InstrId><EndToEndId>"}, func(p payment.Payment) string { return str(p.InstructionID) }, "I"},
		{"salary of the batch", []string{"<ReqdExctnDt>", "<PmtTpInf><CtgyPurp><Cd>SALA</Cd></CtgyPurp></PmtTpInf><ReqdExctnDt>"}, func(p payment.Payment) string { return p.Kind }, "salary"},
		{"the payment's own purpose", []string{"<ReqdExctnDt>", "<PmtTpInf><CtgyPurp><Cd>SALA</Cd></CtgyPurp></PmtTpInf><ReqdExctnDt>", "</PmtId>", "</PmtId><PmtTpInf><CtgyPurp><Cd>PENS</Cd></CtgyPurp></PmtTpInf>"}, func(p payment.Payment) string { return p.Kind }, "pension"},
		{"purpose of version 02", []string{"<ReqdExctnDt>", "<PmtTpInf><CtgyPurp>TAXS</CtgyPurp></PmtTpInf><ReqdExctnDt>"}, func(p payment.Payment) string { return p.Kind }, "tax"},
		{"cheque", []string{"<PmtMtd>TRF", "<PmtMtd>CHK"}, func(p payment.Payment) string { return p.Kind }, "cheque"},
		{"comment and CDATA in a name", []string{"Mejeri AB", "Mej<!-- x -->eri <![CDATA[& Co]]>&#33;"}, func(p payment.Payment) string { return str(p.Payee.Name) }, "Mejeri & Co!"},
		{"foreign element of the same name", []string{"<Cdtr><Nm>", `<Cdtr><Nm xmlns="urn:x">no</Nm><Nm>`}, func(p payment.Payment) string { return str(p.Payee.Name) }, "Mejeri AB"},
		{"unknown currency", []string{`"SEK"`, `"JPX"`}, func(p payment.Payment) string { return fmt.Sprintf("%d %s", *p.AmountMinor, *p.Currency) }, "10050 JPX"},
	} {
		a := read(t, change(t, order, c.pairs...))
		if len(a.Payments) != 1 {
			t.Errorf("%s: %s, %d payments", c.name, verdict(a), len(a.Payments))
		} else if got := c.get(a.Payments[0]); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// TestPlaces: a finding points at the line where its payment or batch begins,
// and its sentence names no more of an account than its end.
func TestPlaces(t *testing.T) {
	a := read(t, change(t, order, "SE8050000000052810112347", "SE8050000000052810112341", "<EndToEndId>E-1</EndToEndId>", ""))
	for _, f := range a.Findings {
		want := map[payment.Code]payment.Place{
			payment.BadCheckDigit: {Line: 4}, payment.EndToEndIDMissing: {Line: 7, Payment: 1},
		}[f.Code]
		if f.FirstAt == nil || *f.FirstAt != want {
			t.Errorf("%s at %+v, want %+v", f.Code, f.FirstAt, want)
		}
		if strings.Contains(f.Message, "SE80500000") {
			t.Errorf("the sentence shows the account: %s", f.Message)
		}
	}
}

func TestBadBytesAreNamed(t *testing.T) {
	doc := change(t, order, "ö", "\xF6")
	a := read(t, doc)
	if f := a.Findings[0]; f.FirstAt.Byte != int64(strings.Index(doc, "\xF6")) || f.FirstAt.Line != 5 {
		t.Errorf("%+v", f.FirstAt)
	}
	doc = change(t, order, `"UTF-8"`, `"US-ASCII"`, "ö", "\xF6")
	a = read(t, doc)
	if f := a.Findings[0]; f.FirstAt.Byte != int64(strings.Index(doc, "\xF6")) || f.FirstAt.Line != 5 {
		t.Errorf("%+v", f.FirstAt)
	}
}
