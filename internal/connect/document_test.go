package connect

import (
	"os"
	"strconv"
	"strings"
	"testing"
)

// TestTheDocumentNamesWhatThereIs: every reason with its status, every domain, every
// operation, and the worked example as it is stored.
func TestTheDocumentNamesWhatThereIs(t *testing.T) {
	doc := string(must(os.ReadFile("../../docs/connect-protocol.md")))
	want := []string{
		domainEnrol, domainEnrolled, domainWelcome, domainRequest, domainAnswer, "sealgate/connect/v1 lock", "sealgate/connect/v1 enrolment",
		coveredRequest, coveredAnswer[1 : len(coveredAnswer)-1], coveredOpen[1 : len(coveredOpen)-1], tagRequest, tagAnswer,
	}
	for r, row := range refusals {
		want = append(want, "| `"+string(r)+"` | "+strconv.Itoa(row.status)+" |")
	}
	want = append(want,
		PathGateway, PathEnroll, "POST account", "POST heartbeat", "POST deliveries/whole", "POST deliveries`", "PUT deliveries/{file}/parts?offset=N", "POST deliveries/{file}/commit",
		"POST receipts/known", "POST outbox`", "GET outbox/{file}/body?offset=N", "POST outbox/{file}/open", "POST outbox/{file}/ack", "POST kept`", "GET kept/{file}/body?offset=N", "POST kept/{file}/share",
	)
	for line := range strings.Lines(stored().Signed[2].Base) {
		want = append(want, strings.TrimSuffix(line, "\n"))
	}
	want = append(want, stored().Gateway.AnswerHeaders[headerDigest])
	for _, text := range want {
		if !strings.Contains(doc, text) {
			t.Errorf("docs/connect-protocol.md does not say %s", text)
		}
	}
}
