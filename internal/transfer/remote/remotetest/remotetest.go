// Package remotetest holds the suite of tests that every kind of remote passes against
// every server, and starts those servers: programs of Debian, on loopback, with files
// in a directory of the test.
package remotetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"sealgate/internal/dialguard"
	"sealgate/internal/fault"
	"sealgate/internal/transfer/remote"
)

// Loopback lets a test connect to its own machine.
func Loopback() *dialguard.Guard {
	return dialguard.New([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")})
}

// Place is a folder on a server, and the same folder on the disk.
type Place struct {
	Dir     string // as the server calls it
	Disk    string
	AsRoot  bool // the server may write everywhere
	Hashes  bool // the server can tell a file's hash
	Connect func(t testing.TB) remote.Session
}

func (p Place) path(name string) string { return p.Dir + "/" + name }

// put lays a file on the server's disk.
func (p Place) put(t testing.TB, name string, content []byte) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.Disk, name), content, 0o644); err != nil {
		t.Fatal(err)
	}
}

func (p Place) onDisk(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(p.Disk, name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// Bytes returns n bytes that look like none other.
func Bytes(n int, seed uint64) []byte {
	b := make([]byte, n)
	var key [32]byte
	key[0] = byte(seed)
	_, _ = rand.NewChaCha8(key).Read(b)
	return b
}

// sizes are those at which blocks and records begin and end.
var sizes = []int{0, 1, 16384, 32767, 32768, 32769, 1<<20 + 3, 3 << 20}

// names are those that something on the way could take for something else.
var names = []string{
	"plain.xml", "with space.xml", "Löner åäö €.xml", "-rf", "[a-z]*.xml", `quo"te'.xml`, "a;b&c|d.xml", "%2e%2e", "{brace}", "~tilde", strings.Repeat("x", 200),
}

// Contract runs the suite.
func Contract(t *testing.T, p Place) {
	before := runtime.NumGoroutine()
	for _, test := range []struct {
		name string
		run  func(*testing.T, Place, remote.Session)
	}{
		{"what is written is read back", roundTrip},
		{"names", strangeNames},
		{"listing", listing},
		{"resume", resume},
		{"create takes no name that is taken", createTaken},
		{"rename", rename},
		{"remove", remove},
		{"mkdir", mkdir},
		{"deliver", deliver},
		{"deliver that fails", deliverFails},
		{"changed while it is read", changed},
		{"what is no path", badPaths},
		{"given up", givenUp},
		{"closed half-way", closedHalfway},
		{"no right to write", readOnly},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := p.Connect(t)
			t.Cleanup(func() { _ = s.Close() })
			test.run(t, p, s)
		})
	}
	NoGoroutines(t, before)
}

// NoGoroutines waits for the goroutines of closed sessions to end.
func NoGoroutines(t testing.TB, before int) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; <-tick.C {
		if time.Now().After(deadline) {
			stacks := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before:\n%s", runtime.NumGoroutine(), before, stacks[:runtime.Stack(stacks, true)])
		}
	}
}

// ReadAll reads a file to its end and closes it.
func ReadAll(s remote.Session, path string, offset int64) ([]byte, remote.Entry, error) {
	f, err := s.Open(context.Background(), path, offset)
	if err != nil {
		return nil, remote.Entry{}, err
	}
	b, err := io.ReadAll(f)
	return b, f.Entry, errors.Join(err, f.Close())
}

