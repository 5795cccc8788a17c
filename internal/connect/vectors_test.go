package connect

import (
	"bytes"
	"crypto/hpke"
	"encoding/hex"
	"encoding/json"
	"flag"
	"net/http"
	"os"
	"reflect"
	"testing"

	"sealgate/internal/seal"
)

var update = flag.Bool("update", false, "make the vectors of testdata anew")

// vectors are one agent's life with its gateway, as docs/connect-protocol.md tells
// it. Binary fields are in hex, JSON bodies as text.
type vectors struct {
	IdentitySeed string `json:"identity_seed"` // Ed25519, RFC 8032
	SignSeed     string `json:"agent_sign_seed"`
	ReceiveSeed  string `json:"agent_receive_seed"` // MLKEM768-X25519, the private key
	IngestSeed   string `json:"ingest_seed"`
	Agent        string `json:"agent"`
	Epoch        string `json:"epoch"`

	Code          string `json:"code"`
	EnrolmentKey  string `json:"enrolment_key"`
	Enrolment     string `json:"enrolment"`
	EnrolmentSaid string `json:"enrolment_transcript"`
	Enrolled      string `json:"enrolled"`

	Gateway exchange   `json:"gateway"`
	Signed  []exchange `json:"exchanges"`
}

// exchange is a request and the answer to it.
type exchange struct {
	About         string            `json:"about"`
	Method        string            `json:"method"`
	Target        string            `json:"target"`
	Headers       map[string]string `json:"headers"`
	Body          string            `json:"body"`
	Counted       int               `json:"body_counted,omitempty"` // instead: so many bytes, of which each is its number modulo 251
	Message       string            `json:"message,omitempty"`      // what is in the envelope
	Base          string            `json:"signature_base,omitempty"`
	Status        int               `json:"status"`
	AnswerHeaders map[string]string `json:"answer_headers"`
	AnswerBody    string            `json:"answer_body"`
	AnswerMessage string            `json:"answer_message,omitempty"`
}

const vectorsFile = "testdata/vectors.json"

func stored() vectors {
	var v vectors
	if err := json.Unmarshal(must(os.ReadFile(vectorsFile)), &v); err != nil {
		panic(err)
	}
	return v
}

// sent returns the bytes of the request's body.
func (x *exchange) sent() []byte {
	if x.Counted == 0 {
		return must(hex.DecodeString(x.Body))
	}
	return counted(x.Counted)
}

func counted(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i % 251)
	}
	return b
}

func flat(h http.Header) map[string]string {
	m := map[string]string{}
	for name := range h {
		m[name] = h.Get(name)
	}
	return m
}

func header(m map[string]string) http.Header {
	h := http.Header{}
	for name, value := range m {
		h.Set(name, value)
	}
	return h
}

func testGateway(p *pair) Gateway {
	return Gateway{
		Versions: []int{Version}, Identity: p.pub(), Epoch: epoch, Time: noon, IngestDay: "2026-11-22", IngestKey: p.ingest.PublicKey().Bytes(),
		TLSPins: [][]byte{}, MaxSize: 1 << 40, PartSize: PartSize, WholeSize: WholeSize,
	}
}

// exchange makes one: requests are signed with nonces that count up.
func (p *pair) exchange(n byte, about, method, target string, message any, raw []byte, answer any, problem *Problem) exchange {
	path := request(method, target, nil).URL.EscapedPath()
	x := exchange{About: about, Method: method, Target: target}
	body, slots := raw, len(raw) >= seal.SealedSlot
	if message != nil {
		body = must(SealRequest(p.ingest.PublicKey(), path, agentID, message, raw))
		x.Message = string(must(json.Marshal(message)))
	}
	r := request(method, target, body)
	p.peer.sign(r, body, epoch, noon, bytes.Repeat([]byte{n}, signatureNonce), slots)
	c := must(ParseClaim(r))
	x.Headers, x.Body, x.Base = flat(r.Header), hex.EncodeToString(body), string(c.base)
	if slots {
		x.Body, x.Counted = "", len(body)
	}
	x.Status = http.StatusOK
	var back []byte
	switch a := answer.(type) {
	case nil:
		back, x.Status = must(json.Marshal(problem)), problem.Status
	case []byte:
		back = a
	default:
		back = must(SealAnswer(p.keys.Receive.PublicKey(), path, agentID, c.Signature(), a))
		x.AnswerMessage = string(must(json.Marshal(a)))
	}
	h := http.Header{}
	SignAnswer(p.identity, r, h, x.Status, back, noon)
	x.AnswerHeaders, x.AnswerBody = flat(h), hex.EncodeToString(back)
	return x
}

