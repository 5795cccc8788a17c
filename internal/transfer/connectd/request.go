package connectd

import (
	"context"
	"crypto/hpke"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account/agents"
	"sealgate/internal/audit"
	"sealgate/internal/connect"
	"sealgate/internal/fault"
	"sealgate/internal/portal/fair"
	"sealgate/internal/seal"
	"sealgate/internal/transfer/intake"
)

// maxBody is the most that a signed request brings.
const maxBody = connect.PartSize + connect.MaxEnvelope

// call is a request of an agent that is believed whole.
type call struct {
	*http.Request
	claim *connect.Claim
	agent *agents.Agent
	body  []byte
}

// file returns the file that the path names.
func (c *call) file() (uuid.UUID, error) {
	text := c.PathValue("file")
	id, err := uuid.Parse(text)
	if err != nil || id.String() != text {
		return uuid.Nil, connect.Refuse(connect.NotFound, "")
	}
	return id, nil
}

// offset returns the offset in the query.
func (c *call) offset() (int64, error) {
	text := c.URL.Query().Get("offset")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || strconv.FormatInt(n, 10) != text {
		return 0, connect.Refuse(connect.Invalid, "The query says offset=N.")
	}
	return n, nil
}

// signed answers a request whose body and answer are as they are: bytes that are
// sealed already.
func (d *Door) signed(right connect.Right, do func(c *call) ([]byte, error)) http.Handler {
	return d.handler(right, false, do)
}

// handler is signed; with slots, of the body no more needs to be signed than stands for
// its slots: do looks whether these open.
func (d *Door) handler(right connect.Right, slots bool, do func(c *call) ([]byte, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, leave, err := d.admit(w, r, right, slots)
		if err != nil {
			d.refuse(w, r, c, ours(err))
			return
		}
		defer leave()
		body, err := do(c)
		if err != nil {
			d.refuse(w, r, c, err)
			return
		}
		d.answer(w, r, http.StatusOK, body)
	})
}

// enveloped answers a request that says something in an envelope.
func enveloped[Q, A any](d *Door, right connect.Right, do func(c *call, asked *Q, tail []byte) (A, error)) http.Handler {
	return d.signed(right, func(c *call) ([]byte, error) {
		asked := new(Q)
		tail, err := connect.OpenRequest(d.ingestKey, c.URL.EscapedPath(), c.agent.ID, c.body, asked)
		if fault.Is(err, fault.NotFound) {
			return nil, d.withGateway(connect.Refuse(connect.IngestKeyExpired, ""))
		}
		if err != nil {
			return nil, err
		}
		told, err := do(c, asked, tail)
		if err != nil {
			return nil, err
		}
		return d.tell(c, told)
	})
}

func (d *Door) ingestKey(fp seal.Fingerprint) (hpke.PrivateKey, error) {
	k, err := d.Custody.IngestKeyOf(fp)
	if err != nil {
		return nil, ours(err)
	}
	return k.Private, nil
}

// tell seals an answer for the agent.
func (d *Door) tell(c *call, message any) ([]byte, error) {
	receive, err := connect.ReceiveKey(c.agent.ReceiveKey)
	if err != nil {
		return nil, ours(fault.Wrap(fault.Damaged, "connectd: receive key", err))
	}
	return connect.SealAnswer(receive, c.URL.EscapedPath(), c.agent.ID, c.claim.Signature(), message)
}

// admit is all that is checked of a request before anything is done. leave gives back
// what it holds. With an error, the call says who asked as far as that was believed.
func (d *Door) admit(w http.ResponseWriter, r *http.Request, right connect.Right, slots bool) (c *call, leave func(), err error) {
	claim, agent, standing, err := d.believe(r, slots)
	if err != nil {
		return nil, nil, err
	}
	c = &call{Request: r, claim: claim, agent: agent}
	left, err := d.enter(c, standing, right)
	if err != nil {
		d.pass(w, r)
		return c, nil, err
	}
	place := d.place(c)
	if place == nil {
		left()
		return c, nil, later("Too many requests of this account are under way.")
	}
	buffer := c.buffer()
	out := func() {
		if c.large() {
			buffers.Put(buffer)
		}
		place()
		left()
	}
	defer func() {
		if err != nil {
			out()
		}
	}()
	if err := d.take(c, *buffer, fair.NewBody(w, r.Body)); err != nil {
		return c, nil, err
	}
	if err := d.still(c, right); err != nil {
		return c, nil, err
	}
	if err := d.Agents.Seen(r.Context(), c.agent); err != nil && !fault.Is(err, fault.Full) {
		return c, nil, err
	}
	return c, out, nil
}

