package keys_test

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keystest"
)

var rsa3072 = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 3072) })

func ec(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	return must(ecdsa.GenerateKey(c, rand.Reader))(t)
}

// certify makes a certificate as a customer would bring it.
func certify(t testing.TB, key crypto.Signer, usage x509.KeyUsage, from, until time.Time) []byte {
	t.Helper()
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "acme"},
		NotBefore: from, NotAfter: until, KeyUsage: usage,
	}
	der := must(x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key))(t)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func pkcs8(t testing.TB, key any) []byte {
	t.Helper()
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: must(x509.MarshalPKCS8PrivateKey(key))(t)})
}

func TestCertificatesOfCustomersAreTakenAndWork(t *testing.T) {
	year := t0.AddDate(1, 0, 0)
	for name, c := range map[string]struct {
		key   crypto.Signer
		usage x509.KeyUsage
	}{
		"RSA 3072":            {must(rsa3072())(t), x509.KeyUsageKeyEncipherment},
		"RSA, data":           {must(rsa3072())(t), x509.KeyUsageDataEncipherment | x509.KeyUsageDigitalSignature},
		"RSA, no usage named": {must(rsa3072())(t), 0},
		"P-256":               {ec(t, elliptic.P256()), x509.KeyUsageKeyAgreement},
		"P-384":               {ec(t, elliptic.P384()), x509.KeyUsageKeyAgreement},
		"P-256, no usage":     {ec(t, elliptic.P256()), 0},
	} {
		t.Run(name, func(t *testing.T) {
			cert := must(keys.ImportCertificate(certify(t, c.key, c.usage, t0, year), pkcs8(t, c.key), t0))(t)
			access := must(keys.NewAccessKey())(t)
			s, id := keystest.New(t), uuid.New()
			if err := s.CreateAccount(id, cert, access); err != nil {
				t.Fatal(err)
			}
			a := must(keystest.Reopen(t, s).Account(id))(t)
			sealAndOpen(t, cert, access, a.Certificate(cert.Fingerprint), a.AccessKey(access.Fingerprint))
			switch a.Certificates()[0].Key.(type) {
			case *rsa.PrivateKey, *ecdsa.PrivateKey, *ecdh.PrivateKey:
				t.Error("the key itself is given out")
			}
			out := must(s.ExportCertificateKey(id, cert.Fingerprint))(t)
			again := must(keys.ImportCertificate(cert.PEM(), out, t0))(t)
			if again.Fingerprint != cert.Fingerprint {
				t.Error("what was exported is another key")
			}
		})
	}
}

func TestCertificatesThatCannotSealAreRefusedWithTheReason(t *testing.T) {
	p256, year := ec(t, elliptic.P256()), t0.AddDate(1, 0, 0)
	small := must(rsa.GenerateKey(rand.Reader, 2048))(t)
	_, ed, _ := ed25519.GenerateKey(rand.Reader)
	good := certify(t, p256, x509.KeyUsageKeyAgreement, t0, year)
	sec1 := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: must(x509.MarshalECPrivateKey(p256))(t)})
	for name, c := range map[string]struct {
		cert, key []byte
		want      string
	}{
		"small RSA":           {certify(t, small, x509.KeyUsageKeyEncipherment, t0, year), pkcs8(t, small), "2048 bits"},
		"P-521":               {certify(t, ec(t, elliptic.P521()), 0, t0, year), pkcs8(t, p256), "P-256 or P-384"},
		"Ed25519":             {certify(t, ed, 0, t0, year), pkcs8(t, ed), "neither RSA nor EC"},
		"signing only":        {certify(t, p256, x509.KeyUsageDigitalSignature, t0, year), pkcs8(t, p256), "key agreement"},
		"RSA, signing only":   {certify(t, must(rsa3072())(t), x509.KeyUsageDigitalSignature, t0, year), pkcs8(t, must(rsa3072())(t)), "key encipherment"},
		"expired":             {certify(t, p256, 0, t0.AddDate(-2, 0, 0), t0.AddDate(-1, 0, 0)), pkcs8(t, p256), "until 2025-11-21"},
		"not yet valid":       {certify(t, p256, 0, t0.AddDate(0, 0, 2), year), pkcs8(t, p256), "before 2026-11-23"},
		"another key":         {good, pkcs8(t, ec(t, elliptic.P256())), "does not belong"},
		"a key of other kind": {good, pkcs8(t, must(rsa3072())(t)), "does not belong"},
		"encrypted key":       {good, pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte{1}}), "encrypted"},
		"SEC 1 key":           {good, sec1, "openssl pkcs8 -topk8"},
		"no key":              {good, nil, "no PKCS#8 private key"},
		"swapped":             {pkcs8(t, p256), good, "this is a private key"},
		"DER":                 {[]byte{0x30, 0x82}, pkcs8(t, p256), "DER"},
		"garbage in PEM":      {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), pkcs8(t, p256), "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := keys.ImportCertificate(c.cert, c.key, t0)
			wantKind(t, err, fault.Invalid)
			if !strings.Contains(fault.Message(err), c.want) {
				t.Errorf("the sentence %q does not say %q", fault.Message(err), c.want)
			}
		})
	}
}

