package keys_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/keys/master"
)

// rehearsal restores a house's backup beside it, as somebody who tries whether
// it works does.
func (h *house) rehearsal(t *testing.T) *keys.Store {
	t.Helper()
	return must(keys.Restore(t.Context(), h.backup, filepath.Join(t.TempDir(), "drill"), keystest.Master(h.Store), keys.Options{}))(t)
}

// rotate gives a store a new master key, at a place of its own.
func rotate(t *testing.T, s *keys.Store) keys.Master {
	t.Helper()
	file := filepath.Join(t.TempDir(), "master.key")
	if err := master.CreateFile(file); err != nil {
		t.Fatal(err)
	}
	if err := s.RotateMaster(t.Context(), master.File(file), nil); err != nil {
		t.Fatal(err)
	}
	return master.File(file)
}

func wantCopy(t *testing.T, s *keys.Store, path string) {
	t.Helper()
	if got, err := s.CheckCopy(); got != path || err != nil {
		t.Errorf("the copy at %q: %v", got, err)
	}
}

// wantCopyProblem wants a sentence of that kind, with these words.
func wantCopyProblem(t *testing.T, s *keys.Store, kind fault.Kind, words string) {
	t.Helper()
	if _, err := s.CheckCopy(); !fault.Is(err, kind) || !strings.Contains(fault.Message(err), words) {
		t.Errorf("the copy: %v", err)
	}
}

// The copy that a store was restored from may be that of the gateway in use:
// nothing that is done to the restored one reaches it, until somebody makes a
// copy of its own.
func TestARestoredStoreNeverWritesToTheCopyItCameFrom(t *testing.T) {
	h := newHouse(t)
	was := must(os.ReadFile(h.backup))(t)
	drill := h.rehearsal(t)
	if got := must(drill.Summary())(t).Copy; got != "" {
		t.Errorf("its copy is %q", got)
	}
	wantCopyProblem(t, drill, fault.NotFound, "restored from the copy at "+h.backup)
	c, err := drill.RemoveAccessKey(h.id, h.access[0].ID, t0)
	if err != nil || c.Rewritten || c.Path != h.backup || !strings.Contains(fault.Message(c.Err), "restored from") {
		t.Errorf("%+v, %v", c, err)
	}
	if err := drill.AddCertificate(h.id, must(keys.NewCertificate("acme", t0))(t)); err != nil {
		t.Error(err)
	}
	if err := drill.CreateAccount(uuid.New(), nil, nil); err != nil {
		t.Error(err)
	}
	rotate(t, drill)
	if !bytes.Equal(was, must(os.ReadFile(h.backup))(t)) {
		t.Fatal("the copy was written to")
	}
	wantCopy(t, h.Store, h.backup)

	own := filepath.Join(t.TempDir(), "own")
	if err := drill.Backup(own); err != nil {
		t.Fatal(err)
	}
	wantCopy(t, drill, own)
}

