package intake_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/durable/durabletest"
	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake/intaketest"
)

// Every operation of the disk fails in turn, both ways. Whatever failed: a
// file that was acknowledged is there, bit-exact; one that was not is no file;
// and the client's next try succeeds and is taken once.
func TestEveryDiskOperationFailsBothWays(t *testing.T) {
	want := content(3*seal.SlotSize+100, 1)
	for _, op := range durabletest.Ops {
		for _, how := range []durabletest.How{durabletest.NotStored, durabletest.Stored} {
			for nth := 1; nth <= 12; nth++ {
				name := fmt.Sprintf("%v %v %d", op, how, nth)
				if !diskFails(t, name, op, how, nth, want) {
					break // fewer operations than that
				}
			}
		}
	}
}

// diskFails reports whether the fault was met.
func diskFails(t *testing.T, name string, op durabletest.Op, how durabletest.How, nth int, want []byte) bool {
	t.Helper()
	disk := durabletest.NewFaulty(durabletest.NewPowerCut("/data"))
	w := intaketest.New(t, disk)
	a := w.Account("acme", catalog.ContentKeep)
	addLogin(w, a)
	disk.Fail(op, disk.Count(op)+nth, how, durabletest.ErrIO)
	spec := intaketest.Spec(a, login, "/pay.xml")
	f, err := w.Put(spec, want)
	if disk.Fired() == 0 {
		return false
	}
	if err == nil {
		if !bytes.Equal(w.Read(w.File(f.ID)), want) {
			t.Errorf("%s: acknowledged, and other bytes came back", name)
		}
	} else {
		for _, row := range w.Files() {
			if row.State != catalog.Arriving {
				t.Errorf("%s: not acknowledged, and on record as %s", name, row.State)
			}
		}
	}
	w.Restart()
	if err := w.SweepObjects(t.Context()); err != nil {
		t.Errorf("%s: sweep: %v", name, err)
	}
	f, err = w.Put(spec, want)
	if err != nil {
		t.Errorf("%s: the second try: %v", name, err)
		return true
	}
	files := w.Files()
	if len(files) != 1 || !bytes.Equal(w.Read(files[0]), want) || files[0].ID != f.ID {
		t.Errorf("%s: %d files on record after the second try", name, len(files))
	}
	if n := w.Objects(); n != 1 {
		t.Errorf("%s: %d objects in the vault", name, n)
	}
	return true
}

// A commit that fails: not stored, and stored although it said it failed.
func TestCommitsFailBothWays(t *testing.T) {
	for _, n := range []int{100, 2*seal.SlotSize + 1} {
		for _, stored := range []bool{false, true} {
			for nth := range 2 {
				w := intaketest.New(t, nil)
				a := w.Account("acme", catalog.ContentKeep)
				addLogin(w, a)
				want := content(n, 2)
				spec := intaketest.Spec(a, login, "/pay.xml")
				arr, err := w.Begin(t.Context(), spec)
				if err != nil {
					t.Fatal(err)
				}
				if nth == 0 {
					w.Faults.FailNext(stored)
				}
				_, err = arr.WriteAt(want, 0)
				if nth == 1 {
					w.Faults.FailNext(stored)
				}
				if err == nil {
					_, err = arr.Commit(t.Context())
				}
				if err == nil {
					t.Fatalf("%d bytes, stored %v: acknowledged after a failed commit", n, stored)
				}
				select {
				case <-w.Catalog.Failed():
				default:
					t.Errorf("%d bytes, stored %v: the catalog goes on after a failed commit", n, stored)
				}
				if _, err := w.Put(spec, want); err == nil {
					t.Error("the catalog took a file after its commit had failed")
				}
				// The gateway stops and starts again; the client sends again.
				again := w.Reopened()
				f, err := again.Put(spec, want)
				if err != nil {
					t.Fatal(err)
				}
				again.SweepObjects(t.Context())
				received := 0
				for _, row := range again.Files() {
					if row.State == catalog.Received {
						received++
						if !bytes.Equal(again.Read(row), want) {
							t.Error("other bytes came back")
						}
					}
				}
				if received != 1 {
					t.Errorf("%d bytes, stored %v, commit %d: %d files, want 1 (%s)", n, stored, nth, received, f.ID)
				}
			}
		}
	}
}

