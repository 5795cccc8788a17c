package sftpd

import (
	"bufio"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"sealgate/internal/account"
)

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

// What the server offers before anything is agreed, read off the wire.
func TestStrictKexOffered(t *testing.T) {
	h := openHouse(t)
	c, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "SSH-2.0-test\r\n"); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(c)
	if line, err := r.ReadString('\n'); err != nil || line != serverVersion+"\r\n" {
		t.Fatalf("%q %v", line, err)
	}
	var head [5]byte // RFC 4253 section 6: length, padding
	if _, err := io.ReadFull(r, head[:]); err != nil {
		t.Fatal(err)
	}
	packet := make([]byte, binary.BigEndian.Uint32(head[:])-1)
	if _, err := io.ReadFull(r, packet); err != nil {
		t.Fatal(err)
	}
	var offered []string
	for rest := packet[17:]; len(offered) < 6; { // after the type and the cookie
		var list struct {
			Names string
			Rest  []byte `ssh:"rest"`
		}
		if err := ssh.Unmarshal(rest, &list); err != nil {
			t.Fatal(err)
		}
		offered, rest = append(offered, list.Names), list.Rest
	}
	cipher, mac := strings.Join(ciphers, ","), strings.Join(macs, ",")
	want := []string{
		"mlkem768x25519-sha256,curve25519-sha256,curve25519-sha256@libssh.org,kex-strict-s-v00@openssh.com",
		"ssh-ed25519", cipher, cipher, mac, mac,
	}
	if !slices.Equal(offered, want) {
		t.Errorf("offered %q\nwant    %q", offered, want)
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
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
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

// Who comes and says nothing keeps nobody out who has something to say.
func TestSilentStrangersMakeRoom(t *testing.T) {
	h := openHouse(t, func(o *Options) { o.MaxUnknown, o.MaxPerSource = 3, 100 })
	for n := range uint64(9) { // one by one: those who must go need a moment
		h.waitFor(func() bool {
			h.server.mu.Lock()
			defer h.server.mu.Unlock()
			return h.server.count == n && len(h.server.conns) <= 3
		})
		if _, err := net.Dial("tcp", h.addr); err != nil {
			t.Fatal(err)
		}
	}
	h.waitFor(func() bool { // all came, and most made room
		h.server.mu.Lock()
		defer h.server.mu.Unlock()
		return h.server.count == 9 && len(h.server.conns) == 3
	})
	for range 5 {
		h.dial()
	}
	h.waitFor(func() bool {
		unknown := 0
		for _, c := range h.server.connections() {
			if c.who.Load() == nil {
				unknown++
			}
		}
		return unknown <= 3
	})
}

// One account's robots do not take every connection there is.
func TestAnAccountHasItsShareOfConnections(t *testing.T) {
	h := openHouse(t, func(o *Options) { o.MaxConnections = 4 })
	for range 3 {
		h.dial()
	}
	h.waitFor(func() bool { // clients know it a moment before the server does
		h.server.mu.Lock()
		defer h.server.mu.Unlock()
		return h.server.accounts[h.account.ID] == 3
	})
	c, err := ssh.Dial("tcp", h.addr, h.config())
	if err == nil {
		err = c.Wait()
	}
	if err == nil {
		t.Error("an account has all connections")
	}
	h.waitFor(func() bool { return len(h.server.connections()) == 3 })
	for _, c := range h.server.connections() {
		c.Close()
	}
	h.waitFor(func() bool { return len(h.server.connections()) == 0 })
	h.dial() // its places were given back
}

func TestGateCountsNetworks(t *testing.T) {
	g := newGate(3, 2)
	a, b, c := addr("2001:db8::1"), addr("2001:db8::2"), addr("192.0.2.1")
	enter := func(a netip.Addr) bool { in, crowded := g.enter(a); return in && !crowded }
	if !enter(a) || !enter(b) || enter(a) {
		t.Error("two of one network, and no more")
	}
	if !enter(c) || enter(addr("192.0.2.2")) {
		t.Error("three in all, and then it is crowded")
	}
	g.leave(addr("192.0.2.2"))
	g.leave(a)
	if !enter(b) {
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
