package connect

import (
	"crypto/ed25519"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/fault"
)

func TestEnrolment(t *testing.T) {
	p, account := newPair(), testAccount()
	sent := NewEnrolment(p.code, p.keys, "windows/amd64", "connect 1.0.0")
	e := must(ParseEnrolment(must(json.Marshal(sent))))
	if err := e.Verify(p.code.Key(), p.pub()); err != nil || e.ID() != p.code.Invitation {
		t.Fatal(err)
	}
	answer := must(json.Marshal(must(e.Accept(p.code.Key(), p.identity, agentID, account))))
	agent, got, err := sent.Accepted(p.code, p.keys, p.pub(), answer)
	if err != nil || agent != agentID || !reflect.DeepEqual(*got, account) {
		t.Fatalf("%v %+v %v", agent, got, err)
	}

	// Who does not know the code, or is another gateway, is told from the true one.
	other, stranger := NewCode(p.pub()), newPair()
	other.Invitation = p.code.Invitation
	_, stranger.identity, _ = ed25519.GenerateKey(nil)
	if err := e.Verify(other.Key(), p.pub()); !fault.Is(err, fault.Denied) {
		t.Error("with another secret:", err)
	}
	if err := e.Verify(p.code.Key(), stranger.pub()); !fault.Is(err, fault.Denied) {
		t.Error("for another gateway:", err)
	}
	if _, _, err := sent.Accepted(p.code, p.keys, stranger.pub(), answer); !fault.Is(err, fault.Denied) {
		t.Error("by another gateway:", err)
	}
	forged := must(json.Marshal(must(e.Accept(other.Key(), p.identity, agentID, account))))
	if _, _, err := sent.Accepted(p.code, p.keys, p.pub(), forged); !fault.Is(err, fault.Damaged) {
		t.Error("an answer without the secret:", err)
	}
	again := NewEnrolment(p.code, p.keys, "windows/amd64", "connect 1.0.0")
	if _, _, err := again.Accepted(p.code, p.keys, p.pub(), answer); !fault.Is(err, fault.Damaged) {
		t.Error("an answer to another request:", err)
	}
}

// TestNothingOfAnEnrolmentCanBeChanged: in both directions, byte by byte of each field.
func TestNothingOfAnEnrolmentCanBeChanged(t *testing.T) {
	p := newPair()
	sent := NewEnrolment(p.code, p.keys, "linux/amd64", "connect 1.0.0")
	for _, field := range []*[]byte{&sent.Invitation, &sent.Nonce, &sent.SignKey, &sent.ReceiveKey, &sent.MAC, &sent.Signature} {
		for i := range *field {
			(*field)[i] ^= 1
			if e, err := ParseEnrolment(must(json.Marshal(sent))); err == nil && e.Verify(p.code.Key(), p.pub()) == nil {
				t.Fatalf("accepted with byte %d of a field of %d changed", i, len(*field))
			}
			(*field)[i] ^= 1
		}
	}
	for _, word := range []*string{&sent.Platform, &sent.Program} {
		was := *word
		*word += "x"
		if sent.Verify(p.code.Key(), p.pub()) == nil {
			t.Error("accepted with another word")
		}
		*word = was
	}
	sent.Platform, sent.Program = "linux/amd64c", "onnect 1.0.0"
	if sent.Verify(p.code.Key(), p.pub()) == nil {
		t.Error("the border between two fields can be moved")
	}
	sent.Platform, sent.Program = "linux/amd64", "connect 1.0.0"

	r := must(sent.Accept(p.code.Key(), p.identity, agentID, testAccount()))
	for _, field := range []*[]byte{&r.Nonce, &r.Sealed, &r.MAC, &r.Signature} {
		for i := range *field {
			(*field)[i] ^= 1
			if _, _, err := sent.Accepted(p.code, p.keys, p.pub(), must(json.Marshal(r))); err == nil {
				t.Fatalf("believed with byte %d of a field of %d changed", i, len(*field))
			}
			(*field)[i] ^= 1
		}
	}
	r.Agent = uuid.New()
	if _, _, err := sent.Accepted(p.code, p.keys, p.pub(), must(json.Marshal(r))); err == nil {
		t.Error("believed with another agent's id")
	}
}

