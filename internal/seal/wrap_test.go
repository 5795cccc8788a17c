package seal

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hpke"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"io"
	"math/big"
	"testing"

	"sealgate/internal/fault"
)

// tokenKey and kms stand for keys that cannot be taken out of their device.
type tokenKey struct{ key *rsa.PrivateKey }

func (k tokenKey) Public() crypto.PublicKey { return k.key.Public() }
func (k tokenKey) Decrypt(r io.Reader, b []byte, o crypto.DecrypterOpts) ([]byte, error) {
	return k.key.Decrypt(r, b, o)
}

type kms struct{ key *ecdh.PrivateKey }

func (k kms) PublicKey() *ecdh.PublicKey             { return k.key.PublicKey() }
func (k kms) Curve() ecdh.Curve                      { return k.key.Curve() }
func (k kms) ECDH(p *ecdh.PublicKey) ([]byte, error) { return k.key.ECDH(p) }

func locks(t testing.TB) map[string]lock {
	return map[string]lock{
		"RSA-3072": newLock(t, rsaKey(t)),
		"P-256":    newLock(t, ecKey(t, elliptic.P256())),
		"P-384":    newLock(t, ecKey(t, elliptic.P384())),
	}
}

// forms are the shapes in which the private half of a lock can come.
func forms(t testing.TB, l lock) []crypto.PrivateKey {
	switch key := l.key.(type) {
	case *rsa.PrivateKey:
		return []crypto.PrivateKey{key, tokenKey{key}}
	case *ecdsa.PrivateKey:
		return []crypto.PrivateKey{key, must(key.ECDH()), kms{must(key.ECDH())}}
	}
	t.Fatalf("key %T", l.key)
	return nil
}

func TestCertificateWraps(t *testing.T) {
	all := locks(t)
	for name, l := range all {
		t.Run(name, func(t *testing.T) {
			share, _ := NewShares()
			w, err := WrapForCertificate(share, l.cert, binding)
			if err != nil {
				t.Fatal(err)
			}
			for _, key := range forms(t, l) {
				got, err := UnwrapByCertificate(w, key, binding)
				if err != nil || got != share {
					t.Errorf("%T: another share, %v", key, err)
				}
				for what, other := range otherBindings() {
					_, err := UnwrapByCertificate(w, key, other)
					if !fault.Is(err, fault.Damaged) {
						t.Errorf("%T opens a wrap for another %s: %v", key, what, err)
					}
				}
			}
			for other, o := range all {
				if other == name {
					continue
				}
				_, err := UnwrapByCertificate(w, o.key, binding)
				wantKind(t, err, fault.Locked)
			}
			damageEveryByte(t, w, func(w Wrap) error {
				_, err := UnwrapByCertificate(w, l.key, binding)
				return err
			})
		})
	}
}

// away are keys whose device is not there.
type (
	awayRSA struct{ tokenKey }
	awayEC  struct{ kms }
)

var errAway = fault.New(fault.Locked, "token: open", "the token is not there")

func (awayRSA) Decrypt(io.Reader, []byte, crypto.DecrypterOpts) ([]byte, error) { return nil, errAway }

func (awayEC) ECDH(*ecdh.PublicKey) ([]byte, error) { return nil, errAway }

