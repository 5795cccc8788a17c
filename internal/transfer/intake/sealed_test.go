package intake_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/durable/durabletest"
	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/agents"
	"sealgate/internal/store/catalog/catalogtest"
	"sealgate/internal/transfer/intake/intaketest"
	"sealgate/internal/transfer/intake/sealed"
)

const partSize = 100_000

func agentWorld(t *testing.T, kept string) (*intaketest.World, *intaketest.Agent) {
	t.Helper()
	w := intaketest.New(t, nil)
	return w, w.Agent(w.Account("acme", kept))
}

func is(t *testing.T, err, sentinel error) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Errorf("error %v, want %v", err, sentinel)
	}
}

func received(w *intaketest.World) (list []*catalog.File) {
	for _, f := range w.Files() {
		if f.State == catalog.Received {
			list = append(list, f)
		}
	}
	return list
}

func TestSealedFilesOfEverySize(t *testing.T) {
	for _, kept := range []string{catalog.ContentKeep, catalog.ContentDelete} {
		w, a := agentWorld(t, kept)
		for _, n := range []int{0, 1, 50_000, seal.SlotSize, seal.SlotSize + 1, 5*seal.SlotSize - 7, 20 * seal.SlotSize} {
			want := intaketest.Random(n)
			s := a.Seal(fmt.Sprintf("pay-%d.xml", n), want)
			f, err := a.Send(s, partSize)
			if err != nil {
				t.Fatalf("%d bytes: %v", n, err)
			}
			row := w.File(f.ID)
			if row.State != catalog.Received || row.Source != "connect" || row.Login != a.ID || row.ID != s.Spec.Foreign.ID || row.Content.Size != int64(n) {
				t.Errorf("%d bytes: %+v", n, row)
			}
			if kind := catalog.InlineBody; (row.Body.Kind == kind) != (len(s.Object) <= 64<<10) {
				t.Errorf("%d bytes lie in %s", n, row.Body.Kind)
			}
			if (row.Lock != 0) != (kept == catalog.ContentKeep) || row.Grant.Data[0] == s.Spec.Grant[0] {
				t.Errorf("%d bytes: lock %d, a grant of kind %d", n, row.Lock, row.Grant.Data[0])
			}
			if !bytes.Equal(w.Read(row), want) {
				t.Errorf("%d bytes: other bytes came back", n)
			}
			object, err := w.Bodies.OpenSealed(t.Context(), row)
			if err != nil {
				t.Fatal(err)
			}
			stored := make([]byte, object.Size())
			if _, err := object.ReadAt(stored, 0); err != nil || !bytes.Equal(stored, s.Object) {
				t.Errorf("%d bytes: the object is not stored as it came (%v)", n, err)
			}
			object.Close()
			// In one step, and then it is the same delivery.
			again, err := w.TakeSealed(t.Context(), s.Spec, s.Object, s.Claim)
			if err != nil || again.ID != f.ID {
				t.Errorf("%d bytes again: %v, %v", n, again, err)
			}
		}
		if got := catalogtest.Audited(t, w.Catalog, "file.received"); len(got) != 7 || got[0].Actor != a.Actor {
			t.Errorf("%d entries, %+v", len(got), got[0])
		}
	}
}

