package keyfile

import (
	"bytes"
	"encoding/pem"
	"testing"

	"sealgate/internal/fault"
)

func TestAccessKeysSurviveTheirFiles(t *testing.T) {
	k := keyOf(t, 1)
	for range 2 { // writing a key out does not harm it
		sameKey(t, must(ParseAccessKey(must(MarshalAccessKey(k))(t)))(t), k)
	}
	public := must(ParseAccessPublicKey(MarshalAccessPublicKey(k.PublicKey())))(t)
	if !bytes.Equal(public.Bytes(), k.PublicKey().Bytes()) {
		t.Error("another public half came back")
	}
}

func TestOneFileIsNotTakenForAnother(t *testing.T) {
	k := keyOf(t, 1)
	private, public := must(MarshalAccessKey(k))(t), MarshalAccessPublicKey(k.PublicKey())
	_, err := ParseAccessKey(public)
	wantSentence(t, err, fault.Invalid, "public half")
	_, err = ParseAccessPublicKey(private)
	wantSentence(t, err, fault.Invalid, "private half")
	_, err = ParseCertificateKey(private)
	wantSentence(t, err, fault.Invalid, "private half of an access key")
	_, err = AnswerChallenge(private, k)
	wantSentence(t, err, fault.Invalid, "private half")
	_, err = ParseAccessKey(nil)
	wantSentence(t, err, fault.Invalid, "no access key in it")
	_, err = ParseAccessKey(encode(typeAccessKey, make([]byte, 31)))
	wantSentence(t, err, fault.Invalid, "cannot be read")
	_, err = ParseAccessPublicKey(encode(typeAccessPublicKey, make([]byte, 1215)))
	wantSentence(t, err, fault.Invalid, "cannot be read")
	_, err = ParseAccessKey(make([]byte, maxFile+1))
	wantSentence(t, err, fault.TooLarge, "bytes")
	withHeader := pem.EncodeToMemory(&pem.Block{Type: typeAccessKey, Headers: map[string]string{"Kdf": "x"}, Bytes: make([]byte, 32)})
	_, err = ParseAccessKey(withHeader)
	wantSentence(t, err, fault.Invalid, "PEM headers")
}