func makeVectors(p *pair) vectors {
	e := NewEnrolment(p.code, p.keys, "linux/amd64", "connect 1.0.0")
	e.Nonce = bytes.Repeat([]byte{0x11}, nonceSize)
	e.seal(p.code, p.keys)
	key := p.code.Key()
	v := vectors{
		IdentitySeed: hex.EncodeToString(p.identity.Seed()), SignSeed: hex.EncodeToString(p.keys.Sign.Seed()),
		ReceiveSeed: hex.EncodeToString(must(p.keys.Receive.Bytes())), IngestSeed: hex.EncodeToString(must(p.ingest.Bytes())),
		Agent: agentID.String(), Epoch: epoch,
		Code: p.code.Text(), EnrolmentKey: hex.EncodeToString(key[:]), Enrolment: string(must(json.Marshal(e))),
		EnrolmentSaid: hex.EncodeToString(e.transcript(p.code.Gateway)),
		Enrolled:      string(must(json.Marshal(must(e.Accept(key, p.identity, agentID, testAccount()))))),
	}
	r := request(http.MethodGet, PathGateway+"?nonce=AAAAAAAAAAAAAAAAAAAAAA", nil)
	body, h := must(json.Marshal(testGateway(p))), http.Header{}
	SignAnswer(p.identity, r, h, http.StatusOK, body, noon)
	v.Gateway = exchange{
		About: "the gateway's document", Method: r.Method, Target: r.URL.RequestURI(), Headers: map[string]string{},
		Status: http.StatusOK, AnswerHeaders: flat(h), AnswerBody: hex.EncodeToString(body),
	}
	sum := bytes.Repeat([]byte{0x22}, 32)
	begin := Begin{
		Delivery: bytes.Repeat([]byte{0x33}, 32), File: fileID, Name: "lön-2026-11.xml", Size: 5, SHA256: sum, ObjectSize: 1000,
		Header: []byte("header"), Grant: []byte("grant"), IngestKey: bytes.Repeat([]byte{0x44}, 32),
	}
	stale := Refuse(StaleEpoch, "")
	now := testGateway(p)
	stale.Gateway = &now
	v.Signed = []exchange{
		p.exchange(1, "a heartbeat", http.MethodPost, PathHeartbeat, Heartbeat{Program: "connect 1.0.0", Platform: "linux/amd64", Waiting: 2}, nil, Pulse{Time: noon, Lock: testAccount().Lock}, nil),
		p.exchange(2, "a delivery begins", http.MethodPost, PathDeliveries, begin, nil, Progress{State: StateNew, File: fileID}, nil),
		p.exchange(3, "a part of it", http.MethodPut, PathParts(fileID)+"?offset=0", nil, []byte("sealed bytes"), Progress{State: StatePartial, File: fileID, Offset: 12}, nil),
		p.exchange(4, "a small file whole", http.MethodPost, PathWhole, begin, []byte("sealed bytes"), Progress{State: StateReceived, File: fileID, Receipt: []byte("receipt")}, nil),
		p.exchange(5, "bytes of the outbox, which are sealed already", http.MethodGet, PathOutboxBody(fileID)+"?offset=0", nil, nil, []byte("sealed bytes"), nil),
		p.exchange(6, "a refusal: the gateway was started anew", http.MethodPost, PathAccount, Nothing{}, nil, nil, stale),
		p.exchange(7, "a part, signed by its slots", http.MethodPut, PathParts(fileID)+"?offset=80", nil, counted(2*seal.SealedSlot+400), Progress{State: StatePartial, File: fileID, Offset: 131_608}, nil),
	}
	return v
}