// Whatever an agent calls the file, and whenever it comes: one delivery is one file.
func TestADeliveryIsOneFile(t *testing.T) {
	w, a := agentWorld(t, catalog.ContentKeep)
	want := intaketest.Random(3 * seal.SlotSize)
	first, second, third := a.Seal("pay.xml", want), a.Seal("pay.xml", want), a.Seal("pay.xml", want)
	// Two copies of one machine send at once, neither knowing of the other.
	second.Spec.Delivery = nil
	b, err := w.BeginSealed(t.Context(), second.Spec)
	if err != nil || !b.New {
		t.Fatalf("%+v, %v", b, err)
	}
	if _, err := w.AppendSealed(t.Context(), a.Agent, b.ID, b.Offset, second.Object[b.Offset:]); err != nil {
		t.Fatal(err)
	}
	f, err := a.Send(first, partSize)
	if err != nil {
		t.Fatal(err)
	}
	same, err := w.CommitSealed(t.Context(), a.Agent, b.ID, second.Claim)
	if err != nil || same.ID != f.ID {
		t.Errorf("%v, %v", same, err)
	}
	w.Clock.Add(90 * 24 * time.Hour)
	w.Restart()
	same, err = a.In(w).Send(third, partSize)
	if err != nil || same.ID != f.ID {
		t.Errorf("%v, %v", same, err)
	}
	// The answer to the last step was lost: it is asked again.
	same, err = w.CommitSealed(t.Context(), a.Agent, f.ID, first.Claim)
	if err != nil || same.ID != f.ID {
		t.Errorf("%v, %v", same, err)
	}
	if len(w.Files()) != 1 || w.Objects() != 1 {
		t.Errorf("%d files, %d objects", len(w.Files()), w.Objects())
	}
	// Another agent's delivery of the same id is its own.
	account := &catalog.Account{ID: a.Account}
	other := w.Agent(account)
	if f, err := other.Send(other.Seal("pay.xml", want), partSize); err != nil || f.ID == same.ID {
		t.Errorf("%v, %v", f, err)
	}
	// What was lost in a restore may come again.
	w.Update(func(tx *catalog.Tx) error {
		row, err := tx.File(f.ID)
		if err != nil {
			return err
		}
		row.State, row.Reason = catalog.Erased, catalog.ReasonLost
		return tx.SaveFile(row)
	})
	if f, err := a.Send(a.Seal("pay.xml", want), partSize); err != nil || f.ID == same.ID {
		t.Errorf("%v, %v", f, err)
	}
}

func TestASealedFileGoesOnAfterARestart(t *testing.T) {
	w, a := agentWorld(t, catalog.ContentKeep)
	want := intaketest.Random(10*seal.SlotSize + 99)
	s := a.Seal("pay.xml", want)
	b, err := w.BeginSealed(t.Context(), s.Spec)
	if err != nil {
		t.Fatal(err)
	}
	sent := b.Offset + 3*seal.SealedSlot
	if _, err := w.AppendSealed(t.Context(), a.Agent, b.ID, b.Offset, s.Object[b.Offset:sent]); err != nil {
		t.Fatal(err)
	}
	if b, err := w.BeginSealed(t.Context(), s.Spec); err != nil || b.New || b.Offset != sent {
		t.Errorf("asked again: %+v, %v", b, err)
	}
	w.Restart()
	next := sent + seal.SealedSlot
	if n, err := w.AppendSealed(t.Context(), a.Agent, b.ID, sent, s.Object[sent:next]); n != next || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	b, err = w.BeginSealed(t.Context(), s.Spec)
	if err != nil || b.New || b.Offset != next {
		t.Fatalf("%+v, %v; want %d", b, err, next)
	}
	f, err := a.In(w).Send(s, partSize)
	if err != nil || !bytes.Equal(w.Read(w.File(f.ID)), want) || !w.File(f.ID).Delivery.Resumed {
		t.Errorf("%v, %v", f, err)
	}
	// A rest that nobody came back for goes, its delivery with it.
	left := a.Seal("left.xml", want)
	if _, err := w.BeginSealed(t.Context(), left.Spec); err != nil {
		t.Fatal(err)
	}
	w.Clock.Add(8 * 24 * time.Hour)
	w.Restart()
	w.Sweep(t.Context())
	if len(w.Files()) != 1 || w.Objects() != 1 {
		t.Errorf("%d files, %d objects", len(w.Files()), w.Objects())
	}
	a.In(w).Grant(left)
	if _, err := a.In(w).Send(left, partSize); err != nil {
		t.Error(err)
	}
}

