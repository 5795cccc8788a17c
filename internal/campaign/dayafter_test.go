package campaign

import (
	"bytes"
	"fmt"
	"path/filepath"
	"testing"
)

// TestCampaignDayAfter takes a backup with bodies of files whose account deletes
// them, and tries it the day after: beside today's key store and master key, by hand
// and by a gateway made out of it. No key anywhere opens them.
func TestCampaignDayAfter(t *testing.T) {
	g := newGateway(t, "")
	v := &victim{gateway: g, note: map[string]string{}}
	g.account("eraser", "delete")
	g.login("eraser", "robot")
	c := g.client("robot")
	var files []*kept
	for i, size := range []int{0, 200 << 10} { // small ones lie in the catalog
		content := payfile(uint64(i), 2, size)
		for _, name := range []string{fmt.Sprintf("once-%d.xml", i), fmt.Sprintf("again-%d.xml", i)} {
			g.check(put(c, "/in/"+name, content))
			g.settle(settleBar)
		}
		files = append(files, &kept{account: "eraser", user: "robot", name: fmt.Sprintf("again-%d.xml", i), content: content})
	}
	// Acknowledged, and not indexed when the power went.
	for i := range 3 {
		f := &kept{account: "eraser", user: "robot", name: fmt.Sprintf("cut-%d.xml", i), content: payfile(uint64(20+i), 4000, 0)}
		files = append(files, f)
		g.check(put(c, "/in/"+f.name, f.content))
	}
	g.kill()
	v.yesterday()
	backup := filepath.Join(t.TempDir(), "backup")
	g.must("backup", backup)
	l := lootOf(t, backup)
	then, bodies := keyringOf(t, g.dir), l.bodies()

	startInTime(g) // the day changes
	if v.ingestKey() == v.note["old key"] {
		t.Fatal("the day has not changed")
	}
	for _, f := range files {
		f.id = g.named("eraser", f.name, 1)[0].ID
	}
	g.settle(settleBar) // it goes on with what it has
	inBackup := 0
	today := keyringOf(t, g.dir)
	for _, f := range files {
		if bodies[f.id] == "" {
			continue // indexed and deleted before the power went
		}
		inBackup++
		if !l.byGrant(f.id, then.ingest) {
			t.Errorf("%s: the backup is not whole: its grant does not open on its own day", f.name)
		}
		if l.byGrant(f.id, today.ingest) || today.opens(t, bodies[f.id]) || then.opens(t, bodies[f.id]) {
			t.Errorf("%s of a backup opens the day after", f.name)
		}
	}
	if inBackup < 3 {
		t.Errorf("only %d bodies were in the backup", inBackup)
	}

	old := restored(g, backup, func(to string) {
		g.check(copyTree(filepath.Join(to, "keys"), filepath.Join(g.dir, "keys"), nil))
	})
	old.settle(settleBar)
	for _, f := range files {
		if bodies[f.id] != "" {
			old.lost(f)
		}
		if rec := old.named("eraser", f.name, 1)[0]; bytes.HasPrefix([]byte(f.name), []byte("cut")) && bodies[f.id] != "" && rec.State != "erased" {
			t.Errorf("lost before it was indexed, and on record as %+v", rec)
		}
	}
	old.kill()
	for _, f := range files[:2] {
		g.must("file", "release", f.id)
	}
	g.settle(settleBar)
	for _, f := range files {
		if rec := g.named("eraser", f.name, 1)[0]; rec.State != "deleted" {
			t.Errorf("the gateway itself lost it: %+v", rec)
		}
	}
	g.stop()
	checkStores(g)
}
