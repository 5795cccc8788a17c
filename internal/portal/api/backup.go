package api

import (
	"context"
	"sync"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
)

// copier is the one backup that is being written at a time.
type copier struct {
	mu  sync.Mutex
	now portal.BackupProgress
}

func (c *copier) begin() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.now.Running {
		return fault.New(fault.TryLater, "api: backup", "a backup is being written already")
	}
	c.now = portal.BackupProgress{Running: true}
	return nil
}

func (c *copier) advance(done, total int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now.Done, c.now.Total = done, total
}

func (c *copier) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = portal.BackupProgress{}
}

func (a *API) backup(ctx context.Context, in *struct {
	Body struct {
		Dir string `json:"dir"`
	}
},
) (*operation.None, error) {
	if err := absolute(ctx, in.Body.Dir); err != nil {
		return nil, err
	}
	if err := a.copier.begin(); err != nil {
		return nil, err
	}
	defer a.copier.end()
	return &operation.None{}, a.noted(ctx, "data.backed-up", func() error { return a.Machine.Backup(ctx, in.Body.Dir, a.copier.advance) }, portal.LastBackupSetting)
}

func (a *API) backupProgress(ctx context.Context, _ *operation.None) (*operation.Out[portal.BackupProgress], error) {
	if err := access.OnTheMachine(ctx); err != nil {
		return nil, err
	}
	a.copier.mu.Lock()
	defer a.copier.mu.Unlock()
	return operation.Answer(a.copier.now), nil
}
