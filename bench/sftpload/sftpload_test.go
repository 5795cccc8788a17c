//go:build linux

package main

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/json"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// startServer runs an SFTP server on memory; it returns its address, a key file
// that it accepts beside the password "secret", and a count of the sign-ins.
func startServer(t *testing.T) (addr, keyFile string, signIns *atomic.Int64) {
	t.Helper()
	_, host, _ := ed25519.GenerateKey(rand.Reader)
	pub, user, _ := ed25519.GenerateKey(rand.Reader)
	hostSigner, err := ssh.NewSignerFromKey(host)
	if err != nil {
		t.Fatal(err)
	}
	userPub, err := ssh.NewPublicKey(pub)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(user, "")
	if err != nil {
		t.Fatal(err)
	}
	keyFile = filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(keyFile, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	denied := errors.New("denied")
	allow := func(ok bool) (*ssh.Permissions, error) {
		if !ok {
			return nil, denied
		}
		return nil, nil
	}
	cfg := &ssh.ServerConfig{
		PasswordCallback: func(_ ssh.ConnMetadata, p []byte) (*ssh.Permissions, error) { return allow(string(p) == "secret") },
		PublicKeyCallback: func(_ ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
			return allow(bytes.Equal(k.Marshal(), userPub.Marshal()))
		},
	}
	cfg.AddHostKey(hostSigner)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	signIns = &atomic.Int64{}
	handlers := sftp.InMemHandler()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go serveConn(c, cfg, handlers, signIns)
		}
	}()
	return l.Addr().String(), keyFile, signIns
}

func serveConn(c net.Conn, cfg *ssh.ServerConfig, handlers sftp.Handlers, signIns *atomic.Int64) {
	_, chans, reqs, err := ssh.NewServerConn(c, cfg)
	if err != nil {
		return
	}
	signIns.Add(1)
	go ssh.DiscardRequests(reqs)
	for nc := range chans {
		ch, in, err := nc.Accept()
		if err != nil {
			return
		}
		go func() {
			for r := range in {
				_ = r.Reply(r.Type == "subsystem", nil)
			}
		}()
		go func() {
			_ = sftp.NewRequestServer(ch, handlers).Serve()
			ch.Close()
		}()
	}
}

func payloadDir(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		if err := os.WriteFile(filepath.Join(dir, strconv.Itoa(i)), bytes.Repeat([]byte{byte(i)}, 12<<10), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// load runs the command and reads its JSON.
func load(t *testing.T, want int, args ...string) result {
	t.Helper()
	var out bytes.Buffer
	code, err := run(args, &out)
	if code != want || err != nil {
		t.Fatalf("status %d, want %d: %v\n%s", code, want, err, out.String())
	}
	var r result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return r
}

func TestEachFileHasItsOwnSession(t *testing.T) {
	addr, key, signIns := startServer(t)
	t.Setenv("SFTPLOAD_PASSWORD", "secret")
	for i, cred := range [][]string{nil, {"-key", key}} {
		args := append([]string{"-addr", addr, "-user", "u", "-dir", "/", "-clients", "4", "-payload", payloadDir(t, 25)}, cred...)
		r := load(t, 0, args...)
		if r.Sessions != 25 || r.PerSecond <= 0 || r.P50 <= 0 || r.P50 > r.P99 || r.Negot == "" {
			t.Errorf("%+v", r)
		}
		if got, want := signIns.Load(), int64(25*(i+1)); got != want {
			t.Errorf("%d sign-ins, want %d", got, want)
		}
	}
}

func TestFailedSessionsAreTold(t *testing.T) {
	addr, _, _ := startServer(t)
	t.Setenv("SFTPLOAD_PASSWORD", "wrong")
	r := load(t, 3, "-addr", addr, "-user", "u", "-payload", payloadDir(t, 5))
	if r.Errors != 5 || r.Sessions != 0 || r.FirstError == "" {
		t.Errorf("%+v", r)
	}
}

func TestHoldReadsTheServersMemory(t *testing.T) {
	addr, key, _ := startServer(t)
	r := load(t, 0, "-mode", "hold", "-settle", "0", "-addr", addr, "-user", "u", "-key", key, "-clients", "10",
		"-server-pid", strconv.Itoa(os.Getpid()))
	if r.Sessions != 10 || r.Server == nil || r.Server.RSS == 0 || r.Server.PSS == 0 {
		t.Errorf("%+v", r)
	}
}

func TestTimeSaysWhatACommandUsed(t *testing.T) {
	r := load(t, 0, "-mode", "time", "--", "sh", "-c", "echo hidden")
	if r.Seconds <= 0 || r.PeakRSS < 100 {
		t.Errorf("%+v", r)
	}
}

func TestWrongUse(t *testing.T) {
	t.Setenv("SFTPLOAD_PASSWORD", "secret")
	for _, args := range [][]string{
		{"-addr", "192.0.2.1:22", "-user", "u"}, // not this machine
		{"-addr", "127.0.0.1", "-user", "u"},
		{"-addr", "127.0.0.1:1"},
		{"-user", "u", "-clients", "0"},
		{"-mode", "other"},
		{"-mode", "proc"},
	} {
		if code, err := run(args, &bytes.Buffer{}); code != 2 || err == nil {
			t.Errorf("%q: status %d, %v", args, code, err)
		}
	}
}

func TestQuantile(t *testing.T) {
	v := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}
	for q, want := range map[float64]float64{.5: 5, .95: 10, .99: 10, 1: 10} {
		if got := quantile(v, q); got != want {
			t.Errorf("%v: %v, want %v", q, got, want)
		}
	}
}
