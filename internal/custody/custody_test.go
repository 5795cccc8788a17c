package custody_test

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keyfile"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
)

func wantKind(t testing.TB, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("error %v, want kind %v", err, kind)
	}
}

func TestRecordsOpenAfterARestartAndOnlyInTheirPlace(t *testing.T) {
	w := newWorld(t)
	a, b := w.account("acme", catalog.ContentKeep), w.account("beta", catalog.ContentKeep)
	row, name := uuid.New(), []byte("lön-2026-11.xml")
	r, err := w.Records(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	sealed := r.Seal("file", "name", row, name)
	if bytes.Contains(sealed, name) || bytes.Equal(sealed, r.Seal("file", "name", row, name)) {
		t.Error("a sealed name shows, or seals alike twice")
	}
	mac := r.MAC("names", name)

	w.restart()
	if r, err = w.Records(t.Context(), a.ID); err != nil {
		t.Fatal(err)
	}
	if got, err := r.Open("file", "name", row, sealed); err != nil || !bytes.Equal(got, name) {
		t.Errorf("after a restart: %q, %v", got, err)
	}
	if r.MAC("names", name) != mac {
		t.Error("the MAC of a name changes with a restart")
	}
	other, err := w.Records(t.Context(), b.ID)
	if err != nil {
		t.Fatal(err)
	}
	flipped := bytes.Clone(sealed)
	flipped[len(flipped)-1] ^= 1
	for what, open := range map[string]func() ([]byte, error){
		"another row":    func() ([]byte, error) { return r.Open("file", "name", uuid.New(), sealed) },
		"another column": func() ([]byte, error) { return r.Open("file", "reason", row, sealed) },
		"another table":  func() ([]byte, error) { return r.Open("entry", "name", row, sealed) },
		"shifted names":  func() ([]byte, error) { return r.Open("filen", "ame", row, sealed) },
		"a flipped bit":  func() ([]byte, error) { return r.Open("file", "name", row, flipped) },
		"nothing":        func() ([]byte, error) { return r.Open("file", "name", row, nil) },
	} {
		if _, err := open(); !fault.Is(err, fault.Damaged) {
			t.Errorf("%s: %v", what, err)
		}
	}
	// Another record key is not damage: the value names the one it needs.
	_, err = other.Open("file", "name", row, sealed)
	wantKind(t, err, fault.Locked)
}

func TestFilesOpenByGrantOrByBothKeys(t *testing.T) {
	w := newWorld(t)
	keep, del := w.account("acme", catalog.ContentKeep), w.account("beta", catalog.ContentDelete)
	_, kept := w.file(keep)
	_, gone := w.file(del)
	w.restart()
	w.opens(kept)
	w.opens(gone)

	for _, f := range []*custody.Fresh{kept, gone} {
		w.update(func(tx *catalog.Tx) error { return tx.DeleteGrant(f.ID) })
	}
	w.opens(kept)
	wantKind(t, w.tryOpen(w.row(gone.ID), gone), fault.Locked)

	have, err := w.ks.Account(keep.ID)
	if err != nil {
		t.Fatal(err)
	}
	cert, access := have.Certificates()[0], have.AccessKeys()[0]
	if _, err := w.ks.RemoveAccessKey(keep.ID, access.ID, w.clock.Now()); err != nil {
		t.Fatal(err)
	}
	wantKind(t, w.tryOpen(w.row(kept.ID), kept), fault.Locked)
	if _, err := w.ks.RemoveCertificate(keep.ID, cert.Fingerprint, w.clock.Now()); err != nil {
		t.Fatal(err)
	}
	wantKind(t, w.tryOpen(w.row(kept.ID), kept), fault.Locked)
	if err := w.ks.DestroyAccount(keep.ID); err != nil {
		t.Fatal(err)
	}
	wantKind(t, w.tryOpen(w.row(kept.ID), kept), fault.Locked)
}

func TestAContentDeleteHeaderHasNoWrap(t *testing.T) {
	w := newWorld(t)
	_, f := w.file(w.account("acme", catalog.ContentDelete))
	h, _, err := seal.ReadHeader(bytes.NewReader(f.Header))
	if err != nil || len(h.Wraps) != 0 {
		t.Errorf("%d wraps, %v", len(h.Wraps), err)
	}
}

func TestAHeaderOrGrantOfAnotherFileDoesNotOpen(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentDelete)
	one, f1 := w.file(a)
	two, f2 := w.file(a)
	wantKind(t, w.tryOpen(one, f2), fault.Damaged) // the header of the other
	one.Grant = two.Grant
	wantKind(t, w.tryOpen(one, f1), fault.Damaged)
	two.Grant.Data = bytes.Clone(two.Grant.Data)
	two.Grant.Data[7] ^= 1
	wantKind(t, w.tryOpen(two, f2), fault.Damaged)
}

