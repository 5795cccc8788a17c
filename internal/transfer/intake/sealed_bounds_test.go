package intake_test

import (
	"bytes"
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/vault"
	"sealgate/internal/transfer/intake"
	"sealgate/internal/transfer/intake/intaketest"
)

// slowVault is a vault whose unfinished objects are read slowly.
type slowVault struct {
	vault.Vault
	reading, goOn chan struct{}
}

type slowBody struct {
	vault.Body
	v *slowVault
}

func (v *slowVault) Resume(ctx context.Context, ref string) (vault.Body, error) {
	b, err := v.Vault.Resume(ctx, ref)
	return slowBody{b, v}, err
}

func (b slowBody) ReadAt(p []byte, off int64) (int, error) {
	if off > 0 && len(p) > seal.SlotSize {
		select {
		case b.v.reading <- struct{}{}:
		default:
		}
		<-b.v.goOn
	}
	return b.Body.ReadAt(p, off)
}

// What an agent has left here is looked through for as long as it takes, and meanwhile
// the others begin, go on and end, whatever ids they have drawn.
func TestALongLookKeepsNobodyWaiting(t *testing.T) {
	w, a := agentWorld(t, catalog.ContentDelete)
	other := w.Agent(w.Account("beta", catalog.ContentDelete))
	large := a.Seal("pay.xml", intaketest.Random(10*seal.SlotSize))
	b, err := w.BeginSealed(t.Context(), large.Spec)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.AppendSealed(t.Context(), a.Agent, b.ID, b.Offset, large.Object[b.Offset:b.Offset+5*seal.SealedSlot]); err != nil {
		t.Fatal(err)
	}
	w.Restart()
	slow := &slowVault{w.Vault, make(chan struct{}, 1), make(chan struct{})}
	w.Intake = intake.New(w.Catalog, slow, w.Keys, intake.Options{Node: "node-1", Now: w.Clock.Now, Log: slog.New(slog.DiscardHandler)})
	looked := make(chan int64)
	go func() {
		b, err := w.BeginSealed(t.Context(), large.Spec)
		if err != nil {
			t.Error(err)
			b.Offset = 0
		}
		looked <- b.Offset
	}()
	<-slow.reading
	s := other.Seal("other.xml", []byte("other"))
	for s.Spec.Foreign.ID[15] != large.Spec.Foreign.ID[15] {
		s = other.Seal("other.xml", []byte("other"))
	}
	sent := make(chan error)
	go func() { _, err := other.Send(s, partSize); sent <- err }()
	select {
	case err := <-sent:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(time.Minute):
		t.Error("another account waits")
	}
	close(slow.goOn)
	if at := <-looked; at != b.Offset+5*seal.SealedSlot {
		t.Errorf("offset %d", at)
	}
}