func TestTheGatewaysOwnCertificate(t *testing.T) {
	c := must(keys.NewCertificate("acme", t0))(t)
	if c.Cert.Subject.CommonName != "acme" || c.Cert.KeyUsage != x509.KeyUsageKeyAgreement || c.Cert.IsCA {
		t.Errorf("subject %s, usage %v, CA %v", c.Cert.Subject, c.Cert.KeyUsage, c.Cert.IsCA)
	}
	if got := c.Cert.NotAfter; !got.Equal(t0.AddDate(10, 0, 0)) {
		t.Errorf("valid until %v", got)
	}
	if err := c.Cert.CheckSignature(c.Cert.SignatureAlgorithm, c.Cert.RawTBSCertificate, c.Cert.Signature); err != nil {
		t.Error(err)
	}
}

func TestACustomerHeldKeyHasNoPrivateHalfHere(t *testing.T) {
	s, id := keystest.New(t), uuid.New()
	k := must(keys.NewAccessKey())(t)
	k.Private = nil
	if err := s.CreateAccount(id, must(keys.NewCertificate("acme", t0))(t), k); err != nil {
		t.Fatal(err)
	}
	a := must(keystest.Reopen(t, s).Account(id))(t)
	if got := a.AccessKey(k.Fingerprint); got == nil || got.Private != nil {
		t.Errorf("came back as %v", got)
	}
}

func TestKeysAreAddedAndRemovedByName(t *testing.T) {
	s, id := keystest.New(t), uuid.New()
	first := must(keys.NewCertificate("acme", t0))(t)
	wantKind(t, s.AddCertificate(id, first), fault.NotFound)
	if err := s.CreateAccount(id, first, must(keys.NewAccessKey())(t)); err != nil {
		t.Fatal(err)
	}
	wantKind(t, s.AddCertificate(id, first), fault.Exists)
	second := must(keys.NewCertificate("acme", t0))(t)
	if err := s.AddCertificate(id, second); err != nil {
		t.Fatal(err)
	}
	if _, err := s.RemoveCertificate(id, first.Fingerprint, t0); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*keys.Store{s, keystest.Reopen(t, s)} {
		a := must(s.Account(id))(t)
		if a.Certificate(first.Fingerprint) != nil || a.Certificate(second.Fingerprint) == nil {
			t.Errorf("certificates left: %v", a.Certificates())
		}
	}
	if err := s.DestroyAccount(id); err != nil {
		t.Fatal(err)
	}
	_, err := s.Account(id)
	wantKind(t, err, fault.NotFound)
	if err := s.DestroyAccount(id); err != nil {
		t.Errorf("destroyed twice: %v", err)
	}
}
