package agent

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"sealgate/internal/agent/fetch"
	"sealgate/internal/agent/status"
	"sealgate/internal/agent/wire"
	"sealgate/internal/connect"
)

// runErrands does what the pulse finds to be done and does not wait for.
func (a *Agent) runErrands(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.errands:
			a.errand(ctx)
		}
	}
}

// errand brings home what waits, and proves that what is kept opens. What is wrong
// stands in the status; the next heartbeat has it tried again.
func (a *Agent) errand(ctx context.Context) {
	if a.fetcher != nil && a.waits.Load() {
		_, _ = a.fetch(ctx, false)
	}
	if err := a.regular(ctx); err != nil && ctx.Err() == nil {
		a.Log.Debug("kept files are not checked yet", "cause", err)
	}
}

// fetch brings home what waits.
func (a *Agent) fetch(ctx context.Context, hurry bool) (fetch.Result, error) {
	a.fetches.Lock()
	defer a.fetches.Unlock()
	r, err := a.fetcher.All(ctx, hurry)
	t := wire.Trouble{}
	switch {
	case ctx.Err() != nil:
		return r, ctx.Err()
	case err != nil:
		t = a.queue.Explain(err)
	case len(r.Failed) > 0:
		t = a.queue.Explain(r.Failed[0].Err)
	}
	a.mu.Lock()
	before := a.fetching
	a.fetching = t
	a.mu.Unlock()
	if t.Code != "" && t.Code != before.Code {
		a.Log.Warn("files are not fetched", "code", t.Code, "why", t.Sentence, "failed", len(r.Failed), "cause", err)
	}
	return r, err
}

// regular proves once a week that what is kept still opens with the access key here.
func (a *Agent) regular(ctx context.Context) error {
	if a.Access == nil {
		return nil
	}
	last, err := a.journal.Meta(ctx, metaSince)
	if err != nil {
		return err
	}
	var at time.Time
	if len(last) > 0 {
		_ = at.UnmarshalText(last) // damaged is as good as never
	}
	if a.Now().Sub(at) < checkEvery {
		return nil
	}
	checked, err := (&fetch.Fetcher{Client: a.client, Access: a.Access}).Regular(ctx)
	c := status.Check{At: a.Now(), Checked: checked.Checked, Failed: []string{}}
	if errors.As(err, new(*connect.Problem)) { // as when this agent may open nothing
		c.Trouble = sentence(err)
		a.Log.Warn("kept files cannot be checked", "why", c.Trouble)
	} else if err != nil {
		return err
	}
	for _, f := range checked.Failed {
		c.Failed = append(c.Failed, f.File.String())
		a.Log.Error("a kept file does not open", "file", f.File, "why", sentence(f.Err))
	}
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := a.journal.SetMeta(ctx, metaCheck, text); err != nil {
		return err
	}
	began, err := a.Now().MarshalText()
	if err != nil {
		return err
	}
	return a.journal.SetMeta(ctx, metaSince, began)
}
