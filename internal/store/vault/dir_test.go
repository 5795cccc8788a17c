package vault_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"sealgate/internal/durable"
	"sealgate/internal/durable/durabletest"
	"sealgate/internal/fault"
	"sealgate/internal/store/vault"
	"sealgate/internal/store/vault/vaulttest"
)

func TestDirKeepsTheContract(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) (durable.FS, string){
		"disk":   func(t *testing.T) (durable.FS, string) { return durable.OS, t.TempDir() },
		"memory": func(*testing.T) (durable.FS, string) { return durabletest.NewPowerCut("/d"), "/d" },
	} {
		t.Run(name, func(t *testing.T) {
			vaulttest.Run(t, func(t *testing.T) vault.Vault {
				disk, root := open(t)
				return openDir(t, disk, root)
			})
		})
	}
}

func openDir(t *testing.T, disk durable.FS, root string) *vault.Dir {
	t.Helper()
	v, err := vault.Open(disk, filepath.Join(root, "vault"))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestNothingButObjectsIsOnDisk(t *testing.T) {
	disk := durabletest.NewPowerCut("/d")
	v := openDir(t, disk, "/d")
	ref := vaulttest.Put(t, v, []byte("sealed"))
	for dir, want := range map[string]string{
		"/d": "vault", "/d/vault": ref[:2], "/d/vault/" + ref[:2]: ref,
	} {
		if names, err := disk.List(dir); err != nil || len(names) != 1 || names[0] != want {
			t.Errorf("%s holds %q, %v; want %q alone", dir, names, err, want)
		}
	}
}

// Two objects in one directory, a power cut at every operation: an object
// whose Commit returned nil is there and whole, and the vault goes on.
func TestCommittedObjectsSurviveAPowerCutAnywhere(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	bodies := [][]byte{bytes.Repeat([]byte("one "), 400), bytes.Repeat([]byte("two "), 900)}
	for round := range 40 {
		for cut, done := 0, false; !done; cut++ {
			disk := durabletest.NewPowerCut("/d")
			v := openDir(t, disk, "/d")
			refs := []string{"abcd" + vault.NewRef()[4:], "abcd" + vault.NewRef()[4:]}
			disk.CutAfter(cut)
			committed := 0
			for i, ref := range refs {
				if store(v, ref, bodies[i]) != nil {
					break
				}
				committed++
			}
			done = committed == len(refs)
			disk.Crash(rng)
			v = openDir(t, disk, "/d")
			for i, ref := range refs[:committed] {
				if got, err := vaulttest.Get(v, ref); err != nil || !bytes.Equal(got, bodies[i]) {
					t.Fatalf("round %d, cut %d: committed object %d: %d bytes, %v", round, cut, i, len(got), err)
				}
			}
			if got, err := vaulttest.Get(v, vaulttest.Put(t, v, bodies[0])); err != nil || !bytes.Equal(got, bodies[0]) {
				t.Fatalf("round %d, cut %d: a new object after the restart: %v", round, cut, err)
			}
		}
	}
}

func store(v vault.Vault, ref string, data []byte) error {
	b, err := v.Create(context.Background(), ref)
	if err != nil {
		return err
	}
	if _, err := b.WriteAt(data, 0); err != nil {
		return err
	}
	return b.Commit(context.Background())
}

func TestEveryFailureReachesTheCaller(t *testing.T) {
	for _, op := range []durabletest.Op{durabletest.Mkdir, durabletest.Create, durabletest.Write, durabletest.Sync, durabletest.SyncDir} {
		for _, how := range []durabletest.How{durabletest.NotStored, durabletest.Stored} {
			t.Run(fmt.Sprintf("%s stored %v", op, how), func(t *testing.T) {
				disk := durabletest.NewFaulty(durabletest.NewPowerCut("/d"))
				v := openDir(t, disk, "/d")
				ref := vault.NewRef()
				disk.Fail(op, 1, how, durabletest.ErrFull)
				if err := store(v, ref, []byte("x")); !fault.Is(err, fault.Full) {
					t.Errorf("%v", err)
				}
				if err := v.Remove(t.Context(), ref); err != nil {
					t.Errorf("removing what was left: %v", err)
				}
				vaulttest.Put(t, v, []byte("room again"))
			})
		}
	}
}

func TestAFailedFsyncOfADirectoryIsNeverRetried(t *testing.T) {
	disk := durabletest.NewFaulty(durabletest.NewPowerCut("/d"))
	v := openDir(t, disk, "/d")
	disk.Fail(durabletest.SyncDir, 1, durabletest.NotStored, durabletest.ErrIO)
	ref := "abcd" + vault.NewRef()[4:]
	b, err := v.Create(t.Context(), ref)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := b.Sync(); !errors.Is(err, durabletest.ErrIO) {
			t.Errorf("sync: %v", err)
		}
	}
	if err := store(v, "abcd"+vault.NewRef()[4:], nil); !errors.Is(err, durabletest.ErrIO) {
		t.Errorf("another object in that directory: %v", err)
	}
	if err := store(v, "acce"+vault.NewRef()[4:], nil); err != nil {
		t.Errorf("an object in another directory: %v", err)
	}
}

func TestStrangersInTheDirectoryArePassedOver(t *testing.T) {
	disk := durabletest.NewPowerCut("/d")
	v := openDir(t, disk, "/d")
	ref := vaulttest.Put(t, v, []byte("x"))
	leaf := filepath.Join("/d/vault", ref[:2])
	for _, name := range []string{"/d/vault/README", filepath.Join(leaf, "lost+found"), filepath.Join(leaf, vault.NewRef()[2:]+"zz")} {
		if err := durable.WriteFile(disk, name, nil); err != nil {
			t.Fatal(err)
		}
	}
	var seen []string
	if err := v.Each(t.Context(), func(ref string) error { seen = append(seen, ref); return nil }); err != nil {
		t.Fatal(err)
	}
	if len(seen) != 1 || seen[0] != ref {
		t.Errorf("visited %q", seen)
	}
}

func TestFreeIsTheDisksAnswer(t *testing.T) {
	disk := durabletest.NewFaulty(durabletest.NewPowerCut("/d"))
	v := openDir(t, disk, "/d")
	disk.SetFree(4711)
	if n, err := v.Free(t.Context()); err != nil || n != 4711 {
		t.Errorf("free %d, %v", n, err)
	}
}
