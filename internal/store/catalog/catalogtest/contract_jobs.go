package catalogtest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
)

func addJob(t *testing.T, c *catalog.Catalog, account uuid.UUID, runAt time.Time) *catalog.Job {
	t.Helper()
	j := &catalog.Job{Kind: "index", Account: account, File: ID(), RunAt: runAt}
	Update(t, c, func(tx *catalog.Tx) error { return tx.AddJob(j) })
	return j
}

func lease(t *testing.T, c *catalog.Catalog, worker string, now time.Time, limit int) []*catalog.Job {
	t.Helper()
	var jobs []*catalog.Job
	Update(t, c, func(tx *catalog.Tx) (err error) {
		jobs, err = tx.LeaseJobs("index", worker, now, time.Minute, limit)
		return err
	})
	return jobs
}

func files(jobs []*catalog.Job) []uuid.UUID {
	var ids []uuid.UUID
	for _, j := range jobs {
		ids = append(ids, j.File)
	}
	return ids
}

func testJobFence(t *testing.T, c *catalog.Catalog) {
	ctx := context.Background()
	j := addJob(t, c, ID(), noon)
	if got := lease(t, c, "w1", noon.Add(-time.Second), 1); len(got) != 0 {
		t.Fatal("a job was leased before its time")
	}
	first := lease(t, c, "w1", noon, 5)
	if len(first) != 1 || first[0].ID != j.ID || first[0].Attempt != 1 || !first[0].LeaseUntil.Equal(noon.Add(time.Minute)) {
		t.Fatalf("leased %+v", first)
	}
	if got := lease(t, c, "w2", noon, 5); len(got) != 0 {
		t.Fatal("a job was leased twice")
	}
	Update(t, c, func(tx *catalog.Tx) error {
		n, err := tx.ReapJobs(noon.Add(59 * time.Second))
		if n != 0 {
			t.Error("a living lease was reaped")
		}
		return err
	})
	Update(t, c, func(tx *catalog.Tx) error {
		n, err := tx.ReapJobs(noon.Add(time.Minute))
		if n != 1 {
			t.Error("a dead lease was not reaped")
		}
		return err
	})
	second := lease(t, c, "w1", noon.Add(time.Minute), 5) // even the same worker is another attempt
	if len(second) != 1 || second[0].Attempt != 2 {
		t.Fatalf("leased %+v", second)
	}
	for name, late := range map[string]func(*catalog.Tx) error{
		"finish": func(tx *catalog.Tx) error { return tx.FinishJob(first[0]) },
		"retry":  func(tx *catalog.Tx) error { return tx.RetryJob(first[0], noon, "x") },
		"extend": func(tx *catalog.Tx) error { return tx.ExtendJob(first[0], noon) },
	} {
		err := c.Update(ctx, late)
		if !fault.Is(err, fault.Exists) {
			t.Errorf("%s of a stale worker: %v", name, err)
		}
	}
	Update(t, c, func(tx *catalog.Tx) error { return tx.ExtendJob(second[0], noon.Add(time.Hour)) })
	Update(t, c, func(tx *catalog.Tx) error { return tx.FinishJob(second[0]) })
	if n := get(t, c, func(tx *catalog.Tx) (int64, error) { return tx.CountJobs("index") }); n != 0 {
		t.Errorf("%d jobs left", n)
	}
}

func testJobFairness(t *testing.T, c *catalog.Catalog) {
	big, small, late := ID(), ID(), ID()
	var ofBig, ofSmall []*catalog.Job
	for range 5 {
		ofBig = append(ofBig, addJob(t, c, big, noon))
	}
	for range 2 {
		ofSmall = append(ofSmall, addJob(t, c, small, noon))
	}
	addJob(t, c, late, noon.Add(time.Hour))

	var order []*catalog.Job
	for range 4 { // one by one, as a single worker does
		order = append(order, lease(t, c, "w", noon, 1)...)
	}
	want := files([]*catalog.Job{ofBig[0], ofSmall[0], ofBig[1], ofSmall[1]})
	if got := files(order); !slices.Equal(got, want) {
		t.Errorf("one by one: %v, want %v", got, want)
	}
	if got, want := files(lease(t, c, "w", noon, 10)), files(ofBig[2:]); !slices.Equal(got, want) {
		t.Errorf("the rest: %v, want %v in arrival order", got, want)
	}

	// Many at once take turns too.
	a, b := ID(), ID()
	for range 3 {
		addJob(t, c, a, noon)
	}
	addJob(t, c, b, noon)
	got := lease(t, c, "w", noon, 3)
	if len(got) != 3 || !slices.ContainsFunc(got[:2], func(j *catalog.Job) bool { return j.Account == b }) {
		t.Errorf("one account took all turns: %+v", got)
	}
}

func testJobsComeBack(t *testing.T, c *catalog.Catalog) {
	j := addJob(t, c, ID(), time.Time{})
	select {
	case <-c.JobsReady():
	default:
		t.Error("no wake-up for a new job")
	}
	leased := lease(t, c, "w", noon, 1)
	if len(leased) != 1 {
		t.Fatal("a job without a time is due at once")
	}
	Update(t, c, func(tx *catalog.Tx) error { return tx.RetryJob(leased[0], noon.Add(time.Minute), "disk-full") })
	if got := lease(t, c, "w", noon, 1); len(got) != 0 {
		t.Error("leased before the retry's time")
	}
	back := get(t, c, func(tx *catalog.Tx) ([]*catalog.Job, error) { return tx.JobsOf(j.File) })
	if len(back) != 1 || back[0].LastError != "disk-full" || back[0].Attempt != 1 || back[0].Worker != "" {
		t.Errorf("after a retry: %+v", back[0])
	}
	Update(t, c, func(tx *catalog.Tx) error { return tx.HurryJob(back[0], noon) })
	if got := lease(t, c, "w", noon, 1); len(got) != 1 || got[0].LastError != "" {
		t.Errorf("hurried, and leased %+v", got)
	}
	Update(t, c, func(tx *catalog.Tx) error { return tx.HurryJob(back[0], noon.Add(time.Hour)) })
	if got := get(t, c, func(tx *catalog.Tx) ([]*catalog.Job, error) { return tx.JobsOf(j.File) }); got[0].Worker != "w" {
		t.Errorf("hurried under its lease: %+v", got[0])
	}
	Update(t, c, func(tx *catalog.Tx) error {
		n, err := tx.ReleaseJobs("w")
		if n != 1 {
			t.Errorf("%d jobs released", n)
		}
		return err
	})
	if got := lease(t, c, "w2", noon.Add(time.Minute), 1); len(got) != 1 || got[0].Attempt != 3 {
		t.Errorf("after a release: %+v", got)
	}
}
