package custody_test

import (
	"errors"
	"testing"
	"time"

	"sealgate/internal/custody"
	"sealgate/internal/keys"
	"sealgate/internal/store/catalog"
)

// act is something that changes keys in several steps, and what has to hold
// once it is over, or undone.
type act struct {
	points []string
	// prepare makes the account and returns the act, and what its end is like:
	// called after each crash, with whether the act has taken effect.
	prepare func(w *world) (do func() error, check func(done bool))
	// undone are the points after which the act has left no trace.
	undone []string
}

var acts = map[string]act{
	"renew": {
		points: []string{"certificate-add.stored", "certificate-add.recorded"}, undone: []string{"certificate-add.stored"},
		prepare: func(w *world) (func() error, func(bool)) {
			a := w.account("acme", catalog.ContentKeep)
			before, name := w.kept(a), w.sealName(a)
			w.clock.Add(time.Second)
			do := func() error {
				_, err := w.RenewCertificate(w.t.Context(), "op", a.ID)
				return err
			}
			return do, func(done bool) {
				w.opens(before)
				w.opens(w.kept(a))
				w.readable(a, name, true)
				w.counts(a, map[bool]int{true: 2, false: 1}[done], 1)
			}
		},
	},
	"import": {
		points: []string{"certificate-add.stored", "certificate-add.recorded"}, undone: []string{"certificate-add.stored"},
		prepare: func(w *world) (func() error, func(bool)) {
			a := w.account("acme", catalog.ContentKeep)
			before, name := w.kept(a), w.sealName(a)
			w.clock.Add(time.Second)
			cert, err := keys.NewCertificate("brought", w.clock.Now())
			if err != nil {
				w.t.Fatal(err)
			}
			do := func() error {
				_, err := w.ImportCertificate(w.t.Context(), "op", a.ID, cert, true)
				return err
			}
			return do, func(done bool) {
				w.opens(before)
				w.opens(w.kept(a))
				w.readable(a, name, true)
				w.counts(a, map[bool]int{true: 2, false: 1}[done], map[bool]int{true: 2, false: 1}[done])
			}
		},
	},
	"open again": {
		points: []string{"certificate-add.stored", "certificate-add.recorded"}, undone: []string{"certificate-add.stored"},
		prepare: func(w *world) (func() error, func(bool)) {
			a := w.account("acme", catalog.ContentKeep)
			before, name := w.kept(a), w.sealName(a)
			w.remove(w.certificate(a), "acme")
			w.clock.Add(time.Second)
			do := func() error {
				_, err := w.RenewCertificate(w.t.Context(), "op", a.ID)
				return err
			}
			return do, func(done bool) {
				w.shut(before)
				if err := w.Ready(w.t.Context(), a.ID); (err == nil) != done {
					w.t.Errorf("ready: %v", err)
				}
				if done {
					w.opens(w.kept(a))
				}
				w.readable(a, name, false)
			}
		},
	},
	"add access key": {
		points: []string{"access-key-add.stored", "access-key-add.recorded"}, undone: []string{"access-key-add.stored"},
		prepare: func(w *world) (func() error, func(bool)) {
			a := w.account("acme", catalog.ContentKeep)
			before := w.kept(a)
			do := func() error {
				_, err := w.AddAccessKey(w.t.Context(), "op", a.ID, custody.NewKey{})
				return err
			}
			return do, func(done bool) {
				w.opens(before)
				w.opens(w.kept(a))
				list, err := w.AccessKeys(w.t.Context(), a.ID)
				if err != nil || len(list) != map[bool]int{true: 2, false: 1}[done] {
					w.t.Errorf("%+v, %v", list, err)
				}
			}
		},
	},
	"key of the year": {
		points: []string{"year-key.stored", "year-key.recorded"}, undone: []string{"year-key.stored"},
		prepare: func(w *world) (func() error, func(bool)) {
			a := w.accountWith(custody.NewAccount{Name: "acme", Keys: catalog.KeysGateway, KeyPeriod: catalog.PeriodYear}, catalog.ContentKeep)
			before := w.kept(a)
			w.clock.Add(60 * 24 * time.Hour) // January
			do := func() error {
				_, err := w.NewFile(w.t.Context(), a, true)
				return err
			}
			return do, func(bool) {
				w.opens(before)
				w.opens(w.kept(a))
				w.remove(custody.Target{Account: a.ID, AccessKey: w.named(a, "2026")}, "acme")
				w.shut(before)
				w.opens(w.kept(a))
			}
		},
	},
	"remove one of two certificates": {
		points: []string{"removal.intended", "removal.destroyed", "removal.grants-ended", "removal.signed"},
		prepare: func(w *world) (func() error, func(bool)) {
			a := w.account("acme", catalog.ContentKeep)
			before, name := w.kept(a), w.sealName(a)
			target := w.certificate(a)
			w.renew(a)
			after := w.kept(a)
			return w.removal(target), func(bool) {
				w.shut(before)
				w.opens(after)
				w.opens(w.kept(a))
				w.readable(a, name, true)
				w.declared(a, before, false)
			}
		},
	},
	"remove the current certificate": {
		points: []string{"removal.intended", "removal.destroyed", "removal.grants-ended", "removal.signed"},
		prepare: func(w *world) (func() error, func(bool)) {
			a := w.account("acme", catalog.ContentKeep)
			before, name := w.kept(a), w.sealName(a)
			w.renew(a)
			after := w.kept(a)
			return w.removal(w.certificate(a)), func(bool) {
				w.opens(before)
				w.shut(after)
				w.opens(w.kept(a)) // under the older one, which took its place
				w.readable(a, name, true)
				w.declared(a, after, false)
			}
		},
	},
	"remove the last certificate": {
		points: []string{"removal.intended", "removal.destroyed", "removal.grants-ended", "removal.signed"},
		prepare: func(w *world) (func() error, func(bool)) {
			a := w.account("acme", catalog.ContentKeep)
			before, name := w.kept(a), w.sealName(a)
			return w.removal(w.certificate(a)), func(bool) {
				w.shut(before)
				w.readable(a, name, false)
				w.declared(a, before, true)
				if err := w.Ready(w.t.Context(), a.ID); err == nil {
					w.t.Error("a closed account takes files")
				}
			}
		},
	},
	"remove an access key": {
		points: []string{"removal.intended", "removal.destroyed", "removal.grants-ended", "removal.signed"},
		prepare: func(w *world) (func() error, func(bool)) {
			a := w.account("acme", catalog.ContentKeep)
			before, name := w.kept(a), w.sealName(a)
			target := w.accessKey(a)
			w.clock.Add(time.Second)
			if _, err := w.AddAccessKey(w.t.Context(), "op", a.ID, custody.NewKey{}); err != nil {
				w.t.Fatal(err)
			}
			both := w.kept(a)
			return w.removal(target), func(bool) {
				w.shut(before)
				w.opens(both)
				w.opens(w.kept(a))
				w.readable(a, name, true)
				w.declared(a, before, false)
			}
		},
	},
}

