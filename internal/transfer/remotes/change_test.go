package remotes_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
	table "sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remotes"
)

// What was begun on one server, or in one folder, says nothing about another.
func TestFilesOnTheirWayBeginAnewElsewhere(t *testing.T) {
	d := open(t)
	n := pull("out", "h1")
	n.Direction, n.Settings = table.Push, remotes.Defaults(table.Push)
	n.Settings.URL, n.Settings.HostKeys = "sftp://payments@h1/in", []string{fingerprint}
	r := d.add(n)
	left := func(url string) (list []*table.PushState) {
		t.Helper()
		catalogtest.Update(t, d.Catalog, func(tx *catalog.Tx) error {
			return tx.PutRemotePush(&table.PushState{Remote: r.ID, File: catalogtest.ID(), Names: []byte("sealed"), Stage: table.PushRenaming})
		})
		_, err := d.Set(t.Context(), "test", "acme", "out", remotes.Change{Settings: func(s *remotes.Settings) error { s.URL = url; return nil }})
		if err != nil {
			t.Fatal(err)
		}
		catalogtest.View(t, d.Catalog, func(tx *catalog.Tx) error { list, err = tx.RemotePushes(r.ID); return err })
		return list
	}
	if list := left("sftp://payments@H1:22/in"); len(list) != 1 {
		t.Errorf("the same server and folder: %d are on their way", len(list))
	}
	for _, url := range []string{"sftp://payments@h1/other", "sftp://payments@h2/other", "sftp://else@h2/other"} {
		if list := left(url); len(list) != 0 {
			t.Errorf("%s: %d are on their way", url, len(list))
		}
	}
}

// A change ends the visit that goes by what was set before; nothing that it still
// writes counts, and the next one goes by the change.
func TestAChangeEndsAVisit(t *testing.T) {
	d := open(t)
	d.add(pull("bank", "h1"))
	no := false
	for _, c := range []remotes.Change{
		{Settings: func(s *remotes.Settings) error {
			s.HostKeys = []string{fingerprint[:len(fingerprint)-1] + "A"}
			return nil
		}},
		{Secret: remotes.SecretChange{Password: text("hunter3")}},
		{On: &no},
	} {
		began := make(chan remotes.Visit, 1)
		var held error
		d.does(func(ctx context.Context, v remotes.Visit) (remotes.Result, error) {
			began <- v
			<-ctx.Done()
			held = d.Catalog.View(context.WithoutCancel(ctx), func(tx *catalog.Tx) error { return tx.HoldsRemote(v.Remote, v.Fence) })
			return remotes.Result{Files: 1}, ctx.Err()
		})
		if err := d.Round(t.Context()); err != nil {
			t.Fatal(err)
		}
		<-began
		if _, err := d.Set(t.Context(), "test", "acme", "bank", c); err != nil {
			t.Fatal(err)
		}
		d.Service.Wait()
		wantKind(t, "what it still writes", held, fault.Exists)
		runs, err := d.Runs(t.Context(), "acme", "bank", 1)
		if err != nil || runs[0].Outcome != table.RunCut || d.find("bank").Health.Failures != 0 {
			t.Errorf("%+v %v", runs, err)
		}
		d.visited()
	}
	same(t, "off", d.round(), nil)
}

// Who waits for a place goes by what is set when he has it.
func TestAVisitGoesByWhatIsSetWhenItBegins(t *testing.T) {
	d := open(t)
	n := pull("bank", "h1")
	n.Settings.After = remotes.Delete
	before := d.add(n)
	leave := func(s *remotes.Settings) error { s.After = remotes.Leave; return nil }
	if _, err := d.Set(t.Context(), "test", "acme", "bank", remotes.Change{Settings: leave}); err != nil {
		t.Fatal(err)
	}
	d.does(func(_ context.Context, v remotes.Visit) (remotes.Result, error) {
		if v.Settings.After != remotes.Leave {
			t.Errorf("afterwards: %s", v.Settings.After)
		}
		return remotes.Result{}, nil
	})
	if err := d.Begin(t.Context(), before); err != nil {
		t.Fatal(err)
	}
	d.Service.Wait()
	same(t, "visits", d.visited(), []string{"bank"})
}

// A jump of the clock ends leases; a visit that this process pays is not doubled.
func TestAJumpOfTheClockDoublesNoVisit(t *testing.T) {
	d := open(t)
	d.add(pull("bank", "h1"))
	began, release := make(chan struct{}, 2), make(chan struct{})
	d.does(func(context.Context, remotes.Visit) (remotes.Result, error) {
		began <- struct{}{}
		<-release
		return remotes.Result{}, nil
	})
	if err := d.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	<-began
	d.Clock.Add(time.Hour)
	if err := d.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	close(release)
	d.Service.Wait()
	same(t, "visits", d.visited(), []string{"bank"})
}

