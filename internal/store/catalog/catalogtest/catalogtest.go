// Package catalogtest gives tests a real catalog on a temporary directory,
// commits that fail on demand, and the contract suite that every kind of
// catalog has to pass.
package catalogtest

import (
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/trail"
)

// Open returns a new, empty catalog that is closed when the test ends.
func Open(t testing.TB) *catalog.Catalog {
	t.Helper()
	return OpenAt(t, filepath.Join(t.TempDir(), "catalog.db"), catalog.Options{})
}

// OpenAt opens the catalog at path and closes it when the test ends, if the test has not.
func OpenAt(t testing.TB, path string, opt catalog.Options) *catalog.Catalog {
	t.Helper()
	Lay(t, path)
	opt.View = max(opt.View, time.Minute) // the machine may stand still
	c, err := catalog.Open(context.Background(), path, opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close the catalog: %v", err)
		}
	})
	return c
}

// empty is the file of a catalog that was just made. It is made once: migrating costs
// more than most tests do.
var empty = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "catalogtest-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "catalog.db")
	c, err := catalog.Open(context.Background(), path, catalog.Options{})
	if err != nil {
		return nil, err
	}
	if err := c.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

// Lay puts an empty catalog at path when nothing is there.
func Lay(t testing.TB, path string) {
	t.Helper()
	if _, err := os.Stat(path); err == nil {
		return
	}
	b, err := empty()
	if err == nil {
		err = os.WriteFile(path, b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// ErrInjected is the cause of commits that were made to fail.
var ErrInjected = errors.New("injected failure of a commit")

// Faults makes commits of a catalog fail.
type Faults struct {
	mu   sync.Mutex
	skip int // commits that go well before
	next func(commit func() error) error
}

// OpenFaulty is Open with commits that fail on demand.
func OpenFaulty(t testing.TB) (*catalog.Catalog, *Faults) {
	t.Helper()
	f := new(Faults)
	return OpenAt(t, filepath.Join(t.TempDir(), "catalog.db"), catalog.Options{OnCommit: f.OnCommit}), f
}

// OnCommit is the hook for catalog.Options.
func (f *Faults) OnCommit(commit func() error) error {
	f.mu.Lock()
	next := f.next
	if f.skip > 0 {
		f.skip, next = f.skip-1, nil
	} else {
		f.next = nil
	}
	f.mu.Unlock()
	if next == nil {
		return commit()
	}
	return next(commit)
}

func (f *Faults) set(next func(commit func() error) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.next = next
}

// Skip lets n commits go well before the one that is made to fail.
func (f *Faults) Skip(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.skip = n
}

// FailNext makes the next commit fail for good, with its changes stored or
// not: what a failed fsync can leave behind.
func (f *Faults) FailNext(stored bool) {
	f.set(func(commit func() error) error {
		if stored {
			if err := commit(); err != nil {
				return err
			}
		}
		return ErrInjected
	})
}

// FullNext makes the next commit find the disk full.
func (f *Faults) FullNext() {
	f.set(func(func() error) error {
		return fault.New(fault.Full, "catalogtest: commit", "the disk is full")
	})
}

// ID returns a new id.
func ID() uuid.UUID { return uuid.Must(uuid.NewV7()) }

// Account adds an open account with the default policy.
func Account(t testing.TB, c *catalog.Catalog, name string) *catalog.Account {
	t.Helper()
	a := &catalog.Account{
		ID: ID(), Name: name, Content: catalog.ContentKeep, KeepFor: 400 * 24 * time.Hour,
		Keys: catalog.KeysGateway, OperatorAccess: catalog.OperatorOn,
		InShowFor: 7 * 24 * time.Hour, OutboxKeepFor: 30 * 24 * time.Hour,
		State: catalog.AccountOpen, CreatedAt: time.Now().UTC().Truncate(time.Microsecond),
	}
	Update(t, c, func(tx *catalog.Tx) error { return tx.InsertAccount(a) })
	return a
}

// Update is c.Update that has to succeed.
func Update(t testing.TB, c *catalog.Catalog, fn func(*catalog.Tx) error) {
	t.Helper()
	if err := c.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// View is c.View that has to succeed.
func View(t testing.TB, c *catalog.Catalog, fn func(*catalog.Tx) error) {
	t.Helper()
	if err := c.View(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// MAC returns 32 random bytes, as good as any MAC.
func MAC() []byte {
	mac := make([]byte, 32)
	_, _ = rand.Read(mac) // never fails
	return mac
}

// Audited returns the entries of the audit log about an action, the newest first.
func Audited(t testing.TB, c *catalog.Catalog, action string) (entries []*audit.Entry) {
	t.Helper()
	View(t, c, func(tx *catalog.Tx) error {
		all, err := tx.AuditEntries(trail.Filter{})
		entries = slices.DeleteFunc(all, func(e *audit.Entry) bool { return e.Action != action })
		return err
	})
	return entries
}
