package campaign

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
)

// Marks that a thief of the disk looks for. Each is unlike anything a gateway
// writes by itself.
const (
	markName    = "zqmarkname"
	markUser    = "zqmarkuser"
	markPayee   = "Zqmarkpayee"
	markMessage = "ZQMARKMESSAGE"
	markJunk    = "zqmarkjunk"
	markFolder  = "zqmarkfolder"
	markAddress = "203.0.113.77"
)

var marks = []string{markName, markUser, markPayee, markMessage, markJunk, markFolder, markAddress}

// marked is a payment file full of marks; held makes the indexer complain about
// a marked value.
func marked(n, size int, held bool) []byte {
	text := string(payfile(uint64(9000+n), 3, 0))
	text = strings.ReplaceAll(text, "<MsgId>SYN-", fmt.Sprintf("<MsgId>%s%d-", markMessage, n))
	text = strings.ReplaceAll(text, "<Nm>", "<Nm>"+markPayee+" ")
	if held {
		text = strings.Replace(text, "<CtrlSum>", "<CtrlSum>9", 1)
		text = strings.Replace(text, "<IBAN>", "<IBAN>"+markMessage, 1)
	}
	more := "<!-- " + markPayee + " " + markMessage + " -->\n"
	return []byte(text + strings.Repeat(more, max(0, size-len(text)+len(more)-1)/len(more)))
}

// TestCampaignStolenDisk fills a gateway with marked names and contents in every
// state, takes its disk without keys/ and accounts/, and looks for the marks:
// in databases with their logs and free pages, in bodies, in names, in the log.
func TestCampaignStolenDisk(t *testing.T) {
	g := newGateway(t, "")
	g.stop()
	g.env = []string{"SEALGATE_LOG_LEVEL=debug"}
	g.start()
	g.account("keeper", "keep")
	g.account("eraser", "delete")
	for _, account := range []string{"keeper", "eraser"} {
		user := markUser + "-" + account
		g.must("login", "add", account, user, "--ssh-key", g.keyFile+".pub", "--allow-from", markAddress+"/32", "--allow-from", "127.0.0.0/8")
		g.must("login", "add", account, markUser+"-gone-"+account, "--ssh-key", g.keyFile+".pub")
		fillMarked(g, account, user)
		g.must("login", "rm", account, markUser+"-gone-"+account)
	}
	g.settle(settleBar)
	states := map[string]int{}
	for _, rec := range append(g.files(), g.files("--state", "waiting-rename")...) {
		states[rec.State]++
	}
	for _, state := range []string{"kept", "deleted", "held", "refused", "waiting-rename", "erased"} {
		if states[state] == 0 {
			t.Errorf("no file is %s: %v", state, states)
		}
	}
	t.Logf("states: %v", states)

	if n := len(search(t, steal(t, g.dir, "running"))); n > 0 {
		t.Error("on the disk of a running gateway")
	}
	g.kill()
	if n := len(search(t, steal(t, g.dir, "killed"))); n > 0 {
		t.Error("on the disk of a killed gateway")
	}
	g.start()
	g.settle(settleBar)
	g.stop()
	if n := len(search(t, steal(t, g.dir, "stopped"))); n > 0 {
		t.Error("on the disk of a stopped gateway")
	}
	if n := len(search(t, filepath.Dir(g.logFile), g.dir)); n > 0 {
		t.Error("in the log")
	}
	// The search finds what is there: an account's payments lie in its index.
	if len(find(filepath.Join(g.dir, "accounts"), "", marks)) == 0 {
		t.Error("the search finds nothing where payees lie in clear")
	}
}

