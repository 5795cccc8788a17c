package send

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"sealgate/internal/agent/journal"
	"sealgate/internal/agent/wire"
	"sealgate/internal/connect"
	"sealgate/internal/fault"
)

// What the gateway has said holds until it says something else: no file that is put away
// here changes that. What is wrong with this machine no answer of the gateway mends.
func TestWhoShutsTheGateOpensIt(t *testing.T) {
	q := NewQueue(&Sender{Now: time.Now, Log: slog.New(slog.DiscardHandler)}, 2, nil)
	away := func() { q.note(t.Context(), &journal.Delivery{State: journal.Done}, nil) }
	answered := func() { q.open(false) }
	for _, x := range []struct {
		err         error
		never, then func()
	}{
		{connect.Refuse(connect.Revoked, ""), away, answered},
		{connect.Refuse(connect.NoRoom, ""), away, answered},
		{fault.New(fault.Full, "send: receipt", "the disk is full"), answered, away},
	} {
		q.shut(x.err)
		if x.never(); q.Gate().Tries == 0 || q.Gate().Until.IsZero() {
			t.Errorf("%v: opened by what does not concern it", x.err)
		}
		if x.then(); q.Gate().Tries != 0 {
			t.Errorf("%v: not opened", x.err)
		}
	}
}

// A gateway that is long at work with one file holds up no other; one that is gone does.
func TestALateAnswerToACommitIsTheTroubleOfThatFile(t *testing.T) {
	c, err := wire.New(wire.Options{Gateway: "https://gateway.example.com", Proxy: "direct"})
	if err != nil {
		t.Fatal(err)
	}
	s := &Sender{Client: c}
	late := s.Explain(s.late(fault.Wrap(fault.TryLater, "wire: send", context.DeadlineExceeded)))
	if late.Everyone || late.Park || late.Code != wire.CodeTimeout {
		t.Errorf("%+v", late)
	}
	if gone := s.Explain(s.late(fault.New(fault.TryLater, "wire: send", "cut"))); !gone.Everyone {
		t.Errorf("%+v", gone)
	}
}
