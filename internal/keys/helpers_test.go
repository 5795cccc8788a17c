package keys_test

import (
	"testing"
	"time"

	"sealgate/internal/keys"
	"sealgate/internal/seal"
)

var t0 = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

var binding = seal.Binding{File: [16]byte{1}, Account: [16]byte{2}}

// sealAndOpen wraps two shares for keys as they were and opens them with keys
// as they came back.
func sealAndOpen(t *testing.T, cert *keys.Certificate, access *keys.AccessKey, certBack *keys.Certificate, accessBack *keys.AccessKey) {
	t.Helper()
	if certBack == nil || accessBack == nil {
		t.Fatal("a key did not come back")
	}
	a, b := seal.NewShares()
	wa, err := seal.WrapForCertificate(a, cert.Cert, binding)
	if err != nil {
		t.Fatal(err)
	}
	wb, err := seal.WrapForAccessKey(b, access.Public, binding)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := seal.UnwrapByCertificate(wa, certBack.Key, binding); err != nil || got != a {
		t.Errorf("the certificate's key does not open: %v", err)
	}
	if got, err := seal.UnwrapByAccessKey(wb, accessBack.Private, binding); err != nil || got != b {
		t.Errorf("the access key does not open: %v", err)
	}
}

func grantOpens(t *testing.T, made, back *keys.IngestKey) {
	t.Helper()
	a, b := seal.NewShares()
	key := seal.DeriveFileKey(a, b, binding.File)
	grant, err := seal.WrapGrant(key, made.Public, binding)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seal.OpenGrant(grant, back.Private, binding); err != nil {
		t.Errorf("the grant does not open: %v", err)
	}
}
