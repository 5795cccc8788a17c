package reseal_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/store/catalog"
)

// After a key store came back that is older than the present certificate, no file is
// brought under that certificate: those that open go on to open. A job that was under
// way waits.
func TestNothingIsResealedForAKeyThatIsNotHere(t *testing.T) {
	for what, add := range map[string]func(*world){
		"certificate": (*world).renew,
		"one of two access keys": func(w *world) {
			if _, err := w.Keys.AddAccessKey(w.t.Context(), "operator", w.account.ID, custody.NewKey{}); err != nil {
				w.t.Fatal(err)
			}
		},
	} {
		t.Run(what, func(t *testing.T) { resealedBesideAnOlderKeyStore(t, add) })
	}
}

func resealedBesideAnOlderKeyStore(t *testing.T, add func(*world)) {
	w := newWorld(t, nil)
	f := w.put("old.xml", 5000, catalog.Kept)
	tape := filepath.Join(t.TempDir(), "tape")
	if err := w.World.Store.Backup(tape); err != nil {
		t.Fatal(err)
	}
	old, err := os.ReadFile(tape)
	if err != nil {
		t.Fatal(err)
	}
	add(w)
	w.begin()
	if err := os.WriteFile(tape, old, 0o600); err != nil {
		t.Fatal(err)
	}
	today := w.World.Store
	w.World.Store, err = keys.Restore(t.Context(), tape, filepath.Join(t.TempDir(), "keys"), keystest.Master(today), keys.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.World.Store.Close)
	w.restart()
	w.work()
	_, err = w.Start(t.Context(), "operator", w.account.ID)
	if !fault.Is(err, fault.Locked) {
		t.Errorf("start: %v", err)
	}
	now := w.File(f.ID)
	if now.Lock != f.Lock || now.Body != f.Body || !bytes.Equal(w.Read(now), w.files[f.ID]) {
		t.Errorf("the file is under lock %d, was under %d", now.Lock, f.Lock)
	}
	if p := w.progress(); !p.Running || p.Left != 1 {
		t.Errorf("%+v", p)
	}
	w.World.Store = today
	w.restart()
	w.begin()
	w.work()
	w.wantDone("with the newer copy")
}
