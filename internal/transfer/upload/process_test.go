package upload

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/custody"
	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/keys/master"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/vault"
	"sealgate/internal/transfer/bodies"
	"sealgate/internal/transfer/intake"
)

// The test binary is its own gateway: with these variables it serves the door
// from a directory, so that a test can kill it.
const (
	serveDir  = "UPLOAD_TEST_SERVE"   // the directory
	serveAddr = "UPLOAD_TEST_ADDR"    // where to listen
	killAfter = "UPLOAD_TEST_KILL_AT" // bytes of bodies after which the process kills itself; 0 = never
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(serveDir); dir != "" {
		err := serve(context.Background(), dir, os.Getenv(serveAddr))
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// stores are what a gateway has on its disk.
type stores struct {
	keys    *keys.Store
	catalog *catalog.Catalog
	custody *custody.Custodian
	bodies  *bodies.Bodies
	intake  *intake.Intake
}

func openStores(ctx context.Context, dir string) (*stores, error) {
	s := new(stores)
	var err error
	if s.keys, err = keys.Open(ctx, filepath.Join(dir, "keys"), master.File(filepath.Join(dir, "master.key")), keys.Options{}); err != nil {
		return nil, err
	}
	if s.catalog, err = catalog.Open(ctx, filepath.Join(dir, "catalog.db"), catalog.Options{}); err != nil {
		return nil, err
	}
	v, err := vault.Open(durable.OS, filepath.Join(dir, "vault"))
	if err != nil {
		return nil, err
	}
	s.custody = custody.New(s.keys, s.catalog, "node-1", time.Now)
	if err := s.custody.ChangeDay(ctx); err != nil {
		return nil, err
	}
	s.bodies = bodies.New(s.catalog, v, s.custody)
	s.intake = intake.New(s.catalog, v, s.custody, intake.Options{Node: "node-1", Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	return s, nil
}

func (s *stores) close() {
	s.catalog.Close()
	s.keys.Close()
}

// accountID is the account of the gateway that a test runs.
var accountID = uuid.MustParse("01900000-0000-7000-8000-000000000001")

// makeStores makes what openStores opens, with one account and a certificate.
func makeStores(t *testing.T, dir string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(dir, "master.key")
	must(master.CreateFile(file))
	store, err := keys.Create(t.Context(), filepath.Join(dir, "keys"), master.File(file), keystest.Options(t))
	must(err)
	store.Close()
	s, err := openStores(t.Context(), dir)
	must(err)
	defer s.close()
	a := &catalog.Account{
		ID: accountID, Name: "acme", Content: catalog.ContentKeep, Keys: catalog.KeysGateway, OperatorAccess: catalog.OperatorOn,
		InShowFor: time.Hour, OutboxKeepFor: time.Hour, State: catalog.AccountOpen, CreatedAt: time.Now(),
	}
	k, err := s.custody.NewAccountKeys(t.Context(), custody.NewAccount{ID: a.ID, Name: a.Name, Keys: a.Keys})
	must(err)
	must(s.catalog.Update(t.Context(), func(tx *catalog.Tx) error {
		if err := tx.InsertAccount(a); err != nil {
			return err
		}
		return k.Insert(tx)
	}))

	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	must(err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	must(err)
	must(os.WriteFile(filepath.Join(dir, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	must(os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
}

// serve is the gateway's process.
func serve(ctx context.Context, dir, addr string) error {
	s, err := openStores(ctx, dir)
	if err != nil {
		return err
	}
	uploads := New(Options{
		Intake: s.intake, Now: time.Now, Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Who: func(ctx context.Context) (Who, error) {
			if ctx.Value(whoKey{}) != "Bearer acme" {
				return Who{}, fault.New(fault.Denied, "test", "nobody")
			}
			return Who{Account: accountID, Role: account.Uploader, Source: intake.SourceAPI, Actor: "token:acme"}, nil
		},
		Object: func(_ context.Context, f *catalog.File) (any, error) { return map[string]any{"id": f.ID}, nil },
	})
	limit, err := strconv.ParseInt(os.Getenv(killAfter), 10, 64)
	if err != nil {
		return err
	}
	var read atomic.Int64
	server := &http.Server{Addr: addr, ReadHeaderTimeout: time.Minute, TLSConfig: &tls.Config{MinVersion: tls.VersionTLS13}}
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = &deadly{r.Body, &read, limit}
		uploads.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), whoKey{}, r.Header.Get("Authorization"))))
	})
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Println("listening", l.Addr())
	return server.ServeTLS(l, filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem"))
}

// deadly kills the process once so many bytes were read.
type deadly struct {
	io.ReadCloser
	read  *atomic.Int64
	limit int64
}

func (d *deadly) Read(p []byte) (int, error) {
	n, err := d.ReadCloser.Read(p)
	if d.read.Add(int64(n)) > d.limit && d.limit > 0 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	return n, err
}

// gateway is a process that serves dir.
type gateway struct {
	dir, addr string
	process   *exec.Cmd
}

// start starts a process that lives for so many bytes of bodies; 0 = until stop.
func (g *gateway) start(t *testing.T, lives int64) {
	t.Helper()
	if g.addr == "" {
		g.addr = "127.0.0.1:0"
	}
	g.process = exec.CommandContext(t.Context(), os.Args[0])
	g.process.Env = append(os.Environ(), serveDir+"="+g.dir, serveAddr+"="+g.addr, killAfter+"="+strconv.FormatInt(lives, 10))
	g.process.Stderr = t.Output()
	out, err := g.process.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := g.process.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening ")
	if err != nil || !ok {
		t.Fatalf("the gateway says %q, %v", line, err)
	}
	g.addr = addr
}

// stop ends the process and returns the most memory that it ever took, in bytes.
func (g *gateway) stop(t *testing.T) int64 {
	t.Helper()
	var peak int64
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", g.process.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &peak); err == nil {
			break
		}
	}
	_ = g.process.Process.Kill()
	_ = g.process.Wait()
	return peak << 10
}

// only checks that the gateway's disk has one file, and it is as sent.
func (g *gateway) only(t *testing.T, id string, sent string) {
	t.Helper()
	s, err := openStores(t.Context(), g.dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	var files []*catalog.File
	if err := s.catalog.View(t.Context(), func(tx *catalog.Tx) (err error) {
		files, err = tx.Files(catalog.FileFilter{Account: accountID})
		return err
	}); err != nil {
		t.Fatal(err)
	}
	if len(files) != 1 || files[0].ID.String() != id || files[0].State != catalog.Received {
		t.Fatalf("%d files, not the one %s", len(files), id)
	}
	body, err := s.bodies.Open(t.Context(), files[0])
	if err != nil {
		t.Fatal(err)
	}
	defer body.Close()
	want, err := os.Open(sent)
	if err != nil {
		t.Fatal(err)
	}
	defer want.Close()
	if err := body.VerifyTo(t.Context(), &comparer{want: want}); err != nil {
		t.Fatal(err)
	}
	info, err := want.Stat()
	if err != nil || info.Size() != files[0].Content.Size {
		t.Fatalf("%d bytes, not %d, %v", files[0].Content.Size, info.Size(), err)
	}
}

// comparer is written what should be the same as what it reads.
type comparer struct {
	want io.Reader
	buf  []byte
}

func (c *comparer) Write(p []byte) (int, error) {
	c.buf = append(c.buf[:0], p...)
	if _, err := io.ReadFull(c.want, c.buf); err != nil {
		return 0, err
	}
	if string(c.buf) != string(p) {
		return 0, errors.New("other bytes than were sent")
	}
	return len(p), nil
}
