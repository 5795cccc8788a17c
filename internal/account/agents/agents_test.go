package agents_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/hpke"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/account/agents"
	"sealgate/internal/connect"
	"sealgate/internal/custody"
	"sealgate/internal/custody/custodytest"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
)

type office struct {
	*agents.Service
	t        *testing.T
	dir      string
	accounts *account.Service
	cat      *catalog.Catalog
	keys     *keys.Store
	custody  *custody.Custodian
	clock    *custodytest.Clock
	ended    []uuid.UUID
}

func openOffice(t *testing.T) *office {
	t.Helper()
	o := &office{t: t, dir: t.TempDir(), clock: custodytest.NewClock(time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)), keys: keystest.New(t)}
	o.cat = catalogtest.OpenAt(t, filepath.Join(o.dir, "catalog.db"), catalog.Options{Now: o.clock.Now})
	cus := custody.New(o.keys, o.cat, "node-1", o.clock.Now)
	o.custody = cus
	o.accounts = account.New(o.cat, cus, o.keys, account.Options{Now: o.clock.Now})
	if err := o.accounts.EnsureSystem(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"acme", "beta"} {
		if _, err := o.accounts.AddAccount(t.Context(), "test", name, account.Defaults(), account.KeyOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	o.Service = agents.New(o.cat, cus, agents.Options{
		Identity: o.keys.Identity().Public().(ed25519.PublicKey), Now: o.clock.Now,
		Ended: func(_ context.Context, agent uuid.UUID) error { o.ended = append(o.ended, agent); return nil },
	})
	return o
}

func (o *office) invite(n agents.Invite) connect.Code {
	o.t.Helper()
	_, text, err := o.Invite(o.t.Context(), "cli", "acme", n)
	if err != nil {
		o.t.Fatal(err)
	}
	code, err := connect.ParseCode(text)
	if err != nil {
		o.t.Fatal(err)
	}
	return code
}

func (o *office) enrol(code connect.Code, k *connect.AgentKeys) (*agents.Enrolled, error) {
	o.t.Helper()
	return o.Enrol(o.t.Context(), connect.NewEnrolment(code, k, "linux/amd64", "connect 1.0"))
}

func (o *office) enrolled(name string) *agents.Enrolled {
	o.t.Helper()
	e, err := o.enrol(o.invite(agents.Invite{Name: name}), newKeys(o.t))
	if err != nil {
		o.t.Fatal(err)
	}
	return e
}

// confirm proves that somebody has an account's access key.
func (o *office) confirm(name string, private hpke.PrivateKey) {
	o.t.Helper()
	ctx := o.t.Context()
	var acc *catalog.Account
	var rows []*catalog.AccessKey
	err := o.cat.View(ctx, func(tx *catalog.Tx) (err error) {
		if acc, err = tx.AccountByName(name); err == nil {
			rows, err = tx.AccessKeys(acc.ID)
		}
		return err
	})
	if err != nil || len(rows) != 1 {
		o.t.Fatalf("%d keys, %v", len(rows), err)
	}
	challenge, _, err := o.custody.Challenge(ctx, "test", acc.ID, rows[0].ID)
	if err != nil {
		o.t.Fatal(err)
	}
	answer, err := keyfile.AnswerChallenge(challenge, private)
	if err != nil {
		o.t.Fatal(err)
	}
	if err := o.custody.Confirm(ctx, "test", acc.ID, rows[0].ID, answer); err != nil {
		o.t.Fatal(err)
	}
}

func newKeys(t *testing.T) *connect.AgentKeys {
	t.Helper()
	k, err := connect.NewAgentKeys()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func want(t *testing.T, err, sentinel error) {
	t.Helper()
	if !errors.Is(err, sentinel) {
		t.Errorf("error %v, want %v", err, sentinel)
	}
}

func TestACodeLetsOneAgentIn(t *testing.T) {
	o := openOffice(t)
	code, k := o.invite(agents.Invite{Name: "erp-1"}), newKeys(t)
	list, err := o.List(t.Context(), "acme", false)
	if err != nil || len(list) != 1 || list[0].State != agents.Invited || list[0].Name != "erp-1" {
		t.Fatalf("%+v, %v", list, err)
	}
	e, err := o.enrol(code, k)
	if err != nil {
		t.Fatal(err)
	}
	if e.Name != "erp-1" || e.AccountName != "acme" || e.Key != code.Key() || !slices.Equal(e.May, []connect.Right{"send", "fetch"}) {
		t.Errorf("%+v", e)
	}
	// The answer was lost: the same agent. Somebody else with the same code: no.
	again, err := o.enrol(code, k)
	if err != nil || again.ID != e.ID {
		t.Errorf("%+v, %v", again, err)
	}
	_, err = o.enrol(code, newKeys(t))
	want(t, err, agents.ErrCodeUsed)
	half := newKeys(t)
	half.Sign = k.Sign
	_, err = o.enrol(code, half)
	want(t, err, agents.ErrCodeUsed)

	found, err := o.Find(t.Context(), e.ID)
	if err != nil || found.Name != "erp-1" || !bytes.Equal(found.SignKey, k.Sign.Public().(ed25519.PublicKey)) ||
		!bytes.Equal(found.ReceiveKey, k.Receive.PublicKey().Bytes()) {
		t.Errorf("%+v, %v", found, err)
	}
	_, err = o.Find(t.Context(), uuid.New())
	want(t, err, agents.ErrUnknown)
	who, err := o.accounts.Actor(t.Context(), agents.Actor(e.ID))
	if err != nil || who.Kind != account.ActorAgent || who.Name != "erp-1" {
		t.Errorf("%+v, %v", who, err)
	}
	for action, n := range map[string]int{"agent.invited": 1, "agent.enrolled": 1} {
		if got := catalogtest.Audited(t, o.cat, action); len(got) != n {
			t.Errorf("%d entries of %s, want %d", len(got), action, n)
		}
	}
}

func TestWhatACodeIsNotGoodFor(t *testing.T) {
	o := openOffice(t)
	code := o.invite(agents.Invite{Name: "erp", For: time.Hour})
	_, err := o.enrol(connect.NewCode(o.keys.Identity().Public().(ed25519.PublicKey)), newKeys(t))
	want(t, err, agents.ErrInvalidCode) // of no invitation
	other := keystest.New(t).Identity().Public().(ed25519.PublicKey)
	foreign := code
	foreign.Gateway = connect.IdentityOf(other)
	_, err = o.enrol(foreign, newKeys(t))
	want(t, err, agents.ErrInvalidCode) // made for another gateway
	changed := connect.NewEnrolment(code, newKeys(t), "linux/amd64", "connect 1.0")
	changed.Platform = "windows/amd64"
	_, err = o.Enrol(t.Context(), changed)
	want(t, err, agents.ErrInvalidCode)

	o.clock.Add(time.Hour)
	_, err = o.enrol(code, newKeys(t))
	want(t, err, agents.ErrCodeExpired)
	// Who waits for the agent sees why it does not come, for a month.
	over, err := o.Get(t.Context(), "acme", "erp")
	if err != nil || over.State != agents.Expired || !over.Until.Equal(o.clock.Now()) {
		t.Fatalf("%+v, %v", over, err)
	}
	o.clock.Add(30*24*time.Hour - time.Minute)
	if list, err := o.List(t.Context(), "acme", false); err != nil || len(list) != 1 || list[0].State != agents.Expired {
		t.Errorf("%+v, %v", list, err)
	}
	o.clock.Add(time.Minute)
	if list, err := o.List(t.Context(), "acme", true); err != nil || len(list) != 0 {
		t.Errorf("%+v, %v", list, err)
	}
	replaced := o.invite(agents.Invite{Name: "erp"})
	o.invite(agents.Invite{Name: "erp"})
	_, err = o.enrol(replaced, newKeys(t))
	want(t, err, agents.ErrInvalidCode)
}

// An invitation that has expired is in nobody's way, and is removed as others are.
func TestAnExpiredInvitationIsReplacedOrRemoved(t *testing.T) {
	o := openOffice(t)
	old := o.invite(agents.Invite{Name: "erp", For: time.Hour})
	o.clock.Add(2 * time.Hour)
	o.enrolled("erp")
	_, err := o.enrol(old, newKeys(t))
	want(t, err, agents.ErrInvalidCode)
	if list, err := o.List(t.Context(), "acme", true); err != nil || len(list) != 1 || list[0].State != agents.Active {
		t.Errorf("%+v, %v", list, err)
	}
	if got := catalogtest.Audited(t, o.cat, "agent.invitation-ended"); len(got) != 0 {
		t.Errorf("its end, long ago, is on record as of now: %+v", got)
	}

	o.invite(agents.Invite{Name: "box", For: time.Hour})
	o.clock.Add(2 * time.Hour)
	if err := o.Revoke(t.Context(), "cli", "acme", "box"); err != nil {
		t.Fatal(err)
	}
	_, err = o.Get(t.Context(), "acme", "box")
	if !fault.Is(err, fault.NotFound) {
		t.Errorf("it is there still: %v", err)
	}
	if len(o.ended) != 0 {
		t.Error("an agent ended that never was")
	}
}

// Who invites again and again fills no list that all who invite wait for.
func TestExpiredInvitationsAreBounded(t *testing.T) {
	o := openOffice(t)
	for n := range 105 {
		o.invite(agents.Invite{Name: fmt.Sprintf("box-%03d", n), For: time.Minute})
		o.clock.Add(2 * time.Minute)
	}
	o.invite(agents.Invite{Name: "erp"})
	list, err := o.List(t.Context(), "acme", true)
	if err != nil || len(list) != 101 {
		t.Fatalf("%d are listed, %v", len(list), err)
	}
	if slices.ContainsFunc(list, func(a *agents.Agent) bool { return a.Name == "box-004" }) || !slices.ContainsFunc(list, func(a *agents.Agent) bool { return a.Name == "box-005" }) {
		t.Error("others went than the oldest")
	}
}

func TestACodeIsOverAfterTenWrongGuesses(t *testing.T) {
	o := openOffice(t)
	code := o.invite(agents.Invite{Name: "erp"})
	guess := func() {
		t.Helper()
		e := connect.NewEnrolment(code, newKeys(t), "linux/amd64", "connect 1.0")
		e.MAC[0] ^= 1
		_, err := o.Enrol(t.Context(), e)
		want(t, err, agents.ErrInvalidCode)
	}
	for range 9 {
		guess()
	}
	spare := o.invite(agents.Invite{Name: "other"})
	guess()
	_, err := o.enrol(code, newKeys(t))
	want(t, err, agents.ErrInvalidCode)
	if _, err := o.enrol(spare, newKeys(t)); err != nil {
		t.Error(err)
	}
	if got := catalogtest.Audited(t, o.cat, "agent.invitation-ended"); len(got) != 1 || got[0].Detail["cause"] != "guessed" {
		t.Errorf("%+v", got)
	}
}

// A code is not used up for an account that nothing can be sealed for yet.
func TestACodeWaitsForTheAccountsKey(t *testing.T) {
	o := openOffice(t)
	private, err := hpke.MLKEM768X25519().GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	p := account.Defaults()
	p.Keys = catalog.KeysCustomer
	if _, err := o.accounts.AddAccount(t.Context(), "test", "held", p, account.KeyOptions{AccessKey: private.PublicKey()}); err != nil {
		t.Fatal(err)
	}
	_, text, err := o.Invite(t.Context(), "cli", "held", agents.Invite{Name: "office", May: connect.Rights})
	if err != nil {
		t.Fatal(err)
	}
	code, err := connect.ParseCode(text)
	if err != nil {
		t.Fatal(err)
	}
	keys := newKeys(t)
	if _, err := o.enrol(code, keys); !fault.Is(err, fault.Locked) {
		t.Fatalf("before the key is confirmed: %v", err)
	}
	if list, err := o.List(t.Context(), "held", false); err != nil || len(list) != 1 || list[0].State != agents.Invited {
		t.Errorf("%+v, %v", list, err)
	}
	o.confirm("held", private)
	if _, err := o.enrol(code, keys); err != nil {
		t.Errorf("after it: %v", err)
	}
}

// Of many who try the same code at once, one gets in.
func TestManyTryOneCodeAtOnce(t *testing.T) {
	o := openOffice(t)
	code := o.invite(agents.Invite{Name: "erp"})
	results := make(chan error, 8)
	for range cap(results) {
		k := newKeys(t)
		go func() {
			_, err := o.Enrol(t.Context(), connect.NewEnrolment(code, k, "linux/amd64", "connect 1.0"))
			results <- err
		}()
	}
	in := 0
	for range cap(results) {
		if err := <-results; err == nil {
			in++
		} else {
			want(t, err, agents.ErrCodeUsed)
		}
	}
	if list, _ := o.List(t.Context(), "acme", true); in != 1 || len(list) != 1 {
		t.Errorf("%d got in, and there are %d agents", in, len(list))
	}
}

func TestRevoking(t *testing.T) {
	o := openOffice(t)
	e := o.enrolled("erp")
	code := o.invite(agents.Invite{Name: "next"})
	if _, _, err := o.Invite(t.Context(), "cli", "acme", agents.Invite{Name: "erp"}); !fault.Is(err, fault.Exists) {
		t.Errorf("error %v", err)
	}
	if err := o.Revoke(t.Context(), "cli", "beta", e.ID.String()); !fault.Is(err, fault.NotFound) {
		t.Errorf("another account's: %v", err)
	}
	for _, name := range []string{"erp", "next"} {
		if err := o.Revoke(t.Context(), "cli", "acme", name); err != nil {
			t.Fatal(err)
		}
		if err := o.Revoke(t.Context(), "cli", "acme", name); !fault.Is(err, fault.NotFound) {
			t.Errorf("again: %v", err)
		}
	}
	_, err := o.Find(t.Context(), e.ID)
	want(t, err, agents.ErrRevoked)
	_, err = o.enrol(code, newKeys(t))
	want(t, err, agents.ErrInvalidCode)
	if !slices.Equal(o.ended, []uuid.UUID{e.ID}) {
		t.Errorf("ended %v", o.ended)
	}
	list, _ := o.List(t.Context(), "acme", false)
	all, _ := o.List(t.Context(), "acme", true)
	if len(list) != 0 || len(all) != 1 || all[0].State != agents.Revoked {
		t.Errorf("%+v, %+v", list, all)
	}
	o.enrolled("erp") // the name is free again
	a, err := o.Get(t.Context(), "acme", "erp")
	if err != nil || a.State != agents.Active {
		t.Errorf("%+v, %v", a, err)
	}
}

func TestAClosedAccountHasNoAgents(t *testing.T) {
	o := openOffice(t)
	e, code := o.enrolled("erp"), o.invite(agents.Invite{Name: "next"})
	if err := o.accounts.RemoveAccount(t.Context(), "cli", "acme"); err != nil {
		t.Fatal(err)
	}
	_, err := o.Find(t.Context(), e.ID)
	want(t, err, agents.ErrClosed)
	_, err = o.enrol(code, newKeys(t))
	want(t, err, agents.ErrInvalidCode)
	if _, _, err := o.Invite(t.Context(), "cli", "acme", agents.Invite{Name: "x"}); !errors.Is(err, agents.ErrClosed) {
		t.Errorf("error %v", err)
	}
}

// An operator may not read what an account keeps from operators by inviting an agent
// of his own.
func TestAnOperatorsAgentReadsNoMoreThanHe(t *testing.T) {
	o := openOffice(t)
	e, err := o.enrol(o.invite(agents.Invite{Name: "his", May: connect.Rights, ByOperator: true}), newKeys(t))
	if err != nil {
		t.Fatal(err)
	}
	may := func() string {
		t.Helper()
		a, err := o.Find(t.Context(), e.ID)
		if err != nil {
			t.Fatal(err)
		}
		var all []string
		for _, r := range a.May {
			all = append(all, string(r))
		}
		return strings.Join(all, " ")
	}
	if may() != "send fetch open" {
		t.Errorf("may %s", may())
	}
	off := catalog.OperatorOff
	if _, err := o.accounts.SetAccount(t.Context(), "test", "acme", account.Change{OperatorAccess: &off}); err != nil {
		t.Fatal(err)
	}
	if may() != "send" {
		t.Errorf("may %s", may())
	}
	// Until somebody of the account has said so himself.
	rights := []connect.Right{connect.RightFetch, connect.RightSend}
	if _, err := o.Set(t.Context(), "test", "acme", "his", agents.Change{May: &rights}); err != nil {
		t.Fatal(err)
	}
	if may() != "send fetch" {
		t.Errorf("may %s", may())
	}
}

func TestWhatAnAgentSaysOfItself(t *testing.T) {
	o := openOffice(t)
	e := o.enrolled("erp")
	hear := func(h connect.Heartbeat) *agents.Agent {
		t.Helper()
		if err := o.Heard(t.Context(), e.Agent, h); err != nil {
			t.Fatal(err)
		}
		a, err := o.Find(t.Context(), e.ID)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	o.clock.Add(time.Minute)
	oldest := o.clock.Now().Add(-time.Hour)
	a := hear(connect.Heartbeat{Program: "connect 1.1\x1b[2J", Platform: "linux/arm64", Waiting: 4, Oldest: &oldest})
	if a.LastSeen != o.clock.Now() || a.Report.Version != "connect 1.1[2J" || a.Report.Waiting != 4 || !a.Report.Oldest.Equal(oldest) || !a.Report.TroubledSince.IsZero() {
		t.Errorf("%+v", a.Report)
	}
	// Trouble lasts from when it was first told until it is over.
	since := o.clock.Now()
	for _, h := range []connect.Heartbeat{{LastError: "disk-full"}, {Failed: 2}, {Troubled: []string{`\\erp\out`}}, {Clock: -86_400_000}} {
		if a = hear(h); !a.Report.TroubledSince.Equal(since) {
			t.Errorf("%+v since %s", h, a.Report.TroubledSince)
		}
		o.clock.Add(time.Minute)
	}
	if a.Report.ClockOff != -24*time.Hour {
		t.Errorf("clock off by %s", a.Report.ClockOff)
	}
	if a = hear(connect.Heartbeat{Failed: -3, Waiting: 1 << 62}); !a.Report.TroubledSince.IsZero() || a.Report.Failed != 0 || a.Report.Waiting != 1<<40 {
		t.Errorf("%+v", a.Report)
	}
	// Seen without a heartbeat: noted, but not each time.
	before := a.LastSeen
	o.clock.Add(time.Minute)
	for range 2 {
		if err := o.Seen(t.Context(), a); err != nil {
			t.Fatal(err)
		}
		if a, _ = o.Find(t.Context(), e.ID); a.LastSeen.Equal(before) != (o.clock.Now().Sub(before) < 5*time.Minute) {
			t.Errorf("seen %s, now %s", a.LastSeen, o.clock.Now())
		}
		o.clock.Add(10 * time.Minute)
	}
}

func TestAFileThatARestoredGatewayHasNot(t *testing.T) {
	o := openOffice(t)
	a, b := o.enrolled("erp"), o.enrolled("other")
	with := func(agent *agents.Enrolled, state catalog.State, reason, key string) uuid.UUID {
		t.Helper()
		f := &catalog.File{
			Grant: catalog.Grant{Key: key},
			ID:    catalogtest.ID(), Account: agent.Account, Direction: catalog.In, State: state, Source: "connect", Login: agent.ID, Name: []byte{1},
			Reason: reason, Times: catalog.Times{BeganAt: o.clock.Now(), ReceivedAt: o.clock.Now()}, Body: catalog.Body{Kind: catalog.NoBody},
		}
		catalogtest.Update(t, o.cat, func(tx *catalog.Tx) error { return tx.InsertFile(f) })
		return f.ID
	}
	add := func(agent *agents.Enrolled, state catalog.State, reason string) uuid.UUID {
		return with(agent, state, reason, "")
	}
	key, err := o.keys.NewIngestKey("2026-11-21")
	if err != nil {
		t.Fatal(err)
	}
	here := []uuid.UUID{
		add(a, catalog.Kept, ""), add(a, catalog.Erased, "erased"), add(a, catalog.Deleted, ""),
		with(a, catalog.Received, "", key.Fingerprint.String()), with(a, catalog.Held, "", key.Fingerprint.String()),
	}
	// Those that nobody has marked yet opened with a key that the restored gateway has not.
	other := strings.Repeat("07", 32)
	gone := []uuid.UUID{
		uuid.New(), add(a, catalog.Erased, catalog.ReasonLost), add(b, catalog.Kept, ""), add(a, catalog.Arriving, ""),
		with(a, catalog.Received, "", other), with(a, catalog.Held, "", other), with(a, catalog.Refused, "", other), add(a, catalog.Received, ""),
	}
	lost, err := o.Lost(t.Context(), a.Agent, append(slices.Clone(here), gone...))
	if err != nil || !slices.Equal(lost, gone) {
		t.Errorf("lost %v, want %v, %v", lost, gone, err)
	}
}

func TestBadInvitations(t *testing.T) {
	o := openOffice(t)
	for _, n := range []agents.Invite{
		{},
		{Name: strings.Repeat("x", 101)},
		{Name: "a/b"},
		{Name: "a\nb"},
		{Name: " a"},
		{Name: uuid.NewString()},
		{Name: "a", For: time.Second},
		{Name: "a", For: 15 * 24 * time.Hour},
		{Name: "a", SilentAfter: time.Second},
		{Name: "a", May: []connect.Right{}},
		{Name: "a", May: []connect.Right{"delete"}},
	} {
		if _, _, err := o.Invite(t.Context(), "cli", "acme", n); !fault.Is(err, fault.Invalid) {
			t.Errorf("%+v: %v", n, err)
		}
	}
	for _, name := range []string{"nobody", catalog.SystemAccount} {
		if _, _, err := o.Invite(t.Context(), "cli", name, agents.Invite{Name: "a"}); !fault.Is(err, fault.NotFound) {
			t.Errorf("account %s: %v", name, err)
		}
	}
}

// A thief of the catalog learns neither names nor what would make a code good.
func TestNothingIsReadableInTheCatalog(t *testing.T) {
	o := openOffice(t)
	code := o.invite(agents.Invite{Name: "MARKER-NAME"})
	o.enrolled("MARKER-OTHER")
	key := code.Key()
	if err := o.cat.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, marker := range [][]byte{[]byte("MARKER"), key[:]} {
		if holds(t, o.dir, marker) {
			t.Errorf("%q lies in the catalog", marker)
		}
	}
}

func holds(t *testing.T, dir string, marker []byte) (found bool) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%v in %s: %v", files, dir, err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		found = found || bytes.Contains(b, marker)
	}
	return found
}