// A key that cannot be used just now is no damaged file.
func TestWhatATokenAnswersIsPassedOn(t *testing.T) {
	for name, l := range locks(t) {
		var key crypto.PrivateKey
		switch k := l.key.(type) {
		case *rsa.PrivateKey:
			key = awayRSA{tokenKey{k}}
		case *ecdsa.PrivateKey:
			key = awayEC{kms{must(k.ECDH())}}
		}
		share, _ := NewShares()
		_, err := UnwrapByCertificate(must(WrapForCertificate(share, l.cert, binding)), key, binding)
		if wantKind(t, err, fault.Locked); fault.Message(err) != "the token is not there" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func otherBindings() map[string]Binding {
	return map[string]Binding{
		"file":                    {File: [16]byte{7}, Account: accountID},
		"account":                 {File: fileID, Account: [16]byte{7}},
		"file and account turned": {File: accountID, Account: fileID},
	}
}

func damageEveryByte(t *testing.T, w Wrap, open func(Wrap) error) {
	t.Helper()
	step := max(1, len(w.Data)/60)
	for i := 0; i < len(w.Data); i += step {
		bad := w
		bad.Data = bytes.Clone(w.Data)
		bad.Data[i] ^= 0x10
		wantKind(t, open(bad), fault.Damaged)
	}
	for _, n := range []int{0, 1, len(w.Data) - 1} {
		bad := w
		bad.Data = w.Data[:n]
		wantKind(t, open(bad), fault.Damaged)
	}
	bad := w
	bad.Data = append(bytes.Clone(w.Data), 0)
	wantKind(t, open(bad), fault.Damaged)
	bad = w
	bad.Kind = 'X'
	wantKind(t, open(bad), fault.Damaged)
}

func TestAccessKeyWraps(t *testing.T) {
	key, share := hybridKey(t), Share(noise(32))
	w, err := WrapForAccessKey(share, key.PublicKey(), binding)
	if err != nil {
		t.Fatal(err)
	}
	if len(w.Data) != 1168 {
		t.Errorf("the wrap has %d bytes", len(w.Data))
	}
	got, err := UnwrapByAccessKey(w, key, binding)
	if err != nil || got != share {
		t.Errorf("another share, %v", err)
	}
	for what, other := range otherBindings() {
		if _, err := UnwrapByAccessKey(w, key, other); !fault.Is(err, fault.Damaged) {
			t.Errorf("opens for another %s: %v", what, err)
		}
	}
	_, err = UnwrapByAccessKey(w, hybridKey(t), binding)
	wantKind(t, err, fault.Locked)
	damageEveryByte(t, w, func(w Wrap) error {
		_, err := UnwrapByAccessKey(w, key, binding)
		return err
	})
}

func TestKeysThatCannotSeal(t *testing.T) {
	small := must(rsa.GenerateKey(rand.Reader, 2048))
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	huge := &rsa.PublicKey{N: new(big.Int).Lsh(big.NewInt(1), 8192), E: 65537}
	for what, pub := range map[string]crypto.PublicKey{
		"RSA-2048": small.Public(), "RSA-8193": huge, "P-521": ecKey(t, elliptic.P521()).Public(),
		"P-224": ecKey(t, elliptic.P224()).Public(), "Ed25519": ed.Public(), "none": nil,
	} {
		cert := &x509.Certificate{PublicKey: pub}
		if err := CheckCertificate(cert); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s passes: %v", what, err)
		}
		if _, err := WrapForCertificate(Share{}, cert, binding); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s wraps: %v", what, err)
		}
		if _, err := CertificateFingerprint(cert); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s has a fingerprint: %v", what, err)
		}
	}
	for _, key := range []crypto.PrivateKey{small, ed, nil, "key"} {
		_, err := UnwrapByCertificate(Wrap{}, key, binding)
		wantKind(t, err, fault.Invalid)
	}
	plain := must(hpke.DHKEM(ecdh.X25519()).GenerateKey())
	_, err = WrapForAccessKey(Share{}, plain.PublicKey(), binding)
	wantKind(t, err, fault.Invalid)
	_, err = WrapGrant(DeriveFileKey(Share{}, Share{}, fileID), plain.PublicKey(), binding)
	wantKind(t, err, fault.Invalid)
	_, err = UnwrapByAccessKey(Wrap{}, plain, binding)
	wantKind(t, err, fault.Invalid)
	_, err = OpenGrant(nil, plain, binding)
	wantKind(t, err, fault.Invalid)
	_, err = WrapOwnGrant(DeriveFileKey(Share{}, Share{}, fileID), plain, binding)
	wantKind(t, err, fault.Invalid)
}

// TestFingerprintIsTheKeys: a certificate renewed with the same key opens what
// the old one sealed, and the private half alone knows its name.
func TestFingerprintIsTheKeys(t *testing.T) {
	for name, l := range locks(t) {
		fp := must(CertificateFingerprint(l.cert))
		if fp != sha256.Sum256(l.cert.RawSubjectPublicKeyInfo) {
			t.Errorf("%s: not the hash of the certificate's key", name)
		}
		if again := must(CertificateFingerprint(newLock(t, l.key).cert)); again != fp {
			t.Errorf("%s: a renewed certificate has another fingerprint", name)
		}
		for _, key := range forms(t, l) {
			if got := must(PrivateKeyFingerprint(key)); got != fp {
				t.Errorf("%s: %T has another fingerprint", name, key)
			}
		}
	}
}

func TestFileKeyTellsLockedFromDamaged(t *testing.T) {
	l, access := newLock(t, ecKey(t, elliptic.P256())), hybridKey(t)
	c := newCraft(t, binding, nil, []lock{l}, access)
	k, err := c.h.FileKey(l.key, access)
	if err != nil || !bytes.Equal(k.Bytes(), c.k.Bytes()) {
		t.Fatalf("another key, %v", err)
	}
	_, err = c.h.FileKey(ecKey(t, elliptic.P256()), access)
	wantKind(t, err, fault.Locked)
	_, err = c.h.FileKey(l.key, hybridKey(t))
	wantKind(t, err, fault.Locked)
	_, err = c.h.FileKey(nil, access)
	wantKind(t, err, fault.Locked)
	_, err = c.h.FileKey(l.key, nil)
	wantKind(t, err, fault.Locked)
	_, err = Header{Binding: binding}.FileKey(l.key, access)
	wantKind(t, err, fault.Locked)
	c.h.Wraps[1].Data[5] ^= 1
	_, err = c.h.FileKey(l.key, access)
	wantKind(t, err, fault.Damaged)
}
