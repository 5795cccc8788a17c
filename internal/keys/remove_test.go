package keys_test

import (
	"bytes"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/durable"
	"sealgate/internal/durable/durabletest"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/keys/spare"
)

// house is a store with one account of two certificates and two access keys,
// and a backup of it.
type house struct {
	*keys.Store
	id     uuid.UUID
	certs  [2]*keys.Certificate
	access [2]*keys.AccessKey
	backup string
}

func newHouse(t *testing.T) *house {
	t.Helper()
	h := &house{Store: keystest.New(t), id: uuid.New(), backup: filepath.Join(t.TempDir(), "keys.backup")}
	for i := range h.certs {
		h.certs[i] = must(keys.NewCertificate("acme", t0))(t)
		h.access[i] = must(keys.NewAccessKey())(t)
	}
	if err := h.CreateAccount(h.id, h.certs[0], h.access[0]); err != nil {
		t.Fatal(err)
	}
	if err := h.AddCertificate(h.id, h.certs[1]); err != nil {
		t.Fatal(err)
	}
	if err := h.AddAccessKey(h.id, h.access[1]); err != nil {
		t.Fatal(err)
	}
	if err := h.Backup(h.backup); err != nil {
		t.Fatal(err)
	}
	return h
}

// secrets returns the bytes that open what is sealed under the first
// certificate and the first access key.
func (h *house) secrets(t *testing.T) map[string][]byte {
	t.Helper()
	pem := must(h.ExportCertificateKey(h.id, h.certs[0].Fingerprint))(t)
	return map[string][]byte{
		"certificate key": must(keyfile.DecodeCertificateKey(pem))(t),
		"access key":      must(keyfile.Seed(h.access[0].Private))(t),
	}
}

func (h *house) removeFirst(t *testing.T) {
	t.Helper()
	for range 2 { // the second time finds it done
		for _, remove := range []func() (spare.Copy, error){
			func() (spare.Copy, error) { return h.RemoveCertificate(h.id, h.certs[0].Fingerprint, t0) },
			func() (spare.Copy, error) { return h.RemoveAccessKey(h.id, h.access[0].ID, t0) },
		} {
			c, err := remove()
			if err != nil || c.Path != h.backup || !c.Rewritten || c.Err != nil {
				t.Fatalf("%+v, %v", c, err)
			}
		}
	}
}

func TestARemovedKeyLeavesATombstoneAndTheOthers(t *testing.T) {
	h := newHouse(t)
	h.removeFirst(t)
	for _, s := range []*keys.Store{h.Store, keystest.Reopen(t, h.Store)} {
		a := must(s.Account(h.id))(t)
		sealAndOpen(t, h.certs[1], h.access[1], a.Certificate(h.certs[1].Fingerprint), a.AccessKey(h.access[1].Fingerprint))
		if len(a.Certificates()) != 1 || len(a.AccessKeys()) != 1 {
			t.Errorf("left: %v %v", a.Certificates(), a.AccessKeys())
		}
		want := []keys.Destroyed{
			{Kind: keys.KindCertificate, Fingerprint: h.certs[0].Fingerprint, At: t0},
			{Kind: keys.KindAccessKey, Fingerprint: h.access[0].Fingerprint, ID: h.access[0].ID, At: t0},
		}
		if got := a.Destroyed(); len(got) != 2 || got[0] != want[0] || got[1] != want[1] {
			t.Errorf("destroyed: %v", got)
		}
		_, err := s.ExportCertificateKey(h.id, h.certs[0].Fingerprint)
		wantKind(t, err, fault.NotFound)
		_, err = s.RemoveAccessKey(h.id, uuid.New(), t0)
		wantKind(t, err, fault.NotFound)
		_, err = s.RemoveAccessKey(uuid.New(), h.access[0].ID, t0)
		wantKind(t, err, fault.NotFound)
	}
}

// It was said of the files under it that nobody can read them again.
func TestADestroyedKeyCannotComeBack(t *testing.T) {
	h := newHouse(t)
	h.removeFirst(t)
	err := h.AddCertificate(h.id, h.certs[0])
	if wantKind(t, err, fault.Exists); !strings.Contains(fault.Message(err), "2026-11-21") {
		t.Error(fault.Message(err))
	}
	again := *h.access[0]
	again.ID = uuid.New() // under another name
	wantKind(t, h.AddAccessKey(h.id, &again), fault.Exists)
}

