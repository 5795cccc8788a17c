package agent

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"time"

	"sealgate/internal/agent/journal"
	"sealgate/internal/agent/status"
	"sealgate/internal/agent/wire"
	"sealgate/internal/connect"
	"sealgate/internal/fault"
	"sealgate/internal/statement"
)

// Status implements control.Agent.
func (a *Agent) Status(ctx context.Context) (*status.Status, error) {
	s, err := status.Of(ctx, a.enrolment, statement.Fingerprint(a.enrolment.Identity), a.journal)
	if err != nil {
		return nil, err
	}
	s.Running, s.Version, s.Started, s.Proxy, s.Clock = true, a.Program, a.started, a.client.Way(), a.client.Offset().Seconds()
	if g := a.queue.Gate(); g.Tries > 0 {
		s.Hold = &status.Trouble{Code: g.Code, Sentence: g.Sentence, Since: g.Since, Again: g.Until}
	}
	if text, err := a.journal.Meta(ctx, metaCheck); err == nil && text != nil {
		c := new(status.Check)
		if json.Unmarshal(text, c) == nil {
			s.Check = c
		}
	}
	s.Queue.Journal = a.lostSentence(ctx)
	a.mu.Lock()
	defer a.mu.Unlock()
	s.Heard = a.heard
	if a.fetching.Code != "" {
		s.Fetch = &status.Trouble{Code: a.fetching.Code, Sentence: a.fetching.Sentence}
	}
	for _, f := range a.Settings.Folders {
		s.Folders = append(s.Folders, status.Folder{Path: f.Path, Looked: a.folders[f.Path].looked, Trouble: a.folders[f.Path].wrong(f.Path, a.Now())})
	}
	return s, nil
}

// File implements control.Agent.
func (a *Agent) File(ctx context.Context, path string) (status.File, error) {
	d, err := a.journal.ByPath(ctx, filepath.Clean(path))
	if err != nil {
		return status.File{}, err
	}
	return status.FileOf(d), nil
}

// Send implements control.Agent.
func (a *Agent) Send(ctx context.Context, paths []string) error {
	files, err := Sources(paths)
	if err != nil {
		return err
	}
	if _, err := a.journal.Add(ctx, a.Now(), files); err != nil {
		return err
	}
	a.queue.Wake()
	return nil
}

// SendNow sends files that a person named before it returns, without Run. With wait
// it goes on until they are received.
func (a *Agent) SendNow(ctx context.Context, paths []string, wait bool) ([]status.File, error) {
	files, err := Sources(paths)
	if err != nil {
		return nil, err
	}
	if _, err := a.journal.Add(ctx, a.Now(), files); err != nil {
		return nil, err
	}
	var sent []status.File
	for _, f := range files {
		d, err := a.journal.ByPath(ctx, f.Path)
		if err != nil {
			return sent, err
		}
		for try := 0; ; try++ {
			if err = a.queue.One(ctx, d); err == nil {
				break
			}
			t := a.queue.Explain(err)
			if !wait || ctx.Err() != nil || t.Stop || t.Park {
				_ = a.journal.Fail(context.WithoutCancel(ctx), d.Seq, t.Code, t.Sentence, a.Now())
				return sent, &Failed{t, err}
			}
			timer := time.NewTimer(max(t.Wait, wire.Backoff(try)))
			select {
			case <-ctx.Done():
			case <-timer.C:
			}
			timer.Stop()
			if d, err = a.journal.Get(ctx, d.Seq); err != nil {
				return sent, err
			}
		}
		if d, err = a.journal.Get(ctx, d.Seq); err != nil {
			return sent, err
		}
		if d.State == journal.Gone || d.State == journal.Lost { // nobody may take this for sent
			return sent, &Failed{wire.Trouble{Code: d.Code, Sentence: d.Path + " was not sent: " + d.Sentence}, errNotSent}
		}
		sent = append(sent, status.FileOf(d))
	}
	return sent, nil
}

var errNotSent = errors.New("the file was not sent")

// Failed is a failure with its sentence.
type Failed struct {
	wire.Trouble
	Err error
}

// Error implements error.
func (e *Failed) Error() string { return e.Sentence }

// Spoken is the sentence.
func (e *Failed) Spoken() string { return e.Sentence }

// Answered reports whether the gateway was heard at all.
func (e *Failed) Answered() bool {
	return errors.As(e.Err, new(*connect.Problem)) || !e.Everyone
}

// Unwrap returns the cause.
func (e *Failed) Unwrap() error { return e.Err }

// Fetch implements control.Agent.
func (a *Agent) Fetch(ctx context.Context) (*status.Fetch, error) {
	if a.fetcher == nil {
		return nil, fault.New(fault.Invalid, "agent: fetch", "connect.yaml names no folder for fetched files (outbox: FOLDER)")
	}
	r, err := a.fetch(ctx, true)
	if err != nil {
		return nil, &Failed{a.queue.Explain(err), err}
	}
	s := &status.Fetch{Files: []status.File{}, Failed: []status.File{}}
	for _, f := range r.Fetched {
		s.Files = append(s.Files, status.File{Path: f.Path, File: f.File, State: journal.Done, At: f.At})
	}
	for _, f := range r.Failed {
		t := a.queue.Explain(f.Err)
		s.Failed = append(s.Failed, status.File{Path: f.Name, File: f.File, State: journal.Found, Code: t.Code, Why: t.Sentence})
	}
	return s, nil
}

// Retry implements control.Agent: nothing waits for its time any more.
func (a *Agent) Retry(ctx context.Context) error {
	if err := a.journal.Hurry(ctx); err != nil {
		return err
	}
	a.queue.Retry()
	select {
	case a.look <- struct{}{}:
	default:
	}
	return nil
}
