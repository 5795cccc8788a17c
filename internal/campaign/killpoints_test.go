package campaign

import (
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"sealgate/internal/custody"
	"sealgate/internal/keys"
	"sealgate/internal/keys/master"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
)

// mortal is the gateway built so that it can be told where to die.
var mortal = sync.OnceValue(func() string {
	out := filepath.Join(scratch, "mortal")
	build := exec.Command("go", "build", "-tags", "killpoints", "-o", out, "sealgate/cmd/gateway")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("the gateway with kill points does not build: %v\n%s", err, text))
	}
	return out
})

// killing is one act that dies at a named place.
type killing struct {
	point string // NAME, or NAME:N for the Nth time
	act   string
	// ready readies the running gateway before it is started again to die.
	ready func(*victim)
	// asleep changes what the gateway finds at that start.
	asleep func(*victim)
	// do gives the command that comes to the point. When it is nil, the start of
	// the gateway does.
	do func(*victim)
	// offline: the command itself dies, on a gateway that is stopped.
	offline bool
	// after checks what holds when the gateway runs again, and repeats the command.
	after func(*victim)
}

// victim is a gateway that was killed, and what should be readable on it.
type victim struct {
	*gateway
	safe string // a directory for copies
	at   string // where it dies
	stay []*kept
	gone []*kept
	note map[string]string // what an act has to tell its check
}

// TestCampaignKillPoints kills the gateway at every named step of every act that
// changes keys or bodies, and starts it again: it is ready in time, what should be
// readable is, what should not be is not, and the command can be repeated.
func TestCampaignKillPoints(t *testing.T) {
	began := time.Now()
	stock := newStock(t)
	tried := map[string]bool{}
	var rows []killing
	for _, k := range killings() {
		name, _, _ := strings.Cut(k.point, ":")
		if !tried[name] || long() { // the short form comes to each place once
			rows = append(rows, k)
		}
		tried[name] = true
	}
	for _, name := range killPointsInTree(t) {
		if !tried[name] {
			t.Errorf("no act is killed at %s", name)
		}
		delete(tried, name)
	}
	for _, name := range slices.Sorted(maps.Keys(tried)) {
		t.Errorf("%s is nowhere in the program", name)
	}
	t.Run("acts", func(t *testing.T) {
		for _, k := range rows {
			t.Run(k.act+" at "+k.point, func(t *testing.T) {
				t.Parallel()
				k.try(t, stock)
			})
		}
	})
	t.Logf("%d acts killed in %v", len(rows), time.Since(began).Round(time.Second))
}

// ownTests kill the gateway's packages at these places: at real servers, and in the
// midst of what an agent sends.
var ownTests = []string{"poll.", "push.", "sealed."}

