package remotes_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
	table "sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/remotes"
)

// troubles are told as "kind name".
func (d *desk) troubles() (list []string) {
	d.t.Helper()
	found, err := d.Troubles(d.t.Context())
	if err != nil {
		d.t.Fatal(err)
	}
	for _, f := range found {
		list = append(list, fmt.Sprint(f.Kind, " ", f.Name, " ", f.Files))
	}
	return list
}

// One that fails is told of when it has failed for as long as was said, and not when it
// is switched off.
func TestWhatFailsForLongIsTold(t *testing.T) {
	d := open(t)
	n := pull("bank", "h1")
	n.Settings.AlarmAfter = 2 * time.Hour
	d.add(n)
	d.does(func(context.Context, remotes.Visit) (remotes.Result, error) {
		return remotes.Result{}, fault.New(fault.TryLater, "test", "nobody is at home")
	})
	d.round()
	d.Clock.Add(2 * time.Hour)
	same(t, "in time", d.troubles(), nil)
	d.Clock.Add(time.Minute)
	same(t, "late", d.troubles(), []string{"remote-failing bank 0"})
	off := false
	if _, err := d.Set(t.Context(), "test", "acme", "bank", remotes.Change{On: &off}); err != nil {
		t.Fatal(err)
	}
	same(t, "off", d.troubles(), nil)
}

// Nothing by five is told of until a file comes; one that came earlier that day counts.
func TestAFileThatIsExpectedIsMissed(t *testing.T) {
	d := open(t)
	n := pull("bank", "h1")
	n.Settings.Expect, n.Settings.Zone = "daily by 17:00", "UTC"
	d.add(n)
	at := func(hour int) {
		y, m, day := d.Clock.Now().UTC().Date()
		d.Clock.Add(time.Date(y, m, day, hour, 0, 0, 0, time.UTC).Sub(d.Clock.Now()))
	}
	d.Clock.Add(24 * time.Hour)
	at(17)
	same(t, "nothing came", d.troubles(), []string{"file-expected bank 0"})
	d.does(func(context.Context, remotes.Visit) (remotes.Result, error) { return remotes.Result{Files: 1}, nil })
	at(18)
	d.round()
	same(t, "it came", d.troubles(), nil)
	d.Clock.Add(24 * time.Hour)
	same(t, "nothing on the next day", d.troubles(), []string{"file-expected bank 0"})
	at(9)
	d.Clock.Add(24 * time.Hour)
	d.round()
	at(19)
	same(t, "it came in the morning", d.troubles(), nil)
}

// Files that wait for a server that cannot be visited, or that takes them not, are told
// of; those that wait for their hour are not.
func TestWhatWaitsForAPushIsTold(t *testing.T) {
	d := open(t)
	n := pull("bank", "h1")
	n.Direction, n.Settings = table.Push, remotes.Defaults(table.Push)
	n.Settings.URL = "sftp://payments@h1/in"
	r := d.add(n)
	waits := func() *catalog.File {
		f := &catalog.File{ID: catalogtest.ID(), Account: d.Acme.ID, Direction: catalog.Out, State: catalog.Waiting, Body: catalog.Body{Kind: catalog.NoBody}}
		f.BeganAt, f.ReceivedAt = d.Clock.Now(), d.Clock.Now()
		catalogtest.Update(t, d.Catalog, func(tx *catalog.Tx) error { return tx.InsertFile(f) })
		return f
	}
	waits()
	stuck := waits()
	d.Clock.Add(59 * time.Minute)
	same(t, "in time", d.troubles(), nil)
	d.Clock.Add(2 * time.Minute)
	same(t, "nobody has confirmed the server", d.troubles(), []string{"push-waiting bank 2"})
	_, err := d.Set(t.Context(), "test", "acme", "bank", remotes.Change{Settings: func(s *remotes.Settings) error {
		s.HostKeys = []string{fingerprint}
		return nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	same(t, "they wait for their hour", d.troubles(), nil)
	catalogtest.Update(t, d.Catalog, func(tx *catalog.Tx) error {
		return tx.PutRemotePush(&table.PushState{Remote: r.ID, File: stuck.ID, Names: []byte("sealed"), Stage: table.PushSending, Tries: 3, RunAt: d.Clock.Now(), ChangedAt: d.Clock.Now()})
	})
	same(t, "one is not taken", d.troubles(), []string{"push-waiting bank 1"})
}