func TestTheLastKeysLeaveAnAccountOfTombstones(t *testing.T) {
	h := newHouse(t)
	for i := range 2 {
		if _, err := h.RemoveCertificate(h.id, h.certs[i].Fingerprint, t0); err != nil {
			t.Fatal(err)
		}
		if _, err := h.RemoveAccessKey(h.id, h.access[i].ID, t0); err != nil {
			t.Fatal(err)
		}
	}
	s := keystest.Reopen(t, h.Store)
	a := must(s.Account(h.id))(t)
	if len(a.Destroyed()) != 4 || len(a.Certificates())+len(a.AccessKeys()) != 0 {
		t.Errorf("left: %v %v %v", a.Certificates(), a.AccessKeys(), a.Destroyed())
	}
	next := must(keys.NewCertificate("acme", t0))(t)
	if err := s.AddCertificate(h.id, next); err != nil {
		t.Errorf("a new certificate: %v", err)
	}
}

// Whoever has the store, the copy, and the master key of today, does not get a
// removed key out of them.
func TestTheBytesOfARemovedKeyAreNowhere(t *testing.T) {
	h := newHouse(t)
	secrets := h.secrets(t)
	if left := searchAll(t, h, secrets); len(left) != 4 {
		t.Fatalf("before the removal the search finds only %v", left)
	}
	h.removeFirst(t)
	if left := searchAll(t, h, secrets); len(left) != 0 {
		t.Errorf("after it: %v", left)
	}
	s := must(keys.Restore(t.Context(), h.backup, filepath.Join(t.TempDir(), "restored"), keystest.Master(h.Store), keys.Options{}))(t)
	a := must(s.Account(h.id))(t)
	if a.Certificate(h.certs[0].Fingerprint) != nil || a.AccessKey(h.access[0].Fingerprint) != nil || len(a.Destroyed()) != 2 {
		t.Errorf("a restored copy has %v %v %v", a.Certificates(), a.AccessKeys(), a.Destroyed())
	}
}

// searchAll opens every entry of every file with today's master key and says
// where one of the secrets stands.
func searchAll(t *testing.T, h *house, secrets map[string][]byte) []string {
	t.Helper()
	var found []string
	files := must(filepath.Glob(filepath.Join(h.Dir(), "*")))(t)
	for _, file := range append(files, h.backup) {
		opened := must(keys.OpenEntries(h.Store, must(os.ReadFile(file))(t)))(t)
		for name, secret := range secrets {
			for _, b := range opened {
				if bytes.Contains(b, secret) {
					found = append(found, name+" in "+filepath.Base(file))
				}
			}
		}
	}
	return found
}

func TestACopyThatCannotBeReachedIsReportedAndTheKeyIsGone(t *testing.T) {
	for name, c := range map[string]struct {
		spoil func(t *testing.T, h *house)
		kind  fault.Kind
		want  string
	}{
		"moved": {func(t *testing.T, h *house) { remove(t, h.backup) }, fault.NotFound, "no copy of the key store at"},
		"unplugged": {func(t *testing.T, h *house) {
			if err := os.RemoveAll(filepath.Dir(h.backup)); err != nil {
				t.Fatal(err)
			}
		}, fault.NotFound, "no copy of the key store at"},
		"another file": {func(t *testing.T, h *house) { write(t, h.backup, []byte("my holiday\n")) }, fault.Damaged, "not a whole copy"},
		"cut off":      {func(t *testing.T, h *house) { write(t, h.backup, must(os.ReadFile(h.backup))(t)[:100]) }, fault.Damaged, "not a whole copy"},
		"another gateway's": {func(t *testing.T, h *house) {
			write(t, h.backup, must(os.ReadFile(newHouse(t).backup))(t))
		}, fault.Exists, "another gateway's"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t)
			c.spoil(t, h)
			was, _ := os.ReadFile(h.backup)
			got, err := h.RemoveAccessKey(h.id, h.access[0].ID, t0)
			if err != nil || got.Rewritten || got.Path != h.backup {
				t.Errorf("%+v, %v", got, err)
			}
			if wantKind(t, got.Err, c.kind); !strings.Contains(fault.Message(got.Err), c.want) || !strings.Contains(fault.Message(got.Err), h.backup) {
				t.Errorf("the sentence: %s", fault.Message(got.Err))
			}
			if is, _ := os.ReadFile(h.backup); !bytes.Equal(is, was) {
				t.Error("what stood there was touched")
			}
			if must(keystest.Reopen(t, h.Store).Account(h.id))(t).AccessKey(h.access[0].Fingerprint) != nil {
				t.Error("the key is still there")
			}
		})
	}
}

