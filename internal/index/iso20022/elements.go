package iso20022

// node is a place in the tree of a pain.001 message that means something here.
// The same node stands for the same structure on both sides: an account is an
// account, the payer's in a batch and the payee's in a payment.
type node uint8

const (
	skip  node = iota // foreign, with everything inside
	other             // of the message, of no interest but for addresses inside
	body
	header
	batch
	transfer
	payTypeInfo
	category
	execution
	party
	account
	accountID
	otherAccount
	scheme
	agent
	institution
	clearing
	clearingSystem
	paymentID
	amount
	equivalent
	remittance
	structured
	creditorRef
	address
	addressLine
	town
	country
	ustrd
	leaves // a node from here on is leaves + the field it holds
)

// field is a text that is collected from a header, batch or payment.
type field uint8

const (
	fID field = iota // message id, batch id
	fCount
	fSum
	fMethod
	fCategory
	fDate
	fName
	fIBAN
	fBBAN
	fOther
	fScheme
	fBIC
	fSystem
	fMember
	fInstruction
	fEndToEnd
	fAmount
	fCurrency
	fEqvtAmount
	fEqvtCurrency
	fReference
	fields
)

func leaf(f field) node { return leaves + node(f) }

type edge struct {
	name string
	to   node
}

// children is the part of the schemas that is read, versions 02 to 12 laid over
// each other: names that changed stand side by side (BIC became BICFI, version
// 02 has the text of a category without Cd and calls Ref CdtrRef).
var children = [int(leaves) + int(fields)][]edge{
	body:   {{"PmtInf", batch}, {"GrpHdr", header}},
	header: {{"MsgId", leaf(fID)}, {"NbOfTxs", leaf(fCount)}, {"CtrlSum", leaf(fSum)}},
	batch: {
		{"CdtTrfTxInf", transfer},
		{"PmtInfId", leaf(fID)},
		{"PmtMtd", leaf(fMethod)},
		{"NbOfTxs", leaf(fCount)},
		{"CtrlSum", leaf(fSum)},
		{"PmtTpInf", payTypeInfo},
		{"ReqdExctnDt", execution},
		{"Dbtr", party},
		{"DbtrAcct", account},
		{"DbtrAgt", agent},
	},
	transfer: {
		{"PmtId", paymentID},
		{"Amt", amount},
		{"CdtrAgt", agent},
		{"Cdtr", party},
		{"CdtrAcct", account},
		{"RmtInf", remittance},
		{"PmtTpInf", payTypeInfo},
	},
	payTypeInfo:    {{"CtgyPurp", category}},
	category:       {{"Cd", leaf(fCategory)}},
	execution:      {{"Dt", leaf(fDate)}, {"DtTm", leaf(fDate)}},
	party:          {{"Nm", leaf(fName)}, {"PstlAdr", address}},
	account:        {{"Id", accountID}},
	accountID:      {{"Othr", otherAccount}, {"IBAN", leaf(fIBAN)}, {"BBAN", leaf(fBBAN)}, {"PrtryAcct", otherAccount}},
	otherAccount:   {{"Id", leaf(fOther)}, {"SchmeNm", scheme}},
	scheme:         {{"Cd", leaf(fScheme)}, {"Prtry", leaf(fScheme)}},
	agent:          {{"FinInstnId", institution}},
	institution:    {{"BICFI", leaf(fBIC)}, {"BIC", leaf(fBIC)}, {"ClrSysMmbId", clearing}, {"PstlAdr", address}, {"CmbndId", institution}},
	clearing:       {{"ClrSysId", clearingSystem}, {"MmbId", leaf(fMember)}},
	clearingSystem: {{"Cd", leaf(fSystem)}, {"Prtry", leaf(fSystem)}},
	paymentID:      {{"EndToEndId", leaf(fEndToEnd)}, {"InstrId", leaf(fInstruction)}},
	amount:         {{"InstdAmt", leaf(fAmount)}, {"EqvtAmt", equivalent}},
	equivalent:     {{"Amt", leaf(fEqvtAmount)}},
	remittance:     {{"Ustrd", ustrd}, {"Strd", structured}},
	structured:     {{"CdtrRefInf", creditorRef}},
	creditorRef:    {{"Ref", leaf(fReference)}, {"CdtrRef", leaf(fReference)}},
	address:        {{"AdrLine", addressLine}, {"TwnNm", town}, {"Ctry", country}},
	other:          {{"PstlAdr", address}},
}

// child returns the node of an element of the message inside parent.
func child(parent node, local []byte) node {
	for _, e := range children[parent] {
		if string(local) == e.name {
			return e.to
		}
	}
	switch parent {
	case remittance, structured, creditorRef, skip:
		return skip // an invoicer's address is nobody's in this payment
	}
	return other
}

// textOf returns the field that a node's own text is, when it is one.
func textOf(n node) (field, bool) {
	switch {
	case n >= leaves:
		return field(n - leaves), true
	case n == execution:
		return fDate, true // up to version 07
	case n == category:
		return fCategory, true // version 02
	}
	return 0, false
}
