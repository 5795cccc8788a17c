// Package connect is what an agent and its gateway say to each other, version 1:
// the code that an agent is enrolled with, the enrolment, the signatures of
// requests and answers, the envelopes around what is told, and the messages.
//
// What holds, over plain HTTP too:
//
//   - Each request is signed by the agent and names one gateway, one process of
//     it (its epoch), a time and a nonce; the signature covers method, path, query
//     and the digest of the body, or of nonces and tags of a part's slots. Each answer
//     is signed by the gateway's identity, which the agent pinned when it was
//     enrolled, and belongs to one request.
//   - What a request tells is sealed for the gateway's ingest key of the day, what
//     an answer tells for the agent: file names, sums and keys are in envelopes
//     only. Problems are signed and not sealed: they tell nothing.
//   - Bodies of files are sealed files (package seal) and travel as they are.
//   - An enrolment code's secret never leaves either side: both prove that they
//     know it by a MAC over all that they agree upon.
//
// Signatures are a fixed profile of RFC 9421 with the Content-Digest of RFC 9530:
// one spelling, one algorithm, nothing to negotiate. What is spelled otherwise
// is refused.
//
// What does not hold: sizes, times and how many requests there are can be seen on
// the way. Whoever can cut the wire can stop everything.
//
// The package is pure: no disk, no network, no clock. Whether a nonce was seen,
// an agent is known, and a time is near enough is for its callers. Errors are
// faults; docs/connect-protocol.md specifies every byte.
package connect

import (
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/statement"
)

// Version is the version of the protocol, Prefix what all its paths begin with.
const (
	Version = 1
	Prefix  = "/connect/v1/"
)

// Bounds that both sides keep.
const (
	PartSize      = 4 << 20   // the most of a sealed object that one request or answer carries
	WholeSize     = 1 << 20   // the largest sealed object that goes with its envelope in one request
	MaxEnvelope   = 256 << 10 // of a sealed message, without what stands behind it
	MaxAnswer     = 4 << 20   // of the body of any answer
	MaxUnsigned   = 16 << 10  // of the body of a request that carries no signature
	MaxNames      = 1000      // file ids in one list
	MaxClockError = 5 * time.Minute
)

// ReceiveKeySize is the length of a public MLKEM768-X25519 key.
const ReceiveKeySize = 1184 + 32

// Where the operations are. Those of one file have its id in them.
const (
	PathGateway    = Prefix + "gateway" // GET, not signed
	PathEnroll     = Prefix + "enroll"  // not signed
	PathAccount    = Prefix + "account"
	PathHeartbeat  = Prefix + "heartbeat"
	PathDeliveries = Prefix + "deliveries"
	PathWhole      = Prefix + "deliveries/whole"
	PathKnown      = Prefix + "receipts/known"
	PathOutbox     = Prefix + "outbox"
	PathKept       = Prefix + "kept"
)

// PathParts is where the bytes of a delivery are put, with the query "offset=N".
func PathParts(file uuid.UUID) string { return PathDeliveries + "/" + file.String() + "/parts" }

// PathCommit ends a delivery.
func PathCommit(file uuid.UUID) string { return PathDeliveries + "/" + file.String() + "/commit" }

// PathOutboxOpen gives what a waiting file is opened with, PathOutboxBody its sealed
// bytes (GET, with the query "offset=N"), PathOutboxAck takes it off the list.
func PathOutboxOpen(file uuid.UUID) string { return PathOutbox + "/" + file.String() + "/open" }

// PathOutboxBody is described at PathOutboxOpen.
func PathOutboxBody(file uuid.UUID) string { return PathOutbox + "/" + file.String() + "/body" }

// PathOutboxAck is described at PathOutboxOpen.
func PathOutboxAck(file uuid.UUID) string { return PathOutbox + "/" + file.String() + "/ack" }

// PathKeptShare gives share A of a kept file, or of one that was fetched sealed;
// PathKeptBody the former's sealed bytes (GET).
func PathKeptShare(file uuid.UUID) string { return PathKept + "/" + file.String() + "/share" }

// PathKeptBody is described at PathKeptShare.
func PathKeptBody(file uuid.UUID) string { return PathKept + "/" + file.String() + "/body" }

// Identity is the SHA-256 of the gateway's public identity key: what a code pins.
type Identity [32]byte

// IdentityOf returns the fingerprint of an identity key.
func IdentityOf(pub ed25519.PublicKey) Identity { return sha256.Sum256(pub) }

// fingerprintText is an identity as people and headers have it.
func fingerprintText(pub ed25519.PublicKey) string { return statement.Fingerprint(pub) }

// AgentKeys are the two keys of an agent. Their private halves never leave its
// machine.
type AgentKeys struct {
	Sign    ed25519.PrivateKey
	Receive hpke.PrivateKey
}

// NewAgentKeys makes the keys of a new agent.
func NewAgentKeys() (*AgentKeys, error) {
	const op = "connect: agent keys"
	_, sign, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	receive, err := kem().GenerateKey()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	return &AgentKeys{Sign: sign, Receive: receive}, nil
}

const seedSize = 32

// Bytes returns what the keys are kept as, 64 bytes: the seeds of both.
func (k *AgentKeys) Bytes() ([]byte, error) {
	receive, err := k.Receive.Bytes()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "connect: agent keys", err)
	}
	return append(append(make([]byte, 0, 2*seedSize), k.Sign.Seed()...), receive...), nil
}

// AgentKeysFromBytes returns the keys that Bytes gave.
func AgentKeysFromBytes(b []byte) (*AgentKeys, error) {
	const op = "connect: agent keys"
	if len(b) != 2*seedSize {
		return nil, fault.New(fault.Damaged, op, "the agent's keys have %d bytes, not %d", len(b), 2*seedSize)
	}
	receive, err := kem().NewPrivateKey(b[seedSize:])
	if err != nil {
		return nil, fault.Wrap(fault.Damaged, op, err)
	}
	return &AgentKeys{Sign: ed25519.NewKeyFromSeed(b[:seedSize]), Receive: receive}, nil
}

// Format prints nothing of the keys, under any verb.
func (*AgentKeys) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[keys]") }

// ReceiveKey reads a public key that something can be sealed for.
func ReceiveKey(b []byte) (hpke.PublicKey, error) {
	pub, err := kem().NewPublicKey(b)
	if err != nil {
		return nil, fault.New(fault.Invalid, "connect: key", "this is no MLKEM768-X25519 public key")
	}
	return pub, nil
}

func kem() hpke.KEM { return hpke.MLKEM768X25519() }

// transcript is what MACs, signatures and envelopes are bound to: the domain and
// each field, with its length before it, so that no two lists are the same bytes.
func transcript(domain string, fields ...[]byte) []byte {
	b := field(nil, []byte(domain))
	for _, f := range fields {
		b = field(b, f)
	}
	return b
}

func field(b, f []byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(f))), f...)
}
