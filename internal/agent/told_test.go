package agent

import (
	"context"
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealgate/internal/agent/agenttest"
	"sealgate/internal/agent/home"
	"sealgate/internal/agent/journal"
	"sealgate/internal/agent/send"
)

// A folder that goes on telling what was before, as that of a share may, is no reason to
// say nothing: the same file that is another one when it is read, twice, is a trouble.
func TestAFileThatIsNeverWhatItsFolderSays(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	d.write("pay.xml", []byte("content"))
	path := filepath.Join(d.folder, "pay.xml")
	stale := journal.Source{Folder: d.folder, Path: path, Name: "pay.xml", Size: 5, Modified: time.Unix(1_700_000_000, 0), After: string(home.Move)}
	look := func(s journal.Source) {
		t.Helper()
		if _, err := d.Journal().Add(t.Context(), d.o.Now(), []journal.Source{s}); err != nil {
			t.Fatal(err)
		}
	}
	look(stale)
	if err := d.SendAll(t.Context()); err != nil {
		t.Fatalf("it may have been written in this moment: %v", err)
	}
	look(stale)
	err := d.SendAll(t.Context())
	if why := d.queue.Explain(err); err == nil || why.Code != send.CodeLocked || why.Everyone || !strings.Contains(why.Sentence, path) {
		t.Errorf("%+v, %v", why, err)
	}
	if f, err := d.Journal().Figures(t.Context()); err != nil || f.Waiting != 1 {
		t.Errorf("it does not wait: %+v, %v", f, err)
	}
	d.mustWork() // the folder tells the truth again
	d.arrived(map[string][]byte{"pay.xml": []byte("content")})

	// One that is taken away each time is nobody's trouble.
	stale.Path = filepath.Join(d.folder, "away.xml")
	for range 3 {
		look(stale)
		if err := d.SendAll(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// The gateway was heard when it has answered, and not when a file is put away here.
func TestOnlyTheGatewaysAnswerIsHeard(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	d.write("pay.xml", []byte("content"))
	cut := errors.New("cut")
	d.o.Cut = func(step string) error {
		if step == "received" {
			return cut
		}
		return nil
	}
	d.restart()
	if err := d.work(); !errors.Is(err, cut) {
		t.Fatal(err)
	}
	g.Fates(func(*http.Request) agenttest.Fate { return agenttest.Cut })
	d.o.Cut = nil
	d.restart()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	ended := make(chan struct{})
	done := d.queue.Done
	d.queue.Done = func(x *journal.Delivery, here bool) { done(x, here); stop() }
	go func() { defer close(ended); d.queue.Run(ctx) }()
	<-ended
	if s, err := d.Status(t.Context()); err != nil || !s.Heard.IsZero() {
		t.Errorf("heard at %v, %v", s.Heard, err)
	}
}
