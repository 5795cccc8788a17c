package connectd_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/hpke"
	"crypto/sha256"
	"crypto/x509"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/connect"
	"sealgate/internal/seal"
	"sealgate/internal/statement"
)

// client is a small agent, written from docs/connect-protocol.md.
type client struct {
	t       testing.TB
	base    string
	http    *http.Client
	now     func() time.Time
	code    connect.Code
	peer    *connect.Peer
	doc     *connect.Gateway
	account *connect.Account
}

// exchange is what went over the wire.
type exchange struct {
	request *http.Request
	body    []byte
	status  int
	header  http.Header
	answer  []byte
}

func (c *client) send(r *http.Request, body []byte) exchange {
	c.t.Helper()
	x, err := c.try(r, body)
	if err != nil {
		c.t.Fatal(err)
	}
	return x
}

func (c *client) try(r *http.Request, body []byte) (exchange, error) {
	out := r.Clone(c.t.Context())
	out.Body, out.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	resp, err := c.http.Do(out)
	if err != nil {
		return exchange{}, err
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	return exchange{request: r, body: body, status: resp.StatusCode, header: resp.Header, answer: answer}, err
}

func (c *client) request(method, target string) *http.Request {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.base+target, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// hello asks who is there, and pins nobody but the one the code names.
func (c *client) hello() {
	c.t.Helper()
	r := c.request(http.MethodGet, connect.PathGateway+"?"+connect.Ask())
	x := c.send(r, nil)
	var err error
	if c.doc, err = connect.ReadGateway(c.code.Gateway, r.URL, x.status, x.header, x.answer); err != nil {
		c.t.Fatal(err)
	}
}

// enrol becomes an agent.
func (c *client) enrol() error {
	c.t.Helper()
	c.hello()
	keys, err := connect.NewAgentKeys()
	if err != nil {
		c.t.Fatal(err)
	}
	_, err = c.enrolWith(connect.NewEnrolment(c.code, keys, "linux/amd64", "test 1.0"), keys)
	return err
}

func (c *client) enrolWith(e *connect.Enrolment, keys *connect.AgentKeys) (exchange, error) {
	c.t.Helper()
	identity := ed25519.PublicKey(c.doc.Identity)
	body, err := json.Marshal(e)
	if err != nil {
		c.t.Fatal(err)
	}
	r := c.request(http.MethodPost, connect.PathEnroll+"?"+connect.Ask())
	x := c.send(r, body)
	answer, err := connect.Asked(r.URL, identity).Read(x.status, x.header, x.answer)
	if err != nil {
		return x, err
	}
	agent, account, err := e.Accepted(c.code, keys, identity, answer)
	if err != nil {
		return x, err
	}
	c.peer, c.account = &connect.Peer{Agent: agent, Keys: keys, Gateway: identity}, account
	return x, nil
}

func (c *client) ingest() hpke.PublicKey {
	c.t.Helper()
	pub, err := connect.ReceiveKey(c.doc.IngestKey)
	if err != nil {
		c.t.Fatal(err)
	}
	return pub
}

// call sends a message and reads the answer to it.
func (c *client) call(target string, message any, tail []byte, into any) error {
	_, err := c.exchange(target, message, tail, into)
	return err
}

func (c *client) exchange(target string, message any, tail []byte, into any) (exchange, error) {
	c.t.Helper()
	r := c.request(http.MethodPost, target)
	body, err := connect.SealRequest(c.ingest(), r.URL.EscapedPath(), c.peer.Agent, message, tail)
	if err != nil {
		c.t.Fatal(err)
	}
	sent := c.peer.Sign(r, body, c.doc.Epoch, c.now())
	x := c.send(r, body)
	return x, sent.Open(x.status, x.header, x.answer, into)
}

// raw sends bytes as they are, and returns the answer as it is.
func (c *client) raw(method, target string, body []byte) (*connect.Sent, exchange, []byte, error) {
	c.t.Helper()
	r := c.request(method, target)
	sent := c.peer.Sign(r, body, c.doc.Epoch, c.now())
	x := c.send(r, body)
	answer, err := sent.Read(x.status, x.header, x.answer)
	return sent, x, answer, err
}

func (c *client) part(file uuid.UUID, offset int, p []byte) (connect.Progress, error) {
	c.t.Helper()
	var got connect.Progress
	sent, x, _, err := c.raw(http.MethodPut, connect.PathParts(file)+"?offset="+strconv.Itoa(offset), p)
	if err == nil {
		err = sent.Open(x.status, x.header, x.answer, &got)
	}
	return got, err
}

// slots sends a part that is signed by its slots.
func (c *client) slots(file uuid.UUID, offset int, p []byte) (connect.Progress, error) {
	c.t.Helper()
	var got connect.Progress
	r := c.request(http.MethodPut, connect.PathParts(file)+"?offset="+strconv.Itoa(offset))
	sent := c.peer.SignSlots(r, p, c.doc.Epoch, c.now())
	x := c.send(r, p)
	return got, sent.Open(x.status, x.header, x.answer, &got)
}

// parcel is a file, sealed.
type parcel struct {
	begin  connect.Begin
	object []byte
	sum    [32]byte
}

// piece is so many slots of the object, or what is left of it with the trailer.
func (p *parcel) piece(at, slots int) []byte {
	end := at + slots*seal.SealedSlot
	if end >= len(p.object)-seal.TrailerSize {
		end = len(p.object)
	}
	return p.object[at:end]
}

func (p *parcel) commit() connect.Commit {
	return connect.Commit{Delivery: p.begin.Delivery, Size: p.begin.Size, SHA256: p.sum[:]}
}

// seal seals a file for the account and the day's key.
func (c *client) seal(name string, content []byte) *parcel {
	c.t.Helper()
	file := uuid.Must(uuid.NewV7())
	b := seal.Binding{File: file, Account: c.account.ID}
	shareA, shareB := seal.NewShares()
	h, key := seal.Header{Binding: b}, seal.DeriveFileKey(shareA, shareB, file)
	for _, der := range c.account.Certificates {
		cert, err := x509.ParseCertificate(der)
		c.check(err)
		w, err := seal.WrapForCertificate(shareA, cert, b)
		c.check(err)
		h.Wraps = append(h.Wraps, w)
	}
	for _, raw := range c.account.AccessKeys {
		pub, err := connect.ReceiveKey(raw)
		c.check(err)
		w, err := seal.WrapForAccessKey(shareB, pub, b)
		c.check(err)
		h.Wraps = append(h.Wraps, w)
	}
	var object bytes.Buffer
	_, err := seal.Seal(&object, bytes.NewReader(content), h, key, name, c.now())
	c.check(err)
	header := h.Marshal(key)
	copy(object.Bytes(), header) // the same, but for nothing: both are made of h and key
	grant, err := seal.WrapGrant(key, c.ingest(), b)
	c.check(err)
	fp := seal.AccessKeyFingerprint(c.ingest())
	p := &parcel{object: object.Bytes(), sum: sha256.Sum256(content)}
	mac := hmac.New(sha256.New, []byte("journal key"))
	mac.Write([]byte(name))
	mac.Write(p.sum[:])
	p.begin = connect.Begin{
		Delivery: mac.Sum(nil), File: file, Name: name, Size: int64(len(content)), SHA256: p.sum[:],
		ObjectSize: int64(object.Len()), Header: header, Grant: grant, IngestKey: fp[:],
	}
	return p
}

func (c *client) check(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// refused fails unless err is a refusal for this reason.
func (c *client) refused(err error, want connect.Reason) *connect.Problem {
	c.t.Helper()
	var p *connect.Problem
	if !errors.As(err, &p) || p.Reason() != want {
		c.t.Fatalf("%v, not refused as %s", err, want)
	}
	return p
}

// proved fails unless there is a receipt of the pinned gateway for the parcel.
func (c *client) proved(got connect.Progress, p *parcel) {
	c.t.Helper()
	d, err := statement.Verify(got.Receipt, statement.Fingerprint(c.peer.Gateway))
	c.check(err)
	r := d.Receipt
	if got.State != connect.StateReceived || r == nil || r.File != got.File.String() || r.Size != p.begin.Size || r.SHA256 == nil || *r.SHA256 != hexOf(p.sum[:]) ||
		r.Name == nil || *r.Name != p.begin.Name || r.Source != "connect" {
		c.t.Fatalf("the receipt is for another file: %+v", r)
	}
}

func connectReason(err error) connect.Reason {
	var p *connect.Problem
	if errors.As(err, &p) {
		return p.Reason()
	}
	return ""
}