func TestPartsComeInTheirOrder(t *testing.T) {
	w, a := agentWorld(t, catalog.ContentDelete)
	s := a.Seal("pay.xml", intaketest.Random(8*seal.SlotSize))
	b, err := w.BeginSealed(t.Context(), s.Spec)
	if err != nil {
		t.Fatal(err)
	}
	part := func(ctx context.Context, from, to int64) (int64, error) {
		return w.AppendSealed(ctx, a.Agent, b.ID, from, s.Object[from:to])
	}
	h, end := b.Offset, int64(len(s.Object))
	const slot = seal.SealedSlot
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if n, err := part(ended, h+slot, h+2*slot); !errors.Is(err, sealed.ErrOffset) || n != h {
		t.Errorf("a gap: %d, %v", n, err)
	}
	// Two are under way, and the second comes first: it waits.
	second := make(chan error)
	go func() { _, err := part(t.Context(), h+slot, end); second <- err }()
	if _, err := part(t.Context(), h, h+slot); err != nil {
		t.Fatal(err)
	}
	if err := <-second; err != nil {
		t.Error(err)
	}
	if n, err := part(t.Context(), h, h+slot); err != nil || n != end {
		t.Errorf("what is there: %d, %v", n, err)
	}
	if _, err := w.AppendSealed(t.Context(), a.Agent, b.ID, end, []byte{1}); !fault.Is(err, fault.Invalid) {
		t.Errorf("behind the end: %v", err)
	}
	if _, err := w.AppendSealed(t.Context(), a.Agent, b.ID, -1, []byte{1}); !fault.Is(err, fault.Invalid) {
		t.Errorf("before the beginning: %v", err)
	}
	// Begun again by who has sealed it anew: what differs does not mix.
	if b, err = w.BeginSealed(t.Context(), s.Spec); err != nil {
		t.Fatal(err)
	}
	body, err := seal.NewBody(s.Key, b.ID)
	if err != nil {
		t.Fatal(err)
	}
	other := body.SealSlot(nil, 7, make([]byte, seal.SlotSize))
	if n, err := w.AppendSealed(t.Context(), a.Agent, b.ID, b.Offset-slot, append(other, s.Object[b.Offset:]...)); !errors.Is(err, sealed.ErrOffset) || n != b.Offset {
		t.Errorf("an overlap that differs: %d, %v", n, err)
	}
	if _, err := part(t.Context(), b.Offset-slot, end); err != nil {
		t.Errorf("an overlap that is the same: %v", err)
	}
	if _, err := w.CommitSealed(t.Context(), a.Agent, b.ID, s.Claim); err != nil {
		t.Error(err)
	}
}

