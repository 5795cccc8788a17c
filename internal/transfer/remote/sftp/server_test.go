package sftp_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"sealgate/internal/dialguard"
	"sealgate/internal/fault"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/remotetest"
	"sealgate/internal/transfer/remote/sftp"
)

// short is how long tests wait for a server that does not answer.
const short = 200 * time.Millisecond

func connect(t testing.TB, c sftp.Config) *sftp.Session {
	t.Helper()
	s, err := sftp.Connect(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestSizesThatAreLies(t *testing.T) {
	content := remotetest.Bytes(100_000, 1)
	for said, want := range map[int64]fault.Kind{0: fault.Damaged, 1: fault.Damaged, 99_999: fault.Damaged, 100_001: fault.Damaged, 200_000: fault.Damaged, 1 << 62: fault.Damaged} {
		s := connect(t, (&server{file: content, size: said}).start(t).config())
		if b, _, err := remotetest.ReadAll(s, "/file", 0); !fault.Is(err, want) || !bytes.HasPrefix(content, b) {
			t.Errorf("%d said: %d bytes and %v", said, len(b), err)
		}
	}
	// So many that the number turns negative.
	srv := &server{answer: func(kind byte, id uint32, _ []byte) []byte {
		if kind == fxpStat {
			return attrs(packet(fxpAttrs, id), 1<<63+5)
		}
		return nil
	}}
	if _, err := connect(t, srv.start(t).config()).Open(t.Context(), "/file", 0); !fault.Is(err, fault.Damaged) {
		t.Errorf("a size below zero: %v", err)
	}
}

// Servers may answer with less than they were asked for; no byte is left out.
func TestSmallAnswers(t *testing.T) {
	content := remotetest.Bytes(200_000, 1)
	srv := &server{file: content, size: -1}
	srv.answer = func(kind byte, id uint32, body []byte) []byte {
		if kind != fxpRead {
			return nil
		}
		if body[16] = 0; true { // at most 1,000 and some bytes of each request
			body[13], body[14], body[15] = 0, 0, 4
		}
		done := true
		return srv.honest(kind, id, body, &done)
	}
	srv.start(t)
	for _, offered := range [][]string{nil, {"limits@openssh.com"}} { // and then more is asked for at a time
		srv.ext = offered
		b, _, err := remotetest.ReadAll(connect(t, srv.config()), "/file", 0)
		if err != nil || !bytes.Equal(b, content) {
			t.Errorf("%v: %d bytes, %v", offered, len(b), err)
		}
	}
}

// Data without a byte in it is no answer: it could be asked for, for ever.
func TestEmptyData(t *testing.T) {
	srv := &server{file: remotetest.Bytes(100, 1), size: -1}
	srv.answer = func(kind byte, id uint32, _ []byte) []byte {
		if kind == fxpRead {
			return str(packet(fxpData, id), "")
		}
		return nil
	}
	if _, _, err := remotetest.ReadAll(connect(t, srv.start(t).config()), "/file", 0); !fault.Is(err, fault.Damaged) {
		t.Error(err)
	}
}

// A server that offers to hash a file is believed when it says that the file is another
// one; what it does not know is no fault.
func TestHashes(t *testing.T) {
	const fxpExtended, fxpReply = 200, 201
	content := []byte("content")
	sum := sha256.Sum256(content)
	for name, c := range map[string]struct {
		answer func(id uint32) []byte
		hash   string
		kind   fault.Kind
	}{
		"the same": {func(id uint32) []byte {
			return append(str(str(packet(fxpReply, id), "check-file"), "sha256"), sum[:]...)
		}, "SHA-256", 0},
		"its own form":  {func(id uint32) []byte { return append(str(packet(fxpReply, id), "sha256"), sum[:]...) }, "SHA-256", 0},
		"another":       {func(id uint32) []byte { return append(str(packet(fxpReply, id), "sha256"), make([]byte, 32)...) }, "", fault.Damaged},
		"another kind":  {func(id uint32) []byte { return append(str(packet(fxpReply, id), "md5"), sum[:]...) }, "", 0},
		"no answer":     {func(id uint32) []byte { return packet(fxpReply, id) }, "", 0},
		"not allowed":   {func(id uint32) []byte { return status(id, 3) }, "", 0},
		"not supported": {func(id uint32) []byte { return status(id, 8) }, "", 0},
	} {
		srv := &server{size: int64(len(content)), ext: []string{"check-file"}}
		srv.answer = func(kind byte, id uint32, _ []byte) []byte {
			if kind == fxpExtended {
				return c.answer(id)
			}
			return nil
		}
		proof, err := connect(t, srv.start(t).config()).Create(t.Context(), "/new", bytes.NewReader(content))
		if proof.Hash != c.hash || c.kind == 0 && err != nil || c.kind != 0 && !fault.Is(err, c.kind) {
			t.Errorf("%s: %q, %v", name, proof.Hash, err)
		}
	}
}

// Whatever byte a connection breaks at: what came is never taken for a whole file.
func TestCutAtEachByte(t *testing.T) {
	content := remotetest.Bytes(300, 2)
	srv := (&server{file: content, size: -1}).start(t)
	const room = 1 << 40
	before := runtime.NumGoroutine()
	ended := false
	for cut := int64(0); !ended; cut++ {
		srv.limit.Store(room)
		s := connect(t, srv.config())
		srv.limit.Store(cut)
		b, _, err := remotetest.ReadAll(s, "/file", 0)
		switch {
		case err == nil && bytes.Equal(b, content):
			ended = true // the cut lies behind the file's end
		case err == nil:
			t.Fatalf("cut after %d bytes: %d bytes were taken for the file", cut, len(b))
		case !fault.Is(err, fault.TryLater) || !errors.Is(err, remote.ErrCut):
			t.Fatalf("cut after %d bytes: %v", cut, err)
		case !bytes.HasPrefix(content, b):
			t.Fatalf("cut after %d bytes: wrong bytes", cut)
		}
		_ = s.Close()
	}
	for cut := int64(0); cut < 2500; cut += 97 { // and on the way there
		srv.limit.Store(cut)
		s, err := sftp.Connect(t.Context(), srv.config())
		if err == nil {
			_ = s.Close()
		} else if !fault.Is(err, fault.TryLater) && !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.Denied) {
			t.Errorf("cut after %d bytes: %v", cut, err)
		}
	}
	remotetest.NoGoroutines(t, before)
}

func TestNamesThatAreNone(t *testing.T) {
	for _, c := range []struct {
		listed       []string
		want         []string // what can be opened
		notToBeTaken int
	}{
		{[]string{".", "..", "good"}, []string{"good"}, 0},
		{[]string{"../up", "/etc/passwd", "a/b", "good"}, []string{"b", "good", "passwd", "up"}, 0}, // the last element, in this folder
		{[]string{"a\nb", "a\rb", "a\x00b", "a\x1bb", "", `a\b`, `..\x`, "good"}, []string{"good"}, 6},
		{[]string{strings.Repeat("n", 5000)}, nil, 1},
	} {
		done := false
		srv := &server{answer: func(kind byte, id uint32, _ []byte) []byte {
			if kind != fxpReaddir || done {
				return nil
			}
			done = true
			return names(id, c.listed...)
		}}
		// The second READDIR is honest: it lists "file", once.
		entries, err := connect(t, srv.start(t).config()).List(t.Context(), "/")
		if err != nil {
			t.Errorf("%q: %v", c.listed, err)
		}
		var usable []string
		bad := 0
		for _, e := range entries {
			switch {
			case e.Kind == remote.Unusable:
				bad++
				if strings.ContainsAny(e.Name, "\r\n\x00\x1b") || len(e.Name) > 1000 {
					t.Errorf("%q is no way to show a name", e.Name)
				}
			case e.Name != "file":
				usable = append(usable, e.Name)
			}
		}
		slices.Sort(usable)
		if !slices.Equal(usable, c.want) || bad < c.notToBeTaken {
			t.Errorf("%.60q: usable %q, not usable %d", c.listed, usable, bad)
		}
	}
	told := false
	twice := &server{answer: func(kind byte, id uint32, _ []byte) []byte {
		if kind == fxpReaddir && !told {
			told = true
			return names(id, "x", "../x")
		}
		return nil
	}}
	if _, err := connect(t, twice.start(t).config()).List(t.Context(), "/"); err == nil {
		t.Error("a folder with one name twice was listed")
	}
}

func TestListingWithoutEnd(t *testing.T) {
	many := slices.Repeat([]string{strings.Repeat("n", 200)}, 400)
	for name, reply := range map[string]func(uint32) []byte{
		"names": func(id uint32) []byte { return names(id, many...) },
		"empty": func(id uint32) []byte { return names(id) },
	} {
		srv := &server{answer: func(kind byte, id uint32, _ []byte) []byte {
			if kind == fxpReaddir {
				return reply(id)
			}
			return nil
		}}
		c := srv.start(t).config()
		c.Timeout = short
		s := connect(t, c)
		if _, err := s.List(t.Context(), "/"); !fault.Is(err, fault.TooLarge) && !errors.Is(err, remote.ErrSilent) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnswersThatNeverCome(t *testing.T) {
	for name, silent := range map[string]byte{"stat": fxpStat, "open": fxpOpen, "read": fxpRead} {
		srv := &server{file: []byte("x"), size: -1, answer: func(kind byte, _ uint32, _ []byte) []byte {
			if kind == silent {
				return []byte{}
			}
			return nil
		}}
		c := srv.start(t).config()
		c.Timeout = short
		s := connect(t, c)
		if _, _, err := remotetest.ReadAll(s, "/file", 0); !errors.Is(err, remote.ErrSilent) || !fault.Is(err, fault.TryLater) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// What listens may say nothing, something else, or too much.
func TestWhatIsNoServer(t *testing.T) {
	for name, c := range map[string]struct {
		say  func(net.Conn)
		kind fault.Kind
	}{
		"silent":  {func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, fault.TryLater},
		"closes":  {func(net.Conn) {}, fault.TryLater},
		"http":    {func(c net.Conn) { _, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n") }, fault.TryLater},
		"endless": {func(c net.Conn) { forEver(c, "hello, this is a banner\r\n") }, fault.Invalid},
		"no line": {func(c net.Conn) { forEver(c, "xxxxxxxxxxxxxxxxxxxxxxxx") }, fault.Invalid},
		"packets": {func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-x\r\n"); forEver(c, "\xff\xff\xff\xff") }, fault.Invalid},
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				c.say(conn)
				_ = conn.Close()
			}
		}()
		srv := &server{port: uint16(l.Addr().(*net.TCPAddr).Port)}
		config := srv.config()
		if name == "silent" { // the others end before that, however slow the machine is
			config.Timeout = short
		}
		_, err = sftp.Connect(t.Context(), config)
		if !fault.Is(err, c.kind) || !strings.Contains(fault.Message(err), " ") {
			t.Errorf("%s: %v", name, err)
		}
		_ = l.Close()
	}
}

func forEver(c net.Conn, words string) {
	for {
		if _, err := io.WriteString(c, words); err != nil {
			return
		}
	}
}

func TestHostKeys(t *testing.T) {
	ed, other, big := ed25519Key(t), ed25519Key(t), rsaKey(t)
	srv := (&server{}).start(t, ed, big)
	for name, c := range map[string]struct {
		pins []string
		seen []string // in the error
	}{
		"confirmed":                   {[]string{ssh.FingerprintSHA256(ed.PublicKey())}, nil},
		"the other kind is confirmed": {[]string{ssh.FingerprintSHA256(big.PublicKey())}, nil},
		"one of two":                  {[]string{ssh.FingerprintSHA256(other.PublicKey()), ssh.FingerprintSHA256(ed.PublicKey()) + "="}, nil},
		"unknown":                     {nil, []string{ssh.FingerprintSHA256(ed.PublicKey())}},
		"changed":                     {[]string{ssh.FingerprintSHA256(other.PublicKey())}, []string{ssh.FingerprintSHA256(ed.PublicKey()), ssh.FingerprintSHA256(big.PublicKey())}},
	} {
		srv.signIn.Store(0)
		config := srv.config()
		config.HostKeys = c.pins
		var steps []remote.Step
		config.Report = func(s remote.Step) { steps = append(steps, s) }
		s, err := sftp.Connect(t.Context(), config)
		if len(c.seen) == 0 {
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			_ = s.Close()
			if got := stepNames(steps); got != "resolve, connect, host key, sign-in, start" {
				t.Errorf("%s: the steps are %s", name, got)
			}
			continue
		}
		var identity *remote.IdentityError
		if !errors.As(err, &identity) || !fault.Is(err, fault.Denied) || !slices.Equal(identity.Seen, c.seen) || !slices.Equal(identity.Expected, c.pins) {
			t.Errorf("%s: %v", name, err)
		}
		for _, f := range append(c.seen, c.pins...) {
			if !strings.Contains(fault.Message(err), f) {
				t.Errorf("%s: %q does not name %s", name, fault.Message(err), f)
			}
		}
		if got := stepNames(steps); got != "resolve, connect, host key" {
			t.Errorf("%s: the steps are %s", name, got)
		}
		if srv.signIn.Load() != 0 {
			t.Errorf("%s: the password was told to a server that is not the one", name)
		}
	}
	config := srv.config()
	config.HostKeys = []string{"16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48"}
	if _, err := sftp.Connect(t.Context(), config); !fault.Is(err, fault.Invalid) {
		t.Errorf("an MD5 fingerprint: %v", err)
	}
}

func stepNames(steps []remote.Step) string {
	var all []string
	for _, s := range steps {
		all = append(all, s.Name)
	}
	return strings.Join(all, ", ")
}

func TestSignIn(t *testing.T) {
	private, public := remotetest.NewKey(t, "")
	locked, lockedPublic := remotetest.NewKey(t, "pass phrase")
	byKey := func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
		line := string(ssh.MarshalAuthorizedKey(key))
		if line == string(public) || line == string(lockedPublic) {
			return nil, nil
		}
		return nil, errors.New("no")
	}
	ask := func(questions ...string) func(ssh.ConnMetadata, ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		return func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
			answers, err := ask("", "", questions, make([]bool, len(questions)))
			if err == nil && len(answers) == 1 && answers[0] == "secret" {
				return nil, nil
			}
			return nil, errors.New("no")
		}
	}
	endless := func(_ ssh.ConnMetadata, ask ssh.KeyboardInteractiveChallenge) (*ssh.Permissions, error) {
		for {
			if _, err := ask("", "", nil, nil); err != nil {
				return nil, err
			}
		}
	}
	for name, c := range map[string]struct {
		server *ssh.ServerConfig
		login  sftp.Config
		want   string // in the sentence; "" = signed in
	}{
		"password":            {&ssh.ServerConfig{PasswordCallback: new(server).password}, sftp.Config{Password: "secret"}, ""},
		"wrong password":      {&ssh.ServerConfig{PasswordCallback: new(server).password}, sftp.Config{Password: "wrong"}, "refused the sign-in"},
		"key":                 {&ssh.ServerConfig{PublicKeyCallback: byKey}, sftp.Config{Key: private}, ""},
		"encrypted key":       {&ssh.ServerConfig{PublicKeyCallback: byKey}, sftp.Config{Key: locked, Passphrase: "pass phrase"}, ""},
		"wrong passphrase":    {&ssh.ServerConfig{PublicKeyCallback: byKey}, sftp.Config{Key: locked, Passphrase: "wrong"}, "passphrase does not open"},
		"no passphrase":       {&ssh.ServerConfig{PublicKeyCallback: byKey}, sftp.Config{Key: locked}, "needs its passphrase"},
		"no key":              {&ssh.ServerConfig{PublicKeyCallback: byKey}, sftp.Config{Key: []byte("ssh-ed25519 AAAA")}, "no private key"},
		"nothing":             {&ssh.ServerConfig{PublicKeyCallback: byKey}, sftp.Config{}, "a password or a key"},
		"question":            {&ssh.ServerConfig{KeyboardInteractiveCallback: ask("Password: ")}, sftp.Config{Password: "secret"}, ""},
		"two questions":       {&ssh.ServerConfig{KeyboardInteractiveCallback: ask("Password: ", "Code: ")}, sftp.Config{Password: "secret"}, "refused the sign-in"},
		"questions for ever":  {&ssh.ServerConfig{KeyboardInteractiveCallback: endless}, sftp.Config{Password: "secret"}, "refused the sign-in"},
		"key, then password":  {twoFactors(byKey), sftp.Config{Key: private, Password: "secret"}, ""},
		"password for nobody": {&ssh.ServerConfig{PublicKeyCallback: byKey}, sftp.Config{Password: "secret"}, "refused the sign-in"},
	} {
		srv := (&server{ssh: c.server}).start(t)
		config := srv.config()
		config.Password, config.Key, config.Passphrase = c.login.Password, c.login.Key, c.login.Passphrase
		s, err := sftp.Connect(t.Context(), config)
		if err == nil {
			_ = s.Close()
		}
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(fault.Message(err), c.want) || fault.Is(err, fault.TryLater)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func twoFactors(byKey func(ssh.ConnMetadata, ssh.PublicKey) (*ssh.Permissions, error)) *ssh.ServerConfig {
	return &ssh.ServerConfig{PublicKeyCallback: func(c ssh.ConnMetadata, k ssh.PublicKey) (*ssh.Permissions, error) {
		if _, err := byKey(c, k); err != nil {
			return nil, err
		}
		return nil, &ssh.PartialSuccessError{Next: ssh.ServerAuthCallbacks{PasswordCallback: new(server).password}}
	}}
}

func TestLoginWithoutSFTP(t *testing.T) {
	srv := (&server{refuse: true}).start(t)
	if _, err := sftp.Connect(t.Context(), srv.config()); !fault.Is(err, fault.Denied) || !strings.Contains(fault.Message(err), "subsystem") {
		t.Error(err)
	}
}

func TestOldAlgorithms(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	big := rsaKey(t)
	sha1Only, err := ssh.NewSignerWithAlgorithms(big.(ssh.AlgorithmSigner), []string{ssh.KeyAlgoRSA})
	if err != nil {
		t.Fatal(err)
	}
	for option, c := range map[string]struct {
		config ssh.Config
		key    ssh.Signer
	}{
		"ssh-rsa":   {ssh.Config{}, sha1Only},
		"dh-sha1":   {ssh.Config{KeyExchanges: []string{ssh.InsecureKeyExchangeDH14SHA1}}, big},
		"cbc":       {ssh.Config{Ciphers: []string{ssh.InsecureCipherAES128CBC}}, big},
		"hmac-sha1": {ssh.Config{Ciphers: []string{ssh.CipherAES128CTR}, MACs: []string{ssh.HMACSHA1}}, big},
	} {
		srv := &server{}
		srv.ssh = &ssh.ServerConfig{Config: c.config, PasswordCallback: srv.password}
		config := srv.start(t, c.key).config()
		config.Now = func() time.Time { return now }
		if _, err := sftp.Connect(t.Context(), config); !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Message(err), `"`+option+`"`) {
			t.Errorf("%s, not allowed: %v", option, err)
		}
		config.Legacy = sftp.Legacy{Options: []string{option}, Until: now.Add(time.Hour)}
		warned := false
		config.Report = func(s remote.Step) { warned = warned || strings.Contains(s.Seen, "warning") }
		s, err := sftp.Connect(t.Context(), config)
		if err != nil {
			t.Errorf("%s, allowed: %v", option, err)
			continue
		}
		if len(s.Seen().Legacy) == 0 || !warned {
			t.Errorf("%s: nobody is warned of %v", option, s.Seen().Legacy)
		}
		_ = s.Close()
		config.Legacy.Until = now.Add(-time.Hour)
		if _, err := sftp.Connect(t.Context(), config); !fault.Is(err, fault.Denied) || !strings.Contains(fault.Message(err), "2026-11-22") {
			t.Errorf("%s, the day is over: %v", option, err)
		}
		config.Legacy.Until = time.Time{}
		if _, err := sftp.Connect(t.Context(), config); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s, without a day: %v", option, err)
		}
	}
}

func TestSteps(t *testing.T) {
	srv := (&server{}).start(t)
	for name, c := range map[string]struct {
		change func(*sftp.Config)
		step   string
		kind   fault.Kind
		words  string
	}{
		"name":    {func(c *sftp.Config) { c.Host = "host.invalid" }, remote.StepResolve, fault.Invalid, "DNS"},
		"guard":   {func(c *sftp.Config) { c.Guard = nobody }, remote.StepConnect, fault.Denied, "remotes.allow"},
		"port":    {func(c *sftp.Config) { c.Port = remotetest.FreePort(t) }, remote.StepConnect, fault.TryLater, "nothing listens"},
		"sign-in": {func(c *sftp.Config) { c.Password = "wrong" }, remote.StepSignIn, fault.Denied, "username, password and key"},
	} {
		config := srv.config()
		c.change(&config)
		var last remote.Step
		config.Report = func(s remote.Step) { last = s }
		_, err := sftp.Connect(t.Context(), config)
		if !fault.Is(err, c.kind) || !strings.Contains(fault.Message(err), c.words) || last.Name != c.step || last.Err == nil {
			t.Errorf("%s: %v in step %s", name, err, last.Name)
		}
	}
	s := connect(t, srv.config())
	seen := s.Seen()
	if len(seen.Addresses) != 1 || seen.Address.Port() != srv.port || seen.HostKey != srv.keys[0] || seen.HostKeyType != "ssh-ed25519" ||
		!strings.HasPrefix(seen.Banner, "SSH-2.0-") || seen.Encryption == "" || len(seen.Legacy) != 0 {
		t.Errorf("%+v", seen)
	}
}

var nobody = dialguard.New(nil)