// fillMarked sends files that come to rest in every way, and leaves some on
// their way.
func fillMarked(g *gateway, account, user string) {
	g.t.Helper()
	base := map[string]int{"keeper": 0, "eraser": 100}[account]
	c := g.client(user)
	name := func(i int) string { return fmt.Sprintf("/in/%s-%s-%d.xml", markName, account, i) }
	for i, size := range []int{0, 40 << 10, 300 << 10} {
		g.check(put(c, name(i), marked(base+i, size, false)))
	}
	g.check(put(c, name(3), marked(base+3, 0, true)))
	g.check(put(c, name(4), []byte(strings.Repeat(markJunk+" is of no format\n", 300))))
	g.check(put(c, name(5), marked(base, 0, false))) // the same again: held
	g.check(put(c, name(6)+".part", marked(base+6, 100<<10, false)))
	g.check(put(c, name(7)+".part", marked(base+7, 0, false)))
	g.check(c.PosixRename(name(7)+".part", name(7)))
	g.check(c.Mkdir("/in/" + markFolder))
	g.check(c.Mkdir("/in/" + markFolder + "/" + markFolder + "-inside"))
	g.check(put(c, "/in/"+markFolder+"/"+markName+"-deep.xml", marked(base+8, 0, false)))
	g.check(c.Remove("/in/" + markFolder + "/" + markName + "-deep.xml"))
	g.check(c.RemoveDirectory("/in/" + markFolder + "/" + markFolder + "-inside"))
	// Names that are refused reach the log at most as a kind of mistake.
	_ = put(c, "/in/no-folder-"+markFolder+"/"+markName+".xml", marked(base+9, 0, false))
	_ = put(c, "/in/"+markName+"\u202e.xml", marked(base+9, 0, false))
	_, _ = c.Stat("/in/" + markName + "-missing.xml")
	_, _ = c.Open("/kept/" + markName + "-missing.xml")
	// A cut upload.
	other, err := g.dial(user, "")
	g.check(err)
	f, err := other.OpenFile(name(10), os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	g.check(err)
	_, err = f.ReadFrom(bytes.NewReader(marked(base+10, 400<<10, false)))
	g.check(err)
	other.Close()
	// Strangers.
	if _, err := g.dial(markUser+"-stranger", ""); err == nil {
		g.t.Error("a stranger came in")
	}
	g.settle(settleBar)
	out := filepath.Join(g.t.TempDir(), markName+"-out.xml")
	g.check(os.WriteFile(out, marked(base+11, 0, false), 0o600))
	g.must("file", "send", account, out)
	g.must("file", "erase", g.named(account, filepath.Base(name(3)), 1)[0].ID, "--confirm", g.named(account, filepath.Base(name(3)), 1)[0].ID)
	g.must("payment", "ls", account, "--payee", markPayee)
}

// steal copies a data directory without its keys and account databases.
func steal(t *testing.T, dir, when string) string {
	t.Helper()
	loot := filepath.Join(t.TempDir(), when)
	err := copyTree(loot, dir, func(name string) bool { return name == "keys" || name == "accounts" })
	if err != nil {
		t.Fatal(err)
	}
	return loot
}

// search looks for the marks below dir, except in one folder, and tells what it
// found.
func search(t *testing.T, dir string, except ...string) []string {
	t.Helper()
	found := find(dir, strings.Join(except, ""), marks)
	for _, hit := range found {
		t.Errorf("found %s", hit)
	}
	return found
}

// find looks for the marks in every file below dir and in its name, in the forms
// in which they might stand there.
func find(dir, except string, marks []string) (hits []string) {
	forms := map[string][]byte{}
	for _, mark := range marks {
		for _, m := range []string{mark, strings.ToUpper(mark), strings.ToLower(mark)} {
			forms[m] = []byte(m)
			forms[m+" in hex"] = []byte(hex.EncodeToString([]byte(m)))
			forms[m+" in UTF-16"] = wide(m)
		}
		for i := range 3 { // base64 has three alignments
			text := base64.StdEncoding.EncodeToString([]byte(strings.Repeat("-", i) + mark + "---"))
			forms[fmt.Sprintf("%s in base64 (%d)", mark, i)] = []byte(text[4 : len(text)-8])
		}
	}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == except && d.IsDir() {
			return fs.SkipDir
		}
		content := []byte(d.Name())
		if d.Type().IsRegular() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = append(content, b...)
		}
		for what, form := range forms {
			if i := bytes.Index(content, form); i >= 0 {
				hits = append(hits, fmt.Sprintf("%s in %s: %.100q", what, path, content[max(0, i-60):]))
			}
		}
		return nil
	})
	return hits
}

func wide(s string) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		b = append(b, byte(u), byte(u>>8))
	}
	return b
}
