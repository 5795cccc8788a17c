package connect

import (
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"sealgate/internal/fault"
)

// FuzzCode: what is read as a code is one, and is written back as itself.
func FuzzCode(f *testing.F) {
	f.Add(newPair().code.Text())
	f.Add("sgc1-")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ParseCode(text)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Fatal(err)
			}
			return
		}
		if again, err := ParseCode(c.Text()); err != nil || again != c {
			t.Fatalf("%q is read as %q, %v", text, c.Text(), err)
		}
	})
}

// FuzzClaim: whatever the headers are, what is taken for a signature is spelled as Sign
// spells it, and none but the agent's own is believed.
func FuzzClaim(f *testing.F) {
	p := newPair()
	r := request(http.MethodPost, PathHeartbeat, nil)
	p.peer.sign(r, nil, epoch, noon, make([]byte, signatureNonce), false)
	h := r.Header
	f.Add(http.MethodPost, PathHeartbeat, h.Get(headerInput), h.Get(headerSignature), h.Get(headerDigest), h.Get(headerGateway), h.Get(headerEpoch))
	f.Fuzz(func(t *testing.T, method, target, input, signature, digest, gateway, forEpoch string) {
		u, err := url.ParseRequestURI(target)
		if err != nil {
			return
		}
		got := http.Header{}
		for name, value := range map[string]string{headerInput: input, headerSignature: signature, headerDigest: digest, headerGateway: gateway, headerEpoch: forEpoch} {
			got.Set(name, value)
		}
		r := &http.Request{Method: method, URL: u, Header: got}
		answer := http.Header{}
		SignAnswer(p.identity, r, answer, http.StatusUnauthorized, nil, noon)
		c, err := ParseClaim(r)
		if err != nil {
			return
		}
		if input != label+"="+c.params() || signature != label+"="+binaryText(c.signature) || strings.Count(string(c.base), "\n") != 6 {
			t.Fatalf("%q and %q are taken for a signature", input, signature)
		}
		if c.Verify(p.agent()) == nil {
			for name := range h {
				if got.Get(name) != h.Get(name) {
					t.Fatalf("%s %q is believed", name, got.Get(name))
				}
			}
			if path, query := u.EscapedPath(), u.RawQuery; method != http.MethodPost || path != PathHeartbeat || query != "" {
				t.Fatalf("%s %s is believed", method, target)
			}
		}
	})
}

// FuzzAnswer: no answer but the gateway's own is believed.
func FuzzAnswer(f *testing.F) {
	p := newPair()
	r := request(http.MethodPost, PathHeartbeat, nil)
	sent := p.peer.sign(r, nil, epoch, noon, make([]byte, signatureNonce), false)
	problem := must(json.Marshal(Refuse(Revoked, "")))
	h := http.Header{}
	SignAnswer(p.identity, r, h, http.StatusForbidden, problem, noon)
	f.Add(http.StatusForbidden, h.Get(headerInput), h.Get(headerSignature), h.Get(headerDigest), problem)
	f.Fuzz(func(t *testing.T, status int, input, signature, digest string, body []byte) {
		got := http.Header{}
		got.Set(headerInput, input)
		got.Set(headerSignature, signature)
		got.Set(headerDigest, digest)
		if err := sent.verify(status, got, body); err == nil &&
			(status != http.StatusForbidden || input != h.Get(headerInput) || signature != h.Get(headerSignature) || string(body) != string(problem)) {
			t.Fatalf("%d %q is believed", status, body)
		}
	})
}

// FuzzEnvelope: nothing makes the gateway take more than there is, or opens.
func FuzzEnvelope(f *testing.F) {
	p := newPair()
	whole := stored().Signed[3] // the same in every process of the fuzzer
	good, size := must(hex.DecodeString(whole.Body)), len("sealed bytes")
	f.Add(good)
	f.Add(good[:40])
	f.Fuzz(func(t *testing.T, body []byte) {
		var n Nothing
		tail, err := OpenRequest(p.ingestKey, PathWhole, agentID, body, &n)
		if head := len(good) - size; err == nil && (string(body[:head]) != string(good[:head]) || len(tail) != len(body)-head) {
			t.Fatalf("%x opens", body)
		}
	})
}

// FuzzEnrolment: no request but the agent's own is accepted, and no answer makes the
// agent panic.
func FuzzEnrolment(f *testing.F) {
	p := newPair()
	v := stored()
	sent := must(ParseEnrolment([]byte(v.Enrolment)))
	f.Add([]byte(v.Enrolment))
	f.Add([]byte(v.Enrolled))
	f.Fuzz(func(t *testing.T, body []byte) {
		if e, err := ParseEnrolment(body); err == nil && e.Verify(p.code.Key(), p.pub()) == nil && string(e.Nonce) != string(sent.Nonce) {
			t.Fatalf("%s is accepted", body)
		}
		if agent, _, err := sent.Accepted(p.code, p.keys, p.pub(), body); err == nil && agent != agentID {
			t.Fatalf("%s is believed", body)
		}
	})
}
