package sftpd

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"sealgate/internal/account"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake/intaketest"
)

// house is a running server over a real intake, with one account and login.
type house struct {
	*intaketest.World
	t        *testing.T
	server   *Server
	accounts *account.Service
	account  *account.Account
	login    *account.Login
	password string
	key      ssh.Signer
	keyFile  string
	addr     string
	shelf    *shelfFake
	logs     *logBuffer
	stop     func() // ends Run and waits
}

const username = "löner-robot"

// logBuffer keeps what is logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func openHouse(t *testing.T, change ...func(*Options)) *house {
	t.Helper()
	h := &house{World: intaketest.New(t, nil), t: t, shelf: newShelf(), logs: &logBuffer{}}
	log := slog.New(slog.NewTextHandler(h.logs, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h.accounts = account.New(h.Catalog, h.Keys, h.Store, account.Options{
		Now: h.Clock.Now, Log: log, Pause: func(context.Context, time.Duration) {},
	})
	var err error
	if h.account, err = h.accounts.AddAccount(t.Context(), "test", "acme", account.Defaults(), account.KeyOptions{}); err != nil {
		t.Fatal(err)
	}
	h.key, h.keyFile = newKey(t)
	line := string(ssh.MarshalAuthorizedKey(h.key.PublicKey()))
	if h.login, _, err = h.accounts.AddLogin(t.Context(), "test", "acme", account.NewLogin{Username: username, SSHKeys: []string{line}}); err != nil {
		t.Fatal(err)
	}
	if h.login, h.password, err = h.accounts.SetLogin(t.Context(), "test", "acme", username, account.LoginChange{NewPassword: true}); err != nil {
		t.Fatal(err)
	}
	opt := Options{
		HostKeys: h.Store.HostKeys(), SignIn: h.accounts, Intake: h.Intake, Outbox: h.shelf, Kept: h.shelf,
		Space: func() (int64, int64, error) { return 3 << 30, 9 << 30, nil },
		Now:   h.Clock.Now, Log: log, Drain: 5 * time.Second,
	}
	for _, c := range change {
		c(&opt)
	}
	if h.server, err = New(opt); err != nil {
		t.Fatal(err)
	}
	h.run()
	return h
}

func (h *house) run() {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	h.addr = l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.server.Run(ctx, l) }()
	h.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			h.t.Errorf("Run: %v", err)
		}
	})
	h.t.Cleanup(h.stop)
}

func newKey(t *testing.T) (ssh.Signer, string) {
	t.Helper()
	_, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(priv)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(priv, "")
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return signer, name
}

func (h *house) config(auth ...ssh.AuthMethod) *ssh.ClientConfig {
	if len(auth) == 0 {
		auth = []ssh.AuthMethod{ssh.PublicKeys(h.key)}
	}
	return &ssh.ClientConfig{User: username, Auth: auth, HostKeyCallback: ssh.InsecureIgnoreHostKey(), Timeout: 10 * time.Second}
}

func (h *house) dial(auth ...ssh.AuthMethod) *ssh.Client {
	h.t.Helper()
	c, err := ssh.Dial("tcp", h.addr, h.config(auth...))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	return c
}

func (h *house) sftp(opts ...sftp.ClientOption) *sftp.Client {
	h.t.Helper()
	c, err := sftp.NewClient(h.dial(), opts...)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { c.Close() })
	return c
}

// received returns the files in state received, oldest first.
func (h *house) received() []*catalog.File {
	h.t.Helper()
	var all []*catalog.File
	for _, f := range h.Files() {
		if f.State == catalog.Received {
			all = append(all, f)
		}
	}
	slices.Reverse(all)
	return all
}

// name opens a file's name.
func (h *house) name(f *catalog.File) string {
	h.t.Helper()
	rec, err := h.Keys.Records(h.t.Context(), f.Account)
	if err != nil {
		h.t.Fatal(err)
	}
	name, err := rec.Open("file", "name", f.ID, f.Name)
	if err != nil {
		h.t.Fatal(err)
	}
	return string(name)
}

