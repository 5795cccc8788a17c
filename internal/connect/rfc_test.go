package connect

import (
	"crypto/ed25519"
	"crypto/x509"
	"encoding/base64"
	"testing"
)

// TestSignatureBaseOfTheRFC: appendix B.2.6 of RFC 9421, signed with Ed25519.
func TestSignatureBaseOfTheRFC(t *testing.T) {
	der := must(base64.StdEncoding.DecodeString("MCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs="))
	pub := must(x509.ParsePKIXPublicKey(der)).(ed25519.PublicKey)
	sig, ok := parseBinary(":wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==:", ed25519.SignatureSize)
	b := base([]line{
		{`"date"`, "Tue, 20 Apr 2021 02:07:55 GMT"},
		{`"@method"`, "POST"},
		{`"@path"`, "/foo"},
		{`"@authority"`, "example.com"},
		{`"content-type"`, "application/json"},
		{`"content-length"`, "18"},
	}, `("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"`)
	if !ok || !ed25519.Verify(pub, b, sig) {
		t.Errorf("the signature of the RFC does not fit:\n%s", b)
	}
}
