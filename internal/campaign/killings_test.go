package campaign

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// killings are the acts of TestCampaignKillPoints and where they die. Every place
// in the program stands in one row at least.
func killings() (list []killing) {
	list = append(list, addings()...)
	list = append(list, removings()...)
	list = append(list, rotations()...)
	list = append(list, days()...)
	return append(list, movings()...)
}

// addings are acts that add a key: first the key store, then the catalog.
func addings() (list []killing) {
	list = append(list, killing{
		point: "account-add.keys-stored", act: "account add",
		do: func(v *victim) { v.cut("account", "add", "newcomer") },
		after: func(v *victim) {
			v.exits(3, "account", "show", "newcomer")
			v.account("newcomer", "keep")
			v.login("newcomer", "newcomer")
			v.stay = append(v.stay, v.send("newcomer", "newcomer", "first.xml", payfile(5, 1, 0)))
		},
	})
	for _, point := range []string{"certificate-add.stored", "certificate-add.recorded"} {
		list = append(list, killing{
			point: point, act: "certificate renew",
			do: func(v *victim) { v.cut("certificate", "renew", "keeper") },
			after: func(v *victim) {
				v.stay = append(v.stay, v.send("keeper", "keeper", "between.xml", payfile(6, 1, 0)))
				v.must("certificate", "renew", "keeper")
			},
		}, killing{
			point: point, act: "certificate import",
			do: func(v *victim) {
				c := newCustomer(v.t)
				c.ownCertificate(v.gateway)
				v.note["certificate"], v.note["key"] = c.path("certificate.pem"), c.path("certificate.key.pem")
				v.cut("certificate", "import", "keeper", "--certificate", v.note["certificate"], "--certificate-key", v.note["key"])
			},
			after: func(v *victim) {
				v.stay = append(v.stay, v.send("keeper", "keeper", "between.xml", payfile(6, 1, 0)))
				out, errs, code := v.run("certificate", "import", "keeper", "--certificate", v.note["certificate"], "--certificate-key", v.note["key"])
				if recorded := strings.HasSuffix(v.at, "recorded"); (code == 0) == recorded {
					v.t.Errorf("import again: exit code %d\n%s%s", code, out, errs)
				}
				for _, c := range v.certificates("keeper") {
					if !c.KeyHere {
						v.t.Errorf("a certificate without its key: %+v", c)
					}
				}
			},
		})
	}
	for _, point := range []string{"access-key-add.stored", "access-key-add.recorded"} {
		list = append(list, killing{
			point: point, act: "access-key add",
			do: func(v *victim) { v.cut("access-key", "add", "keeper") },
			after: func(v *victim) {
				v.stay = append(v.stay, v.send("keeper", "keeper", "between.xml", payfile(6, 1, 0)))
				v.must("access-key", "add", "keeper")
			},
		}, killing{
			point: point, act: "access-key add --public",
			ready: func(v *victim) { v.holder() },
			do:    func(v *victim) { v.cut("access-key", "add", "holder", "--public", v.note["second"]+".pub") },
			after: func(v *victim) {
				if strings.HasSuffix(v.at, "stored") {
					v.must("access-key", "add", "holder", "--public", v.note["second"]+".pub")
				}
				list := v.accessKeys("holder")
				if len(list) != 2 {
					v.t.Fatalf("the access keys are %+v", list)
				}
				for _, k := range list {
					if !k.Confirmed {
						newCustomer(v.t).prove(v.gateway, "holder", k.ID, v.note["second"])
					}
				}
				v.opensForHolder("second")
			},
		})
	}
	list = append(list, killing{
		point: "access-key-confirm.recorded", act: "access-key confirm",
		ready: func(v *victim) {
			v.holder()
			v.must("access-key", "add", "holder", "--public", v.note["second"]+".pub")
		},
		do: func(v *victim) {
			for _, k := range v.accessKeys("holder") {
				if !k.Confirmed {
					v.note["id"] = k.ID
				}
			}
			challenge, answer := filepath.Join(v.safe, "challenge"), filepath.Join(v.safe, "answer")
			v.must("access-key", "challenge", "holder", v.note["id"], "-o", challenge)
			newCustomer(v.t).must("access-key", "answer", challenge, "--access-key", v.note["second"], "-o", answer)
			v.cut("access-key", "confirm", "holder", v.note["id"], answer)
		},
		after: func(v *victim) {
			v.must("access-key", "confirm", "holder", v.note["id"], filepath.Join(v.safe, "answer"))
			v.opensForHolder("second")
		},
	})
	for _, point := range []string{"year-key.stored", "year-key.recorded"} {
		list = append(list, killing{
			point: point, act: "first file of a year",
			ready: func(v *victim) { v.account("halves", "keep"); v.login("halves", "halves") },
			do: func(v *victim) {
				v.must("account", "set", "halves", "--key-period", "year")
				if put(v.client("halves"), "/in/first.xml", payfile(8, 1, 0)) == nil {
					v.t.Error("acknowledged by a dead gateway")
				}
			},
			after: func(v *victim) {
				v.stay = append(v.stay, v.send("halves", "halves", "first.xml", payfile(8, 1, 0)))
			},
		})
	}
	return list
}

