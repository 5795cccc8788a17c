package keys_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/durable"
	"sealgate/internal/durable/durabletest"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/keys/master"
)

func TestAnotherMasterKeyIsRefusedWithAClearSentence(t *testing.T) {
	s := keystest.New(t)
	other := filepath.Join(t.TempDir(), "other.key")
	if err := master.CreateFile(other); err != nil {
		t.Fatal(err)
	}
	_, err := keys.Open(t.Context(), s.Dir(), master.File(other), keys.Options{})
	wantKind(t, err, fault.Locked)
	if !strings.Contains(fault.Message(err), other) {
		t.Errorf("the sentence does not name the file: %s", fault.Message(err))
	}
}

func TestWhatIsMissingIsNamed(t *testing.T) {
	s := keystest.New(t)
	none := filepath.Join(t.TempDir(), "none")
	_, err := keys.Open(t.Context(), none, keystest.Master(s), keys.Options{})
	wantKind(t, err, fault.Locked)
	if !strings.Contains(fault.Message(err), none) {
		t.Errorf("no store: %s", fault.Message(err))
	}
	_, err = keys.Open(t.Context(), s.Dir(), master.File(none), keys.Options{})
	wantKind(t, err, fault.Locked)
	if !strings.Contains(fault.Message(err), none) {
		t.Errorf("no master key: %s", fault.Message(err))
	}
	if err := os.Remove(filepath.Join(s.Dir(), "gateway.key")); err != nil {
		t.Fatal(err)
	}
	_, err = keys.Open(t.Context(), s.Dir(), keystest.Master(s), keys.Options{})
	wantKind(t, err, fault.Locked)
}

func TestFilesThatOthersCanReadAreRefused(t *testing.T) {
	s := keystest.New(t)
	master := filepath.Join(filepath.Dir(s.Dir()), "master.key")
	for _, c := range []struct {
		path string
		mode os.FileMode
		good os.FileMode
	}{
		{master, 0o640, 0o600}, {master, 0o604, 0o600}, {s.Dir(), 0o750, 0o700}, {s.Dir(), 0o701, 0o700},
	} {
		if err := os.Chmod(c.path, c.mode); err != nil {
			t.Fatal(err)
		}
		_, err := keys.Open(t.Context(), s.Dir(), keystest.Master(s), keys.Options{})
		wantKind(t, err, fault.Denied)
		if err := os.Chmod(c.path, c.good); err != nil {
			t.Fatal(err)
		}
	}
	keystest.Reopen(t, s)
}

func TestEverythingWrittenIsForItsOwnerOnly(t *testing.T) {
	s := keystest.New(t)
	if _, err := s.NewIngestKey("2026-11-21"); err != nil {
		t.Fatal(err)
	}
	copyAt := filepath.Join(t.TempDir(), "keys.backup")
	if err := s.Backup(copyAt); err != nil {
		t.Fatal(err)
	}
	paths := must(filepath.Glob(filepath.Join(s.Dir(), "*")))(t)
	for _, p := range append(paths, copyAt) {
		if mode := must(os.Stat(p))(t).Mode().Perm(); mode != 0o600 {
			t.Errorf("%s has mode %o", p, mode)
		}
	}
}

func TestASecondStoreIsNotMadeOverAFirst(t *testing.T) {
	s := keystest.New(t)
	_, err := keys.Create(t.Context(), s.Dir(), keystest.Master(s), keystest.Options(t))
	wantKind(t, err, fault.Exists)
	wantKind(t, master.CreateFile(filepath.Join(filepath.Dir(s.Dir()), "master.key")), fault.Exists)
}

func TestACredentialOpensTheStore(t *testing.T) {
	s := keystest.New(t)
	t.Setenv("CREDENTIALS_DIRECTORY", filepath.Dir(s.Dir()))
	if _, err := keys.Open(t.Context(), s.Dir(), master.Credential("master.key"), keys.Options{}); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"", "..", "../x", "a/b"} {
		_, err := keys.Open(t.Context(), s.Dir(), master.Credential(name), keys.Options{})
		wantKind(t, err, fault.Invalid)
	}
	_, err := keys.Open(t.Context(), s.Dir(), master.Credential("none"), keys.Options{})
	wantKind(t, err, fault.Locked)
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	_, err = keys.Open(t.Context(), s.Dir(), master.Credential("master.key"), keys.Options{})
	wantKind(t, err, fault.Locked)
}

func TestAPassphraseOpensTheStore(t *testing.T) {
	say := func(p string) keys.Master {
		return master.Passphrase(func() ([]byte, error) { return []byte(p), nil })
	}
	dir := filepath.Join(t.TempDir(), "keys")
	s := must(keys.Create(t.Context(), dir, say("correct horse"), keystest.Options(t)))(t)
	again := must(keys.Open(t.Context(), dir, say("correct horse"), keys.Options{}))(t)
	if !s.Identity().Equal(again.Identity()) {
		t.Error("another identity")
	}
	_, err := keys.Open(t.Context(), dir, say("battery staple"), keys.Options{})
	wantKind(t, err, fault.Locked)
	_, err = keys.Open(t.Context(), dir, say(""), keys.Options{})
	wantKind(t, err, fault.Locked)
}

