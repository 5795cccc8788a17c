package sftpd

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/pkg/sftp"
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

func TestOnlySFTPIsOffered(t *testing.T) {
	h := openHouse(t)
	c := h.dial()
	for what, try := range map[string]func(*ssh.Session) error{
		"exec":      func(s *ssh.Session) error { return s.Run("id") },
		"shell":     func(s *ssh.Session) error { return s.Shell() },
		"pty":       func(s *ssh.Session) error { return s.RequestPty("vt100", 24, 80, nil) },
		"env":       func(s *ssh.Session) error { return s.Setenv("LD_PRELOAD", "x") },
		"subsystem": func(s *ssh.Session) error { return s.RequestSubsystem("netconf") },
		"sftp2":     func(s *ssh.Session) error { return s.RequestSubsystem("sftp\x00") },
	} {
		s, err := c.NewSession()
		if err != nil {
			t.Fatal(err)
		}
		if err := try(s); err == nil {
			t.Errorf("%s was granted", what)
		}
		s.Close()
	}
	if _, err := c.Dial("tcp", h.addr); err == nil {
		t.Error("direct-tcpip was granted")
	}
	if _, err := c.Listen("tcp", "127.0.0.1:0"); err == nil {
		t.Error("tcpip-forward was granted")
	}
	if _, _, err := c.OpenChannel("x11", nil); err == nil {
		t.Error("x11 was granted")
	}
	if _, err := sftp.NewClient(c); err != nil {
		t.Errorf("after all that, no SFTP: %v", err)
	}
}

func TestChannelFlood(t *testing.T) {
	h := openHouse(t)
	c := h.dial()
	open := 0
	for range maxChannels + 5 {
		ch, reqs, err := c.OpenChannel("session", nil)
		if err != nil {
			continue
		}
		go ssh.DiscardRequests(reqs)
		defer ch.Close()
		open++
	}
	if open != maxChannels {
		t.Errorf("%d channels, want %d", open, maxChannels)
	}
}