func TestTheLastBackupIsRemembered(t *testing.T) {
	s, id := keystest.New(t), uuid.New()
	access := must(keys.NewAccessKey())(t)
	if err := s.CreateAccount(id, nil, access); err != nil {
		t.Fatal(err)
	}
	if got := must(s.Summary())(t).Copy; got != "" {
		t.Errorf("a copy at %s before there was one", got)
	}
	if c, err := s.RemoveAccessKey(id, access.ID, t0); err != nil || c != (spare.Copy{}) {
		t.Errorf("%+v, %v", c, err)
	}
	t.Chdir(t.TempDir())
	if err := s.Backup("first"); err != nil { // a relative path means the same tomorrow
		t.Fatal(err)
	}
	first := must(filepath.Abs("first"))(t)
	if got := must(keystest.Reopen(t, s).Summary())(t).Copy; got != first {
		t.Errorf("remembers %q", got)
	}
	// A backup that failed leaves the last good one remembered.
	if err := s.Backup(filepath.Join(t.TempDir(), "none", "second")); err == nil {
		t.Error("a backup into nowhere")
	}
	if got := must(s.Summary())(t).Copy; got != first {
		t.Errorf("remembers %q", got)
	}
}

// A tombstone is as hard to forge as a key: nobody without the master key makes
// the gateway believe that a key was destroyed, or when.
func TestATombstoneCannotBeForged(t *testing.T) {
	h := newHouse(t)
	h.removeFirst(t)
	entry := func(d map[string]any, i int) map[string]any { return d["entries"].([]any)[i].(map[string]any) }
	for name, change := range map[string]func(d map[string]any){
		"another time":               func(d map[string]any) { entry(d, 0)["destroyed"] = "2025-01-01T00:00:00Z" },
		"no tombstone any more":      func(d map[string]any) { delete(entry(d, 0), "destroyed") },
		"a living key made one":      func(d map[string]any) { entry(d, 2)["destroyed"] = "2025-01-01T00:00:00Z" },
		"another key":                func(d map[string]any) { entry(d, 0)["id"] = h.certs[1].Fingerprint.String() },
		"the fingerprint of another": func(d map[string]any) { entry(d, 0)["public"] = h.certs[1].Fingerprint[:] },
	} {
		t.Run(name, func(t *testing.T) {
			good := must(os.ReadFile(accountPath(h.Store, h.id)))(t)
			defer write(t, accountPath(h.Store, h.id), good)
			doc := accountDoc(t, h.Store, h.id)
			change(doc)
			write(t, accountPath(h.Store, h.id), must(json.Marshal(doc))(t))
			_, err := keystest.Reopen(t, h.Store).Account(h.id)
			wantKind(t, err, fault.Damaged)
		})
	}
}

// Every operation of a removal fails once, done and not done. Whatever happens,
// the next start has the key or its tombstone, the other keys in any case, and
// a second try ends with the key nowhere.
func TestARemovalOnAFailingDiskConverges(t *testing.T) {
	for _, op := range durabletest.Ops {
		for _, how := range []durabletest.How{durabletest.NotStored, durabletest.Stored} {
			if op == durabletest.Open && how == durabletest.Stored {
				continue // opening leaves nothing behind
			}
			for nth := 1; ; nth++ {
				h := newHouse(t)
				secrets := h.secrets(t)
				h.Store.Close()
				disk := durabletest.NewFaulty(durable.OS)
				h.Store = must(keys.Open(t.Context(), h.Dir(), keystest.Master(h.Store), keys.Options{FS: disk}))(t)
				disk.Fail(op, nth, how, durabletest.ErrIO)
				c, err := h.RemoveAccessKey(h.id, h.access[0].ID, t0)
				if fired := disk.Fired() > 0; fired && err == nil && c.Err == nil {
					t.Errorf("%v %v %d: the failure was swallowed", op, how, nth)
				} else if err == nil && c.Err == nil && !c.Rewritten {
					t.Errorf("%v %v %d: %+v", op, how, nth, c)
				}
				h.Store = keystest.Reopen(t, h.Store)
				a := must(h.Account(h.id))(t)
				sealAndOpen(t, h.certs[1], h.access[1], a.Certificate(h.certs[1].Fingerprint), a.AccessKey(h.access[1].Fingerprint))
				lives, buried := a.AccessKey(h.access[0].Fingerprint) != nil, len(a.Destroyed()) == 1
				if lives == buried || (err == nil && lives) {
					t.Errorf("%v %v %d: lives %v, tombstone %v, error %v", op, how, nth, lives, buried, err)
				}
				if c, err := h.RemoveAccessKey(h.id, h.access[0].ID, t0.Add(time.Hour)); err != nil || !c.Rewritten {
					t.Errorf("%v %v %d: the second try: %+v, %v", op, how, nth, c, err)
				}
				delete(secrets, "certificate key")
				if left := searchAll(t, h, secrets); len(left) > 0 {
					t.Errorf("%v %v %d: %v", op, how, nth, left)
				}
				if disk.Fired() == 0 {
					break
				}
			}
		}
	}
}

