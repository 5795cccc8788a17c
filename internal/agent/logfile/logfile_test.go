package logfile

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAFullLogIsPutAside(t *testing.T) {
	name := filepath.Join(t.TempDir(), "connect.log")
	for range 2 { // opened again, it goes on
		l, err := open(name, 100)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 50 {
			if _, err := fmt.Fprintf(l, "line %d of a log\n", i); err != nil {
				t.Fatal(err)
			}
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	files, err := filepath.Glob(name + "*")
	if err != nil || len(files) != 1+kept {
		t.Fatalf("%v, %v", files, err)
	}
	for _, f := range files {
		if info, err := os.Stat(f); err != nil || info.Size() > 100 || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f, info, err)
		}
	}
	text, err := os.ReadFile(name)
	if err != nil || !strings.HasSuffix(string(text), "line 49 of a log\n") {
		t.Errorf("the newest lines are not in the newest file: %q, %v", text, err)
	}
}
