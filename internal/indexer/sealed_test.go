package indexer_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"sealgate/internal/fileobject"
	"sealgate/internal/payment"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake/intaketest"
)

// A file that an agent has sealed is read with its grant, like any other. It has
// been opened once before its receipt: what does not open now, the disk has lost.
func TestFilesThatAgentsHaveSealed(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	agent := w.Agent(a)
	content := w.sample(good)
	f, err := agent.Send(agent.Seal("good.xml", content), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if failed := w.runJobs(); failed != nil || w.File(f.ID).State != catalog.Kept || w.File(f.ID).Grant.Key != "" {
		t.Errorf("%v, %+v", failed, w.File(f.ID))
	}
	if !bytes.Equal(w.Read(w.File(f.ID)), content) { // now by certificate and access key
		t.Error("other bytes came back")
	}

	for name, spoil := range map[string]func(at []byte){ // in the body, after it has been acknowledged
		"a slot": func(at []byte) { at[seal.SealedSlot+50] ^= 1 },
		"two slots in each other's place": func(at []byte) {
			first := slices.Clone(at[:seal.SealedSlot])
			copy(at, at[seal.SealedSlot:2*seal.SealedSlot])
			copy(at[seal.SealedSlot:], first)
		},
		"the trailer": func(at []byte) { at[len(at)-1] ^= 1 },
	} {
		if err := w.Keys.ChangeDay(t.Context()); err != nil {
			t.Fatal(err)
		}
		s := agent.Seal(name+".xml", intaketest.Random(3*seal.SlotSize))
		f, err := agent.Send(s, 1<<20)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		w.rot(s.Object, func(object []byte) { spoil(object[len(s.Spec.Header):]) })
		for range 5 { // the disk might have been wrong: it is read again before that is said
			w.runJobs()
			w.Clock.Add(2 * time.Hour)
		}
		row := w.File(f.ID)
		if row.State != catalog.Refused || !slices.Equal(row.Result.Codes, []string{string(payment.ContentDamaged)}) {
			t.Errorf("%s: %s %q", name, row.State, row.Result.Codes)
		}
		rec, err := w.Keys.Records(t.Context(), a.ID)
		if err != nil {
			t.Fatal(err)
		}
		if summary, err := fileobject.Summary(rec, row); err != nil || len(summary.Findings) != 1 || summary.Findings[0].Severity != payment.Fatal {
			t.Errorf("%s: %+v, %v", name, summary, err)
		}
	}
}

// rot lets the disk keep other bytes than the object that was put there.
func (w *world) rot(object []byte, spoil func([]byte)) {
	w.t.Helper()
	found := 0
	err := filepath.WalkDir(filepath.Join(w.Dir, "vault"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		there, err := os.ReadFile(path)
		if err != nil || !bytes.Equal(there, object) {
			return err
		}
		found++
		spoil(there)
		return os.WriteFile(path, there, 0o600)
	})
	if err != nil || found != 1 {
		w.t.Fatalf("%d objects spoiled: %v", found, err)
	}
}
