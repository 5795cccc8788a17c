package web

import (
	"crypto/ed25519"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"sealgate/internal/account/agents"
	"sealgate/internal/browsertest"
	"sealgate/internal/connect"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/client"
	"sealgate/internal/store/catalog"
)

// An agent is invited, watched, changed and revoked by forms alone.
func TestAnAgentIsInvitedWatchedAndRevoked(t *testing.T) {
	h := newHouse(t)
	h.has(h.see("admin", "/a/acme/agents"), "Inga agenter", `href="/a/acme/agents/new"`)
	if w := h.visit("approver", "GET", "/a/acme/agents", nil); w.Code != http.StatusForbidden {
		t.Errorf("an approver: %d", w.Code)
	}
	form := url.Values{"name": {"erp-server"}, "for": {"24h"}, "alarm_after": {"6h"}, "send": {"yes"}, "open": {"yes"}}
	for field, bad := range map[string]string{"name": "a/b", "for": "soon", "alarm_after": "", "send": "none"} {
		wrong := url.Values{}
		for name, values := range form {
			wrong[name] = values
		}
		wrong.Set(field, bad)
		if bad == "none" {
			wrong.Del("send")
			wrong.Del("open")
		}
		h.hasNot(h.refused("admin", "/a/acme/agents/new", wrong), "sgc1-")
	}
	w := h.visit("admin", "POST", "/a/acme/agents/new", form)
	code := regexp.MustCompile(`sgc1(-[0-9a-z]{6})+`).FindString(w.Body.String())
	if w.Code != http.StatusOK || code == "" {
		t.Fatalf("%d: %s", w.Code, w.Body)
	}
	h.has(w.Body.String(), "connect enroll --gateway https://pay.example --code "+code)
	h.hasNot(h.see("admin", "/a/acme/agents"), "sgc1-")
	h.has(h.see("admin", "/a/acme/agents"), "erp-server", "Inbjuden")

	service := agents.New(h.world.Catalog, h.world.Keys, agents.Options{Identity: h.world.Store.Identity().Public().(ed25519.PublicKey), Now: h.world.Clock.Now})
	parsed, err := connect.ParseCode(code)
	if err != nil {
		t.Fatal(err)
	}
	keys, err := connect.NewAgentKeys()
	if err != nil {
		t.Fatal(err)
	}
	e, err := service.Enrol(t.Context(), connect.NewEnrolment(parsed, keys, "windows/amd64", "connect 1.0"))
	if err != nil {
		t.Fatal(err)
	}
	own := "/a/acme/agents/of/" + e.ID.String()
	h.has(h.see("admin", "/a/acme/agents"), own, "Fungerar", "connect 1.0")
	h.has(h.see(operator, own), "windows/amd64", "Skicka filer", "Öppna sparade filer", "6 timmar")
	h.has(h.refused("admin", "/a/acme/agents/new", form), "Det finns redan en agent med det namnet")

	oldest := h.world.Clock.Now().Add(-time.Hour)
	beat := connect.Heartbeat{
		Program: "connect 1.0", Platform: "windows/amd64", Waiting: 3, Failed: 2, Oldest: &oldest, LastError: "<disk-full>", Clock: 3_600_000, Troubled: []string{"x"},
	}
	if err := service.Heard(t.Context(), e.Agent, beat); err != nil {
		t.Fatal(err)
	}
	h.has(h.see("admin", own), "Något är fel hos agenten", "2 filer kan inte skickas", "1 mapp går inte att läsa", "60 minuter fel", "&lt;disk-full&gt;")
	h.has(h.see("admin", "/a/acme/agents"), "Har problem")

	if to := h.does("admin", own+"/edit", url.Values{"send": {"yes"}, "alarm_after": {"1h"}}); to != own+"?done=agent-changed" {
		t.Errorf("leads to %s", to)
	}
	h.hasNot(h.see("admin", own), "Öppna sparade filer")
	h.has(h.see("admin", own+"/remove"), "väntar 3 filer")
	if to := h.does("admin", own+"/remove", nil); to != "/a/acme/agents?done=agent-removed" {
		t.Errorf("leads to %s", to)
	}
	h.hasNot(h.see("admin", "/a/acme/agents"), "erp-server")
	h.has(h.see("admin", own), "Spärrad")
	h.has(h.see("admin", "/a/acme/audit"), "Agent inbjuden", "Agent ansluten", "Agent spärrad", "erp-server")
}

// Who runs the gateway does not read through an agent what he may not read himself.
func TestAnOperatorInvitesNoReader(t *testing.T) {
	h := newHouse(t)
	off := catalog.OperatorOff
	local := client.Inside(h.api.Handler(access.ControlSocket))
	if err := local.Patch(t.Context(), "/accounts/acme", portal.AccountChange{OperatorAccess: &off}, nil); err != nil {
		t.Fatal(err)
	}
	form := url.Values{"name": {"his"}, "for": {"24h"}, "alarm_after": {"24h"}, "send": {"yes"}, "fetch": {"yes"}}
	h.has(h.refused(operator, "/a/acme/agents/new", form), "Kontot låter inte operatörer se innehållet")
	var made portal.AgentInvited
	if err := local.Post(t.Context(), "/accounts/acme/agents", portal.NewAgent{Name: "his"}, &made); err != nil || strings.Join(made.May, " ") != "send" {
		t.Errorf("%+v, %v", made, err)
	}
}

