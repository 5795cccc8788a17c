package keys_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keystest"
)

// A secret that changes is written to the copy a moment later, many of them at once; a
// key at once, with the secrets before it.
func TestASecretReachesTheCopyLater(t *testing.T) {
	h := newHouse(t)
	id := uuid.New()
	read := func() []byte { return must(os.ReadFile(h.backup))(t) }
	was := read()
	for _, value := range []string{"first", "second"} {
		if err := h.SetSecret(h.id, "totp", id, []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(was, read()) {
		t.Error("a secret alone rewrites the copy while everybody waits")
	}
	select {
	case <-h.Later():
	default:
		t.Fatal("nobody is told that the copy is behind")
	}
	h.CatchUp()
	wantSecret(t, h.rehearsal(t), h.id, "totp", id, "second")
	was = read()
	h.CatchUp()
	if !bytes.Equal(was, read()) {
		t.Error("it is written again for nothing")
	}
	if err := h.RemoveSecret(h.id, "totp", id); err != nil {
		t.Fatal(err)
	}
	if err := h.AddAccessKey(h.id, must(keys.NewAccessKey())(t)); err != nil {
		t.Fatal(err)
	}
	wantSecret(t, h.rehearsal(t), h.id, "totp", id, "")
}

func TestCloseWritesWhatWasPutOff(t *testing.T) {
	h := newHouse(t)
	id := uuid.New()
	if err := h.SetSecret(h.id, "totp", id, []byte("value")); err != nil {
		t.Fatal(err)
	}
	m := keystest.Master(h.Store)
	h.Close()
	drill := must(keys.Restore(t.Context(), h.backup, filepath.Join(t.TempDir(), "drill"), m, keys.Options{}))(t)
	wantSecret(t, drill, h.id, "totp", id, "value")
}

// stuck is a disk on which one file hangs, as on a mount whose server is away.
type stuck struct {
	durable.FS
	file    string
	reached chan struct{}
	free    chan struct{}
}

func (s *stuck) Open(name string) (durable.File, error) {
	if name == s.file {
		select {
		case s.reached <- struct{}{}:
		case <-s.free:
		}
		<-s.free
	}
	return s.FS.Open(name)
}

// hanging opens a house's store once more, on a disk on which its copy hangs.
func (h *house) hanging(t *testing.T) (*keys.Store, *stuck) {
	t.Helper()
	fs := &stuck{FS: durable.OS, file: h.backup, reached: make(chan struct{}), free: make(chan struct{})}
	return must(keys.Open(t.Context(), h.Dir(), keystest.Master(h.Store), keys.Options{FS: fs}))(t), fs
}

// While the medium of the copy hangs, keys are read and secrets are changed.
func TestACopyThatHangsIsInNobodysWay(t *testing.T) {
	h := newHouse(t)
	s, fs := h.hanging(t)
	id := uuid.New()
	if err := s.SetSecret(h.id, "totp", id, []byte("value")); err != nil {
		t.Fatal(err)
	}
	caughtUp := make(chan struct{})
	go func() {
		s.CatchUp()
		close(caughtUp)
	}()
	<-fs.reached
	worked := make(chan error, 1)
	go func() {
		err := s.SetSecret(h.id, "totp", id, []byte("another"))
		if err == nil {
			_, err = s.Account(h.id)
		}
		worked <- err
	}()
	select {
	case err := <-worked:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("the store waits for the medium of its copy")
	}
	close(fs.free)
	<-caughtUp
}

// An act on keys waits for the copy, and nobody waits for the act.
func TestAnActWhoseCopyHangsIsInNobodysWay(t *testing.T) {
	h := newHouse(t)
	_, tlsKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, act := range map[string]func(s *keys.Store) error{
		"add":    func(s *keys.Store) error { return s.AddAccessKey(h.id, must(keys.NewAccessKey())(t)) },
		"create": func(s *keys.Store) error { return s.CreateAccount(uuid.New(), nil, nil) },
		"tls":    func(s *keys.Store) error { return s.SetTLS([]byte("certificate"), tlsKey) },
		"remove": func(s *keys.Store) error { _, err := s.RemoveAccessKey(h.id, h.access[0].ID, t0); return err },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, fs := h.hanging(t)
				acted := make(chan error, 1)
				go func() { acted <- act(s) }()
				<-fs.reached
				began := time.Now() // moves only when everybody waits
				if _, err := s.Account(h.id); err != nil {
					t.Error(err)
				}
				if err := s.SetSecret(h.id, "totp", uuid.New(), []byte("value")); err != nil {
					t.Error(err)
				}
				s.HostKeys()
				if took := time.Since(began); took != 0 {
					t.Errorf("readers have waited %v", took)
				}
				close(fs.free)
				if err := <-acted; err != nil {
					t.Error(err)
				}
				wantCopy(t, s, h.backup)
			})
		})
	}
}