// Two stores of one gateway may know one copy all the same (a data directory
// that was copied by other means). What the copy alone has stays in it.
func TestACopyThatKnowsMoreIsLeftAsItIs(t *testing.T) {
	for name, c := range map[string]struct {
		ahead func(t *testing.T, h *house) // what the gateway in use did since
		words string
	}{
		"an account": {func(t *testing.T, h *house) {
			if err := h.CreateAccount(uuid.New(), must(keys.NewCertificate("gamma", t0))(t), nil); err != nil {
				t.Fatal(err)
			}
		}, "does not know of"},
		"a key": {func(t *testing.T, h *house) {
			if err := h.AddAccessKey(h.id, must(keys.NewAccessKey())(t)); err != nil {
				t.Fatal(err)
			}
		}, "does not know of"},
		"a tombstone": {func(t *testing.T, h *house) {
			if _, err := h.RemoveAccessKey(h.id, h.access[1].ID, t0); err != nil {
				t.Fatal(err)
			}
		}, "does not know of"},
		"a master key": {func(t *testing.T, h *house) { rotate(t, h.Store) }, "under a later master key"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			twinDir := filepath.Join(t.TempDir(), "twin")
			if err := os.CopyFS(twinDir, os.DirFS(h.Dir())); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(twinDir, 0o700); err != nil {
				t.Fatal(err)
			}
			twin := must(keys.Open(t.Context(), twinDir, keystest.Master(h.Store), keys.Options{}))(t)
			c.ahead(t, h)
			wantCopy(t, h.Store, h.backup)
			was := must(os.ReadFile(h.backup))(t)

			got, err := twin.RemoveAccessKey(h.id, h.access[0].ID, t0)
			if err != nil || got.Rewritten || got.Path != h.backup {
				t.Errorf("%+v, %v", got, err)
			}
			if wantKind(t, got.Err, fault.Exists); !strings.Contains(fault.Message(got.Err), c.words) {
				t.Errorf("the sentence: %s", fault.Message(got.Err))
			}
			if err := twin.AddCertificate(h.id, must(keys.NewCertificate("acme", t0))(t)); err != nil {
				t.Errorf("the act failed for the copy's sake: %v", err)
			}
			wantCopyProblem(t, twin, fault.Exists, c.words)
			wantKind(t, twin.Backup(h.backup), fault.Exists)
			if !bytes.Equal(was, must(os.ReadFile(h.backup))(t)) {
				t.Error("the copy was written to")
			}
			if err := twin.Backup(filepath.Join(t.TempDir(), "elsewhere")); err != nil {
				t.Errorf("a copy at another place: %v", err)
			}
		})
	}
}

// Two stores that were both given a new master key are of one generation.
func TestACopyUnderAnotherMasterKeyOfTheSameGenerationIsLeftAsItIs(t *testing.T) {
	h := newHouse(t)
	drill := h.rehearsal(t)
	rotate(t, drill)
	rotate(t, h.Store)
	wantKind(t, drill.Backup(h.backup), fault.Exists)
	wantCopy(t, h.Store, h.backup)
}

// Nobody has to remember a new copy: whatever is added is in it, when it is
// there; and when it is not, what was to be done is done, and the check says so.
func TestWhateverIsAddedIsInTheCopy(t *testing.T) {
	_, tlsKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, act := range map[string]func(h *house) error{
		"an account": func(h *house) error {
			return h.CreateAccount(uuid.New(), must(keys.NewCertificate("gamma", t0))(t), nil)
		},
		"a certificate": func(h *house) error { return h.AddCertificate(h.id, must(keys.NewCertificate("acme", t0))(t)) },
		"an access key": func(h *house) error { return h.AddAccessKey(h.id, must(keys.NewAccessKey())(t)) },
		"a secret": func(h *house) error {
			return h.SetSecret(h.id, "totp", uuid.UUID{7}, []byte(rand.Text()))
		},
		"the door's key": func(h *house) error { return h.SetTLS([]byte("certificate"), tlsKey) },
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			if err := act(h); err != nil {
				t.Fatal(err)
			}
			wantCopy(t, h.Store, h.backup)
			wantCopy(t, keystest.Reopen(t, h.Store), h.backup)
			restored := h.rehearsal(t)
			for _, id := range must(h.Accounts())(t) {
				want, got := must(h.Account(id))(t), must(restored.Account(id))(t)
				if len(got.Certificates()) != len(want.Certificates()) || len(got.AccessKeys()) != len(want.AccessKeys()) {
					t.Errorf("the copy has %v %v", got.Certificates(), got.AccessKeys())
				}
			}

			away := h.backup + ".away"
			if err := os.Rename(h.backup, away); err != nil {
				t.Fatal(err)
			}
			if err := act(h); err != nil {
				t.Fatalf("without the copy: %v", err)
			}
			wantCopyProblem(t, h.Store, fault.NotFound, "no copy of the key store at")
			if err := os.Rename(away, h.backup); err != nil {
				t.Fatal(err)
			}
			wantCopyProblem(t, h.Store, fault.Invalid, "older than the store")
			if err := act(h); err != nil {
				t.Fatal(err)
			}
			wantCopy(t, h.Store, h.backup)
		})
	}
}

