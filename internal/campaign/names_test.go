package campaign

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/crypto/ssh"
)

// Packets of SFTP version 3 (draft-ietf-secsh-filexfer-02), written by hand: a
// hostile client does not use a library that cleans its names.
const (
	fxpInit     = 1
	fxpOpen     = 3
	fxpClose    = 4
	fxpWrite    = 6
	fxpLstat    = 7
	fxpSetstat  = 9
	fxpOpendir  = 11
	fxpRemove   = 13
	fxpMkdir    = 14
	fxpRmdir    = 15
	fxpRealpath = 16
	fxpStat     = 17
	fxpRename   = 18
	fxpReadlink = 19
	fxpSymlink  = 20
	fxpStatus   = 101
	fxpHandle   = 102
	fxpName     = 104
	fxpExtended = 200

	flagRead, flagWrite, flagCreate, flagTrunc = 1, 2, 8, 16
)

// raw is an SFTP session without a library.
type raw struct {
	t    testing.TB
	in   io.Writer
	out  io.Reader
	next uint32
}

func (g *gateway) raw(user string) *raw {
	g.t.Helper()
	conn, err := g.dialSSH(user, "")
	g.check(err)
	g.t.Cleanup(func() { conn.Close() })
	ch, requests, err := conn.OpenChannel("session", nil)
	g.check(err)
	go ssh.DiscardRequests(requests)
	ok, err := ch.SendRequest("subsystem", true, ssh.Marshal(struct{ Name string }{"sftp"}))
	if err != nil || !ok {
		g.t.Fatalf("no sftp subsystem: %v", err)
	}
	r := &raw{t: g.t, in: ch, out: ch}
	r.send(fxpInit, binary.BigEndian.AppendUint32(nil, 3))
	r.read()
	return r
}

func (r *raw) send(kind byte, body []byte) {
	r.t.Helper()
	p := binary.BigEndian.AppendUint32(nil, uint32(1+len(body)))
	if _, err := r.in.Write(append(append(p, kind), body...)); err != nil {
		r.t.Fatalf("the session is gone: %v", err)
	}
}

func (r *raw) read() (kind byte, body []byte) {
	r.t.Helper()
	var head [5]byte
	if _, err := io.ReadFull(r.out, head[:]); err != nil {
		r.t.Fatalf("no answer: %v", err)
	}
	body = make([]byte, binary.BigEndian.Uint32(head[:])-1)
	if _, err := io.ReadFull(r.out, body); err != nil {
		r.t.Fatalf("half an answer: %v", err)
	}
	return head[4], body
}

// ask sends a request whose fields are strings and numbers, and returns the
// answer without its request id.
func (r *raw) ask(kind byte, fields ...any) (answer byte, body []byte) {
	r.t.Helper()
	r.next++
	p := binary.BigEndian.AppendUint32(nil, r.next)
	for _, f := range fields {
		switch f := f.(type) {
		case string:
			p = append(binary.BigEndian.AppendUint32(p, uint32(len(f))), f...)
		case int:
			p = binary.BigEndian.AppendUint32(p, uint32(f))
		case int64:
			p = binary.BigEndian.AppendUint64(p, uint64(f))
		}
	}
	r.send(kind, p)
	answer, body = r.read()
	return answer, body[4:]
}

// refusal returns the status code and sentence of an answer, code 0 for
// anything but a refusal.
func refusal(answer byte, body []byte) (code uint32, sentence string) {
	if answer != fxpStatus {
		return 0, ""
	}
	code = binary.BigEndian.Uint32(body)
	if n := binary.BigEndian.Uint32(body[4:]); uint64(n)+8 <= uint64(len(body)) {
		sentence = string(body[8 : 8+n])
	}
	return code, sentence
}

