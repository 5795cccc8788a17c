package agents_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/agents"
	"sealgate/internal/store/catalog/catalogtest"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 123456000, time.UTC)

func wantSame(t *testing.T, got, want any) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("got  %+v\nwant %+v", got, want)
	}
}

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Fatalf("error %v, want one of kind %v", err, kind)
	}
}

// get reads one thing in a View.
func get[T any](t *testing.T, c *catalog.Catalog, read func(*catalog.Tx) (T, error)) (v T) {
	t.Helper()
	catalogtest.View(t, c, func(tx *catalog.Tx) (err error) { v, err = read(tx); return err })
	return v
}

func fails(t *testing.T, c *catalog.Catalog, fn func(*catalog.Tx) error) error {
	t.Helper()
	err := c.Update(t.Context(), fn)
	if err == nil {
		t.Fatal("the update succeeded")
	}
	return err
}

func addAgent(t *testing.T, c *catalog.Catalog, account uuid.UUID, at time.Time) *agents.Agent {
	t.Helper()
	a := &agents.Agent{
		ID: catalogtest.ID(), Account: account, Name: []byte("sealed"), SignKey: catalogtest.MAC(), ReceiveKey: []byte("public"), May: []string{"send", "fetch"},
		InvitedBy: "cli", State: agents.Active, CreatedAt: at, SilentAfter: 24 * time.Hour, LastSeen: at, Report: agents.Report{Version: "connect 0.9", Platform: "linux/amd64"},
	}
	catalogtest.Update(t, c, func(tx *catalog.Tx) error { return tx.InsertAgent(a) })
	return a
}

func TestAgents(t *testing.T) {
	c := catalogtest.Open(t)
	a, b := catalogtest.Account(t, c, "acme"), catalogtest.Account(t, c, "beta")
	later, first, other := addAgent(t, c, a.ID, noon.Add(time.Second)), addAgent(t, c, a.ID, noon), addAgent(t, c, b.ID, noon)
	of := func(id uuid.UUID) *agents.Agent {
		t.Helper()
		return get(t, c, func(tx *catalog.Tx) (*agents.Agent, error) { return tx.Agent(id) })
	}
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*agents.Agent, error) { return tx.AgentsOf(a.ID) }), []*agents.Agent{first, later})
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error {
		return tx.InsertAgent(&agents.Agent{ID: catalogtest.ID(), Account: a.ID, Name: []byte{1}, SignKey: first.SignKey, ReceiveKey: []byte{1}})
	}), fault.Exists)

	catalogtest.Update(t, c, func(tx *catalog.Tx) error { return tx.TouchAgent(first.ID, noon.Add(time.Minute)) })
	first.LastSeen = noon.Add(time.Minute)
	wantSame(t, of(first.ID), first)
	first.Report = agents.Report{
		At: noon.Add(time.Hour), Version: "1.0", Platform: "windows/amd64", Waiting: 3, Failed: 1, Oldest: noon, Error: "disk-full",
		ClockOff: -3 * time.Second, Folders: 2, TroubledSince: noon.Add(time.Hour),
	}
	first.LastSeen = first.Report.At
	catalogtest.Update(t, c, func(tx *catalog.Tx) error { return tx.ReportAgent(first.ID, first.Report) })
	wantSame(t, of(first.ID), first)
	first.ByOperator = true
	first.Name, first.May, first.State, first.RevokedAt, first.SilentAfter = []byte{1}, []string{"send"}, agents.Revoked, noon, time.Hour
	catalogtest.Update(t, c, func(tx *catalog.Tx) error { return tx.SaveAgent(first) })
	wantSame(t, of(first.ID), first)

	add := func(account uuid.UUID, until time.Time) *agents.Invitation {
		t.Helper()
		i := &agents.Invitation{
			ID: catalogtest.ID(), Code: catalogtest.MAC()[:8], Account: account, Name: []byte("sealed"), Key: []byte("sealed"), May: []string{"send"}, InvitedBy: "cli",
			ByOperator: true, SilentAfter: time.Hour, CreatedAt: noon, Until: until,
		}
		catalogtest.Update(t, c, func(tx *catalog.Tx) error { return tx.InsertInvitation(i) })
		return i
	}
	over, good, theirs := add(a.ID, noon), add(a.ID, noon.Add(time.Hour)), add(b.ID, noon.Add(time.Hour))
	good.Until, good.Wrong, good.UsedBy = noon.Add(2*time.Hour), 3, first.ID
	catalogtest.Update(t, c, func(tx *catalog.Tx) error { return tx.SaveInvitation(good) })
	byCode := func(code []byte) (*agents.Invitation, error) {
		var i *agents.Invitation
		return i, c.View(t.Context(), func(tx *catalog.Tx) (err error) { i, err = tx.InvitationByCode(code); return err })
	}
	if _, err := byCode(over.Code); err != nil {
		t.Error(err)
	}
	catalogtest.Update(t, c, func(tx *catalog.Tx) error { return tx.SweepInvitations(noon.Add(time.Minute)) })
	_, err := byCode(over.Code)
	wantKind(t, err, fault.NotFound)
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*agents.Invitation, error) { return tx.Invitations(a.ID) }), []*agents.Invitation{good})
	gone := add(a.ID, noon.Add(time.Hour))
	catalogtest.Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteInvitation(gone.ID) })

	// An account that is closed has no agents and invites nobody.
	catalogtest.Update(t, c, func(tx *catalog.Tx) error { return tx.RevokeAgents(a.ID, noon.Add(time.Hour)) })
	later.State, later.RevokedAt = agents.Revoked, noon.Add(time.Hour)
	wantSame(t, of(later.ID), later)
	wantSame(t, of(first.ID).RevokedAt, noon)
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*agents.Agent, error) { return tx.ActiveAgents() }), []*agents.Agent{other})
	_, err = byCode(good.Code)
	wantKind(t, err, fault.NotFound)
	if _, err := byCode(theirs.Code); err != nil {
		t.Error(err)
	}
}

