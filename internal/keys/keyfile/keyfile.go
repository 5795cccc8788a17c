// Package keyfile is how keys look outside of the key store: the files that
// people bring, take away, print and carry from one machine to another.
//
//	CERTIFICATE, PRIVATE KEY         an account's certificate and its key, PKCS#8 (RFC 7468)
//	SEALGATE ACCESS KEY              the private half of an access key
//	SEALGATE ACCESS PUBLIC KEY       its public half
//	SEALGATE ENCRYPTED ACCESS KEY    the private half under its owner's passphrase
//	SEALGATE CHALLENGE, ANSWER       the round trip that proves that somebody can open
//
// All files are PEM; docs/sealed-file.md has the bytes of those that are ours.
// Everything here is pure: text in, keys out. What is parsed was written by a
// stranger: it is bounded in size and cost, and a refusal says what is wrong in
// a sentence that an administrator can act on. Keys that come out do not print.
//
// Not here: who may use a key (custody), where it lies (keys), and its words on paper
// (keys/paper).
package keyfile

import (
	"bytes"
	"encoding/pem"

	"sealgate/internal/fault"
)

// The types of PEM blocks.
const (
	typeCertificate        = "CERTIFICATE"
	typePrivateKey         = "PRIVATE KEY"
	typeAccessKey          = "SEALGATE ACCESS KEY"
	typeAccessPublicKey    = "SEALGATE ACCESS PUBLIC KEY"
	typeEncryptedAccessKey = "SEALGATE ENCRYPTED ACCESS KEY"
	typeChallenge          = "SEALGATE CHALLENGE"
	typeAnswer             = "SEALGATE ANSWER"
)

const maxFile = 1 << 20 // bytes of any of these files

// hints tell who brought another kind of file what it is and what to do.
var hints = map[string]string{
	"ENCRYPTED PRIVATE KEY": "the private key is encrypted; decrypt it first: openssl pkcs8 -in KEY.pem -out PLAIN.pem",
	"RSA PRIVATE KEY":       "the private key is not in PKCS#8; convert it: openssl pkcs8 -topk8 -nocrypt -in KEY.pem -out PKCS8.pem",
	"EC PRIVATE KEY":        "the private key is not in PKCS#8; convert it: openssl pkcs8 -topk8 -nocrypt -in KEY.pem -out PKCS8.pem",
	"CERTIFICATE REQUEST":   "this is a request for a certificate; bring the certificate that the authority made from it",
	typePrivateKey:          "this is a private key",
	typeCertificate:         "this is a certificate",
	typeAccessKey:           "this is the private half of an access key",
	typeAccessPublicKey:     "this is the public half of an access key",
	typeEncryptedAccessKey:  "this is an access key encrypted under a passphrase",
	typeChallenge:           "this is a challenge",
	typeAnswer:              "this is an answer to a challenge",
}

func encode(kind string, b []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b})
}

// decode returns the content of the first block of one type in PEM text.
func decode(op string, text []byte, want, name string) ([]byte, error) {
	b, _, err := next(op, text, want, name)
	return b, err
}

// next is decode that also returns what stands after the block.
func next(op string, text []byte, want, name string) (content, rest []byte, err error) {
	if len(text) > maxFile {
		return nil, nil, fault.New(fault.TooLarge, op, "a file of %d bytes is no %s", len(text), name)
	}
	hint := ""
	for {
		block, rest := pem.Decode(text)
		switch {
		case block == nil && hint != "":
			return nil, nil, fault.New(fault.Invalid, op, "a %s is expected: %s", name, hint)
		case block == nil && bytes.HasPrefix(text, []byte{0x30}):
			return nil, nil, fault.New(fault.Invalid, op, "a %s in PEM is expected, and this looks like DER or PKCS#12", name)
		case block == nil:
			return nil, nil, fault.New(fault.Invalid, op, "there is no %s in it (PEM block %q)", name, want)
		case block.Type == want && len(block.Headers) > 0:
			return nil, nil, fault.New(fault.Invalid, op, "the %s has PEM headers, which this program does not know (is it encrypted?)", name)
		case block.Type == want:
			return block.Bytes, rest, nil
		}
		if hint == "" {
			hint = hints[block.Type]
		}
		clear(block.Bytes)
		text = rest
	}
}

func invalid(op, sentence string, err error) error {
	return &fault.Error{Kind: fault.Invalid, Op: op, Message: sentence, Err: err}
}