// Two hours, as when a machine's clock was in local time.
func TestAClockThatWasALittleAhead(t *testing.T) {
	d := open(t)
	d.add(pull("bank", "h1"))
	d.Clock.Add(2 * time.Hour)
	d.round()
	d.Clock.Add(-2 * time.Hour)
	if err := d.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.Clock.Add(6 * time.Minute)
	same(t, "visits", d.round(), []string{"bank"})
}

// Slow servers of one account, as many as it likes, leave places to the others.
func TestOneAccountDoesNotTakeAllPlaces(t *testing.T) {
	d := open(t, func(o *remotes.Options) { o.Places = 8 })
	release := make(chan struct{})
	d.does(func(context.Context, remotes.Visit) (remotes.Result, error) {
		<-release
		return remotes.Result{}, nil
	})
	for i := range 8 {
		d.add(pull(fmt.Sprintf("slow-%d", i), fmt.Sprintf("h%d", i)))
	}
	if err := d.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	running := 0
	list, err := d.List(t.Context(), "acme")
	for _, r := range list {
		if r.Lease.Holder != "" {
			running++
		}
	}
	if err != nil || running != 2 {
		t.Errorf("%d of 8 places are taken, %v", running, err)
	}
	close(release)
	d.Service.Wait()
}

func TestSendAgain(t *testing.T) {
	d := open(t)
	n := pull("out", "h1")
	n.Direction, n.Settings = table.Push, remotes.Defaults(table.Push)
	n.Settings.URL, n.Settings.HostKeys = "sftp://payments@h1/in", []string{fingerprint}
	r, f := d.add(n), &catalog.File{ID: catalogtest.ID(), Account: d.Acme.ID, Direction: catalog.Out, State: catalog.Waiting, Body: catalog.Body{Kind: catalog.NoBody}}
	f.BeganAt, f.ReceivedAt = d.Clock.Now(), d.Clock.Now()
	file := f.ID
	d.round()
	wantKind(t, "no file", d.SendAgain(t.Context(), "test", "acme", "out", file), fault.NotFound)
	catalogtest.Update(t, d.Catalog, func(tx *catalog.Tx) error { return tx.InsertFile(f) })
	wantKind(t, "a file that is not on its way", d.SendAgain(t.Context(), "test", "acme", "out", file), fault.Invalid)
	catalogtest.Update(t, d.Catalog, func(tx *catalog.Tx) error {
		return tx.PutRemotePush(&table.PushState{
			Remote: r.ID, File: file, Names: []byte("sealed"), Stage: table.PushRenaming, Tries: 9, RunAt: d.Clock.Now().Add(time.Hour), Error: "invalid",
		})
	})
	if err := d.SendAgain(t.Context(), "test", "acme", "out", file); err != nil {
		t.Fatal(err)
	}
	catalogtest.View(t, d.Catalog, func(tx *catalog.Tx) error {
		p, err := tx.RemotePush(r.ID, file)
		if err == nil && (p.Stage != table.PushSending || p.Tries != 0 || !p.RunAt.IsZero() || p.Error != "") {
			t.Errorf("%+v", p)
		}
		return err
	})
	same(t, "visits", d.round(), []string{"out"})
	same(t, "audit", d.actions(), []string{"remote.sent-again", "remote.added"})
}

// A change that fails changes nothing, the password neither.
func TestAChangeThatFailsLeavesThePassword(t *testing.T) {
	var used []string
	d := open(t, func(o *remotes.Options) {
		o.Connect = func(_ context.Context, t remotes.Target) (remote.Session, error) {
			used = append(used, t.Host+" "+t.Secret.Password)
			return nil, remote.ErrCut
		}
	})
	d.does(func(ctx context.Context, v remotes.Visit) (remotes.Result, error) {
		_, err := v.Connect(ctx)
		return remotes.Result{}, err
	})
	d.add(pull("bank", "h1"))
	for _, host := range []string{"h1", "h2"} {
		ctx, cancel := context.WithCancel(t.Context())
		_, err := d.Set(ctx, "test", "acme", "bank", remotes.Change{Secret: remotes.SecretChange{Password: text("hunter3")}, Settings: func(s *remotes.Settings) error {
			cancel()
			s.URL = "sftp://payments@" + host + "/"
			return nil
		}})
		if err == nil {
			t.Fatal("a change of somebody who has gone")
		}
	}
	d.round()
	same(t, "used", used, []string{"h1 hunter2"})
}

// Two who change a remote at the same time both have their way.
func TestTwoWhoChangeARemote(t *testing.T) {
	d := open(t)
	d.add(pull("bank", "h1"))
	var wait sync.WaitGroup
	for _, change := range []func(*remotes.Settings) error{
		func(s *remotes.Settings) error { s.Every = time.Hour; return nil },
		func(s *remotes.Settings) error { s.Depth = 2; return nil },
		func(s *remotes.Settings) error { s.Include = []string{"*.xml"}; return nil },
	} {
		wait.Go(func() {
			if _, err := d.Set(t.Context(), "test", "acme", "bank", remotes.Change{Settings: change}); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if s := d.find("bank").Settings; s.Every != time.Hour || s.Depth != 2 || len(s.Include) != 1 {
		t.Errorf("%+v", s)
	}
}
