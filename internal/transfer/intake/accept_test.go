package intake_test

import (
	"log/slog"
	"strings"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake"
	"sealgate/internal/transfer/intake/intaketest"
)

// refusedFor reports whether err is a refusal whose sentence holds the words.
func refusedFor(t *testing.T, what string, err error, words string) {
	t.Helper()
	if !fault.Is(err, fault.Locked) || !strings.Contains(fault.Message(err), words) {
		t.Errorf("%s: %v", what, err)
	}
}

func setState(w *intaketest.World, a *catalog.Account, state string) {
	w.Update(func(tx *catalog.Tx) error {
		row, err := tx.Account(a.ID)
		if err != nil {
			return err
		}
		row.State = state
		return tx.SaveAccount(row)
	})
}

// An account that was closed takes nothing: not what begins, not what goes on,
// and not what was all but there.
func TestAClosedAccountTakesNothing(t *testing.T) {
	for _, policy := range []string{catalog.ContentKeep, catalog.ContentDelete} {
		w := intaketest.New(t, nil)
		a := w.Account("acme", policy)
		addLogin(w, a)
		cut, err := w.Begin(t.Context(), intaketest.Spec(a, login, "/cut.xml"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := cut.WriteAt(make([]byte, 2*seal.SlotSize), 0); err != nil {
			t.Fatal(err)
		}
		cut.Abort(nil)
		late, err := w.Begin(t.Context(), intaketest.Spec(a, login, "/late.xml"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := late.WriteAt([]byte("x"), 0); err != nil {
			t.Fatal(err)
		}
		setState(w, a, catalog.AccountClosed)

		_, err = late.Commit(t.Context())
		refusedFor(t, "commit", err, "closed")
		_, err = w.Look(t.Context(), intaketest.Spec(a, login, "/new.xml"))
		refusedFor(t, "look", err, "closed")
		_, err = w.Begin(t.Context(), intaketest.Spec(a, login, "/new.xml"))
		refusedFor(t, "begin", err, "closed")
		_, err = w.Resume(t.Context(), intaketest.Spec(a, login, "/cut.xml"))
		refusedFor(t, "resume", err, "closed")
		for _, f := range w.Files() {
			if f.State != catalog.Arriving {
				t.Errorf("a file is %s", f.State)
			}
		}
	}
}

// Nothing is accepted for a customer whose first access key is not confirmed,
// whatever is done with contents: the sentence says what is missing.
func TestWithoutAConfirmedAccessKeyNothingIsTaken(t *testing.T) {
	for _, policy := range []string{catalog.ContentKeep, catalog.ContentDelete} {
		w := intaketest.New(t, nil)
		a := &catalog.Account{
			ID: uuid.Must(uuid.NewV7()), Name: "acme", Content: policy, Keys: catalog.KeysCustomer,
			OperatorAccess: catalog.OperatorOn, State: catalog.AccountOpen, CreatedAt: w.Clock.Now(),
		}
		k, err := w.Keys.NewAccountKeys(t.Context(), custody.NewAccount{ID: a.ID, Name: a.Name, Keys: catalog.KeysCustomer})
		if err != nil {
			t.Fatal(err)
		}
		w.Update(func(tx *catalog.Tx) error {
			if err := tx.InsertAccount(a); err != nil {
				return err
			}
			return k.Insert(tx)
		})
		addLogin(w, a)
		_, err = w.Look(t.Context(), intaketest.Spec(a, login, "/a.xml"))
		refusedFor(t, policy, err, "confirmed an access key")
		_, err = w.Put(intaketest.Spec(a, login, "/a.xml"), []byte("x"))
		refusedFor(t, policy, err, "confirmed an access key")
	}
}

// A file's row says what its header was sealed for.
func TestTheRowNamesTheLock(t *testing.T) {
	w := intaketest.New(t, nil)
	keep, del := w.Account("keep", catalog.ContentKeep), w.Account("del", catalog.ContentDelete)
	for _, size := range []int{1, 3 * seal.SlotSize} {
		f, err := w.Put(intake.Spec{Account: keep.ID, Path: intaketest.Spec(keep, login, "/a").Path, Source: "api"}, content(size, 1))
		if err != nil {
			t.Fatal(err)
		}
		if got := w.File(f.ID).Lock; got == 0 {
			t.Errorf("%d bytes, kept: no lock", size)
		}
		if f, err = w.Put(intake.Spec{Account: del.ID, Path: intaketest.Spec(del, login, "/a").Path, Source: "api"}, content(size, 2)); err != nil {
			t.Fatal(err)
		}
		if got := w.File(f.ID).Lock; got != 0 {
			t.Errorf("%d bytes, not kept: lock %d", size, got)
		}
	}
}

// One long upload must not fill the disk to the last byte: others still commit.
func TestARunningUploadStopsBeforeTheDiskIsFull(t *testing.T) {
	w, a := newWorld(t)
	free := int64(1 << 30)
	in := intake.New(w.Catalog, w.Vault, w.Keys, intake.Options{
		Node: "node-1", Now: w.Clock.Now, Log: slog.New(slog.DiscardHandler),
		Space: func() (int64, int64, error) { return free, 100 << 30, nil },
	})
	arr, err := in.Begin(t.Context(), intaketest.Spec(a, login, "/big.bin"))
	if err != nil {
		t.Fatal(err)
	}
	data := content(16*seal.SlotSize, 1)
	off := int64(0)
	for ; off < 512<<20; off += int64(len(data)) {
		if _, err = arr.WriteAt(data, off); err != nil {
			break
		}
		free = 200 << 20 // less than a new arrival needs, enough to go on with
		if off >= 16<<20 {
			free = 10 << 20
		}
	}
	if !fault.Is(err, fault.Full) || off < 16<<20 || off > 40<<20 {
		t.Errorf("after %d MiB: %v", off>>20, err)
	}
	if _, err := arr.Commit(t.Context()); !fault.Is(err, fault.Full) {
		t.Errorf("commit: %v", err)
	}
	if n := w.Objects(); n != 0 {
		t.Errorf("%d objects take room still", n)
	}
	if _, err := in.Begin(t.Context(), intaketest.Spec(a, login, "/next.bin")); !fault.Is(err, fault.Full) {
		t.Errorf("a new one: %v", err)
	}
}