// TestVectors reads what is stored, which no later Go and no later Sealgate may read
// or write otherwise: signatures and MACs are made again, byte for byte; what is
// sealed, which is never twice the same, is opened.
func TestVectors(t *testing.T) {
	p := newPair()
	if *update {
		if err := os.WriteFile(vectorsFile, append(must(json.MarshalIndent(makeVectors(p), "", "  ")), '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	v := stored()
	code := must(ParseCode(v.Code))
	if key := code.Key(); code != p.code || code.Text() != v.Code || hex.EncodeToString(key[:]) != v.EnrolmentKey {
		t.Error("another code or enrolment key")
	}
	p.checkEnrolment(t, v)
	r := request(v.Gateway.Method, v.Gateway.Target, nil)
	doc, err := ReadGateway(code.Gateway, r.URL, v.Gateway.Status, header(v.Gateway.AnswerHeaders), must(hex.DecodeString(v.Gateway.AnswerBody)))
	if err != nil || !reflect.DeepEqual(*doc, testGateway(p)) {
		t.Errorf("the gateway's document: %+v, %v", doc, err)
	}
	for i, x := range v.Signed {
		t.Run(x.About, func(t *testing.T) { p.check(t, byte(i+1), x) })
	}
}

func (p *pair) checkEnrolment(t *testing.T, v vectors) {
	e := must(ParseEnrolment([]byte(v.Enrolment)))
	if err := e.Verify(p.code.Key(), p.pub()); err != nil || hex.EncodeToString(e.transcript(p.code.Gateway)) != v.EnrolmentSaid {
		t.Error("the enrolment:", err)
	}
	e.seal(p.code, p.keys)
	if string(must(json.Marshal(e))) != v.Enrolment {
		t.Error("the enrolment is signed otherwise")
	}
	agent, account, err := e.Accepted(p.code, p.keys, p.pub(), []byte(v.Enrolled))
	if err != nil || agent != agentID || !reflect.DeepEqual(*account, testAccount()) || !bytes.Equal(account.LockVersion(), account.Lock) {
		t.Errorf("the answer to it: %v %+v %v", agent, account, err)
	}
}

func (p *pair) check(t *testing.T, n byte, x exchange) {
	body := x.sent()
	got := arrived(x.Method, x.Target, header(x.Headers))
	if err := p.believe(got, body); err != nil {
		t.Fatal(err)
	}
	r := request(x.Method, x.Target, body)
	sent := p.peer.sign(r, body, epoch, noon, bytes.Repeat([]byte{n}, signatureNonce), must(ParseClaim(got)).Slots)
	if !reflect.DeepEqual(flat(r.Header), x.Headers) || string(must(ParseClaim(got)).base) != x.Base {
		t.Errorf("signed otherwise: %v", r.Header)
	}
	if x.Message != "" {
		var told json.RawMessage
		if _, err := OpenRequest(func(seal.Fingerprint) (hpke.PrivateKey, error) { return p.ingest, nil }, got.URL.EscapedPath(), agentID, body, &told); err != nil || string(told) != x.Message {
			t.Errorf("the envelope holds %s, %v", told, err)
		}
	}
	answer, h := must(hex.DecodeString(x.AnswerBody)), header(x.AnswerHeaders)
	again := http.Header{}
	SignAnswer(p.identity, got, again, x.Status, answer, noon)
	if !reflect.DeepEqual(flat(again), x.AnswerHeaders) {
		t.Errorf("answered otherwise: %v", again)
	}
	if x.AnswerMessage != "" {
		var told json.RawMessage
		if err := sent.Open(x.Status, h, answer, &told); err != nil || string(told) != x.AnswerMessage {
			t.Errorf("the answer holds %s, %v", told, err)
		}
		return
	}
	if _, err := sent.Read(x.Status, h, answer); (err == nil) != (x.Status == http.StatusOK) {
		t.Error(err)
	}
}
