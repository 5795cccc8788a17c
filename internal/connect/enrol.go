package connect

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"

	"github.com/google/uuid"

	"sealgate/internal/fault"
)

// Enrolment is what an agent sends to be enrolled, in plain JSON: nothing in it is
// secret. MAC says that it knows the code, Signature that it has the key it names.
type Enrolment struct {
	Version    int    `json:"version"`
	Invitation []byte `json:"invitation"`
	Nonce      []byte `json:"nonce"`
	SignKey    []byte `json:"sign_key"`
	ReceiveKey []byte `json:"receive_key"`
	Platform   string `json:"platform"` // as "windows/amd64"
	Program    string `json:"program"`  // as "connect 1.2.0"
	MAC        []byte `json:"mac"`
	Signature  []byte `json:"signature"`
}

// Enrolled is the gateway's answer. Sealed is an Account, for the receive key.
type Enrolled struct {
	Agent     uuid.UUID `json:"agent"`
	Nonce     []byte    `json:"nonce"`
	Sealed    []byte    `json:"sealed"`
	MAC       []byte    `json:"mac"`
	Signature []byte    `json:"signature"`
}

const (
	nonceSize = 32
	maxWord   = 100 // of a platform or program

	domainEnrol    = "sealgate/connect/v1 enrol"
	domainEnrolled = "sealgate/connect/v1 enrolled"
	domainWelcome  = "sealgate/connect/v1 welcome"
)

// NewEnrolment makes the request of an agent with these keys. An answer that was
// not heard is asked for with the same request again.
func NewEnrolment(c Code, k *AgentKeys, platform, program string) *Enrolment {
	e := &Enrolment{
		Version: Version, Invitation: c.Invitation[:], Nonce: make([]byte, nonceSize),
		SignKey: k.Sign.Public().(ed25519.PublicKey), ReceiveKey: k.Receive.PublicKey().Bytes(),
		Platform: platform, Program: program,
	}
	rand.Read(e.Nonce)
	e.seal(c, k)
	return e
}

func (e *Enrolment) seal(c Code, k *AgentKeys) {
	key, said := c.Key(), e.transcript(c.Gateway)
	e.MAC = mac(key, said)
	e.Signature = ed25519.Sign(k.Sign, said)
}

func (e *Enrolment) transcript(gateway Identity) []byte {
	return transcript(domainEnrol, gateway[:], e.Invitation, e.Nonce, e.SignKey, e.ReceiveKey, []byte(e.Platform), []byte(e.Program))
}

// ParseEnrolment reads a request and checks its form, not yet whether it is true.
func ParseEnrolment(body []byte) (*Enrolment, error) {
	const op = "connect: enrolment"
	e := new(Enrolment)
	if len(body) > MaxUnsigned || json.Unmarshal(body, e) != nil {
		return nil, fault.New(fault.Invalid, op, "this is no request to be enrolled")
	}
	if e.Version != Version {
		return nil, fault.New(fault.Invalid, op, "the agent speaks version %d, and this gateway version %d", e.Version, Version)
	}
	if len(e.Invitation) != len(Invitation{}) || len(e.Nonce) != nonceSize || len(e.SignKey) != ed25519.PublicKeySize ||
		len(e.MAC) != sha256.Size || len(e.Signature) != ed25519.SignatureSize || len(e.Platform) > maxWord || len(e.Program) > maxWord {
		return nil, fault.New(fault.Invalid, op, "a field of the request has a wrong length")
	}
	if _, err := ReceiveKey(e.ReceiveKey); err != nil {
		return nil, err
	}
	return e, nil
}

// ID returns which invitation the request answers to.
func (e *Enrolment) ID() Invitation { return Invitation(e.Invitation) }

// Keys returns the public keys of the agent.
func (e *Enrolment) Keys() (sign ed25519.PublicKey, receive hpke.PublicKey, err error) {
	receive, err = ReceiveKey(e.ReceiveKey)
	return e.SignKey, receive, err
}

// Verify checks that the sender knows the code whose key this is and has the signing
// key that it names: Denied otherwise. It takes the same time whatever is wrong
// with the MAC.
func (e *Enrolment) Verify(key EnrolmentKey, identity ed25519.PublicKey) error {
	said := e.transcript(IdentityOf(identity))
	if !hmac.Equal(e.MAC, mac(key, said)) || !ed25519.Verify(e.SignKey, said, e.Signature) {
		return fault.New(fault.Denied, "connect: enrolment", "the request was not made with the code of this invitation")
	}
	return nil
}

// Accept makes the gateway's answer to a request that was verified: which agent it
// is from now on, and what it has to know.
func (e *Enrolment) Accept(key EnrolmentKey, identity ed25519.PrivateKey, agent uuid.UUID, a Account) (*Enrolled, error) {
	const op = "connect: accept"
	_, receive, err := e.Keys()
	if err != nil {
		return nil, err
	}
	pub := identity.Public().(ed25519.PublicKey)
	asked := e.transcript(IdentityOf(pub))
	told, err := json.Marshal(a)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	sealed, err := sealFor(receive, welcomeInfo(asked, agent), told)
	if err != nil {
		return nil, err
	}
	r := &Enrolled{Agent: agent, Nonce: make([]byte, nonceSize), Sealed: sealed}
	rand.Read(r.Nonce)
	said := r.transcript(asked, pub)
	r.MAC, r.Signature = mac(key, said), ed25519.Sign(identity, said)
	return r, nil
}

func welcomeInfo(asked []byte, agent uuid.UUID) []byte {
	sum := sha256.Sum256(asked)
	return transcript(domainWelcome, sum[:], agent[:])
}

func (r *Enrolled) transcript(asked []byte, identity ed25519.PublicKey) []byte {
	return transcript(domainEnrolled, asked, identity, r.Agent[:], r.Nonce, r.Sealed)
}

// Accepted reads the gateway's answer to e. identity is the key that the gateway
// says it has; it is believed when the code names it. What comes back is all from
// the gateway that made the code.
func (e *Enrolment) Accepted(c Code, k *AgentKeys, identity ed25519.PublicKey, body []byte) (agent uuid.UUID, a *Account, err error) {
	const op = "connect: accepted"
	r := new(Enrolled)
	switch {
	case len(identity) != ed25519.PublicKeySize || IdentityOf(identity) != c.Gateway:
		return uuid.Nil, nil, fault.New(fault.Denied, op, "this is not the gateway that made the code")
	case len(body) > MaxAnswer || json.Unmarshal(body, r) != nil || len(r.Nonce) != nonceSize:
		return uuid.Nil, nil, fault.New(fault.Damaged, op, "the gateway's answer cannot be read")
	}
	asked := e.transcript(c.Gateway)
	said := r.transcript(asked, identity)
	if !hmac.Equal(r.MAC, mac(c.Key(), said)) || !ed25519.Verify(identity, said, r.Signature) {
		return uuid.Nil, nil, fault.New(fault.Damaged, op, "the answer was not made by the gateway that made the code, or it was changed on the way")
	}
	told, err := openWith(k.Receive, welcomeInfo(asked, r.Agent), r.Sealed)
	if err != nil {
		return uuid.Nil, nil, err
	}
	a = new(Account)
	if err := decode(told, a); err != nil {
		return uuid.Nil, nil, err
	}
	return r.Agent, a, nil
}

func mac(key EnrolmentKey, said []byte) []byte {
	m := hmac.New(sha256.New, key[:])
	m.Write(said)
	return m.Sum(nil)
}
