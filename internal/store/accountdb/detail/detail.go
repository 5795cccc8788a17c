// Package detail packs into one value what of a payment is shown but not searched
// by: a column for each of these 18 would cost more than all the rest of a row.
//
// A detail is a format number, the batch, the immediate mark, and then texts: the
// length plus one and the bytes of each, 0 for one that is absent. Numbers are
// varints.
package detail

import (
	"encoding/binary"

	"sealgate/internal/fault"
	"sealgate/internal/payment"
)

const format = 1

// Pack appends p's detail to b.
func Pack(b []byte, p *payment.Payment) []byte {
	immediate := byte(0)
	if p.Immediate {
		immediate = 1
	}
	b = append(b, format)
	b = binary.AppendVarint(b, p.Batch)
	b = append(b, immediate)
	b = packText(b, p.BatchID)
	b = packText(b, (*string)(&p.Direction))
	b = packParty(b, &p.Payer)
	b = packParty(b, &p.Payee)
	if r := p.Reference; r != nil {
		b = packText(packText(b, &r.Type), &r.Value)
	} else {
		b = append(b, 0, 0)
	}
	b = packText(b, p.Message)
	b = packText(b, p.EndToEndID)
	b = packText(b, p.InstructionID)
	return packText(b, &p.Kind)
}

func packParty(b []byte, p *payment.Party) []byte {
	b = packText(b, p.Name)
	if a := p.Account; a != nil {
		return packText(packText(packText(b, &a.Scheme), &a.Number), a.Bank)
	}
	return append(b, 0, 0, 0)
}

func packText(b []byte, s *string) []byte {
	if s == nil {
		return append(b, 0)
	}
	return append(binary.AppendUvarint(b, uint64(len(*s))+1), *s...)
}

// Unpack reads a detail into p; Damaged when it cannot be read.
func Unpack(detail []byte, p *payment.Payment) error {
	d := unpacker{rest: string(detail)}
	if d.byte() != format {
		d.bad = true
	}
	p.Batch = d.number()
	p.Immediate = d.byte() != 0
	p.BatchID = d.text()
	p.Direction = payment.Direction(d.must())
	d.party(&p.Payer)
	d.party(&p.Payee)
	if kind, value := d.text(), d.text(); kind != nil && value != nil {
		p.Reference = &payment.Reference{Type: *kind, Value: *value}
	}
	p.Message = d.text()
	p.EndToEndID = d.text()
	p.InstructionID = d.text()
	p.Kind = d.must()
	if d.bad || d.rest != "" {
		return fault.New(fault.Damaged, "detail: unpack", "a payment in the index cannot be read")
	}
	return nil
}

// unpacker takes a detail apart. What it returns after it has met something
// bad means nothing. The texts are parts of one string.
type unpacker struct {
	rest string
	bad  bool
}

func (d *unpacker) take(n uint64) string {
	if n > uint64(len(d.rest)) {
		d.rest, d.bad = "", true
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

func (d *unpacker) byte() byte {
	if s := d.take(1); s != "" {
		return s[0]
	}
	return 0
}

// varint takes the bytes of a varint: those up to the first below 0x80.
func (d *unpacker) varint() []byte {
	n := 0
	for n < len(d.rest) && d.rest[n] >= 0x80 {
		n++
	}
	return []byte(d.take(uint64(n) + 1))
}

func (d *unpacker) number() int64 {
	v, n := binary.Varint(d.varint())
	d.bad = d.bad || n <= 0
	return v
}

func (d *unpacker) text() *string {
	size, n := binary.Uvarint(d.varint())
	d.bad = d.bad || n <= 0
	if size == 0 || d.bad {
		return nil
	}
	s := d.take(size - 1)
	return &s
}

// must takes a text that is never absent.
func (d *unpacker) must() string {
	if s := d.text(); s != nil {
		return *s
	}
	d.bad = true
	return ""
}

func (d *unpacker) party(p *payment.Party) {
	p.Name = d.text()
	scheme, number, bank := d.text(), d.text(), d.text()
	if scheme != nil && number != nil {
		p.Account = &payment.Account{Scheme: *scheme, Number: *number, Bank: bank}
	}
}