// A medium that does not answer takes an act a moment, once; what it should have is
// written when it answers again.
func TestACopyThatGoesOnHangingIsPutOff(t *testing.T) {
	h := newHouse(t)
	synctest.Test(t, func(t *testing.T) {
		s, fs := h.hanging(t)
		began := time.Now()
		c, err := s.RemoveAccessKey(h.id, h.access[0].ID, t0)
		if err != nil || c.Rewritten || c.Path != h.backup || !fault.Is(c.Err, fault.TryLater) {
			t.Errorf("%+v, %v", c, err)
		}
		added := must(keys.NewAccessKey())(t)
		if err := s.AddAccessKey(h.id, added); err != nil {
			t.Error(err)
		}
		gone := uuid.New()
		if err := errors.Join(s.CreateAccount(gone, nil, nil), s.DestroyAccount(gone)); err != nil {
			t.Error(err)
		}
		wantCopyProblem(t, s, fault.TryLater, "does not answer")
		if err := s.Backup(filepath.Join(t.TempDir(), "another")); !fault.Is(err, fault.TryLater) {
			t.Errorf("a backup meanwhile: %v", err)
		}
		m := rotate(t, s)
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("all of them together have waited %v", took)
		}
		select {
		case <-s.Later():
		default:
			t.Error("nobody is told that the copy is behind")
		}
		close(fs.free)
		synctest.Wait()
		s.CatchUp()
		wantCopy(t, s, h.backup)
		r := must(keys.Restore(t.Context(), h.backup, filepath.Join(t.TempDir(), "r"), m, keys.Options{}))(t)
		if a := must(r.Account(h.id))(t); a.AccessKey(h.access[0].Fingerprint) != nil || a.AccessKey(added.Fingerprint) == nil {
			t.Errorf("the copy has %v", a.AccessKeys())
		}
	})
}

func TestCloseEndsWhileTheCopyHangs(t *testing.T) {
	h := newHouse(t)
	synctest.Test(t, func(t *testing.T) {
		s, fs := h.hanging(t)
		go s.CheckCopy()
		<-fs.reached
		if err := s.SetSecret(h.id, "totp", uuid.New(), []byte("value")); err != nil {
			t.Fatal(err)
		}
		s.Close()
		close(fs.free) // an act that wakes up after it does no harm
	})
	if _, err := h.CheckCopy(); err == nil || fault.Is(err, fault.Damaged) {
		t.Errorf("the copy after that: %v", err)
	}
}

// meanwhile is a disk on which something happens as soon as a file is read.
type meanwhile struct {
	durable.FS
	file   string
	happen func()
}

func (m *meanwhile) Open(name string) (durable.File, error) {
	if happen := m.happen; name == m.file && happen != nil {
		m.happen = nil
		happen()
	}
	return m.FS.Open(name)
}

// A secret that changes just when the copy is compared is no fault of the copy.
func TestACopyIsNotBehindBecauseItIsLookedAt(t *testing.T) {
	h := newHouse(t)
	fs := &meanwhile{FS: durable.OS, file: filepath.Join(h.Dir(), "copy.json")}
	s := must(keys.Open(t.Context(), h.Dir(), keystest.Master(h.Store), keys.Options{FS: fs}))(t)
	fs.happen = func() {
		if err := s.SetSecret(h.id, "totp", uuid.New(), []byte("value")); err != nil {
			t.Error(err)
		}
	}
	wantCopy(t, s, h.backup)
}
