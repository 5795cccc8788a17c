// Package portaltest gives tests of the API and of the pages the parts that both stand
// on, over real stores and by a clock to set. It knows no API: package api tests itself
// with it, too.
package portaltest

import (
	"context"
	"log/slog"
	"net/netip"
	"path/filepath"
	"testing"
	"time"

	"sealgate/internal/account"
	"sealgate/internal/account/oidc"
	"sealgate/internal/dialguard"
	"sealgate/internal/indexer"
	"sealgate/internal/notify"
	"sealgate/internal/portal"
	"sealgate/internal/receipt"
	"sealgate/internal/reseal"
	"sealgate/internal/retention"
	"sealgate/internal/store/accountdb"
	"sealgate/internal/transfer/intake/intaketest"
	"sealgate/internal/transfer/outbox"
)

// Parts are what the services of an API are made of.
type Parts struct {
	World    *intaketest.World
	Pool     *accountdb.Pool
	Accounts *account.Service
	SSO      *oidc.Service
	Indexer  *indexer.Indexer
	Outbox   *outbox.Outbox
	Receipts *receipt.Office
	Resealer *reseal.Resealer
	Notices  *notify.Notices
	Clock    *retention.Clock
	Log      *slog.Logger

	Running time.Duration // since the gateway began
}

// Open returns new parts; nothing but change is asked of a provider of single sign-on.
func Open(t testing.TB, change ...func(*oidc.Options)) *Parts {
	t.Helper()
	w := intaketest.New(t, nil)
	pool, err := accountdb.OpenPool(filepath.Join(t.TempDir(), "accounts"), accountdb.Options{Now: w.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	log, loopback := slog.New(slog.DiscardHandler), []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	people := account.New(w.Catalog, w.Keys, w.Store, account.Options{Now: w.Clock.Now, Log: log})
	if err := people.EnsureSystem(t.Context()); err != nil {
		t.Fatal(err)
	}
	sso := oidc.Options{
		Catalog: w.Catalog, Custody: w.Keys, Keys: w.Store, SignIn: people.Service, People: people.People,
		Guard: dialguard.New(nil), URL: "https://pay.example", Now: w.Clock.Now, Log: log,
	}
	for _, f := range change {
		f(&sso)
	}
	p := &Parts{
		World: w, Pool: pool, Accounts: people, SSO: oidc.New(sso), Log: log,
		Indexer:  indexer.New(w.Catalog, pool, w.Bodies, w.Keys, indexer.Options{Now: w.Clock.Now, Log: log}),
		Outbox:   outbox.New(w.Catalog, w.Bodies, w.Keys, w.Intake, w.Clock.Now),
		Receipts: receipt.New(w.Catalog, w.Keys, w.Store.Identity(), w.Clock.Now),
		Resealer: reseal.New(reseal.Stores{Catalog: w.Catalog, Intake: w.Intake, Bodies: w.Bodies, Custody: w.Keys}, reseal.Options{Worker: "test", Now: w.Clock.Now, Log: log}),
		Notices: notify.New(notify.Options{
			Catalog: w.Catalog, Custody: w.Keys, Keys: w.Store, Accounts: people, Allow: loopback, Now: w.Clock.Now, Log: log,
		}),
	}
	p.Clock = retention.NewClock(w.Catalog, w.Clock.Now, func() time.Duration { return p.Running }, log)
	return p
}

// Machine is what an API asks of the machine that it runs on, and what was asked.
type Machine struct {
	Did       []string
	Meanwhile func() // while a backup is written; may be nil
}

// Backup notes that one was asked for.
func (m *Machine) Backup(_ context.Context, dir string, progress func(done, total int64)) error {
	m.Did = append(m.Did, "backup "+dir)
	progress(1, 2)
	if m.Meanwhile != nil {
		m.Meanwhile()
	}
	return nil
}

// Room is what is free on the disk.
func (*Machine) Room() (free, total int64, err error) { return 1 << 30, 10 << 30, nil }

// Examine finds one thing, and it is well.
func (*Machine) Examine() []portal.Finding {
	return []portal.Finding{{Check: "room", Status: portal.Fine, Found: "enough"}}
}

// RotateMaster notes that it was asked for.
func (m *Machine) RotateMaster(context.Context, []byte) error {
	m.Did = append(m.Did, "rotate")
	return nil
}
