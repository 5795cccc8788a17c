package accountdb

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/store/accountdb/row"
)

const (
	crashDir     = "ACCOUNTDB_TEST_CRASH"
	crashBatch   = 500
	crashPayment = 2_345 // of each file: some batches
)

var crashAccount = uuid.MustParse("019a0000-0000-7000-8000-000000000001")

// A gateway that is killed at any moment has lost nothing that was published,
// shows nothing that was not, and cleans up behind itself.
func TestKilledAtAnyMoment(t *testing.T) {
	if dir := os.Getenv(crashDir); dir != "" {
		crashChild(dir)
	}
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	dir := filepath.Join(t.TempDir(), "accounts")
	rng := rand.New(rand.NewPCG(11, 12))
	acknowledged := map[uuid.UUID]bool{}
	for range rounds {
		begun := killOne(t, dir, rng.IntN(40), acknowledged)
		checkAfterCrash(t, dir, acknowledged, begun)
	}
	if len(acknowledged) == 0 {
		t.Error("no file was published in any round")
	}
}

// crashChild publishes files until it is killed, and says so on its output.
func crashChild(dir string) {
	ctx := context.Background()
	fail := func(err error) {
		if err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
	}
	p, err := OpenPool(dir, Options{})
	fail(err)
	db, _, err := p.Account(ctx, crashAccount)
	fail(err)
	db.batch = crashBatch
	for {
		id := uuid.New()
		fmt.Println("begin", id)
		l, err := db.Begin(ctx, id, 1)
		fail(err)
		for seq := range int64(crashPayment) {
			if err := l.Add(pay(seq + 1)); err != nil {
				fail(err)
			}
			if seq%crashBatch == 0 {
				fmt.Println("batch", id)
			}
		}
		_, err = l.Publish(ctx, meta(1, id.String(), crashPayment))
		fail(err)
		fmt.Println("done", id)
		_, err = db.sweep(ctx)
		fail(err)
	}
}

// killOne runs a child and kills it after so many lines of its output.
func killOne(t *testing.T, dir string, lines int, acknowledged map[uuid.UUID]bool) (begun map[uuid.UUID]bool) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKilledAtAnyMoment$")
	cmd.Env = append(os.Environ(), crashDir+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	begun = map[uuid.UUID]bool{}
	for in, n := bufio.NewScanner(out), 0; in.Scan(); n++ {
		var word, rest string
		fmt.Sscan(in.Text(), &word, &rest)
		switch word {
		case "begin", "batch":
			begun[uuid.MustParse(rest)] = true
		case "done":
			acknowledged[uuid.MustParse(rest)] = true
		default:
			t.Errorf("child says %q", in.Text())
		}
		if n == lines {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
		}
	}
	_ = cmd.Wait()
	return begun
}

func checkAfterCrash(t *testing.T, dir string, acknowledged, begun map[uuid.UUID]bool) {
	t.Helper()
	p, err := OpenPool(dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	db, release := use(t, p, crashAccount)
	defer release()
	for id := range acknowledged {
		if _, err := db.Result(t.Context(), id, 0); err != nil {
			t.Errorf("a published file: %v", err)
		}
	}
	files := int64(0)
	rows, err := db.reader.Query("SELECT id, rank FROM file")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id uuid.UUID
		var rank int64
		if err := rows.Scan(&id, &rank); err != nil {
			t.Fatal(err)
		}
		files++
		first, last := row.Span(rank)
		if n := count(t, db, "SELECT count(*) FROM payment WHERE id BETWEEN ? AND ?", first, last); n != crashPayment {
			t.Errorf("a published file has %d payments", n)
		}
		if !acknowledged[id] && !begun[id] {
			t.Errorf("file %s was never begun", id)
		}
		acknowledged[id] = true // published, and the answer lost
	}
	sweepAll(t, db)
	if n := count(t, db, "SELECT count(*) FROM payment"); n != files*crashPayment {
		t.Errorf("%d rows for %d files after the sweep", n, files)
	}
	if n := count(t, db, "SELECT count(*) FROM (SELECT payment FROM term UNION ALL SELECT payment FROM young) t WHERE NOT EXISTS (SELECT 1 FROM payment p WHERE p.id = t.payment)"); n != 0 {
		t.Errorf("%d terms of no payment", n)
	}
	var ok string
	if err := db.reader.QueryRow("PRAGMA integrity_check").Scan(&ok); err != nil || ok != "ok" {
		t.Errorf("integrity: %s, %v", ok, err)
	}
}
