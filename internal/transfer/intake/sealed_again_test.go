package intake_test

import (
	"bytes"
	"testing"
	"time"

	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake/intaketest"
	"sealgate/internal/transfer/intake/sealed"
)

// loseDay takes away the ingest key of today, as a restore does whose backup has the
// row and not the key, and goes on with tomorrow's.
func loseDay(t *testing.T, w *intaketest.World, a *intaketest.Agent) error {
	if err := w.Store.DestroyIngestKey(a.IngestKey().Fingerprint); err != nil {
		return err
	}
	w.Clock.Add(24 * time.Hour)
	w.Restart()
	return w.Keys.ChangeDay(t.Context())
}

// What nobody can open any more is not acknowledged once more, whether or not the
// indexer has come to it: the agent seals it anew, and that is taken.
func TestWhatARestoreHasLostIsSentAgain(t *testing.T) {
	for _, state := range []catalog.State{catalog.Received, catalog.Held, catalog.Erased} {
		for _, n := range []int{100, 3 * seal.SlotSize} {
			w, a := agentWorld(t, catalog.ContentDelete)
			want := intaketest.Random(n)
			s := a.Seal("pay.xml", want)
			f, err := a.Send(s, partSize)
			if err != nil {
				t.Fatal(err)
			}
			if err := loseDay(t, w, a); err != nil {
				t.Fatal(err)
			}
			w.Update(func(tx *catalog.Tx) error {
				row, err := tx.File(f.ID)
				if err != nil {
					return err
				}
				if row.State = state; state == catalog.Erased {
					row.Reason, row.Grant = catalog.ReasonLost, catalog.Grant{}
				}
				return tx.SaveFile(row)
			})
			a = a.In(w)
			a.Grant(s)
			_, err = w.BeginSealed(t.Context(), s.Spec)
			is(t, err, sealed.ErrFileTaken)
			_, err = w.TakeSealed(t.Context(), s.Spec, s.Object, s.Claim)
			is(t, err, sealed.ErrFileTaken)
			_, err = w.AppendSealed(t.Context(), a.Agent, f.ID, 0, s.Object[:50])
			is(t, err, sealed.ErrGone)
			_, err = w.CommitSealed(t.Context(), a.Agent, f.ID, s.Claim)
			is(t, err, sealed.ErrGone)
			again, err := a.Send(a.Seal("pay.xml", want), partSize)
			if err != nil || again.ID == f.ID || !bytes.Equal(w.Read(again), want) {
				t.Errorf("%s, %d bytes: %v, %v", state, n, again, err)
			}
		}
	}
}

// What somebody has erased since was delivered all the same: a machine that comes back
// from a snapshot does not deliver it once more.
func TestWhatWasErasedIsNotSentAgain(t *testing.T) {
	w, a := agentWorld(t, catalog.ContentDelete)
	f, err := a.Send(a.Seal("pay.xml", []byte("pay")), partSize)
	if err != nil {
		t.Fatal(err)
	}
	w.Update(func(tx *catalog.Tx) error {
		row, err := tx.File(f.ID)
		if err != nil {
			return err
		}
		row.State, row.Reason, row.Grant = catalog.Erased, "erased", catalog.Grant{}
		return tx.SaveFile(row)
	})
	again, err := a.Send(a.Seal("pay.xml", []byte("pay")), partSize)
	if err != nil || again.ID != f.ID || len(w.Files()) != 1 {
		t.Errorf("%v, %v, %d files", again, err, len(w.Files()))
	}
}

// One id has one object: another one under it is refused, and the one that is on its
// way stays.
func TestAnotherObjectUnderTheSameId(t *testing.T) {
	w, a := agentWorld(t, catalog.ContentDelete)
	large, small := a.Seal("pay.xml", intaketest.Random(3*seal.SlotSize)), a.Seal("other.xml", []byte("small"))
	b, err := w.BeginSealed(t.Context(), large.Spec)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.AppendSealed(t.Context(), a.Agent, b.ID, b.Offset, large.Object[b.Offset:]); err != nil {
		t.Fatal(err)
	}
	small.Spec.Foreign.ID = b.ID
	_, err = w.TakeSealed(t.Context(), small.Spec, small.Object, small.Claim)
	is(t, err, sealed.ErrFileTaken)
	_, err = w.BeginSealed(t.Context(), small.Spec)
	is(t, err, sealed.ErrFileTaken)
	if _, err := w.CommitSealed(t.Context(), a.Agent, b.ID, large.Claim); err != nil {
		t.Error(err)
	}
}

// What had not come whole when its key was lost begins anew, under the same id.
func TestAnArrivalWhoseKeyIsLostBeginsAnew(t *testing.T) {
	w, a := agentWorld(t, catalog.ContentDelete)
	want := intaketest.Random(3 * seal.SlotSize)
	s := a.Seal("pay.xml", want)
	if _, err := w.BeginSealed(t.Context(), s.Spec); err != nil {
		t.Fatal(err)
	}
	if err := loseDay(t, w, a); err != nil {
		t.Fatal(err)
	}
	a = a.In(w)
	a.Grant(s)
	if b, err := w.BeginSealed(t.Context(), s.Spec); err != nil || !b.New {
		t.Fatalf("%+v, %v", b, err)
	}
	if f, err := a.Send(s, partSize); err != nil || !bytes.Equal(w.Read(f), want) {
		t.Error(err)
	}
}
