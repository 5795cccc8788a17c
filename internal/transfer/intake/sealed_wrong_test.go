package intake_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake/intaketest"
	"sealgate/internal/transfer/intake/sealed"
)

// trailed gives a sealed file a trailer of another sum, and returns that.
func trailed(t *testing.T, s *intaketest.Sealed, sum [32]byte) []byte {
	t.Helper()
	body, err := seal.NewBody(s.Key, s.Spec.Foreign.ID)
	if err != nil {
		t.Fatal(err)
	}
	at := len(s.Object) - seal.TrailerSize
	s.Object = body.SealTrailer(bytes.Clone(s.Object[:at]), seal.Trailer{Size: s.Claim.Size, SHA256: sum, Name: s.Spec.Name})
	return sum[:]
}

// What does not open is refused while it comes, and each part that is on its way then.
func TestASealedFileThatDoesNotOpenEndsInItsMidst(t *testing.T) {
	w, a := agentWorld(t, catalog.ContentDelete)
	s := a.Seal("pay.xml", intaketest.Random(20*seal.SlotSize))
	wrong := bytes.Clone(s.Object)
	wrong[len(s.Spec.Header)+2*seal.SealedSlot+100] ^= 1
	b, err := w.BeginSealed(t.Context(), s.Spec)
	if err != nil {
		t.Fatal(err)
	}
	end := b.Offset + 5*seal.SealedSlot
	_, err = w.AppendSealed(t.Context(), a.Agent, b.ID, b.Offset, wrong[b.Offset:end])
	is(t, err, sealed.ErrWrong)
	_, err = w.AppendSealed(t.Context(), a.Agent, b.ID, end, wrong[end:])
	is(t, err, sealed.ErrWrong)
	_, err = w.BeginSealed(t.Context(), s.Spec)
	is(t, err, sealed.ErrWrong)
	_, err = w.CommitSealed(t.Context(), a.Agent, b.ID, s.Claim)
	is(t, err, sealed.ErrWrong)
	if w.Objects() != 0 || len(w.Files()) != 0 {
		t.Errorf("%d files, %d objects", len(w.Files()), w.Objects())
	}
	if f, err := a.Send(a.Seal("pay.xml", intaketest.Random(100)), partSize); err != nil {
		t.Errorf("another file: %v, %v", f, err)
	}
	w.Clock.Add(time.Hour)
	if err := w.Idle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Send(s, partSize); err != nil {
		t.Errorf("right, and much later: %v", err)
	}
}

// A refusal at the end, whose answer was lost, is heard by who asks again: one who hears
// that nobody knows the file would seal and send it anew, and again.
func TestARefusedCommitIsRemembered(t *testing.T) {
	w, a := agentWorld(t, catalog.ContentDelete)
	s := a.Seal("pay.xml", intaketest.Random(100_000))
	s.Claim.SHA256 = trailed(t, s, [32]byte{1})
	_, err := a.Send(s, partSize)
	is(t, err, sealed.ErrWrong)
	_, err = w.CommitSealed(t.Context(), a.Agent, s.Spec.Foreign.ID, s.Claim)
	is(t, err, sealed.ErrWrong)
	_, err = w.BeginSealed(t.Context(), s.Spec)
	is(t, err, sealed.ErrWrong)
}

// What opens is looked at over a restart, too: the sum is of all of it.
func TestASealedFileIsOpenedFromItsBeginningAfterARestart(t *testing.T) {
	for name, change := range map[string]func(*intaketest.Sealed){
		"right":        func(*intaketest.Sealed) {},
		"early":        func(s *intaketest.Sealed) { s.Object[len(s.Spec.Header)+100] ^= 1 },
		"late":         func(s *intaketest.Sealed) { s.Object[len(s.Spec.Header)+9*seal.SealedSlot] ^= 1 },
		"another sum":  func(s *intaketest.Sealed) { s.Claim.SHA256 = trailed(t, s, [32]byte{1}) },
		"nothing more": func(s *intaketest.Sealed) { s.Object[len(s.Object)-seal.TrailerSize-1] ^= 1 },
	} {
		w, a := agentWorld(t, catalog.ContentKeep)
		s := a.Seal("pay.xml", intaketest.Random(10*seal.SlotSize))
		s.Object = bytes.Clone(s.Object)
		change(s)
		b, err := w.BeginSealed(t.Context(), s.Spec)
		if err != nil {
			t.Fatal(err)
		}
		half := b.Offset + 4*seal.SealedSlot
		if name == "nothing more" {
			half = int64(len(s.Object))
		}
		if _, err := w.AppendSealed(t.Context(), a.Agent, b.ID, b.Offset, s.Object[b.Offset:half]); err != nil && !errors.Is(err, sealed.ErrWrong) {
			t.Fatal(err)
		}
		w.Restart()
		f, err := a.In(w).Send(s, partSize)
		if name == "right" {
			if err != nil || w.File(f.ID).State != catalog.Received {
				t.Errorf("%v, %v", f, err)
			}
			continue
		}
		if is(t, err, sealed.ErrWrong); w.Objects() != 0 || len(w.Files()) != 0 {
			t.Errorf("%s: %d files, %d objects", name, len(w.Files()), w.Objects())
		}
	}
}

