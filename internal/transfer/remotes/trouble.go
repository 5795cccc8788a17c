package remotes

import (
	"context"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	table "sealgate/internal/store/catalog/remotes"
)

// Kinds of trouble.
const (
	Failing      = "remote-failing" // for longer than its AlarmAfter
	FileExpected = "file-expected"  // nothing came by the time that was named
	PushWaiting  = "push-waiting"   // files wait for longer than its AlarmAfter, though visits may go well
)

// Trouble is what somebody should see to about a remote that is on.
type Trouble struct {
	*table.Remote
	Kind  string
	Since time.Time // or by when a file was expected
	Files int64     // that wait
}

// Troubles returns what somebody should see to about the remotes of all accounts.
func (s *Service) Troubles(ctx context.Context) (list []Trouble, err error) {
	var rows []*table.Remote
	err = s.opt.Catalog.View(ctx, func(tx *catalog.Tx) error {
		rows, err = tx.AllRemotes()
		return err
	})
	for _, row := range rows {
		if err != nil {
			break
		}
		if row.State == table.On {
			var found []Trouble
			found, err = s.troubles(ctx, row)
			list = append(list, found...)
		}
	}
	return list, fault.Wrap(fault.Internal, "remotes: troubles", err)
}

func (s *Service) troubles(ctx context.Context, row *table.Remote) (found []Trouble, err error) {
	// One that cannot be opened is not visited either: it fails, and that is told.
	r, err := s.open(ctx, row)
	if err != nil || r.Settings == nil {
		r = &Remote{Remote: *row, Settings: &Settings{AlarmAfter: alarmAfter}}
	}
	now := s.opt.Now()
	late := now.Add(-r.Settings.AlarmAfter)
	since := row.Health.FailingSince
	failing := !since.IsZero() && since.Before(late)
	if failing {
		found = append(found, Trouble{Remote: row, Kind: Failing, Since: since})
	}
	if row.Direction == table.Push {
		if failing {
			return found, nil // that is why
		}
		waiting, err := s.waitsForPush(ctx, r, late)
		if err == nil && waiting.Files > 0 {
			found = append(found, waiting)
		}
		return found, err
	}
	expected, err := r.Settings.Expectation()
	if err != nil {
		return nil, err
	}
	began, by := expected.Last(now)
	if !by.IsZero() && row.CreatedAt.Before(by) && row.Health.LastFile.Before(began) {
		found = append(found, Trouble{Remote: row, Kind: FileExpected, Since: by})
	}
	return found, nil
}

// waitsForPush counts the files of the outbox that have waited since before a time, as
// far as they were tried in vain, or are not tried at all because the server is not
// confirmed or nobody has said how to sign in there. What waits for its hour, or for
// somebody who fetches it, is no trouble.
func (s *Service) waitsForPush(ctx context.Context, r *Remote, late time.Time) (t Trouble, err error) {
	t = Trouble{Remote: &r.Remote, Kind: PushWaiting}
	visited := r.Settings.Confirmed() && (r.Password || r.Key)
	err = s.opt.Catalog.View(ctx, func(tx *catalog.Tx) error {
		pushes, err := tx.RemotePushes(r.ID)
		if err != nil {
			return err
		}
		tried := map[[16]byte]bool{}
		for _, p := range pushes {
			if p.Tries > 0 {
				tried[p.File] = true
			}
		}
		if visited && len(tried) == 0 {
			return nil
		}
		files, err := tx.Files(catalog.FileFilter{Account: r.Account, State: catalog.Waiting, Direction: catalog.Out, Until: late, Limit: -1})
		for _, f := range files {
			if !visited || tried[f.ID] {
				t.Files++
				t.Since = f.ReceivedAt // the oldest comes last
			}
		}
		return err
	})
	return t, err
}
