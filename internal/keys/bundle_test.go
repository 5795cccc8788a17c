package keys_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/keys/master"
)

func TestABackupHoldsNeitherIngestKeysNorTheMasterKeyAndRestores(t *testing.T) {
	s, id := keystest.New(t), uuid.New()
	cert, access := must(keys.NewCertificate("acme", t0))(t), must(keys.NewAccessKey())(t)
	if err := s.CreateAccount(id, cert, access); err != nil {
		t.Fatal(err)
	}
	ingest := must(s.NewIngestKey("2026-11-21"))(t)
	file := filepath.Join(t.TempDir(), "keys.backup")
	for range 2 { // the second replaces the first
		if err := s.Backup(file); err != nil {
			t.Fatal(err)
		}
	}
	text := must(os.ReadFile(file))(t)
	master := must(keystest.Master(s).Key(t.Context(), nil))(t)
	for name, secret := range map[string][]byte{
		"master key": master, "ingest key": must(ingest.Private.Bytes())(t), "public ingest key": ingest.Public.Bytes(), "pepper": s.Pepper(),
	} {
		for _, form := range [][]byte{secret, []byte(hex.EncodeToString(secret)), []byte(base64.StdEncoding.EncodeToString(secret))} {
			if bytes.Contains(text, form) {
				t.Errorf("the backup holds the %s", name)
			}
		}
	}
	if bytes.Contains(text, []byte(ingest.Fingerprint.String())) {
		t.Error("the backup names an ingest key")
	}

	dir := filepath.Join(t.TempDir(), "restored")
	r := must(keys.Restore(t.Context(), file, dir, keystest.Master(s), keys.Options{}))(t)
	a := must(r.Account(id))(t)
	sealAndOpen(t, cert, access, a.Certificate(cert.Fingerprint), a.AccessKey(access.Fingerprint))
	if !r.Identity().Equal(s.Identity()) || !bytes.Equal(r.Pepper(), s.Pepper()) {
		t.Error("the gateway's secrets are other ones")
	}
	_, err := r.IngestKey(ingest.Fingerprint)
	wantKind(t, err, fault.NotFound)

	_, err = keys.Restore(t.Context(), file, dir, keystest.Master(s), keys.Options{})
	wantKind(t, err, fault.Exists)
}

func TestARestoreWithAnotherMasterKeyWritesNothing(t *testing.T) {
	s, other := keystest.New(t), keystest.New(t)
	file := filepath.Join(t.TempDir(), "keys.backup")
	if err := s.Backup(file); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "restored")
	_, err := keys.Restore(t.Context(), file, dir, keystest.Master(other), keys.Options{})
	wantKind(t, err, fault.Locked)
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("something was written: %v", err)
	}
}

func TestADamagedBackupIsNotRestored(t *testing.T) {
	s := keystest.New(t)
	file := filepath.Join(t.TempDir(), "keys.backup")
	if err := s.Backup(file); err != nil {
		t.Fatal(err)
	}
	good := must(os.ReadFile(file))(t)
	for name, bad := range map[string][]byte{
		"cut":     good[:len(good)/2],
		"empty":   nil,
		"trailed": append(bytes.Clone(good), "{}"...),
		"escapes": bytes.Replace(good, []byte(`"gateway.key"`), []byte(`"../gateway.key"`), 1),
		"renamed": bytes.Replace(good, []byte(`"gateway.key"`), []byte(`"account-7d444840-9dc0-11d1-b245-5ffdce74fad2.key"`), 1),
	} {
		t.Run(name, func(t *testing.T) {
			if err := os.WriteFile(file, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := keys.Restore(t.Context(), file, filepath.Join(t.TempDir(), "r"), keystest.Master(s), keys.Options{})
			wantKind(t, err, fault.Damaged)
		})
	}
}

func TestABackupInsideTheStoreIsRefused(t *testing.T) {
	s := keystest.New(t)
	wantKind(t, s.Backup(filepath.Join(s.Dir(), "copy")), fault.Invalid)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(s.Dir(), link); err != nil {
		t.Fatal(err)
	}
	wantKind(t, s.Backup(filepath.Join(link, "copy")), fault.Invalid)
}

func TestAfterARotationOldMasterKeyAndOldRemnantsAreDead(t *testing.T) {
	s, id := keystest.New(t), uuid.New()
	cert, access := must(keys.NewCertificate("acme", t0))(t), must(keys.NewAccessKey())(t)
	if err := s.CreateAccount(id, cert, access); err != nil {
		t.Fatal(err)
	}
	ingest := must(s.NewIngestKey("2026-11-21"))(t)
	path := filepath.Join(filepath.Dir(s.Dir()), "master.key")
	old := filepath.Join(t.TempDir(), "old.key")
	if err := os.WriteFile(old, must(os.ReadFile(path))(t), 0o600); err != nil {
		t.Fatal(err)
	}
	remnants := filepath.Join(t.TempDir(), "remnants")
	if err := os.CopyFS(remnants, os.DirFS(s.Dir())); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(remnants, 0o700); err != nil {
		t.Fatal(err)
	}

	to, install, err := master.ReplaceFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.RotateMaster(t.Context(), to, install); err != nil {
		t.Fatal(err)
	}
	for _, s := range []*keys.Store{s, keystest.Reopen(t, s)} {
		if s.Generation() != 2 {
			t.Errorf("generation %d", s.Generation())
		}
		a := must(s.Account(id))(t)
		sealAndOpen(t, cert, access, a.Certificate(cert.Fingerprint), a.AccessKey(access.Fingerprint))
		grantOpens(t, ingest, must(s.IngestKey(ingest.Fingerprint))(t))
	}
	if err := s.AddCertificate(id, must(keys.NewCertificate("acme", t0))(t)); err != nil {
		t.Errorf("the store cannot be written after it: %v", err)
	}
	_, err = keys.Open(t.Context(), s.Dir(), master.File(old), keys.Options{})
	wantKind(t, err, fault.Locked)
	_, err = keys.Open(t.Context(), remnants, keystest.Master(s), keys.Options{})
	wantKind(t, err, fault.Locked)
	// An entry as it was before does not open in the store as it is now.
	name := filepath.Base(accountPath(s, id))
	if err := os.WriteFile(accountPath(s, id), must(os.ReadFile(filepath.Join(remnants, name)))(t), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = keystest.Reopen(t, s).Account(id)
	wantKind(t, err, fault.Damaged)
}

func TestASummarySaysWhatIsThere(t *testing.T) {
	s := keystest.New(t)
	if err := s.CreateAccount(uuid.New(), must(keys.NewCertificate("acme", t0))(t), nil); err != nil {
		t.Fatal(err)
	}
	k := must(s.NewIngestKey("2026-11-21"))(t)
	sum := must(s.Summary())(t)
	if sum.Accounts != 1 || sum.Generation != 1 || len(sum.IngestKeys) != 1 || sum.IngestKeys[0] != k ||
		sum.Master != keystest.Master(s).String() || !sum.Identity.Equal(s.Identity().Public()) {
		t.Errorf("%+v", sum)
	}
}
