package connect

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/seal"
)

// flips returns text with each bit of each byte changed, one at a time.
func flips(text string, each func(changed string)) {
	for i := range text {
		for bit := range 8 {
			b := []byte(text)
			b[i] ^= 1 << bit
			each(string(b))
		}
	}
}

// TestEveryChangedByteOfARequestIsRefused: in method, path, query, the headers that
// count, and the body.
func TestEveryChangedByteOfARequestIsRefused(t *testing.T) {
	p := newPair()
	target, body := PathParts(fileID)+"?offset=4194304", []byte("sealed bytes")
	r := request(http.MethodPut, target, body)
	p.peer.Sign(r, body, epoch, noon)
	if err := p.believe(arrived(http.MethodPut, target, r.Header), body); err != nil {
		t.Fatal("the request itself:", err)
	}
	refused := 0
	check := func(what string, r *http.Request, body []byte) {
		refused++
		if p.believe(r, body) == nil {
			t.Fatalf("accepted with another %s: %s %s", what, r.Method, r.URL)
		}
	}
	flips(http.MethodPut, func(m string) { check("method", arrived(m, target, r.Header), body) })
	flips(target, func(other string) {
		if u, err := url.ParseRequestURI(other); err == nil {
			check("target", &http.Request{Method: http.MethodPut, URL: u, Header: r.Header}, body)
		}
	})
	for _, name := range []string{headerDigest, headerInput, headerSignature, headerGateway, headerEpoch} {
		value := r.Header.Get(name)
		other := func(values ...string) *http.Request {
			h := r.Header.Clone()
			h[http.CanonicalHeaderKey(name)] = values
			return arrived(http.MethodPut, target, h)
		}
		flips(value, func(changed string) { check(name, other(changed), body) })
		for i := range value {
			check(name, other(value[:i]+value[i+1:]), body)
			check(name, other(value[:i]+" "+value[i:]), body)
		}
		check(name, other(), body)
		check(name, other(value, value), body)
		check(name, other(value+", "+value), body)
		check(name, other(strings.ToUpper(value)), body)
	}
	flips(string(body), func(changed string) { check("body", arrived(http.MethodPut, target, r.Header), []byte(changed)) })
	for i := range body {
		check("body", arrived(http.MethodPut, target, r.Header), body[:i])
	}
	check("body", arrived(http.MethodPut, target, r.Header), append(bytes.Clone(body), 0))
	if refused < 5_000 {
		t.Errorf("only %d changes were tried", refused)
	}
}

// TestAPartIsSignedByItsSlots: nonces, tags, all behind the last whole slot and the length
// count. What is between nonce and tag is not told apart here: it does not open.
func TestAPartIsSignedByItsSlots(t *testing.T) {
	p := newPair()
	target, body := PathParts(fileID)+"?offset=80", counted(2*seal.SealedSlot+400)
	r := request(http.MethodPut, target, body)
	p.peer.SignSlots(r, body, epoch, noon)
	believed := func(body []byte) bool { return p.believe(arrived(http.MethodPut, target, r.Header), body) == nil }
	if !believed(body) || r.Header.Get(headerDigest) != "" {
		t.Fatal("the part itself")
	}
	for at := range body {
		in := at % seal.SealedSlot
		if at < 2*seal.SealedSlot && in > seal.NonceSize && in < seal.SealedSlot-seal.TagSize-1 && in%4096 != 0 {
			continue
		}
		changed := bytes.Clone(body)
		changed[at] ^= 1
		if marked := at >= 2*seal.SealedSlot || in < seal.NonceSize || in >= seal.SealedSlot-seal.TagSize; believed(changed) == marked {
			t.Fatalf("byte %d changed: %v", at, !marked)
		}
	}
	for _, other := range [][]byte{body[:len(body)-1], append(bytes.Clone(body), 0), body[:2*seal.SealedSlot], body[:0], body[seal.SealedSlot:]} {
		if believed(other) {
			t.Errorf("%d bytes are believed", len(other))
		}
	}
	// Neither digest is good where the other stands.
	r.Header.Set(headerDigest, r.Header.Get(headerSlots))
	r.Header.Del(headerSlots)
	if believed(body) {
		t.Error("believed with the digest under another name")
	}
	p.peer.Sign(r, body, epoch, noon)
	r.Header.Set(headerInput, strings.Replace(r.Header.Get(headerInput), coveredRequest, coveredSlots, 1))
	r.Header.Set(headerSlots, slotsText(body))
	if believed(body) {
		t.Error("a signature of all bytes is taken for one of the slots")
	}
}

