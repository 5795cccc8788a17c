package campaign

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// removingPoints are where the removal of a key may die.
var removingPoints = []string{"removal.intended", "remove.key-destroyed", "remove.copy-rewritten", "removal.destroyed", "removal.grants-ended", "removal.signed"}

// removings are acts that destroy a key: the intent on record first, and from then
// on there is no way back.
func removings() (list []killing) {
	for _, point := range removingPoints {
		list = append(list, killing{
			point: point, act: "certificate rm",
			ready: func(v *victim) {
				v.copies()
				v.note["key"] = v.current("keeper")
				v.must("certificate", "renew", "keeper")
				v.stay = append(v.stay, v.send("keeper", "keeper", "newer.xml", payfile(30, 1, 0)))
			},
			do: func(v *victim) {
				v.lose(v.of("keeper")[:2])
				v.cut("certificate", "rm", "keeper", v.note["key"], "--confirm", "keeper")
			},
			after: func(v *victim) { v.removed("certificate", "keeper") },
		}, killing{
			point: point, act: "certificate rm, the last one",
			ready: func(v *victim) {
				v.copies()
				v.note["key"], v.note["closed"] = v.current("keeper"), "keeper"
			},
			do: func(v *victim) {
				v.lose(v.of("keeper"))
				v.cut("certificate", "rm", "keeper", v.note["key"], "--confirm", "keeper")
			},
			after: func(v *victim) {
				v.removed("certificate", "keeper")
				if c, err := v.dial("keeper", ""); err == nil {
					c.Close()
					v.t.Error("a login of a closed account signs in")
				}
				v.must("certificate", "renew", "keeper") // open again, without what is lost
				v.login("keeper", "again")
				v.stay = append(v.stay, v.send("keeper", "again", "newer.xml", payfile(30, 1, 0)))
			},
		}, killing{
			point: point, act: "access-key rm",
			ready: func(v *victim) {
				v.copies()
				v.note["key"] = v.accessKeys("keeper")[0].ID
				v.must("access-key", "add", "keeper")
				v.stay = append(v.stay, v.send("keeper", "keeper", "newer.xml", payfile(30, 1, 0)))
			},
			do: func(v *victim) {
				v.lose(v.of("keeper")[:2])
				v.cut("access-key", "rm", "keeper", v.note["key"], "--confirm", "keeper")
			},
			after: func(v *victim) { v.removed("access-key", "keeper") },
		}, killing{
			point: point, act: "scheduled access-key rm",
			ready: func(v *victim) {
				v.copies()
				v.note["key"] = v.accessKeys("keeper")[0].ID
				v.must("access-key", "add", "keeper")
				v.must("access-key", "rm", "keeper", v.note["key"], "--confirm", "keeper", "--after", "1h")
				v.exactly()
			},
			asleep: func(v *victim) {
				v.edit(`UPDATE access_key SET remove_at = remove_at - 7200000000 WHERE remove_at > 0`)
				v.lose(v.of("keeper"))
			},
			after: func(v *victim) { v.removed("access-key", "keeper") },
		})
	}
	return list
}

// copies makes a backup of data and a copy of the keys.
func (v *victim) copies() {
	v.t.Helper()
	v.must("keys", "backup", filepath.Join(v.safe, "keys.backup"))
	v.must("backup", filepath.Join(v.safe, "before"))
}

// removed wants one signed statement of a removal that was cut short, a copy of the
// keys without the key, and the same command to say that there is nothing to do.
func (v *victim) removed(command, account string) {
	v.t.Helper()
	var list []struct {
		ID     string `json:"id"`
		Kind   string `json:"kind"`
		Signed bool   `json:"signed"`
	}
	v.mustJSON(&list, "statement", "ls", account)
	if len(list) != 1 || !list[0].Signed || list[0].Kind != command+"-removed" {
		v.t.Fatalf("the statements are %+v", list)
	}
	c := newCustomer(v.t)
	v.must("statement", "get", list[0].ID, "-o", c.path("statement"))
	c.must("receipt", "verify", "statement")
	text, err := os.ReadFile(c.path("statement"))
	v.check(err)
	for _, f := range v.gone {
		if !strings.Contains(string(text), f.id) {
			v.t.Errorf("the statement does not list %s", f.name)
		}
	}
	if out, errs, code := v.run(command, "rm", account, v.note["key"], "--confirm", account); code != 2 && code != 3 {
		v.t.Errorf("removed once more: exit code %d\n%s%s", code, out, errs)
	}
	elsewhere := filepath.Join(v.t.TempDir(), "data")
	v.check(os.MkdirAll(filepath.Join(elsewhere, "keys"), 0o700))
	master, err := os.ReadFile(filepath.Join(v.dir, "keys", "master.key"))
	v.check(err)
	own := filepath.Join(v.t.TempDir(), "master.key")
	v.check(os.WriteFile(own, master, 0o600))
	copied := &gateway{t: v.t, dir: elsewhere, env: []string{"SEALGATE_KEYS_MASTER=file:" + own}}
	copied.must("keys", "restore", filepath.Join(v.safe, "keys.backup"))
	v.check(os.Rename(own, filepath.Join(elsewhere, "keys", "master.key")))
	bodies := lootOf(v.t, filepath.Join(v.safe, "before")).bodies()
	for _, dir := range []string{v.dir, elsewhere} {
		ring := keyringOf(v.t, dir)
		for _, f := range v.gone {
			if ring.opens(v.t, bodies[f.id]) {
				v.t.Errorf("%s of an earlier backup opens with the keys in %s", f.name, filepath.Base(filepath.Dir(dir)))
			}
		}
	}
}

