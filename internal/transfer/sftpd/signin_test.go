package sftpd

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"github.com/google/uuid"
	"golang.org/x/crypto/ssh"

	"sealgate/internal/account"
)

func (h *house) tryDial(auth ...ssh.AuthMethod) error {
	h.t.Helper()
	config := h.config()
	config.Auth = auth
	c, err := ssh.Dial("tcp", h.addr, config)
	if err == nil {
		c.Close()
	}
	return err
}

func (h *house) setLogin(c account.LoginChange) {
	h.t.Helper()
	if _, _, err := h.accounts.SetLogin(h.t.Context(), "test", "acme", username, c); err != nil {
		h.t.Fatal(err)
	}
}

func TestSignInByPasswordAndByKey(t *testing.T) {
	h := openHouse(t)
	other, _ := newKey(t)
	for name, c := range map[string]struct {
		auth []ssh.AuthMethod
		ok   bool
	}{
		"key":                {[]ssh.AuthMethod{ssh.PublicKeys(h.key)}, true},
		"key among others":   {[]ssh.AuthMethod{ssh.PublicKeys(other, h.key)}, true},
		"password":           {[]ssh.AuthMethod{ssh.Password(h.password)}, true},
		"key, then password": {[]ssh.AuthMethod{ssh.PublicKeys(other), ssh.Password(h.password)}, true},
		"other key":          {[]ssh.AuthMethod{ssh.PublicKeys(other)}, false},
		"wrong password":     {[]ssh.AuthMethod{ssh.Password("x")}, false},
		"empty password":     {[]ssh.AuthMethod{ssh.Password("")}, false},
		"none":               {nil, false},
	} {
		if err := h.tryDial(c.auth...); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// oneCaller is a SignIn that knows one key and notes what it is asked.
type oneCaller struct {
	key      string
	verified []string
	who      *account.Identity
}

func (o *oneCaller) OfferKey(context.Context, account.Attempt, []byte) error { return nil }
func (o *oneCaller) VerifiedKey(_ context.Context, _ account.Attempt, key []byte) (*account.Identity, error) {
	o.verified = append(o.verified, string(key))
	if string(key) != o.key {
		return nil, errors.New("no")
	}
	return o.who, nil
}

func (o *oneCaller) Password(context.Context, account.Attempt, []byte) (*account.Identity, error) {
	return nil, errors.New("no")
}
func (o *oneCaller) StillValid(context.Context, *account.Identity) bool { return true }

// twoFaced offers one key and signs with another.
type twoFaced struct {
	ssh.AlgorithmSigner
	shown ssh.PublicKey
}

func (f twoFaced) PublicKey() ssh.PublicKey { return f.shown }

// A key that is only offered counts for nothing, whatever order the client
// asks in (CVE-2024-45337).
func TestOfferAThenSignB(t *testing.T) {
	h := openHouse(t)
	mine, _ := newKey(t)
	forged := twoFaced{mine.(ssh.AlgorithmSigner), h.key.PublicKey()}
	if err := h.tryDial(ssh.PublicKeys(forged)); err == nil {
		t.Fatal("signed in with a key that was only shown")
	}
	by := &oneCaller{key: string(h.key.PublicKey().Marshal()), who: &account.Identity{Login: uuid.New()}}
	s := &signIn{by: by}
	meta := fakeMeta{}
	for _, k := range []ssh.PublicKey{mine.PublicKey(), h.key.PublicKey(), mine.PublicKey()} {
		if _, err := s.offer(meta, k); err != nil {
			t.Fatal(err)
		}
	}
	if len(by.verified) != 0 {
		t.Fatal("an offer was taken for a proof")
	}
	if p, err := s.verified(meta, mine.PublicKey(), nil, ""); err == nil {
		t.Fatalf("the last offer decided: %+v", p)
	}
	p, err := s.verified(meta, h.key.PublicKey(), nil, "")
	if err != nil || p.ExtraData[identityKey{}] != by.who {
		t.Fatalf("%+v %v", p, err)
	}
}

type fakeMeta struct{ ssh.ConnMetadata }

func (fakeMeta) User() string { return username }

func TestCertificatesAreRefused(t *testing.T) {
	h := openHouse(t)
	cert := &ssh.Certificate{
		Key: h.key.PublicKey(), CertType: ssh.UserCert, ValidPrincipals: []string{username}, ValidBefore: ssh.CertTimeInfinity,
	}
	if err := cert.SignCert(rand.Reader, h.key); err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewCertSigner(cert, h.key)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.tryDial(ssh.PublicKeys(signer)); err == nil {
		t.Error("signed in with a certificate that nobody issued")
	}
}

func TestFailThenNone(t *testing.T) {
	h := openHouse(t)
	other, _ := newKey(t)
	for range 3 {
		if err := h.tryDial(ssh.Password("wrong"), ssh.PublicKeys(other)); err == nil {
			t.Fatal("let in")
		}
		if err := h.tryDial(); err == nil {
			t.Fatal("let in with nothing")
		}
	}
}

func TestPartialSuccessKeepsLimits(t *testing.T) {
	h := openHouse(t)
	yes, no := true, false
	set := func(c account.Change) {
		t.Helper()
		if _, err := h.accounts.SetAccount(t.Context(), "test", "acme", c); err != nil {
			t.Fatal(err)
		}
	}
	set(account.Change{RequireBoth: &yes})
	key, password := ssh.PublicKeys(h.key), ssh.Password(h.password)
	refused := func(what string, auth ...ssh.AuthMethod) {
		t.Helper()
		if err := h.tryDial(auth...); err == nil {
			t.Errorf("%s: let in", what)
		}
	}
	refused("key alone", key)
	refused("password alone", password)
	refused("key twice", key, key)
	refused("key and wrong password", key, ssh.Password("x"))
	if err := h.tryDial(key, password); err != nil {
		t.Errorf("key and password: %v", err)
	}
	h.setLogin(account.LoginChange{AllowFrom: &[]string{"203.0.113.0/24"}})
	refused("from elsewhere", key, password)
	h.setLogin(account.LoginChange{AllowFrom: &[]string{}, SFTP: &no})
	refused("not for SFTP", key, password)
	set(account.Change{RequireBoth: &no})
	refused("not for SFTP, one is enough", key)
	h.setLogin(account.LoginChange{SFTP: &yes})
	if err := h.tryDial(key); err != nil {
		t.Error(err)
	}
}

func TestSourceAddressAllMethods(t *testing.T) {
	h := openHouse(t)
	for list, ok := range map[string]bool{"203.0.113.0/24": false, "127.0.0.0/8": true, "2001:db8::/32": false} {
		h.setLogin(account.LoginChange{AllowFrom: &[]string{list}})
		for name, auth := range map[string]ssh.AuthMethod{"key": ssh.PublicKeys(h.key), "password": ssh.Password(h.password)} {
			if err := h.tryDial(auth); (err == nil) != ok {
				t.Errorf("%s from %s: %v", name, list, err)
			}
		}
	}
}

// securityKey signs as a FIDO key does (OpenSSH PROTOCOL.u2f), touched or not.
type securityKey struct {
	pub   ssh.PublicKey
	priv  ed25519.PrivateKey
	flags byte
}

func newSecurityKey(t *testing.T) *securityKey {
	t.Helper()
	pub, priv, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.ParsePublicKey(ssh.Marshal(struct {
		Type, Key, Application string
	}{ssh.KeyAlgoSKED25519, string(pub), "ssh:"}))
	if err != nil {
		t.Fatal(err)
	}
	return &securityKey{pub: key, priv: priv}
}

func (k *securityKey) PublicKey() ssh.PublicKey { return k.pub }
func (k *securityKey) Sign(_ io.Reader, data []byte) (*ssh.Signature, error) {
	app, message := sha256.Sum256([]byte("ssh:")), sha256.Sum256(data)
	tail := binary.BigEndian.AppendUint32([]byte{k.flags}, 7)
	signed := append(append(app[:], tail...), message[:]...)
	return &ssh.Signature{Format: ssh.KeyAlgoSKED25519, Blob: ed25519.Sign(k.priv, signed), Rest: tail}, nil
}

func TestSkNoTouchDenied(t *testing.T) {
	h := openHouse(t)
	k := newSecurityKey(t)
	h.setLogin(account.LoginChange{AddKeys: []string{string(ssh.MarshalAuthorizedKey(k.pub))}})
	if err := h.tryDial(ssh.PublicKeys(k)); err == nil {
		t.Error("let in without a touch")
	}
	k.flags = 1
	if err := h.tryDial(ssh.PublicKeys(k)); err != nil {
		t.Errorf("with a touch: %v", err)
	}
}
