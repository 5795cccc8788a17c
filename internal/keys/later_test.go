package keys_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/durable"
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

// While the medium of the copy hangs, keys are read and secrets are changed.
func TestACopyThatHangsIsInNobodysWay(t *testing.T) {
	h := newHouse(t)
	fs := &stuck{FS: durable.OS, file: h.backup, reached: make(chan struct{}), free: make(chan struct{})}
	s := must(keys.Open(t.Context(), h.Dir(), keystest.Master(h.Store), keys.Options{FS: fs}))(t)
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
	case <-time.After(20 * time.Second):
		t.Error("the store waits for the medium of its copy")
	}
	close(fs.free)
	<-caughtUp
}