// hostile are names that must be refused, whatever is asked of them.
var hostile = map[string]string{
	"a NUL":                   "/in/a\x00b",
	"a NUL at the end":        "/in/a.xml\x00",
	"a newline":               "/in/a\nb",
	"an escape":               "/in/\x1b[2J",
	"DEL":                     "/in/a\x7f",
	"C1":                      "/in/a\u009b",
	"right-to-left override":  "/in/\u202egpj.exe",
	"isolate":                 "/in/\u2066a",
	"zero width":              "/in/a\u200bb",
	"byte order mark":         "/in/\ufeffa",
	"line separator":          "/in/a\u2028b",
	"backslash":               `/in/a\b`,
	"backslashes up":          `..\..\..\etc\passwd`,
	"drive":                   `C:\in\a`,
	"no UTF-8":                "/in/\xff\xfe",
	"overlong slash":          "/in/..\xc0\xaf..\xc0\xafetc",
	"surrogate":               "/in/\xed\xa0\x80",
	"64 KiB":                  "/in/" + strings.Repeat("a", 64<<10),
	"64 KiB of folders":       "/" + strings.Repeat("a/", 32<<10),
	"256 bytes":               "/in/" + strings.Repeat("b", 256),
	"deep":                    "/in" + strings.Repeat("/d", 40),
	"blanks":                  "/in/   ",
	"outside":                 "/etc/passwd",
	"up and outside":          "/in/../../../../../../etc/passwd",
	"up from the root":        "../../../../../../../../etc/passwd",
	"up and outside, dotted":  "/in/./.././../etc/./passwd",
	"the data directory":      "/keys/master.key",
	"up to the keys":          "/in/../keys/master.key",
	"vault":                   "../vault/00/00",
	"catalog":                 "/../catalog.db/x",
	"proc":                    "/proc/self/environ",
	"below out":               "/out/a/b",
	"below kept":              "/kept/a/b",
	"kept and up to the disk": "/kept/../../catalog.db/x",
}

// TestCampaignNames sends hostile names in every request that takes one. They
// are refused, nobody reaches anything but his own tree, and only the gateway's
// own names lie on the disk.
func TestCampaignNames(t *testing.T) {
	g := newGateway(t, "")
	for _, name := range []string{"acme", "other"} {
		g.account(name, "keep")
		g.login(name, name+"-robot")
	}
	theirs := g.client("other-robot")
	secret := payfile(1, 1, 200<<10)
	g.check(put(theirs, "/in/secret-of-other.xml", secret))
	g.check(theirs.Mkdir("/in/folder-of-other"))
	g.check(put(g.client("acme-robot"), "/in/mine.xml", payfile(2, 1, 0)))
	g.settle(settleBar)
	id := g.named("other", "secret-of-other.xml", 1)[0].ID

	before := len(g.files())
	attackNames(t, g)
	attackOthers(t, g, id)
	attackAreas(t, g)
	attackLinks(t, g)
	if n := len(g.files()); n != before {
		t.Errorf("%d files were made by hostile requests", n-before)
	}
	dots(t, g)
	g.settle(settleBar)
	onlyOpaqueNames(t, g.dir)
	// The other account is as it was.
	if got, err := fetch(theirs, "/kept/secret-of-other.xml"); err != nil || !bytes.Equal(got, secret) {
		t.Errorf("the other account's file: %v", err)
	}
	g.running()
	g.stop()
	onlyOpaqueNames(t, g.dir)
	checkStores(g)
}

