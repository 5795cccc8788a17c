package catalogtest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/agents"
)

func addAgent(t *testing.T, c *catalog.Catalog, account uuid.UUID, at time.Time) *agents.Agent {
	t.Helper()
	a := &agents.Agent{
		ID: ID(), Account: account, Name: []byte("sealed"), SignKey: MAC(), ReceiveKey: []byte("public"), May: []string{"send", "fetch"},
		InvitedBy: "cli", State: agents.Active, CreatedAt: at, SilentAfter: 24 * time.Hour, LastSeen: at, Report: agents.Report{Version: "connect 0.9", Platform: "linux/amd64"},
	}
	Update(t, c, func(tx *catalog.Tx) error { return tx.InsertAgent(a) })
	return a
}

func testAgents(t *testing.T, c *catalog.Catalog) {
	a, b := Account(t, c, "acme"), Account(t, c, "beta")
	later, first, other := addAgent(t, c, a.ID, noon.Add(time.Second)), addAgent(t, c, a.ID, noon), addAgent(t, c, b.ID, noon)
	of := func(id uuid.UUID) *agents.Agent {
		t.Helper()
		return get(t, c, func(tx *catalog.Tx) (*agents.Agent, error) { return tx.Agent(id) })
	}
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*agents.Agent, error) { return tx.AgentsOf(a.ID) }), []*agents.Agent{first, later})
	wantKind(t, fails(t, c, func(tx *catalog.Tx) error {
		return tx.InsertAgent(&agents.Agent{ID: ID(), Account: a.ID, Name: []byte{1}, SignKey: first.SignKey, ReceiveKey: []byte{1}})
	}), fault.Exists)

	Update(t, c, func(tx *catalog.Tx) error { return tx.TouchAgent(first.ID, noon.Add(time.Minute)) })
	first.LastSeen = noon.Add(time.Minute)
	wantSame(t, of(first.ID), first)
	first.Report = agents.Report{
		At: noon.Add(time.Hour), Version: "1.0", Platform: "windows/amd64", Waiting: 3, Failed: 1, Oldest: noon, Error: "disk-full",
		ClockOff: -3 * time.Second, Folders: 2, TroubledSince: noon.Add(time.Hour),
	}
	first.LastSeen = first.Report.At
	Update(t, c, func(tx *catalog.Tx) error { return tx.ReportAgent(first.ID, first.Report) })
	wantSame(t, of(first.ID), first)
	first.ByOperator = true
	first.Name, first.May, first.State, first.RevokedAt, first.SilentAfter = []byte{1}, []string{"send"}, agents.Revoked, noon, time.Hour
	Update(t, c, func(tx *catalog.Tx) error { return tx.SaveAgent(first) })
	wantSame(t, of(first.ID), first)

	add := func(account uuid.UUID, until time.Time) *agents.Invitation {
		t.Helper()
		i := &agents.Invitation{
			ID: ID(), Code: MAC()[:8], Account: account, Name: []byte("sealed"), Key: []byte("sealed"), May: []string{"send"}, InvitedBy: "cli",
			ByOperator: true, SilentAfter: time.Hour, CreatedAt: noon, Until: until,
		}
		Update(t, c, func(tx *catalog.Tx) error { return tx.InsertInvitation(i) })
		return i
	}
	over, good, theirs := add(a.ID, noon), add(a.ID, noon.Add(time.Hour)), add(b.ID, noon.Add(time.Hour))
	good.Until, good.Wrong, good.UsedBy = noon.Add(2*time.Hour), 3, first.ID
	Update(t, c, func(tx *catalog.Tx) error { return tx.SaveInvitation(good) })
	byCode := func(code []byte) (*agents.Invitation, error) {
		var i *agents.Invitation
		return i, c.View(t.Context(), func(tx *catalog.Tx) (err error) { i, err = tx.InvitationByCode(code); return err })
	}
	if _, err := byCode(over.Code); err != nil {
		t.Error(err)
	}
	Update(t, c, func(tx *catalog.Tx) error { return tx.SweepInvitations(noon.Add(time.Minute)) })
	_, err := byCode(over.Code)
	wantKind(t, err, fault.NotFound)
	wantSame(t, get(t, c, func(tx *catalog.Tx) ([]*agents.Invitation, error) { return tx.Invitations(a.ID) }), []*agents.Invitation{good})
	gone := add(a.ID, noon.Add(time.Hour))
	Update(t, c, func(tx *catalog.Tx) error { return tx.DeleteInvitation(gone.ID) })

	// An account that is closed has no agents and invites nobody.
	Update(t, c, func(tx *catalog.Tx) error { return tx.RevokeAgents(a.ID, noon.Add(time.Hour)) })
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

func testAgentDeliveries(t *testing.T, c *catalog.Catalog) {
	acme := Account(t, c, "acme").ID
	one, two := addAgent(t, c, acme, noon), addAgent(t, c, acme, noon)
	first, second := ID(), ID()
	open := &agents.Delivery{Agent: one.ID, ID: MAC(), File: first}
	named := &agents.Delivery{Agent: one.ID, ID: MAC(), File: first, TakenAt: noon}
	put := func(d *agents.Delivery) {
		t.Helper()
		Update(t, c, func(tx *catalog.Tx) error { return tx.PutAgentDelivery(d) })
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
	Update(t, c, func(tx *catalog.Tx) error { return tx.ForgetAgentDelivery(one.ID, first) }) // what was taken stays
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
		return tx.PutAgentDelivery(&agents.Delivery{Agent: ID(), ID: MAC(), File: first})
	}), fault.NotFound)
}
