package keyfile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"strings"
	"testing"

	"sealgate/internal/fault"
)

const passphrase = "correct horse battery staple"

// cheap is the least that a file may ask for, so that tests are quick.
var cheap = cost{lanes: 1, passes: 1, memory: 19 << 10}

func TestAnEncryptedAccessKeyOpensWithItsPassphraseOnly(t *testing.T) {
	k := keyOf(t, 1)
	made := must(EncryptAccessKey(k, []byte(passphrase)))(t)
	text := made.Marshal()
	seed := must(Seed(k))(t)
	if bytes.Contains(made.Bytes(), seed) {
		t.Fatal("the seed stands in the file")
	}
	if !IsEncrypted(text) || IsEncrypted(must(MarshalAccessKey(k))(t)) {
		t.Error("an encrypted key is not told from a plain one")
	}
	_, err := ParseAccessKey(text)
	wantSentence(t, err, fault.Locked, "passphrase")

	back := must(ParseEncryptedAccessKey(text))(t)
	if back.Fingerprint != made.Fingerprint {
		t.Error("another fingerprint")
	}
	sameKey(t, must(back.Open([]byte(passphrase)))(t), k)
	for _, wrong := range []string{"", "correct horse battery stapl", "correct horse battery staple ", "Correct horse battery staple"} {
		_, err := back.Open([]byte(wrong))
		wantSentence(t, err, fault.Locked, "does not open with this passphrase")
	}
	for _, v := range []any{back, *back, struct{ e *EncryptedAccessKey }{back}} {
		if text := fmt.Sprintf("%v %s", v, v); strings.Contains(text, fmt.Sprintf("%x", back.bytes[encryptedHead:])) {
			t.Errorf("prints %s", text)
		}
	}
}

func TestTwoFilesOfOneKeyAndPassphraseHaveNothingInCommon(t *testing.T) {
	k := keyOf(t, 1)
	a, b := must(encryptAccessKey(k, []byte(passphrase), cheap))(t), must(encryptAccessKey(k, []byte(passphrase), cheap))(t)
	if bytes.Equal(a.bytes[12:28], b.bytes[12:28]) || bytes.Equal(a.bytes[60:72], b.bytes[60:72]) || bytes.Equal(a.bytes[72:], b.bytes[72:]) {
		t.Error("salt, nonce or ciphertext is the same twice")
	}
}

// é is one character on one keyboard and two on another.
func TestAPassphraseIsTheSameOnEveryKeyboard(t *testing.T) {
	composed, decomposed := "caf\u00e9 au lait, deux", "cafe\u0301 au lait, deux"
	typed := []byte(decomposed)
	e := must(encryptAccessKey(keyOf(t, 1), typed, cheap))(t)
	if string(typed) != decomposed {
		t.Error("the caller's passphrase was changed")
	}
	for _, p := range []string{composed, decomposed} {
		sameKey(t, must(e.Open([]byte(p)))(t), keyOf(t, 1))
	}
}

func TestAShortPassphraseIsRefused(t *testing.T) {
	for _, p := range []string{"", "elevenchars", strings.Repeat("é", 11)} {
		_, err := EncryptAccessKey(keyOf(t, 1), []byte(p))
		wantSentence(t, err, fault.Invalid, "too short")
	}
	if _, err := encryptAccessKey(keyOf(t, 1), []byte(strings.Repeat("é", 12)), cheap); err != nil {
		t.Error(err)
	}
}

func TestNoFieldOfAnEncryptedKeyCanBeChanged(t *testing.T) {
	e := must(encryptAccessKey(keyOf(t, 1), []byte(passphrase), cheap))(t)
	for _, i := range []int{0, 1, 2, 3, 4, 7, 8, 11, 12, 27, 28, 59, 60, 71, 72, 103, 104, encryptedSize - 1} { // first and last byte of each
		bad := e.Bytes()
		bad[i] ^= 1
		back, err := EncryptedAccessKeyFromBytes(bad)
		if err == nil {
			_, err = back.Open([]byte(passphrase))
		}
		if !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.Locked) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	for _, n := range []int{0, 1, encryptedHead, encryptedSize - 1} {
		_, err := EncryptedAccessKeyFromBytes(e.Bytes()[:n])
		wantSentence(t, err, fault.Invalid, "cannot be read")
	}
	_, err := EncryptedAccessKeyFromBytes(append(e.Bytes(), 0))
	wantSentence(t, err, fault.Invalid, "cannot be read")
}

// A file of a stranger is opened by the gateway: it may not ask for the world,
// and not for so little that the passphrase is found by guessing.
func TestAFileCannotAskForMoreThanAMachineCanSpare(t *testing.T) {
	for name, c := range map[string]struct{ lanes, passes, memory uint32 }{
		"no lanes":     {0, 3, 64 << 10},
		"many lanes":   {9, 3, 64 << 10},
		"no passes":    {4, 0, 64 << 10},
		"many passes":  {4, 17, 19 << 10},
		"most passes":  {4, 1<<32 - 1, 64 << 10},
		"little":       {4, 3, 19<<10 - 1},
		"nothing":      {4, 3, 0},
		"much":         {4, 1, 256<<10 + 1},
		"most":         {4, 1, 1<<32 - 1},
		"much in all":  {4, 16, 128 << 10},
		"a round trip": {1, 1 << 31, 1 << 31},
	} {
		e := must(encryptAccessKey(keyOf(t, 1), []byte(passphrase), cheap))(t)
		b := e.Bytes()
		b[2] = byte(c.lanes)
		binary.BigEndian.PutUint32(b[4:], c.passes)
		binary.BigEndian.PutUint32(b[8:], c.memory)
		if _, err := EncryptedAccessKeyFromBytes(b); !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Message(err), "out of bounds") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Files made today open with every later version.
func TestAStoredEncryptedKeyOpens(t *testing.T) {
	text, err := os.ReadFile("testdata/encrypted.pem")
	if os.Getenv("SEALGATE_UPDATE_VECTORS") != "" {
		text = must(EncryptAccessKey(keyOf(t, 0x2a), []byte(passphrase)))(t).Marshal()
		err = os.WriteFile("testdata/encrypted.pem", text, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	sameKey(t, must(must(ParseEncryptedAccessKey(text))(t).Open([]byte(passphrase)))(t), keyOf(t, 0x2a))
}