// requests are all requests that take a name.
func (r *raw) requests(name string) map[string]func() (byte, []byte) {
	return map[string]func() (byte, []byte){
		"open to write":   func() (byte, []byte) { return r.ask(fxpOpen, name, flagWrite|flagCreate|flagTrunc, 0) },
		"open to read":    func() (byte, []byte) { return r.ask(fxpOpen, name, flagRead, 0) },
		"lstat":           func() (byte, []byte) { return r.ask(fxpLstat, name) },
		"stat":            func() (byte, []byte) { return r.ask(fxpStat, name) },
		"setstat":         func() (byte, []byte) { return r.ask(fxpSetstat, name, 4, 0o777) },
		"opendir":         func() (byte, []byte) { return r.ask(fxpOpendir, name) },
		"remove":          func() (byte, []byte) { return r.ask(fxpRemove, name) },
		"mkdir":           func() (byte, []byte) { return r.ask(fxpMkdir, name, 0) },
		"rmdir":           func() (byte, []byte) { return r.ask(fxpRmdir, name) },
		"rename from":     func() (byte, []byte) { return r.ask(fxpRename, name, "/in/x.xml") },
		"rename to":       func() (byte, []byte) { return r.ask(fxpRename, "/in/mine.xml", name) },
		"posix-rename to": func() (byte, []byte) { return r.ask(fxpExtended, "posix-rename@openssh.com", "/in/mine.xml", name) },
		"readlink":        func() (byte, []byte) { return r.ask(fxpReadlink, name) },
		"symlink to":      func() (byte, []byte) { return r.ask(fxpSymlink, name, "/in/link") },
		"symlink at":      func() (byte, []byte) { return r.ask(fxpSymlink, "/in/mine.xml", name) },
		"hardlink at":     func() (byte, []byte) { return r.ask(fxpExtended, "hardlink@openssh.com", "/in/mine.xml", name) },
		"hardlink to":     func() (byte, []byte) { return r.ask(fxpExtended, "hardlink@openssh.com", name, "/in/link") },
	}
}

func attackNames(t *testing.T, g *gateway) {
	t.Helper()
	r := g.raw("acme-robot")
	for what, name := range hostile {
		for how, ask := range r.requests(name) {
			code, sentence := refusal(ask())
			if code < 2 {
				t.Errorf("%s (%.60q): %s was not refused", what, name, how)
			}
			if !utf8.ValidString(sentence) || strings.Contains(sentence, g.dir) || len(sentence) > 300 {
				t.Errorf("%s: %s is answered by %.300q", what, how, sentence)
			}
		}
	}
}

// attackOthers tries everything on what belongs to another account.
func attackOthers(t *testing.T, g *gateway, id string) {
	t.Helper()
	r := g.raw("acme-robot")
	for _, name := range []string{
		"/in/secret-of-other.xml", "/kept/secret-of-other.xml", "/out/secret-of-other.xml", "/kept/" + id, "/out/" + id,
		"/other/in/secret-of-other.xml", "/other/kept/secret-of-other.xml", "/../other/kept/secret-of-other.xml",
		"/kept/../../other/kept/secret-of-other.xml", "/in/folder-of-other/a.xml", "/accounts/other/a.db",
	} {
		for how, ask := range r.requests(name) {
			if how == "open to write" || how == "mkdir" || strings.HasSuffix(how, " to") || strings.HasSuffix(how, " at") {
				continue // a name of one's own, like another's
			}
			if code, _ := refusal(ask()); code < 2 {
				t.Errorf("another account's %s: %s was not refused", name, how)
			}
		}
	}
	c := g.client("acme-robot")
	for _, dir := range []string{"/", "/in", "/out", "/kept"} {
		list, err := c.ReadDir(dir)
		if err != nil {
			t.Errorf("%s: %v", dir, err)
		}
		for _, e := range list {
			if strings.Contains(e.Name(), "other") {
				t.Errorf("%s shows another account's %s", dir, e.Name())
			}
		}
	}
}

// attackAreas tries to write where nothing is written.
func attackAreas(t *testing.T, g *gateway) {
	t.Helper()
	r := g.raw("acme-robot")
	for _, name := range []string{"/", "/in", "/out", "/kept", "/out/a.xml", "/kept/a.xml", "/in/../out/a.xml", "/in/../kept/a.xml", "//kept//a.xml"} {
		for _, how := range []string{"open to write", "open to read", "remove", "mkdir", "rmdir", "rename from", "rename to", "posix-rename to", "symlink at", "hardlink at"} {
			if code, _ := refusal(r.requests(name)[how]()); code < 2 {
				t.Errorf("%s: %s was not refused", name, how)
			}
		}
	}
}