// What the end does not bear out is no file, and nothing of it stays.
func TestASealedFileThatIsNotWhatItsAgentSays(t *testing.T) {
	w, a := agentWorld(t, catalog.ContentKeep)
	flip := func(b []byte, at int) []byte { b = bytes.Clone(b); b[at] ^= 1; return b }
	for name, change := range map[string]func(*intaketest.Sealed){
		"trailer":  func(s *intaketest.Sealed) { s.Object = flip(s.Object, len(s.Object)-1) },
		"slot":     func(s *intaketest.Sealed) { s.Object = flip(s.Object, len(s.Spec.Header)+50) },
		"last":     func(s *intaketest.Sealed) { s.Object = flip(s.Object, len(s.Object)-seal.TrailerSize-1) },
		"content":  func(s *intaketest.Sealed) { s.Claim.SHA256 = trailed(t, s, [32]byte{1}) },
		"size":     func(s *intaketest.Sealed) { s.Claim.Size++ },
		"sha256":   func(s *intaketest.Sealed) { s.Claim.SHA256 = flip(s.Claim.SHA256, 0) },
		"name":     func(s *intaketest.Sealed) { s.Spec.Name = "other.xml" },
		"no name":  func(s *intaketest.Sealed) { s.Spec.Name = "" },
		"id":       func(s *intaketest.Sealed) { s.Spec.Foreign.ID = uuid.New() },
		"file":     func(s *intaketest.Sealed) { s.Spec.Foreign.ID = uuid.Must(uuid.NewV7()) },
		"mac":      func(s *intaketest.Sealed) { s.Spec.Header = flip(s.Spec.Header, len(s.Spec.Header)-1) },
		"wrap":     func(s *intaketest.Sealed) { s.Spec.Header = flip(s.Spec.Header, len(s.Spec.Header)-40) },
		"longer":   func(s *intaketest.Sealed) { s.Spec.Header = append(bytes.Clone(s.Spec.Header), 0) },
		"account":  func(s *intaketest.Sealed) { s.Spec.Header = flip(s.Spec.Header, 32) },
		"grant":    func(s *intaketest.Sealed) { s.Spec.Grant = flip(s.Spec.Grant, 5) },
		"no grant": func(s *intaketest.Sealed) { s.Spec.Grant = nil },
		"object":   func(s *intaketest.Sealed) { s.Spec.Object++ },
		"negative": func(s *intaketest.Sealed) { s.Spec.Size = -1 },
		"huge":     func(s *intaketest.Sealed) { s.Spec.Size = 1 << 50 },
		"delivery": func(s *intaketest.Sealed) { s.Spec.Delivery = []byte{1} },
		"claimed":  func(s *intaketest.Sealed) { s.Claim.Delivery = nil },
		"sum":      func(s *intaketest.Sealed) { s.Claim.SHA256 = nil },
	} {
		for _, n := range []int{100, 3 * seal.SlotSize} {
			s := a.Seal("pay.xml", intaketest.Random(n))
			change(s)
			f, err := a.Send(s, partSize)
			if !fault.Is(err, fault.Damaged) && !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.TooLarge) {
				t.Errorf("%s: %v, %v", name, f, err)
			}
			if name == "claimed" || name == "sum" { // asked wrongly: what came stays, and is given up
				if err := w.DropSealed(t.Context(), a.ID); err != nil {
					t.Fatal(err)
				}
			}
			if w.Objects() != 0 || len(w.Files()) != 0 {
				t.Fatalf("%s: %d files, %d objects", name, len(w.Files()), w.Objects())
			}
		}
	}
}

