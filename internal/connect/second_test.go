package connect

import (
	"os/exec"
	"testing"

	"sealgate/internal/needtest"
)

// TestSecondReader lets a reader in Python, written from docs/connect-protocol.md, walk
// through the stored vectors.
func TestSecondReader(t *testing.T) {
	if err := exec.Command("python3", "-c", "import cryptography.hazmat.primitives.asymmetric.x25519").Run(); err != nil {
		needtest.Missing(t, "python3 with python3-cryptography is not installed: make deps")
	}
	cmd := exec.Command("python3", "-B", "../../tools/opensealed/check_connect.py", vectorsFile)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
