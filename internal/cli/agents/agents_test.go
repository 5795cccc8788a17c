package agents

import (
	"strings"
	"testing"
	"time"

	"sealgate/internal/portal"
)

// A gateway that does not know its own address says what to set; one that does, names it.
func TestAnInvitationNamesTheGateway(t *testing.T) {
	for gateway, want := range map[string][2]string{
		"":                            {"--gateway https://ADDRESS-OF-THIS-GATEWAY --code sgc1-x", "SEALGATE_HTTPS_URL"},
		"https://gateway.example.com": {"--gateway https://gateway.example.com --code sgc1-x", ""},
	} {
		var b strings.Builder
		if err := writeInvited(&b, portal.AgentInvited{Code: "sgc1-x", Gateway: gateway}); err != nil {
			t.Fatal(err)
		}
		if got := b.String(); !strings.Contains(got, want[0]) || strings.Contains(got, "https.url") != (gateway == "") || !strings.Contains(got, want[1]) {
			t.Errorf("%q: %s", gateway, got)
		}
	}
}

// Who waits for an agent reads in the list why it does not come.
func TestTheListSaysThatACodeHasExpired(t *testing.T) {
	until := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	name := "erp"
	var b strings.Builder
	if err := writeAgents(&b, []listed{{"acme", portal.Agent{Name: &name, State: "expired", Until: &until}}}); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); !strings.Contains(got, "expired") || !strings.Contains(got, "nobody has used its code, good until 2026-11-21") {
		t.Error(got)
	}
}
