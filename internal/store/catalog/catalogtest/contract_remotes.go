package catalogtest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/remotes"
)

func addRemote(t *testing.T, c *catalog.Catalog, account uuid.UUID, name string, next time.Time) *remotes.Remote {
	t.Helper()
	r := &remotes.Remote{
		ID: ID(), Account: account, Name: name, Direction: remotes.Pull, Settings: []byte("sealed"), State: remotes.On,
		CreatedAt: noon, ChangedAt: noon, NextRun: next,
	}
	Update(t, c, func(tx *catalog.Tx) error { return tx.InsertRemote(r) })
	return r
}

func remoteOf(t *testing.T, c *catalog.Catalog, id uuid.UUID) *remotes.Remote {
	t.Helper()
	return get(t, c, func(tx *catalog.Tx) (*remotes.Remote, error) { return tx.Remote(id) })
}

func testRemotes(t *testing.T, c *catalog.Catalog) {
	a, b := Account(t, c, "acme"), Account(t, c, "beta")
	second, first := addRemote(t, c, a.ID, "sweden", noon), addRemote(t, c, a.ID, "bank", noon)
	other := addRemote(t, c, b.ID, "bank", noon) // names are the account's own
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*remotes.Remote, error) { return tx.Remotes(a.ID) }), []*remotes.Remote{first, second})
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*remotes.Remote, error) { return tx.RemoteByName(b.ID, "bank") }), other)
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error {
		return tx.InsertRemote(&remotes.Remote{ID: ID(), Account: a.ID, Name: "bank", Settings: []byte{1}})
	}), fault.Exists)
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error {
		return tx.InsertRemote(&remotes.Remote{ID: ID(), Account: ID(), Name: "bank", Settings: []byte{1}})
	}), fault.NotFound)

	first.Settings, first.State, first.ByOperator, first.ChangedAt, first.NextRun, first.Planned = []byte{1}, remotes.Off, true, noon.Add(time.Minute), noon.Add(time.Hour), noon
	Update(t, c, func(tx *catalog.Tx) error { return tx.SaveRemote(first) })
	wantSame(t, remoteOf(t, c, first.ID), first)

	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteRemote(second.ID) })
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { _, err := tx.RemoteByName(a.ID, "sweden"); return err }), fault.NotFound)
	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteRemotes(a.ID) })
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*remotes.Remote, error) { return tx.AllRemotes() }), []*remotes.Remote{other})
}