// holder makes a customer-held account with one proved key; note tells where this
// key, the customer's certificate and a second key lie.
func (v *victim) holder() {
	v.t.Helper()
	c := newHolder(v.gateway, "holder")
	c.must("access-key", "new", "-o", "second.key")
	for name, file := range map[string]string{"certificate": "certificate.key.pem", "first": "access.key", "second": "second.key"} {
		text, err := os.ReadFile(c.path(file))
		v.check(err)
		v.note[name] = filepath.Join(v.safe, file)
		v.check(os.WriteFile(v.note[name], text, 0o600))
	}
	text, err := os.ReadFile(c.path("second.key.pub"))
	v.check(err)
	v.check(os.WriteFile(v.note["second"]+".pub", text, 0o600))
	v.login("holder", "holder")
}

// opensForHolder wants a new file to open offline with one of the customer's keys.
func (v *victim) opensForHolder(key string) {
	v.t.Helper()
	content := payfile(9, 1, 20<<10)
	f := v.send("holder", "holder", "held-"+key+".xml", content)
	sealed := filepath.Join(v.t.TempDir(), "sealed")
	v.must("file", "get", f.id, "--sealed", "-o", sealed)
	if got := newCustomer(v.t).open(sealed, v.note["certificate"], v.note[key]); string(got) != string(content) {
		v.t.Errorf("the customer opened other bytes with his %s key", key)
	}
}

// rotations change the master key, on a running gateway and on a stopped one.
func rotations() (list []killing) {
	for _, point := range []string{"rotate.bundle-written", "rotate.master-installed", "rotate.store-taken-up", "rotate.files-taken-up", "destroy.set-aside"} {
		after := func(v *victim) {
			v.must("keys", "rotate-master")
			v.must("keys", "show")
		}
		list = append(list,
			killing{point: point, act: "rotate-master", do: func(v *victim) { v.cut("keys", "rotate-master") }, after: after},
			killing{point: point, act: "rotate-master, stopped", offline: true, do: func(v *victim) { v.cut("keys", "rotate-master") }, after: after},
		)
	}
	return list
}

// days change the ingest key, with files on their way that only its grants open.
func days() (list []killing) {
	for _, point := range []string{
		"ingest.key-made", "ingest-day.made", "ingest-day.wrapped", "ingest-day.rewrapped", "ingest-day.rewrapped:2", "ingest-day.audited",
		"ingest.key-destroyed", "ingest-day.destroyed", "destroy.set-aside",
	} {
		list = append(list, killing{
			point: point, act: "change of day",
			ready: func(v *victim) {
				v.check(put(v.client("eraser"), "/in/once.xml", payfile(20, 2, 0)))
				v.settle(settleBar)
				for i, f := range v.of("keeper") { // the same bytes again: held
					v.check(put(v.client("keeper"), fmt.Sprintf("/in/again-%d.xml", i), f.content))
				}
				v.check(put(v.client("eraser"), "/in/again.xml", payfile(20, 2, 0)))
				out := filepath.Join(v.safe, "out.xml")
				v.check(os.WriteFile(out, payfile(21, 2, 0), 0o600))
				v.must("file", "send", "keeper", out)
				v.settle(settleBar)
			},
			asleep: (*victim).yesterday,
			after: func(v *victim) {
				if now := v.ingestKey(); now == v.note["old key"] {
					v.t.Error("yesterday's ingest key is still there")
				}
				for i, f := range v.of("keeper") {
					name := fmt.Sprintf("again-%d.xml", i)
					rec := v.named("keeper", name, 1)[0]
					v.must("file", "release", rec.ID)
					v.settle(settleBar)
					v.stay = append(v.stay, &kept{"keeper", "keeper", name, rec.ID, f.content})
				}
				rec := v.named("eraser", "again.xml", 1)[0]
				v.must("file", "release", rec.ID)
				v.settle(settleBar)
				if now := v.named("eraser", "again.xml", 1)[0]; now.State != "deleted" {
					v.t.Errorf("a held file of yesterday is %+v", now)
				}
				if got, err := fetch(v.client("keeper"), "/out/out.xml"); err != nil || string(got) != string(payfile(21, 2, 0)) {
					v.t.Errorf("/out of yesterday: %v", err)
				}
			},
		})
	}
	return list
}
