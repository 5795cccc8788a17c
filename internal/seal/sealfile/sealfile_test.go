package sealfile

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hpke"
	"crypto/rand"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/seal"
)

var received = time.Date(2026, 1, 15, 9, 30, 0, 0, time.UTC)

type keys struct {
	cert   *x509.Certificate
	key    *ecdsa.PrivateKey
	access hpke.PrivateKey
}

func newKeys(t *testing.T) keys {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: received}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	access, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return keys{cert, key, access}
}

func (k keys) seal(t *testing.T, dst, name string, content []byte) {
	t.Helper()
	src := Source{Content: bytes.NewReader(content), Name: name, Received: received}
	tr, err := SealFile(context.Background(), src, dst, []*x509.Certificate{k.cert, k.cert}, []hpke.PublicKey{k.access.PublicKey()})
	if err != nil {
		t.Fatal(err)
	}
	if tr.Size != int64(len(content)) || tr.Name != name {
		t.Errorf("sealed %+v", tr)
	}
}

// wantFiles fails when the directory holds anything else: temporary files too.
func wantFiles(t *testing.T, dir string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
		if info, err := e.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v, %v", e.Name(), info.Mode(), err)
		}
	}
	if strings.Join(got, " ") != strings.Join(names, " ") {
		t.Errorf("files %q, want %q", got, names)
	}
}

func TestSealAndOpen(t *testing.T) {
	t.Chdir(t.TempDir())
	ctx, k := context.Background(), newKeys(t)
	content := bytes.Repeat([]byte("<CstmrCdtTrfInitn/>"), 10_000)
	k.seal(t, "a.sealed", "../../etc/a.xml", content)

	name, tr, err := OpenFile(ctx, "a.sealed", "", false, k.key, k.access)
	if err != nil || name != "a.xml" || tr.Name != "../../etc/a.xml" || !tr.ReceivedAt.Equal(received) {
		t.Fatalf("opened as %q, %+v, %v", name, tr, err)
	}
	if got, err := os.ReadFile("a.xml"); err != nil || !bytes.Equal(got, content) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	wantFiles(t, ".", "a.sealed", "a.xml")

	// Nothing is overwritten, unless asked for.
	if err := os.WriteFile("a.xml", []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := OpenFile(ctx, "a.sealed", "", false, k.key, k.access); !fault.Is(err, fault.Exists) {
		t.Errorf("opened over a file: %v", err)
	}
	if got, _ := os.ReadFile("a.xml"); string(got) != "mine" {
		t.Error("a file was overwritten")
	}
	var progress bytes.Buffer
	f, err := Open("a.sealed", k.key, k.access)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Extract(ctx, Target{Name: "a.xml", Overwrite: true, Progress: &progress}); err != nil {
		t.Error(err)
	}
	if !bytes.Equal(progress.Bytes(), content) {
		t.Error("progress was not told of all the content")
	}
	if got, _ := os.ReadFile("a.xml"); !bytes.Equal(got, content) {
		t.Error("not overwritten, though asked for")
	}
	src := Source{Content: bytes.NewReader(nil), Name: "x", Received: received}
	_, err = SealFile(ctx, src, "a.sealed", []*x509.Certificate{k.cert}, []hpke.PublicKey{k.access.PublicKey()})
	if !fault.Is(err, fault.Exists) {
		t.Errorf("sealed over a file: %v", err)
	}
	wantFiles(t, ".", "a.sealed", "a.xml")
}

func TestDamagedAndLockedFilesLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	k, other := newKeys(t), newKeys(t)
	sealed, out := filepath.Join(dir, "a.sealed"), filepath.Join(dir, "out")
	k.seal(t, sealed, "a.xml", make([]byte, 200_000))
	obj, err := os.ReadFile(sealed)
	if err != nil {
		t.Fatal(err)
	}
	open := func(k keys, want fault.Kind) {
		t.Helper()
		_, _, err := OpenFile(context.Background(), sealed, out, false, k.key, k.access)
		if !fault.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
		wantFiles(t, dir, "a.sealed")
	}
	open(keys{k.cert, other.key, k.access}, fault.Locked)
	open(keys{k.cert, k.key, other.access}, fault.Locked)
	for _, at := range []int{20, 200, len(obj) - 100_000, len(obj) - 10} {
		bad := bytes.Clone(obj)
		bad[at] ^= 1
		if err := os.WriteFile(sealed, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		open(k, fault.Damaged)
	}
	if err := os.Remove(sealed); err != nil {
		t.Fatal(err)
	}
	_, err = Open(sealed, k.key, k.access)
	if !fault.Is(err, fault.NotFound) {
		t.Error(err)
	}
}

func TestSealThatFailsLeavesNothing(t *testing.T) {
	dir, k := t.TempDir(), newKeys(t)
	certs, access := []*x509.Certificate{k.cert}, []hpke.PublicKey{k.access.PublicKey()}
	dst := filepath.Join(dir, "a.sealed")
	broken := errors.New("broken disk")
	_, err := SealFile(context.Background(), Source{Content: iotest.ErrReader(broken)}, dst, certs, access)
	if !errors.Is(err, broken) {
		t.Error(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = SealFile(ctx, Source{Content: strings.NewReader("x")}, dst, certs, access)
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	for _, c := range []struct {
		certs  []*x509.Certificate
		access []hpke.PublicKey
		want   fault.Kind
	}{
		{nil, access, fault.Invalid},
		{certs, nil, fault.Invalid},
		{make([]*x509.Certificate, 64), access, fault.TooLarge},
		{[]*x509.Certificate{{PublicKey: "none"}}, access, fault.Invalid},
	} {
		if _, err := SealFile(context.Background(), Source{Content: strings.NewReader("x")}, dst, c.certs, c.access); !fault.Is(err, c.want) {
			t.Errorf("%v, want %v", err, c.want)
		}
	}
	wantFiles(t, dir)
}

// TestTheNameIsTakenMeanwhile: somebody makes dst while it is being written.
func TestTheNameIsTakenMeanwhile(t *testing.T) {
	dir, k := t.TempDir(), newKeys(t)
	dst := filepath.Join(dir, "a.sealed")
	src := Source{Content: readerFunc(func([]byte) (int, error) {
		if err := os.WriteFile(dst, []byte("theirs"), 0o600); err != nil {
			t.Error(err)
		}
		return 0, io.EOF
	})}
	_, err := SealFile(context.Background(), src, dst, []*x509.Certificate{k.cert}, []hpke.PublicKey{k.access.PublicKey()})
	if !fault.Is(err, fault.Exists) {
		t.Error(err)
	}
	if got, _ := os.ReadFile(dst); string(got) != "theirs" {
		t.Error("a file was overwritten")
	}
	wantFiles(t, dir, "a.sealed")
}

// TestFileIsAReader lets a caller show a file's trailer and check it without
// writing anything.
func TestFileIsAReader(t *testing.T) {
	dir, k := t.TempDir(), newKeys(t)
	name := filepath.Join(dir, "a.sealed")
	k.seal(t, name, "a.xml", []byte("hello"))
	f, err := Open(name, k.key, k.access)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if f.Trailer().Size != 5 || f.Header().Account != [16]byte{} || f.Verify(context.Background()) != nil {
		t.Errorf("%+v", f.Trailer())
	}
	if f.Header().File == (seal.Binding{}).File {
		t.Error("the file has no id of its own")
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