func roundTrip(t *testing.T, p Place, s remote.Session) {
	for _, size := range sizes {
		name, content := fmt.Sprintf("round-%d", size), Bytes(size, 1)
		proof, err := s.Create(t.Context(), p.path(name), iotest{bytes.NewReader(content)})
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		if proof.Size != int64(size) || proof.SHA256 != sha256.Sum256(content) || (proof.Hash != "") != (p.Hashes && size > 0) { // of nothing, servers tell no hash
			t.Errorf("%d bytes: the proof is %+v", size, proof)
		}
		if !bytes.Equal(p.onDisk(t, name), content) {
			t.Errorf("%d bytes: other bytes lie on the server", size)
		}
		back, entry, err := ReadAll(s, p.path(name), 0)
		if err != nil || !bytes.Equal(back, content) {
			t.Errorf("%d bytes: %d came back: %v", size, len(back), err)
		}
		there, err := s.Stat(t.Context(), p.path(name))
		if err != nil || there.Size != int64(size) || there.Kind != remote.Regular || there.Name != name || !there.Same(entry) {
			t.Errorf("%d bytes: stat %+v, opened as %+v: %v", size, there, entry, err)
		}
	}
}

// iotest hides what a reader can besides Read.
type iotest struct{ io.Reader }

func strangeNames(t *testing.T, p Place, s remote.Session) {
	if err := s.Mkdir(t.Context(), p.path("names [1]")); err != nil {
		t.Fatal(err)
	}
	p.Dir, p.Disk = p.path("names [1]"), filepath.Join(p.Disk, "names [1]")
	for i, name := range names {
		content := Bytes(100+i, uint64(i))
		if _, err := s.Create(t.Context(), p.path(name), bytes.NewReader(content)); err != nil {
			t.Errorf("%q cannot be written: %v", name, err)
			continue
		}
		if !bytes.Equal(p.onDisk(t, name), content) {
			t.Errorf("%q holds other bytes", name)
		}
		if back, _, err := ReadAll(s, p.path(name), 0); err != nil || !bytes.Equal(back, content) {
			t.Errorf("%q cannot be read back: %v", name, err)
		}
	}
	p.put(t, "line\nbreak", []byte("x"))
	got, unusable := listed(t, s, p.Dir)
	// Some servers list half of a name that has a line break: there is no such file.
	if i := slices.Index(got, "line"); i >= 0 {
		if _, _, err := ReadAll(s, p.path("line"), 0); !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Denied) {
			t.Errorf("half a name can be read: %v", err)
		}
		got = slices.Delete(got, i, i+1)
	}
	if want := slices.Sorted(slices.Values(names)); !slices.Equal(got, want) {
		t.Errorf("listed\n%q, want\n%q", got, want)
	}
	for _, name := range unusable {
		if strings.ContainsAny(name, "\r\n\x00") {
			t.Errorf("the name %q is let through", name)
		}
	}
	for _, name := range names {
		if err := s.Remove(t.Context(), p.path(name)); err != nil {
			t.Errorf("%q cannot be removed: %v", name, err)
		}
	}
}

func listed(t testing.TB, s remote.Session, dir string) (usable, unusable []string) {
	t.Helper()
	entries, err := s.List(context.Background(), dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Kind == remote.Unusable {
			unusable = append(unusable, e.Name)
		} else {
			usable = append(usable, e.Name)
		}
	}
	slices.Sort(usable)
	return usable, unusable
}

