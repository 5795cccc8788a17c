package intake_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
	"sealgate/internal/transfer/intake/intaketest"
	"sealgate/internal/transfer/intake/ledger"
	"sealgate/internal/transfer/vpath"
)

// content returns n bytes that differ from place to place.
func content(n int, seed uint64) []byte {
	rng := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(rng.Uint32())
	}
	return b
}

var login = uuid.MustParse("01900000-0000-7000-8000-000000000001")

func addLogin(w *intaketest.World, a *catalog.Account) {
	w.Update(func(tx *catalog.Tx) error {
		return tx.InsertLogin(&logins.Login{ID: login, Account: a.ID, Name: []byte("x"), NameMAC: []byte("x"), Role: "uploader"})
	})
}

func newWorld(t *testing.T) (*intaketest.World, *catalog.Account) {
	t.Helper()
	w := intaketest.New(t, nil)
	a := w.Account("acme", catalog.ContentKeep)
	addLogin(w, a)
	return w, a
}

func TestFilesOfEverySizeComeBackBitExact(t *testing.T) {
	w, a := newWorld(t)
	for _, n := range []int{0, 1, 1000, seal.SlotSize - 1, seal.SlotSize, seal.SlotSize + 1, 3*seal.SlotSize + 17, 8 * seal.SlotSize} {
		want := content(n, uint64(n))
		f, err := w.Put(intaketest.Spec(a, login, "/a.xml"), want)
		if err != nil {
			t.Fatalf("%d bytes: %v", n, err)
		}
		f = w.File(f.ID)
		if f.State != catalog.Received || f.Content.Size != int64(n) {
			t.Errorf("%d bytes: on record as %s of %d", n, f.State, f.Content.Size)
		}
		if got := w.Read(f); !bytes.Equal(got, want) {
			t.Errorf("%d bytes: other bytes came back", n)
		}
		w.Confirm(f.ID)
	}
}