// Whoever can write to the key store still cannot make a key stand for another.
func TestEntriesOpenOnlyWhereTheyWereMade(t *testing.T) {
	s := keystest.New(t)
	ids := [2]uuid.UUID{uuid.New(), uuid.New()}
	for _, id := range ids {
		if err := s.CreateAccount(id, must(keys.NewCertificate("acme", t0))(t), must(keys.NewAccessKey())(t)); err != nil {
			t.Fatal(err)
		}
	}
	b := accountDoc(t, s, ids[1])
	entry := func(d map[string]any, i int) map[string]any { return d["entries"].([]any)[i].(map[string]any) }
	for name, change := range map[string]func(d map[string]any){
		"an entry of another account": func(d map[string]any) { d["entries"].([]any)[1] = entry(b, 1) },
		"another secret":              func(d map[string]any) { entry(d, 0)["sealed"] = entry(d, 1)["sealed"] },
		"another public half":         func(d map[string]any) { entry(d, 1)["public"] = entry(b, 1)["public"] },
		"another id":                  func(d map[string]any) { entry(d, 1)["id"] = uuid.NewString() },
		"another kind":                func(d map[string]any) { entry(d, 0)["kind"] = "access-key" },
		"the file of another account": func(d map[string]any) {
			d["name"], d["entries"] = b["name"], b["entries"]
		},
		"the entries of another account": func(d map[string]any) { d["entries"] = b["entries"] },
	} {
		t.Run(name, func(t *testing.T) {
			doc := accountDoc(t, s, ids[0])
			change(doc)
			path := accountPath(s, ids[0])
			good := must(os.ReadFile(path))(t)
			defer os.WriteFile(path, good, 0o600)
			if err := os.WriteFile(path, must(json.Marshal(doc))(t), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := keystest.Reopen(t, s).Account(ids[0])
			wantKind(t, err, fault.Damaged)
		})
	}
	if _, err := keystest.Reopen(t, s).Account(ids[0]); err != nil {
		t.Errorf("unchanged: %v", err)
	}
}

func TestAFlippedBitIsNoticed(t *testing.T) {
	s := keystest.New(t)
	path := filepath.Join(s.Dir(), "gateway.key")
	good := must(os.ReadFile(path))(t)
	at := bytes.Index(good, []byte(`"sealed": "`)) + len(`"sealed": "`) + 4
	bad := bytes.Clone(good)
	if bad[at] == 'A' {
		bad[at] = 'B'
	} else {
		bad[at] = 'A'
	}
	if err := os.WriteFile(path, bad, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := keys.Open(t.Context(), s.Dir(), keystest.Master(s), keys.Options{})
	wantKind(t, err, fault.Damaged)
}

func accountPath(s *keys.Store, id uuid.UUID) string {
	return filepath.Join(s.Dir(), "account-"+id.String()+".key")
}

func accountDoc(t *testing.T, s *keys.Store, id uuid.UUID) map[string]any {
	t.Helper()
	var d map[string]any
	if err := json.Unmarshal(must(os.ReadFile(accountPath(s, id)))(t), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func TestNothingThatHoldsASecretPrintsIt(t *testing.T) {
	s := keystest.New(t)
	cert := must(keys.NewCertificate("acme", t0))(t)
	access := must(keys.NewAccessKey())(t)
	ingest := must(s.NewIngestKey("2026-11-21"))(t)
	accessBytes := must(access.Private.Bytes())(t)
	ingestBytes := must(ingest.Private.Bytes())(t)
	secrets := [][]byte{s.Pepper(), s.UsernameIndexKey(), s.Identity().Seed(), accessBytes, ingestBytes}
	values := []any{s, *cert, cert, cert.Key, access, ingest, struct{ c *keys.Certificate }{cert}, struct{ k any }{cert.Key}}
	for _, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
			text := fmt.Sprintf(verb, v)
			if len(text) > 4000 && verb != "%+v" && verb != "%#v" {
				t.Errorf("%T prints %d bytes with %s", v, len(text), verb)
			}
			for _, secret := range secrets {
				if strings.Contains(text, fmt.Sprintf("%x", secret)) || strings.Contains(text, string(secret)) ||
					strings.Contains(text, strings.Trim(fmt.Sprint(secret), "[]")) {
					t.Errorf("%T prints a secret with %s", v, verb)
				}
			}
		}
	}
	for _, v := range []any{cert.Key} {
		if got := fmt.Sprintf("%+v %#v %x", v, v, v); got != "[key] [key] [key]" {
			t.Errorf("a certificate key prints %q", got)
		}
	}
}

// A disk that fails in the middle of a rotation, once having done the thing and
// once not: the next start finds one generation whole.
func TestARotationOnAFailingDiskConverges(t *testing.T) {
	for _, op := range durabletest.Ops {
		for _, how := range []durabletest.How{durabletest.NotStored, durabletest.Stored} {
			if op == durabletest.Open && how == durabletest.Stored {
				continue // opening leaves nothing behind
			}
			for nth := 1; ; nth++ {
				s := keystest.New(t)
				s.Close()
				disk := durabletest.NewFaulty(durable.OS)
				s = must(keys.Open(t.Context(), s.Dir(), keystest.Master(s), keys.Options{FS: disk}))(t)
				to, install, err := master.ReplaceFile(filepath.Join(filepath.Dir(s.Dir()), "master.key"))
				if err != nil {
					t.Fatal(err)
				}
				ingest := must(s.NewIngestKey("2026-11-21"))(t)
				disk.Fail(op, nth, how, durabletest.ErrIO)
				rerr := s.RotateMaster(t.Context(), to, install)
				again := keystest.Reopen(t, s)
				grantOpens(t, ingest, must(again.IngestKey(ingest.Fingerprint))(t))
				if !again.Identity().Equal(s.Identity()) {
					t.Fatalf("%v %v %d: another identity", op, how, nth)
				}
				if disk.Fired() == 0 {
					if rerr != nil {
						t.Fatal(rerr)
					}
					break
				}
				// Where the copy is, is asked last, and no rotation fails for its sake.
				done := op == durabletest.Open && again.Generation() == 2 && s.Generation() == 2
				if rerr == nil && !done {
					t.Errorf("%v %v %d: the failure was swallowed", op, how, nth)
				}
			}
		}
	}
}

// The blocks of a destroyed file are overwritten, not only its name taken away.
func TestDestroyedKeysAreOverwrittenOnTheDisk(t *testing.T) {
	s, id := keystest.New(t), uuid.New()
	access := must(keys.NewAccessKey())(t)
	if err := s.CreateAccount(id, must(keys.NewCertificate("acme", t0))(t), access); err != nil {
		t.Fatal(err)
	}
	other := must(keys.NewAccessKey())(t)
	if err := s.AddAccessKey(id, other); err != nil {
		t.Fatal(err)
	}
	ingest := must(s.NewIngestKey("2026-11-21"))(t)
	backup := filepath.Join(t.TempDir(), "backup")
	if err := s.Backup(backup); err != nil {
		t.Fatal(err)
	}
	// A second name for the same blocks shows what becomes of them.
	remnant := func(path string) string {
		link := filepath.Join(t.TempDir(), "remnant")
		if err := os.Link(path, link); err != nil {
			t.Fatal(err)
		}
		return link
	}
	files := must(filepath.Glob(filepath.Join(s.Dir(), "ingest-*")))(t)
	for what, c := range map[string]struct {
		path    string
		destroy func() error
	}{
		"an ingest key":         {files[0], func() error { return s.DestroyIngestKey(ingest.Fingerprint) }},
		"a removed access key":  {accountPath(s, id), func() error { _, err := s.RemoveAccessKey(id, access.ID, t0); return err }},
		"the backup before":     {backup, func() error { return s.Backup(backup) }},
		"the remembered copy":   {backup, func() error { _, err := s.RemoveAccessKey(id, other.ID, t0); return err }},
		"store.json before":     {filepath.Join(s.Dir(), "store.json"), func() error { return s.RotateMaster(t.Context(), fixed(2), nil) }},
		"the gateway's secrets": {filepath.Join(s.Dir(), "gateway.key"), func() error { return s.RotateMaster(t.Context(), fixed(3), nil) }},
	} {
		link := remnant(c.path)
		if err := c.destroy(); err != nil {
			t.Fatal(err)
		}
		if left := must(os.ReadFile(link))(t); len(bytes.Trim(left, "\x00")) > 0 {
			t.Errorf("%s: %d bytes are left", what, len(left))
		}
	}
}

// A key that is held elsewhere has no private half here to show a forgery: the
// entry itself vouches for the public one.
func TestAForgedPublicHalfOfACustomersKeyIsNoticed(t *testing.T) {
	s, id := keystest.New(t), uuid.New()
	k, forged := must(keys.NewAccessKey())(t), must(keys.NewAccessKey())(t)
	k.Private = nil
	if err := s.CreateAccount(id, nil, k); err != nil {
		t.Fatal(err)
	}
	doc := accountDoc(t, s, id)
	doc["entries"].([]any)[0].(map[string]any)["public"] = forged.Public.Bytes()
	if err := os.WriteFile(accountPath(s, id), must(json.Marshal(doc))(t), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := keystest.Reopen(t, s).Account(id)
	wantKind(t, err, fault.Damaged)
}
