package connect

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/seal"
)

// The headers.
const (
	headerDigest    = "Content-Digest"  // RFC 9530
	headerSlots     = "Sealgate-Slots"  // instead, for a part: see slotsText
	headerInput     = "Signature-Input" // RFC 9421
	headerSignature = "Signature"
	headerGateway   = "Sealgate-Gateway" // for whom the request is
	headerEpoch     = "Sealgate-Epoch"   // and for which process
)

// What the signatures cover, as RFC 9421 writes it, and the tags that tell this
// profile from others.
const (
	label = "sig"

	coveredRequest = `("@method" "@path" "@query" "content-digest" "sealgate-gateway" "sealgate-epoch")`
	coveredSlots   = `("@method" "@path" "@query" "sealgate-slots" "sealgate-gateway" "sealgate-epoch")`
	coveredAnswer  = `("@status" "content-digest" "signature-input";req;key="sig" "signature";req;key="sig")`
	coveredOpen    = `("@status" "content-digest" "@path";req "@query";req)` // of a request without a signature

	tagRequest = "sealgate-connect-v1"
	tagAnswer  = "sealgate-connect-v1-answer"

	signatureNonce = 16
	epochSize      = 16
	maxHeader      = 1 << 10
)

// NewEpoch draws the name of a process.
func NewEpoch() string {
	b := make([]byte, epochSize)
	rand.Read(b)
	return hex.EncodeToString(b)
}

// line is one line of a signature base.
type line struct{ name, value string }

// base is the signature base of RFC 9421, section 2.5.
func base(lines []line, params string) []byte {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(l.name + ": " + l.value + "\n")
	}
	b.WriteString(`"@signature-params": ` + params)
	return []byte(b.String())
}

// digestText is a body's Content-Digest.
func digestText(body []byte) string {
	sum := sha256.Sum256(body)
	return "sha-256=" + binaryText(sum[:])
}

// slotsText stands for a part of a sealed object, read as whole slots and a rest: of a
// slot its nonce and its tag are in it, the rest as it is. Which bytes are between nonce
// and tag is for whoever has the file's key: others do not open.
func slotsText(part []byte) string {
	marks := make([]byte, 0, len(part)/seal.SealedSlot*seal.Overhead+len(part)%seal.SealedSlot)
	rest := part
	for ; len(rest) >= seal.SealedSlot; rest = rest[seal.SealedSlot:] {
		marks = append(marks, rest[:seal.NonceSize]...)
		marks = append(marks, rest[seal.SealedSlot-seal.TagSize:seal.SealedSlot]...)
	}
	marks = append(marks, rest...)
	length := binary.BigEndian.AppendUint64(nil, uint64(len(part)))
	sum := sha256.Sum256(transcript("sealgate/connect/v1 slots", length, marks))
	return "sha-256=" + binaryText(sum[:])
}

// binaryText and parseBinary are a byte sequence of RFC 8941, in its one spelling.
func binaryText(b []byte) string { return ":" + base64.StdEncoding.EncodeToString(b) + ":" }

func parseBinary(text string, size int) ([]byte, bool) {
	inner, ok := strings.CutPrefix(text, ":")
	if !ok {
		return nil, false
	}
	inner, ok = strings.CutSuffix(inner, ":")
	if !ok {
		return nil, false
	}
	b, err := base64.StdEncoding.Strict().DecodeString(inner)
	return b, err == nil && len(b) == size && binaryText(b) == text
}

// single returns the one value of a header; a header that comes twice, or is long,
// has none.
func single(h http.Header, name string) string {
	if all := h.Values(name); len(all) == 1 && len(all[0]) <= maxHeader {
		return all[0]
	}
	return ""
}

// target is what a signature covers of a URL.
func target(u *url.URL) (path, query string) { return u.EscapedPath(), "?" + u.RawQuery }

// Claim is the signature of a request as it came, before anybody has believed it.
type Claim struct {
	Agent   uuid.UUID // who says it is
	Created time.Time
	Nonce   string
	Epoch   string // the process that the request is for
	Gateway string // the fingerprint of the identity that the request is for
	Slots   bool   // of the body only what slotsText says was signed: it is a part

	signature []byte
	base      []byte
	digest    string
}

// params are the parameters of a request's signature.
func (c *Claim) params() string {
	covered := coveredRequest
	if c.Slots {
		covered = coveredSlots
	}
	return covered + ";created=" + strconv.FormatInt(c.Created.Unix(), 10) + `;nonce="` + c.Nonce +
		`";keyid="` + c.Agent.String() + `";alg="ed25519";tag="` + tagRequest + `"`
}

func (c *Claim) fill(method string, u *url.URL) {
	path, query := target(u)
	digest := `"content-digest"`
	if c.Slots {
		digest = `"sealgate-slots"`
	}
	c.base = base([]line{
		{`"@method"`, method},
		{`"@path"`, path},
		{`"@query"`, query},
		{digest, c.digest},
		{`"sealgate-gateway"`, c.Gateway},
		{`"sealgate-epoch"`, c.Epoch},
	}, c.params())
}

