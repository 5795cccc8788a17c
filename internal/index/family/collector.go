package family

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"sealgate/internal/payment"
)

// Collector receives what a family reads out of one file and adds it up. It
// keeps no payment: each goes on to the emit function at once, and what stays
// is bounded by the number of finding codes and currencies, not by the file.
// It is used by one goroutine.
type Collector struct {
	emit     func(*payment.Payment) error
	summary  payment.Summary
	findings map[payment.Code]*payment.Finding
	sums     []payment.Sum
	sumOf    map[sumKey]int // where in sums
	last     int            // the one added to last: most files have one currency
	overflow bool
}

// What a file calls a currency is its own choice, so both are bounded: there are
// about 180 currencies, and their codes have three letters.
const (
	maxSums         = 1024
	maxCurrencyName = 64
)

type sumKey struct {
	currency  string
	direction payment.Direction
}

// NewCollector returns a Collector that hands payments to emit.
func NewCollector(emit func(*payment.Payment) error) *Collector {
	return &Collector{emit: emit, findings: map[payment.Code]*payment.Finding{}, sumOf: map[sumKey]int{}}
}

// Identify sets format and variant, as soon as they are known: a file refused
// later still says what it was. An empty string is null.
func (c *Collector) Identify(format, variant string) {
	c.summary.Format, c.summary.Variant = optional(format), optional(variant)
}

// SetEncoding sets the name of the file's character set; empty is null.
func (c *Collector) SetEncoding(name string) { c.summary.Encoding = optional(name) }

// AddMessageID adds a message id. A family that has one for each of any number
// of messages bounds them itself.
func (c *Collector) AddMessageID(id string) {
	c.summary.MessageIDs = append(c.summary.MessageIDs, id)
}

// AddBatch counts a batch and returns its ordinal, from 1.
func (c *Collector) AddBatch() int64 {
	c.summary.BatchCount++
	return c.summary.BatchCount
}

// Payments returns how many payments were added; the next one's Seq is one more.
func (c *Collector) Payments() int64 { return c.summary.PaymentCount }

// Payment numbers a payment, adds it to count, sums and dates and emits it. The
// payment may be used again by the caller afterwards. The error is emit's.
func (c *Collector) Payment(p *payment.Payment) error {
	c.summary.PaymentCount++
	p.Seq = c.summary.PaymentCount
	if p.AmountMinor != nil && p.Currency != nil {
		c.addAmount(*p.Currency, p.Direction, *p.AmountMinor)
	}
	if p.ExecutionDate != nil {
		c.addDate(*p.ExecutionDate)
	}
	return c.emit(p)
}

func (c *Collector) addAmount(currency string, direction payment.Direction, minor int64) {
	s := c.sum(currency, direction)
	if s == nil {
		if c.findings[payment.BadCurrency] == nil { // else the family has said it
			c.Add(payment.BadCurrency, payment.Place{Payment: c.summary.PaymentCount},
				"the file names more currencies than there are, or one too long to be a name; the sums leave them out")
		}
		return
	}
	s.Count++
	if (minor > 0 && s.Minor > math.MaxInt64-minor) || (minor < 0 && s.Minor < math.MinInt64-minor) {
		// A total beyond 19 digits is no total; no file that a bank takes has one.
		if !c.overflow {
			c.overflow = true
			c.Add(payment.BadAmount, payment.Place{Payment: c.summary.PaymentCount},
				"the amounts in %s add up to more than can be counted", currency)
		}
		return
	}
	s.Minor += minor
}

// sum returns the sum of a currency and direction, nil when there is no room
// for a new one.
func (c *Collector) sum(currency string, direction payment.Direction) *payment.Sum {
	if c.last < len(c.sums) {
		if s := &c.sums[c.last]; s.Currency == currency && s.Direction == direction {
			return s
		}
	}
	key := sumKey{currency, direction}
	i, ok := c.sumOf[key]
	if !ok {
		if len(c.sums) == maxSums || len(currency) > maxCurrencyName {
			return nil
		}
		i = len(c.sums)
		c.sums = append(c.sums, payment.Sum{Currency: currency, Direction: direction})
		c.sumOf[key] = i
	}
	c.last = i
	return &c.sums[i]
}

func (c *Collector) addDate(day string) {
	d := c.summary.ExecutionDates
	if d == nil {
		c.summary.ExecutionDates = &payment.Dates{First: day, Last: day}
		return
	}
	d.First = min(d.First, day)
	d.Last = max(d.Last, day)
}

// Add reports a finding that does not stop the reading. Findings are added up
// by code: place and sentence are kept for the first of each, so the sentence
// is only put together once.
func (c *Collector) Add(code payment.Code, at payment.Place, format string, args ...any) {
	if f := c.findings[code]; f != nil {
		f.Count++
		return
	}
	c.findings[code] = &payment.Finding{
		Code: code, Severity: code.Severity(), Count: 1, FirstAt: place(at), Message: fmt.Sprintf(format, args...),
	}
}

// Summary returns the answer after Read returned nil: indexed, or held when
// there is an error among the findings.
func (c *Collector) Summary() payment.Summary {
	s := c.summary
	s.Outcome = payment.Indexed
	s.MessageIDs = append([]string{}, s.MessageIDs...)
	s.Sums = append([]payment.Sum{}, c.sums...)
	slices.SortFunc(s.Sums, func(a, b payment.Sum) int {
		return cmp.Or(cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.Direction, b.Direction))
	})
	s.Findings = make([]payment.Finding, 0, len(c.findings))
	for _, f := range c.findings {
		s.Findings = append(s.Findings, *f)
		if f.Severity == payment.Error {
			s.Outcome = payment.Held
		}
	}
	slices.SortFunc(s.Findings, func(a, b payment.Finding) int { return cmp.Compare(a.Code, b.Code) })
	return s
}

// Refused returns the answer after Read returned a *Stop: what the file was, the
// one fatal finding, and nothing that was read before it.
func (c *Collector) Refused(stop *Stop) payment.Summary {
	return payment.Summary{
		Outcome: payment.Refused, Format: c.summary.Format, Variant: c.summary.Variant, Encoding: c.summary.Encoding,
		MessageIDs: []string{}, Sums: []payment.Sum{},
		Findings: []payment.Finding{{
			Code: stop.Code, Severity: stop.Code.Severity(), Count: 1, FirstAt: place(stop.At), Message: stop.Message,
		}},
	}
}

func place(at payment.Place) *payment.Place {
	if at == (payment.Place{}) {
		return nil
	}
	return &at
}

func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