// attackLinks asks for links to what exists.
func attackLinks(t *testing.T, g *gateway) {
	t.Helper()
	r := g.raw("acme-robot")
	for _, target := range []string{"/etc/passwd", "/in", "..", "/kept", g.dir + "/keys/master.key"} {
		for _, how := range []string{"symlink to", "hardlink to", "readlink"} {
			if code, _ := refusal(r.requests(target)[how]()); code < 2 {
				t.Errorf("%s of %s was not refused", how, target)
			}
		}
	}
	if code, _ := refusal(r.ask(fxpStat, "/in/link")); code != 2 {
		t.Errorf("a link is there: status %d", code)
	}
	if code, _ := refusal(r.ask(fxpExtended, "copy-data", "0", int64(0), int64(0), "1", int64(0))); code < 2 {
		t.Error("copy-data was not refused")
	}
}

// dots sends files by names with dots that stay within the tree: each lands in
// /in under a name without them.
func dots(t *testing.T, g *gateway) {
	t.Helper()
	r := g.raw("acme-robot")
	for i, name := range []string{"../up.xml", "/in/../in/./up.xml", "/in/a/../up.xml", "/../../in/up.xml", "//up.xml"} {
		answer, handle := r.ask(fxpOpen, name, flagWrite|flagCreate|flagTrunc, 0)
		if answer != fxpHandle {
			continue // refused: well, too
		}
		content := payfile(uint64(100+i), 1, 0)
		r.mustOK(r.ask(fxpWrite, string(handle[4:]), int64(0), string(content)))
		r.mustOK(r.ask(fxpClose, string(handle[4:])))
		list := g.files("acme", "--name", "up.xml")
		if len(list) == 0 || list[0].SHA256 != sum(content) {
			t.Errorf("%s became %+v", name, list)
		}
	}
	for _, name := range []string{"..", "/..", "/in/../..", "/../../.."} {
		answer, body := r.ask(fxpRealpath, name)
		if answer != fxpName || !bytes.Contains(body, []byte("\x00\x00\x00\x01/")) {
			t.Errorf("realpath of %s is %q", name, body)
		}
	}
	for _, rec := range g.files("acme") {
		if strings.ContainsAny(rec.Name, "/\\") || strings.HasPrefix(rec.Name, "..") {
			t.Errorf("a file is called %q", rec.Name)
		}
	}
}

func (r *raw) mustOK(answer byte, body []byte) {
	r.t.Helper()
	if code, sentence := refusal(answer, body); answer != fxpStatus || code != 0 {
		r.t.Fatalf("status %d: %s", code, sentence)
	}
}

// ours are the names that the gateway gives what it stores.
var ours = regexp.MustCompile(`^(lock|gateway\.sock|gateway\.sock\.path|catalog\.db(-wal|-shm)?` +
	`|accounts(/` + uuidName + `\.db(-wal|-shm|-journal)?)?` +
	`|vault(/[0-9a-f]{2}(/[0-9a-f]{64})?)?` +
	`|keys(/(master\.key|gateway\.key|tls\.key|store\.json|copy\.json|account-` + uuidName + `\.key|ingest-\d{4}-\d\d-\d\d-[0-9a-f]{16}\.key))?)$`)

const uuidName = `[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}`

// onlyOpaqueNames walks a data directory.
func onlyOpaqueNames(t testing.TB, dir string) {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		n++
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if !ours.MatchString(filepath.ToSlash(name)) {
			t.Errorf("%s lies on the disk", name)
		}
		if d.Type()&(fs.ModeSymlink|fs.ModeNamedPipe|fs.ModeDevice) != 0 {
			t.Errorf("%s is a %v", name, d.Type())
		}
		info, err := os.Lstat(path)
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s may be read by others: %v", name, info.Mode())
		}
		return nil
	})
	if err != nil || n < 5 {
		t.Fatal(fmt.Errorf("%d names in %s: %w", n, dir, err))
	}
}
