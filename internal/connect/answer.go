package connect

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"sealgate/internal/fault"
)

// An answer to a signed request covers that signature and its parameters: whoever
// sees it knows that the gateway has seen the request so. An answer to a request
// without one covers path and query, in which the asker puts a nonce.

func answerParams(covered, created, keyid string) string {
	return covered + ";created=" + created + `;keyid="` + keyid + `";alg="ed25519";tag="` + tagAnswer + `"`
}

// answerLines are what an answer covers. input and signature are the values of the
// members "sig" of the request's headers; they are empty when it had none.
func answerLines(status int, digest, input, signature, path, query string) (covered string, lines []line) {
	lines = []line{{`"@status"`, strconv.Itoa(status)}, {`"content-digest"`, digest}}
	if input != "" {
		return coveredAnswer, append(lines, line{`"signature-input";req;key="sig"`, input}, line{`"signature";req;key="sig"`, signature})
	}
	return coveredOpen, append(lines, line{`"@path";req`, path}, line{`"@query";req`, query})
}

// Unsigned is r as one without a signature, whatever its headers say. An answer to a
// request whose signature nobody has looked at goes to that: else who takes the
// headers from another request would get one that is believed there.
func Unsigned(r *http.Request) *http.Request {
	r = r.WithContext(r.Context()) // a copy
	r.Header = r.Header.Clone()
	r.Header.Del(headerInput)
	r.Header.Del(headerSignature)
	return r
}

// SignAnswer puts the headers of an answer to r into h: its status and body are as
// given. It says that the gateway saw r's signature so, and either believed it or
// says why not: an operation that does not look at signatures answers Unsigned(r).
func SignAnswer(identity ed25519.PrivateKey, r *http.Request, h http.Header, status int, body []byte, now time.Time) {
	input, signature := members(r.Header)
	path, query := target(r.URL)
	digest := digestText(body)
	covered, lines := answerLines(status, digest, input, signature, path, query)
	params := answerParams(covered, strconv.FormatInt(now.Unix(), 10), fingerprintText(identity.Public().(ed25519.PublicKey)))
	h.Set(headerDigest, digest)
	h.Set(headerInput, label+"="+params)
	h.Set(headerSignature, label+"="+binaryText(ed25519.Sign(identity, base(lines, params))))
}

// members returns the values of a request's members "sig", of both headers or none.
func members(h http.Header) (input, signature string) {
	input, ok1 := strings.CutPrefix(single(h, headerInput), label+"=")
	signature, ok2 := strings.CutPrefix(single(h, headerSignature), label+"=")
	if !ok1 || !ok2 || input == "" {
		return "", ""
	}
	return input, signature
}

// Ask makes the query of a request that carries no signature, so that its answer
// is fresh: "nonce=" and 16 random bytes.
func Ask() string {
	b := make([]byte, signatureNonce)
	rand.Read(b)
	return "nonce=" + base64.RawURLEncoding.EncodeToString(b)
}

// Asked is a request without a signature, whose answer this identity is to sign.
func Asked(u *url.URL, identity ed25519.PublicKey) *Sent {
	s := &Sent{gateway: identity}
	s.path, s.query = target(u)
	return s
}

// Read believes an answer that the gateway has signed for this request and returns
// its body; a refusal comes back as a *Problem. Everything else is Damaged: it
// says nothing, like a connection that broke.
func (s *Sent) Read(status int, h http.Header, body []byte) ([]byte, error) {
	if err := s.verify(status, h, body); err != nil {
		return nil, err
	}
	if status >= http.StatusBadRequest {
		p, err := parseProblem(status, body)
		if err != nil {
			return nil, err
		}
		return nil, p
	}
	return body, nil
}

func (s *Sent) verify(status int, h http.Header, body []byte) error {
	refuse := func() error {
		return fault.New(fault.Damaged, "connect: answer", "the answer is not signed by the gateway: something between changes or makes answers (status %d)", status)
	}
	digest := digestText(body)
	input, signature := "", ""
	if s.peer != nil {
		input, signature = s.input, binaryText(s.signature)
	}
	covered, lines := answerLines(status, digest, input, signature, s.path, s.query)
	params, ok := strings.CutPrefix(single(h, headerInput), label+"=")
	if !ok || single(h, headerDigest) != digest {
		return refuse()
	}
	created, ok := between(params, ";created=", ";")
	if n, err := strconv.ParseInt(created, 10, 64); !ok || err != nil || strconv.FormatInt(n, 10) != created {
		return refuse()
	}
	if params != answerParams(covered, created, fingerprintText(s.gateway)) {
		return refuse()
	}
	value, _ := strings.CutPrefix(single(h, headerSignature), label+"=")
	sig, ok := parseBinary(value, ed25519.SignatureSize)
	if !ok || !ed25519.Verify(s.gateway, base(lines, params), sig) {
		return refuse()
	}
	return nil
}

// Open reads an answer whose body is sealed into message.
func (s *Sent) Open(status int, h http.Header, body []byte, message any) error {
	sealed, err := s.Read(status, h, body)
	if err != nil {
		return err
	}
	return openAnswer(s.peer.Keys.Receive, s.path, s.peer.Agent, s.signature, sealed, message)
}

// ReadGateway reads the answer to GET gateway. pinned names the identity that must
// have signed it; the key itself stands in the document.
func ReadGateway(pinned Identity, u *url.URL, status int, h http.Header, body []byte) (*Gateway, error) {
	const op = "connect: gateway"
	said := new(Gateway)
	if len(body) > MaxAnswer || json.Unmarshal(body, said) != nil {
		return nil, fault.New(fault.Damaged, op, "this does not look like a Sealgate gateway: its answer cannot be read (status %d)", status)
	}
	identity := ed25519.PublicKey(said.Identity)
	if len(identity) != ed25519.PublicKeySize {
		return nil, fault.New(fault.Damaged, op, "this does not look like a Sealgate gateway: it names no identity (status %d)", status)
	}
	if Identity(sha256.Sum256(identity)) != pinned {
		return nil, fault.New(fault.Denied, op, "this is another gateway than the one that was enrolled with: its identity is %s", fingerprintText(identity))
	}
	if _, err := Asked(u, identity).Read(status, h, body); err != nil {
		return nil, err
	}
	return said, nil
}