func TestChannelsCanBeUsedAgain(t *testing.T) {
	h := openHouse(t)
	c := h.dial()
	for range 3 * maxChannels {
		s, err := sftp.NewClient(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Stat("/"); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// waitClosed waits until the server has hung up on a client that says nothing.
func waitClosed(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(20 * time.Second))
	_, err := io.Copy(io.Discard, c)
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Fatal("the server does not hang up")
	}
}

func TestSlowlorisSSH(t *testing.T) {
	h := openHouse(t, func(o *Options) { o.Handshake, o.SignInTime = 150*time.Millisecond, 300*time.Millisecond })
	silent, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	waitClosed(t, silent)
	// Somebody who exchanges keys and then thinks about the password.
	err = h.tryDial(ssh.PasswordCallback(func() (string, error) {
		h.waitFor(func() bool { return len(h.server.connections()) == 0 })
		return h.password, nil
	}))
	if err == nil {
		t.Error("let in after the time was over")
	}
}

func TestStrangersAreBounded(t *testing.T) {
	h := openHouse(t, func(o *Options) { o.MaxPerSource = 2 })
	var silent []net.Conn
	for range 2 {
		c, err := net.Dial("tcp", h.addr)
		if err != nil {
			t.Fatal(err)
		}
		silent = append(silent, c)
	}
	h.waitFor(func() bool { return len(h.server.connections()) == 2 })
	third, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	waitClosed(t, third)
	for _, c := range silent {
		c.Close()
	}
	h.waitFor(func() bool { return len(h.server.connections()) == 0 })
	for range 5 { // who has signed in is no stranger
		h.dial()
	}
}

func TestGateCountsNetworks(t *testing.T) {
	g := newGate(3, 2)
	a, b, c := addr("2001:db8::1"), addr("2001:db8::2"), addr("192.0.2.1")
	if !g.enter(a) || !g.enter(b) || g.enter(a) {
		t.Error("two of one network, and no more")
	}
	if !g.enter(c) || g.enter(addr("192.0.2.2")) {
		t.Error("three in all, and no more")
	}
	g.leave(a)
	if !g.enter(b) {
		t.Error("a place was not given back")
	}
	g.leave(b)
	g.leave(b)
	g.leave(c)
	if len(g.by) != 0 || g.inside != 0 {
		t.Errorf("left over: %v %d", g.by, g.inside)
	}
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func TestIdleSessionsEnd(t *testing.T) {
	h := openHouse(t)
	idle, busy := h.sftp(), h.sftp()
	h.Clock.Add(8 * time.Minute)
	if _, err := busy.Stat("/"); err != nil {
		t.Fatal(err)
	}
	h.Clock.Add(3 * time.Minute)
	h.server.sweep(t.Context())
	if err := idle.Wait(); err == nil {
		t.Error("no error")
	}
	if _, err := busy.Stat("/"); err != nil {
		t.Errorf("a session that was used ended, too: %v", err)
	}
}

func TestSessionsEndWithTheirPassword(t *testing.T) {
	h := openHouse(t)
	byKey := h.dial()
	byPassword := h.dial(ssh.Password(h.password))
	h.setLogin(account.LoginChange{NewPassword: true})
	h.server.sweep(t.Context())
	_ = byPassword.Wait()
	if _, err := sftp.NewClient(byKey); err != nil {
		t.Errorf("the one by key ended, too: %v", err)
	}
}

func TestDrainLetsTransfersFinish(t *testing.T) {
	h := openHouse(t)
	idle, c := h.sftp(), h.sftp()
	want := noise(1, 300_000)
	f, err := c.OpenFile("/in/a", fresh)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(want[:200_000]); err != nil {
		t.Fatal(err)
	}
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		h.stop()
	}()
	_ = idle.Wait() // the idle one is ended at once
	if err := h.tryDial(ssh.PublicKeys(h.key)); err == nil {
		t.Error("somebody new was let in")
	}
	if _, err := f.Write(want[200_000:]); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	<-stopped
	h.only("a", want)
	if n := len(h.server.connections()); n != 0 {
		t.Errorf("%d connections outlive Run", n)
	}
}

func TestDrainHasAnEnd(t *testing.T) {
	h := openHouse(t, func(o *Options) { o.Drain = 100 * time.Millisecond })
	f, err := h.sftp().OpenFile("/in/a", fresh)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	h.stop()
	if len(h.received()) != 0 {
		t.Error("a transfer that was ended became a file")
	}
}

// sendAgain sends the same bytes once more and returns how many files there
// are: one, when the gateway cannot know that the first answer was seen.
func sendAgain(h *house, content []byte) int {
	h.t.Helper()
	h.settled()
	if err := put(h.t, h.sftp(), "/in/a", fresh, content); err != nil {
		h.t.Fatal(err)
	}
	return len(h.Files())
}

func TestWhatConfirmsAnAnswer(t *testing.T) {
	content := noise(1, 1000)
	for name, c := range map[string]struct {
		after func(raw net.Conn, conn *ssh.Client, s *sftp.Client)
		files int
	}{
		"a packet, then lost": {func(raw net.Conn, _ *ssh.Client, s *sftp.Client) {
			_, _ = s.Stat("/")
			abort(raw)
		}, 2},
		"channel closed":          {func(_ net.Conn, _ *ssh.Client, s *sftp.Client) { s.Close() }, 2},
		"channel and line closed": {func(_ net.Conn, conn *ssh.Client, s *sftp.Client) { s.Close(); conn.Close() }, 2},
		"lost":                    {func(raw net.Conn, _ *ssh.Client, _ *sftp.Client) { abort(raw) }, 1},
		"line closed":             {func(raw net.Conn, _ *ssh.Client, _ *sftp.Client) { raw.Close() }, 1},
	} {
		t.Run(name, func(t *testing.T) {
			h := openHouse(t)
			raw, err := net.Dial("tcp", h.addr)
			if err != nil {
				t.Fatal(err)
			}
			cc, chans, reqs, err := ssh.NewClientConn(raw, h.addr, h.config())
			if err != nil {
				t.Fatal(err)
			}
			conn := ssh.NewClient(cc, chans, reqs)
			defer conn.Close()
			s, err := sftp.NewClient(conn)
			if err != nil {
				t.Fatal(err)
			}
			if err := put(t, s, "/in/a", fresh, content); err != nil {
				t.Fatal(err)
			}
			c.after(raw, conn, s)
			if raw != nil && name == "channel closed" {
				h.waitFor(func() bool { return h.quietly() })
				conn.Close()
			}
			if got := sendAgain(h, content); got != c.files {
				t.Errorf("%d files, want %d", got, c.files)
			}
		})
	}
}

// quietly reports whether no session is open.
func (h *house) quietly() bool {
	for _, c := range h.server.connections() {
		c.mu.Lock()
		n := len(c.sessions)
		c.mu.Unlock()
		if n > 0 {
			return false
		}
	}
	return true
}

// abort breaks a connection as a pulled plug does.
func abort(c net.Conn) {
	_ = c.(*net.TCPConn).SetLinger(0)
	c.Close()
}

func TestReadersSendNothing(t *testing.T) {
	h := openHouse(t)
	role := account.Reader
	h.setLogin(account.LoginChange{Role: &role})
	h.shelf.put("a", []byte("x"))
	c := h.sftp()
	if err := put(t, c, "/in/a", fresh, []byte("x")); !os.IsPermission(err) {
		t.Errorf("put: %v", err)
	}
	for what, err := range map[string]error{
		"mkdir": c.Mkdir("/in/d"), "rm": c.Remove("/out/a"), "rename": c.Rename("/in/a", "/in/b"),
	} {
		if !os.IsPermission(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := c.Open("/out/a"); err != nil {
		t.Error(err)
	}
}

func TestTwoLoginsSeeTheirOwn(t *testing.T) {
	h := openHouse(t)
	if err := put(t, h.sftp(), "/in/secret.xml", fresh, []byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := h.accounts.AddAccount(t.Context(), "test", "other", account.Defaults(), account.KeyOptions{}); err != nil {
		t.Fatal(err)
	}
	for i, acc := range []string{"acme", "other"} {
		name := []string{"bo", "eva"}[i]
		_, password, err := h.accounts.AddLogin(t.Context(), "test", acc, account.NewLogin{Username: name})
		if err != nil {
			t.Fatal(err)
		}
		config := h.config(ssh.Password(password))
		config.User = name
		conn, err := ssh.Dial("tcp", h.addr, config)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		c, err := sftp.NewClient(conn)
		if err != nil {
			t.Fatal(err)
		}
		if got := names(t, c, "/in"); len(got) != 0 {
			t.Errorf("%s sees %q", name, got)
		}
		if _, err := c.Stat("/in/secret.xml"); !os.IsNotExist(err) {
			t.Errorf("%s: %v", name, err)
		}
		if err := c.Rename("/in/secret.xml", "/in/mine.xml"); !os.IsNotExist(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Logs name accounts, logins and files by id only, whatever goes wrong.
func TestLogsNameNobody(t *testing.T) {
	h := openHouse(t)
	c := h.sftp()
	_ = put(t, c, "/in/canary-file.xml", fresh, []byte("canary-content"))
	_, _ = c.Open("/in/canary-file.xml")
	_ = c.Rename("/in/canary-file.xml", "/in/canary\x01file")
	_ = put(t, c, "/in/canary-dir/canary.xml", fresh, []byte("x"))
	_ = h.tryDial(ssh.Password("canary-password"))
	config := h.config(ssh.Password("canary-password"))
	config.User = "canary-username"
	if conn, err := ssh.Dial("tcp", h.addr, config); err == nil {
		conn.Close()
	}
	h.stop()
	for _, canary := range []string{"canary", username, h.password} {
		if log := h.logs.String(); strings.Contains(log, canary) {
			t.Errorf("the log holds %q:\n%s", canary, log)
		}
	}
}

func TestFaultsBecomeSentences(t *testing.T) {
	h := openHouse(t)
	c := h.sftp()
	closing := func() error {
		t.Helper()
		f, err := c.OpenFile("/in/a", fresh)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		return f.Close()
	}
	h.Faults.FullNext()
	wantStatus(t, closing(), 4, "disk is full")
	if len(h.received()) != 0 {
		t.Error("a failed commit became a file")
	}
	if err := closing(); err != nil {
		t.Errorf("it does not recover: %v", err)
	}
	h.Faults.FailNext(false)
	wantStatus(t, closing(), 4, "went wrong in the gateway")
}

// A campaign: connections cut at any byte. What was acknowledged is a file,
// bit for bit; what was not is finished by sending it again, once.
func TestCampaignCutUploads(t *testing.T) {
	rounds := 10
	if os.Getenv("SEALGATE_LONG") != "" {
		rounds = 200
	}
	h := openHouse(t)
	content := noise(1, 300_000)
	for i := range rounds {
		n, err := rand.Int(rand.Reader, big.NewInt(320_000))
		if err != nil {
			t.Fatal(err)
		}
		name := "lon-" + strings.Repeat("x", i%5) + n.String() + ".xml"
		content[0] = byte(i)
		content[1] = byte(i >> 8)
		acknowledged := h.cutAt(n.Int64(), name, content)
		h.settled()
		before := len(h.received())
		if acknowledged && before != i+1 {
			t.Fatalf("round %d: acknowledged and not there (cut at %v)", i, n)
		}
		if before < i || before > i+1 {
			t.Fatalf("round %d: %d files (cut at %v)", i, before, n)
		}
		if !acknowledged {
			h.putOnce("/in/"+name, content)
		}
		all := h.received()
		if len(all) != i+1 {
			t.Fatalf("round %d: %d files after sending again (cut at %v)", i, len(all), n)
		}
		h.is(all[i], name, content)
	}
}

// putOnce sends a file over a connection of its own.
func (h *house) putOnce(name string, content []byte) {
	h.t.Helper()
	conn := h.dial()
	defer conn.Close()
	c, err := sftp.NewClient(conn)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := put(h.t, c, name, fresh, content); err != nil {
		h.t.Fatal(err)
	}
	c.Close()
}

// cutAt sends a file over a connection that breaks after so many bytes.
func (h *house) cutAt(after int64, name string, content []byte) (acknowledged bool) {
	h.t.Helper()
	through, wait := h.cut(after)
	defer wait()
	conn, err := ssh.Dial("tcp", through, h.config())
	if err != nil {
		return false
	}
	defer conn.Close()
	c, err := sftp.NewClient(conn)
	if err != nil {
		return false
	}
	return put(h.t, c, "/in/"+name, fresh, content) == nil
}
