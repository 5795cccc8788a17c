// Package visits is what visits to remotes do, over the network: sign in, and fetch
// what lies there or leave what waits.
package visits

import (
	"context"
	"strings"

	"sealgate/internal/fault"
	"sealgate/internal/transfer/poll"
	"sealgate/internal/transfer/push"
	"sealgate/internal/transfer/remotes"
)

// Pulling fetches what lies there.
func Pulling(p *poll.Poller) remotes.Work {
	return func(ctx context.Context, v remotes.Visit) (remotes.Result, error) {
		session, err := v.Connect(ctx)
		if err != nil {
			return remotes.Result{}, err
		}
		defer func() { _ = session.Close() }() // all that counts was answered
		set := v.Settings
		job := poll.Job{
			Account: v.Account, Remote: v.Remote, Name: v.Name, Fence: v.Fence, Dir: v.Dir, Names: set.Names(), Depth: set.Depth,
			Still: set.Still, Marker: set.Marker, After: poll.After{Delete: set.After == remotes.Delete},
			Limits: poll.Limits{Entries: set.Limits.Entries, Files: set.Limits.Files, Bytes: set.Limits.Bytes, Time: set.Limits.Time},
		}
		if dir, ok := strings.CutPrefix(set.After, remotes.Move); ok {
			job.After.Move = dir
		}
		r, err := p.Run(ctx, session, job)
		result := remotes.Result{Seen: r.Seen, Files: r.Files, Bytes: r.Bytes, Failed: r.Failed, Again: r.Again}
		if len(r.Problems) > 0 {
			result.Problem = about(r.Problems[0].Path, r.Problems[0].Err)
		}
		return result, err
	}
}

// Pushing leaves there what waits in the outbox. It calls nobody when nothing is due.
func Pushing(p *push.Pusher) remotes.Work {
	return func(ctx context.Context, v remotes.Visit) (remotes.Result, error) {
		r, err := p.Run(ctx, v.Connect, push.Job{
			Account: v.Account, Remote: v.Remote, Name: v.Name, Fence: v.Fence, Dir: v.Dir, Names: v.Settings.Names(),
			Files: v.Settings.Limits.Files, Time: v.Settings.Limits.Time,
		})
		result := remotes.Result{Seen: r.Seen, Files: r.Files, Bytes: r.Bytes, Failed: r.Failed, Again: r.Again}
		if len(r.Problems) > 0 {
			result.Problem = about(r.Problems[0].Name, r.Problems[0].Err)
		}
		return result, err
	}
}

// about puts what a sentence is about in front of it.
func about(what string, err error) error {
	return &fault.Error{Kind: fault.KindOf(err), Op: "remotes: visit", Message: what + ": " + fault.Message(err), Err: err}
}