func TestWithoutTheKeyFileAnAccountIsLocked(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	if err := w.ks.DestroyAccount(a.ID); err != nil {
		t.Fatal(err)
	}
	w.restart()
	_, err := w.Records(t.Context(), a.ID)
	wantKind(t, err, fault.Locked)
	_, err = w.NewFile(t.Context(), catalogtest.Account(t, w.cat, "none"), true)
	wantKind(t, err, fault.Locked)
}

func TestAKeyFileOfACrashedAddIsHarmless(t *testing.T) {
	w := newWorld(t)
	a := catalogtest.Account(t, w.cat, "acme")
	crash := errors.New("crash")
	w.FailAt(func(string) error { return crash })
	n := custody.NewAccount{ID: a.ID, Name: "acme"}
	if _, err := w.NewAccountKeys(t.Context(), n); !errors.Is(err, crash) {
		t.Fatal(err)
	}
	w.restart()
	_, err := w.Records(t.Context(), a.ID)
	wantKind(t, err, fault.Locked) // a key file alone opens nothing
	k, err := w.NewAccountKeys(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	row := uuid.New()
	sealed := k.Records().Seal("account", "allow_from", row, []byte("10.0.0.0/8"))
	w.update(k.Insert)
	r, err := w.Records(t.Context(), a.ID)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Open("account", "allow_from", row, sealed); err != nil {
		t.Errorf("sealed before the commit, not opened after it: %v", err)
	}
}

func TestDiscardedKeysAreGone(t *testing.T) {
	w := newWorld(t)
	id := uuid.New()
	k, err := w.NewAccountKeys(t.Context(), custody.NewAccount{ID: id, Name: "acme"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Discard(k); err != nil {
		t.Fatal(err)
	}
	if ids, err := w.ks.Accounts(); err != nil || len(ids) != 0 {
		t.Errorf("left: %v, %v", ids, err)
	}
}

func TestABroughtCertificateIsUsed(t *testing.T) {
	w := newWorld(t)
	a := catalogtest.Account(t, w.cat, "acme")
	cert, err := keys.NewCertificate("their own", w.clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	k, err := w.NewAccountKeys(t.Context(), custody.NewAccount{ID: a.ID, Name: "acme", Certificate: cert})
	if err != nil {
		t.Fatal(err)
	}
	w.update(k.Insert)
	list, err := w.Certificates(t.Context(), a.ID)
	if err != nil || len(list) != 1 || list[0].Fingerprint != cert.Fingerprint.String() || !list[0].Here {
		t.Errorf("%+v, %v", list, err)
	}
}

// What is exported opens a kept file with package seal alone.
func TestExportedKeysOpenAKeptFileFromOutside(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	_, f := w.file(a)
	certPEM, err := w.ExportCertificate(t.Context(), "operator-1", a.ID, "", true)
	if err != nil {
		t.Fatal(err)
	}
	private, public, err := w.ExportAccessKey(t.Context(), "operator-1", a.ID, uuid.Nil)
	if err != nil {
		t.Fatal(err)
	}
	certKey, err := keyfile.ParseCertificateKey(certPEM)
	if err != nil {
		t.Fatal(err)
	}
	accessKey, err := keyfile.ParseAccessKey(private)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keyfile.ParseAccessPublicKey(public); err != nil {
		t.Error(err)
	}
	h, raw, err := seal.ReadHeader(bytes.NewReader(f.Header))
	if err != nil {
		t.Fatal(err)
	}
	k, err := h.FileKey(certKey, accessKey)
	if err != nil {
		t.Fatal(err)
	}
	if err := seal.VerifyHeader(raw, k); err != nil {
		t.Error(err)
	}
	if got := w.actions("access-key.exported") + w.actions("certificate.exported"); got != 2 {
		t.Errorf("%d of 2 exports on record", got)
	}
}

func (w *world) actions(action string) int {
	w.t.Helper()
	return len(catalogtest.Audited(w.t, w.cat, action))
}

// Keys made ahead are as good as others, and nothing is left when Run ends.
func TestKeysMadeAheadAreDistinctAndOpen(t *testing.T) {
	w := newWorld(t)
	a := w.account("acme", catalog.ContentKeep)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- w.Run(ctx) }()
	seen := map[uuid.UUID]bool{}
	for range 60 {
		_, f := w.file(a)
		if seen[f.ID] {
			t.Fatal("one id for two files")
		}
		seen[f.ID] = true
		w.opens(f)
	}
	stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := w.MadeAhead(); n != 0 {
		t.Errorf("%d keys left", n)
	}
}
