package inventory_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
)

// open returns a custodian, whose inventory is tried, and an account with one
// certificate and one access key.
func open(t *testing.T) (*custody.Custodian, *keys.Store, *catalog.Catalog, uuid.UUID) {
	t.Helper()
	ks, cat := keystest.New(t), catalogtest.Open(t)
	c := custody.New(ks, cat, "node-1", time.Now)
	a := catalogtest.Account(t, cat, "acme")
	made, err := c.NewAccountKeys(t.Context(), custody.NewAccount{ID: a.ID, Name: a.Name, Keys: catalog.KeysGateway})
	if err != nil {
		t.Fatal(err)
	}
	catalogtest.Update(t, cat, made.Insert)
	return c, ks, cat, a.ID
}

func wantKind(t *testing.T, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("error %v, want kind %v", err, kind)
	}
}

func TestKeysAreFoundByWhatPeopleType(t *testing.T) {
	v, _, _, a := open(t)
	ctx := t.Context()
	certs, err := v.Certificates(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	list, err := v.AccessKeys(ctx, a)
	if err != nil {
		t.Fatal(err)
	}
	k, c := list[0].ID, certs[0].Fingerprint
	for _, text := range []string{k.String(), k.String()[:12], list[0].Fingerprint, strings.ToUpper(list[0].Fingerprint[:8])} {
		if got, err := v.FindAccessKey(ctx, a, text); err != nil || got != k {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{c, c[:6], strings.ToUpper(c)} {
		if got, err := v.FindCertificate(ctx, a, text); err != nil || got != c {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", c[:5], "zzzzzzzz", "2026", c + "0"} {
		_, err := v.FindCertificate(ctx, a, text)
		wantKind(t, err, fault.NotFound)
		_, err = v.FindAccessKey(ctx, a, text)
		wantKind(t, err, fault.NotFound)
	}
	for range 3 {
		if _, err := v.AddAccessKey(ctx, "op", a, custody.NewKey{}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := v.FindAccessKey(ctx, a, k.String()[:6]); err != nil && !fault.Is(err, fault.Invalid) {
		t.Errorf("several fit: %v", err)
	}
}

func TestExportsThatMustNotBe(t *testing.T) {
	v, ks, cat, a := open(t)
	ctx := t.Context()
	_, err := v.ExportCertificate(ctx, "op", a, "00", false)
	wantKind(t, err, fault.NotFound)
	_, _, err = v.ExportAccessKey(ctx, "op", a, uuid.New())
	wantKind(t, err, fault.NotFound)

	// Held by the customer, or no longer here.
	if err := ks.DestroyAccount(a); err != nil {
		t.Fatal(err)
	}
	if pem, err := v.ExportCertificate(ctx, "op", a, "", false); err != nil || len(pem) == 0 {
		t.Errorf("the certificate itself is no secret: %v", err)
	}
	_, err = v.ExportCertificate(ctx, "op", a, "", true)
	wantKind(t, err, fault.Denied)
	_, _, err = v.ExportAccessKey(ctx, "op", a, uuid.Nil)
	wantKind(t, err, fault.Denied)
	for _, action := range []string{"access-key.exported", "certificate.exported"} {
		if n := len(catalogtest.Audited(t, cat, action)); n != 0 {
			t.Errorf("%s is on record %d times and never was", action, n)
		}
	}
}