// only returns the one received file, after checking its name and content.
func (h *house) only(name string, content []byte) *catalog.File {
	h.t.Helper()
	all := h.received()
	if len(all) != 1 {
		h.t.Fatalf("%d files received, want 1", len(all))
	}
	h.is(all[0], name, content)
	return all[0]
}

func (h *house) is(f *catalog.File, name string, content []byte) {
	h.t.Helper()
	if got := h.name(f); got != name {
		h.t.Errorf("the file is called %q, want %q", got, name)
	}
	if got := h.Read(f); !bytes.Equal(got, content) {
		h.t.Errorf("%s: %d bytes, want %d, or other ones", name, len(got), len(content))
	}
}

// noise is content that does not compress and has no period.
func noise(seed byte, n int) []byte {
	b := make([]byte, n)
	x := uint64(seed)*0x9e3779b97f4a7c15 + 1
	for i := range b {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	return b
}

func wantStatus(t *testing.T, err error, code uint32, sentence string) {
	t.Helper()
	var s *sftp.StatusError
	switch {
	case code == 2 && os.IsNotExist(err), code == 3 && os.IsPermission(err):
	case !asStatus(err, &s) || s.Code != code || !strings.Contains(err.Error(), sentence):
		t.Errorf("error %v, want status %d %q", err, code, sentence)
	}
}

func asStatus(err error, to **sftp.StatusError) bool {
	for err != nil {
		if s, ok := err.(*sftp.StatusError); ok {
			*to = s
			return true
		}
		u, ok := err.(interface{ Unwrap() error })
		if !ok {
			return false
		}
		err = u.Unwrap()
	}
	return false
}

// shelfFake is an /out and a /kept in memory.
type shelfFake struct {
	mu    sync.Mutex
	files map[string][]byte
	time  time.Time
}

func newShelf() *shelfFake {
	return &shelfFake{files: make(map[string][]byte), time: time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)}
}

func (s *shelfFake) put(name string, content []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[name] = content
}

func (s *shelfFake) List(context.Context, uuid.UUID) ([]Item, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []Item
	for name, b := range s.files {
		all = append(all, Item{idOf(name), name, int64(len(b)), s.time})
	}
	slices.SortFunc(all, func(a, b Item) int { return strings.Compare(a.Name, b.Name) })
	return all, nil
}

// idOf is the id of the file of that name: here names do not move on.
// Pages lists them one by one.
func (s *shelfFake) Pages(ctx context.Context, account uuid.UUID) (Pages, error) {
	all, err := s.List(ctx, account)
	return &onePerPage{all}, err
}

type onePerPage struct{ left []Item }

func (p *onePerPage) Next(context.Context) ([]Item, error) {
	if len(p.left) == 0 {
		return nil, io.EOF
	}
	next := p.left[:1]
	p.left = p.left[1:]
	return next, nil
}

func idOf(name string) uuid.UUID { return uuid.NewSHA1(uuid.Nil, []byte(name)) }

func (s *shelfFake) Stat(_ context.Context, _ uuid.UUID, file Ref) (Item, error) {
	name := file.Name
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.files[name]
	if !ok {
		return Item{}, fault.New(fault.NotFound, "shelf", "no such file")
	}
	return Item{idOf(name), name, int64(len(b)), s.time}, nil
}

func (s *shelfFake) Open(ctx context.Context, account, _ uuid.UUID, file Ref) (Content, error) {
	if _, err := s.Stat(ctx, account, file); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return struct {
		io.ReaderAt
		io.Closer
	}{bytes.NewReader(s.files[file.Name]), io.NopCloser(nil)}, nil
}

func (s *shelfFake) Remove(ctx context.Context, account, _ uuid.UUID, file Ref) error {
	if _, err := s.Stat(ctx, account, file); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.files, file.Name)
	return nil
}