func testRemoteLeases(t *testing.T, c *catalog.Catalog) {
	acme := Account(t, c, "acme").ID
	late, early := addRemote(t, c, acme, "late", noon), addRemote(t, c, acme, "early", noon.Add(-time.Minute))
	addRemote(t, c, acme, "tomorrow", noon.Add(24*time.Hour))
	addRemote(t, c, acme, "by-hand", time.Time{})
	off := addRemote(t, c, acme, "off", noon)
	off.State = remotes.Off
	Update(t, c, func(tx *catalog.Tx) error { return tx.SaveRemote(off) })
	due := func(now time.Time, limit int) (names []string) {
		t.Helper()
		for _, r := range get(t, c, func(tx *catalog.Tx) ([]*remotes.Remote, error) { return tx.DueRemotes(now, limit) }) {
			names = append(names, r.Name)
		}
		return names
	}
	next := func(now time.Time) time.Time {
		t.Helper()
		return get(t, c, func(tx *catalog.Tx) (time.Time, error) { return tx.NextRemoteRun(now) })
	}
	wantSame(t, due(noon, 9), []string{"early", "late"})
	wantSame(t, due(noon, 1), []string{"early"})
	wantSame(t, due(noon.Add(-time.Hour), 9), []string(nil))
	wantSame(t, next(noon), noon.Add(-time.Minute))

	until := noon.Add(time.Minute)
	lease := func(now time.Time, holder string) (r *remotes.Remote) {
		t.Helper()
		Update(t, c, func(tx *catalog.Tx) (err error) { r, err = tx.LeaseRemote(early.ID, holder, now, until); return err })
		return r
	}
	early.Lease = remotes.Lease{Holder: "one", Fence: 1, Until: until}
	wantSame(t, lease(noon, "one"), early)
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { _, err := tx.LeaseRemote(early.ID, "two", noon, until); return err }), fault.Exists)
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { _, err := tx.LeaseRemote(ID(), "two", noon, until); return err }), fault.NotFound)
	wantSame(t, due(noon, 9), []string{"late"})
	wantSame(t, next(noon), noon)

	// A lease that is over can be had by another; until then its holder may go on.
	Update(t, c, func(tx *catalog.Tx) error { return tx.ExtendRemote(early.ID, 1, until) })
	wantSame(t, lease(until, "two").Lease, remotes.Lease{Holder: "two", Fence: 2, Until: until})
	for _, act := range []func(tx *catalog.Tx) error{
		func(tx *catalog.Tx) error { return tx.HoldsRemote(early.ID, 1) },
		func(tx *catalog.Tx) error { return tx.ExtendRemote(early.ID, 1, noon.Add(time.Hour)) },
		func(tx *catalog.Tx) error { return tx.ReleaseRemote(early.ID, 1, remotes.Health{}, noon, noon) },
	} {
		wantKind(t, fails(t, c, act), fault.Exists)
	}
	Update(t, c, func(tx *catalog.Tx) error { return tx.HoldsRemote(early.ID, 2) })
	h := remotes.Health{LastRun: noon, LastOK: noon, LastFile: noon, FailingSince: noon, Failures: 3, Error: "timeout"}
	Update(t, c, func(tx *catalog.Tx) error { return tx.ReleaseRemote(early.ID, 2, h, noon, noon.Add(time.Hour)) })
	early.Lease, early.Health, early.Planned, early.NextRun = remotes.Lease{Fence: 2}, h, noon, noon.Add(time.Hour)
	wantSame(t, remoteOf(t, c, early.ID), early)
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.HoldsRemote(early.ID, 2) }), fault.Exists)

	// A gateway that begins anew gives back what it held before, and nothing else.
	mine, theirs := lease(noon, "one"), late
	Update(t, c, func(tx *catalog.Tx) error { _, err := tx.LeaseRemote(theirs.ID, "two", noon, until); return err })
	run := &remotes.Run{ID: ID(), Remote: mine.ID, Fence: mine.Lease.Fence, BeganAt: noon}
	Update(t, c, func(tx *catalog.Tx) error { return tx.InsertRemoteRun(run) })
	Update(t, c, func(tx *catalog.Tx) error { return tx.FreeRemotes("one", noon) })
	run.EndedAt, run.Outcome = noon, remotes.RunCut
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*remotes.Run, error) { return tx.RemoteRun(run.ID) }), run)
	wantSame(t, remoteOf(t, c, mine.ID).Lease, remotes.Lease{Fence: 3})
	wantSame(t, remoteOf(t, c, theirs.ID).Lease, remotes.Lease{Holder: "two", Fence: 1, Until: until})

	// So does who takes over what another gateway held that never came back.
	lost := &remotes.Run{ID: ID(), Remote: theirs.ID, Fence: 1, BeganAt: noon}
	Update(t, c, func(tx *catalog.Tx) error { return tx.InsertRemoteRun(lost) })
	Update(t, c, func(tx *catalog.Tx) error {
		_, err := tx.LeaseRemote(theirs.ID, "one", until, until.Add(time.Hour))
		return err
	})
	lost.EndedAt, lost.Outcome = until, remotes.RunCut
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*remotes.Run, error) { return tx.RemoteRun(lost.ID) }), lost)
}

