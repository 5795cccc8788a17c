//go:build pkcs11

package token

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/miekg/pkcs11"

	"sealgate/internal/fault"
	"sealgate/internal/keys/token/tokentest"
)

func TestMain(m *testing.M) { tokentest.Main(m) }

func exchangerOf(t *testing.T, uri string, public crypto.PublicKey) ecdh.KeyExchanger {
	t.Helper()
	key, err := Key(uri, public)
	if err != nil {
		t.Fatal(err)
	}
	return key.(ecdh.KeyExchanger)
}

// agree lets a key of our own and the key in the token agree on a secret.
func agree(key ecdh.KeyExchanger) error {
	own, err := key.Curve().GenerateKey(rand.Reader)
	if err != nil {
		return err
	}
	want, err := own.ECDH(key.PublicKey())
	if err != nil {
		return err
	}
	got, err := key.ECDH(own.PublicKey())
	if err != nil {
		return err
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("agreed on %x and %x", got, want)
	}
	return nil
}

func TestAKeyInATokenAgreesAsOneHereDoes(t *testing.T) {
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384()} {
		kind := curve.Params().Name
		uri, public := tokentest.NewKey(t, curve, "agree "+kind)
		key := exchangerOf(t, uri, public)
		for range 3 {
			if err := agree(key); err != nil {
				t.Errorf("%s: %v", kind, err)
			}
		}
		if text := fmt.Sprintf("%v %+v %#v %x", key, key, key, key); strings.Contains(text, "pin") || !strings.Contains(text, tokentest.Label) {
			t.Errorf("the key prints %s", text)
		}
	}
}

