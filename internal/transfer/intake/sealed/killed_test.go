package sealed_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/killpoint/killtest"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake/intaketest"
	"sealgate/internal/transfer/intake/sealed"
)

// TestChild is the process that dies: a gateway's inside that takes what an agent sends.
func TestChild(t *testing.T) {
	dir := os.Getenv("SEALGATE_CHILD")
	if dir == "" {
		return
	}
	content, err := os.ReadFile(filepath.Join(dir, "content"))
	if err != nil {
		t.Fatal(err)
	}
	w := intaketest.At(t, dir)
	who := sealed.Agent{Account: uuid.MustParse(os.Getenv("SEALGATE_ACCOUNT")), ID: uuid.MustParse(os.Getenv("SEALGATE_AGENT")), Actor: "agent"}
	agent := (&intaketest.Agent{Agent: who}).In(w)
	if _, err := agent.Send(agent.Seal("pay.xml", content), 1<<20); err != nil {
		t.Fatal(err)
	}
}

// The gateway dies at every step of a delivery. The agent sends it again, sealed anew:
// it is one file, bit-exact, and nothing else is left.
func TestKilledAnywhere(t *testing.T) {
	program := killtest.Build(t)
	for _, point := range killtest.Points(t) {
		for name, size := range map[string]int{"small": 500, "large": 40 * seal.SlotSize} {
			if name == "small" && point == "sealed.recorded" {
				continue // it has no row before it is a file
			}
			t.Run(point+" "+name, func(t *testing.T) {
				w := intaketest.At(t, t.TempDir())
				agent := w.Agent(w.Account("acme", catalog.ContentKeep))
				content := intaketest.Random(size)
				if err := os.WriteFile(filepath.Join(w.Dir, "content"), content, 0o600); err != nil {
					t.Fatal(err)
				}
				if err := w.Catalog.Close(); err != nil {
					t.Fatal(err)
				}
				env := []string{"SEALGATE_CHILD=" + w.Dir, "SEALGATE_ACCOUNT=" + agent.Account.String(), "SEALGATE_AGENT=" + agent.ID.String()}
				if !killtest.Dies(t, program, "TestChild", point, env...) {
					t.Fatalf("nothing died at %s", point)
				}
				again := w.Reopened()
				sender := agent.In(again)
				f, err := sender.Send(sender.Seal("pay.xml", content), 1<<20)
				if err != nil {
					t.Fatal(err)
				}
				files := again.Files()
				if len(files) != 1 || files[0].ID != f.ID || files[0].State != catalog.Received || !bytes.Equal(again.Read(files[0]), content) {
					t.Errorf("%d files, the newest is %s", len(files), files[0].State)
				}
				if err := again.SweepObjects(t.Context()); err != nil {
					t.Error(err)
				}
				if n := again.Objects(); n > 1 || (n == 1) != (files[0].Body.Kind == catalog.VaultBody) {
					t.Errorf("%d objects", n)
				}
			})
		}
	}
}