// Who has begun too much finishes it first, and keeps nobody else from beginning.
func TestWhoBeginsWithoutEndKeepsOnlyHimselfWaiting(t *testing.T) {
	w, a := agentWorld(t, catalog.ContentDelete)
	colleague := w.Agent(&catalog.Account{ID: a.Account})
	large := a.Seal("pay.xml", intaketest.Random(3*seal.SlotSize))
	if _, err := w.BeginSealed(t.Context(), large.Spec); err != nil {
		t.Fatal(err)
	}
	begun := func(who uuid.UUID, n int) {
		t.Helper()
		w.Update(func(tx *catalog.Tx) error {
			for range n {
				err := tx.InsertFile(&catalog.File{
					ID: uuid.Must(uuid.NewV7()), Account: a.Account, Direction: catalog.In, State: catalog.Arriving, Source: "connect", Node: "node-1", Login: who,
					Name: []byte{1}, Times: catalog.Times{BeganAt: w.Clock.Now()}, Body: catalog.Body{Kind: catalog.NoBody},
				})
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	begun(a.ID, 199)
	if _, err := w.BeginSealed(t.Context(), a.Seal("more.xml", []byte("more")).Spec); !fault.Is(err, fault.TryLater) {
		t.Errorf("one more: %v", err)
	}
	if _, err := colleague.Send(colleague.Seal("c.xml", []byte("c")), partSize); err != nil {
		t.Error("another agent:", err)
	}
	begun(uuid.Must(uuid.NewV7()), 900)
	if _, err := w.BeginSealed(t.Context(), colleague.Seal("d.xml", []byte("d")).Spec); !fault.Is(err, fault.TryLater) {
		t.Errorf("one more of the account: %v", err)
	}
	w.Restart() // what was begun can be ended, under its own id or anew
	anew := a.Seal("pay.xml", intaketest.Random(1))
	anew.Spec.Delivery = large.Spec.Delivery
	if b, err := w.BeginSealed(t.Context(), large.Spec); err != nil || b.New {
		t.Fatalf("%+v, %v", b, err)
	}
	if b, err := w.BeginSealed(t.Context(), anew.Spec); err != nil || !b.New {
		t.Errorf("%+v, %v", b, err)
	}
}

// As many as one may have open, however many come at once.
func TestArrivalsThatComeAtOnceAreCounted(t *testing.T) {
	w, a := agentWorld(t, catalog.ContentDelete)
	const many = 100
	results := make(chan error)
	for range many {
		s := a.Seal("pay.xml", []byte("pay"))
		s.Spec.Delivery = nil
		go func() { _, err := w.BeginSealed(t.Context(), s.Spec); results <- err }()
	}
	open := 0
	for range many {
		if err := <-results; err == nil {
			open++
		} else if !fault.Is(err, fault.TryLater) {
			t.Error(err)
		}
	}
	if open != 64 {
		t.Errorf("%d are open", open)
	}
}

// A full disk is noticed however many files it is that fill it, and none of them is
// lost by that.
func TestADiskThatFillsKeepsWhatIsThere(t *testing.T) {
	w, a := agentWorld(t, catalog.ContentDelete)
	var free atomic.Int64
	free.Store(1 << 40)
	w.Intake = intake.New(w.Catalog, w.Vault, w.Keys, intake.Options{
		Node: "node-1", Now: w.Clock.Now, Log: slog.New(slog.DiscardHandler), Space: func() (int64, int64, error) { return free.Load(), 1 << 40, nil },
	})
	content := intaketest.Random(1 << 20)
	list := make([]*intaketest.Sealed, 12)
	for i := range list {
		list[i] = a.Seal("pay.xml", content)
		list[i].Spec.Delivery = nil
		if _, err := w.BeginSealed(t.Context(), list[i].Spec); err != nil {
			t.Fatal(err)
		}
	}
	free.Store(1 << 20)
	half, full := int64(8*seal.SealedSlot), 0
	for range 2 {
		for _, s := range list {
			b, err := w.BeginSealed(t.Context(), s.Spec)
			if err != nil || b.New {
				t.Fatalf("%+v, %v", b, err)
			}
			switch _, err := w.AppendSealed(t.Context(), a.Agent, b.ID, b.Offset, s.Object[b.Offset:min(b.Offset+half, int64(len(s.Object))-seal.TrailerSize)]); {
			case fault.Is(err, fault.Full):
				full++
			case err != nil:
				t.Fatal(err)
			}
		}
	}
	if full < 8 {
		t.Errorf("12 MiB are written on a full disk, %d times it was noticed", full)
	}
	free.Store(1 << 40)
	for i, s := range list {
		b, err := w.BeginSealed(t.Context(), s.Spec)
		if err != nil || b.New || i == 0 && b.Offset < half/2 {
			t.Fatalf("%+v, %v", b, err)
		}
		if _, err := w.AppendSealed(t.Context(), a.Agent, b.ID, b.Offset, s.Object[b.Offset:]); err != nil {
			t.Fatal(err)
		}
	}
	s := list[3]
	if f, err := w.CommitSealed(t.Context(), a.Agent, s.Spec.Foreign.ID, s.Claim); err != nil || !bytes.Equal(w.Read(f), content) {
		t.Error(err)
	}
}
