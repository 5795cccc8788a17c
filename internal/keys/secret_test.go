package keys_test

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keystest"
)

func wantSecret(t *testing.T, s *keys.Store, account uuid.UUID, kind string, id uuid.UUID, want string) {
	t.Helper()
	got, err := s.AccountSecret(account, kind, id)
	if want == "" {
		wantKind(t, err, fault.NotFound)
		return
	}
	if err != nil || string(got) != want {
		t.Errorf("secret %q, %v; want %q", got, err, want)
	}
}

func TestSecretsOfAnAccountAreWrappedChangedRotatedAndRemoved(t *testing.T) {
	h := newHouse(t)
	a, b := uuid.New(), uuid.New()
	for _, set := range []struct {
		kind  string
		id    uuid.UUID
		value string
	}{{"totp", a, "first value"}, {"totp", b, "of another"}, {"webhook", a, "of another kind"}, {"totp", a, "second value"}} {
		if err := h.SetSecret(h.id, set.kind, set.id, []byte(set.value)); err != nil {
			t.Fatal(err)
		}
	}
	text := must(os.ReadFile(accountPath(h.Store, h.id)))(t)
	for _, plain := range []string{"first value", "second value", "of another"} {
		if bytes.Contains(text, []byte(plain)) {
			t.Errorf("%q lies open", plain)
		}
	}
	master := rotate(t, h.Store)
	again := must(keys.Open(t.Context(), h.Dir(), master, keys.Options{}))(t)
	defer again.Close()
	for _, s := range []*keys.Store{h.Store, again} {
		wantSecret(t, s, h.id, "totp", a, "second value")
		wantSecret(t, s, h.id, "totp", b, "of another")
		wantSecret(t, s, h.id, "webhook", a, "of another kind")
		wantSecret(t, s, h.id, "webhook", b, "")
		wantSecret(t, s, uuid.New(), "totp", a, "")
	}
	for range 3 { // the second time finds it done
		if err := again.RemoveSecret(h.id, "totp", a); err != nil {
			t.Fatal(err)
		}
	}
	wantSecret(t, again, h.id, "totp", a, "")
	wantSecret(t, again, h.id, "webhook", a, "of another kind")
	if n := len(must(again.Account(h.id))(t).Certificates()); n != 2 {
		t.Errorf("%d certificates", n)
	}
}

// A secret that was removed is taken out of the copy, too, though the copy then
// knew of more than the store.
func TestARemovedSecretLeavesTheCopy(t *testing.T) {
	h := newHouse(t)
	id := uuid.New()
	if err := h.SetSecret(h.id, "totp", id, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	wantCopy(t, h.Store, h.backup)
	wantSecret(t, h.rehearsal(t), h.id, "totp", id, "secret")
	if err := h.RemoveSecret(h.id, "totp", id); err != nil {
		t.Fatal(err)
	}
	wantCopy(t, h.Store, h.backup)
	wantSecret(t, h.rehearsal(t), h.id, "totp", id, "")
}

func TestSecretsThatMakeNoSenseAreRefused(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct {
		kind  string
		value []byte
	}{{"", []byte("x")}, {"Not A Kind", []byte("x")}, {"totp", nil}, {"totp", make([]byte, 64<<10+1)}} {
		wantKind(t, h.SetSecret(h.id, c.kind, uuid.New(), c.value), fault.Invalid)
	}
	wantKind(t, h.SetSecret(uuid.New(), "totp", uuid.New(), []byte("x")), fault.NotFound)
	if err := h.RemoveSecret(uuid.New(), "totp", uuid.New()); err != nil {
		t.Errorf("nothing to remove: %v", err)
	}
}

// However many secrets an account has, there is room for its next certificate.
func TestSecretsLeaveRoomForKeys(t *testing.T) {
	s, id := keystest.New(t), uuid.New()
	if err := s.CreateAccount(id, nil, nil); err != nil {
		t.Fatal(err)
	}
	// Full of secrets alone, it would be written fifty times.
	for range 3 {
		if err := s.AddCertificate(id, bigCertificate(t, 700<<10)); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	big := make([]byte, 64<<10)
	for n := 0; err == nil; n++ {
		if n > 100 {
			t.Fatal("there is no end")
		}
		err = s.SetSecret(id, "big", uuid.New(), big)
	}
	wantKind(t, err, fault.TooLarge)
	if err := s.AddCertificate(id, must(keys.NewCertificate("acme", t0))(t)); err != nil {
		t.Error(err)
	}
}

func TestAnAccountDoesNotPrintItsSecrets(t *testing.T) {
	h := newHouse(t)
	if err := h.SetSecret(h.id, "totp", uuid.New(), []byte("canary")); err != nil {
		t.Fatal(err)
	}
	a := must(h.Account(h.id))(t)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d"} {
		if text := fmt.Sprintf(verb, *a); bytes.Contains([]byte(text), []byte("canary")) || bytes.Contains([]byte(text), []byte("63616e617279")) {
			t.Errorf("%s prints it: %s", verb, text)
		}
	}
}