func TestDeliveries(t *testing.T) {
	c := catalogtest.Open(t)
	acme := catalogtest.Account(t, c, "acme").ID
	one, two := addAgent(t, c, acme, noon), addAgent(t, c, acme, noon)
	first, second := catalogtest.ID(), catalogtest.ID()
	open := &agents.Delivery{Agent: one.ID, ID: catalogtest.MAC(), File: first}
	named := &agents.Delivery{Agent: one.ID, ID: catalogtest.MAC(), File: first, TakenAt: noon}
	put := func(d *agents.Delivery) {
		t.Helper()
		catalogtest.Update(t, c, func(tx *catalog.Tx) error { return tx.PutAgentDelivery(d) })
	}
	of := func(d *agents.Delivery) (found *agents.Delivery, err error) {
		return found, c.View(t.Context(), func(tx *catalog.Tx) (err error) { found, err = tx.AgentDelivery(d.Agent, d.ID); return err })
	}
	theirs := &agents.Delivery{Agent: two.ID, ID: named.ID, File: second, TakenAt: noon} // each agent's own
	for _, d := range []*agents.Delivery{open, named, theirs} {
		put(d)
	}
	for _, d := range []*agents.Delivery{open, named, theirs} {
		found, err := of(d)
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, found, d)
	}
	catalogtest.Update(t, c, func(tx *catalog.Tx) error { return tx.ForgetAgentDelivery(one.ID, first) }) // what was taken stays
	_, err := of(open)
	wantKind(t, err, fault.NotFound)
	named.File = second
	put(named)
	found, err := of(named)
	if err != nil {
		t.Fatal(err)
	}
	wantSame(t, found, named)
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error {
		return tx.PutAgentDelivery(&agents.Delivery{Agent: catalogtest.ID(), ID: catalogtest.MAC(), File: first})
	}), fault.NotFound)
}
