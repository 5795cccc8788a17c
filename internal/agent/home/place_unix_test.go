//go:build unix

package home

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A directory that somebody else made where anybody may is not believed: he could go
// on writing there which gateway is the right one.
func TestADirectoryOfSomebodyElseIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		return // only the administrator can give one away
	}
	above := t.TempDir()
	h := Home(filepath.Join(above, "connect"))
	if err := h.Make(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(string(h), 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if err := h.Make(); err != nil { // as after `service install`, in the administrator's place
		t.Fatal(err)
	}
	if err := os.Chmod(above, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := h.Make(); err == nil || !strings.Contains(err.Error(), "another account") {
		t.Errorf("%v", err)
	}
}