func listing(t *testing.T, p Place, s remote.Session) {
	dir, disk := p.path("list"), filepath.Join(p.Disk, "list")
	if err := s.Mkdir(t.Context(), dir); err != nil {
		t.Fatal(err)
	}
	if entries, err := s.List(t.Context(), dir); err != nil || len(entries) != 0 {
		t.Errorf("an empty folder lists %v: %v", entries, err)
	}
	const many = 2000
	for i := range many {
		name := filepath.Join(disk, fmt.Sprintf("f%04d.xml", i))
		if err := os.WriteFile(name, make([]byte, i), 0o644); err != nil {
			t.Fatal(err)
		}
		when := time.Date(2026, 3, 1, 12, 0, i, 0, time.UTC)
		if err := os.Chtimes(name, when, when); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(disk, "folder"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("f0007.xml", filepath.Join(disk, "link")); err != nil {
		t.Fatal(err)
	}
	entries, err := s.List(t.Context(), dir)
	if err != nil || len(entries) != many+2 {
		t.Fatalf("%d entries, want %d: %v", len(entries), many+2, err)
	}
	files := 0
	for _, e := range entries {
		var i int
		switch _, err := fmt.Sscanf(e.Name, "f%04d.xml", &i); {
		case err == nil:
			files++
			want := remote.Entry{Name: e.Name, Kind: remote.Regular, Size: int64(i), ModTime: time.Date(2026, 3, 1, 12, 0, i, 0, time.UTC), Precision: time.Second}
			if e.Kind != want.Kind || !e.Same(want) || e.ModTime.IsZero() {
				t.Fatalf("listed as %+v, want %+v", e, want)
			}
			if i == 7 {
				there, err := s.Stat(t.Context(), dir+"/"+e.Name)
				if err != nil || !there.Same(e) || !there.ModTime.Equal(want.ModTime) || there.Precision != time.Second {
					t.Errorf("stat %+v, listed %+v: %v", there, e, err)
				}
			}
		case e.Name == "folder" && e.Kind == remote.Folder, e.Name == "link" && e.Kind != remote.Folder:
		default:
			t.Errorf("listed %+v", e)
		}
	}
	if files != many {
		t.Errorf("%d files", files)
	}
	if e, err := s.Stat(t.Context(), dir+"/folder"); err != nil || e.Kind != remote.Folder {
		t.Errorf("stat of a folder: %+v, %v", e, err)
	}
	if _, err := s.List(t.Context(), p.path("nowhere")); !fault.Is(err, fault.NotFound) {
		t.Errorf("a folder that is not there: %v", err)
	}
	if _, err := s.Stat(t.Context(), p.path("nowhere/file")); !fault.Is(err, fault.NotFound) {
		t.Errorf("a file in it: %v", err)
	}
	if _, err := s.Open(t.Context(), p.path("nowhere"), 0); !fault.Is(err, fault.NotFound) {
		t.Errorf("a file that is not there, opened: %v", err)
	}
	if _, err := s.Open(t.Context(), dir, 0); err == nil {
		t.Error("a folder can be read")
	}
}

func resume(t *testing.T, p Place, s remote.Session) {
	content := Bytes(2<<20+5, 2)
	p.put(t, "resume.bin", content)
	for _, offset := range []int64{1, 32768, 1<<20 - 1, int64(len(content)) - 1, int64(len(content))} {
		back, entry, err := ReadAll(s, p.path("resume.bin"), offset)
		if err != nil || !bytes.Equal(back, content[offset:]) || entry.Size != int64(len(content)) {
			t.Errorf("from %d: %d bytes of a file of %d: %v", offset, len(back), entry.Size, err)
		}
	}
	for _, offset := range []int64{-1, int64(len(content)) + 1} {
		if _, err := s.Open(t.Context(), p.path("resume.bin"), offset); !fault.Is(err, fault.Damaged) {
			t.Errorf("from %d: %v", offset, err)
		}
	}
}

func createTaken(t *testing.T, p Place, s remote.Session) {
	p.put(t, "taken", []byte("first"))
	if _, err := s.Create(t.Context(), p.path("taken"), strings.NewReader("second")); !fault.Is(err, fault.Exists) {
		t.Errorf("a taken name: %v", err)
	}
	if got := p.onDisk(t, "taken"); string(got) != "first" {
		t.Errorf("the file became %q", got)
	}
	if _, err := s.Create(t.Context(), p.path("nowhere/file"), strings.NewReader("x")); err == nil {
		t.Error("a file was written into a folder that is not there")
	}
}

func rename(t *testing.T, p Place, s remote.Session) {
	p.put(t, "a", []byte("a"))
	p.put(t, "b", []byte("b"))
	if err := s.Rename(t.Context(), p.path("a"), p.path("b"), false); !fault.Is(err, fault.Exists) {
		t.Errorf("over a taken name: %v", err)
	}
	if a, b := p.onDisk(t, "a"), p.onDisk(t, "b"); string(a) != "a" || string(b) != "b" {
		t.Errorf("afterwards the files hold %q and %q", a, b)
	}
	if err := s.Rename(t.Context(), p.path("a"), p.path("c"), false); err != nil || string(p.onDisk(t, "c")) != "a" {
		t.Errorf("to a free name: %v", err)
	}
	if err := s.Rename(t.Context(), p.path("c"), p.path("b"), true); err != nil || string(p.onDisk(t, "b")) != "a" {
		t.Errorf("in another's place: %v", err)
	}
	if err := s.Rename(t.Context(), p.path("gone"), p.path("d"), false); !fault.Is(err, fault.NotFound) {
		t.Errorf("of what is not there: %v", err)
	}
}

func remove(t *testing.T, p Place, s remote.Session) {
	p.put(t, "rm", nil)
	if err := s.Remove(t.Context(), p.path("rm")); err != nil {
		t.Error(err)
	}
	if err := s.Remove(t.Context(), p.path("rm")); !fault.Is(err, fault.NotFound) {
		t.Errorf("once more: %v", err)
	}
	if err := os.Mkdir(filepath.Join(p.Disk, "rmdir"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := s.Remove(t.Context(), p.path("rmdir")); err == nil {
		t.Error("a folder was removed as a file")
	}
	if _, err := os.Stat(filepath.Join(p.Disk, "rmdir")); err != nil {
		t.Error(err)
	}
}

func mkdir(t *testing.T, p Place, s remote.Session) {
	if err := s.Mkdir(t.Context(), p.path("made")); err != nil {
		t.Fatal(err)
	}
	if err := s.Mkdir(t.Context(), p.path("made")); !fault.Is(err, fault.Exists) {
		t.Errorf("once more: %v", err)
	}
	if err := s.Mkdir(t.Context(), p.path("nowhere/made")); err == nil {
		t.Error("a folder was made in one that is not there")
	}
}

func deliver(t *testing.T, p Place, s remote.Session) {
	content := Bytes(100_000, 3)
	d := remote.Delivery{Path: p.path("answer.xml"), ID: "0192-abc", Size: int64(len(content))}
	p.put(t, ".0192-abc.part", []byte("of an earlier try"))
	proof, err := remote.Deliver(t.Context(), s, d, bytes.NewReader(content))
	if err != nil || proof.SHA256 != sha256.Sum256(content) {
		t.Fatalf("%+v, %v", proof, err)
	}
	if !bytes.Equal(p.onDisk(t, "answer.xml"), content) {
		t.Error("other bytes were left")
	}
	if _, err := remote.Deliver(t.Context(), s, d, strings.NewReader("other")); err == nil {
		t.Error("a delivery of another size went through")
	}
	d.Size = 5
	if _, err := remote.Deliver(t.Context(), s, d, strings.NewReader("other")); !fault.Is(err, fault.Exists) {
		t.Errorf("to a taken name: %v", err)
	}
	if !bytes.Equal(p.onDisk(t, "answer.xml"), content) {
		t.Error("the first delivery was changed")
	}
	d.Replace = true
	if _, err := remote.Deliver(t.Context(), s, d, strings.NewReader("other")); err != nil || string(p.onDisk(t, "answer.xml")) != "other" {
		t.Errorf("in its place: %v", err)
	}
	if _, err := os.Stat(filepath.Join(p.Disk, ".0192-abc.part")); !os.IsNotExist(err) {
		t.Errorf("the temporary file is left: %v", err)
	}
}

// A source that breaks off leaves no file under the final name.
func deliverFails(t *testing.T, p Place, s remote.Session) {
	broken := errors.New("the source broke")
	from := io.MultiReader(bytes.NewReader(Bytes(200_000, 4)), failing{broken})
	d := remote.Delivery{Path: p.path("broken.xml"), ID: "0192-broken", Size: 300_000}
	if _, err := remote.Deliver(t.Context(), s, d, from); !errors.Is(err, broken) {
		t.Errorf("the error is %v", err)
	}
	if _, err := os.Stat(filepath.Join(p.Disk, "broken.xml")); !os.IsNotExist(err) {
		t.Errorf("a part of a file lies under its name: %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// A file that changes its length under the reader never ends well.
func changed(t *testing.T, p Place, s remote.Session) {
	const size = 48 << 20 // more than what buffers on the way hold
	for name, change := range map[string]func(string) error{
		"shorter": func(name string) error { return os.Truncate(name, 1<<20) },
		"longer": func(name string) error {
			f, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("more")
			return errors.Join(err, f.Close())
		},
	} {
		s := p.Connect(t)
		p.put(t, name, Bytes(size, 5))
		f, err := s.Open(t.Context(), p.path(name), 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(f, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		if err := change(filepath.Join(p.Disk, name)); err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, f)
		// A server that sends no more than it had named has sent a whole file.
		if err == nil && (name != "longer" || n+1000 != size) {
			t.Errorf("%s: %d bytes were taken for the whole file", name, n+1000)
		}
		_ = f.Close()
		_ = s.Close()
	}
}

func badPaths(t *testing.T, p Place, s remote.Session) {
	for _, path := range []string{"", p.Dir + "/../x", "..", p.path("a\r\nDELE b"), p.path("a\nb"), p.path("a\x00b"), p.path("a\x7fb"), p.path(strings.Repeat("x/", 3000))} {
		_, listErr := s.List(t.Context(), path)
		_, statErr := s.Stat(t.Context(), path)
		_, openErr := s.Open(t.Context(), path, 0)
		_, createErr := s.Create(t.Context(), path, strings.NewReader("x"))
		for what, err := range map[string]error{
			"list": listErr, "stat": statErr, "open": openErr, "create": createErr, "remove": s.Remove(t.Context(), path), "mkdir": s.Mkdir(t.Context(), path),
			"rename from": s.Rename(t.Context(), path, p.path("x"), true), "rename to": s.Rename(t.Context(), p.path("x"), path, true),
		} {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("%s %.20q: %v", what, path, err)
			}
		}
	}
	if _, err := s.List(t.Context(), p.Dir); err != nil {
		t.Errorf("afterwards the session is broken: %v", err)
	}
}

func givenUp(t *testing.T, p Place, s remote.Session) {
	p.put(t, "big", Bytes(48<<20, 6))
	ctx, cancel := context.WithCancel(t.Context())
	f, err := s.Open(ctx, p.path("big"), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(f, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if n, err := io.Copy(io.Discard, f); !fault.Is(err, fault.TryLater) {
		t.Errorf("%d bytes more, and %v", n, err)
	}
	_ = f.Close()
	if _, err := s.Stat(t.Context(), p.path("big")); err == nil {
		t.Error("a session that was cut goes on")
	}
	if _, err := p.Connect(t).List(ctx, p.Dir); !fault.Is(err, fault.TryLater) {
		t.Errorf("a list that is given up before it begins: %v", err)
	}
}

func closedHalfway(t *testing.T, p Place, s remote.Session) {
	p.put(t, "half", Bytes(8<<20, 7))
	f, err := s.Open(t.Context(), p.path("half"), 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	if f, err = s.Open(t.Context(), p.path("half"), 0); err != nil {
		t.Fatalf("after a file of which nothing was read: %v", err)
	}
	if _, err := io.ReadFull(f, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	_ = f.Close() // FTP has no polite way to stop; what counts is that it ends
	if n, err := f.Read(make([]byte, 1)); n != 0 || err == nil || errors.Is(err, io.EOF) {
		t.Errorf("a closed file reads %d bytes, %v", n, err)
	}
}

func readOnly(t *testing.T, p Place, s remote.Session) {
	if p.AsRoot {
		return
	}
	dir := filepath.Join(p.Disk, "read-only")
	if err := os.Mkdir(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Create(t.Context(), p.path("read-only/x"), strings.NewReader("x")); !fault.Is(err, fault.Denied) {
		t.Errorf("%v, want denied", err)
	} else if !strings.Contains(fault.Message(err), "right") {
		t.Errorf("%q does not say what to change", fault.Message(err))
	}
}
