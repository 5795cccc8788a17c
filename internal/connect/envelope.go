package connect

import (
	"crypto/hpke"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/seal"
)

// Domains of what is sealed.
const (
	domainRequest = "sealgate/connect/v1 request"
	domainAnswer  = "sealgate/connect/v1 answer"
)

// An envelope begins with the fingerprint of the ingest key and the length of what
// is sealed.
const frameSize = 32 + 4

func requestInfo(path string, agent uuid.UUID) []byte {
	return transcript(domainRequest, []byte(path), agent[:])
}

func answerInfo(path string, agent uuid.UUID, signature []byte) []byte {
	sum := sha256.Sum256(signature)
	return transcript(domainAnswer, []byte(path), agent[:], sum[:])
}

// SealRequest returns the body of a request: message sealed for the ingest key, and
// tail, which is sealed already, behind it.
func SealRequest(ingest hpke.PublicKey, path string, agent uuid.UUID, message any, tail []byte) ([]byte, error) {
	const op = "connect: seal request"
	told, err := json.Marshal(message)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	sealed, err := sealFor(ingest, requestInfo(path, agent), told)
	if err != nil {
		return nil, err
	}
	if frameSize+len(sealed) > MaxEnvelope {
		return nil, fault.New(fault.TooLarge, op, "a message has at most %d bytes", MaxEnvelope)
	}
	fp := seal.AccessKeyFingerprint(ingest)
	b := append(make([]byte, 0, frameSize+len(sealed)+len(tail)), fp[:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(sealed)))
	return append(append(b, sealed...), tail...), nil
}

// OpenRequest opens what SealRequest made into message and returns the tail, which
// is a part of body. key gives the ingest key with a fingerprint, and its error is
// returned as it is.
func OpenRequest(key func(seal.Fingerprint) (hpke.PrivateKey, error), path string, agent uuid.UUID, body []byte, message any) (tail []byte, err error) {
	const op = "connect: open request"
	if len(body) < frameSize {
		return nil, fault.New(fault.Invalid, op, "the envelope is cut")
	}
	n := int64(binary.BigEndian.Uint32(body[32:frameSize]))
	switch {
	case n > MaxEnvelope-frameSize:
		return nil, fault.New(fault.TooLarge, op, "an envelope has at most %d bytes", MaxEnvelope)
	case n > int64(len(body)-frameSize):
		return nil, fault.New(fault.Invalid, op, "the envelope is cut")
	}
	private, err := key(seal.Fingerprint(body[:32]))
	if err != nil {
		return nil, err
	}
	told, err := openWith(private, requestInfo(path, agent), body[frameSize:frameSize+n])
	if err != nil {
		return nil, err
	}
	defer clear(told) // keys of files among it
	return body[frameSize+n:], decode(told, message)
}

// SealAnswer returns the body of an answer to the request with this signature.
func SealAnswer(receive hpke.PublicKey, path string, agent uuid.UUID, signature []byte, message any) ([]byte, error) {
	told, err := json.Marshal(message)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "connect: seal answer", err)
	}
	defer clear(told)
	return sealFor(receive, answerInfo(path, agent, signature), told)
}

// openAnswer opens what SealAnswer made.
func openAnswer(key hpke.PrivateKey, path string, agent uuid.UUID, signature, body []byte, message any) error {
	told, err := openWith(key, answerInfo(path, agent, signature), body)
	if err != nil {
		return err
	}
	defer clear(told)
	return decode(told, message)
}

func sealFor(pub hpke.PublicKey, info, told []byte) ([]byte, error) {
	sealed, err := hpke.Seal(pub, hpke.HKDFSHA256(), hpke.AES256GCM(), info, told)
	return sealed, fault.Wrap(fault.Internal, "connect: seal", err)
}

func openWith(key hpke.PrivateKey, info, sealed []byte) ([]byte, error) {
	told, err := hpke.Open(key, hpke.HKDFSHA256(), hpke.AES256GCM(), info, sealed)
	if err != nil {
		return nil, fault.New(fault.Damaged, "connect: open", "what was sent does not open: it was changed, or is for somebody else")
	}
	return told, nil
}

// decode reads one JSON value. Fields that it does not know are of a later version
// and mean nothing here.
func decode(told []byte, message any) error {
	if err := json.Unmarshal(told, message); err != nil {
		return fault.New(fault.Invalid, "connect: message", "a message is not as the protocol has it")
	}
	return nil
}