func TestASealedFileForOtherKeys(t *testing.T) {
	w, a := agentWorld(t, catalog.ContentKeep)
	kept := a.Seal("pay.xml", intaketest.Random(100))
	set := func(content string) {
		t.Helper()
		w.Update(func(tx *catalog.Tx) error {
			row, err := tx.Account(a.Account)
			if err != nil {
				return err
			}
			row.Content = content
			return tx.SaveAccount(row)
		})
		w.Keys.AccountChanged(a.Account)
	}
	// Wraps where there must be none, and none where there must be some.
	set(catalog.ContentDelete)
	deleted := a.Seal("pay.xml", intaketest.Random(100))
	_, err := a.Send(kept, partSize)
	is(t, err, custody.ErrKeysChanged)
	set(catalog.ContentKeep)
	_, err = a.Send(deleted, partSize)
	is(t, err, custody.ErrKeysChanged)
	// A certificate more: what was sealed before is not for it.
	if _, err := w.Keys.RenewCertificate(t.Context(), "test", a.Account); err != nil {
		t.Fatal(err)
	}
	_, err = a.Send(kept, partSize)
	is(t, err, custody.ErrKeysChanged)
	// The day is over, and its key: wrapped again, the same body is taken.
	w.Clock.Add(24 * time.Hour)
	fresh := a.In(w)
	if err := w.Keys.ChangeDay(t.Context()); err != nil {
		t.Fatal(err)
	}
	s := fresh.Seal("pay.xml", intaketest.Random(100))
	w.Clock.Add(24 * time.Hour)
	if err := w.Keys.ChangeDay(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err = fresh.Send(s, partSize)
	is(t, err, custody.ErrIngestKey)
	fresh.Grant(s)
	if _, err := fresh.Send(s, partSize); err != nil {
		t.Error(err)
	}
}

// The key of the day changes while parts come: the grant on record goes with it.
func TestTheDayChangesWhileASealedFileComes(t *testing.T) {
	w, a := agentWorld(t, catalog.ContentDelete)
	want := intaketest.Random(4 * seal.SlotSize)
	s := a.Seal("pay.xml", want)
	b, err := w.BeginSealed(t.Context(), s.Spec)
	if err != nil {
		t.Fatal(err)
	}
	for _, restart := range []bool{false, true} {
		w.Clock.Add(24 * time.Hour)
		if err := w.Keys.ChangeDay(t.Context()); err != nil {
			t.Fatal(err)
		}
		if restart {
			w.Restart()
		}
		if _, err := w.AppendSealed(t.Context(), a.Agent, b.ID, b.Offset, s.Object[b.Offset:b.Offset+seal.SealedSlot]); err != nil {
			t.Fatal(err)
		}
	}
	f, err := func() (*catalog.File, error) { // the same id, whose old grant nobody needs
		if b, err = w.BeginSealed(t.Context(), s.Spec); err != nil {
			return nil, err
		}
		if _, err := w.AppendSealed(t.Context(), a.Agent, b.ID, b.Offset, s.Object[b.Offset:]); err != nil {
			return nil, err
		}
		return w.CommitSealed(t.Context(), a.Agent, b.ID, s.Claim)
	}()
	if err != nil || !bytes.Equal(w.Read(w.File(f.ID)), want) {
		t.Errorf("%v, %v", f, err)
	}
}

func TestOneAgentDoesNotReachWhatIsAnothers(t *testing.T) {
	w, a := agentWorld(t, catalog.ContentKeep)
	other := w.Agent(w.Account("beta", catalog.ContentKeep))
	colleague := w.Agent(&catalog.Account{ID: a.Account})
	s := a.Seal("pay.xml", intaketest.Random(3*seal.SlotSize))
	b, err := w.BeginSealed(t.Context(), s.Spec)
	if err != nil {
		t.Fatal(err)
	}
	for _, restart := range []bool{false, true} {
		if restart {
			w.Restart()
		}
		for _, thief := range []sealed.Agent{other.Agent, colleague.Agent, {Account: other.Account, ID: a.ID}} {
			if restart || thief.ID != a.ID {
				_, err = w.AppendSealed(t.Context(), thief, b.ID, b.Offset, []byte{1})
				is(t, err, sealed.ErrGone)
				_, err = w.CommitSealed(t.Context(), thief, b.ID, s.Claim)
				is(t, err, sealed.ErrGone)
			}
		}
		stolen := colleague.In(w).Seal("x.xml", []byte("x"))
		stolen.Spec.Foreign = s.Spec.Foreign
		stolen.Spec.Object, stolen.Spec.Size = s.Spec.Object, s.Spec.Size
		_, err = w.BeginSealed(t.Context(), stolen.Spec)
		is(t, err, sealed.ErrFileTaken)
	}
	f, err := a.In(w).Send(s, partSize)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.CommitSealed(t.Context(), colleague.Agent, f.ID, s.Claim)
	is(t, err, sealed.ErrGone)
}

func TestARevokedAgentEndsNothing(t *testing.T) {
	w, a := agentWorld(t, catalog.ContentKeep)
	large, small := a.Seal("large.xml", intaketest.Random(3*seal.SlotSize)), a.Seal("small.xml", intaketest.Random(100))
	for _, s := range []*intaketest.Sealed{large, small} {
		b, err := w.BeginSealed(t.Context(), s.Spec)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.AppendSealed(t.Context(), a.Agent, b.ID, b.Offset, s.Object[b.Offset:]); err != nil {
			t.Fatal(err)
		}
	}
	w.Update(func(tx *catalog.Tx) error {
		row, err := tx.Agent(a.ID)
		if err != nil {
			return err
		}
		row.State = agents.Revoked
		return tx.SaveAgent(row)
	})
	if _, err := w.CommitSealed(t.Context(), a.Agent, small.Spec.Foreign.ID, small.Claim); !fault.Is(err, fault.Denied) {
		t.Errorf("error %v", err)
	}
	if err := w.DropSealed(t.Context(), a.ID); err != nil {
		t.Fatal(err)
	}
	if len(w.Files()) != 0 || w.Objects() != 0 {
		t.Errorf("%d files, %d objects", len(w.Files()), w.Objects())
	}
	_, err := w.CommitSealed(t.Context(), a.Agent, large.Spec.Foreign.ID, large.Claim)
	is(t, err, sealed.ErrGone)
}

// Idle arrivals wait on disk, and are gone on with.
func TestAnIdleSealedFileWaitsOnDisk(t *testing.T) {
	w, a := agentWorld(t, catalog.ContentKeep)
	want := intaketest.Random(3 * seal.SlotSize)
	s, small := a.Seal("pay.xml", want), a.Seal("small.xml", []byte("small"))
	b, err := w.BeginSealed(t.Context(), s.Spec)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.BeginSealed(t.Context(), small.Spec); err != nil {
		t.Fatal(err)
	}
	w.Clock.Add(11 * time.Minute)
	w.Sweep(t.Context())
	if w.Taker.Busy(b.ID) || w.Taker.Busy(small.Spec.Foreign.ID) {
		t.Error("they are still open")
	}
	if _, err := w.AppendSealed(t.Context(), a.Agent, b.ID, b.Offset, s.Object[b.Offset:]); err != nil {
		t.Fatal(err)
	}
	if f, err := w.CommitSealed(t.Context(), a.Agent, b.ID, s.Claim); err != nil || !bytes.Equal(w.Read(f), want) {
		t.Errorf("%v, %v", f, err)
	}
	if f, err := a.Send(small, partSize); err != nil || string(w.Read(f)) != "small" {
		t.Errorf("%v, %v", f, err)
	}
}

func TestWhenNoSealedFileIsTaken(t *testing.T) {
	w, a := agentWorld(t, catalog.ContentKeep)
	s := a.Seal("pay.xml", intaketest.Random(3*seal.SlotSize))
	for _, n := range []int{100, 3 * seal.SlotSize} {
		w.Faults.FullNext()
		s := a.Seal("full.xml", intaketest.Random(n))
		if _, err := a.Send(s, partSize); !fault.Is(err, fault.Full) {
			t.Errorf("a full database says %v", err)
		}
		if _, err := a.Send(s, partSize); err != nil {
			t.Errorf("it does not recover: %v", err)
		}
	}
	setState(w, &catalog.Account{ID: a.Account}, catalog.AccountClosed)
	if _, err := w.BeginSealed(t.Context(), s.Spec); !fault.Is(err, fault.Locked) {
		t.Errorf("error %v", err)
	}
}

func TestSealedEveryDiskOperationFailsBothWays(t *testing.T) {
	want := intaketest.Random(3*seal.SlotSize + 100)
	for _, op := range durabletest.Ops {
		for _, how := range []durabletest.How{durabletest.NotStored, durabletest.Stored} {
			for nth := 1; nth <= 12; nth++ {
				if !sealedDiskFails(t, fmt.Sprintf("%v %v %d", op, how, nth), op, how, nth, want) {
					break // fewer operations than that
				}
			}
		}
	}
}

func sealedDiskFails(t *testing.T, name string, op durabletest.Op, how durabletest.How, nth int, want []byte) bool {
	t.Helper()
	disk := durabletest.NewFaulty(durabletest.NewPowerCut("/data"))
	w := intaketest.New(t, disk)
	a := w.Agent(w.Account("acme", catalog.ContentKeep))
	s := a.Seal("pay.xml", want)
	disk.Fail(op, disk.Count(op)+nth, how, durabletest.ErrIO)
	f, err := a.Send(s, partSize)
	if disk.Fired() == 0 {
		return false
	}
	if err == nil != (len(received(w)) == 1) {
		t.Errorf("%s: %d files, %v", name, len(received(w)), err)
	}
	if err == nil && !bytes.Equal(w.Read(w.File(f.ID)), want) {
		t.Errorf("%s: acknowledged, and other bytes came back", name)
	}
	w.Restart()
	if err := w.SweepObjects(t.Context()); err != nil {
		t.Errorf("%s: sweep: %v", name, err)
	}
	if f, err = a.In(w).Send(s, partSize); err != nil {
		t.Errorf("%s: the second try: %v", name, err)
		return true
	}
	files := w.Files()
	if len(files) != 1 || !bytes.Equal(w.Read(files[0]), want) || files[0].ID != f.ID || w.Objects() != 1 {
		t.Errorf("%s: %d files, %d objects after the second try", name, len(files), w.Objects())
	}
	return true
}

func TestSealedCommitsFailBothWays(t *testing.T) {
	for _, n := range []int{100, 2*seal.SlotSize + 1} {
		for _, stored := range []bool{false, true} {
			for nth := range 2 {
				w := intaketest.New(t, nil)
				a := w.Agent(w.Account("acme", catalog.ContentKeep))
				want := intaketest.Random(n)
				s := a.Seal("pay.xml", want)
				if nth == 0 {
					w.Faults.FailNext(stored)
				}
				b, err := w.BeginSealed(t.Context(), s.Spec)
				if err == nil {
					_, err = w.AppendSealed(t.Context(), a.Agent, b.ID, b.Offset, s.Object[b.Offset:])
				}
				if nth == 1 {
					w.Faults.FailNext(stored)
				}
				if err == nil {
					_, err = w.CommitSealed(t.Context(), a.Agent, b.ID, s.Claim)
				}
				if err == nil {
					t.Fatalf("%d bytes, stored %v: acknowledged after a failed commit", n, stored)
				}
				again := w.Reopened()
				f, err := a.In(again).Send(s, partSize)
				if err != nil {
					t.Fatalf("%d bytes, stored %v, commit %d: %v", n, stored, nth, err)
				}
				if files := received(again); len(files) != 1 || files[0].ID != f.ID || !bytes.Equal(again.Read(files[0]), want) {
					t.Errorf("%d bytes, stored %v, commit %d: %d files", n, stored, nth, len(files))
				}
			}
		}
	}
}

// The power goes at every operation of the disk: what was acknowledged is there, and
// what was not goes on to be one file.
func TestSealedPowerCutAtEveryOperation(t *testing.T) {
	want := intaketest.Random(3*seal.SlotSize + 100)
	rng := rand.New(rand.NewPCG(13, 14))
	for cut := 0; ; cut++ {
		disk := durabletest.NewPowerCut("/data")
		w := intaketest.New(t, disk)
		a := w.Agent(w.Account("acme", catalog.ContentKeep))
		s := a.Seal("pay.xml", want)
		before := disk.Count()
		disk.CutAfter(cut)
		f, err := a.Send(s, partSize)
		done := err == nil && disk.Count()-before < cut
		disk.Crash(rng)
		w.Restart()
		checkAfterCut(t, w, f, err, want)
		again, err := a.In(w).Send(s, partSize)
		if err != nil || !bytes.Equal(w.Read(w.File(again.ID)), want) || len(w.Files()) != 1 {
			t.Errorf("cut after %d: %v, %v, %d files", cut, again, err, len(w.Files()))
		}
		if done {
			break
		}
	}
}

// Many agents' files at once, some of them twice.
func TestManySealedFilesAtOnce(t *testing.T) {
	w, a := agentWorld(t, catalog.ContentKeep)
	type sent struct {
		id   uuid.UUID
		name string
		err  error
	}
	results := make(chan sent)
	const files, copies = 12, 3
	for i := range files {
		content := intaketest.Random(i * 20_000)
		for range copies {
			s := a.Seal(fmt.Sprintf("pay-%d.xml", i), content)
			go func() {
				f, err := a.Send(s, partSize)
				for errors.Is(err, sealed.ErrGone) { // a copy has begun the same delivery, and this one gave way
					f, err = a.Send(s, partSize)
				}
				r := sent{name: s.Spec.Name, err: err}
				if err == nil {
					r.id = f.ID
				}
				results <- r
			}()
		}
	}
	ids := map[string][]uuid.UUID{}
	for range files * copies {
		r := <-results
		if r.err != nil {
			t.Fatal(r.err)
		}
		ids[r.name] = append(ids[r.name], r.id)
	}
	for name, list := range ids {
		if len(slices.Compact(list)) != 1 {
			t.Errorf("%s became %v", name, list)
		}
	}
	if n := len(w.Files()); n != files {
		t.Errorf("%d files, want %d", n, files)
	}
}
