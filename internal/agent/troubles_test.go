package agent

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"sealgate/internal/account/agents"
	"sealgate/internal/agent/agenttest"
	"sealgate/internal/agent/home"
	"sealgate/internal/agent/journal"
	"sealgate/internal/connect"
	"sealgate/internal/durable"
	"sealgate/internal/durable/durabletest"
)

// Who sends a file by hand is told when it was not sent because it changed.
func TestSendingByHandWhatChangesFails(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	path := filepath.Join(t.TempDir(), "pay.xml")
	if err := os.WriteFile(path, bytes.Repeat([]byte("A"), 2<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	d.o.Cut = func(step string) error {
		if step == "sealed" {
			return os.WriteFile(path, []byte("another"), 0o600)
		}
		return nil
	}
	d.restart()
	var failed *Failed
	if sent, err := d.SendNow(t.Context(), []string{path}, true); !errors.As(err, &failed) || !strings.Contains(failed.Spoken(), "was not sent") || !failed.Answered() || len(sent) != 0 {
		t.Errorf("%+v, %v", sent, err)
	}
	if len(g.Taken()) != 0 {
		t.Error("half of each was taken")
	}
}

// A file that is received and could not be deleted yet is still here when the gateway
// has lost it: it is sent again, and deleted only then.
func TestARestoredGatewayGetsWhatIsNotPutAwayYet(t *testing.T) {
	for _, step := range []string{"received", "moved"} {
		g := agenttest.New(t)
		d := newDesk(t, g, g.Plain.URL)
		if err := d.BeatOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		d.o.Settings.Folders[0].After = home.Delete
		d.o.Cut = func(at string) error {
			if at == step {
				return errCut
			}
			return nil
		}
		d.restart()
		d.write("pay.xml", []byte("content"))
		if err := d.work(); !errors.Is(err, errCut) {
			t.Fatal(err)
		}
		g.Lose(g.Taken()...)
		g.StartAnew()
		d.o.Cut = nil
		d.restart()
		for range 2 { // the first answer only tells that the gateway is another process
			if err := d.BeatOnce(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		d.mustWork()
		d.has([]byte("content"))
		if left := d.left(); len(left) != 0 {
			t.Errorf("%s: %v stayed", step, left)
		}
	}
}

// An agent that may not send any more still fetches, after a restart of the gateway
// as well.
func TestAnAgentThatMayOnlyFetchFetches(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	dir := d.withOutbox(home.Opened)
	d.write("pay.xml", []byte("content"))
	d.mustWork()
	may := []connect.Right{connect.RightFetch}
	if _, err := g.Agents.Set(t.Context(), "operator:test", "acme", d.enrolment.Agent.String(), agents.Change{May: &may}); err != nil {
		t.Fatal(err)
	}
	g.StartAnew()
	d.answer("camt.053.xml", []byte("answer"))
	for range 2 {
		if err := d.BeatOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	d.only(dir, "camt.053.xml", []byte("answer"))
}

// What is fetched is for a program that runs as another account.
func TestFetchedFilesHaveTheRightsOfTheirFolder(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // there, files inherit
	}
	for folder, want := range map[os.FileMode]os.FileMode{0o770: 0o660, 0o755: 0o644, 0o700: 0o600} {
		g := agenttest.New(t)
		d := newDesk(t, g, g.Plain.URL)
		dir := d.withOutbox(home.Opened)
		if err := os.Chmod(dir, folder); err != nil {
			t.Fatal(err)
		}
		d.answer("camt.053.xml", []byte("answer"))
		if _, err := d.Fetch(t.Context()); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(filepath.Join(dir, "camt.053.xml")); err != nil || info.Mode().Perm() != want {
			t.Errorf("folder %o: %v, %v", folder, info.Mode(), err)
		}
	}
}

// What an earlier run left of a file that stays sealed is not built upon: nothing
// here may be able to tell that a power cut made zeros of it.
func TestASealedFileIsFetchedFromItsStart(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	dir := d.withOutbox(home.Sealed)
	d.answer("camt.053.xml", random(100_000))
	id := g.Files()[0].ID
	if err := os.WriteFile(filepath.Join(dir, ".sealgate-"+id.String()+".part"), make([]byte, 50_000), 0o600); err != nil {
		t.Fatal(err)
	}
	if r, err := d.Fetch(t.Context()); err != nil || len(r.Failed) != 0 || len(r.Files) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
}

// A file for which there is no name is not fetched again each minute.
func TestAFileThatCannotBeWrittenIsNotFetchedEachMinute(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	dir := d.withOutbox(home.Opened)
	d.answer("camt.053.xml", []byte("answer"))
	id := g.Files()[0].ID.String()
	for _, name := range []string{"camt.053.xml", "camt.053." + id[24:] + ".xml"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	opened := 0
	g.Fates(func(r *http.Request) agenttest.Fate {
		if strings.HasSuffix(r.URL.Path, "/open") {
			opened++
		}
		return agenttest.Through
	})
	for range 10 {
		if err := d.BeatOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s, err := d.Status(t.Context()); err != nil || s.Fetch == nil {
			t.Fatalf("nothing is said of it: %v", err)
		}
		g.Clock.Add(time.Minute)
	}
	if opened != 2 {
		t.Errorf("opened %d times in ten minutes", opened)
	}
	if err := os.Remove(filepath.Join(dir, "camt.053.xml")); err != nil {
		t.Fatal(err)
	}
	if r, err := d.Fetch(t.Context()); err != nil || len(r.Files) != 1 { // a person does not wait
		t.Fatalf("%+v, %v", r, err)
	}
}

// A clock that was ahead when something failed, and was set right, holds up nothing;
// and what is tried already is nothing to wait for.
func TestWhenThingsAreDue(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	d.write("pay.xml", []byte("content"))
	if err := d.LookOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	now := d.Now()
	for again, due := range map[time.Duration]int{-time.Minute: 1, 0: 1, time.Minute: 0, time.Hour: 0, 24 * time.Hour: 1} {
		all, err := d.Journal().Open(t.Context(), 0, 10)
		if err != nil || len(all) != 1 {
			t.Fatalf("%v, %v", all, err)
		}
		if err := d.Journal().Fail(t.Context(), all[0].Seq, "code", "sentence", now.Add(again)); err != nil {
			t.Fatal(err)
		}
		if got, err := d.Journal().Due(t.Context(), now, nil, nil, 10); err != nil || len(got) != due {
			t.Errorf("%v: %d due, %v", again, len(got), err)
		}
		var one *journal.Delivery
		if one, err = d.Journal().Get(t.Context(), all[0].Seq); err != nil || one.Due(now) != (due == 1) {
			t.Errorf("%v: %+v, %v", again, one, err)
		}
		if next, err := d.Journal().Next(t.Context(), now); err != nil || next.IsZero() != (again <= 0) {
			t.Errorf("%v: next %v, %v", again, next, err)
		}
	}
}

// A folder whose look does not come to an end is said, like one that is not there.
func TestAFolderThatDoesNotAnswerIsSaid(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	troubles := func() string {
		s, err := d.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return s.Folders[0].Trouble
	}
	d.scanning(d.folder)
	g.Clock.Add(30 * time.Second)
	if got := troubles(); got != "" {
		t.Errorf("too early: %q", got)
	}
	g.Clock.Add(time.Minute)
	if got := troubles(); !strings.Contains(got, "does not answer") {
		t.Errorf("%q", got)
	}
	d.scanned(d.folder, nil)
	if got := troubles(); got != "" {
		t.Errorf("it answers again: %q", got)
	}
}

// A share that cannot sync a folder has its files once: what the program there takes
// away is not fetched again.
func TestAFolderThatCannotBeSyncedHasItsFilesOnce(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	disk := durabletest.NewFaulty(durable.OS)
	d.o.Disk = disk
	dir := d.withOutbox(home.Opened)
	d.answer("camt.053.xml", []byte("answer"))
	disk.Fail(durabletest.SyncDir, 1, durabletest.NotStored, syscall.EINVAL)
	if r, err := d.Fetch(t.Context()); err != nil || len(r.Files) != 1 || disk.Fired() != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	if err := os.Remove(filepath.Join(dir, "camt.053.xml")); err != nil {
		t.Fatal(err)
	}
	if r, err := d.Fetch(t.Context()); err != nil || len(r.Files) != 0 {
		t.Errorf("%+v, %v", r, err)
	}
}

// A journal that is gone is said: what was sent before and lies there again is held.
func TestALostJournalIsSaid(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	said := func() bool {
		t.Helper()
		s, err := d.Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return strings.Contains(strings.Join(s.Troubles(), " "), "The journal of Connect was gone")
	}
	d.write("pay.xml", []byte("content"))
	d.mustWork()
	d.restart()
	if said() {
		t.Error("it is there")
	}
	d.Close()
	gone, err := filepath.Glob(d.o.Home.Journal() + "*")
	if err != nil || len(gone) == 0 {
		t.Fatalf("%v, %v", gone, err)
	}
	for _, name := range gone {
		if err := os.Remove(name); err != nil {
			t.Fatal(err)
		}
	}
	d.open()
	if !said() {
		t.Error("it is gone, and nobody is told")
	}
	d.restart()
	if !said() {
		t.Error("after a start it is forgotten")
	}
	g.Clock.Add(40 * 24 * time.Hour)
	if said() {
		t.Error("it is said for ever")
	}
}

// The key of a file that was sent is nowhere in the journal's files.
func TestAfterWorkNoFileKeyIsLeft(t *testing.T) {
	g := agenttest.New(t)
	d := newDesk(t, g, g.Plain.URL)
	var key []byte
	d.o.Cut = func(step string) error {
		if step == "sent" {
			all, err := d.Journal().Open(t.Context(), 0, 1)
			if err != nil || len(all) != 1 {
				t.Fatalf("%v, %v", all, err)
			}
			key = all[0].Key
		}
		return nil
	}
	d.restart()
	d.write("pay.xml", random(2<<20))
	d.mustWork()
	if len(key) == 0 {
		t.Fatal("there was no key to look for")
	}
	if err := d.Journal().Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(d.o.Home.Journal() + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if content, err := os.ReadFile(name); err != nil || bytes.Contains(content, key) {
			t.Errorf("%s holds the key of a file that was sent (%v)", filepath.Base(name), err)
		}
	}
}
