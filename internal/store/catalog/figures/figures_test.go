package figures_test

import (
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
	"sealgate/internal/store/catalog/engine/enginetest"
	"sealgate/internal/store/catalog/figures"
)

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

const day = 24 * time.Hour

func add(t *testing.T, c *catalog.Catalog, f catalog.File) {
	t.Helper()
	f.ID = catalogtest.ID()
	if f.Direction == "" {
		f.Direction = catalog.In
	}
	catalogtest.Update(t, c, func(tx *catalog.Tx) error { return tx.InsertFile(&f) })
}

func received(at time.Time) catalog.Times {
	return catalog.Times{BeganAt: at.Add(-time.Minute), ReceivedAt: at}
}

// get reads something of the catalog.
func get[T any](t *testing.T, c *catalog.Catalog, ask func(*catalog.Tx) (T, error)) (v T) {
	t.Helper()
	catalogtest.View(t, c, func(tx *catalog.Tx) (err error) { v, err = ask(tx); return err })
	return v
}

func TestArrivals(t *testing.T) {
	c := catalogtest.Open(t)
	acme, beta := uuid.New(), uuid.New()
	for _, f := range []catalog.File{
		{Account: acme, State: catalog.Kept, Times: received(noon.Add(-40 * day))},
		{Account: acme, State: catalog.Kept, Times: received(noon.Add(-2 * day)), Content: catalog.Content{Size: 10}, Result: catalog.Result{PaymentCount: 7}},
		{Account: beta, State: catalog.Held, Times: received(noon.Add(-2 * day))},
		{Account: acme, State: catalog.Deleted, Reason: "released", Times: received(noon.Add(-day)), Result: catalog.Result{PaymentCount: 2}},
		{Account: acme, State: catalog.Refused, Times: received(noon.Add(-day + 11*time.Hour))},
		{Account: acme, State: catalog.Held, Times: received(noon.Add(-day + 12*time.Hour))}, // midnight is the next day
		{Account: acme, State: catalog.Waiting, Direction: catalog.Out, Times: received(noon)},
		{Account: acme, State: catalog.Arriving, Times: catalog.Times{BeganAt: noon}},
	} {
		add(t, c, f)
	}
	midnight := noon.Truncate(day)
	want := []figures.Day{
		{Day: midnight.Add(-2 * day), Files: 1, Bytes: 10, Payments: 7},
		{Day: midnight.Add(-day), Files: 2, Payments: 2, Problems: 2},
		{Day: midnight, Files: 1, Problems: 1},
	}
	ask := func(account uuid.UUID, since time.Time) []figures.Day {
		return get(t, c, func(tx *catalog.Tx) ([]figures.Day, error) { return tx.Arrivals(account, since, noon) })
	}
	if got := ask(acme, midnight.Add(-2*day)); !reflect.DeepEqual(got, want) {
		t.Errorf("acme: %+v", got)
	}
	want[0] = figures.Day{Day: want[0].Day, Files: 2, Bytes: 10, Payments: 7, Problems: 1}
	if got := ask(uuid.Nil, midnight.Add(-2*day)); !reflect.DeepEqual(got, want) {
		t.Errorf("all: %+v", got)
	}
	if got := ask(acme, midnight); !reflect.DeepEqual(got, want[2:]) {
		t.Errorf("since today: %+v", got)
	}
	if got := ask(acme, midnight.Add(-29*day)); len(got) != 30 || got[0].Files != 0 || got[29] != ask(acme, midnight)[0] {
		t.Errorf("a month: %+v", got)
	}
	if got := ask(acme, noon.Add(day)); len(got) != 0 {
		t.Errorf("since tomorrow: %+v", got)
	}
}

func TestStanding(t *testing.T) {
	c := catalogtest.Open(t)
	acme := uuid.New()
	for _, f := range []catalog.File{
		{Account: acme, State: catalog.Kept, Times: received(noon)},
		{Account: acme, State: catalog.Erased, Times: received(noon)},
		{Account: acme, State: catalog.Held, Times: received(noon.Add(day))},
		{Account: acme, State: catalog.Held, Times: received(noon)},
		{Account: acme, State: catalog.WaitingRename, Reason: "not-renamed", Times: catalog.Times{BeganAt: noon}},
		{Account: uuid.New(), State: catalog.Held, Times: received(noon)},
	} {
		add(t, c, f)
	}
	got := get(t, c, func(tx *catalog.Tx) ([]figures.Standing, error) { return tx.Standing(acme) })
	want := []figures.Standing{
		{State: "waiting-rename", Files: 1, Oldest: noon},
		{State: "waiting-rename", Reason: "not-renamed", Files: 1, Oldest: noon},
		{State: "held", Files: 2, Oldest: noon},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("acme: %+v", got)
	}
	got = get(t, c, func(tx *catalog.Tx) ([]figures.Standing, error) { return tx.Standing(uuid.Nil) })
	if len(got) != 3 || got[2].Files != 3 {
		t.Errorf("all: %+v", got)
	}
}

func TestQueues(t *testing.T) {
	c := catalogtest.Open(t)
	var first *catalog.Job
	catalogtest.Update(t, c, func(tx *catalog.Tx) error {
		for i := range 3 {
			j := &catalog.Job{Kind: catalog.IndexJob, RunAt: noon.Add(time.Duration(i) * time.Minute)}
			if err := tx.AddJob(j); err != nil {
				return err
			}
			if first == nil {
				first = j
			}
		}
		_, err := tx.LeaseJobs(catalog.IndexJob, "w", noon, time.Minute, 1)
		return err
	})
	got := get(t, c, func(tx *catalog.Tx) ([]figures.Queue, error) { return tx.Queues(noon) })
	if len(got) != 1 || got[0].Jobs != 3 || got[0].Leased != 1 || got[0].Later != 2 || got[0].Retried != 0 || time.Since(got[0].Oldest) > time.Minute {
		t.Errorf("%+v", got)
	}
}

func TestIndexes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	catalogtest.OpenAt(t, path, catalog.Options{})
	enginetest.WantIndexes(t, path, figures.Indexes)
}

// BenchmarkOverview is what an account's overview asks when 100,000 files came in a
// month, as many before, and 1,000 wait for somebody.
func BenchmarkOverview(b *testing.B) {
	c := catalogtest.Open(b)
	account := uuid.New()
	const files = 200_000
	for n := 0; n < files; n += 5_000 {
		err := c.Update(b.Context(), func(tx *catalog.Tx) error {
			for i := range 5_000 {
				f := &catalog.File{
					ID: catalogtest.ID(), Account: account, Direction: catalog.In, State: catalog.Kept, Source: "sftp", Name: make([]byte, 60), NameMAC: catalogtest.MAC(),
					Times:   received(noon.Add(time.Duration(n+i-files) * (60 * day / files))),
					Content: catalog.Content{Size: 12_000, SHA256: make([]byte, 64), MAC: catalogtest.MAC()},
					Body:    catalog.Body{Kind: catalog.VaultBody, Ref: "0123456789abcdef0123456789abcdef"},
					Result:  catalog.Result{Format: "iso20022.pain.001", Variant: "pain.001.001.09", PaymentCount: 7, Summary: make([]byte, 400)},
				}
				if i%200 == 0 {
					f.State = catalog.Held
				}
				if err := tx.InsertFile(f); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	for b.Loop() {
		err := c.View(b.Context(), func(tx *catalog.Tx) error {
			days, err := tx.Arrivals(account, noon.Add(-29*day), noon)
			if err != nil || len(days) != 30 {
				b.Fatal(len(days), err)
			}
			_, err = tx.Standing(account)
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}