// Of a part whose slots alone are signed, a byte that was changed on its way is noticed
// wherever it is, and nothing has happened: the part itself is taken then, and the file
// is the one that was sent.
func TestAPartThatWasChangedOnItsWayIsNoPart(t *testing.T) {
	w, a := agentWorld(t, catalog.ContentKeep)
	want := intaketest.Random(5*seal.SlotSize + 100)
	s := a.Seal("pay.xml", want)
	b, err := w.BeginSealed(t.Context(), s.Spec)
	if err != nil {
		t.Fatal(err)
	}
	part := func(from, to int64, changed ...int64) (int64, error) {
		p := bytes.Clone(s.Object[from:to])
		for _, at := range changed {
			p[at] ^= 1
		}
		return w.AppendSlots(t.Context(), a.Agent, b.ID, from, p)
	}
	h, end := b.Offset, int64(len(s.Object))
	first := h + 2*seal.SealedSlot
	for _, again := range []bool{false, true} { // a part that is there already, too
		for at := int64(0); at < first-h; at += 9973 {
			if n, err := part(h, first, at); !errors.Is(err, sealed.ErrUnlike) || n != h && !again {
				t.Fatalf("byte %d changed: %d, %v", at, n, err)
			}
		}
		if n, err := part(h, first); n != first || err != nil {
			t.Fatalf("the part itself: %d, %v", n, err)
		}
	}
	for at := end - first - 1; at > 0; at -= 997 { // the last slot, which is short, and the trailer
		if n, err := part(first, end, at); !errors.Is(err, sealed.ErrUnlike) || n != first {
			t.Fatalf("byte %d changed: %d, %v", at, n, err)
		}
		if at < end-first-2000 {
			at -= 20_000
		}
	}
	if n, err := part(first, end); n != end || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	f, err := w.CommitSealed(t.Context(), a.Agent, b.ID, s.Claim)
	if err != nil || !bytes.Equal(w.Read(f), want) {
		t.Fatal(err)
	}
	if n, err := part(h, first); n != end || !errors.Is(err, sealed.ErrOffset) {
		t.Errorf("a part of a file that was received: %d, %v", n, err)
	}
}

// Slots stand where they were sealed for: whole, in their order, of this file.
func TestSlotsOfAPartAreAtTheirPlace(t *testing.T) {
	w, a := agentWorld(t, catalog.ContentKeep)
	s, other := a.Seal("pay.xml", intaketest.Random(4*seal.SlotSize)), a.Seal("pay.xml", intaketest.Random(4*seal.SlotSize))
	b, err := w.BeginSealed(t.Context(), s.Spec)
	if err != nil {
		t.Fatal(err)
	}
	h := b.Offset
	slot := func(of *intaketest.Sealed, k int64) []byte {
		return of.Object[h+k*seal.SealedSlot : h+(k+1)*seal.SealedSlot]
	}
	for name, p := range map[string][]byte{"another order": append(bytes.Clone(slot(s, 1)), slot(s, 0)...), "another file": slot(other, 0), "twice": append(bytes.Clone(slot(s, 0)), slot(s, 0)...)} {
		if n, err := w.AppendSlots(t.Context(), a.Agent, b.ID, h, p); !errors.Is(err, sealed.ErrUnlike) || n != h {
			t.Errorf("%s: %d, %v", name, n, err)
		}
	}
	all := int64(len(s.Object))
	for _, cut := range [][2]int64{{h, h + 1}, {h + 1, h + seal.SealedSlot}, {h - 1, h + seal.SealedSlot}, {0, h + seal.SealedSlot}, {h, all - 1}, {all - 1, all}, {all, all}} {
		if n, err := w.AppendSlots(t.Context(), a.Agent, b.ID, cut[0], s.Object[cut[0]:cut[1]]); !fault.Is(err, fault.Invalid) || n != h {
			t.Errorf("%v: %d, %v", cut, n, err)
		}
	}
	if _, err := w.AppendSlots(t.Context(), a.Agent, b.ID, 1<<63-1, s.Object[h:all]); !fault.Is(err, fault.Invalid) {
		t.Error(err)
	}
	if f, err := a.Send(s, partSize); err != nil {
		t.Errorf("%v, %v", f, err)
	}
}