// The power is cut at every operation of a removal with a copy.
func TestARemovalCutAtAnyPointConverges(t *testing.T) {
	id := uuid.New()
	cert, access := must(keys.NewCertificate("acme", t0))(t), must(keys.NewAccessKey())(t)
	atEveryPowerCut(t,
		func(d disk) *keys.Store {
			s := d.create(t, fixed(1))
			if err := s.CreateAccount(id, cert, access); err != nil {
				t.Fatal(err)
			}
			if err := s.Backup("/backup/keys"); err != nil {
				t.Fatal(err)
			}
			return s
		},
		func(s *keys.Store) error {
			c, err := s.RemoveAccessKey(id, access.ID, t0)
			if err == nil {
				err = c.Err
			}
			return err
		},
		func(d disk, done bool) {
			s := must(keys.Open(t.Context(), dir, fixed(1), d.opt))(t)
			a := must(s.Account(id))(t)
			if lives := a.AccessKey(access.Fingerprint) != nil; lives == (len(a.Destroyed()) == 1) || done && lives {
				t.Errorf("lives %v, tombstones %v", lives, a.Destroyed())
			}
			c, err := s.RemoveAccessKey(id, access.ID, t0)
			if err != nil || !c.Rewritten {
				t.Fatalf("again: %+v, %v", c, err)
			}
			r := must(keys.Restore(t.Context(), "/backup/keys", "/data/restored", fixed(1), d.opt))(t)
			if a := must(r.Account(id))(t); a.AccessKey(access.Fingerprint) != nil || len(a.Certificates()) != 1 {
				t.Errorf("the copy holds %v %v", a.AccessKeys(), a.Certificates())
			}
		})
}

// A key under the customer's passphrase is the gateway's to keep and not to use.
func TestAKeyUnderAPassphraseIsKeptAndNotUsed(t *testing.T) {
	s, id := keystest.New(t), uuid.New()
	made := must(keys.NewAccessKey())(t)
	phrase := []byte("correct horse battery staple")
	k := must(keys.PassphraseAccessKey(made.Public, must(keyfile.EncryptAccessKey(made.Private, phrase))(t)))(t)
	if err := s.CreateAccount(id, must(keys.NewCertificate("acme", t0))(t), k); err != nil {
		t.Fatal(err)
	}
	text := must(os.ReadFile(accountPath(s, id)))(t)
	if bytes.Contains(text, k.Encrypted.Bytes()[:28]) {
		t.Error("the encrypted key is not wrapped by the master key")
	}
	got := must(keystest.Reopen(t, s).Account(id))(t).AccessKey(k.Fingerprint)
	if got == nil || got.Private != nil || got.Encrypted == nil || got.ID != k.ID {
		t.Fatalf("came back as %+v", got)
	}
	private := must(got.Encrypted.Open(phrase))(t)
	if !bytes.Equal(private.PublicKey().Bytes(), made.Public.Bytes()) {
		t.Error("another key came back")
	}
	wantKind(t, s.AddAccessKey(id, k), fault.Exists)
	if _, err := s.RemoveAccessKey(id, k.ID, t0); err != nil {
		t.Error(err)
	}
	if d := must(s.Account(id))(t).Destroyed(); len(d) != 1 || d[0].Fingerprint != k.Fingerprint || d[0].ID != k.ID {
		t.Errorf("destroyed: %v", d)
	}
	_, err := keys.PassphraseAccessKey(must(keys.NewAccessKey())(t).Public, k.Encrypted)
	wantKind(t, err, fault.Invalid)
}

func TestAnAccountWithTooManyKeysIsRefusedAndStaysReadable(t *testing.T) {
	s, id := keystest.New(t), uuid.New()
	if err := s.CreateAccount(id, nil, nil); err != nil {
		t.Fatal(err)
	}
	var err error
	added := 0
	for ; err == nil; added++ {
		if added > 10 {
			t.Fatal("there is no end")
		}
		err = s.AddCertificate(id, bigCertificate(t, 700<<10))
	}
	wantKind(t, err, fault.TooLarge)
	if a := must(keystest.Reopen(t, s).Account(id))(t); len(a.Certificates()) != added-1 {
		t.Errorf("%d certificates of %d", len(a.Certificates()), added-1)
	}
}

// bigCertificate is one of so many bytes: it fills a key file at once.
func bigCertificate(t *testing.T, size int) *keys.Certificate {
	t.Helper()
	key := ec(t, elliptic.P256())
	padding := pkix.Extension{Id: asn1.ObjectIdentifier{1, 2, 3, 4}, Value: make([]byte, size)}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: t0, NotAfter: t0, ExtraExtensions: []pkix.Extension{padding}}
	der := must(x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key))(t)
	return must(keys.ImportCertificate(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pkcs8(t, key), t0))(t)
}

func remove(t *testing.T, file string) {
	t.Helper()
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, file string, text []byte) {
	t.Helper()
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