func TestManyUseATokenAtOnce(t *testing.T) {
	uri, public := tokentest.NewKey(t, elliptic.P256(), "many")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			key := exchangerOf(t, uri, public) // one token behind all of them
			for range 10 {
				if err := agree(key); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// The token is pulled and put in again: sessions are gone, then the whole state
// of its library is.
func TestATokenThatWasAwayIsOpenedAgain(t *testing.T) {
	uri, public := tokentest.NewKey(t, elliptic.P256(), "away")
	key := exchangerOf(t, uri, public)
	if err := agree(key); err != nil {
		t.Fatal(err)
	}
	d := deviceOf(key.(exchanger).uri)
	for name, pull := range map[string]func() error{
		"sessions": func() error {
			slot, err := d.slot()
			if err != nil {
				return err
			}
			return d.ctx.CloseAllSessions(slot)
		},
		"library": d.ctx.Finalize,
	} {
		if err := pull(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := agree(key); err != nil {
			t.Errorf("after its %s were gone: %v", name, err)
		}
	}
}

// What keeps on failing is said to be away, and is found again later.
func TestATokenThatStaysAwayIsLocked(t *testing.T) {
	uri, public := tokentest.NewKey(t, elliptic.P256(), "stays away")
	key := exchangerOf(t, uri, public).(exchanger)
	err := deviceOf(key.uri).use(key.uri, func(*device, pkcs11.ObjectHandle) error { return pkcs11.Error(pkcs11.CKR_DEVICE_REMOVED) })
	wantSentence(t, err, fault.Locked, tokentest.Label)
	if err := agree(key); err != nil {
		t.Errorf("back again: %v", err)
	}
}

func TestWhatCannotBeReachedIsNamed(t *testing.T) {
	uri, public := tokentest.NewKey(t, elliptic.P256(), "named")
	dir := t.TempDir()
	write := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	noLibrary := write("no.so", "not a library", 0o600)
	openLibrary := write("open.so", "", 0o600)
	if err := os.Chmod(openLibrary, 0o666); err != nil {
		t.Fatal(err)
	}
	path := exchangerOf(t, uri, public).(exchanger).uri.module
	for name, c := range map[string]struct {
		uri  string
		kind fault.Kind
		want string
	}{
		"no such token":       {tokentest.URI("another", "named", tokentest.PINFile()), fault.Locked, "another is not there"},
		"no such key":         {tokentest.URI(tokentest.Label, "nothing", tokentest.PINFile()), fault.Locked, "object=nothing"},
		"no PIN file":         {tokentest.URI(tokentest.Label, "named", filepath.Join(dir, "none")), fault.Locked, filepath.Join(dir, "none")},
		"open PIN file":       {tokentest.URI(tokentest.Label, "named", write("open", tokentest.PIN, 0o644)), fault.Denied, "chmod 600"},
		"no PIN":              {strings.Split(uri, "&")[0], fault.Locked, "pin-source"},
		"no library":          {strings.Replace(uri, path, filepath.Join(dir, "none.so"), 1), fault.Locked, "none.so"},
		"not a library":       {strings.Replace(uri, path, noLibrary, 1), fault.Invalid, "no PKCS#11 library"},
		"anybody's to change": {strings.Replace(uri, path, openLibrary, 1), fault.Denied, "could be changed"},
	} {
		t.Run(name, func(t *testing.T) {
			logout(t)
			wantSentence(t, agree(exchangerOf(t, c.uri, public)), c.kind, c.want)
		})
	}
	logout(t) // a session that began without a PIN
}

// SoftHSM locks nothing; real tokens do, after three wrong PINs.
func TestAWrongPINIsTriedOnce(t *testing.T) {
	_, public := tokentest.NewKey(t, elliptic.P256(), "wrong PIN")
	file := filepath.Join(t.TempDir(), "pin")
	put := func(pin string) {
		if err := os.WriteFile(file, []byte(pin), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	put("999999")
	logout(t)
	key := exchangerOf(t, tokentest.URI(tokentest.Label, "wrong PIN", file), public)
	wantSentence(t, agree(key), fault.Locked, "does not take the PIN in "+file)
	wantSentence(t, agree(key), fault.Locked, "not tried again")
	put(tokentest.PIN + "\r\n")
	if err := agree(key); err != nil {
		t.Errorf("with the right PIN: %v", err)
	}
}

// logout makes every PIN count again: a login holds for the whole process, and so all
// sessions end with it. Those that a test before has lost are gone already.
func logout(t *testing.T) {
	t.Helper()
	for _, d := range tokens.devices {
		if !d.open {
			continue
		}
		if err := d.ctx.Logout(d.session); err != nil && !away(err) {
			t.Fatal(err)
		}
		_ = d.ctx.CloseSession(d.session)
		d.open = false
	}
}

func TestOneKeyIsNeverTakenForAnother(t *testing.T) {
	uri, public := tokentest.NewKey(t, elliptic.P256(), "twin")
	tokentest.NewKey(t, elliptic.P256(), "twin")
	wantSentence(t, agree(exchangerOf(t, uri, public)), fault.Invalid, "several")

	key := exchangerOf(t, uri, public)
	other, err := ecdh.P384().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := key.ECDH(other.PublicKey()); err == nil {
		t.Error("agreed across curves")
	}
}

// SoftHSM's RSA knows OAEP with SHA-1 only. That is said, and not taken for a
// damaged file.
func TestATokenWithoutTheRightRSASaysSo(t *testing.T) {
	uri, public := tokentest.NewKey(t, nil, "rsa")
	key, err := Key(uri, public)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public.(*rsa.PublicKey), make([]byte, 64), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = key.(crypto.Decrypter).Decrypt(nil, sealed, &rsa.OAEPOptions{Hash: crypto.SHA256})
	wantSentence(t, err, fault.Invalid, "use an EC key")
	if _, err := key.(crypto.Decrypter).Decrypt(nil, sealed, &rsa.OAEPOptions{Hash: crypto.SHA1}); err == nil || fault.Is(err, fault.Locked) {
		t.Errorf("another padding: %v", err)
	}
}

func wantSentence(t *testing.T, err error, kind fault.Kind, part string) {
	t.Helper()
	if !fault.Is(err, kind) || !strings.Contains(fault.Message(err), part) {
		t.Errorf("%v: want kind %v and %q", err, kind, part)
	}
}
