package agent

import (
	"context"
	"encoding/json"
	"path/filepath"

	"sealgate/internal/agent/status"
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
	a.mu.Lock()
	defer a.mu.Unlock()
	s.Heard = a.heard
	if a.fetching.Code != "" {
		s.Fetch = &status.Trouble{Code: a.fetching.Code, Sentence: a.fetching.Sentence}
	}
	for _, f := range a.Settings.Folders {
		s.Folders = append(s.Folders, status.Folder{Path: f.Path, Looked: a.folders[f.Path].looked, Trouble: a.folders[f.Path].trouble})
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
