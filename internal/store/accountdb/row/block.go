package row

import (
	"bytes"
	"encoding/binary"
	"slices"

	"sealgate/internal/fault"
)

// A block is a format number, the number of its payments, and then columns: the
// kinds of payments that there are in it, of each payment the distance of its seq from
// the one before, its kind, its amount if that kind has one, the length of its payee's
// folded name, and all those names. Each column but the last begins with its length;
// numbers are varints.
const (
	blockFormat = 1
	blockRows   = 1_000
)

// kind is what many payments of a block have in common; "" is none.
type kind struct {
	amount         bool
	currency, date string
}

// pack makes a block of the values of Rows.
func pack(values []any) []byte {
	var kinds, seqs, kindOf, amounts, lengths, names []byte
	var before int64
	known := map[kind]uint64{}
	for v := range slices.Chunk(values, columnCount) {
		seq := v[0].(int64)
		seqs = binary.AppendUvarint(seqs, uint64(seq-before))
		before = seq
		var k kind
		var amount int64
		amount, k.amount = v[2].(int64)
		k.currency, _ = v[3].(string)
		k.date, _ = v[4].(string)
		n, ok := known[k]
		if !ok {
			n = uint64(len(known))
			known[k] = n
			kinds = k.pack(kinds)
		}
		kindOf = binary.AppendUvarint(kindOf, n)
		if k.amount {
			amounts = binary.AppendVarint(amounts, amount)
		}
		name, _ := v[1].(string)
		lengths = binary.AppendUvarint(lengths, uint64(len(name)))
		names = append(names, name...)
	}
	b := make([]byte, 0, 32+len(kinds)+len(seqs)+len(kindOf)+len(amounts)+len(lengths)+len(names))
	b = binary.AppendUvarint(append(b, blockFormat), uint64(len(values)/columnCount))
	for _, column := range [][]byte{kinds, seqs, kindOf, amounts, lengths} {
		b = packBytes(b, column)
	}
	return append(b, names...)
}

func (k kind) pack(b []byte) []byte {
	amount := byte(0)
	if k.amount {
		amount = 1
	}
	return packBytes(packBytes(append(b, amount), []byte(k.currency)), []byte(k.date))
}

func packBytes(b, column []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(column))), column...)
}

// Filter selects payments of blocks; an empty field asks for nothing.
type Filter struct {
	Payee    string // part of the folded name
	From, To string // execution date, both included
	Min, Max *int64 // amount, both included
	Currency string
}

// Match calls visit for each payment of a block that the filter selects, in their
// order, until it returns false; Damaged when the block cannot be read.
func (f *Filter) Match(block []byte, visit func(seq int64) bool) error {
	damaged := fault.New(fault.Damaged, "row: match", "a block of payments in the index cannot be read")
	in := column{rest: block}
	if in.byte() != blockFormat {
		return damaged
	}
	n := in.uvarint()
	kinds, seqs, kindOf, amounts, lengths := in.column(), in.column(), in.column(), in.column(), in.column()
	names := in.rest
	payee := []byte(f.Payee)
	if !in.bad && !bytes.Contains(names, payee) {
		return nil // nor does any of them
	}
	known, wanted := f.kinds(&kinds)
	if in.bad || kinds.bad {
		return damaged
	}
	if !slices.Contains(wanted, true) {
		return nil
	}
	for seq := int64(0); n > 0; n-- {
		seq += int64(seqs.uvarint())
		k := kindOf.uvarint()
		length := lengths.uvarint()
		if seqs.bad || kindOf.bad || lengths.bad || k >= uint64(len(known)) || length > uint64(len(names)) {
			return damaged
		}
		var amount int64
		if known[k].amount {
			if amount = amounts.varint(); amounts.bad {
				return damaged
			}
		}
		var name []byte
		name, names = names[:length], names[length:]
		if !wanted[k] || f.Min != nil && amount < *f.Min || f.Max != nil && amount > *f.Max || !bytes.Contains(name, payee) {
			continue
		}
		if !visit(seq) {
			return nil
		}
	}
	return nil
}

// kinds reads the kinds of a block, and tells of which a payment may be that is
// looked for.
func (f *Filter) kinds(in *column) (known []kind, wanted []bool) {
	for len(in.rest) > 0 && !in.bad {
		k := kind{amount: in.byte() != 0}
		currency, date := in.column(), in.column()
		k.currency, k.date = string(currency.rest), string(date.rest)
		known = append(known, k)
		wanted = append(wanted, (f.Currency == "" || k.currency == f.Currency) &&
			(k.amount || f.Min == nil && f.Max == nil) &&
			(k.date != "" || f.From == "" && f.To == "") &&
			(f.From == "" || k.date >= f.From) && (f.To == "" || k.date <= f.To))
	}
	return known, wanted
}

// column is read from its beginning. What it returns after it has met something bad
// means nothing.
type column struct {
	rest []byte
	bad  bool
}

func (c *column) byte() byte {
	if len(c.rest) == 0 {
		c.bad = true
		return 0
	}
	b := c.rest[0]
	c.rest = c.rest[1:]
	return b
}

func (c *column) uvarint() uint64 {
	v, n := binary.Uvarint(c.rest)
	c.skip(n)
	return v
}

func (c *column) varint() int64 {
	v, n := binary.Varint(c.rest)
	c.skip(n)
	return v
}

func (c *column) skip(n int) {
	if n <= 0 {
		c.rest, c.bad = nil, true
		return
	}
	c.rest = c.rest[n:]
}

// column takes a column out of this one.
func (c *column) column() column {
	n := c.uvarint()
	if c.bad || n > uint64(len(c.rest)) {
		c.rest, c.bad = nil, true
		return column{bad: true}
	}
	inner := column{rest: c.rest[:n]}
	c.rest = c.rest[n:]
	return inner
}