// killPointsInTree are the names of all places in the program.
func killPointsInTree(t *testing.T) []string {
	t.Helper()
	call := regexp.MustCompile(`killpoint\.At\("([^"]+)"\)`)
	found := map[string]bool{}
	for _, dir := range []string{"../../internal", "../../cmd"} {
		err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			for _, m := range call.FindAllSubmatch(text, -1) {
				if name := string(m[1]); !slices.Contains(ownTests, strings.SplitAfter(name, ".")[0]) {
					found[name] = true
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return slices.Sorted(maps.Keys(found))
}

// stock is a data directory with accounts and files, from which every victim is
// copied.
type stock struct {
	*gateway
	files []*kept // all readable
}

func newStock(t *testing.T) *stock {
	t.Helper()
	g := newGateway(t, "")
	s := &stock{gateway: g}
	for _, account := range []string{"keeper", "bystander"} {
		g.account(account, "keep")
		g.login(account, account)
		for i, size := range []int{0, 150 << 10} {
			s.files = append(s.files, g.send(account, account, fmt.Sprintf("old-%d.xml", i), payfile(uint64(len(account)+10*i), 2, size)))
		}
	}
	g.account("eraser", "delete")
	g.login("eraser", "eraser")
	g.must("account", "add", "yearly", "--key-period", "year")
	g.login("yearly", "yearly")
	g.stop()
	return s
}

// victim copies the stock.
func (s *stock) victim(t *testing.T) *victim {
	t.Helper()
	dir := t.TempDir()
	g := &gateway{t: t, dir: filepath.Join(dir, "data"), signer: s.signer, keyFile: s.keyFile, logFile: filepath.Join(dir, "serve.log"), exe: mortal()}
	g.check(copyTree(g.dir, s.dir, nil))
	t.Cleanup(func() {
		g.kill()
		if t.Failed() {
			g.showLog()
		}
	})
	v := &victim{gateway: g, safe: filepath.Join(dir, "safe"), stay: slices.Clone(s.files), note: map[string]string{}}
	g.check(os.Mkdir(v.safe, 0o700))
	return v
}

func (k killing) try(t *testing.T, s *stock) {
	v := s.victim(t)
	v.at = k.point
	if k.ready != nil {
		v.start()
		k.ready(v)
		v.stop()
	}
	if k.asleep != nil {
		k.asleep(v)
	}
	v.env = []string{"SEALGATE_KILL_AT=" + k.point}
	switch {
	case k.offline:
		k.do(v)
	case k.do == nil:
		v.launch()
		v.dies()
	default:
		v.start()
		k.do(v)
		v.dies()
	}
	v.env = nil
	startInTime(v.gateway)
	v.exactly()
	if k.after != nil {
		k.after(v)
	}
	v.converged()
}

// dies waits until the gateway has killed itself.
func (v *victim) dies() {
	v.t.Helper()
	select {
	case <-v.exited:
	case <-time.After(30 * time.Second):
		v.t.Fatalf("the gateway did not come to %s", v.at)
	}
	var exit *exec.ExitError
	if !errors.As(v.err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		v.t.Fatalf("the gateway was to be killed at %s and ended with: %v", v.at, v.err)
	}
}

// exactly wants to be readable what should be, and nothing else.
func (v *victim) exactly() {
	v.t.Helper()
	v.readable(v.stay...)
	v.lost(v.gone...)
}

// converged wants the gateway to work as ever, and its stores to agree.
func (v *victim) converged() {
	v.t.Helper()
	if long() {
		v.exactly() // as after the next start, below
	}
	for _, account := range []string{"keeper", "bystander"} {
		if v.note["closed"] == account {
			continue
		}
		v.stay = append(v.stay, v.send(account, account, "new.xml", payfile(77, 1, 10)))
	}
	v.kill()
	v.start()
	v.exactly()
	v.must("keys", "backup", filepath.Join(v.safe, "last.backup"))
	v.must("audit", "verify")
	v.stop()
	checkStores(v.gateway)
	for _, dir := range []string{"", "keys"} {
		for _, pattern := range []string{"*.tmp", "*.gone", "next.bundle"} {
			if left, _ := filepath.Glob(filepath.Join(v.dir, dir, pattern)); len(left) > 0 {
				v.t.Errorf("left over: %q", left)
			}
		}
	}
}

// cut gives a command whose gateway dies under it.
func (v *victim) cut(args ...string) {
	v.t.Helper()
	if out, errs, code := v.run(args...); code == 0 {
		v.t.Errorf("gateway %s has done its work before %s:\n%s%s", strings.Join(args, " "), v.at, out, errs)
	}
}

// yesterday makes the day's ingest key one of the day before, as if the gateway had
// been stopped since: what the clock says is passed in, so that this needs no day.
func (v *victim) yesterday() {
	v.t.Helper()
	store, err := keys.Open(v.t.Context(), filepath.Join(v.dir, "keys"), master.File(filepath.Join(v.dir, "keys", "master.key")), keys.Options{})
	v.check(err)
	defer store.Close()
	cat := catalogtest.OpenAt(v.t, filepath.Join(v.dir, "catalog.db"), catalog.Options{})
	defer cat.Close()
	var node string
	catalogtest.View(v.t, cat, func(tx *catalog.Tx) (err error) {
		node, err = tx.Setting("node")
		return err
	})
	dayBefore := func() time.Time { return time.Now().Add(-24 * time.Hour) }
	v.check(custody.New(store, cat, node, dayBefore).ChangeDay(v.t.Context()))
	v.note["old key"] = v.ingestKey()
}

// ingestKey is the name of the one ingest key there is.
func (v *victim) ingestKey() string {
	v.t.Helper()
	names, err := filepath.Glob(filepath.Join(v.dir, "keys", "ingest-*"))
	if err != nil || len(names) != 1 {
		v.t.Fatalf("ingest keys: %q, %v", names, err)
	}
	return names[0]
}

// edit changes the catalog of a stopped gateway, where a test cannot wait for what
// time does.
func (v *victim) edit(query string, args ...any) {
	v.t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(v.dir, "catalog.db"))
	v.check(err)
	defer db.Close()
	done, err := db.Exec(query, args...)
	v.check(err)
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		v.t.Fatalf("%s changed %d rows, %v", query, n, err)
	}
}

// of returns the files of one account among those that are readable.
func (v *victim) of(account string) (list []*kept) {
	for _, f := range v.stay {
		if f.account == account {
			list = append(list, f)
		}
	}
	return list
}

// lose notes that the files of an account are lost by what comes.
func (v *victim) lose(files []*kept) {
	v.gone = append(v.gone, files...)
	v.stay = slices.DeleteFunc(v.stay, func(f *kept) bool { return slices.Contains(files, f) })
}