// named returns the access key of a year.
func (w *world) named(a *catalog.Account, text string) (id [16]byte) {
	w.t.Helper()
	id, err := w.FindAccessKey(w.t.Context(), a.ID, text)
	if err != nil {
		w.t.Fatal(err)
	}
	return id
}

func (w *world) removal(t custody.Target) func() error {
	return func() error {
		_, err := w.Remove(w.t.Context(), "op", t, "acme")
		return err
	}
}

type sealedName struct {
	row  [16]byte
	data []byte
}

func (w *world) sealName(a *catalog.Account) sealedName {
	w.t.Helper()
	r, err := w.Records(w.t.Context(), a.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return sealedName{a.ID, r.Seal("file", "name", a.ID, []byte("lön.xml"))}
}

// readable checks whether what the record key sealed is still to be read.
func (w *world) readable(a *catalog.Account, name sealedName, want bool) {
	w.t.Helper()
	r, err := w.Records(w.t.Context(), a.ID)
	if err == nil {
		_, err = r.Open("file", "name", name.row, name.data)
	}
	if (err == nil) != want {
		w.t.Errorf("names readable: %v (%v)", err == nil, err)
	}
}

// counts checks how many living and current certificates are on record, and
// that each has the record key.
func (w *world) counts(a *catalog.Account, living, current int) {
	w.t.Helper()
	list, err := w.Certificates(w.t.Context(), a.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	l, c := 0, 0
	for _, cert := range list {
		if cert.RemovedAt.IsZero() {
			l++
		}
		if cert.Current {
			c++
		}
		if !cert.Here {
			w.t.Errorf("certificate %s has no key", cert.Fingerprint)
		}
	}
	if l != living || c != current {
		w.t.Errorf("%d living, %d current; want %d and %d", l, c, living, current)
	}
	w.wrapped(a, living)
}

// wrapped checks for how many certificates the record key is wrapped.
func (w *world) wrapped(a *catalog.Account, want int) {
	w.t.Helper()
	var all []*catalog.RecordKey
	w.view(func(tx *catalog.Tx) (err error) {
		all, err = tx.RecordKeys(a.ID)
		return err
	})
	if len(all) != want {
		w.t.Errorf("the record key is wrapped for %d certificates, not %d", len(all), want)
	}
}

// declared checks that there is one signed statement, about this file, and that
// no key is left that opens it.
func (w *world) declared(a *catalog.Account, lost *custody.Fresh, closed bool) {
	w.t.Helper()
	all := w.statements(a)
	if len(all) != 1 || !all[0].Signed {
		w.t.Fatalf("%d statements", len(all))
	}
	d := w.verified(all[0].Text).Removal
	if d.Files != 1 || len(d.FileIDs) != 1 || d.FileIDs[0] != lost.ID.String() || d.Closed != closed {
		w.t.Errorf("%+v", d)
	}
	if w.anyKeyOpens(w.row(lost.ID), lost) {
		w.t.Error("a key is left that opens the file")
	}
	living := 1
	if closed {
		living = 0
	}
	w.wrapped(a, living)
	if n := w.actions("certificate.removed") + w.actions("access-key.removed"); n != 1 {
		w.t.Errorf("%d removals on record", n)
	}
}

// Cut at any of its steps, every act that changes keys is whole or undone after
// the next start; and done once more it comes to the same end.
func TestKeyChangesCutAtAnyPointConverge(t *testing.T) {
	crash := errors.New("crash")
	for what, a := range acts {
		for _, point := range a.points {
			t.Run(what+"/"+point, func(t *testing.T) {
				w := newWorld(t)
				w.changeDay()
				do, check := a.prepare(w)
				hit := false
				w.FailAt(func(at string) error {
					if hit = hit || at == point; hit {
						return crash
					}
					return nil
				})
				if err := do(); !errors.Is(err, crash) {
					t.Fatalf("not reached: %v", err)
				}
				w.start()
				undone := len(a.undone) > 0 && point == a.undone[0]
				check(!undone)
				if undone {
					if err := do(); err != nil {
						t.Fatalf("done once more: %v", err)
					}
					w.start()
					if what != "key of the year" { // its check has ended the year
						check(true)
					}
				}
				w.start() // nothing more to do
			})
		}
	}
}

// The two ways in which a commit can fail: nothing is stored, or it is and
// nobody was told. Every commit of every act is tried.
func TestKeyChangesWhoseCommitsFailConverge(t *testing.T) {
	for what, a := range acts {
		for commit := range 2 {
			for _, stored := range []bool{false, true} {
				t.Run(what, func(t *testing.T) {
					w := newWorld(t)
					w.changeDay()
					do, check := a.prepare(w)
					n := 0
					*w.beforeCommit = func() {
						if n++; n == commit+1 {
							w.faults.FailNext(stored)
						}
					}
					err := do()
					if n <= commit {
						return // the act has no such commit
					}
					if err == nil {
						t.Fatal("the failure was swallowed")
					}
					*w.beforeCommit = nil
					w.start()
					if commit == 0 && !stored {
						if err := do(); err != nil {
							t.Fatalf("done once more: %v", err)
						}
					}
					check(true)
				})
			}
		}
	}
}