// enter lets a request in whose body has not been read. It is told apart here from one
// that was seen before: nobody holds places with what he has overheard.
func (d *Door) enter(c *call, standing error, right connect.Right) (leave func(), err error) {
	if err := d.may(c, standing, right); err != nil {
		return nil, err
	}
	leave, p := d.memory.enter(c.claim, d.Now)
	if p != nil {
		return nil, d.withGateway(p)
	}
	return leave, nil
}

// pass reads over the body of a request that is refused, so that its agent hears the
// answer, if it comes soon: it has no place.
func (d *Door) pass(w http.ResponseWriter, r *http.Request) {
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(d.passTime)) // fails on a connection that is gone
	_, _ = io.CopyN(io.Discard, r.Body, maxBody)
}

// passTime is what the body of a request that is refused has to come in.
const passTime = 10 * time.Second

// still looks again at who asks: its body may have taken an hour, and what was decided
// since holds for it.
func (d *Door) still(c *call, right connect.Right) error {
	now, standing := d.Agents.Find(c.Context(), c.agent.ID)
	switch {
	case standing != nil:
		return standing
	case !allows(now, right):
		return connect.Refuse(connect.NotAllowed, "")
	}
	c.agent = now
	return nil
}

func allows(a *agents.Agent, right connect.Right) bool { return right == "" || a.Is(right) }

// place takes the places that a request needs; nil when there is none.
func (d *Door) place(c *call) (leave func()) {
	who := c.agent.Account.String()
	one := d.places.Take(who)
	if one == nil || !c.large() {
		return one
	}
	large := d.large.Take(who)
	if large == nil {
		one()
		return nil
	}
	return func() { large(); one() }
}

// large reports whether the body may be; its length may be unknown.
func (c *call) large() bool { return c.ContentLength < 0 || c.ContentLength > largeBody }

// believe finds out who has signed a request. standing is why he may do nothing, if
// so: he is told when his signature holds.
func (d *Door) believe(r *http.Request, slots bool) (_ *connect.Claim, _ *agents.Agent, standing, err error) {
	claim, err := connect.ParseClaim(r)
	switch {
	case err != nil:
		return nil, nil, nil, connect.Refuse(connect.BadSignature, fault.Message(err))
	case claim.Slots && !slots:
		return nil, nil, nil, connect.Refuse(connect.BadSignature, "Only a part is signed by its slots.")
	}
	agent, standing := d.Agents.Find(r.Context(), claim.Agent)
	switch {
	case agent == nil:
		return nil, nil, nil, standing
	case claim.Verify(agent.SignKey) != nil:
		return nil, nil, nil, connect.Refuse(connect.BadSignature, "")
	}
	return claim, agent, standing, nil
}

// may refuses what an agent that is known asks in vain, whatever the body says.
func (d *Door) may(c *call, standing error, right connect.Right) error {
	now := d.Now()
	switch {
	case !c.claim.For(d.identity()):
		return connect.Refuse(connect.OtherGateway, "")
	case standing != nil:
		return standing
	case !c.claim.Near(now):
		return clockOff(now)
	case c.claim.Epoch != d.memory.now():
		return d.withGateway(connect.Refuse(connect.StaleEpoch, ""))
	case !allows(c.agent, right):
		return connect.Refuse(connect.NotAllowed, "")
	}
	return nil
}

func clockOff(now time.Time) *connect.Problem {
	p := connect.Refuse(connect.ClockOff, "")
	now = now.UTC()
	p.Time = &now
	return p
}

// buffers are memory that large bodies are read into, a place for each.
var buffers = sync.Pool{New: func() any { b := make([]byte, maxBody+1); return &b }}

// buffer returns memory for the body and a byte more.
func (c *call) buffer() *[]byte {
	if c.large() {
		return buffers.Get().(*[]byte)
	}
	b := make([]byte, c.ContentLength+1)
	return &b
}

// take reads the body and uses the request up. How long it is nobody has signed: one
// that is longer than any agent's is not the agent's. A part that is signed by its slots
// is used up when these were looked at.
func (d *Door) take(c *call, buffer []byte, body io.Reader) error {
	if c.ContentLength > maxBody {
		return connect.Refuse(connect.BadSignature, "")
	}
	n := 0
	for {
		m, err := body.Read(buffer[n:])
		n += m
		if err == io.EOF {
			break
		}
		if err != nil {
			return fault.Wrap(fault.TryLater, "connectd: body", err)
		}
		if n == len(buffer) {
			return connect.Refuse(connect.BadSignature, "")
		}
	}
	c.body = buffer[:n]
	if c.claim.Covers(c.body) != nil {
		return connect.Refuse(connect.BadSignature, "")
	}
	if c.claim.Slots {
		return nil
	}
	return d.use(c)
}

// use uses the request up.
func (d *Door) use(c *call) error {
	if p := d.memory.use(c.claim); p != nil {
		return d.withGateway(p)
	}
	return nil
}

