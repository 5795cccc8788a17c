package paygen

import (
	"bufio"
	"fmt"
)

const (
	groupHeader = `<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.%s">
 <CstmrCdtTrfInitn>
  <GrpHdr>
   <MsgId>SYN-%d-%d</MsgId>
   <CreDtTm>2026-03-02T09:00:00</CreDtTm>
   <NbOfTxs>%d</NbOfTxs>
   <CtrlSum>%s</CtrlSum>
   <InitgPty>
    <Nm>Syntetbolaget AB</Nm>
   </InitgPty>
  </GrpHdr>
`
	batchHeader = `  <PmtInf>
   <PmtInfId>SYN-%d-B%d</PmtInfId>
   <PmtMtd>TRF</PmtMtd>
   <NbOfTxs>%d</NbOfTxs>
   <CtrlSum>%s</CtrlSum>
   <ReqdExctnDt>%s</ReqdExctnDt>
   <Dbtr>
    <Nm>Syntetbolaget AB</Nm>
   </Dbtr>
   <DbtrAcct>
    <Id>
     <IBAN>%s</IBAN>
    </Id>
   </DbtrAcct>
   <DbtrAgt>
    <FinInstnId>
     <%[7]s>ESSESESS</%[7]s>
    </FinInstnId>
   </DbtrAgt>
   <ChrgBr>SHAR</ChrgBr>
`
	transaction = `   <CdtTrfTxInf>
    <PmtId>
     <InstrId>I%[1]d</InstrId>
     <EndToEndId>E%[2]d-%[1]d</EndToEndId>
    </PmtId>
    <Amt>
     <InstdAmt Ccy="SEK">%[3]s</InstdAmt>
    </Amt>
    <CdtrAgt>
     <FinInstnId>
      %s
     </FinInstnId>
    </CdtrAgt>
    <Cdtr>
     <Nm>%s</Nm>
     <PstlAdr>
      <StrtNm>Storgatan</StrtNm>
      <BldgNb>%d</BldgNb>
      <PstCd>%05d</PstCd>
      <TwnNm>Östersund</TwnNm>
      <Ctry>SE</Ctry>
     </PstlAdr>
    </Cdtr>
    <CdtrAcct>
     <Id>
      %s
     </Id>
    </CdtrAcct>
    <RmtInf>
     %s
    </RmtInf>
   </CdtTrfTxInf>
`
	bankgirotAgent  = `<ClrSysMmbId><ClrSysId><Cd>SESBA</Cd></ClrSysId><MmbId>9900</MmbId></ClrSysMmbId>`
	bankAgent       = `<%[1]s>HANDSESS</%[1]s>`
	bankgiroAccount = `<Othr><Id>%s</Id><SchmeNm><Prtry>BGNR</Prtry></SchmeNm></Othr>`
	ibanAccount     = `<IBAN>%s</IBAN>`
	ocrReference    = `<Strd><CdtrRefInf><Tp><CdOrPrtry><Cd>SCOR</Cd></CdOrPrtry></Tp><Ref>%s</Ref></CdtrRefInf></Strd>`
	freeText        = `<Ustrd>Faktura %d, leverans enligt avtal om löpande underhåll av anläggning</Ustrd>`
	documentEnd     = " </CstmrCdtTrfInitn>\n</Document>\n"
)

// dialect is what the versions write differently.
type dialect struct {
	bic string // element of a BIC
	day string // format of the requested day
}

var dialects = map[string]dialect{
	"03": {bic: "BIC", day: "2026-03-%02d"},
	"09": {bic: "BICFI", day: "<Dt>2026-03-%02d</Dt>"},
}

// writePain001 writes a credit transfer initiation: three of four payments go
// to Bankgiro numbers with an OCR reference, the fourth to an IBAN with free text.
func writePain001(w *bufio.Writer, s Spec, total uint64) {
	d := dialects[s.Version]
	fmt.Fprintf(w, groupHeader, s.Version, s.Seed, s.Payments, s.Payments, kronor(total))
	r := rng(s.Seed)
	for i := uint64(0); i < s.Payments; {
		n := min(s.Batch, s.Payments-i)
		batch := i / s.Batch
		ahead := r // a copy: the batch's sum stands before its payments
		fmt.Fprintf(w, batchHeader, s.Seed, batch, n, kronor(ahead.sum(n)), fmt.Sprintf(d.day, 4+batch%20), iban(s.Seed), d.bic)
		for range n {
			i++
			writeTransaction(w, s.Seed, i, r.pay(), d)
		}
		w.WriteString("  </PmtInf>\n")
	}
	w.WriteString(documentEnd)
}

func writeTransaction(w *bufio.Writer, seed, i uint64, p pay, d dialect) {
	agent := bankgirotAgent
	account := fmt.Sprintf(bankgiroAccount, bankgiro(p.account))
	remittance := fmt.Sprintf(ocrReference, ocr(p.ref))
	if i%4 == 0 {
		agent = fmt.Sprintf(bankAgent, d.bic)
		account = fmt.Sprintf(ibanAccount, iban(p.account))
		remittance = fmt.Sprintf(freeText, p.ref%10_000_000)
	}
	fmt.Fprintf(w, transaction, i, seed, kronor(p.amount), agent, name(p.name), 1+p.name%90, 10000+p.name%80_000, account, remittance)
}
