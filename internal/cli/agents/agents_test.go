package agents

import (
	"strings"
	"testing"

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