func TestEnrolmentsOfAnotherForm(t *testing.T) {
	p := newPair()
	for name, change := range map[string]func(e *Enrolment){
		"version":     func(e *Enrolment) { e.Version = 2 },
		"short nonce": func(e *Enrolment) { e.Nonce = e.Nonce[1:] },
		"no key":      func(e *Enrolment) { e.ReceiveKey = nil },
		"long word":   func(e *Enrolment) { e.Platform = string(make([]byte, 101)) },
	} {
		e := NewEnrolment(p.code, p.keys, "linux/amd64", "connect 1.0.0")
		change(e)
		if _, err := ParseEnrolment(must(json.Marshal(e))); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ParseEnrolment(make([]byte, MaxUnsigned+1)); !fault.Is(err, fault.Invalid) {
		t.Error("too long:", err)
	}
}

func TestTheGatewayDocumentIsOfThePinnedGatewayAndFresh(t *testing.T) {
	p := newPair()
	doc := Gateway{Versions: []int{1}, Identity: p.pub(), Epoch: epoch, Time: noon, IngestDay: "2026-11-22", IngestKey: p.ingest.PublicKey().Bytes()}
	body := must(json.Marshal(doc))
	r := request(http.MethodGet, PathGateway+"?"+Ask(), nil)
	h := http.Header{}
	SignAnswer(p.identity, r, h, http.StatusOK, body, noon)
	got, err := ReadGateway(p.code.Gateway, r.URL, http.StatusOK, h, body)
	if err != nil || !reflect.DeepEqual(*got, doc) {
		t.Fatalf("%+v, %v", got, err)
	}
	if _, err := ReadGateway(Identity{1}, r.URL, http.StatusOK, h, body); !fault.Is(err, fault.Denied) {
		t.Error("another gateway:", err)
	}
	later := must(url.Parse(PathGateway + "?" + Ask()))
	if _, err := ReadGateway(p.code.Gateway, later, http.StatusOK, h, body); !fault.Is(err, fault.Damaged) {
		t.Error("a recorded document:", err)
	}
	for i := range body {
		changed := append([]byte(nil), body...)
		changed[i] ^= 1
		if _, err := ReadGateway(p.code.Gateway, r.URL, http.StatusOK, h, changed); err == nil {
			t.Fatalf("believed with byte %d changed", i)
		}
	}
	if _, err := ReadGateway(p.code.Gateway, r.URL, http.StatusBadGateway, http.Header{}, []byte("<html>proxy</html>")); !fault.Is(err, fault.Damaged) {
		t.Error("a proxy's page:", err)
	}
}

func TestAgentKeysAreKeptAsBytes(t *testing.T) {
	k := must(NewAgentKeys())
	again := must(AgentKeysFromBytes(must(k.Bytes())))
	if !again.Sign.Equal(k.Sign) || string(again.Receive.PublicKey().Bytes()) != string(k.Receive.PublicKey().Bytes()) {
		t.Error("other keys come back")
	}
	if _, err := AgentKeysFromBytes(make([]byte, 63)); !fault.Is(err, fault.Damaged) {
		t.Error(err)
	}
}

// TestLockVersions: it tells a change of any of the keys, and nothing else.
func TestLockVersions(t *testing.T) {
	a := testAccount()
	a.Certificates = [][]byte{{1}, {2, 3}}
	seen := map[string]string{string(a.LockVersion()): "itself"}
	b := a
	b.Certificates, b.Name, b.May = [][]byte{{2, 3}, {1}}, "another", nil
	if seen[string(b.LockVersion())] == "" {
		t.Error("order and name count")
	}
	for name, change := range map[string]func(*Account){
		"content": func(a *Account) { a.Content = ContentDelete }, "one less": func(a *Account) { a.Certificates = a.Certificates[:1] },
		"border": func(a *Account) { a.Certificates = [][]byte{{1, 2}, {3}} }, "kind": func(a *Account) { a.AccessKeys, a.Certificates = a.Certificates, a.AccessKeys },
		"moved": func(a *Account) {
			a.Certificates, a.AccessKeys = [][]byte{{1}}, append([][]byte{{2, 3}}, a.AccessKeys...)
		},
		"account": func(a *Account) { a.ID = uuid.New() },
	} {
		b := a
		change(&b)
		if was := seen[string(b.LockVersion())]; was != "" {
			t.Errorf("%s has the version of %s", name, was)
		}
		seen[string(b.LockVersion())] = name
	}
}