// later refuses what may be asked again soon.
func later(detail string) *connect.Problem {
	p := connect.Refuse(connect.TryLater, detail)
	p.RetryAfter = 5
	return p
}

// withGateway tells a refusal's agent what it has to know now.
func (d *Door) withGateway(p *connect.Problem) *connect.Problem {
	switch p.Reason() {
	case connect.StaleEpoch, connect.IngestKeyExpired:
		if doc, err := d.document(); err == nil { // without, it asks
			p.Gateway = doc
		}
	}
	return p
}

// document is what the gateway says of itself.
func (d *Door) document() (*connect.Gateway, error) {
	key, err := d.Custody.IngestKey()
	if err != nil {
		return nil, err
	}
	pins := [][]byte{}
	if d.Pins != nil {
		pins = append(pins, d.Pins()...)
	}
	return &connect.Gateway{
		Versions: []int{connect.Version}, Identity: d.identity(), Epoch: d.memory.now(), Time: d.Now().UTC(),
		IngestKey: key.Public.Bytes(), IngestDay: key.Day, TLSPins: pins,
		MaxSize: intake.MaxSize, PartSize: connect.PartSize, WholeSize: connect.WholeSize,
	}, nil
}

func (d *Door) gateway(w http.ResponseWriter, r *http.Request) {
	doc, err := d.document()
	if err != nil {
		d.refuse(w, r, nil, err)
		return
	}
	d.answerJSON(w, r, http.StatusOK, doc)
}

// answerJSON answers in the open.
func (d *Door) answerJSON(w http.ResponseWriter, r *http.Request, status int, what any) {
	body, err := json.Marshal(what)
	if err != nil {
		d.Log.ErrorContext(r.Context(), "connect: an answer cannot be written", "error", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	kind := "application/json"
	if status >= http.StatusBadRequest {
		kind = "application/problem+json"
	}
	w.Header().Set("Content-Type", kind)
	d.answer(w, r, status, body)
}

func (d *Door) answer(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	h := w.Header()
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/octet-stream")
	}
	h.Set("Cache-Control", "no-store, no-transform")
	h.Set("Content-Length", strconv.Itoa(len(body)))
	connect.SignAnswer(d.Identity, r, h, status, body, d.Now())
	w.WriteHeader(status)
	_, _ = w.Write(body) // the agent is gone when this fails, and asks again
}

// reasons is the one table from kinds of error to what agents are told.
var reasons = map[fault.Kind]connect.Reason{
	fault.Internal: connect.Internal,
	fault.Invalid:  connect.Invalid,
	fault.Denied:   connect.NotAllowed,
	fault.Locked:   connect.Locked,
	fault.NotFound: connect.NotFound,
	fault.Exists:   connect.Invalid,
	fault.TooLarge: connect.TooLarge,
	fault.TryLater: connect.TryLater,
	fault.Full:     connect.NoRoom,
	fault.Damaged:  connect.Damaged,
}

// ours makes trouble of the gateway of what is damaged here: "damaged" is said of what
// an agent has sealed, and it gives up a file of which it hears so again.
func ours(err error) error {
	if fault.Is(err, fault.Damaged) {
		return &fault.Error{Kind: fault.Internal, Op: "connectd: damaged here", Message: "something is damaged in the gateway; nothing was changed", Err: err}
	}
	return err
}

// refuse answers with what went wrong. c is nil when it is not known who asks.
func (d *Door) refuse(w http.ResponseWriter, r *http.Request, c *call, err error) {
	var p *connect.Problem
	if known, ok := refusal(err); ok {
		p = known
	} else if !errors.As(err, &p) {
		p = connect.Refuse(reasons[fault.KindOf(err)], fault.Message(err))
		if r := p.Reason(); r == connect.TryLater || r == connect.NoRoom {
			p.RetryAfter = 5
		}
	}
	refused(w, string(p.Reason()))
	d.note(r.Context(), c, p.Reason(), err)
	d.answerJSON(w, r, p.Status, p)
}

// note writes a refusal down, without what a stranger could fill the log with.
func (d *Door) note(ctx context.Context, c *call, why connect.Reason, err error) {
	switch {
	case ctx.Err() != nil:
	case why == connect.Internal || why == connect.NoRoom:
		d.Log.ErrorContext(ctx, "connect: request failed", "reason", string(why), "error", err)
	case c != nil:
		if (why == connect.Revoked || why == connect.NotAllowed) && d.denials.Take(c.agent.ID.String()) == 0 {
			d.denied(ctx, c.agent, audit.Entry{Object: c.agent.ID.String(), Detail: map[string]string{"to": "connect", "why": string(why)}})
		}
		d.Log.DebugContext(ctx, "connect: request refused", "agent", c.agent.ID, "reason", string(why), "error", err)
	case d.rejects.Take("") == 0:
		d.Log.WarnContext(ctx, "connect: a request was not believed", "reason", string(why))
	}
}
