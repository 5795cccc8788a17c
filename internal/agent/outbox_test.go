package agent

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealgate/internal/agent/agenttest"
	"sealgate/internal/agent/home"
	"sealgate/internal/durable"
	"sealgate/internal/durable/durabletest"
	"sealgate/internal/store/catalog"
)

// withOutbox makes the desk one that fetches.
func (d *desk) withOutbox(as home.Form) string {
	d.t.Helper()
	d.o.Settings.Outbox, d.o.Settings.As = d.t.TempDir(), as
	d.restart()
	return d.o.Settings.Outbox
}

func (d *desk) answer(name string, content []byte) {
	d.t.Helper()
	if _, err := d.g.Outbox.Send(d.t.Context(), d.g.Acme.ID, name, bytes.NewReader(content), "operator:test", "operator"); err != nil {
		d.t.Fatal(err)
	}
}

// waiting counts what the gateway has for the account still.
func (d *desk) waiting() int {
	n := 0
	for _, f := range d.g.Files() {
		if f.State == catalog.Waiting {
			n++
		}
	}
	return n
}

// only fails unless the folder holds exactly this.
func (d *desk) only(dir, name string, content []byte) {
	d.t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 1 || list[0].Name() != name {
		d.t.Fatalf("the folder holds %v, %v", list, err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || !bytes.Equal(got, content) {
		d.t.Fatalf("%s is another file: %v", name, err)
	}
}

func TestWhatWaitsIsBroughtHome(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	dir := d.withOutbox(home.Opened)
	content := random(9<<20 + 5)
	d.answer("../../camt.053.xml", content)
	if err := d.BeatOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.only(dir, "camt.053.xml", content)
	if d.waiting() != 0 {
		t.Error("the gateway was not told")
	}
	// A file of that name is there: it stays, the new one lies beside it.
	d.answer("camt.053.xml", []byte("another"))
	r, err := d.Fetch(t.Context())
	if err != nil || len(r.Files) != 1 || r.Files[0].Path == filepath.Join(dir, "camt.053.xml") {
		t.Fatalf("%+v, %v", r, err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "camt.053.xml")); err != nil || !bytes.Equal(got, content) {
		t.Error("a file was overwritten")
	}
}

func TestFetchedSealed(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	dir := d.withOutbox(home.Sealed)
	d.answer("camt.053.xml", []byte("the secret of the bank"))
	if _, err := d.Fetch(t.Context()); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "camt.053.xml.sealed"))
	if err != nil || bytes.Contains(got, []byte("secret")) || !bytes.HasPrefix(got, []byte("SEALGATE")) {
		t.Errorf("%.20q, %v", got, err)
	}
}

// Who waits for an answer takes it away as soon as it has its name, and does not get it
// twice because the disk or the journal failed behind that.
func TestWhatWasTakenAwayIsNotWrittenAgain(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	disk := durabletest.NewFaulty(durable.OS)
	d.o.Disk = disk
	dir := d.withOutbox(home.Opened)
	d.answer("camt.053.xml", []byte("answer"))
	disk.Fail(durabletest.SyncDir, 1, durabletest.Stored, durabletest.ErrIO)
	if r, err := d.Fetch(t.Context()); err != nil || len(r.Failed) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := os.Remove(filepath.Join(dir, "camt.053.xml")); err != nil {
		t.Fatal(err)
	}
	if r, err := d.Fetch(t.Context()); err != nil || len(r.Failed) != 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	if list, err := os.ReadDir(dir); err != nil || len(list) != 0 {
		t.Errorf("it was written again: %v, %v", list, err)
	}
	if d.waiting() != 0 {
		t.Error("the gateway was not told")
	}
}

// A share that is started anew may lose a name that it was not made to keep: the answer is
// under its temporary one again, and no one's yet.
func TestANameThatAShareHasLostIsGivenAgain(t *testing.T) {
	for as, name := range map[home.Form]string{home.Opened: "camt.053.xml", home.Sealed: "camt.053.xml.sealed"} {
		g := agenttest.New(t)
		d := newDesk(t, g, g.Plain.URL)
		disk := durabletest.NewFaulty(durable.OS)
		d.o.Disk = disk
		dir := d.withOutbox(as)
		d.answer("camt.053.xml", []byte("answer"))
		disk.Fail(durabletest.SyncDir, 1, durabletest.NotStored, durabletest.ErrIO)
		r, err := d.Fetch(t.Context())
		if err != nil || len(r.Failed) != 1 {
			t.Fatalf("%+v, %v", r, err)
		}
		temp := ".sealgate-" + r.Failed[0].File.String() + ".part"
		if as == home.Opened {
			temp = strings.Replace(temp, ".part", ".opened.part", 1)
		}
		if err := os.Rename(filepath.Join(dir, name), filepath.Join(dir, temp)); err != nil {
			t.Fatal(err)
		}
		if r, err := d.Fetch(t.Context()); err != nil || len(r.Failed) != 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		if list, err := os.ReadDir(dir); err != nil || len(list) != 1 || list[0].Name() != name {
			t.Errorf("%s: here are %v, %v", as, list, err)
		}
	}
}