// The order of writes is the client's: concurrent, shuffled, overlapping,
// repeated, and of any size.
func TestWritesInAnyOrder(t *testing.T) {
	w, a := newWorld(t)
	rng := rand.New(rand.NewPCG(7, 7))
	for round := range 20 {
		want := content(rng.IntN(12*seal.SlotSize), uint64(round))
		type piece struct{ from, to int }
		var pieces []piece
		for at := 0; at < len(want); {
			to := min(len(want), at+1+rng.IntN(100_000))
			pieces = append(pieces, piece{max(0, at-rng.IntN(5000)), to})
			at = to
		}
		rng.Shuffle(len(pieces), func(i, j int) { pieces[i], pieces[j] = pieces[j], pieces[i] })
		arr, err := w.Begin(t.Context(), intaketest.Spec(a, login, "/shuffled.xml"))
		if err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for part := range 4 {
			wg.Go(func() {
				for i := part; i < len(pieces); i += 4 {
					p := pieces[i]
					if _, err := arr.WriteAt(want[p.from:p.to], int64(p.from)); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wg.Wait()
		f, err := arr.Commit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(w.Read(f), want) {
			t.Fatalf("round %d: other bytes came back", round)
		}
		w.Confirm(f.ID)
	}
}

// A client that writes all over a file must not fill our memory: more than 64
// unfinished slots are put aside.
func TestSparseWritesArePutAside(t *testing.T) {
	w, a := newWorld(t)
	const slots = 200
	want := content(slots*seal.SlotSize+5, 3)
	arr, err := w.Begin(t.Context(), intaketest.Spec(a, login, "/sparse.xml"))
	if err != nil {
		t.Fatal(err)
	}
	write := func(from, to int) {
		t.Helper()
		if _, err := arr.WriteAt(want[from:to], int64(from)); err != nil {
			t.Fatal(err)
		}
	}
	for k := range slots { // the second half of each slot, then the first
		write(k*seal.SlotSize+seal.SlotSize/2, (k+1)*seal.SlotSize)
	}
	for k := slots - 1; k >= 0; k-- {
		write(k*seal.SlotSize, k*seal.SlotSize+seal.SlotSize/2)
	}
	write(slots*seal.SlotSize, len(want))
	f, err := arr.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(w.Read(f), want) {
		t.Fatal("other bytes came back")
	}
}

func TestAHoleIsAnError(t *testing.T) {
	w, a := newWorld(t)
	for _, at := range []int64{1, seal.SlotSize, 3 * seal.SlotSize} {
		arr, err := w.Begin(t.Context(), intaketest.Spec(a, login, "/hole.xml"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := arr.WriteAt([]byte("x"), at); err != nil {
			t.Fatal(err)
		}
		if _, err := arr.Commit(t.Context()); !fault.Is(err, fault.Invalid) {
			t.Errorf("hole before %d: %v", at, err)
		}
	}
	if files := w.Files(); len(files) != 0 || w.Objects() != 0 {
		t.Errorf("%d rows and %d objects are left", len(files), w.Objects())
	}
}

func TestACutTransferIsNoFileAndCanBeResumed(t *testing.T) {
	w, a := newWorld(t)
	want := content(5*seal.SlotSize+100, 1)
	for _, restart := range []bool{false, true} {
		for _, cut := range []int{0, 1, seal.SlotSize - 1, seal.SlotSize, 2*seal.SlotSize + 5, len(want)} {
			spec := intaketest.Spec(a, login, "/cut.xml")
			arr, err := w.Begin(t.Context(), spec)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := arr.WriteAt(want[:cut], 0); err != nil {
				t.Fatal(err)
			}
			arr.Abort(errors.New("connection lost"))
			for _, f := range w.Files() {
				if f.ID == arr.ID() && f.State != catalog.Arriving {
					t.Fatalf("cut at %d: the file is %s", cut, f.State)
				}
			}
			if restart {
				w.Restart()
			}
			info, err := w.Inbox(a.ID, login).Stat(t.Context(), spec.Path)
			if err != nil {
				t.Fatal(err)
			}
			durable := int64(cut / seal.SlotSize * seal.SlotSize)
			if durable > 0 && (restart || cut%seal.SlotSize == 0) {
				durable -= seal.SlotSize // it could be the whole file
			}
			if info.Size != durable {
				t.Fatalf("cut at %d: resumed from %d, want %d", cut, info.Size, durable)
			}
			// The client goes on, with other bytes than it sent before.
			other := bytes.Clone(want)
			copy(other[info.Size:], "corrected")
			arr, err = w.Resume(t.Context(), spec)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := arr.WriteAt(other[info.Size:], info.Size); err != nil {
				t.Fatal(err)
			}
			f, err := arr.Commit(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(w.Read(f), other) {
				t.Fatalf("cut at %d: other bytes came back", cut)
			}
			if !f.Delivery.Resumed {
				t.Error("the file is not marked resumed")
			}
			w.Confirm(f.ID)
		}
	}
}

// A client compares lengths: if it found a whole file where only the CLOSE is
// missing, it would be done, and the file never taken.
func TestACutFileNeverLooksWhole(t *testing.T) {
	w, a := newWorld(t)
	for slots := 1; slots < 4; slots++ {
		spec := intaketest.Spec(a, login, "/whole.xml")
		arr, err := w.Begin(t.Context(), spec)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := arr.WriteAt(content(slots*seal.SlotSize, 1), 0); err != nil {
			t.Fatal(err)
		}
		look := func(when string) {
			info, err := w.Inbox(a.ID, login).Stat(t.Context(), spec.Path)
			if err != nil || info.Size >= int64(slots*seal.SlotSize) {
				t.Errorf("%d slots, %s: stat shows %d, %v", slots, when, info.Size, err)
			}
		}
		look("open")
		arr.Abort(errors.New("lost before CLOSE"))
		look("cut")
		w.Restart()
		look("after a crash")
	}
}

// A resumed upload may overlap what is there, with other bytes.
func TestResumeWithOverlap(t *testing.T) {
	w, a := newWorld(t)
	first, second := content(4*seal.SlotSize, 1), content(5*seal.SlotSize+9, 2)
	spec := intaketest.Spec(a, login, "/overlap.xml")
	arr, _ := w.Begin(t.Context(), spec)
	arr.WriteAt(first, 0)
	arr.Abort(errors.New("lost"))
	arr, err := w.Resume(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	from := seal.SlotSize + 100
	if _, err := arr.WriteAt(second[from:], int64(from)); err != nil {
		t.Fatal(err)
	}
	f, err := arr.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := append(bytes.Clone(first[:from]), second[from:]...)
	if !bytes.Equal(w.Read(f), want) {
		t.Fatal("other bytes came back")
	}
}

// The client comes back before we noticed that its first connection is dead.
func TestResumeTakesOverALiveArrival(t *testing.T) {
	w, a := newWorld(t)
	want := content(3*seal.SlotSize, 1)
	spec := intaketest.Spec(a, login, "/twice.xml")
	old, _ := w.Begin(t.Context(), spec)
	old.WriteAt(want[:2*seal.SlotSize], 0)
	arr, err := w.Resume(t.Context(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := old.WriteAt(want, 0); err == nil {
		t.Error("the old connection may still write")
	}
	if _, err := old.Commit(t.Context()); err == nil {
		t.Error("the old connection may still commit")
	}
	arr.WriteAt(want[2*seal.SlotSize:], 2*seal.SlotSize)
	f, err := arr.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(w.Read(f), want) {
		t.Fatal("other bytes came back")
	}
}

func TestResumeOfAReceivedFileIsRefused(t *testing.T) {
	w, a := newWorld(t)
	spec := intaketest.Spec(a, login, "/done.xml")
	if _, err := w.Put(spec, []byte("<x/>")); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Resume(t.Context(), spec); !fault.Is(err, fault.Exists) {
		t.Errorf("got %v", err)
	}
}

// R2: a delivery whose acknowledgement may have been lost is not taken twice;
// once something followed it, the same bytes are a new file.
func TestTheSameDeliveryIsTakenOnce(t *testing.T) {
	w, a := newWorld(t)
	for _, n := range []int{100, 2 * seal.SlotSize} {
		spec, data := intaketest.Spec(a, login, "/pay.xml"), content(n, 9)
		first, err := w.Put(spec, data)
		if err != nil {
			t.Fatal(err)
		}
		w.Restart() // the crash came before anything followed
		again, err := w.Put(spec, data)
		if err != nil || again.ID != first.ID {
			t.Fatalf("the repeated delivery became %v, %v; want the first, %v", again, err, first.ID)
		}
		if other, _ := w.Put(intaketest.Spec(a, login, "/other.xml"), data); other.ID == first.ID {
			t.Error("another name was taken for the same delivery")
		}
		w.Confirm(first.ID)
		later, err := w.Put(spec, data)
		if err != nil || later.ID == first.ID {
			t.Errorf("a confirmed delivery swallowed a later one: %v", err)
		}
		w.Confirm(later.ID)
	}
	if n := w.Objects(); n != 3 {
		t.Errorf("%d objects in the vault, want 3", n)
	}
}

// A client that renames what it has sent hears "taken" as the answer to RENAME.
// When that is lost it begins again, from the start or from the rename.
func TestTheSameRenamedDeliveryIsTakenOnce(t *testing.T) {
	w, a := newWorld(t)
	from, to := intaketest.Spec(a, login, "/lon.xml.part"), vpath.MustParse("/lon.xml")
	for i, size := range []int{100, 3*seal.SlotSize + 1} {
		data := content(size, uint64(i))
		deliver := func() {
			t.Helper()
			for range 2 { // the RENAME of the first round never reached us
				f, err := w.Put(from, data)
				if err != nil {
					t.Fatal(err)
				}
				w.Confirm(f.ID) // RENAME itself follows the answer to CLOSE
			}
			if err := w.Inbox(a.ID, login).Rename(t.Context(), from.Path, to, true); err != nil {
				t.Fatal(err)
			}
		}
		deliver()
		w.Restart()
		deliver()
		if n := len(w.Files()); n != i+1 {
			t.Fatalf("%d files are on record, want %d", n, i+1)
		}
		info, err := w.Inbox(a.ID, login).Stat(t.Context(), to)
		if err != nil || info.State != catalog.Received || info.Size != int64(size) {
			t.Fatalf("its name shows %+v, %v", info, err)
		}
		if got := w.Read(w.File(info.File)); !bytes.Equal(got, data) {
			t.Fatal("other bytes came back")
		}
		if n := w.Objects(); n != i {
			t.Errorf("%d objects in the vault, want %d", n, i)
		}
	}
	// Once the client knows, the same again is another file (R4).
	info, err := w.Inbox(a.ID, login).Stat(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	w.Confirm(info.File)
	if _, err := w.Put(from, content(3*seal.SlotSize+1, 1)); err != nil {
		t.Fatal(err)
	}
	if err := w.Inbox(a.ID, login).Rename(t.Context(), from.Path, to, true); err != nil {
		t.Fatal(err)
	}
	if n := len(w.Files()); n != 3 {
		t.Errorf("%d files are on record, want 3", n)
	}
}

// A synced file lies in the catalog until it outgrows that; then nothing of it
// stays behind there.
func TestNothingStaysInTheCatalogOfAFileInTheVault(t *testing.T) {
	w, a := newWorld(t)
	for _, size := range []int{seal.SlotSize - 1, seal.SlotSize, 3 * seal.SlotSize} {
		arr, err := w.Begin(t.Context(), intaketest.Spec(a, login, "/grows.xml"))
		if err != nil {
			t.Fatal(err)
		}
		data := content(size, uint64(size))
		if _, err := arr.WriteAt(data[:seal.SlotSize-1], 0); err != nil {
			t.Fatal(err)
		}
		if err := arr.Sync(); err != nil {
			t.Fatal(err)
		}
		if _, err := arr.WriteAt(data[seal.SlotSize-1:], seal.SlotSize-1); err != nil {
			t.Fatal(err)
		}
		f, err := arr.Commit(t.Context())
		if err != nil || f.Body.Kind != catalog.VaultBody {
			t.Fatalf("%d bytes: %+v, %v", size, f, err)
		}
	}
	var left int64
	w.Update(func(tx *catalog.Tx) (err error) {
		left, err = tx.InlineBytes()
		return err
	})
	if left != 0 {
		t.Errorf("%d bytes of bodies are left in the catalog", left)
	}
}

func TestTheSameDeliveryOnlyWithinSevenDays(t *testing.T) {
	w, a := newWorld(t)
	spec := intaketest.Spec(a, login, "/pay.xml")
	first, _ := w.Put(spec, []byte("x"))
	w.Clock.Add(7*24*time.Hour + time.Minute)
	again, err := w.Put(spec, []byte("x"))
	if err != nil || again.ID == first.ID {
		t.Errorf("after seven days it is a new file: %v", err)
	}
}

// R4: a name put again is a new file; the old one stays.
func TestPutOverANameKeepsTheOldFile(t *testing.T) {
	w, a := newWorld(t)
	spec := intaketest.Spec(a, login, "/same.xml")
	one, _ := w.Put(spec, []byte("one"))
	two, _ := w.Put(spec, []byte("two"))
	if got := w.Read(w.File(one.ID)); string(got) != "one" {
		t.Errorf("the first file holds %q", got)
	}
	list, err := w.Inbox(a.ID, login).List(t.Context(), vpath.MustParse("/"))
	if err != nil || len(list) != 1 || list[0].File != two.ID {
		t.Errorf("/in lists %v, %v", list, err)
	}
}

// R3: a temporary name waits for its rename.
func TestTemporaryNamesWaitForTheirRename(t *testing.T) {
	w, a := newWorld(t)
	box := w.Inbox(a.ID, login)
	for _, n := range []int{10, 3*seal.SlotSize + 1} {
		want := content(n, 4)
		f, err := w.Put(intaketest.Spec(a, login, "/lon.xml.filepart"), want)
		if err != nil {
			t.Fatal(err)
		}
		if got := w.File(f.ID).State; got != catalog.WaitingRename {
			t.Fatalf("closed as %s", got)
		}
		w.Restart()
		if err := box.Rename(t.Context(), vpath.MustParse("/lon.xml.filepart"), vpath.MustParse("/lon.xml.part"), false); err != nil {
			t.Fatal(err)
		}
		if got := w.File(f.ID).State; got != catalog.WaitingRename {
			t.Fatalf("renamed to another temporary name it is %s", got)
		}
		if err := w.Inbox(a.ID, login).Rename(t.Context(), vpath.MustParse("/lon.xml.part"), vpath.MustParse("/lon.xml"), true); err != nil {
			t.Fatal(err)
		}
		row := w.File(f.ID)
		if row.State != catalog.Received {
			t.Fatalf("after its rename it is %s", row.State)
		}
		if !bytes.Equal(w.Read(row), want) {
			t.Fatal("other bytes came back")
		}
		jobs := 0
		w.Update(func(tx *catalog.Tx) error {
			list, err := tx.JobsOf(f.ID)
			jobs = len(list)
			return err
		})
		if jobs != 1 {
			t.Errorf("%d index jobs", jobs)
		}
		w.Confirm(f.ID)
	}
}

// R3: a file whose rename does not come is a problem that people see, and is
// never dropped.
func TestOverdueRenamesAreShown(t *testing.T) {
	w, a := newWorld(t)
	f, err := w.Put(intaketest.Spec(a, login, "/x.tmp"), []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	w.Sweep(t.Context())
	if got := w.File(f.ID).Reason; got != "" {
		t.Errorf("at once its reason is %q", got)
	}
	w.Clock.Add(9 * 24 * time.Hour)
	w.Sweep(t.Context())
	if row := w.File(f.ID); row.State != catalog.WaitingRename || row.Reason != ledger.ReasonNotRenamed {
		t.Errorf("after nine days it is %s, reason %q", row.State, row.Reason)
	}
	if err := w.TakeWaiting(t.Context(), f.ID, "operator"); err != nil || w.File(f.ID).Reason != "" {
		t.Errorf("taken by hand: reason %q, %v", w.File(f.ID).Reason, err)
	}
}

// However many they are, all are told, and none that is not overdue.
func TestManyOverdueRenames(t *testing.T) {
	w, a := newWorld(t)
	const many = 1001 // more than two steps
	add := func() *catalog.File {
		f := &catalog.File{
			ID: uuid.New(), Account: a.ID, Direction: catalog.In, State: catalog.WaitingRename, Source: "sftp",
			Body: catalog.Body{Kind: catalog.NoBody},
		}
		f.BeganAt, f.ReceivedAt = w.Clock.Now(), w.Clock.Now()
		w.Update(func(tx *catalog.Tx) error { return tx.InsertFile(f) })
		return f
	}
	for range many {
		add()
	}
	w.Clock.Add(25 * time.Hour)
	young := add()
	w.Sweep(t.Context())
	told := 0
	w.Update(func(tx *catalog.Tx) error {
		all, err := tx.Files(catalog.FileFilter{State: catalog.WaitingRename, Limit: -1})
		for _, f := range all {
			if f.Reason == ledger.ReasonNotRenamed {
				told++
			}
		}
		return err
	})
	if told != many || w.File(young.ID).Reason != "" {
		t.Errorf("%d of %d, the young one %q", told, many, w.File(young.ID).Reason)
	}
}

func TestTakeWaiting(t *testing.T) {
	w, a := newWorld(t)
	want := content(2*seal.SlotSize, 4)
	f, err := w.Put(intaketest.Spec(a, login, "/x.tmp"), want)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.TakeWaiting(t.Context(), f.ID, "operator"); err != nil {
		t.Fatal(err)
	}
	if row := w.File(f.ID); row.State != catalog.Received || !bytes.Equal(w.Read(row), want) {
		t.Errorf("the file is %s", row.State)
	}
	if err := w.TakeWaiting(t.Context(), f.ID, "operator"); !fault.Is(err, fault.Invalid) {
		t.Errorf("taken twice: %v", err)
	}
}

func TestInbox(t *testing.T) {
	w, a := newWorld(t)
	box := w.Inbox(a.ID, login)
	ctx := t.Context()
	p := vpath.MustParse
	if _, err := w.Put(intaketest.Spec(a, login, "/2026/a.xml"), []byte("a")); !fault.Is(err, fault.NotFound) {
		t.Errorf("a folder that is not there: %v", err)
	}
	for _, d := range []string{"/2026", "/2026/nov"} {
		if err := box.Mkdir(ctx, p(d)); err != nil {
			t.Fatal(err)
		}
	}
	if err := box.Mkdir(ctx, p("/2026")); !fault.Is(err, fault.Exists) {
		t.Errorf("mkdir twice: %v", err)
	}
	f, err := w.Put(intaketest.Spec(a, login, "/2026/nov/a.xml"), []byte("a"))
	if err != nil {
		t.Fatal(err)
	}
	if err := box.Rmdir(ctx, p("/2026/nov")); !fault.Is(err, fault.Invalid) {
		t.Errorf("rmdir of a full folder: %v", err)
	}
	mtime := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	if err := box.SetModTime(ctx, p("/2026/nov/a.xml"), mtime); err != nil {
		t.Fatal(err)
	}
	if err := box.Rename(ctx, p("/2026/nov"), p("/dec"), false); err != nil {
		t.Fatal(err)
	}
	if err := box.Rename(ctx, p("/dec"), p("/dec/inside"), false); !fault.Is(err, fault.Invalid) {
		t.Errorf("a folder into itself: %v", err)
	}
	info, err := box.Stat(ctx, p("/dec/a.xml"))
	if err != nil || info.File != f.ID || info.Size != 1 || !info.ModTime.Equal(mtime) {
		t.Errorf("stat says %+v, %v", info, err)
	}
	if err := box.Remove(ctx, p("/dec/a.xml")); err != nil {
		t.Fatal(err)
	}
	if w.File(f.ID).State != catalog.Received {
		t.Error("rm did more than free the name")
	}
	if err := box.Rmdir(ctx, p("/dec")); err != nil {
		t.Fatal(err)
	}
	if _, err := box.Stat(ctx, p("/dec")); !fault.Is(err, fault.NotFound) {
		t.Errorf("stat of a removed folder: %v", err)
	}
}

func TestRenameChangesTheFileUntilItIsIndexed(t *testing.T) {
	w, a := newWorld(t)
	f, _ := w.Put(intaketest.Spec(a, login, "/a.xml"), []byte("a"))
	rec, _ := w.Keys.Records(t.Context(), a.ID)
	box := w.Inbox(a.ID, login)
	name := func() string {
		row := w.File(f.ID)
		n, err := rec.Open("file", "name", row.ID, row.Name)
		if err != nil {
			t.Fatal(err)
		}
		return string(n)
	}
	if err := box.Rename(t.Context(), vpath.MustParse("/a.xml"), vpath.MustParse("/b.xml"), false); err != nil || name() != "b.xml" {
		t.Fatalf("named %q, %v", name(), err)
	}
	w.Update(func(tx *catalog.Tx) error {
		row, err := tx.File(f.ID)
		if err != nil {
			return err
		}
		row.State, row.IndexedAt = catalog.Kept, w.Clock.Now()
		return tx.SaveFile(row)
	})
	if err := box.Rename(t.Context(), vpath.MustParse("/b.xml"), vpath.MustParse("/c.xml"), false); err != nil || name() != "b.xml" {
		t.Fatalf("named %q, %v", name(), err)
	}
}

// Nothing of a file or its name is ever on the disk in clear, not even while
// it arrives.
func TestNoPlaintextOnDisk(t *testing.T) {
	w, a := newWorld(t)
	marker, name := strings.Repeat("MARKER-OF-A-PAYMENT-", 20_000), "NAME-OF-THE-FILE"
	arr, err := w.Begin(t.Context(), intaketest.Spec(a, login, "/"+name+".xml"))
	if err != nil {
		t.Fatal(err)
	}
	arr.WriteAt([]byte(marker), 0)
	arr.Sync()
	check := func(when string) {
		t.Helper()
		all := w.Bytes()
		for _, m := range []string{"MARKER-OF-A-PAYMENT", name} {
			if bytes.Contains(all, []byte(m)) {
				t.Errorf("%s: %q is on the disk", when, m)
			}
		}
	}
	check("while it arrives")
	if _, err := arr.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.Put(intaketest.Spec(a, login, "/small-"+name+".xml"), []byte("MARKER-OF-A-PAYMENT"))
	check("received")
	if err := w.Catalog.Checkpoint(context.Background()); err != nil {
		t.Fatal(err)
	}
	check("after a checkpoint")
}

func TestFsyncedBytesOfASmallFileSurvive(t *testing.T) {
	w, a := newWorld(t)
	arr, _ := w.Begin(t.Context(), intaketest.Spec(a, login, "/s.xml"))
	want := content(5000, 1)
	arr.WriteAt(want[:4000], 0)
	if err := arr.Sync(); err != nil {
		t.Fatal(err)
	}
	if f := w.File(arr.ID()); f.State != catalog.Arriving || f.Body.Kind != catalog.InlineBody {
		t.Errorf("after fsync it is %s, %s", f.State, f.Body.Kind)
	}
	arr.WriteAt(want[4000:], 4000)
	f, err := arr.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(w.Read(w.File(f.ID)), want) {
		t.Error("other bytes came back")
	}
}

func TestClosedAccountTakesNothing(t *testing.T) {
	w, a := newWorld(t)
	w.Update(func(tx *catalog.Tx) error {
		a.State = catalog.AccountClosed
		return tx.SaveAccount(a)
	})
	if _, err := w.Put(intaketest.Spec(a, login, "/a.xml"), nil); !fault.Is(err, fault.Locked) {
		t.Errorf("got %v", err)
	}
}

func TestHashIsOfTheBytesThatLie(t *testing.T) {
	w, a := newWorld(t)
	want := content(6*seal.SlotSize+3, 5)
	arr, _ := w.Begin(t.Context(), intaketest.Spec(a, login, "/h.xml"))
	arr.WriteAt(content(6*seal.SlotSize, 6), 0) // other bytes first
	arr.WriteAt(want, 0)
	f, err := arr.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rec, _ := w.Keys.Records(t.Context(), a.ID)
	sum, err := rec.Open("file", "sha256", f.ID, f.Content.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	if expect := sha256.Sum256(want); !bytes.Equal(sum, expect[:]) {
		t.Error("the recorded SHA-256 is of other bytes")
	}
	if !bytes.Equal(w.Read(f), want) {
		t.Error("other bytes came back")
	}
}

func TestSweep(t *testing.T) {
	w, a := newWorld(t)
	arr, _ := w.Begin(t.Context(), intaketest.Spec(a, login, "/cut.xml"))
	arr.WriteAt(content(2*seal.SlotSize, 1), 0)
	arr.Abort(errors.New("lost"))
	w.Put(intaketest.Spec(a, login, "/done.xml"), []byte("x"))
	w.Sweep(t.Context())
	if len(w.Files()) != 2 || w.Objects() != 1 {
		t.Fatal("the sweep took what can still be resumed")
	}
	w.Clock.Add(8 * 24 * time.Hour)
	w.Sweep(t.Context())
	if len(w.Files()) != 1 || w.Objects() != 0 {
		t.Errorf("%d rows, %d objects are left", len(w.Files()), w.Objects())
	}
	list, _ := w.Inbox(a.ID, login).List(t.Context(), vpath.MustParse("/"))
	if len(list) != 0 {
		t.Errorf("expired names are listed: %v", list)
	}
}
