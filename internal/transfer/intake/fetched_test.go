package intake_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake"
	"sealgate/internal/transfer/intake/intaketest"
	"sealgate/internal/transfer/vpath"
)

// fetched describes a file that we went for ourselves.
func fetched(a *catalog.Account, path string) intake.Spec {
	return intake.Spec{
		Account: a.ID, Path: vpath.MustParse(path), Source: "remote:bank", Actor: "remote:bank",
		Delivery: [][]byte{[]byte("remote"), []byte(path), []byte("size and time")},
	}
}

// Whoever fetches may come again for what was taken, at any time: it is the same file.
// Other content, or another place, is another file.
func TestWhatWasFetchedIsNeverTakenTwice(t *testing.T) {
	w := intaketest.New(t, nil)
	a := w.Account("acme", catalog.ContentKeep)
	for _, size := range []int{10, 5 * seal.SlotSize} {
		first, err := w.Put(fetched(a, "/a.xml"), content(size, 1))
		if err != nil {
			t.Fatal(err)
		}
		w.Confirm(first.ID)
		w.Clock.Add(365 * 24 * time.Hour)
		w.Restart()
		again, err := w.Put(fetched(a, "/a.xml"), content(size, 1))
		if err != nil || again.ID != first.ID {
			t.Errorf("the same delivery is the file %s, and not %s: %v", again.ID, first.ID, err)
		}
		for name, put := range map[string]func() (*catalog.File, error){
			"other content": func() (*catalog.File, error) { return w.Put(fetched(a, "/a.xml"), content(size, 2)) },
			"another place": func() (*catalog.File, error) { return w.Put(fetched(a, "/b.xml"), content(size, 1)) },
			"no place": func() (*catalog.File, error) {
				spec := fetched(a, "/a.xml")
				spec.Delivery = nil
				return w.Put(spec, content(size, 1))
			},
		} {
			if f, err := put(); err != nil || f.ID == first.ID {
				t.Errorf("%s: it is the file before, or %v", name, err)
			}
		}
	}
	if err := w.SweepObjects(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := w.Objects(); n != 4 {
		t.Errorf("%d objects in the vault", n)
	}
}

// What a door writes with the file is there with it or not at all, and its refusal is
// the arrival's.
func TestWhatIsWrittenWithTheFile(t *testing.T) {
	w := intaketest.New(t, nil)
	a := w.Account("acme", catalog.ContentKeep)
	spec := fetched(a, "/a.xml")
	refusal := errors.New("somebody else has the remote now")
	spec.With = func(tx *catalog.Tx, _ *catalog.File) error { return refusal }
	if _, err := w.Put(spec, []byte("x")); !errors.Is(err, refusal) {
		t.Errorf("%v", err)
	}
	if n := len(w.Files()); n != 0 {
		t.Errorf("%d files are on record", n)
	}
	var told []uuid.UUID
	spec.With = func(tx *catalog.Tx, f *catalog.File) error {
		if _, err := tx.File(f.ID); err != nil {
			return err
		}
		told = append(told, f.ID)
		return nil
	}
	for range 2 { // the second is the same delivery: it is told the file that is there
		if _, err := w.Put(spec, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if len(told) != 2 || told[0] != told[1] {
		t.Errorf("it was told of %v", told)
	}
}

// What is durable of a cut arrival can be read back, by whoever goes on with it.
func TestACutArrivalIsReadBack(t *testing.T) {
	w := intaketest.New(t, nil)
	a := w.Account("acme", catalog.ContentKeep)
	want := content(40*seal.SlotSize+77, 3)
	up, err := w.Begin(t.Context(), fetched(a, "/big.xml"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := up.WriteAt(want[:30*seal.SlotSize+5], 0); err != nil {
		t.Fatal(err)
	}
	up.Abort(io.ErrUnexpectedEOF)
	w.Restart()
	up, err = w.ResumeUpload(context.Background(), fetched(a, "/big.xml"), up.ID())
	if err != nil {
		t.Fatal(err)
	}
	n := up.Durable()
	if n < 29*seal.SlotSize {
		t.Fatalf("%d bytes are durable", n)
	}
	got := make([]byte, 1<<20)
	if _, err := up.ReadAt(got, n-int64(len(got))); err != nil || !bytes.Equal(got, want[n-int64(len(got)):n]) {
		t.Errorf("read back: %v", err)
	}
	if _, err := up.ReadAt(got, 40*seal.SlotSize); err == nil {
		t.Error("what never came was read")
	}
	if _, err := up.WriteAt(want[n:], n); err != nil {
		t.Fatal(err)
	}
	f, err := up.Commit(t.Context())
	if err != nil || !bytes.Equal(w.Read(f), want) || !w.File(f.ID).Delivery.Resumed {
		t.Errorf("resumed: %v", err)
	}
	if again, err := w.Put(fetched(a, "/big.xml"), want); err != nil || again.ID != f.ID {
		t.Errorf("the same once more: %v", err)
	}
}