// TestARequestBelongsToOneGatewayOneProcessOneTime: what is recorded is good nowhere else.
func TestARequestBelongsToOneGatewayOneProcessOneTime(t *testing.T) {
	p := newPair()
	r := request(http.MethodPost, PathHeartbeat, nil)
	p.peer.Sign(r, nil, epoch, noon)
	c := must(ParseClaim(arrived(http.MethodPost, PathHeartbeat, r.Header)))
	other, _, _ := ed25519.GenerateKey(nil)
	if c.For(other) || !c.For(p.pub()) {
		t.Error("for another gateway")
	}
	for offset, want := range map[time.Duration]bool{
		0: true, MaxClockError: true, -MaxClockError: true, MaxClockError + time.Second: false, -MaxClockError - time.Second: false, 24 * time.Hour: false,
	} {
		if c.Near(noon.Add(offset)) != want {
			t.Errorf("at an offset of %v: %v", offset, !want)
		}
	}
	if c.Verify(other) == nil || c.Verify(nil) == nil {
		t.Error("another agent's key verifies")
	}
	again := request(http.MethodPost, PathHeartbeat, nil)
	p.peer.Sign(again, nil, epoch, noon)
	if must(ParseClaim(again)).Nonce == c.Nonce {
		t.Error("two requests have one nonce")
	}
	// A signature of Go's that is no canonical number must not be another spelling of one.
	long := r.Header.Clone()
	long.Set(headerInput, strings.Replace(long.Get(headerInput), "created=", "created=0", 1))
	if _, err := ParseClaim(arrived(http.MethodPost, PathHeartbeat, long)); !fault.Is(err, fault.Invalid) {
		t.Error("a time with a zero before it:", err)
	}
}

func (p *pair) answer(t *testing.T) (sent *Sent, status int, h http.Header, body []byte) {
	t.Helper()
	r := request(http.MethodPost, PathDeliveries, nil)
	sent = p.peer.Sign(r, nil, epoch, noon)
	c := must(ParseClaim(r))
	body = must(SealAnswer(p.keys.Receive.PublicKey(), PathDeliveries, agentID, c.Signature(), Progress{State: StatePartial, File: fileID, Offset: 7}))
	h = http.Header{}
	SignAnswer(p.identity, r, h, http.StatusOK, body, noon)
	return sent, http.StatusOK, h, body
}

func TestEveryChangedByteOfAnAnswerIsRefused(t *testing.T) {
	p := newPair()
	sent, status, h, body := p.answer(t)
	var got Progress
	if err := sent.Open(status, h, body, &got); err != nil || got.Offset != 7 || got.File != fileID {
		t.Fatalf("the answer itself: %+v, %v", got, err)
	}
	check := func(what string, status int, h http.Header, body []byte) {
		if err := sent.Open(status, h, body, &got); !fault.Is(err, fault.Damaged) {
			t.Fatalf("with another %s: %v", what, err)
		}
	}
	for other := 100; other < 600; other++ {
		if other != status {
			check("status", other, h, body)
		}
	}
	for _, name := range []string{headerDigest, headerInput, headerSignature} {
		flips(h.Get(name), func(changed string) {
			c := h.Clone()
			c.Set(name, changed)
			check(name, status, c, body)
		})
		c := h.Clone()
		c.Del(name)
		check(name, status, c, body)
		c[http.CanonicalHeaderKey(name)] = []string{h.Get(name), h.Get(name)}
		check(name, status, c, body)
	}
	for i := range body {
		changed := bytes.Clone(body)
		changed[i] ^= 1
		check("body", status, h, changed)
	}
	check("body", status, h, body[:len(body)-1])
	check("body", status, h, nil)

	// An answer to another request, of the same agent and path, is none to this one.
	other, _, _, _ := p.answer(t)
	if err := other.Open(status, h, body, &got); !fault.Is(err, fault.Damaged) {
		t.Error("an answer to another request:", err)
	}
	// Nor is one that was signed by somebody else.
	stranger := *p
	_, stranger.identity, _ = ed25519.GenerateKey(nil)
	r := request(http.MethodPost, PathDeliveries, nil)
	sent = p.peer.Sign(r, nil, epoch, noon)
	h = http.Header{}
	SignAnswer(stranger.identity, r, h, http.StatusOK, body, noon)
	if _, err := sent.Read(http.StatusOK, h, body); !fault.Is(err, fault.Damaged) {
		t.Error("an answer by another gateway:", err)
	}
}

