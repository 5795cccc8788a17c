package custody_test

import (
	"errors"
	"testing"
	"time"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

func TestADayChangeWrapsGrantsAnewAndDestroysTheOldKey(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentDelete)
	w.changeDay()
	stolen, f := w.file(a) // the row as an old backup holds it
	old := w.ks.IngestKeys()[0]

	w.clock.Add(24 * time.Hour)
	w.changeDay()
	w.opens(f)
	if all := w.ks.IngestKeys(); len(all) != 1 || all[0].Day != "2026-11-22" {
		t.Fatalf("ingest keys: %v", all)
	}
	// The old grant opens with nothing, master key included.
	again := keystest.Reopen(t, w.ks)
	if _, err := again.IngestKey(old.Fingerprint); !fault.Is(err, fault.NotFound) {
		t.Errorf("the old key is still there: %v", err)
	}
	for _, k := range again.IngestKeys() {
		_, err := seal.OpenGrant(stolen.Grant.Data, k.Private, seal.Binding{File: f.ID, Account: a.ID})
		wantKind(t, err, fault.Damaged)
	}
	if got := w.actions("ingest-key.destroyed"); got != 1 {
		t.Errorf("%d of 1 destructions on record", got)
	}
}

func TestTheSameDayChangesNothing(t *testing.T) {
	w := newWorld(t)
	w.changeDay()
	before := w.ks.IngestKeys()
	w.clock.Add(11 * time.Hour)
	w.changeDay()
	w.restart()
	w.changeDay()
	if after := w.ks.IngestKeys(); len(after) != 1 || after[0].Fingerprint != before[0].Fingerprint {
		t.Errorf("keys %v, before %v", after, before)
	}
}

func TestAMissedDayIsMadeGoodAtTheStart(t *testing.T) {
	w := newWorld(t)
	_, f := w.file(w.account("acme", catalog.ContentDelete))
	w.clock.Add(5 * 24 * time.Hour)
	w.restart()
	w.opens(f)
	w.changeDay()
	w.opens(f)
	if all := w.ks.IngestKeys(); len(all) != 1 || all[0].Day != "2026-11-26" {
		t.Errorf("ingest keys: %v", all)
	}
}

// However the clock is set, no file is lost and no key outlives its change.
func TestAClockSetBackLosesNothing(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentDelete)
	var files []*custody.Fresh
	used := map[seal.Fingerprint]bool{}
	for _, jump := range []time.Duration{0, 24 * time.Hour, -24 * time.Hour, -240 * time.Hour, 480 * time.Hour, 0} {
		w.clock.Add(jump)
		w.changeDay()
		_, f := w.file(a)
		files = append(files, f)
		all := w.ks.IngestKeys()
		if len(all) != 1 || all[0].Day != w.clock.Now().Format(time.DateOnly) {
			t.Fatalf("after %v: %v", jump, all)
		}
		if jump != 0 && used[all[0].Fingerprint] {
			t.Errorf("after %v an earlier key is used again", jump)
		}
		used[all[0].Fingerprint] = true
		for _, f := range files {
			w.opens(f)
		}
	}
}

// A file may begin before the day's change and get its row after it.
func TestAFileThatBeginsAcrossTheChangeKeepsItsGrant(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentDelete)
	fresh, err := w.NewFile(t.Context(), a, false)
	if err != nil {
		t.Fatal(err)
	}
	w.clock.Add(24 * time.Hour)
	w.changeDay()
	w.insert(a, fresh)
	w.opens(fresh)
}

// A worker may have read the row before the day's change.
func TestARowReadBeforeTheChangeStillOpens(t *testing.T) {
	w := newWorld(t)
	row, f := w.file(w.account("acme", catalog.ContentDelete))
	w.clock.Add(24 * time.Hour)
	w.changeDay()
	if err := w.tryOpen(row, f); err != nil {
		t.Error(err)
	}
}

func TestMoreGrantsThanABatchAreAllWrappedAnew(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentDelete)
	var files []*custody.Fresh
	for range 450 {
		_, f := w.file(a)
		files = append(files, f)
	}
	w.clock.Add(24 * time.Hour)
	w.changeDay()
	for _, f := range files {
		w.opens(f)
	}
}

func TestADayChangeCutAtAnyPointConverges(t *testing.T) {
	crash := errors.New("crash")
	for _, point := range []string{"ingest-day.made", "ingest-day.wrapped", "ingest-day.rewrapped", "ingest-day.audited", "ingest-day.destroyed"} {
		t.Run(point, func(t *testing.T) {
			w := newWorld(t)
			_, f := w.file(w.account("acme", catalog.ContentDelete))
			hit := false
			w.FailAt(func(at string) error {
				if hit = hit || at == point; hit {
					return crash
				}
				return nil
			})
			w.clock.Add(24 * time.Hour)
			if err := w.ChangeDay(t.Context()); !errors.Is(err, crash) {
				t.Fatalf("point %s was not reached: %v", point, err)
			}
			w.restart()
			w.opens(f)
			w.changeDay()
			w.opens(f)
			if all := w.ks.IngestKeys(); len(all) != 1 || all[0].Day != "2026-11-22" {
				t.Errorf("ingest keys: %v", all)
			}
		})
	}
}