// An account that was begun and given up is in the copy no more, and in nobody's
// way.
func TestAnAccountThatNeverCameToBeLeavesTheCopy(t *testing.T) {
	h, id := newHouse(t), uuid.New()
	for range 2 { // the second time with other keys, after a crash
		if err := h.CreateAccount(id, must(keys.NewCertificate("gamma", t0))(t), nil); err != nil {
			t.Fatal(err)
		}
		wantCopy(t, h.Store, h.backup)
	}
	if err := h.DestroyAccount(id); err != nil {
		t.Fatal(err)
	}
	wantCopy(t, h.Store, h.backup)
	if bytes.Contains(must(os.ReadFile(h.backup))(t), []byte(id.String())) {
		t.Error("the copy still names it")
	}
}

// After a change of the master key the copy opens with the new one; a copy that
// could not be reached meanwhile is told from a good one.
func TestARotationTakesTheCopyAlong(t *testing.T) {
	h := newHouse(t)
	old := must(os.ReadFile(h.backup))(t)
	m := rotate(t, h.Store)
	wantCopy(t, h.Store, h.backup)
	s := must(keys.Restore(t.Context(), h.backup, filepath.Join(t.TempDir(), "r"), m, keys.Options{}))(t)
	a := must(s.Account(h.id))(t)
	sealAndOpen(t, h.certs[0], h.access[0], a.Certificate(h.certs[0].Fingerprint), a.AccessKey(h.access[0].Fingerprint))

	write(t, h.backup, old)
	wantCopyProblem(t, h.Store, fault.Locked, "older master key only")
	if err := h.Backup(h.backup); err != nil { // it knows no more than the store
		t.Fatal(err)
	}
	wantCopy(t, h.Store, h.backup)
}

// The power is cut at every operation of a change of the master key with a copy.
func TestARotationCutAtAnyPointTakesTheCopyAlong(t *testing.T) {
	id := uuid.New()
	cert := must(keys.NewCertificate("acme", t0))(t)
	var installed bool
	atEveryPowerCut(t,
		func(d disk) *keys.Store {
			installed = false
			s := d.create(t, fixed(1))
			if err := s.CreateAccount(id, cert, nil); err != nil {
				t.Fatal(err)
			}
			if err := s.Backup("/backup/keys"); err != nil {
				t.Fatal(err)
			}
			return s
		},
		func(s *keys.Store) error {
			return s.RotateMaster(t.Context(), fixed(2), func() error { installed = true; return nil })
		},
		func(d disk, _ bool) {
			m := fixed(1)
			if installed {
				m = 2
			}
			s := must(keys.Open(t.Context(), dir, m, d.opt))(t)
			wantCopy(t, s, "/backup/keys")
			r := must(keys.Restore(t.Context(), "/backup/keys", "/data/restored", m, d.opt))(t)
			if must(r.Account(id))(t).Certificate(cert.Fingerprint) == nil {
				t.Error("the copy lost the certificate")
			}
		})
}

// A copy that was away while a key was destroyed loses it when it is back.
func TestACopyThatWasAwayIsBroughtUpToDate(t *testing.T) {
	h := newHouse(t)
	away := h.backup + ".away"
	if err := os.Rename(h.backup, away); err != nil {
		t.Fatal(err)
	}
	if c, err := h.RemoveAccessKey(h.id, h.access[0].ID, t0); err != nil || c.Rewritten {
		t.Fatalf("%+v, %v", c, err)
	}
	if _, written := h.UpdateCopy(); written {
		t.Error("written to a place where no copy is")
	}
	wantCopyProblem(t, h.Store, fault.NotFound, "no copy of the key store at")
	if err := os.Rename(away, h.backup); err != nil {
		t.Fatal(err)
	}
	wantCopyProblem(t, h.Store, fault.Invalid, "one that was removed still is")
	if path, written := h.UpdateCopy(); !written || path != h.backup {
		t.Errorf("written: %v, to %q", written, path)
	}
	wantCopy(t, h.Store, h.backup)
	s := h.rehearsal(t)
	if k := must(s.Account(h.id))(t).AccessKey(h.access[0].Fingerprint); k != nil {
		t.Error("the destroyed key came back")
	}
	if _, written := h.UpdateCopy(); written {
		t.Error("written without need")
	}
	if _, written := s.UpdateCopy(); written {
		t.Error("a rehearsal has written to the copy it came from")
	}
}
