package connect

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hpke"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/seal"
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

var (
	noon    = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	agentID = uuid.MustParse("0193b0f4-7a11-7c3e-9d42-5f0c2b8e6a01")
	fileID  = uuid.MustParse("0193b0f5-0c20-7b6d-8e1f-3a9d4c5b6e02")
	epoch   = "000102030405060708090a0b0c0d0e0f"
)

// pair is an agent and its gateway, the same in every run.
type pair struct {
	identity ed25519.PrivateKey
	keys     *AgentKeys
	ingest   hpke.PrivateKey
	code     Code
	peer     *Peer
}

func seed(text string) []byte { return []byte(text)[:32] }

func newPair() *pair {
	p := &pair{
		identity: ed25519.NewKeyFromSeed(seed("the seed of a gateway's identity")),
		keys:     must(AgentKeysFromBytes(append(seed("seed of an agent's signing key.."), seed("seed of an agent's receive key..")...))),
		ingest:   must(kem().NewPrivateKey(seed("seed of the day's own ingest key"))),
	}
	p.code = Code{Gateway: IdentityOf(p.pub()), Invitation: Invitation([]byte("invited!")), secret: [16]byte([]byte("a secret of code"))}
	p.peer = &Peer{Agent: agentID, Keys: p.keys, Gateway: p.pub()}
	return p
}

func (p *pair) pub() ed25519.PublicKey   { return p.identity.Public().(ed25519.PublicKey) }
func (p *pair) agent() ed25519.PublicKey { return p.keys.Sign.Public().(ed25519.PublicKey) }

func (p *pair) ingestKey(fp seal.Fingerprint) (hpke.PrivateKey, error) {
	if fp != seal.AccessKeyFingerprint(p.ingest.PublicKey()) {
		return nil, Refuse(IngestKeyExpired, "")
	}
	return p.ingest, nil
}

func request(method, target string, body []byte) *http.Request {
	r := must(http.NewRequest(method, "http://gateway.example"+target, bytes.NewReader(body)))
	return r
}

// arrived is the request as the gateway sees it: from nothing but what was sent.
func arrived(method, target string, h http.Header) *http.Request {
	return &http.Request{Method: method, URL: must(url.ParseRequestURI(target)), Header: h.Clone()}
}

// believe is all that the gateway checks of a request by itself.
func (p *pair) believe(r *http.Request, body []byte) error {
	c, err := ParseClaim(r)
	if err != nil {
		return err
	}
	if c.Agent != agentID || !c.For(p.pub()) || c.Epoch != epoch || !c.Near(noon) {
		return Refuse(BadSignature, "")
	}
	if err := c.Verify(p.agent()); err != nil {
		return err
	}
	return c.Covers(body)
}

func testAccount() Account {
	a := Account{
		ID: uuid.MustParse("0193b0f0-1111-7222-8333-444455556666"), Name: "Åkerlunds Bygg AB", Agent: "ekonomi-server", Content: ContentKeep,
		Certificates: [][]byte{[]byte("a certificate")}, AccessKeys: [][]byte{[]byte("an access key")}, May: []Right{RightSend, RightFetch},
	}
	a.Lock = a.LockVersion()
	return a
}