func testRemoteLooks(t *testing.T, c *catalog.Catalog) {
	r := addRemote(t, c, Account(t, c, "acme").ID, "bank", noon)
	one := &remotes.Look{Remote: r.ID, PathMAC: []byte("one"), Size: 9, ModTime: noon, ListedSize: 8, ListedTime: noon.Add(time.Hour), FirstSeen: noon, Since: noon, LastSeen: noon}
	two := &remotes.Look{Remote: r.ID, PathMAC: []byte("two"), FirstSeen: noon, Since: noon, LastSeen: noon}
	for _, l := range []*remotes.Look{one, two} {
		Update(t, c, func(tx *catalog.Tx) error { return tx.PutRemoteLook(l) })
	}
	one.Size, one.ModTime, one.Since, one.LastSeen = 10, noon.Add(time.Second), noon.Add(time.Second), noon.Add(time.Minute)
	one.Arrival, one.Tries, one.Result = ID(), 2, "timeout"
	Update(t, c, func(tx *catalog.Tx) error { return tx.PutRemoteLook(one) })
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*remotes.Look, error) { return tx.RemoteLook(r.ID, one.PathMAC) }), one)
	all := func() []*remotes.Look {
		t.Helper()
		return get(t, c, func(tx *catalog.Tx) ([]*remotes.Look, error) { return tx.RemoteLooks(r.ID) })
	}
	wantSame(t, all(), []*remotes.Look{one, two})
	three := &remotes.Look{Remote: r.ID, PathMAC: []byte("three"), FirstSeen: noon, Since: noon, LastSeen: noon, Result: "taken"}
	Update(t, c, func(tx *catalog.Tx) error { return tx.PutRemoteLook(three) })
	forget := func(before, taken time.Time) {
		t.Helper()
		Update(t, c, func(tx *catalog.Tx) error {
			n, err := tx.DeleteRemoteLooks(before, taken, 10)
			if n != 1 {
				t.Errorf("%d were forgotten", n)
			}
			return err
		})
	}
	forget(noon.Add(time.Minute), noon)
	wantSame(t, all(), []*remotes.Look{one, three})
	forget(noon.Add(time.Minute), noon.Add(time.Second))
	wantSame(t, all(), []*remotes.Look{one})
	for range 2 {
		Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteRemoteLook(r.ID, one.PathMAC) })
	}
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { _, err := tx.RemoteLook(r.ID, one.PathMAC); return err }), fault.NotFound)
}

func testRemoteLedger(t *testing.T, c *catalog.Catalog) {
	r, other := addRemote(t, c, Account(t, c, "acme").ID, "bank", noon), addRemote(t, c, Account(t, c, "beta").ID, "bank", noon)
	add := func(remote uuid.UUID, content, after string, at time.Time) *remotes.Taken {
		t.Helper()
		row := &remotes.Taken{Remote: remote, SeenMAC: []byte("seen"), TakenMAC: []byte(content), File: ID(), TakenAt: at, LastSeen: at, After: after}
		Update(t, c, func(tx *catalog.Tx) error { return tx.InsertTaken(row) })
		return row
	}
	old := add(r.ID, "old", remotes.AfterDone, noon)
	changed := add(r.ID, "new", remotes.AfterDue, noon.Add(time.Second))
	elsewhere := add(other.ID, "old", remotes.AfterDone, noon.Add(time.Hour))
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.InsertTaken(old) }), fault.Exists)
	before := func() []*remotes.Taken {
		t.Helper()
		return get(t, c, func(tx *catalog.Tx) ([]*remotes.Taken, error) { return tx.TakenBefore(r.ID, []byte("seen")) })
	}
	wantSame(t, before(), []*remotes.Taken{changed, old})
	wantSame(t, get(t, c, func(tx *catalog.Tx) (*remotes.Taken, error) { return tx.Taken(r.ID, old.SeenMAC, old.TakenMAC) }), old)
	due := func() []*remotes.Taken {
		t.Helper()
		return get(t, c, func(tx *catalog.Tx) ([]*remotes.Taken, error) { return tx.TakenDue(r.ID, 5) })
	}
	wantSame(t, due(), []*remotes.Taken{changed})

	prune := func(before time.Time, want int64) {
		t.Helper()
		Update(t, c, func(tx *catalog.Tx) error {
			n, err := tx.DeleteTaken(before, 10)
			if n != want {
				t.Errorf("%d rows removed, want %d", n, want)
			}
			return err
		})
	}
	prune(noon.Add(time.Minute), 1) // what is due stays, however old
	wantSame(t, before(), []*remotes.Taken{changed})
	changed.After, changed.Tries, changed.Error, changed.LastSeen = remotes.AfterGone, 2, "denied", noon.Add(time.Second)
	Update(t, c, func(tx *catalog.Tx) error { return tx.SaveTaken(changed) })
	wantSame(t, before(), []*remotes.Taken{changed})
	wantSame(t, due(), []*remotes.Taken(nil))
	prune(noon.Add(time.Minute), 1)

	// It goes with its remote.
	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteRemote(other.ID) })
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error {
		_, err := tx.Taken(other.ID, elsewhere.SeenMAC, elsewhere.TakenMAC)
		return err
	}), fault.NotFound)
}

