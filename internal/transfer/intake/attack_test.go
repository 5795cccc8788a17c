package intake_test

import (
	"bytes"
	"strings"
	"testing"

	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake"
	"sealgate/internal/transfer/intake/intaketest"
	"sealgate/internal/transfer/vpath"
)

// twoNames begins an arrival in a folder, puts some of it on record and renames
// the folder: the unfinished arrival has a second name then.
func twoNames(t *testing.T, w *intaketest.World, a *catalog.Account, begun []byte) *intake.Arrival {
	t.Helper()
	box := w.Inbox(a.ID, login)
	if err := box.Mkdir(t.Context(), vpath.MustParse("/d")); err != nil {
		t.Fatal(err)
	}
	arr, err := w.Begin(t.Context(), intaketest.Spec(a, login, "/d/a.xml"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := arr.WriteAt(begun, 0); err != nil {
		t.Fatal(err)
	}
	if err := box.Rename(t.Context(), vpath.MustParse("/d"), vpath.MustParse("/e"), false); err != nil {
		t.Fatal(err)
	}
	return arr
}

// An object has one writer, by whatever names its arrival is reached: what one
// of them has acknowledged the other must not write over (R4).
func TestAnArrivalReachedByTwoNamesHasOneWriter(t *testing.T) {
	w, a := newWorld(t)
	want, other := content(3*seal.SlotSize, 1), content(3*seal.SlotSize, 2)
	first := twoNames(t, w, a, want[:2*seal.SlotSize])
	second, err := w.Resume(t.Context(), intaketest.Spec(a, login, "/e/a.xml"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := first.WriteAt(want[2*seal.SlotSize:], 2*seal.SlotSize); err == nil {
		t.Error("both may write")
	}
	if f, err := first.Commit(t.Context()); err == nil {
		t.Errorf("%s was acknowledged while another goes on with it", f.ID)
	}
	if _, err := second.WriteAt(other, 0); err != nil {
		t.Fatal(err)
	}
	f, err := second.Commit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(w.Read(w.File(f.ID)), other) {
		t.Error("other bytes than those acknowledged")
	}
	if _, err := w.Resume(t.Context(), intaketest.Spec(a, login, "/e/a.xml")); !fault.Is(err, fault.Exists) {
		t.Errorf("resuming what was received: %v", err)
	}
}

// Clients that come back on several connections at once: one goes on.
func TestManyResumeAtOnceAndOneGoesOn(t *testing.T) {
	w, a := newWorld(t)
	want := content(3*seal.SlotSize, 1)
	arr, err := w.Begin(t.Context(), intaketest.Spec(a, login, "/a.xml"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := arr.WriteAt(want[:2*seal.SlotSize], 0); err != nil {
		t.Fatal(err)
	}
	arr.Abort(nil)
	taken := make(chan error, 8)
	for i := range cap(taken) {
		go func() {
			arr, err := w.Resume(t.Context(), intaketest.Spec(a, login, "/a.xml"))
			if err == nil {
				if _, err = arr.WriteAt(content(3*seal.SlotSize, uint64(i)), 0); err == nil {
					_, err = arr.Commit(t.Context())
				}
			}
			taken <- err
		}()
	}
	good := 0
	for range cap(taken) {
		if <-taken == nil {
			good++
		}
	}
	if good > 1 {
		t.Errorf("%d connections were told that they sent the file", good)
	}
	received := 0
	for _, f := range w.Files() {
		if f.State == catalog.Received {
			received++
			w.Read(f) // verifies it
		}
	}
	if received != good {
		t.Errorf("%d files of %d acknowledgements", received, good)
	}
}

// A file that was lost before it was indexed is erased and its customer told to
// send it again: what comes is no repetition then, whatever became of our first
// answer.
func TestAnErasedFileCanBeSentAgain(t *testing.T) {
	w, a := newWorld(t)
	want := content(1000, 1)
	f, err := w.Put(intaketest.Spec(a, login, "/a.xml"), want)
	if err != nil {
		t.Fatal(err)
	}
	w.Update(func(tx *catalog.Tx) error {
		row, err := tx.File(f.ID)
		if err != nil {
			return err
		}
		row.State, row.Reason = catalog.Erased, "lost-before-indexing"
		return tx.SaveFile(row)
	})
	again, err := w.Put(intaketest.Spec(a, login, "/a.xml"), want)
	if err != nil {
		t.Fatal(err)
	}
	if again.ID == f.ID {
		t.Fatal("the file was acknowledged and thrown away")
	}
	if got := w.File(again.ID); got.State != catalog.Received || !bytes.Equal(w.Read(got), want) {
		t.Errorf("the file is %s", got.State)
	}
}

// Many files that are begun all over and never finished must not fill our
// memory, and those that do finish are whole.
func TestAllArrivalsTogetherAreBounded(t *testing.T) {
	w, a := newWorld(t)
	const files, slots, most = 20, 40, 100
	w.HoldAtMost(most)
	want := content(slots*seal.SlotSize, 4)
	var arrivals []*intake.Arrival
	for i := range files {
		arr, err := w.Begin(t.Context(), intaketest.Spec(a, login, "/"+strings.Repeat("x", i+1)))
		if err != nil {
			t.Fatal(err)
		}
		arrivals = append(arrivals, arr)
		for k := 1; k < slots; k++ { // halves, and whole slots whose turn to be hashed does not come
			to := (k + 1) * seal.SlotSize
			if k%2 == 0 {
				to -= seal.SlotSize / 2
			}
			if _, err := arr.WriteAt(want[k*seal.SlotSize:to], int64(k*seal.SlotSize)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if held := w.Held(); held > most+2*files {
		t.Errorf("%d slots are held in memory, want about %d", held, most)
	}
	for _, arr := range arrivals {
		for k := range slots {
			if _, err := arr.WriteAt(want[k*seal.SlotSize:(k+1)*seal.SlotSize], int64(k*seal.SlotSize)); err != nil {
				t.Fatal(err)
			}
		}
		f, err := arr.Commit(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(w.Read(f), want) {
			t.Fatal("other bytes came back")
		}
	}
	if held := w.Held(); held != 0 {
		t.Errorf("%d buffers are still counted", held)
	}
}

// What a client leaves open costs memory and a sealed slot on the disk each.
func TestScatteredWritesAreRefused(t *testing.T) {
	w, a := newWorld(t)
	for name, step := range map[string]int64{"bytes": 2, "slots": seal.SlotSize} {
		arr, err := w.Begin(t.Context(), intaketest.Spec(a, login, "/"+name))
		if err != nil {
			t.Fatal(err)
		}
		n := int64(0)
		for err == nil && n < 5000 {
			_, err = arr.WriteAt([]byte{1}, (n+1)*step)
			n++
		}
		if !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %d pieces: %v", name, n, err)
		}
		arr.Abort(err)
	}
	if held := w.Held(); held != 0 {
		t.Errorf("%d buffers are still counted", held)
	}
}
