//go:build !windows

package main

import (
	"context"
	"log/slog"
)

// asService runs work until a signal ends it. What it says on standard error is in
// the platform's log: systemd and launchd take it there.
func asService(ctx context.Context, do work) error { return do(ctx, slog.DiscardHandler) }
