package iso20022

import (
	"sealgate/internal/index/check"
	"sealgate/internal/index/xmlscan"
	"sealgate/internal/payment"
)

// maxPaymentText bounds the text collected for one payment, whose free lines
// have no limit of number.
const maxPaymentText = 1 << 20

// pain001 reads one customer credit transfer initiation.
type pain001 struct {
	*reader
	nodes     [xmlscan.MaxDepth + 1]node // by depth
	header    record
	batch     record
	transfer  record
	current   *record // the innermost of those that is open
	collect   bool    // the element that is open has text to keep,
	mark      int     // from here on in current.text
	adr       postal
	total     check.Decimal
	batchSum  check.Decimal
	batchIDs  *idSet
	inBatch   int64 // payments of the batch so far
	batchNo   int64
	settled   bool // the batch's own fields are read and checked
	batchData batchData
	pay       paymentData
	message   []byte
	lines     int
}

// postal is what matters of one address.
type postal struct{ line, town, country bool }

func isBody(name string, local []byte) bool {
	if version(name) == 2 {
		return string(local) == "pain.001.001.02" || string(local) == name
	}
	return string(local) == "CstmrCdtTrfInitn"
}

func readPain001(r *reader) error {
	p := &pain001{reader: r, batchIDs: newIDSet()}
	p.current = &p.header
	if err := p.seekBody(); err != nil {
		return err
	}
	p.nodes[r.depth+1] = body
	for {
		event, err := r.scan.Next()
		if err != nil {
			return err
		}
		switch event {
		case xmlscan.Start:
			p.start(r.scan.Depth())
		case xmlscan.Text:
			if p.collect {
				p.current.text = append(p.current.text, r.scan.Text()...)
			}
		case xmlscan.End:
			if r.scan.Depth() == r.depth+1 {
				p.endMessage()
				return nil
			}
			if err := p.end(p.nodes[r.scan.Depth()]); err != nil {
				return err
			}
		}
	}
}

// seekBody goes on to the message in Document.
func (p *pain001) seekBody() error {
	for {
		event, err := p.scan.Next()
		if err != nil {
			return err
		}
		switch {
		case event == xmlscan.End && p.scan.Depth() == p.depth:
			return p.fatal(payment.UnknownFormat, "the file says that it is %s, but holds no message", p.name)
		case event == xmlscan.Start && p.scan.Depth() == p.depth+1 && p.scan.InTarget():
			if !isBody(p.name, p.scan.Local()) {
				return p.fatal(payment.UnknownFormat, "the file says that it is %s, but holds %.40s", p.name, p.scan.Local())
			}
			return nil
		}
	}
}

// start opens an element: it finds what the element means here.
func (p *pain001) start(depth int) {
	n := skip
	if parent := p.nodes[depth-1]; parent != skip && p.scan.InTarget() {
		n = child(parent, p.scan.Local())
	}
	p.nodes[depth] = n
	if p.collect { // markup inside a text: what stood before it is no value
		p.current.text = p.current.text[:p.mark]
		p.collect = false
	}
	switch n {
	case skip, other:
		return
	case header:
		p.current = &p.header
	case batch:
		p.startBatch()
	case transfer:
		p.startTransfer()
	case address:
		p.adr = postal{}
	case leaf(fAmount):
		p.currency(fAmount, fCurrency)
	case leaf(fEqvtAmount):
		p.currency(fEqvtAmount, fEqvtCurrency)
	}
	if _, ok := textOf(n); ok || n == ustrd || n == addressLine || n == town || n == country {
		p.collect, p.mark = true, len(p.current.text)
	}
}

// currency takes the currency of an amount that starts, unless it is a second one.
func (p *pain001) currency(amount, currency field) {
	if p.current.has(amount) {
		return
	}
	p.current.fields[currency] = span{}
	if code, ok := p.scan.Attr("Ccy"); ok {
		p.current.put(currency, code)
	}
}