// A commit that fails must not cost the key that the old grants need.
func TestAFailedCommitDestroysNothing(t *testing.T) {
	w := newWorld(t)
	_, f := w.file(w.account("acme", catalog.ContentDelete))
	w.clock.Add(24 * time.Hour)
	fails := func(what string) {
		t.Helper()
		if err := w.ChangeDay(t.Context()); err == nil {
			t.Fatalf("%s: the failure was swallowed", what)
		}
		if n := len(w.ks.IngestKeys()); n != 2 {
			t.Fatalf("%s: %d ingest keys", what, n)
		}
	}
	w.faults.FullNext()
	fails("new grants")
	w.opens(f)
	w.FailAt(func(point string) error {
		if point == "ingest-day.rewrapped" {
			w.faults.FullNext()
		}
		return nil
	})
	fails("audit entry")
	w.opens(f)
	w.faults.FailNext(true) // stored, and nobody knows: the catalog stops, the key stays
	fails("audit entry, stored")
}

// While grants are wrapped anew, files come to rest and others begin.
func TestWhatHappensBetweenTheStepsOfAChangeIsSeen(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentDelete)
	_, indexed := w.file(a)
	late, lateKeys := w.file(a)
	w.update(func(tx *catalog.Tx) error { return tx.DeleteGrant(late.ID) })
	w.clock.Add(24 * time.Hour)
	rounds := 0
	w.FailAt(func(point string) error {
		switch point {
		case "ingest-day.wrapped": // it was indexed just now: its grant must not come back
			if rounds == 0 {
				w.update(func(tx *catalog.Tx) error { return tx.DeleteGrant(indexed.ID) })
			}
		case "ingest-day.rewrapped": // a row of the old key, when nothing seemed to be left
			if rounds++; rounds == 2 {
				w.update(func(tx *catalog.Tx) error { return tx.PutGrant(late.ID, late.Grant) })
			}
		}
		return nil
	})
	w.changeDay()
	if w.row(indexed.ID).Grant.Key != "" {
		t.Error("a grant that was taken away is back")
	}
	w.opens(lateKeys)
}

func TestADamagedGrantDoesNotKeepAKeyAlive(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	row, f := w.file(a)
	row.Grant.Data[3] ^= 1
	w.update(func(tx *catalog.Tx) error { return tx.PutGrant(row.ID, row.Grant) })
	w.clock.Add(24 * time.Hour)
	w.changeDay()
	if len(w.ks.IngestKeys()) != 1 {
		t.Error("the old key is still there")
	}
	if w.row(f.ID).Grant.Key != "" {
		t.Error("the damaged grant is still there")
	}
	w.opens(f) // by certificate and access key
	if got := w.actions("grant.damaged"); got != 1 {
		t.Errorf("%d of 1 on record", got)
	}
}

func TestGrantsOfAnotherNodeAreLeftAlone(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentDelete)
	other := custody.New(keystest.New(t), w.cat, "node-2", w.clock.Now)
	fresh, err := other.NewFile(t.Context(), a, false)
	if err != nil {
		t.Fatal(err)
	}
	row := w.insert(a, fresh)
	w.clock.Add(24 * time.Hour)
	w.changeDay()
	if got := w.row(row.ID).Grant.Key; got != row.Grant.Key {
		t.Error("the grant was taken away from the other node")
	}
	wantKind(t, w.tryOpen(row, fresh), fault.Locked)
}

// Arrivals go on while days change under them.
func TestFilesThatArriveDuringChangesAllOpen(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentDelete)
	w.changeDay()
	const workers, each = 4, 25
	made := make(chan *custody.Fresh, workers*each)
	for range workers {
		go func() {
			for range each {
				f, err := w.NewFile(t.Context(), a, false)
				if err != nil {
					t.Error(err)
				}
				err = w.cat.Update(t.Context(), func(tx *catalog.Tx) error {
					g, err := f.Grant()
					if err != nil {
						return err
					}
					return tx.InsertFile(&catalog.File{
						ID: f.ID, Account: a.ID, Direction: catalog.In, State: catalog.Received, Source: "sftp",
						Times: catalog.Times{BeganAt: w.clock.Now()}, Body: catalog.Body{Kind: catalog.NoBody}, Grant: g,
					})
				})
				if err != nil {
					t.Error(err)
				}
				made <- f
			}
		}()
	}
	var files []*custody.Fresh
	for len(files) < workers*each {
		files = append(files, <-made)
		if len(files)%10 == 0 {
			w.clock.Add(24 * time.Hour)
			w.changeDay()
		}
	}
	w.changeDay()
	for _, f := range files {
		w.opens(f)
	}
	if n := len(w.ks.IngestKeys()); n != 1 {
		t.Errorf("%d ingest keys", n)
	}
}

func TestAStoreWithTwoKeysOfTodaySettlesOnOne(t *testing.T) {
	w := newWorld(t)
	_, f := w.file(w.account("acme", catalog.ContentDelete))
	for range 2 {
		if _, err := w.ks.NewIngestKey("2026-11-21"); err != nil {
			t.Fatal(err)
		}
	}
	w.restart()
	w.changeDay()
	left := w.ks.IngestKeys()
	if len(left) != 1 {
		t.Errorf("left: %v", left)
	}
	w.opens(f)
}