// Who waits for an agent sees that its code has expired, and by a form invites anew or
// removes it.
func TestAnExpiredInvitationIsSeen(t *testing.T) {
	h := newHouse(t)
	var made portal.AgentInvited
	if err := h.local().Post(t.Context(), "/accounts/acme/agents", portal.NewAgent{Name: "glomd", For: portal.Duration(time.Hour)}, &made); err != nil {
		t.Fatal(err)
	}
	h.world.Clock.Add(2 * time.Hour)
	h.proved = h.world.Clock.Now()
	var list []portal.Agent
	if err := h.local().Get(t.Context(), "/accounts/acme/agents", nil, &list); err != nil || len(list) != 1 || list[0].State != "expired" || list[0].Until == nil || !list[0].Until.Equal(*made.Until) {
		t.Fatalf("%+v, %v", list, err)
	}
	own := "/a/acme/agents/of/" + made.ID
	h.has(h.see("admin", "/a/acme/agents"), "glomd", "Koden har gått ut")
	h.has(h.see("admin", own), "Koden gick ut utan att användas", "Koden gällde till", "/agents/new?name=glomd", own+"/remove")
	if to := h.does("admin", own+"/remove", nil); to != "/a/acme/agents?done=invitation-removed" {
		t.Errorf("leads to %s", to)
	}
	h.hasNot(h.see("admin", "/a/acme/agents"), "glomd")
}

// Every state that an agent can be in, and the code that is shown once, are pages that
// people read on whatever they have.
func TestAgentsInChromium(t *testing.T) {
	h := newHouse(t)
	s := h.served("admin")
	b := browsertest.Start(t, browsertest.Options{Trust: s.Certificate()})
	for name, open := range looks {
		p := open(b, s.URL)
		p.Goto("/a/acme/agents")
		look(t, p, name+"-agents-none")
		p.Close()
	}
	local := h.local()
	invite := func(name string) (made portal.AgentInvited) {
		t.Helper()
		if err := local.Post(t.Context(), "/accounts/acme/agents", portal.NewAgent{Name: name, AlarmAfter: portal.Duration(6 * time.Hour)}, &made); err != nil {
			t.Fatal(err)
		}
		return made
	}
	service := agents.New(h.world.Catalog, h.world.Keys, agents.Options{Identity: h.world.Store.Identity().Public().(ed25519.PublicKey), Now: h.world.Clock.Now})
	enrol := func(name, program, platform string) (own string, hear func(connect.Heartbeat)) {
		t.Helper()
		code, err := connect.ParseCode(invite(name).Code)
		if err != nil {
			t.Fatal(err)
		}
		keys, err := connect.NewAgentKeys()
		if err != nil {
			t.Fatal(err)
		}
		e, err := service.Enrol(t.Context(), connect.NewEnrolment(code, keys, platform, program))
		if err != nil {
			t.Fatal(err)
		}
		return "/a/acme/agents/of/" + e.ID.String(), func(b connect.Heartbeat) {
			t.Helper()
			b.Program, b.Platform = program, platform
			if err := service.Heard(t.Context(), e.Agent, b); err != nil {
				t.Fatal(err)
			}
		}
	}
	expired := "/a/acme/agents/of/" + invite("glomd-dator").ID
	silent, _ := enrol("filserver-sundsvall", "connect 1.0.2", "linux/amd64")
	h.world.Clock.Add(25 * time.Hour)
	h.proved = h.world.Clock.Now()
	invited := "/a/acme/agents/of/" + invite("lonedatorn-i-goteborg").ID
	well, hear := enrol("erp-server", "connect 1.1.0", "windows/amd64")
	hear(connect.Heartbeat{Waiting: 12})
	troubled, hear := enrol("lonesystem", "connect 1.1.0", "windows/amd64")
	oldest := h.world.Clock.Now().Add(-time.Hour)
	hear(connect.Heartbeat{Waiting: 3, Failed: 2, Oldest: &oldest, LastError: "disk-full", Clock: 3_600_000, Troubled: []string{"x"}})
	h.has(h.see("admin", invited), "Koden är inte använd än", "/agents/new?name=lonedatorn-i-goteborg")
	h.has(h.see("admin", expired), "Koden har gått ut", "Koden gällde till", "/agents/new?name=glomd-dator")
	h.hasNot(h.see("admin", expired), "Koden är inte använd än", "Senast sedd")
	h.has(h.see("admin", "/a/acme/agents"), "glomd-dator", "Koden har gått ut")
	h.has(h.see("admin", "/a/acme/agents/new?name=lonedatorn-i-goteborg"), `value="lonedatorn-i-goteborg"`, `name="send" value="yes" checked`)

	for name, open := range looks {
		p := open(b, s.URL)
		for page, path := range map[string]string{
			"agents": "/a/acme/agents", "agent-invited": invited, "agent-expired": expired, "agent-silent": silent, "agent-well": well,
			"agent-troubled": troubled, "agent-edit": troubled + "/edit", "agent-remove": troubled + "/remove", "agent-again": "/a/acme/agents/new?name=lonedatorn-i-goteborg",
		} {
			p.Goto(path)
			look(t, p, name+"-"+page)
		}
		p.Goto("/a/acme/agents/new?name=" + name)
		p.Click(`form[action$="/agents/new"] .actions button`)
		p.Wait("document.querySelector('.secret')")
		look(t, p, name+"-agent-code")
		p.Click(".steps .secret button")
		p.Wait(`["Kopierat", "Copied"].includes(document.querySelector(".steps .secret button").innerText)`)
		p.Close()
	}
}
