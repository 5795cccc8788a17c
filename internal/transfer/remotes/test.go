package remotes

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	table "sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/why"
	"sealgate/internal/transfer/remotes/places"
)

// testWithin bounds a test.
const testWithin = 2 * time.Minute

// Report is what a test found, step by step.
type Report struct {
	Steps []remote.Step
	// Proves is by what the server proved itself when that is not what was confirmed:
	// "host key" or "certificate", and the fingerprints. Somebody who knows the server
	// compares and confirms them.
	Proves       string
	Fingerprints []string
}

// OK reports whether every step went well.
func (r *Report) OK() bool {
	for _, step := range r.Steps {
		if step.Err != nil {
			return false
		}
	}
	return true
}

// Test signs in on a remote's server, looks into its folder and, where files are
// pushed, leaves a small file there and removes it. Nothing is fetched or confirmed.
func (s *Service) Test(ctx context.Context, actor, account, name string) (*Report, error) {
	const op = "remotes: test"
	r, err := s.Find(ctx, account, name)
	if err != nil {
		return nil, err
	}
	if r.Settings == nil {
		return nil, fault.New(fault.Locked, op, "what the remote is set to is sealed under a key that is not here")
	}
	ctx, stop := context.WithTimeout(ctx, testWithin)
	defer stop()
	place, err := s.places.Wait(ctx, r.place())
	if err != nil {
		return nil, fault.New(fault.TryLater, op, "so many servers are being visited that there was no turn for this one; try again later")
	}
	defer place.Give()
	report := &Report{}
	s.try(ctx, r, place, report)
	detail := map[string]string{"outcome": "ok"}
	if !report.OK() {
		last := report.Steps[len(report.Steps)-1].Name
		detail = map[string]string{"outcome": "failed", "step": strings.ReplaceAll(last, " ", "-")}
	}
	err = s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		return tx.Audit(entry(&r.Remote, actor, "remote.tested", detail))
	})
	return report, fault.Wrap(fault.Internal, op, err)
}

func (s *Service) try(ctx context.Context, r *Remote, place *places.Taken, report *Report) {
	step := func(st remote.Step) { report.Steps = append(report.Steps, st) }
	session, err := s.connect(ctx, r, place, step)
	if err != nil {
		var identity *remote.IdentityError
		if errors.As(err, &identity) {
			report.Proves, report.Fingerprints = identity.What, identity.Seen
		}
		if report.OK() { // it failed before or after what is a step
			step(remote.Step{Name: remote.StepSignIn, Err: err})
		}
		return
	}
	defer func() { _ = session.Close() }() // nothing was left under way
	at, _ := r.Settings.Address()
	dir := at.Dir
	if dir == "" {
		dir = "."
	}
	seen, facts, err := list(ctx, session, dir, r)
	step(remote.Step{Name: remote.StepList, Seen: seen, Facts: facts, Err: err})
	if err != nil || r.Direction != table.Push {
		return
	}
	seen, err = write(ctx, session, dir)
	step(remote.Step{Name: remote.StepWrite, Seen: seen, Err: err})
}

// list tells what is in the folder.
func list(ctx context.Context, session remote.Session, dir string, r *Remote) (seen string, facts map[string]string, err error) {
	entries, err := session.List(ctx, dir)
	if fault.Is(err, fault.NotFound) {
		return "", nil, &fault.Error{Kind: fault.NotFound, Op: "remotes: test", Err: why.NotThere.By(err), Message: "the server has no folder " + remote.Quote(dir) +
			" for this login; the folder in an address is absolute, and /~/ in front makes it relative to where the sign-in leads"}
	}
	if err != nil {
		return "", nil, err
	}
	files, folders, meant := 0, 0, 0
	names := r.Settings.Names()
	for _, e := range entries {
		switch e.Kind {
		case remote.Folder:
			folders++
		case remote.Regular:
			files++
			if names.Has(e.Name) {
				meant++
			}
		}
	}
	facts = map[string]string{"files": strconv.Itoa(files), "folders": strconv.Itoa(folders)}
	seen = fmt.Sprintf("the folder has %d files and %d folders", files, folders)
	if r.Direction == table.Pull {
		facts["meant"] = strconv.Itoa(meant)
		seen += fmt.Sprintf("; %d of the files would be fetched", meant)
	}
	return seen, facts, nil
}

// write leaves a small file and removes it.
func write(ctx context.Context, session remote.Session, dir string) (string, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return "", fault.Wrap(fault.Internal, "remotes: test", err)
	}
	at := path.Join(dir, ".sealgate-test-"+id.String()+".part")
	if _, err := session.Create(ctx, at, strings.NewReader("This file tests whether files can be left here. It can be removed.\n")); err != nil {
		return "", err
	}
	to := strings.TrimSuffix(at, ".part") + ".tmp"
	if err := session.Rename(ctx, at, to, false); err != nil {
		return "", errors.Join(err, session.Remove(ctx, at))
	}
	if err := session.Remove(ctx, to); err != nil {
		return "", err
	}
	return "a file was written, renamed and removed", nil
}