// A disk or a way that fails, in either way, brings each file home once and whole.
func TestCampaignFetchingThroughFailures(t *testing.T) {
	content := random(5 << 20)
	try := func(t *testing.T, fail func(*desk, *durabletest.Faulty)) bool {
		g := agenttest.New(t)
		d := newDesk(t, g, g.Plain.URL)
		disk := durabletest.NewFaulty(durable.OS)
		d.o.Disk = disk
		dir := d.withOutbox(home.Opened)
		d.answer("camt.053.xml", content)
		fail(d, disk)
		_, _ = d.Fetch(t.Context())
		g.Fates(nil)
		fired := disk.Fired() > 0
		d.restart()
		if r, err := d.Fetch(t.Context()); err != nil || len(r.Failed) != 0 {
			t.Fatalf("%+v, %v", r, err)
		}
		d.only(dir, "camt.053.xml", content)
		if d.waiting() != 0 {
			t.Error("the gateway was not told")
		}
		return fired
	}
	for _, how := range []durabletest.How{durabletest.NotStored, durabletest.Stored} {
		for _, op := range durabletest.Ops {
			for nth := 1; nth <= often(2, 6); nth++ {
				if !try(t, func(_ *desk, disk *durabletest.Faulty) { disk.Fail(op, nth, how, durabletest.ErrFull) }) {
					break
				}
			}
		}
	}
	for _, fate := range []agenttest.Fate{agenttest.Cut, agenttest.Deaf, agenttest.Mangled} {
		for nth := 1; nth <= often(4, 6); nth++ {
			try(t, func(d *desk, _ *durabletest.Faulty) {
				n := 0
				d.g.Fates(func(*http.Request) agenttest.Fate {
					if n++; n == nth {
						return fate
					}
					return agenttest.Through
				})
			})
		}
	}
}

// Files of an ordered folder are sent oldest first, and one that fails holds up those
// behind it, and no others.
func TestAnOrderedFolder(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	d.o.Settings.Folders[0].Ordered = true
	d.restart()
	for _, name := range []string{"1.xml", "2.xml", "3.xml"} {
		d.write(name, []byte("content of "+name))
		g.Clock.Add(1)
		if err := d.LookOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	q := d.queue
	first, err := q.Journal.Head(t.Context(), d.folder)
	if err != nil || filepath.Base(first.Path) != "1.xml" {
		t.Fatalf("%+v, %v", first, err)
	}
	if due, err := q.Journal.Due(t.Context(), d.Now(), q.Ordered, nil, 10); err != nil || len(due) != 0 {
		t.Errorf("%d files of the ordered folder are due beside it, %v", len(due), err)
	}
	if err := q.Journal.Fail(t.Context(), first.Seq, "file-locked", "somebody holds it", d.Now().Add(3600e9)); err != nil {
		t.Fatal(err)
	}
	if again, err := q.Journal.Head(t.Context(), d.folder); err != nil || again.Seq != first.Seq {
		t.Errorf("another file has overtaken it: %+v, %v", again, err)
	}
	s, err := d.Status(t.Context())
	if err != nil || s.Queue.Failed != 1 || !strings.Contains(s.Files[0].Why, "somebody holds it") {
		t.Errorf("%+v, %v", s, err)
	}
}

// A file of which the gateway refuses the name holds up no other.
func TestAFileThatIsRefusedHoldsUpNoOther(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	d.write("bad\x01name.xml", []byte("x"))
	d.write("good.xml", []byte("y"))
	if err := d.work(); err == nil {
		t.Log("the gateway took the name")
	} else if why := d.queue.Explain(err); why.Everyone {
		t.Errorf("one file's problem holds up all: %+v", why)
	}
	if _, err := os.Stat(filepath.Join(d.folder, home.Sent, "good.xml")); err != nil {
		t.Error(err)
	}
}
