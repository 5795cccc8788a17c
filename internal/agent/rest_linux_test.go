package agent_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"sealgate/internal/agent"
)

// A program that is linked to stand anywhere has pages that were written to at its
// start and are read only since: what is in them is nowhere else.
func TestRestForgetsOnlyWhatIsOnTheDisk(t *testing.T) {
	name := filepath.Join(t.TempDir(), "program")
	page := os.Getpagesize()
	if err := os.WriteFile(name, bytes.Repeat([]byte("d"), page), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var maps [2][]byte // of them the second is written to
	for i := range maps {
		m, err := unix.Mmap(int(f.Fd()), 0, page, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Munmap(m)
		if i == 1 {
			m[0] = 'w'
		}
		if err := unix.Mprotect(m, unix.PROT_READ); err != nil {
			t.Fatal(err)
		}
		maps[i] = m
	}
	if maps[0][0] != 'd' || mapped(t, name) != 2 {
		t.Fatalf("before: %c, %d mapped", maps[0][0], mapped(t, name))
	}
	agent.UnmapFile(name)
	if n := mapped(t, name); n != 1 {
		t.Errorf("%d of them are held still", n)
	}
	if maps[0][0] != 'd' || maps[1][0] != 'w' {
		t.Errorf("after: %c, %c", maps[0][0], maps[1][0])
	}
}

// mapped is how many mappings of a file have a page in memory.
func mapped(t *testing.T, name string) int {
	t.Helper()
	text, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	n, ours := 0, false
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if !strings.HasSuffix(f[0], ":") { // the first line of a mapping
			ours = f[len(f)-1] == name
		}
		if ours && f[0] == "Rss:" && f[1] != "0" {
			n++
		}
	}
	return n
}