// TestARefusalIsBelievedForTheRequestThatWasSent: whoever alters a request on the way
// and hands back the gateway's refusal of that is not believed, if he touched who
// it came from; and a request without a signature gets its own kind of answer.
func TestARefusalIsBelievedForTheRequestThatWasSent(t *testing.T) {
	p := newPair()
	refuse := func(r *http.Request) (http.Header, []byte) {
		problem := Refuse(UnknownAgent, "")
		body, h := must(json.Marshal(problem)), http.Header{}
		SignAnswer(p.identity, r, h, problem.Status, body, noon)
		return h, body
	}
	r := request(http.MethodPost, PathAccount, nil)
	sent := p.peer.Sign(r, nil, epoch, noon)
	h, body := refuse(r)
	_, err := sent.Read(http.StatusUnauthorized, h, body)
	var problem *Problem
	if !errors.As(err, &problem) || problem.Reason() != UnknownAgent || !fault.Is(err, fault.Denied) {
		t.Fatal(err)
	}
	for name, change := range map[string]func(h http.Header){
		"key id": func(h http.Header) {
			h.Set(headerInput, strings.Replace(h.Get(headerInput), agentID.String(), uuid.NewString(), 1))
		},
		"no signature": func(h http.Header) { h.Del(headerSignature) },
		"no input":     func(h http.Header) { h.Del(headerInput) },
		"twice":        func(h http.Header) { h.Add(headerInput, h.Get(headerInput)) },
	} {
		altered := r.Clone(t.Context())
		change(altered.Header)
		h, body := refuse(altered)
		if _, err := sent.Read(http.StatusUnauthorized, h, body); !fault.Is(err, fault.Damaged) {
			t.Errorf("%s changed: %v", name, err)
		}
	}
}

func TestWhatIsSealedOpensInItsPlaceOnly(t *testing.T) {
	p := newPair()
	in := Commit{Delivery: bytes.Repeat([]byte{1}, 32), Size: 9, SHA256: bytes.Repeat([]byte{2}, 32)}
	path, tail := PathCommit(fileID), []byte("tail")
	body := must(SealRequest(p.ingest.PublicKey(), path, agentID, in, tail))
	var out Commit
	got, err := OpenRequest(p.ingestKey, path, agentID, body, &out)
	if err != nil || !bytes.Equal(got, tail) || !bytes.Equal(out.Delivery, in.Delivery) || out.Size != in.Size {
		t.Fatalf("%+v, %q, %v", out, got, err)
	}
	if bytes.Contains(body, in.Delivery[:8]) {
		t.Error("the message can be read in the envelope")
	}
	if _, err := OpenRequest(p.ingestKey, PathCommit(uuid.New()), agentID, body, &out); !fault.Is(err, fault.Damaged) {
		t.Error("under another path:", err)
	}
	if _, err := OpenRequest(p.ingestKey, path, uuid.New(), body, &out); !fault.Is(err, fault.Damaged) {
		t.Error("of another agent:", err)
	}
	old := bytes.Clone(body)
	old[0] ^= 1
	var problem *Problem
	if _, err := OpenRequest(p.ingestKey, path, agentID, old, &out); !errors.As(err, &problem) || problem.Reason() != IngestKeyExpired {
		t.Error("for another ingest key:", err)
	}
	for i := range len(body) - len(tail) { // the tail is a sealed file: it has its own seals
		changed := bytes.Clone(body)
		changed[i] ^= 0x80
		if _, err := OpenRequest(p.ingestKey, path, agentID, changed, &out); err == nil {
			t.Fatalf("opens with byte %d changed", i)
		}
		if _, err := OpenRequest(p.ingestKey, path, agentID, body[:i], &out); err == nil {
			t.Fatalf("opens cut to %d bytes", i)
		}
	}
}

func TestMessagesHaveTheirBound(t *testing.T) {
	p := newPair()
	if _, err := SealRequest(p.ingest.PublicKey(), PathDeliveries, agentID, Begin{Header: make([]byte, MaxEnvelope)}, nil); !fault.Is(err, fault.TooLarge) {
		t.Error("too large a message:", err)
	}
	body := append(make([]byte, 32), 0xff, 0xff, 0xff, 0xff)
	if _, err := OpenRequest(p.ingestKey, PathDeliveries, agentID, body, &Begin{}); !fault.Is(err, fault.TooLarge) {
		t.Error("too large an envelope:", err)
	}
}
