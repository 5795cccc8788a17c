package keyfile

import (
	"bytes"
	"testing"
	"time"

	"github.com/google/uuid"
)

// Parsers take what a stranger wrote: they answer or refuse.

func FuzzFiles(f *testing.F) {
	k := keyOf(f, 1)
	private, err := MarshalAccessKey(k)
	if err != nil {
		f.Fatal(err)
	}
	challenge, want, err := NewChallenge(uuid.UUID{1}, uuid.UUID{2}, k.PublicKey())
	if err != nil {
		f.Fatal(err)
	}
	answer, err := AnswerChallenge(challenge, k)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(private)
	f.Add(MarshalAccessPublicKey(k.PublicKey()))
	f.Add(challenge)
	f.Add(answer)
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n"))
	f.Add([]byte("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		ParseCertificate(text)
		ParseCertificateKey(text)
		CheckCertificate(text, time.Unix(1<<30, 0))
		if public, err := ParseAccessPublicKey(text); err == nil {
			if _, err := ParseAccessPublicKey(MarshalAccessPublicKey(public)); err != nil {
				t.Fatal(err)
			}
		}
		if private, err := ParseAccessKey(text); err == nil {
			if _, err := MarshalAccessKey(private); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := AnswerChallenge(text, k); err == nil && !bytes.Contains(got, []byte(typeAnswer)) {
			t.Fatalf("answered with %q", got)
		}
		if err := CheckAnswer(text, uuid.UUID{2}, want); err == nil {
			if a, err := decode("", text, typeAnswer, ""); err != nil || len(a) != answerSize {
				t.Fatalf("took %q", text)
			}
		}
	})
}

func FuzzEncryptedAccessKey(f *testing.F) {
	e, err := encryptAccessKey(keyOf(f, 1), []byte(passphrase), cheap)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(e.Bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := EncryptedAccessKeyFromBytes(b)
		if err != nil {
			return
		}
		if c := e.cost(); c.memory > 256<<10 || c.passes > 16 || c.lanes > 8 || c.lanes == 0 {
			t.Fatalf("asks for %+v", c)
		}
		if back, err := ParseEncryptedAccessKey(e.Marshal()); err != nil || !bytes.Equal(back.bytes, b) {
			t.Fatalf("does not survive its file: %v", err)
		}
	})
}
