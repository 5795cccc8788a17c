package send

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/durable"
)

// Receipts are kept while the gateway is asked for the account's keys, and does not answer.
func TestReceiptsAreKeptWhileTheGatewayIsAsked(t *testing.T) {
	s := &Sender{Disk: durable.OS, Receipts: filepath.Join(t.TempDir(), "receipts"), Now: time.Now}
	s.mu.Lock() // as Lock does while it asks
	defer s.mu.Unlock()
	for range 2 {
		if err := s.keep(uuid.New(), []byte("receipt")); err != nil {
			t.Fatal(err)
		}
	}
}
