package connect

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strings"

	"sealgate/internal/fault"
)

// Code is what an agent is enrolled with: whom to believe, which invitation it is,
// and a secret that is never sent. It works once.
type Code struct {
	Gateway    Identity
	Invitation Invitation
	secret     [16]byte
}

// Invitation names one invitation.
type Invitation [8]byte

// A code is written as codeMark and 96 characters of Crockford's base32, in groups
// of six: gateway (32 bytes), invitation (8), secret (16), checksum (4).
const (
	codeMark  = "sgc1"
	codeChars = 96
	codeGroup = 6
	codeSum   = 4
	codeBytes = 32 + 8 + 16 + codeSum
)

// Crockford's alphabet has no letters that are taken for others.
var base32c = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// NewCode draws a code for the gateway with this identity.
func NewCode(identity ed25519.PublicKey) Code {
	c := Code{Gateway: IdentityOf(identity)}
	rand.Read(c.Invitation[:]) // never fails (crypto/rand)
	rand.Read(c.secret[:])
	return c
}

// Text is the code as it is shown, once, to who will enter it.
func (c Code) Text() string {
	b := bytes.Join([][]byte{c.Gateway[:], c.Invitation[:], c.secret[:]}, nil)
	sum := sha256.Sum256(b)
	text := base32c.EncodeToString(append(b, sum[:codeSum]...))
	out := codeMark
	for ; text != ""; text = text[codeGroup:] {
		out += "-" + text[:codeGroup]
	}
	return out
}

// ParseCode reads a code as somebody has typed or pasted it: letters may be large,
// o, i and l stand for what they look like, and dashes and blanks may be anywhere.
func ParseCode(text string) (Code, error) {
	refuse := func(format string, args ...any) (Code, error) {
		return Code{}, fault.New(fault.Invalid, "connect: code", format, args...)
	}
	text = strings.ToLower(strings.Map(func(r rune) rune {
		if strings.ContainsRune("- \t\r\n\u00a0\u2010\u2011\u2013", r) {
			return -1 // what mail programs make of a dash as well
		}
		return r
	}, text))
	rest, ok := strings.CutPrefix(text, codeMark)
	switch {
	case !ok:
		return refuse("this is no enrolment code: it begins with %s-", codeMark)
	case len(rest) != codeChars:
		return refuse("the enrolment code has %d characters behind %s, and should have %d: copy all of it", len(rest), codeMark, codeChars)
	}
	b, err := base32c.DecodeString(strings.NewReplacer("o", "0", "i", "1", "l", "1").Replace(rest))
	if err != nil || len(b) != codeBytes {
		return refuse("the enrolment code has a character that none has: copy it once more")
	}
	sum := sha256.Sum256(b[:codeBytes-codeSum])
	if !bytes.Equal(sum[:codeSum], b[codeBytes-codeSum:]) {
		return refuse("the enrolment code was mistyped: copy it once more")
	}
	return Code{Gateway: Identity(b[:32]), Invitation: Invitation(b[32:40]), secret: [16]byte(b[40:56])}, nil
}

// Key is what both sides MAC the enrolment with; the gateway keeps it, sealed, in
// the place of the secret.
func (c Code) Key() EnrolmentKey {
	k, err := hkdf.Key(sha256.New, c.secret[:], c.Invitation[:], "sealgate/connect/v1 enrolment", 32)
	if err != nil {
		panic("connect: hkdf: " + err.Error()) // only for lengths or hashes that are not used here
	}
	return EnrolmentKey(k)
}

// Format prints no secret, under any verb: Text does.
func (c Code) Format(f fmt.State, _ rune) { fmt.Fprintf(f, "[code of invitation %x]", c.Invitation[:]) }

// EnrolmentKey proves that a party knows a code's secret.
type EnrolmentKey [32]byte

// Format prints nothing of the key, under any verb.
func (EnrolmentKey) Format(f fmt.State, _ rune) { fmt.Fprint(f, "[key]") }
