package intake_test

import (
	"bytes"
	"errors"
	"runtime"
	"testing"
	"time"

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
	if _, err = w.AppendSealed(t.Context(), a.Agent, b.ID, b.Offset, wrong[b.Offset:end]); err != nil {
		t.Fatal(err)
	}
	for ; err == nil; runtime.Gosched() { // until that was looked at
		_, err = w.AppendSealed(t.Context(), a.Agent, b.ID, end, wrong[end:end])
	}
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
		half := b.Offset + 4*seal.SealedSlot + 77
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
