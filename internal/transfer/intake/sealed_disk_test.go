package intake_test

import (
	"bytes"
	"testing"

	"sealgate/internal/durable/durabletest"
	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake/intaketest"
)

// A disk that is full in the midst of a part, whatever was said of its room before,
// keeps what is there, and takes the rest when there is some.
func TestADiskThatIsFullInTheMidstOfAPart(t *testing.T) {
	for _, how := range []durabletest.How{durabletest.NotStored, durabletest.Stored} {
		disk := durabletest.NewFaulty(durabletest.NewPowerCut("/data"))
		w := intaketest.New(t, disk)
		a := w.Agent(w.Account("acme", catalog.ContentKeep))
		content := intaketest.Random(20 * seal.SlotSize)
		s := a.Seal("pay.xml", content)
		b, err := w.BeginSealed(t.Context(), s.Spec)
		if err != nil {
			t.Fatal(err)
		}
		half := b.Offset + 7*seal.SealedSlot
		if _, err := w.AppendSealed(t.Context(), a.Agent, b.ID, b.Offset, s.Object[b.Offset:half]); err != nil {
			t.Fatal(err)
		}
		disk.Fail(durabletest.Write, 1, how, durabletest.ErrFull)
		if _, err := w.AppendSealed(t.Context(), a.Agent, b.ID, half, s.Object[half:]); !fault.Is(err, fault.Full) {
			t.Fatalf("on a full disk: %v", err)
		}
		if b, err = w.BeginSealed(t.Context(), s.Spec); err != nil || b.New || b.Offset != half {
			t.Fatalf("%+v, %v", b, err)
		}
		f, err := a.Send(s, partSize)
		if err != nil || !bytes.Equal(w.Read(w.File(f.ID)), content) {
			t.Errorf("with room again: %v", err)
		}
	}
}

// What agents of a closed account have begun goes with it.
func TestWhatAClosedAccountHasBegunGoes(t *testing.T) {
	w, a := agentWorld(t, catalog.ContentKeep)
	other := w.Agent(&catalog.Account{ID: a.Account})
	begin := func(a *intaketest.Agent) {
		t.Helper()
		s := a.Seal("pay.xml", intaketest.Random(20*seal.SlotSize))
		b, err := w.BeginSealed(t.Context(), s.Spec)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.AppendSealed(t.Context(), a.Agent, b.ID, b.Offset, s.Object[b.Offset:b.Offset+seal.SealedSlot]); err != nil {
			t.Fatal(err)
		}
	}
	begin(a)
	begin(other)
	w.Restart()
	a = a.In(w)
	begin(a) // one is open, too
	w.Sweep(t.Context())
	if w.Objects() != 3 {
		t.Fatalf("%d objects", w.Objects())
	}
	w.Update(func(tx *catalog.Tx) error { return tx.RevokeAgents(a.Account, w.Clock.Now()) })
	w.Sweep(t.Context())
	if w.Objects() != 0 || len(w.Files()) != 0 {
		t.Errorf("%d files, %d objects", len(w.Files()), w.Objects())
	}
}
