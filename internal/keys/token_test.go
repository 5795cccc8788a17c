//go:build pkcs11

package keys_test

import (
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"strings"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/keys/token/tokentest"
	"sealgate/internal/seal"
)

func TestMain(m *testing.M) { tokentest.Main(m) }

// certifyTheirs makes a certificate for a key that is not at hand.
func certifyTheirs(t *testing.T, public any) []byte {
	t.Helper()
	ca := ec(t, elliptic.P256())
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "acme"},
		NotBefore: t0, NotAfter: t0.AddDate(1, 0, 0),
	}
	der := must(x509.CreateCertificate(rand.Reader, tmpl, tmpl, public, ca))(t)
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestACertificateWhoseKeyLiesInATokenServesLikeOthers(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		uri, public := tokentest.NewKey(t, curve, "acme "+curve.Params().Name)
		cert := must(keys.ImportCertificate(certifyTheirs(t, public), []byte(uri+"\n"), t0))(t)
		access := must(keys.NewAccessKey())(t)
		s, id := keystest.New(t), uuid.New()
		if err := s.CreateAccount(id, cert, access); err != nil {
			t.Fatal(err)
		}
		s = keystest.Reopen(t, s)
		a := must(s.Account(id))(t)
		back := a.Certificate(cert.Fingerprint)
		sealAndOpen(t, cert, access, back, a.AccessKey(access.Fingerprint))
		if back.Token != uri {
			t.Errorf("the token is %q", back.Token)
		}
		if text := must(os.ReadFile(accountPath(s, id)))(t); strings.Contains(string(text), tokentest.PINFile()) {
			t.Error("where the PIN lies stands in the clear")
		}
		_, err := s.ExportCertificateKey(id, cert.Fingerprint)
		wantKind(t, err, fault.Locked)
		if err := s.RotateMaster(t.Context(), fixed(2), nil); err != nil {
			t.Fatal(err)
		}
		sealAndOpen(t, cert, access, must(s.Account(id))(t).Certificate(cert.Fingerprint), access)
		if _, err := s.RemoveCertificate(id, cert.Fingerprint, t0); err != nil {
			t.Fatal(err)
		}
		if d := must(s.Account(id))(t).Destroyed(); len(d) != 1 || d[0].Fingerprint != cert.Fingerprint {
			t.Errorf("destroyed: %v", d)
		}
	}
}

func TestWhatATokenCannotDoIsNotAccepted(t *testing.T) {
	uri, public := tokentest.NewKey(t, elliptic.P256(), "one")
	_, err := keys.ImportCertificate(certify(t, ec(t, elliptic.P256()), 0, t0, t0), []byte(uri), t0)
	if wantKind(t, err, fault.Invalid); !strings.Contains(fault.Message(err), "does not open") {
		t.Error(err)
	}
	_, err = keys.ImportCertificate(certifyTheirs(t, public), []byte(tokentest.URI("elsewhere", "one", tokentest.PINFile())), t0)
	if wantKind(t, err, fault.Locked); !strings.Contains(fault.Message(err), "elsewhere is not there") {
		t.Error(err)
	}
	uri, public = tokentest.NewKey(t, nil, "rsa") // SoftHSM's RSA has no OAEP with SHA-256
	_, err = keys.ImportCertificate(certifyTheirs(t, public), []byte(uri), t0)
	if wantKind(t, err, fault.Invalid); !strings.Contains(fault.Message(err), "use an EC key") {
		t.Error(err)
	}
}

// An account opens while its token is away; only what needs the token says so.
func TestAnAccountOpensWhileItsTokenIsAway(t *testing.T) {
	uri, public := tokentest.NewKey(t, elliptic.P256(), "away")
	cert := must(keys.ImportCertificate(certifyTheirs(t, public), []byte(uri), t0))(t)
	cert.Token = tokentest.URI("elsewhere", "away", tokentest.PINFile())
	own, access := must(keys.NewCertificate("acme", t0))(t), must(keys.NewAccessKey())(t)
	s, id := keystest.New(t), uuid.New()
	if err := s.CreateAccount(id, cert, access); err != nil {
		t.Fatal(err)
	}
	if err := s.AddCertificate(id, own); err != nil {
		t.Fatal(err)
	}
	a := must(keystest.Reopen(t, s).Account(id))(t)
	sealAndOpen(t, own, access, a.Certificate(own.Fingerprint), a.AccessKey(access.Fingerprint))

	share, _ := seal.NewShares()
	w := must(seal.WrapForCertificate(share, cert.Cert, binding))(t)
	_, err := seal.UnwrapByCertificate(w, a.Certificate(cert.Fingerprint).Key, binding)
	if wantKind(t, err, fault.Locked); !strings.Contains(fault.Message(err), "elsewhere is not there") {
		t.Error(err)
	}
}
