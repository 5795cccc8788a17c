package keys_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/keys"
)

func TestCreateCutAtAnyPointLeavesAStoreOrRoomForOne(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for n := range 40 {
		d := newDisk(t)
		d.CutAfter(n)
		_, err := keys.Create(t.Context(), dir, fixed(1), d.opt)
		d.Crash(rng)
		if _, oerr := keys.Open(t.Context(), dir, fixed(1), d.opt); oerr == nil {
			continue
		} else if err == nil {
			t.Fatalf("operation %d: the store was made and is gone: %v", n, oerr)
		}
		if _, err := keys.Create(t.Context(), dir, fixed(1), d.opt); err != nil {
			t.Fatalf("operation %d: no store and no room for one: %v", n, err)
		}
	}
}

func TestAnAccountIsThereOnceItWasCreated(t *testing.T) {
	id := uuid.New()
	cert := must(keys.NewCertificate("acme", t0))(t)
	access := must(keys.NewAccessKey())(t)
	atEveryPowerCut(t,
		func(d disk) *keys.Store { return d.create(t, fixed(1)) },
		func(s *keys.Store) error { return s.CreateAccount(id, cert, access) },
		func(d disk, done bool) {
			s := must(keys.Open(t.Context(), dir, fixed(1), d.opt))(t)
			a, err := s.Account(id)
			switch {
			case err == nil:
				sealAndOpen(t, cert, access, a.Certificate(cert.Fingerprint), a.AccessKey(access.Fingerprint))
			case done || !fault.Is(err, fault.NotFound):
				t.Error(err)
			default: // a second try writes over whatever is left
				if err := s.CreateAccount(id, cert, access); err != nil {
					t.Error(err)
				}
			}
		})
}

func TestADestroyedIngestKeyStaysDestroyed(t *testing.T) {
	var old, next *keys.IngestKey
	atEveryPowerCut(t,
		func(d disk) *keys.Store {
			s := d.create(t, fixed(1))
			old = must(s.NewIngestKey("2026-11-20"))(t)
			next = must(s.NewIngestKey("2026-11-21"))(t)
			return s
		},
		func(s *keys.Store) error { return s.DestroyIngestKey(old.Fingerprint) },
		func(d disk, done bool) {
			s := must(keys.Open(t.Context(), dir, fixed(1), d.opt))(t)
			if _, err := s.IngestKey(next.Fingerprint); err != nil {
				t.Errorf("the other key is gone: %v", err)
			}
			if _, err := s.IngestKey(old.Fingerprint); err == nil && done {
				t.Error("a destroyed key is back")
			}
			if err := s.DestroyIngestKey(old.Fingerprint); err != nil {
				t.Error(err)
			}
			names := must(d.List(dir))(t)
			if len(names) != 3 { // store.json, gateway.key and the other ingest key
				t.Errorf("files left: %v", names)
			}
		})
}

func TestARemovedKeyStaysRemovedAndTheOthersStay(t *testing.T) {
	id := uuid.New()
	cert := must(keys.NewCertificate("acme", t0))(t)
	access := must(keys.NewAccessKey())(t)
	atEveryPowerCut(t,
		func(d disk) *keys.Store {
			s := d.create(t, fixed(1))
			if err := s.CreateAccount(id, cert, access); err != nil {
				t.Fatal(err)
			}
			return s
		},
		func(s *keys.Store) error { _, err := s.RemoveAccessKey(id, access.ID, t0); return err },
		func(d disk, done bool) {
			a := must(must(keys.Open(t.Context(), dir, fixed(1), d.opt))(t).Account(id))(t)
			if len(a.Certificates()) != 1 {
				t.Error("the certificate is gone too")
			}
			if done && len(a.AccessKeys()) != 0 {
				t.Error("the removed access key is back")
			}
		})
}

// One of the two master keys opens everything at every moment, and the new one
// once it is installed.
func TestARotationCutAtAnyPointConverges(t *testing.T) {
	id := uuid.New()
	cert := must(keys.NewCertificate("acme", t0))(t)
	access := must(keys.NewAccessKey())(t)
	var ingest *keys.IngestKey
	var installed bool
	atEveryPowerCut(t,
		func(d disk) *keys.Store {
			installed = false
			s := d.create(t, fixed(1))
			if err := s.CreateAccount(id, cert, access); err != nil {
				t.Fatal(err)
			}
			ingest = must(s.NewIngestKey("2026-11-21"))(t)
			return s
		},
		func(s *keys.Store) error {
			return s.RotateMaster(t.Context(), fixed(2), func() error { installed = true; return nil })
		},
		func(d disk, done bool) {
			m := fixed(1)
			if installed {
				m = 2
			}
			for range 2 { // the second time finds nothing left to do
				s, err := keys.Open(t.Context(), dir, m, d.opt)
				if err != nil {
					t.Errorf("installed %v: %v", installed, err)
					return
				}
				a := must(s.Account(id))(t)
				sealAndOpen(t, cert, access, a.Certificate(cert.Fingerprint), a.AccessKey(access.Fingerprint))
				grantOpens(t, ingest, must(s.IngestKey(ingest.Fingerprint))(t))
			}
			if _, err := keys.Open(t.Context(), dir, 3-m, d.opt); !fault.Is(err, fault.Locked) {
				t.Errorf("the other master key opens too: %v", err)
			}
			if names := must(d.List(dir))(t); len(names) != 4 {
				t.Errorf("files left: %v", names)
			}
		})
}

func TestARestoreCutAtAnyPointIsFinishedOrBegunAgain(t *testing.T) {
	id := uuid.New()
	cert := must(keys.NewCertificate("acme", t0))(t)
	access := must(keys.NewAccessKey())(t)
	var from disk
	atEveryPowerCut(t,
		func(d disk) *keys.Store {
			from = d
			s := d.create(t, fixed(1))
			if err := s.CreateAccount(id, cert, access); err != nil {
				t.Fatal(err)
			}
			if err := s.Backup("/backup/keys"); err != nil {
				t.Fatal(err)
			}
			return s
		},
		func(*keys.Store) error {
			_, err := keys.Restore(t.Context(), "/backup/keys", "/data/new", fixed(1), from.opt)
			return err
		},
		func(d disk, done bool) {
			s, err := keys.Open(t.Context(), "/data/new", fixed(1), d.opt)
			if err != nil && done {
				t.Errorf("restored and gone: %v", err)
			}
			if err != nil {
				s = must(keys.Restore(t.Context(), "/backup/keys", "/data/new", fixed(1), d.opt))(t)
			}
			a := must(s.Account(id))(t)
			sealAndOpen(t, cert, access, a.Certificate(cert.Fingerprint), a.AccessKey(access.Fingerprint))
		})
}
