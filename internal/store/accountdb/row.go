package accountdb

import (
	"strings"

	"sealgate/internal/payment"
)

// A payment's id is rank << 32 | seq.
const (
	maxRank = 1<<31 - 1
	maxSeq  = 1<<32 - 1
)

// rankOf turns a load's id into its rank: the younger, the smaller.
func rankOf(load int64) int64 { return maxRank - load }

// span returns the smallest and the largest id of a rank's payments.
func span(rank int64) (first, last int64) { return rank << 32, rank<<32 | maxSeq }

// paymentColumns are read by scanPayment; what is written comes from columns.
const paymentColumns = `p.id, p.amount, p.currency, p.execution_date, p.batch, p.batch_id, p.direction,
	p.payer_name, p.payer_scheme, p.payer_number, p.payer_bank, p.payee_name, p.payee_scheme, p.payee_number, p.payee_bank,
	p.immediate, p.reference_type, p.reference, p.message, p.end_to_end_id, p.instruction_id, p.kind`

const columnCount = 23

var insertPayment = "INSERT INTO payment (id, payee_folded, amount, currency, execution_date, batch, batch_id, direction," +
	" payer_name, payer_scheme, payer_number, payer_bank, payee_name, payee_scheme, payee_number, payee_bank," +
	" immediate, reference_type, reference, message, end_to_end_id, instruction_id, kind)" +
	" VALUES (?" + strings.Repeat(", ?", columnCount-1) + ")"

// columns appends the values of insertPayment. They hold nothing of p but its
// strings.
func columns(row []any, id int64, p *payment.Payment) []any {
	row = append(row, id, folded(p.Payee.Name), number(p.AmountMinor), text(p.Currency), text(p.ExecutionDate),
		p.Batch, text(p.BatchID), string(p.Direction))
	row = party(row, &p.Payer)
	row = party(row, &p.Payee)
	row = append(row, p.Immediate)
	if r := p.Reference; r != nil {
		row = append(row, r.Type, r.Value)
	} else {
		row = append(row, nil, nil)
	}
	return append(row, text(p.Message), text(p.EndToEndID), text(p.InstructionID), p.Kind)
}

func party(row []any, p *payment.Party) []any {
	if a := p.Account; a != nil {
		return append(row, text(p.Name), a.Scheme, a.Number, text(a.Bank))
	}
	return append(row, text(p.Name), nil, nil, nil)
}

func text(s *string) any {
	if s == nil {
		return nil
	}
	return *s
}

func number(n *int64) any {
	if n == nil {
		return nil
	}
	return *n
}

func folded(s *string) any {
	if s == nil {
		return nil
	}
	return fold(*s)
}

// scanPayment reads paymentColumns, and then whatever else the query selects,
// and returns the payment's id.
func scanPayment(scan func(...any) error, p *payment.Payment, more ...any) (id int64, err error) {
	var payer, payee struct{ scheme, number, bank *string }
	var refType, ref *string
	*p = payment.Payment{}
	err = scan(append([]any{
		&id, &p.AmountMinor, &p.Currency, &p.ExecutionDate, &p.Batch, &p.BatchID, &p.Direction,
		&p.Payer.Name, &payer.scheme, &payer.number, &payer.bank, &p.Payee.Name, &payee.scheme, &payee.number, &payee.bank,
		&p.Immediate, &refType, &ref, &p.Message, &p.EndToEndID, &p.InstructionID, &p.Kind,
	}, more...)...)
	if err != nil {
		return 0, err
	}
	p.Seq = id & maxSeq
	if payer.scheme != nil && payer.number != nil {
		p.Payer.Account = &payment.Account{Scheme: *payer.scheme, Number: *payer.number, Bank: payer.bank}
	}
	if payee.scheme != nil && payee.number != nil {
		p.Payee.Account = &payment.Account{Scheme: *payee.scheme, Number: *payee.number, Bank: payee.bank}
	}
	if refType != nil && ref != nil {
		p.Reference = &payment.Reference{Type: *refType, Value: *ref}
	}
	return id, nil
}
