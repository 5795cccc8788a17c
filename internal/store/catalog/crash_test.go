package catalog_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
)

// crashEnv names the database of the child that TestKillKeepsTheAcknowledged
// starts and kills.
const crashEnv = "SEALGATE_CATALOG_CRASH_TEST"

func TestMain(m *testing.M) {
	if path := os.Getenv(crashEnv); path != "" {
		crashChild(path)
	}
	os.Exit(m.Run())
}

// crashChild adds files from 8 goroutines for ever, and says so of each one
// whose update has returned.
func crashChild(path string) {
	c, err := catalog.Open(context.Background(), path, catalog.Options{})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for {
				account := &catalog.Account{ID: catalogtest.ID()}
				var id uuid.UUID
				err := c.Update(context.Background(), func(tx *catalog.Tx) error {
					f := newFile(account)
					id = f.ID
					if err := tx.InsertFile(f); err != nil {
						return err
					}
					return tx.AddJob(&catalog.Job{Kind: "index", Account: account.ID, File: id})
				})
				mu.Lock()
				if err != nil {
					fmt.Println("error", err)
					os.Exit(1)
				}
				fmt.Println("stored", id)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
}

func TestKillKeepsTheAcknowledged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "c.db")
	var acknowledged []uuid.UUID
	for round := range 5 {
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), crashEnv+"="+path)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			id, ok := strings.CutPrefix(lines.Text(), "stored ")
			if !ok {
				t.Fatal(lines.Text())
			}
			acknowledged = append(acknowledged, uuid.MustParse(id))
			if n == 200+77*round {
				if err := child.Process.Kill(); err != nil { // SIGKILL, in the middle of groups
					t.Fatal(err)
				}
			}
		}
		_ = child.Wait() // killed

		c := catalogtest.OpenAt(t, path, catalog.Options{})
		catalogtest.View(t, c, func(tx *catalog.Tx) error {
			files, err := tx.Files(catalog.FileFilter{Limit: -1})
			if err != nil {
				return err
			}
			there := map[uuid.UUID]bool{}
			for _, f := range files {
				there[f.ID] = true
			}
			for _, id := range acknowledged {
				if !there[id] {
					t.Errorf("file %s was acknowledged and is not there", id)
				}
			}
			jobs, err := tx.CountJobs("index")
			if int(jobs) != len(files) {
				t.Errorf("%d files, %d jobs: half an update is there", len(files), jobs)
			}
			return err
		})
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