// movings are acts on bodies that are there.
func movings() (list []killing) {
	for _, point := range []string{"reseal.body-copied", "reseal.switched", "reseal.switched:2", "reseal.switched:3", "reseal.old-removed"} {
		list = append(list, killing{
			point: point, act: "account reseal",
			ready: func(v *victim) {
				v.note["key"] = v.current("keeper")
				for i := range 3 {
					v.stay = append(v.stay, v.send("keeper", "keeper", fmt.Sprintf("more-%d.xml", i), payfile(uint64(40+i), 1, i*100<<10)))
				}
				v.must("certificate", "renew", "keeper")
			},
			do: func(v *victim) { v.cut("account", "reseal", "keeper") },
			after: func(v *victim) {
				v.must("account", "reseal", "keeper")
				for _, c := range v.certificates("keeper") {
					if c.Fingerprint == v.note["key"] && c.Files != 0 {
						v.t.Errorf("files still need the old certificate: %+v", c)
					}
				}
				v.exactly()
				v.must("certificate", "rm", "keeper", v.note["key"], "--confirm", "keeper")
			},
		})
	}
	list = append(list, killing{
		point: "erase.recorded", act: "file erase",
		do: func(v *victim) {
			f := v.of("keeper")[1]
			v.lose([]*kept{f})
			v.cut("file", "erase", f.id, "--confirm", f.id)
		},
		after: func(v *victim) {
			f := v.gone[0]
			if rec := v.named("keeper", f.name, 1)[0]; rec.State != "erased" {
				v.t.Errorf("it is %+v", rec)
			}
			if out, errs, code := v.run("file", "erase", f.id, "--confirm", f.id); code != 2 {
				v.t.Errorf("erased again: exit code %d\n%s%s", code, out, errs)
			}
		},
	}, killing{
		point: "outbox.expired", act: "body of a delivered file",
		ready: func(v *victim) {
			out := filepath.Join(v.safe, "out.xml")
			v.check(os.WriteFile(out, payfile(21, 2, 100<<10), 0o600))
			v.must("file", "send", "keeper", out)
			v.settle(settleBar)
			c := v.client("keeper")
			_, err := fetch(c, "/out/out.xml")
			v.check(err)
			v.check(c.Remove("/out/out.xml"))
		},
		asleep: func(v *victim) {
			v.edit(`UPDATE account SET outbox_keep_for = 0 WHERE name = 'keeper'`)
			v.edit(`UPDATE job SET run_at = 1 WHERE kind = 'outbox-expire'`)
		},
		after: func(v *victim) {
			var list []record
			v.mustJSON(&list, "file", "ls", "keeper", "--direction", "out")
			if len(list) != 1 || list[0].State != "delivered" {
				v.t.Errorf("/out is %+v", list)
			}
			v.exits(3, "file", "get", list[0].ID, "-o", filepath.Join(v.safe, "gone"))
		},
	})
	for _, point := range []string{"retention.recorded", "retention.bodies-removed"} {
		list = append(list, killing{
			point: point, act: "end of keep-for",
			asleep: func(v *victim) {
				v.edit(`UPDATE account SET created_at = created_at - 401 * 86400000000 WHERE name = 'keeper'`)
				v.edit(`UPDATE file SET received_at = received_at - 401 * 86400000000 WHERE account = (SELECT id FROM account WHERE name = 'keeper')`)
				v.lose(v.of("keeper"))
			},
			after: func(v *victim) {
				for _, f := range v.gone {
					if rec := v.named("keeper", f.name, 1)[0]; rec.State != "erased" {
						v.t.Errorf("it is %+v", rec)
					}
				}
			},
		})
	}
	return list
}
