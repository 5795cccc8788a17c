package watch

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"sealgate/internal/agent/home"
	"sealgate/internal/agent/journal"
	"sealgate/internal/fault"
	"sealgate/internal/transfer/glob"
)

var start = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func names(t *testing.T, s *Scanner, at time.Duration) []string {
	t.Helper()
	r, err := s.Scan(start.Add(at))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, f := range r.Ready {
		rel, err := filepath.Rel(s.folder.Path, f.Path)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, filepath.ToSlash(rel))
	}
	return all
}

func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Errorf("ready: %v, want %v", got, want)
	}
}

func TestAFileIsTakenOnceItIsStill(t *testing.T) {
	dir := t.TempDir()
	s := New(home.Folder{Path: dir, Settle: 2 * time.Second})
	a := filepath.Join(dir, "a.xml")
	write(t, a, "half")
	same(t, names(t, s, 0))
	same(t, names(t, s, time.Second))
	write(t, a, "half and more") // it grows
	same(t, names(t, s, 3*time.Second))
	same(t, names(t, s, 4*time.Second))
	same(t, names(t, s, 5*time.Second), "a.xml")
	same(t, names(t, s, 6*time.Second)) // told once
	write(t, a, "another")
	same(t, names(t, s, 7*time.Second))
	same(t, names(t, s, 9*time.Second), "a.xml")
	s.Again()
	same(t, names(t, s, 10*time.Second), "a.xml")
	same(t, names(t, s, time.Hour), "a.xml") // it is still there: told again
}

func TestWhatIsNotMeant(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{
		"pay.xml", "PAY2.XML", "note.doc", "pay.xml.tmp", "pay.filepart", "~$pay.xml", ".in.pay.xml", "old.xml", "sent/done.xml", "Sent/done.xml",
		"company/salaries.xml", "company/sent/done.xml",
	} {
		write(t, filepath.Join(dir, filepath.FromSlash(name)), "x")
	}
	if err := os.Symlink("/etc/hostname", filepath.Join(dir, "link.xml")); err != nil {
		t.Fatal(err)
	}
	flat := New(home.Folder{Path: dir, Files: glob.Set{Include: []string{"*.xml"}, Exclude: []string{"old*"}}})
	same(t, names(t, flat, 0))
	same(t, names(t, flat, time.Second), "PAY2.XML", "pay.xml")
	deep := New(home.Folder{Path: dir, Subfolders: true, Files: glob.Set{Include: []string{"*.xml"}}})
	same(t, names(t, deep, 0))
	same(t, names(t, deep, time.Second), "PAY2.XML", "company/salaries.xml", "old.xml", "pay.xml")
}

func TestInTheOrderOfTheirTimes(t *testing.T) {
	dir := t.TempDir()
	for i, name := range []string{"c", "a", "b"} {
		path := filepath.Join(dir, name)
		write(t, path, "x")
		if err := os.Chtimes(path, time.Time{}, start.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	s := New(home.Folder{Path: dir})
	names(t, s, 0)
	if got := names(t, s, time.Second); strings.Join(got, "") != "cab" {
		t.Errorf("order: %v", got)
	}
}

func TestAFileSomebodyWritesWaits(t *testing.T) {
	if runtime.GOOS != "linux" {
		return // other platforms do not tell, or are not tested here
	}
	dir := t.TempDir()
	path := filepath.Join(dir, "a.xml")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	s := New(home.Folder{Path: dir})
	same(t, names(t, s, 0))
	same(t, names(t, s, time.Minute))
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	same(t, names(t, s, 2*time.Minute), "a.xml")
}

func TestAVanishedFolderIsSaid(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "share")
	write(t, filepath.Join(dir, "a.xml"), "x")
	s := New(home.Folder{Path: dir})
	same(t, names(t, s, 0))
	away := dir + "-away"
	if err := os.Rename(dir, away); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Scan(start.Add(time.Second)); !fault.Is(err, fault.NotFound) || !strings.Contains(fault.Message(err), dir) {
		t.Fatalf("%v", err)
	}
	if err := os.Rename(away, dir); err != nil {
		t.Fatal(err)
	}
	same(t, names(t, s, 2*time.Second), "a.xml")
}

// Run tells of a file without waiting for the next look, and ends with its context.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	found := make(chan string, 10)
	scanned := make(chan error, 100)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	w := &Watcher{
		Folder: home.Folder{Path: dir}, Now: time.Now, Every: time.Hour,
		Found: func(_ context.Context, files []journal.Source) error {
			for _, f := range files {
				found <- f.Name
			}
			return nil
		},
		Begins:  func() {},
		Scanned: func(err error) { scanned <- err },
	}
	go func() { defer close(done); w.Run(ctx) }()
	if err := <-scanned; err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "a.xml"), "x")
	if name := <-found; name != "a.xml" {
		t.Errorf("found %s", name)
	}
	cancel()
	<-done
}

func TestNamesAreSpelledAsTheGatewayDoes(t *testing.T) {
	for in, want := range map[string]string{"/in/lo\u0308n.xml": "l\u00f6n.xml", "/in/l\xf6n.xml": "l\uFFFDn.xml", "/in/a.xml": "a.xml"} {
		if got := Name(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
