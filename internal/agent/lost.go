package agent

import (
	"context"
	"os"
	"time"

	"sealgate/internal/agent/home"
)

// metaLost is when a journal was begun where there had been another.
const metaLost = "journal-lost"

// journalLost reports whether there is no journal although files were sent from here.
// What delivery ids derive from is gone with it.
func journalLost(h home.Home) bool {
	if info, err := os.Stat(h.Journal()); err == nil && info.Size() > 0 {
		return false
	}
	months, err := os.ReadDir(h.Receipts())
	return err == nil && len(months) > 0
}

// noteLost says so in the log, and for a month in the status: nobody looks at once.
func (a *Agent) noteLost(ctx context.Context) error {
	a.Log.Error("the journal is gone: a new one was begun", "receipts", a.Home.Receipts())
	at, err := a.Now().MarshalText()
	if err != nil {
		return err
	}
	return a.journal.SetMeta(ctx, metaLost, at)
}

// lostSentence is what people are told of it.
func (a *Agent) lostSentence(ctx context.Context) string {
	var at time.Time
	text, err := a.journal.Meta(ctx, metaLost)
	if err != nil || text == nil || at.UnmarshalText(text) != nil || a.Now().Sub(at) > remember {
		return ""
	}
	return "The journal of Connect was gone at " + at.Local().Format("2006-01-02 15:04") +
		", and a new one was begun: files that were sent before and lie in their folders again are held at the gateway as repeated, until a person there decides."
}