// end closes an element.
func (p *pain001) end(n node) error {
	if p.collect {
		p.collect = false
		p.take(n)
		if len(p.transfer.text)+len(p.message) > maxPaymentText {
			return p.fatal(payment.FieldLimit, "one payment holds more than %d bytes of text", maxPaymentText)
		}
		return nil
	}
	switch n {
	case header:
		p.current = &p.header
	case transfer:
		return p.endTransfer()
	case batch:
		p.endBatch()
	case address:
		p.endAddress()
	}
	return nil
}

// take keeps the text of the element that ends.
func (p *pain001) take(n node) {
	if f, ok := textOf(n); ok {
		p.current.set(f, p.mark)
		return
	}
	value := trim(p.current.text[p.mark:])
	if len(value) > 0 {
		switch n {
		case ustrd:
			if p.lines > 0 {
				p.message = append(p.message, '\n')
			}
			p.message = append(p.message, value...)
			p.lines++
		case addressLine:
			p.adr.line = true
		case town:
			p.adr.town = true
		case country:
			p.adr.country = true
		}
	}
	p.current.text = p.current.text[:p.mark]
}

func (p *pain001) endAddress() {
	if p.adr.line && !(p.adr.town && p.adr.country) {
		p.add(payment.AddressUnstructured,
			"an address has free lines but not both town and country in their own elements; banks refuse this from November 2026")
	}
}

func (p *pain001) startBatch() {
	p.batch.reset()
	p.current = &p.batch
	p.batchSum.Reset()
	p.inBatch, p.settled = 0, false
	p.batchNo = p.out.AddBatch()
	p.batchData.line = p.scan.Line()
}

// settle checks and keeps what the batch says for all its payments. It happens
// at the first payment: what a batch says later comes too late for it.
func (p *pain001) settle() {
	if p.settled {
		return
	}
	p.settled = true
	p.checkBatch()
	p.batchData.fill(&p.batch)
}

func (p *pain001) endBatch() {
	p.settle()
	if p.inBatch == 0 {
		p.addBatch(payment.MissingField, "batch %d holds no payment", p.batchNo)
	}
	if p.batch.has(fCount) && !sameCount(p.batch.get(fCount), p.inBatch) {
		p.addBatch(payment.CountMismatch, "batch %d says that it holds %.40s payments, but holds %d", p.batchNo, p.batch.get(fCount), p.inBatch)
	}
	if p.batch.has(fSum) && !p.batchSum.EqualBytes(p.batch.get(fSum)) {
		p.addBatch(payment.ControlSumMismatch, "the control sum of batch %d is %.40s, which is not the sum of its payments", p.batchNo, p.batch.get(fSum))
	}
	p.current = &p.header
}

func (p *pain001) addBatch(code payment.Code, format string, args ...any) {
	p.out.Add(code, payment.Place{Line: p.batchData.line}, format, args...)
}

// endMessage checks the header against what was read.
func (p *pain001) endMessage() {
	if id := p.header.get(fID); len(id) > 0 {
		p.out.AddMessageID(string(id))
	} else {
		p.add(payment.MissingField, "the message id (MsgId) is missing")
	}
	if p.batchNo == 0 {
		p.add(payment.MissingField, "the file holds no batch of payments (PmtInf)")
	}
	switch count := p.header.get(fCount); {
	case len(count) == 0:
		p.add(payment.CountMismatch, "the file does not say how many payments it holds (NbOfTxs)")
	case !sameCount(count, p.out.Payments()):
		p.add(payment.CountMismatch, "the file says that it holds %.40s payments, but holds %d", count, p.out.Payments())
	}
	switch sum := p.header.get(fSum); {
	case len(sum) == 0:
		p.add(payment.ControlSumAbsent, "the file states no control sum, so a changed amount would not show")
	case !p.total.EqualBytes(sum):
		p.add(payment.ControlSumMismatch, "the control sum of the file is %.40s, which is not the sum of its payments", sum)
	}
}

// sameCount compares a stated number of payments, digits only, with the counted.
func sameCount(stated []byte, counted int64) bool {
	if !check.Digits(stated) {
		return false
	}
	stated = check.TrimZeros(stated)
	if len(stated) > 18 {
		return false
	}
	n := int64(0)
	for _, d := range stated {
		n = n*10 + int64(d-'0')
	}
	return n == counted
}
