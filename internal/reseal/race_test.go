package reseal_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"sealgate/internal/durable"
	"sealgate/internal/durable/durabletest"
	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/bodies"
)

// meddled is a disk that lets somebody do something when the next object is created.
type meddled struct {
	durable.FS
	created func()
	broken  string // the object that cannot be opened
}

func (m *meddled) Open(name string) (durable.File, error) {
	if m.broken != "" && strings.HasSuffix(name, m.broken) {
		return nil, durabletest.ErrIO
	}
	return m.FS.Open(name)
}

func (m *meddled) Create(name string) (durable.File, error) {
	f, err := m.FS.Create(name)
	if do := m.created; do != nil {
		m.created = nil
		do()
	}
	return f, err
}

func newMeddled(t *testing.T) (*world, *meddled) {
	disk := &meddled{FS: durabletest.NewPowerCut("/data")}
	return newWorld(t, disk), disk
}

// The sweep of the vault comes by while a copy is there that no row refers to.
func TestTheSweepLeavesACopyAlone(t *testing.T) {
	w, disk := newMeddled(t)
	w.put("a.xml", 3*seal.SlotSize, catalog.Kept)
	w.renew()
	w.begin()
	swept := false
	disk.created = func() {
		swept = true
		if err := w.SweepObjects(t.Context()); err != nil {
			t.Error(err)
		}
	}
	w.work()
	w.wantDone("swept meanwhile")
	if !swept {
		t.Error("nothing was swept")
	}
}

// Somebody erases the file while it is copied: it stays erased, and the copy goes.
func TestErasedMeanwhile(t *testing.T) {
	w, disk := newMeddled(t)
	f := w.put("a.xml", 3*seal.SlotSize, catalog.Kept)
	w.renew()
	w.begin()
	disk.created = func() {
		var gone catalog.Body
		w.Update(func(tx *catalog.Tx) error {
			row, err := tx.File(f.ID)
			if err == nil {
				gone, err = bodies.Erase(tx, row, "operator", "erased", w.Clock.Now())
			}
			return err
		})
		if err := w.Bodies.Remove(t.Context(), gone); err != nil {
			t.Error(err)
		}
	}
	w.work()
	if row := w.File(f.ID); row.State != catalog.Erased || row.Body.Kind != catalog.NoBody {
		t.Errorf("it is %s, body %s", row.State, row.Body.Kind)
	}
	if n := w.Objects(); n != 0 {
		t.Errorf("%d objects are left", n)
	}
	if p := w.progress(); p.Running || p.Left != 0 || p.Damaged != 0 {
		t.Errorf("%+v", p)
	}
}

// A small body moves from the catalog to the vault while it is resealed, or the other
// way round: header and row agree in the end.
func TestMovedToTheVaultMeanwhile(t *testing.T) {
	w, disk := newMeddled(t)
	w.put("a.xml", 100, catalog.Kept)
	w.renew()
	w.begin()
	disk.created = func() { w.work() }
	if err := w.MoveKept(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.wantDone("resealed while it moved")
}

// A job whose lease has lapsed, because its worker hung, changes nothing any more.
func TestALapsedLeaseChangesNothing(t *testing.T) {
	w, disk := newMeddled(t)
	f := w.put("a.xml", 3*seal.SlotSize, catalog.Kept)
	w.renew()
	w.begin()
	disk.created = func() {
		w.Clock.Add(time.Hour)
		w.Update(func(tx *catalog.Tx) error { _, err := tx.ReapJobs(w.Clock.Now()); return err })
	}
	w.work() // the lapsed turn, and the next one
	w.wantDone("after a lapsed lease")
	if p := w.progress(); p.Resealed != 1 {
		t.Errorf("%+v", p)
	}
	if !bytes.Equal(w.Read(f), w.files[f.ID]) {
		t.Error("other bytes")
	}
}

// The certificate is renewed again while the job runs: the files end under the newest.
func TestRenewedAgainMeanwhile(t *testing.T) {
	w, disk := newMeddled(t)
	for range 3 {
		w.put("a.xml", 3*seal.SlotSize, catalog.Kept)
	}
	w.renew()
	w.begin()
	disk.created = w.renew
	w.work()
	w.wantDone("renewed again")
}

func TestAClosedAccountIsRefused(t *testing.T) {
	w := newWorld(t, nil)
	w.account.State = catalog.AccountClosed
	w.Update(func(tx *catalog.Tx) error { return tx.SaveAccount(w.account) })
	w.restart()
	if _, err := w.Start(t.Context(), "operator", w.account.ID); !fault.Is(err, fault.Locked) {
		t.Errorf("%v", err)
	}
}

// A file that the disk does not give is tried some times and then left, so that the
// others have their turn.
func TestAFileThatCannotBeRead(t *testing.T) {
	w, disk := newMeddled(t)
	broken := w.put("a.xml", 3*seal.SlotSize, catalog.Kept)
	for range 3 {
		w.put("b.xml", 3*seal.SlotSize, catalog.Kept)
	}
	w.renew()
	w.begin()
	disk.broken = broken.Body.Ref
	w.work()
	if p := w.progress(); !p.Running || p.Waiting != "internal" {
		t.Errorf("at first: %+v", p)
	}
	for range 5 {
		w.Clock.Add(longerThanAnyPause)
		w.work()
	}
	if p := w.progress(); p.Running || p.Resealed != 3 || p.Damaged != 1 || p.Left != 1 {
		t.Errorf("in the end: %+v", p)
	}
	disk.broken = ""
	w.begin()
	w.work()
	w.wantDone("once it can be read")
}
