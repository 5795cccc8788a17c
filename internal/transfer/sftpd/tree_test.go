package sftpd

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"

	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/sftpd/packets"
)

func put(t *testing.T, c *sftp.Client, name string, flags int, content []byte) error {
	t.Helper()
	f, err := c.OpenFile(name, flags)
	if err != nil {
		return err
	}
	if _, err := f.Write(content); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

const fresh = os.O_WRONLY | os.O_CREATE | os.O_TRUNC

func TestConcurrentWritesBecomeTheFile(t *testing.T) {
	h := openHouse(t)
	c := h.sftp(sftp.UseConcurrentWrites(true), sftp.MaxConcurrentRequestsPerFile(64))
	want := noise(1, 5<<20+123)
	f, err := c.OpenFile("/in/big.xml", fresh)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.ReadFrom(bytes.NewReader(want)); err != nil {
		t.Fatal(err)
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
	if len(h.received()) != 0 {
		t.Fatal("a file before its CLOSE")
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	h.only("big.xml", want)
	i, err := c.Stat("/in/big.xml")
	if err != nil || i.Size() != int64(len(want)) || i.IsDir() {
		t.Errorf("stat after upload: %v %v", i, err)
	}
}

func TestOutsideTheFoldersCountsAsIn(t *testing.T) {
	h := openHouse(t)
	c := h.sftp()
	if err := put(t, c, "/lon.xml", fresh, []byte("x")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"/lon.xml", "/in/lon.xml", "lon.xml", "in/../in/lon.xml"} {
		if i, err := c.Stat(name); err != nil || i.Size() != 1 {
			t.Errorf("stat %s: %v %v", name, i, err)
		}
	}
	if got := names(t, c, "/"); !slices.Equal(got, []string{"in", "kept", "out"}) {
		t.Errorf("/ lists %q", got)
	}
	if got := names(t, c, "/in"); !slices.Equal(got, []string{"lon.xml"}) {
		t.Errorf("/in lists %q", got)
	}
}

func names(t *testing.T, c *sftp.Client, dir string) []string {
	t.Helper()
	infos, err := c.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, i := range infos {
		all = append(all, i.Name())
	}
	slices.Sort(all)
	return all
}

func TestTimesAreKept(t *testing.T) {
	h := openHouse(t)
	c := h.sftp()
	when := time.Date(2025, 2, 3, 4, 5, 6, 0, time.UTC)
	f, err := c.OpenFile("/in/a", fresh)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := c.Chtimes("/in/a", when, when); err != nil { // while it is open
		t.Fatal(err)
	}
	if err := f.Chmod(0o644); err != nil {
		t.Errorf("chmod on a handle: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	check := func(want time.Time) {
		t.Helper()
		if i, err := c.Stat("/in/a"); err != nil || !i.ModTime().Equal(want) {
			t.Errorf("time %v %v, want %v", i.ModTime(), err, want)
		}
	}
	check(when)
	if err := c.Chtimes("/in/a", when.Add(time.Hour), when.Add(time.Hour)); err != nil { // afterwards
		t.Fatal(err)
	}
	check(when.Add(time.Hour))
	for _, name := range []string{"/in/a", "/in", "/"} {
		if err := c.Chmod(name, 0o700); err != nil {
			t.Errorf("chmod %s: %v", name, err)
		}
	}
	wantStatus(t, c.Chmod("/in/none", 0o700), 2, "")
}

func TestNothingReceivedIsChanged(t *testing.T) {
	h := openHouse(t)
	c := h.sftp()
	first := noise(2, 100_000)
	if err := put(t, c, "/in/a", fresh, first); err != nil {
		t.Fatal(err)
	}
	id := h.only("a", first).ID

	// An open that would go on is refused at its first WRITE.
	f, err := c.OpenFile("/in/a", os.O_WRONLY)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt([]byte("more"), 100_000)
	wantStatus(t, err, 4, "already received, send it whole")
	if err := f.Close(); err == nil {
		t.Error("CLOSE of a refused write was OK")
	}
	f, err = c.OpenFile("/in/a", os.O_WRONLY|os.O_APPEND)
	if err == nil {
		_, err = f.WriteAt([]byte("more"), 0)
		f.Close()
	}
	wantStatus(t, err, 4, "already received, send it whole")
	wantStatus(t, c.Truncate("/in/a", 10), 4, "send it whole")
	wantStatus(t, c.Truncate("/in/a", 0), 4, "send it whole")
	if err := c.Truncate("/in/a", 100_000); err != nil {
		t.Errorf("the size it has: %v", err)
	}
	// Opened and closed without a write: nothing happens.
	f, err = c.OpenFile("/in/a", os.O_WRONLY)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Errorf("close without a write: %v", err)
	}
	h.only("a", first)

	// Written from the start, with and without TRUNC: new files.
	for i, flags := range []int{fresh, os.O_WRONLY} {
		if err := put(t, c, "/in/a", flags, noise(byte(3+i), 50)); err != nil {
			t.Fatal(err)
		}
	}
	all := h.received()
	if len(all) != 3 || all[0].ID != id {
		t.Fatalf("%d files", len(all))
	}
	h.is(all[0], "a", first)
	h.is(all[2], "a", noise(4, 50))
	if i, err := c.Stat("/in/a"); err != nil || i.Size() != 50 {
		t.Errorf("stat shows %v %v", i, err)
	}
	if err := c.Remove("/in/a"); err != nil {
		t.Fatal(err)
	}
	if len(h.received()) != 3 {
		t.Error("rm took a file away")
	}
}

func TestEmptyingAnOpenFileBeginsAnew(t *testing.T) {
	h := openHouse(t)
	c := h.sftp()
	f, err := c.OpenFile("/in/a", fresh)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(noise(1, 300_000)); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(0); err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("short"), 0); err != nil {
		t.Fatal(err)
	}
	wantStatus(t, f.Truncate(3), 4, "size of a file")
	if err := f.Truncate(5); err != nil {
		t.Error(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	h.only("a", []byte("short"))
}

func TestEmptyFile(t *testing.T) {
	h := openHouse(t)
	if err := put(t, h.sftp(), "/in/empty", fresh, nil); err != nil {
		t.Fatal(err)
	}
	h.only("empty", nil)
}

func TestHoleIsAnError(t *testing.T) {
	h := openHouse(t)
	c := h.sftp()
	f, err := c.OpenFile("/in/a", fresh)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("x"), 10); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err == nil {
		t.Error("a file with a hole was taken")
	}
	if len(h.received()) != 0 {
		t.Error("a file with a hole is on record")
	}
}

func TestFoldersAndNames(t *testing.T) {
	h := openHouse(t)
	c := h.sftp()
	steps := []struct {
		what string
		err  error
		code uint32
	}{
		{"mkdir", c.Mkdir("/in/2026"), 0},
		{"mkdir again", c.Mkdir("/in/2026"), 4},
		{"mkdir at the root", c.Mkdir("/2027"), 0},
		{"mkdir in", c.Mkdir("/in"), 3},
		{"mkdir out/x", c.Mkdir("/out/x"), 3},
		{"rmdir out", c.RemoveDirectory("/out"), 3},
		{"put below", put(t, c, "/in/2026/a.xml", fresh, []byte("a")), 0},
		{"put into nothing", put(t, c, "/in/none/a.xml", fresh, []byte("a")), 2},
		{"rmdir not empty", c.RemoveDirectory("/in/2026"), 4},
		{"rmdir", c.RemoveDirectory("/in/2027"), 0},
		{"rename", c.Rename("/in/2026/a.xml", "/in/b.xml"), 0},
		{"put c", put(t, c, "/in/c.xml", fresh, []byte("c")), 0},
		{"rename over", c.Rename("/in/b.xml", "/in/c.xml"), 4},
		{"posix-rename over", c.PosixRename("/in/b.xml", "/in/c.xml"), 0},
		{"rename to out", c.Rename("/in/c.xml", "/out/c.xml"), 3},
		{"rename nothing", c.Rename("/in/none", "/in/x"), 2},
		{"symlink", c.Symlink("/in/c.xml", "/in/l"), 8},
		{"hardlink", c.Link("/in/c.xml", "/in/l"), 8},
		{"put on a folder", put(t, c, "/in/2026", fresh, []byte("a")), 4},
		{"put to out", put(t, c, "/out/a", fresh, []byte("a")), 3},
		{"put to kept", put(t, c, "/kept/a", fresh, []byte("a")), 3},
	}
	for _, s := range steps {
		switch {
		case s.code == 0 && s.err != nil:
			t.Errorf("%s: %v", s.what, s.err)
		case s.code != 0:
			t.Run(s.what, func(t *testing.T) { wantStatus(t, s.err, s.code, "") })
		}
	}
	if got := names(t, c, "/in"); !slices.Equal(got, []string{"2026", "c.xml"}) {
		t.Errorf("/in lists %q", got)
	}
	if _, err := c.ReadLink("/in/c.xml"); err == nil {
		t.Error("readlink was answered")
	}
	if _, err := c.OpenFile("/in/c.xml", os.O_WRONLY|os.O_CREATE|os.O_EXCL); err == nil {
		t.Error("EXCL over a name")
	}
	_, err := c.OpenFile("/in/new", os.O_WRONLY)
	wantStatus(t, err, 2, "")
}

func TestFilesInInAreNotReadBack(t *testing.T) {
	h := openHouse(t)
	c := h.sftp()
	if err := put(t, c, "/in/a", fresh, []byte("a")); err != nil {
		t.Fatal(err)
	}
	_, err := c.Open("/in/a")
	wantStatus(t, err, 3, "")
}

func TestTemporaryNamesWait(t *testing.T) {
	h := openHouse(t)
	c := h.sftp()
	if err := put(t, c, "/in/a.xml.filepart", fresh, []byte("a")); err != nil {
		t.Fatal(err)
	}
	if len(h.received()) != 0 || h.Files()[0].State != catalog.WaitingRename {
		t.Fatal("a temporary name became a file")
	}
	if err := c.Rename("/in/a.xml.filepart", "/in/a.xml"); err != nil {
		t.Fatal(err)
	}
	h.only("a.xml", []byte("a"))
}

func TestOutAndKept(t *testing.T) {
	h := openHouse(t)
	c := h.sftp()
	want := noise(9, 700_001)
	h.shelf.put("answer.json", want)
	if got := names(t, c, "/out"); !slices.Equal(got, []string{"answer.json"}) {
		t.Fatalf("/out lists %q", got)
	}
	for _, name := range []string{"/out/answer.json", "/kept/answer.json"} {
		f, err := c.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(f)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d bytes %v", name, len(got), err)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{"/out/none", "/out/a/b", "/kept/none"} {
		if _, err := c.Open(name); !os.IsNotExist(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	wantStatus(t, c.Remove("/kept/answer.json"), 3, "")
	if err := c.Remove("/out/answer.json"); err != nil {
		t.Error(err)
	}
	if got := names(t, c, "/out"); len(got) != 0 {
		t.Errorf("/out lists %q", got)
	}
}

// /kept comes page by page, however many READDIRs that takes.
func TestKeptIsListedWhole(t *testing.T) {
	h := openHouse(t)
	var want []string
	for i := range 230 {
		name := fmt.Sprintf("%03d.xml", i)
		h.shelf.put(name, []byte("x"))
		want = append(want, name)
	}
	c := h.sftp()
	for range 2 {
		if got := names(t, c, "/kept"); !slices.Equal(got, want) {
			t.Fatalf("/kept lists %d names", len(got))
		}
	}
	if _, err := c.ReadDir("/kept/000.xml"); !os.IsNotExist(err) {
		t.Errorf("a file is listed as a folder: %v", err)
	}
}

// A page that cannot be read ends the listing with its error, not as if it were
// the last.
func TestAListingThatFailsSaysSo(t *testing.T) {
	pages := [][]entry{make([]entry, 3), nil}
	broken := errors.New("broken")
	l := &entries{more: func() ([]entry, error) {
		if pages[0] == nil {
			return nil, broken
		}
		page := pages[0]
		pages = pages[1:]
		return page, nil
	}}
	to := make([]fs.FileInfo, 5)
	if n, err := l.ListAt(to, 0); n != 3 || err != nil {
		t.Errorf("%d names, %v", n, err)
	}
	if n, err := l.ListAt(to, 3); n != 0 || !errors.Is(err, broken) {
		t.Errorf("%d names, %v", n, err)
	}
}

func TestHandleCap(t *testing.T) {
	h := openHouse(t)
	c := h.sftp()
	var last error
	open := 0
	for range packets.MaxHandles + 5 {
		f, err := c.OpenFile("/in/"+strings.Repeat("x", open+1), fresh)
		if err != nil {
			last = err
			break
		}
		defer f.Close()
		open++
	}
	if open != packets.MaxHandles {
		t.Errorf("%d handles, want %d", open, packets.MaxHandles)
	}
	wantStatus(t, last, 4, "too many open files")
	if _, err := c.ReadDir("/in"); err == nil {
		t.Error("a listing needs a handle, too")
	}
}

func TestOneWriterPerName(t *testing.T) {
	h := openHouse(t)
	c := h.sftp()
	f, err := c.OpenFile("/in/a", fresh)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.OpenFile("/a", fresh)
	wantStatus(t, err, 4, "open for writing")
	wantStatus(t, c.Remove("/in/a"), 4, "still being written")
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := put(t, c, "/in/a", fresh, []byte("b")); err != nil {
		t.Errorf("after the CLOSE: %v", err)
	}
}

func TestHostileNames(t *testing.T) {
	h := openHouse(t)
	c := h.sftp()
	for _, name := range []string{
		"/in/a\x00b", "/in/a\nb", "/in/\x1b[31m", "/in/a\\b", "/in/a\u202eb", "/in/\u200b", "/in/a\xff", "/in/" + strings.Repeat("x", 256),
		"/" + strings.Repeat("x", 64<<10), "/in/" + strings.Repeat("d/", 20) + "x", "/in/ ", "/in/\ufeffa",
	} {
		if err := put(t, c, name, fresh, []byte("x")); err == nil {
			t.Errorf("%.40q was taken", name)
		}
		if err := c.Mkdir(name); err == nil {
			t.Errorf("mkdir %.40q was taken", name)
		}
	}
	for _, name := range []string{"/in/../../../../tmp/evil", "/../../etc/passwd", "/in/..;/x/y"} {
		if err := put(t, c, name, fresh, []byte("x")); err == nil {
			t.Errorf("%.40q was taken", name)
		}
	}
	// A path above the root is not quietly taken for one inside.
	for _, name := range []string{"/../up.xml", "../up.xml", "/in/../../up.xml", "/./../in/up.xml"} {
		if err := put(t, c, name, fresh, []byte("x")); !errors.Is(err, os.ErrPermission) {
			t.Errorf("put %q: %v", name, err)
		}
		for what, err := range map[string]error{
			"mkdir": c.Mkdir(name), "remove": c.Remove(name), "rename": c.Rename("/in/x", name), "posix-rename": c.PosixRename("/in/x", name),
		} {
			if !errors.Is(err, os.ErrPermission) {
				t.Errorf("%s %q: %v", what, name, err)
			}
		}
	}
	if wd, err := c.RealPath("/.."); err != nil || wd != "/" {
		t.Errorf("walking up from the root: %q, %v", wd, err)
	}
	if len(h.Files()) != 0 {
		t.Errorf("%d files on record", len(h.Files()))
	}
	// Names that only look dangerous are names.
	for _, name := range []string{"/in/..xml", "/in/a;rm -rf", "/in/$(x)", "/in/%00", "/in/åäö.xml", "/in/-rf"} {
		if err := put(t, c, name, fresh, []byte(name)); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

func TestDf(t *testing.T) {
	h := openHouse(t)
	s, err := h.sftp().StatVFS("/in")
	if err != nil || s.TotalSpace() != 9<<30 || s.FreeSpace() != 3<<30 || s.Namemax != 255 {
		t.Errorf("%+v %v", s, err)
	}
}

func TestExtensionsAreWhatWorks(t *testing.T) {
	h := openHouse(t)
	c := h.sftp()
	for name, want := range map[string]bool{
		"posix-rename@openssh.com": true, "statvfs@openssh.com": true, "fsync@openssh.com": true, "limits@openssh.com": true,
		"hardlink@openssh.com": false, "copy-data": false,
	} {
		if _, ok := c.HasExtension(name); ok != want {
			t.Errorf("%s advertised: %v", name, ok)
		}
	}
}
