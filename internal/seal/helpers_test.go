package seal

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hpke"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	mathrand "math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"sealgate/internal/fault"
)

var (
	fileID    = [16]byte{0x01, 0x9a, 15: 0xf1}
	accountID = [16]byte{0x01, 0x9b, 15: 0xac}
	binding   = Binding{File: fileID, Account: accountID}
	received  = time.Date(2026, 1, 15, 9, 30, 0, 123456000, time.UTC)
)

// lock is one certificate key with its certificate.
type lock struct {
	cert *x509.Certificate
	key  crypto.Signer
}

func newLock(t testing.TB, key crypto.Signer) lock {
	t.Helper()
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "sealgate test"}, NotAfter: received.AddDate(10, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return lock{cert, key}
}

func ecKey(t testing.TB, c elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(c, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

var rsa3072 = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, 3072) })

func rsaKey(t testing.TB) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa3072()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func hybridKey(t testing.TB) hpke.PrivateKey {
	t.Helper()
	key, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// stored returns the key of testdata/keys/name, made now when -update is given
// and it is not there.
func stored(t testing.TB, name, block string, gen func() []byte) []byte {
	t.Helper()
	file := filepath.Join("testdata", "keys", name)
	b, err := os.ReadFile(file)
	if os.IsNotExist(err) && *update {
		b = pem.EncodeToMemory(&pem.Block{Type: block, Bytes: gen()})
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		err = os.WriteFile(file, b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	p, _ := pem.Decode(b)
	return p.Bytes
}

func storedLock(t testing.TB, name string, gen func() crypto.Signer) lock {
	t.Helper()
	der := stored(t, name, "PRIVATE KEY", func() []byte {
		der, err := x509.MarshalPKCS8PrivateKey(gen())
		if err != nil {
			t.Fatal(err)
		}
		return der
	})
	key, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		t.Fatal(err)
	}
	return newLock(t, key.(crypto.Signer))
}

func storedAccess(t testing.TB, name string) hpke.PrivateKey {
	t.Helper()
	seed := stored(t, name, "SEALGATE ACCESS KEY", func() []byte { return noise(32) })
	key, err := hpke.MLKEM768X25519().NewPrivateKey(seed)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// craft is a sealed file in pieces, to be damaged and put together.
type craft struct {
	t       testing.TB
	h       Header
	k       *FileKey
	a, b    Share
	body    *Body
	plain   []byte
	header  []byte
	slots   [][]byte
	trailer []byte
	grant   []byte // nil = it is opened by its wraps
}

func newCraft(t testing.TB, bind Binding, plain []byte, certs []lock, access ...hpke.PrivateKey) *craft {
	t.Helper()
	c := &craft{t: t, h: Header{Binding: bind}, plain: plain}
	c.a, c.b = NewShares()
	for _, l := range certs {
		c.h.Wraps = append(c.h.Wraps, must(WrapForCertificate(c.a, l.cert, bind)))
	}
	for _, key := range access {
		c.h.Wraps = append(c.h.Wraps, must(WrapForAccessKey(c.b, key.PublicKey(), bind)))
	}
	c.k = DeriveFileKey(c.a, c.b, bind.File)
	c.body = must(NewBody(c.k, bind.File))
	var obj bytes.Buffer
	tr, err := Seal(&obj, bytes.NewReader(plain), c.h, c.k, "pain.001.xml", received)
	if err != nil {
		t.Fatal(err)
	}
	c.header = c.h.Marshal(c.k)
	b := obj.Bytes()[len(c.header):]
	for k := range Slots(tr.Size) {
		n := min(SealedSlot, int64(len(b))-k*SealedSlot-TrailerSize)
		c.slots = append(c.slots, b[k*SealedSlot:][:n])
	}
	c.trailer = b[len(b)-TrailerSize:]
	return c
}

func (c *craft) bytes() []byte {
	return bytes.Join([][]byte{c.header, bytes.Join(c.slots, nil), c.trailer}, nil)
}

// resign edits the signed part of the header and makes the MAC right again, as
// only a holder of the file key could.
func (c *craft) resign(edit func(signed []byte) []byte) {
	signed := edit(bytes.Clone(c.header[:len(c.header)-macSize]))
	c.header = append(signed, c.k.headerMAC(signed)...)
}

func (c *craft) byKey(Header) (*FileKey, error) { return c.k, nil }

// readAll opens an object and reads it in every way there is. All must agree.
func readAll(obj []byte, key func(Header) (*FileKey, error)) ([]byte, Trailer, error) {
	r, err := OpenReaderAt(bytes.NewReader(obj), int64(len(obj)), key)
	if err != nil {
		return nil, Trailer{}, err
	}
	var out bytes.Buffer
	err = r.VerifyTo(noCtx, &out)
	return out.Bytes(), r.Trailer(), err
}

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("error %v, want kind %v", err, kind)
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func noise(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// text is content that is the same in every run.
func text(n int) []byte {
	b := make([]byte, n)
	mathrand.NewChaCha8([32]byte{1}).Read(b)
	return b
}