func testRemotePushes(t *testing.T, c *catalog.Catalog) {
	acme := Account(t, c, "acme").ID
	r, other := addRemote(t, c, acme, "bank", noon), addRemote(t, c, acme, "erp", noon)
	p := &remotes.PushState{Remote: r.ID, File: ID(), Names: []byte("sealed"), Stage: remotes.PushSending, RunAt: noon, ChangedAt: noon}
	for range 2 {
		Update(t, c, func(tx *catalog.Tx) error { return tx.PutRemotePush(p) })
		wantSame(t, get(t, c, func(tx *catalog.Tx) (*remotes.PushState, error) { return tx.RemotePush(r.ID, p.File) }), p)
		p.Names, p.Stage, p.Tries, p.RunAt, p.ChangedAt, p.Error = []byte{1}, remotes.PushRenaming, 3, noon.Add(time.Hour), noon.Add(time.Second), "full"
	}
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*remotes.PushState, error) { return tx.RemotePushes(r.ID) }), []*remotes.PushState{p})

	for state, want := range map[catalog.State]int{catalog.Waiting: 1, catalog.Delivered: 0} { // tried in vain are those that wait still
		p := &remotes.PushState{Remote: other.ID, File: addFile(t, c, catalog.File{Account: acme, State: state}).ID, Names: []byte{1}, Tries: 1}
		Update(t, c, func(tx *catalog.Tx) error { return tx.PutRemotePush(p) })
		wantSame(t, len(get(t, c, func(tx *catalog.Tx) ([]*remotes.PushState, error) { return tx.TriedPushes(other.ID) })), want)
		Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteRemotePush(other.ID, p.File) })
	}
	// A file is about to get its name on one server at a time.
	claimed := func(by *remotes.Remote) []uuid.UUID {
		t.Helper()
		return get(t, c, func(tx *catalog.Tx) ([]uuid.UUID, error) { return tx.ClaimedElsewhere(acme, by.ID) })
	}
	p.Stage = remotes.PushRenaming
	Update(t, c, func(tx *catalog.Tx) error { return tx.PutRemotePush(p) })
	second := &remotes.PushState{Remote: other.ID, File: p.File, Names: []byte("sealed"), Stage: remotes.PushSending}
	Update(t, c, func(tx *catalog.Tx) error { return tx.PutRemotePush(second) })
	wantSame(t, claimed(other), []uuid.UUID{p.File})
	wantSame(t, claimed(r), []uuid.UUID(nil))
	second.Stage = remotes.PushRenaming
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { return tx.PutRemotePush(second) }), fault.Exists)
	Update(t, c, func(tx *catalog.Tx) error { return tx.ResendRemotePush(r.ID, p.File) })
	Update(t, c, func(tx *catalog.Tx) error { return tx.PutRemotePush(second) })
	wantSame(t, claimed(r), []uuid.UUID{p.File})
	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteRemotePush(other.ID, p.File) })

	for range 2 {
		Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteRemotePush(r.ID, p.File) })
	}
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error { _, err := tx.RemotePush(r.ID, p.File); return err }), fault.NotFound)
}

func testRemoteRuns(t *testing.T, c *catalog.Catalog) {
	r := addRemote(t, c, Account(t, c, "acme").ID, "bank", noon)
	add := func() *remotes.Run {
		t.Helper()
		run := &remotes.Run{ID: ID(), Remote: r.ID, Fence: 4, By: "operator:1", BeganAt: noon}
		Update(t, c, func(tx *catalog.Tx) error { return tx.InsertRemoteRun(run) })
		return run
	}
	first, second := add(), add()
	first.EndedAt, first.Outcome, first.Seen, first.Files, first.Bytes, first.Failed = noon.Add(time.Second), remotes.RunFailed, 5, 4, 99, 1
	first.Error, first.Message = "denied", []byte("sealed")
	Update(t, c, func(tx *catalog.Tx) error { return tx.SaveRemoteRun(first) })
	runs := func(limit int) []*remotes.Run {
		t.Helper()
		return get(t, c, func(tx *catalog.Tx) ([]*remotes.Run, error) { return tx.RemoteRuns(r.ID, limit) })
	}
	wantSame(t, runs(9), []*remotes.Run{second, first})
	wantSame(t, runs(1), []*remotes.Run{second})
	Update(t, c, func(tx *catalog.Tx) error {
		n, err := tx.DeleteRemoteRuns(noon.Add(time.Hour), 10)
		if n != 1 {
			t.Errorf("%d runs removed, want the one that ended", n)
		}
		return err
	})
	wantSame(t, runs(9), []*remotes.Run{second})
	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteRemoteRun(second.ID) })
	wantSame(t, runs(9), []*remotes.Run(nil))
}