func TestFullDatabaseRefusesAndRecovers(t *testing.T) {
	w, a := newWorld(t)
	spec := intaketest.Spec(a, login, "/pay.xml")
	w.Faults.FullNext()
	if _, err := w.Put(spec, content(100, 1)); !fault.Is(err, fault.Full) {
		t.Errorf("a full database says %v", err)
	}
	if _, err := w.Put(spec, content(100, 1)); err != nil {
		t.Errorf("it does not recover: %v", err)
	}
	if len(w.Files()) != 1 {
		t.Errorf("%d files", len(w.Files()))
	}
}

// A power cut at every single operation of the disk: what was acknowledged
// before it is there afterwards, whatever the disk had not been told to keep.
func TestPowerCutAtEveryOperation(t *testing.T) {
	want := content(3*seal.SlotSize+100, 1)
	rounds := 3
	if os.Getenv("SEALGATE_LONG") != "" {
		rounds = 40
	}
	rng := rand.New(rand.NewPCG(11, 12))
	for range rounds {
		for cut := 0; ; cut++ {
			disk := durabletest.NewPowerCut("/data")
			w := intaketest.New(t, disk)
			a := w.Account("acme", catalog.ContentKeep)
			addLogin(w, a)
			before := disk.Count()
			disk.CutAfter(cut)
			f, err := w.Put(intaketest.Spec(a, login, "/pay.xml"), want)
			done := err == nil && disk.Count()-before < cut
			disk.Crash(rng)
			w.Restart()
			checkAfterCut(t, w, f, err, want)
			if done {
				break
			}
		}
	}
}

func checkAfterCut(t *testing.T, w *intaketest.World, f *catalog.File, err error, want []byte) {
	t.Helper()
	for _, row := range w.Files() {
		switch {
		case row.State == catalog.Arriving:
		case err != nil:
			t.Errorf("not acknowledged (%v), and on record as %s", err, row.State)
		case !bytes.Equal(w.Read(row), want):
			t.Error("acknowledged, and other bytes came back after the power cut")
		}
	}
	if err == nil && w.File(f.ID).State != catalog.Received {
		t.Error("acknowledged and lost")
	}
	if err := w.SweepObjects(t.Context()); err != nil {
		t.Errorf("sweep: %v", err)
	}
}