// ParseClaim reads the signature of a request. What is not spelled as Sign spells
// it is Invalid.
func ParseClaim(r *http.Request) (*Claim, error) {
	refuse := func() (*Claim, error) {
		return nil, fault.New(fault.Invalid, "connect: signature", "the request has no signature as the protocol has it")
	}
	params, ok := strings.CutPrefix(single(r.Header, headerInput), label+"=")
	c := &Claim{Gateway: single(r.Header, headerGateway), Epoch: single(r.Header, headerEpoch), Slots: strings.HasPrefix(params, coveredSlots)}
	if !ok || !c.parseParams(params) {
		return refuse()
	}
	c.digest = single(r.Header, c.header())
	value, ok := strings.CutPrefix(single(r.Header, headerSignature), label+"=")
	if !ok {
		return refuse()
	}
	if c.signature, ok = parseBinary(value, ed25519.SignatureSize); !ok {
		return refuse()
	}
	if sum, isDigest := strings.CutPrefix(c.digest, "sha-256="); !isDigest {
		return refuse()
	} else if _, ok = parseBinary(sum, sha256.Size); !ok {
		return refuse()
	}
	if raw, err := hex.DecodeString(c.Epoch); err != nil || len(raw) != epochSize || hex.EncodeToString(raw) != c.Epoch {
		return refuse()
	}
	if !printable(c.Gateway) {
		return refuse()
	}
	c.fill(r.Method, r.URL)
	return c, nil
}

// parseParams reads the parameters by writing them again: there is one spelling.
func (c *Claim) parseParams(text string) bool {
	created, ok1 := between(text, ";created=", ";")
	nonce, ok2 := between(text, `;nonce="`, `"`)
	keyid, ok3 := between(text, `;keyid="`, `"`)
	if !ok1 || !ok2 || !ok3 {
		return false
	}
	seconds, err := strconv.ParseInt(created, 10, 64)
	if err != nil || seconds < 0 || seconds > 1<<40 {
		return false
	}
	if _, ok := parseBinary(":"+nonce+":", signatureNonce); !ok {
		return false
	}
	agent, err := uuid.Parse(keyid)
	if err != nil {
		return false
	}
	c.Created, c.Nonce, c.Agent = time.Unix(seconds, 0).UTC(), nonce, agent
	return c.params() == text
}

func between(text, before, after string) (string, bool) {
	_, rest, ok := strings.Cut(text, before)
	if !ok {
		return "", false
	}
	value, _, ok := strings.Cut(rest, after)
	return value, ok
}

// printable keeps line feeds out of a signature base.
func printable(text string) bool {
	for _, r := range text {
		if r <= ' ' || r > '~' {
			return false
		}
	}
	return text != ""
}

// Verify reports whether the agent with this key has signed the request: Denied
// otherwise. It has said nothing of the body yet: see Covers.
func (c *Claim) Verify(pub ed25519.PublicKey) error {
	if len(pub) != ed25519.PublicKeySize || !ed25519.Verify(pub, c.base, c.signature) {
		return fault.New(fault.Denied, "connect: signature", "the signature does not fit the request")
	}
	return nil
}

// header names the header that stands for the body.
func (c *Claim) header() string {
	if c.Slots {
		return headerSlots
	}
	return headerDigest
}

// Covers reports whether this is the body that was signed; when Slots is true, whether
// it is the one if its slots open.
func (c *Claim) Covers(body []byte) error {
	if c.said(body) != c.digest {
		return fault.New(fault.Denied, "connect: signature", "the body is not the one that was signed")
	}
	return nil
}

// said is what stands for a body.
func (c *Claim) said(body []byte) string {
	if c.Slots {
		return slotsText(body)
	}
	return digestText(body)
}

// For reports whether the request is for the gateway with this identity.
func (c *Claim) For(identity ed25519.PublicKey) bool { return c.Gateway == fingerprintText(identity) }

// Near reports whether the request was made within MaxClockError of now.
func (c *Claim) Near(now time.Time) bool { return now.Sub(c.Created).Abs() <= MaxClockError }

// Signature returns the bytes of the signature: the answer is sealed for them.
func (c *Claim) Signature() []byte { return c.signature }

// Peer is an agent's side: who it is, and whom it believes.
type Peer struct {
	Agent   uuid.UUID
	Keys    *AgentKeys
	Gateway ed25519.PublicKey // the pinned identity
}

// Sent is a request that was signed. It reads the answer to it.
type Sent struct {
	peer      *Peer // nil when nobody has signed it
	gateway   ed25519.PublicKey
	path      string
	query     string
	input     string // the parameters of its signature
	signature []byte
}

// Sign signs a request with this body. A request that is sent again is signed again:
// its nonce counts once. now is the gateway's time, as far as the agent knows it.
func (p *Peer) Sign(r *http.Request, body []byte, epoch string, now time.Time) *Sent {
	nonce := make([]byte, signatureNonce)
	rand.Read(nonce)
	return p.sign(r, body, epoch, now, nonce, false)
}

// SignSlots signs a part of a sealed object by the nonces and tags of its slots: it is
// not read once more. What is no part has Sign.
func (p *Peer) SignSlots(r *http.Request, part []byte, epoch string, now time.Time) *Sent {
	nonce := make([]byte, signatureNonce)
	rand.Read(nonce)
	return p.sign(r, part, epoch, now, nonce, true)
}

func (p *Peer) sign(r *http.Request, body []byte, epoch string, now time.Time, nonce []byte, slots bool) *Sent {
	c := &Claim{
		Agent: p.Agent, Created: now, Nonce: base64.StdEncoding.EncodeToString(nonce), Epoch: epoch, Gateway: fingerprintText(p.Gateway), Slots: slots,
	}
	c.digest = c.said(body)
	c.fill(r.Method, r.URL)
	c.signature = ed25519.Sign(p.Keys.Sign, c.base)
	r.Header.Set(c.header(), c.digest)
	r.Header.Set(headerGateway, c.Gateway)
	r.Header.Set(headerEpoch, c.Epoch)
	r.Header.Set(headerInput, label+"="+c.params())
	r.Header.Set(headerSignature, label+"="+binaryText(c.signature))
	s := &Sent{peer: p, gateway: p.Gateway, input: c.params(), signature: c.signature}
	s.path, s.query = target(r.URL)
	return s
}
