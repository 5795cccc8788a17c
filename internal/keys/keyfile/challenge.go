package keyfile

import (
	"bytes"
	"crypto/hmac"
	"crypto/hpke"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/seal"
)

// Before anything is sealed under an access key that somebody else holds, that
// somebody opens something sealed for it:
//
//	challenge: account id (16) | key id (16) | fingerprint (32) | 32 random bytes, HPKE-sealed (1,168)
//	answer:    key id (16) | HMAC-SHA256(the 32 random bytes, answerLabel) (32)
//
// HPKE as for share B, with challengeLabel | account id | key id as info: a
// challenge can be nothing else, so that answering one gives nothing else away.
const (
	challengeLabel = "sealgate/v1 challenge"
	answerLabel    = "sealgate/v1 answer"

	challengeHead = 16 + 16 + 32
	challengeSize = challengeHead + 1120 + 32 + 16
	answerSize    = 16 + 32

	// ChallengeDays is how long an answer is waited for.
	ChallengeDays = 7
)

// NewChallenge makes a challenge for whoever holds the private half of to. The
// second result is kept for CheckAnswer; it is no secret.
func NewChallenge(account, key uuid.UUID, to hpke.PublicKey) (challenge, want []byte, err error) {
	const op = "keyfile: new challenge"
	if to.KEM().ID() != hpke.MLKEM768X25519().ID() {
		return nil, nil, fault.New(fault.Invalid, op, "an access key is an MLKEM768-X25519 key")
	}
	secret := make([]byte, 32)
	defer clear(secret)
	rand.Read(secret) // never fails
	sealed, err := hpke.Seal(to, hpke.HKDFSHA256(), hpke.AES256GCM(), challengeInfo(account, key), secret)
	if err != nil {
		return nil, nil, fault.Wrap(fault.Internal, op, err)
	}
	fp := seal.AccessKeyFingerprint(to)
	b := bytes.Join([][]byte{account[:], key[:], fp[:], sealed}, nil)
	digest := sha256.Sum256(answerTo(secret))
	return encode(typeChallenge, b), digest[:], nil
}

// AnswerChallenge opens a challenge with the private half of the access key it
// was made for and returns the answer, which is no secret. Locked: it was made
// for another key.
func AnswerChallenge(challenge []byte, k hpke.PrivateKey) ([]byte, error) {
	const op = "keyfile: answer challenge"
	b, err := decode(op, challenge, typeChallenge, "challenge")
	if err != nil {
		return nil, err
	}
	if len(b) != challengeSize {
		return nil, fault.New(fault.Invalid, op, "the challenge cannot be read: it is damaged, or of a later version")
	}
	account, key := uuid.UUID(b[:16]), uuid.UUID(b[16:32])
	want, have := seal.Fingerprint(b[32:challengeHead]), seal.AccessKeyFingerprint(k.PublicKey())
	if want != have {
		return nil, fault.New(fault.Locked, op, "the challenge is for the access key %s, and this is %s", want, have)
	}
	secret, err := hpke.Open(k, hpke.HKDFSHA256(), hpke.AES256GCM(), challengeInfo(account, key), b[challengeHead:])
	if err != nil || len(secret) != 32 {
		return nil, fault.New(fault.Damaged, op, "the challenge is damaged: ask for another one")
	}
	defer clear(secret)
	return encode(typeAnswer, append(key[:], answerTo(secret)...)), nil
}

// CheckAnswer reports whether an answer is the one that NewChallenge waits for.
func CheckAnswer(answer []byte, key uuid.UUID, want []byte) error {
	const op = "keyfile: check answer"
	b, err := decode(op, answer, typeAnswer, "answer")
	if err != nil {
		return err
	}
	if len(b) != answerSize {
		return fault.New(fault.Invalid, op, "the answer cannot be read: it is damaged, or of a later version")
	}
	if got := uuid.UUID(b[:16]); got != key {
		return fault.New(fault.Invalid, op, "the answer is for the access key %s, not for %s", got, key)
	}
	digest := sha256.Sum256(b[16:])
	if subtle.ConstantTimeCompare(digest[:], want) != 1 {
		return fault.New(fault.Invalid, op, "the answer does not fit: it is to an older challenge, or was made with another key")
	}
	return nil
}

func challengeInfo(account, key uuid.UUID) []byte {
	return bytes.Join([][]byte{[]byte(challengeLabel), account[:], key[:]}, nil)
}

func answerTo(secret []byte) []byte {
	m := hmac.New(sha256.New, secret)
	m.Write([]byte(answerLabel))
	return m.Sum(nil)
}