// A cut at every operation of the disk, then a resume: R6.
func TestPowerCutThenResume(t *testing.T) {
	want := content(4*seal.SlotSize+7, 1)
	rng := rand.New(rand.NewPCG(13, 14))
	for cut := 1; cut < 14; cut++ {
		disk := durabletest.NewPowerCut("/data")
		w := intaketest.New(t, disk)
		a := w.Account("acme", catalog.ContentDelete)
		addLogin(w, a)
		spec := intaketest.Spec(a, login, "/pay.xml")
		arr, err := w.Begin(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		disk.CutAfter(cut)
		arr.WriteAt(want[:4*seal.SlotSize], 0)
		arr.Sync()
		disk.Crash(rng)
		disk.CutAfter(1 << 30) // the power stays on from here
		w.Restart()
		info, err := w.Inbox(a.ID, login).Stat(t.Context(), spec.Path)
		if err != nil {
			t.Fatalf("cut %d: %v", cut, err)
		}
		arr, err = w.Resume(t.Context(), spec)
		if err != nil {
			t.Fatalf("cut %d: %v", cut, err)
		}
		if arr.Durable() != info.Size {
			t.Errorf("cut %d: stat says %d, resume %d", cut, info.Size, arr.Durable())
		}
		if _, err := arr.WriteAt(want[info.Size:], info.Size); err != nil {
			t.Fatalf("cut %d: %v", cut, err)
		}
		f, err := arr.Commit(t.Context())
		if err != nil {
			t.Fatalf("cut %d: %v", cut, err)
		}
		if !bytes.Equal(w.Read(f), want) {
			t.Fatalf("cut %d: other bytes came back", cut)
		}
	}
}

func TestKeptBodiesMoveToTheVault(t *testing.T) {
	w, a := newWorld(t)
	want := content(500, 1)
	f, err := w.Put(intaketest.Spec(a, login, "/small.xml"), want)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.MoveKept(t.Context()); err != nil || w.Objects() != 0 {
		t.Fatalf("a file that is not at rest moved: %v", err)
	}
	w.Update(func(tx *catalog.Tx) error {
		row, err := tx.File(f.ID)
		if err != nil {
			return err
		}
		row.State = catalog.Kept
		return tx.SaveFile(row)
	})
	stale := w.File(f.ID)
	if err := w.MoveKept(t.Context()); err != nil {
		t.Fatal(err)
	}
	if row := w.File(f.ID); row.Body.Kind != catalog.VaultBody || !bytes.Equal(w.Read(row), want) {
		t.Errorf("after the move it lies in %s", row.Body.Kind)
	}
	if !bytes.Equal(w.Read(stale), want) {
		t.Error("a reader that looked before the move finds nothing")
	}
	if err := w.SweepObjects(t.Context()); err != nil || w.Objects() != 1 {
		t.Error("the sweep took the moved body")
	}
}

// More than one commit's worth, and one of them is decided about meanwhile.
func TestManyKeptBodiesMove(t *testing.T) {
	w, a := newWorld(t)
	want := map[uuid.UUID][]byte{}
	for i := range 40 {
		data := content(400+i, uint64(i))
		f, err := w.Put(intaketest.Spec(a, login, fmt.Sprintf("/%d.xml", i)), data)
		if err != nil {
			t.Fatal(err)
		}
		want[f.ID] = data
		w.Update(func(tx *catalog.Tx) error {
			row, err := tx.File(f.ID)
			if err != nil {
				return err
			}
			if row.State = catalog.Kept; i == 20 {
				row.State = catalog.Held
			}
			return tx.SaveFile(row)
		})
	}
	w.Sweep(t.Context())
	moved := 0
	for id, data := range want {
		row := w.File(id)
		if row.Body.Kind == catalog.VaultBody {
			moved++
		}
		if !bytes.Equal(w.Read(row), data) {
			t.Error("other bytes came back")
		}
	}
	if moved != 39 || w.Objects() != 39 {
		t.Errorf("%d moved, %d objects", moved, w.Objects())
	}
}

// On a full disk a move must not take the room that there is, round for round.
func TestAMoveThatFailsLeavesNothing(t *testing.T) {
	disk := durabletest.NewFaulty(durabletest.NewPowerCut("/data"))
	w := intaketest.New(t, disk)
	a := w.Account("acme", catalog.ContentKeep)
	addLogin(w, a)
	want := content(500, 1)
	f, err := w.Put(intaketest.Spec(a, login, "/small.xml"), want)
	if err != nil {
		t.Fatal(err)
	}
	w.Update(func(tx *catalog.Tx) error {
		row, err := tx.File(f.ID)
		if err != nil {
			return err
		}
		row.State = catalog.Kept
		return tx.SaveFile(row)
	})
	for _, op := range []durabletest.Op{durabletest.Write, durabletest.Sync} {
		disk.Fail(op, 1, durabletest.NotStored, durabletest.ErrFull)
		if err := w.MoveKept(t.Context()); !fault.Is(err, fault.Full) {
			t.Fatalf("%s fails: %v", op, err)
		}
		if n := w.Objects(); n != 0 {
			t.Errorf("%s fails: %d objects are left", op, n)
		}
		if !bytes.Equal(w.Read(w.File(f.ID)), want) {
			t.Error("other bytes came back")
		}
	}
	if err := w.MoveKept(t.Context()); err != nil || w.Objects() != 1 {
		t.Errorf("with room again: %v, %d objects", err, w.Objects())
	}
}
