package keyfile

import (
	"bytes"
	"encoding/pem"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/fault"
)

func TestOnlyTheHolderOfTheKeyCanAnswer(t *testing.T) {
	k, account, id := keyOf(t, 1), uuid.New(), uuid.New()
	challenge, want, err := NewChallenge(account, id, k.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	answer := must(AnswerChallenge(challenge, k))(t)
	if err := CheckAnswer(answer, id, want); err != nil {
		t.Error(err)
	}
	again := must(AnswerChallenge(challenge, k))(t)
	if !bytes.Equal(answer, again) {
		t.Error("two answers to one challenge")
	}
	_, err = AnswerChallenge(challenge, keyOf(t, 2))
	wantSentence(t, err, fault.Locked, "and this is")

	// What is on record is not the answer.
	block, _ := pem.Decode(answer)
	if bytes.Contains(block.Bytes, want) {
		t.Error("the answer can be read off the record")
	}
	wantSentence(t, CheckAnswer(encode(typeAnswer, append(id[:], want...)), id, want), fault.Invalid, "does not fit")

	wantSentence(t, CheckAnswer(answer, uuid.New(), want), fault.Invalid, "is for the access key")
	_, other, err := NewChallenge(account, id, k.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	wantSentence(t, CheckAnswer(answer, id, other), fault.Invalid, "older challenge")
	wantSentence(t, CheckAnswer(answer, id, nil), fault.Invalid, "does not fit")
	wantSentence(t, CheckAnswer(challenge, id, want), fault.Invalid, "this is a challenge")
	wantSentence(t, CheckAnswer(nil, id, want), fault.Invalid, "no answer in it")
}

func TestAChallengeStandsForItsAccountAndKeyOnly(t *testing.T) {
	k := keyOf(t, 1)
	challenge, _, err := NewChallenge(uuid.New(), uuid.New(), k.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(challenge)
	for i := range block.Bytes {
		bad := bytes.Clone(block.Bytes)
		bad[i] ^= 0x40
		_, err := AnswerChallenge(encode(typeChallenge, bad), k)
		if i >= 32 && i < challengeHead { // the fingerprint
			wantSentence(t, err, fault.Locked, "is for the access key")
		} else {
			wantSentence(t, err, fault.Damaged, "ask for another one")
		}
	}
	for _, n := range []int{0, 16, challengeHead, challengeSize - 1} {
		_, err := AnswerChallenge(encode(typeChallenge, block.Bytes[:n]), k)
		wantSentence(t, err, fault.Invalid, "cannot be read")
	}
}
