package keys_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"

	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keystest"
)

func newTLSKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))(t)
}

func wantTLS(t testing.TB, s *keys.Store, certificate string, key *ecdsa.PrivateKey) {
	t.Helper()
	got, signer, err := s.TLS()
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != certificate || !signer.(*ecdsa.PrivateKey).Equal(key) {
		t.Errorf("another certificate or key came back: %q", got)
	}
}

func TestTheTLSKeyIsWrappedBackedUpAndRotated(t *testing.T) {
	s := keystest.New(t)
	_, _, err := s.TLS()
	wantKind(t, err, fault.NotFound)
	first, second := newTLSKey(t), newTLSKey(t)
	for cert, key := range map[string]*ecdsa.PrivateKey{"certificate one": first, "certificate two": second} {
		if err := s.SetTLS([]byte(cert), key); err != nil {
			t.Fatal(err)
		}
		wantTLS(t, s, cert, key)
		raw := must(os.ReadFile(filepath.Join(s.Dir(), "tls.key")))(t)
		if bytes.Contains(raw, must(key.Bytes())(t)) {
			t.Error("the key stands in the file unwrapped")
		}
	}
	if err := s.SetTLS([]byte("certificate"), first); err != nil {
		t.Fatal(err)
	}
	wantTLS(t, must(keys.Open(t.Context(), s.Dir(), keystest.Master(s), keys.Options{}))(t), "certificate", first)

	copied := filepath.Join(t.TempDir(), "copy")
	if err := s.Backup(copied); err != nil {
		t.Fatal(err)
	}
	restored := must(keys.Restore(t.Context(), copied, filepath.Join(t.TempDir(), "keys"), keystest.Master(s), keys.Options{}))(t)
	wantTLS(t, restored, "certificate", first)
	if err := restored.RotateMaster(t.Context(), fixed(2), nil); err != nil {
		t.Fatal(err)
	}
	wantTLS(t, must(keys.Open(t.Context(), restored.Dir(), fixed(2), keys.Options{}))(t), "certificate", first)
}

func TestATLSKeyThatSomebodyPutThereIsNoticed(t *testing.T) {
	s := keystest.New(t)
	if err := s.SetTLS([]byte("certificate"), newTLSKey(t)); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(s.Dir(), "tls.key")
	raw := must(os.ReadFile(file))(t)
	// The certificate is not secret, but it is bound to its key all the same.
	forged := bytes.Replace(raw, []byte("Y2VydGlmaWNhdGU="), []byte("Y2VydGlmaWNhdGF="), 1)
	if bytes.Equal(forged, raw) {
		t.Fatalf("the certificate is not where this test looks for it: %s", raw)
	}
	if err := os.WriteFile(file, forged, 0o600); err != nil {
		t.Fatal(err)
	}
	_, _, err := s.TLS()
	wantKind(t, err, fault.Damaged)
}

func TestAChangedTLSKeyIsOneOfTheTwoAfterAPowerCut(t *testing.T) {
	first, second := newTLSKey(t), newTLSKey(t)
	atEveryPowerCut(t,
		func(d disk) *keys.Store {
			s := d.create(t, fixed(1))
			if err := s.SetTLS([]byte("one"), first); err != nil {
				t.Fatal(err)
			}
			return s
		},
		func(s *keys.Store) error { return s.SetTLS([]byte("two"), second) },
		func(d disk, done bool) {
			certificate, key, err := must(keys.Open(t.Context(), dir, fixed(1), d.opt))(t).TLS()
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]crypto.Signer{"one": first, "two": second}[string(certificate)]
			if !key.(*ecdsa.PrivateKey).Equal(want) || done && string(certificate) != "two" {
				t.Errorf("done %v: certificate %q with another key, or the old one", done, certificate)
			}
		})
}
