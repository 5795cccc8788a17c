package indexer_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"sealgate/internal/fileobject"
	"sealgate/internal/payment"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake/intaketest"
)

// A file that an agent has sealed is read with its grant, like any other; whether
// its slots open and its sum is right shows only now.
func TestFilesThatAgentsHaveSealed(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	agent := w.Agent(a)
	content := w.sample(good)
	f, err := agent.Send(agent.Seal("good.xml", content), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	if failed := w.runJobs(); failed != nil || w.File(f.ID).State != catalog.Kept || w.File(f.ID).Grant.Key != "" {
		t.Errorf("%v, %+v", failed, w.File(f.ID))
	}
	if !bytes.Equal(w.Read(w.File(f.ID)), content) { // now by certificate and access key
		t.Error("other bytes came back")
	}

	for name, spoil := range map[string]func(*intaketest.Sealed){
		"a slot": func(s *intaketest.Sealed) { s.Object[len(s.Spec.Header)+seal.SealedSlot+50] ^= 1 },
		"two slots in each other's place": func(s *intaketest.Sealed) {
			at := s.Object[len(s.Spec.Header):]
			first := slices.Clone(at[:seal.SealedSlot])
			copy(at, at[seal.SealedSlot:2*seal.SealedSlot])
			copy(at[seal.SealedSlot:], first)
		},
		"the sum": func(s *intaketest.Sealed) {
			body, err := seal.NewBody(s.Key, s.Spec.Foreign.ID)
			if err != nil {
				t.Fatal(err)
			}
			s.Claim.SHA256 = bytes.Repeat([]byte{7}, 32)
			trailer := seal.Trailer{Size: s.Claim.Size, SHA256: [32]byte(s.Claim.SHA256), Name: s.Spec.Name, ReceivedAt: w.Clock.Now()}
			copy(s.Object[len(s.Object)-seal.TrailerSize:], body.SealTrailer(nil, trailer))
		},
	} {
		if err := w.Keys.ChangeDay(t.Context()); err != nil {
			t.Fatal(err)
		}
		s := agent.Seal(name+".xml", intaketest.Random(3*seal.SlotSize))
		spoil(s)
		f, err := agent.Send(s, 1<<20)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for range 5 { // the disk might have been wrong: it is read again before that is said
			w.runJobs()
			w.Clock.Add(2 * time.Hour)
		}
		row := w.File(f.ID)
		if row.State != catalog.Refused || !slices.Equal(row.Result.Codes, []string{string(payment.ContentDamaged)}) {
			t.Errorf("%s: %s %q", name, row.State, row.Result.Codes)
		}
		rec, err := w.Keys.Records(t.Context(), a.ID)
		if err != nil {
			t.Fatal(err)
		}
		if summary, err := fileobject.Summary(rec, row); err != nil || len(summary.Findings) != 1 || summary.Findings[0].Severity != payment.Fatal {
			t.Errorf("%s: %+v, %v", name, summary, err)
		}
	}
}
