package ftps_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"sealgate/internal/dialguard"
	"sealgate/internal/fault"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/ftps"
	"sealgate/internal/transfer/remote/remotetest"
)

// short is how long tests wait for a server that does not answer.
const short = 300 * time.Millisecond

func connect(t testing.TB, c ftps.Config) *ftps.Session {
	t.Helper()
	s, err := ftps.Connect(context.Background(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestSizesThatAreLies(t *testing.T) {
	content := remotetest.Bytes(100_000, 1)
	for _, said := range []string{"213 0", "213 1", "213 99999", "213 100001", "213 9223372036854775807", "213 -1", "213 99999999999999999999", "213 many", "213"} {
		srv := (&server{file: content, says: map[string]string{"SIZE": said}}).start(t)
		b, _, err := remotetest.ReadAll(connect(t, srv.config()), "/file", 0)
		if !fault.Is(err, fault.Damaged) || !bytes.HasPrefix(content, b) {
			t.Errorf("%s: %d bytes and %v", said, len(b), err)
		}
	}
}

// A file that is not as long as the server says keeps no other file from being read,
// unless it has no end.
func TestTheSessionGoesOnAfterALie(t *testing.T) {
	for _, said := range []string{"213 99999", "213 100001", "213 0"} {
		srv := (&server{file: remotetest.Bytes(100_000, 1), says: map[string]string{"SIZE": said}}).start(t)
		s := connect(t, srv.config())
		for range 2 {
			if _, _, err := remotetest.ReadAll(s, "/file", 0); !fault.Is(err, fault.Damaged) {
				t.Errorf("%s: %v", said, err)
			}
		}
		if _, err := s.Stat(t.Context(), "/file"); err != nil {
			t.Errorf("%s, and then: %v", said, err)
		}
	}
	srv := (&server{file: remotetest.Bytes(8<<20, 1), says: map[string]string{"SIZE": "213 5"}}).start(t)
	s := connect(t, srv.config())
	_, _, _ = remotetest.ReadAll(s, "/file", 0)
	if _, err := s.Stat(t.Context(), "/file"); !errors.Is(err, remote.ErrCut) {
		t.Errorf("after a file that is far longer: %v", err)
	}
}

// Wherever a data connection is cut, also between two records of TLS: what came is
// never taken for a whole file, or a whole listing.
func TestCutAtEachByte(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		content := remotetest.Bytes(300, 2)
		const listing = "type=file;size=1; a\r\ntype=file;size=1; b\r\n"
		srv := (&server{file: content, listing: listing, chunk: 100, tls: &tls.Config{MinVersion: version, MaxVersion: version}}).start(t)
		before := runtime.NumGoroutine()
		whole := false
		for cut := int64(1); !whole; cut++ {
			srv.cutAt.Store(cut)
			s := connect(t, srv.config())
			b, _, err := remotetest.ReadAll(s, "/file", 0)
			switch {
			case err == nil && bytes.Equal(b, content):
				whole = true // the cut lies behind the end
			case err == nil:
				t.Fatalf("cut after %d bytes: %d bytes were taken for the file", cut-1, len(b))
			case !fault.Is(err, fault.TryLater) || !errors.Is(err, remote.ErrCut):
				t.Fatalf("cut after %d bytes: %v", cut-1, err)
			case !bytes.HasPrefix(content, b):
				t.Fatalf("cut after %d bytes: wrong bytes", cut-1)
			}
			_ = s.Close()
			if cut%7 == 0 {
				s := connect(t, srv.config())
				if entries, err := s.List(t.Context(), "/"); err == nil && len(entries) != 2 {
					t.Fatalf("cut after %d bytes: %v was taken for the folder", cut-1, entries)
				}
				_ = s.Close()
			}
		}
		remotetest.NoGoroutines(t, before)
	}
}

// All bytes are there, and the server says 226, but TLS does not say that this is all.
func TestEndWithoutNotify(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		srv := (&server{file: remotetest.Bytes(50_000, 3), listing: "type=file; a\r\n", noNotify: true, tls: &tls.Config{MinVersion: version, MaxVersion: version}}).start(t)
		if _, _, err := remotetest.ReadAll(connect(t, srv.config()), "/file", 0); !errors.Is(err, remote.ErrCut) {
			t.Errorf("a file: %v", err)
		}
		if _, err := connect(t, srv.config()).List(t.Context(), "/"); !errors.Is(err, remote.ErrCut) {
			t.Errorf("a listing: %v", err)
		}
	}
}

func TestTransferThatTheServerCallsFailed(t *testing.T) {
	srv := (&server{file: []byte("content"), listing: "type=file; a\r\n", after: "451 the disk broke"}).start(t)
	if b, _, err := remotetest.ReadAll(connect(t, srv.config()), "/file", 0); !fault.Is(err, fault.TryLater) {
		t.Errorf("%q, %v", b, err)
	}
	if _, err := connect(t, srv.config()).List(t.Context(), "/"); !fault.Is(err, fault.TryLater) {
		t.Errorf("a listing: %v", err)
	}
	if _, err := connect(t, srv.config()).Create(t.Context(), "/new", strings.NewReader("x")); !fault.Is(err, fault.TryLater) {
		t.Errorf("an upload: %v", err)
	}
}

func TestListings(t *testing.T) {
	for listing, want := range map[string]string{
		"": "",
		"type=file;size=3;modify=20260301120000; good\r\n":                                                    "good:0:3",
		"Type=cdir; .\r\nType=pdir; ..\r\nType=dir; sub\r\n":                                                  "sub:1:0",
		"type=cdir; /\r\ntype=file; x\n":                                                                      "x:0:0",
		"type=cdir; /a\r\ntype=pdir; /b/c\r\ntype=dir; /d\r\ntype=file; x\r\n":                                `"/d":4:0 x:0:0`, // the folder and the one above, wherever they say they are
		"type=OS.unix=slink:/etc/passwd; link\r\n":                                                            "link:2:0",
		"type=OS.unix=chr-1/3; null\r\n":                                                                      "null:3:0",
		"type=file; ../up\r\ntype=file; /etc/passwd\r\ntype=file; a\\b\r\ntype=file; \r\ntype=file; good\r\n": `"":4:0 "../up":4:0 "/etc/passwd":4:0 "a\\b":4:0 good:0:0`,
		"type=file; a\rb\r\ntype=file; c\x00d\r\n":                                                            `"a\rb":4:0 "c\x00d":4:0`,
		"type=file; half\nof a name\r\n":                                                                      "(lines that cannot be read: 1):4:-1 half:0:0",
		"type=file;size=99999999999999999999; huge\r\ntype=file; x\r\n":                                       "(lines that cannot be read: 1):4:-1 x:0:0",
		"type=file;size=18446744073709551615; minus\r\n":                                                      "minus:0:-1",
		// None of it is a listing.
		"garbage\r\n":                            "damaged",
		"\x00\x01\x02":                           "damaged",
		";\r\n; \r\n;;; \r\n =; \r\n":            "damaged",
		"type=file; x\r\ntype=file; x\r\n":       "damaged",
		strings.Repeat("x", 70_000) + " y; \r\n": "too-large",
	} {
		srv := (&server{listing: listing}).start(t)
		entries, err := connect(t, srv.config()).List(t.Context(), "/")
		var got []string
		for _, e := range entries {
			got = append(got, fmt.Sprintf("%s:%d:%d", e.Name, e.Kind, e.Size))
		}
		slices.Sort(got)
		text := strings.Join(got, " ")
		if err != nil {
			text = fault.KindOf(err).String()
		}
		if text != want {
			t.Errorf("%.80q: %q (%v), want %q", listing, text, err, want)
		}
	}
}

func TestListingWithoutEnd(t *testing.T) {
	for name, line := range map[string]string{"lines": strings.Repeat("type=file; x\r\n", 1000), "one line": strings.Repeat("x", 10_000)} {
		c := (&server{endless: line}).start(t).config()
		s := connect(t, c)
		if _, err := s.List(t.Context(), "/"); !fault.Is(err, fault.TooLarge) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Whatever the server says of where data is: it is fetched from where the control
// connection leads, or not at all.
func TestWhereDataIs(t *testing.T) {
	content := []byte("content")
	for name, c := range map[string]struct {
		says map[string]string
		want fault.Kind
		ok   bool
	}{
		"PASV names another host": {map[string]string{"EPSV": "502 no"}, 0, true},
		"EPSV is garbage":         {map[string]string{"EPSV": "229 (|||)"}, 0, true},
		"EPSV is more garbage":    {map[string]string{"EPSV": "229 |||x|"}, 0, true},
		"both are":                {map[string]string{"EPSV": "229 )(", "PASV": "227 )("}, fault.Damaged, false},
		"PASV is short":           {map[string]string{"EPSV": "502 no", "PASV": "227 (1,2,3)"}, fault.Damaged, false},
		"PASV is no number":       {map[string]string{"EPSV": "502 no", "PASV": "227 (127,0,0,1,x,y)"}, fault.Damaged, false},
		"PASV is below zero":      {map[string]string{"EPSV": "502 no", "PASV": "227 (127,0,0,1,-1,-1)"}, fault.Damaged, false},
		"PASV is too high":        {map[string]string{"EPSV": "502 no", "PASV": "227 (127,0,0,1,999,999)"}, fault.Damaged, false},
		"a port of another kind":  {map[string]string{"EPSV": "229 (|||22|)"}, fault.Damaged, false},
		"nobody listens":          {map[string]string{"EPSV": fmt.Sprintf("229 (|||%d|)", remotetest.FreePort(t))}, fault.TryLater, false},
	} {
		srv := (&server{file: content, says: c.says}).start(t)
		b, _, err := remotetest.ReadAll(connect(t, srv.config()), "/file", 0)
		if c.ok && (err != nil || !bytes.Equal(b, content)) || !c.ok && !fault.Is(err, c.want) {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

func TestUploads(t *testing.T) {
	sum := sha256.Sum256([]byte("content"))
	right := "250 " + hex.EncodeToString(sum[:])
	for name, c := range map[string]struct {
		server *server
		want   fault.Kind
		hash   string
		ok     bool
	}{
		"taken":               {&server{}, 0, "", true},
		"with its hash":       {&server{says: map[string]string{"XSHA256": right}}, 0, "SHA-256", true},
		"with another hash":   {&server{says: map[string]string{"XSHA256": "250 " + strings.Repeat("ab", 32)}}, fault.Damaged, "", false},
		"a hash that is none": {&server{says: map[string]string{"XSHA256": "250 what you sent"}}, 0, "", true},
		"no room":             {&server{says: map[string]string{"STOR": "452 full"}}, fault.Full, "", false},
		"over the quota":      {&server{after: "552 quota"}, fault.Full, "", false},
		"not allowed":         {&server{says: map[string]string{"STOR": "553 no"}}, fault.Denied, "", false},
		"session reuse":       {&server{says: map[string]string{"STOR": "522 reuse the session"}}, fault.Denied, "", false},
		"not now":             {&server{says: map[string]string{"STOR": "425 no data"}}, fault.TryLater, "", false},
	} {
		srv := c.server.start(t)
		proof, err := connect(t, srv.config()).Create(t.Context(), "/new", strings.NewReader("content"))
		if c.ok && (err != nil || proof.Size != 7 || proof.Hash != c.hash || proof.SHA256 != sum || string(srv.stored) != "content" || srv.upload != nil) {
			t.Errorf("%s: %+v, %v; the server has %q, %v", name, proof, err, srv.stored, srv.upload)
		}
		if !c.ok && !fault.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// The server says 226, and has less.
func TestUploadThatIsShortAfterwards(t *testing.T) {
	srv := (&server{}).start(t)
	s := connect(t, srv.config())
	from := &then{Reader: strings.NewReader("content"), do: func() {
		srv.mu.Lock()
		defer srv.mu.Unlock()
		srv.says = map[string]string{"SIZE": "213 0"}
	}}
	if _, err := s.Create(t.Context(), "/new", from); !fault.Is(err, fault.Damaged) {
		t.Error(err)
	}
}

// then does something before its first byte.
type then struct {
	io.Reader
	do func()
}

func (r *then) Read(b []byte) (int, error) {
	if r.do != nil {
		r.do()
		r.do = nil
	}
	return r.Reader.Read(b)
}

// A source that breaks off is a broken upload for the server, too, and not a file.
func TestSourceThatBreaksOff(t *testing.T) {
	srv := (&server{}).start(t)
	broken := errors.New("broken")
	from := io.MultiReader(bytes.NewReader(remotetest.Bytes(100_000, 1)), &then{Reader: failing{broken}})
	if _, err := connect(t, srv.config()).Create(t.Context(), "/new", from); !errors.Is(err, broken) {
		t.Error(err)
	}
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 1000 {
		srv.mu.Lock()
		ended := srv.stored != nil
		srv.mu.Unlock()
		if ended {
			break
		}
		<-tick.C
	}
	srv.mu.Lock()
	defer srv.mu.Unlock()
	if srv.upload == nil {
		t.Errorf("the server took %d bytes for a whole file", len(srv.stored))
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestAnswersThatNeverCome(t *testing.T) {
	for _, verb := range []string{"AUTH", "USER", "PASS", "FEAT", "TYPE", "PBSZ", "PROT", "PWD", "SIZE", "MDTM", "EPSV", "RETR"} {
		srv := (&server{file: []byte("x"), says: map[string]string{verb: ""}}).start(t)
		c := srv.config()
		c.Timeout = short
		s, err := ftps.Connect(t.Context(), c)
		if err == nil {
			_, _, err = remotetest.ReadAll(s, "/file", 0)
			_ = s.Close()
		}
		if !errors.Is(err, remote.ErrSilent) || !fault.Is(err, fault.TryLater) {
			t.Errorf("%s: %v", verb, err)
		}
	}
	// Before the first byte of an upload: no answer, and no TLS at the port for data.
	for verb, answer := range map[string]string{"EPSV": "", "STOR": "", "STOR ": "150 go on"} {
		srv := (&server{says: map[string]string{strings.TrimSpace(verb): answer}}).start(t)
		c := srv.config()
		c.Timeout = short
		s := connect(t, c)
		if _, err := s.Create(t.Context(), "/new", bytes.NewReader(remotetest.Bytes(1000, 1))); !errors.Is(err, remote.ErrSilent) || !fault.Is(err, fault.TryLater) {
			t.Errorf("upload, %s %q: %v", verb, answer, err)
		}
	}
	// The answer at the end of a transfer, and data itself.
	srv := (&server{file: []byte("x"), after: " "}).start(t)
	c := srv.config()
	c.Timeout = short
	if _, _, err := remotetest.ReadAll(connect(t, c), "/file", 0); err == nil {
		t.Error("a file without 226 was taken")
	}
}

func TestAnswersWithoutEnd(t *testing.T) {
	long := "250-" + strings.Repeat(strings.Repeat("x", 1000)+"\r\n", 400)
	for _, verb := range []string{"FEAT", "PWD", "SIZE"} {
		srv := (&server{file: []byte("x"), says: map[string]string{verb: long}}).start(t)
		c := srv.config()
		s, err := ftps.Connect(t.Context(), c)
		if err == nil {
			_, err = s.Stat(t.Context(), "/file")
			_ = s.Close()
		}
		if !fault.Is(err, fault.Damaged) {
			t.Errorf("%s: %v", verb, err)
		}
	}
}

func TestWhatIsNoServer(t *testing.T) {
	for name, hello := range map[string]func(net.Conn){
		"silent":     func(c net.Conn) { _, _ = io.Copy(io.Discard, c) },
		"closes":     func(net.Conn) {},
		"ssh":        func(c net.Conn) { _, _ = io.WriteString(c, "SSH-2.0-OpenSSH\r\n"); _, _ = io.Copy(io.Discard, c) },
		"busy":       func(c net.Conn) { _, _ = io.WriteString(c, "421 too many\r\n"); _, _ = io.Copy(io.Discard, c) },
		"long":       func(c net.Conn) { forEver(c, "220-hello\r\n") },
		"one line":   func(c net.Conn) { forEver(c, "2") },
		"only plain": func(c net.Conn) { _, _ = io.WriteString(c, "220 hi\r\n500 what?\r\n"); _, _ = io.Copy(io.Discard, c) },
	} {
		for _, implicit := range []bool{false, true} {
			srv := (&server{hello: hello, implicit: implicit}).start(t)
			c := srv.config()
			c.Timeout = short
			var last remote.Step
			c.Report = func(s remote.Step) { last = s }
			s, err := ftps.Connect(t.Context(), c)
			if err == nil {
				_ = s.Close()
			}
			if k := fault.KindOf(err); err == nil || k != fault.TryLater && k != fault.Invalid && k != fault.Damaged || last.Name != remote.StepCertificate {
				t.Errorf("%s, implicit %v: %v in %s", name, implicit, err, last.Name)
			}
		}
	}
}

func forEver(c net.Conn, words string) {
	for {
		if _, err := io.WriteString(c, words); err != nil {
			return
		}
	}
}

func TestCertificates(t *testing.T) {
	other, otherPrint, otherRoots := remotetest.Certificate(t)
	elsewhere := (&server{names: []string{"elsewhere.example"}}).start(t)
	config := elsewhere.config()
	config.Certificates, config.Roots = nil, elsewhere.roots
	if _, err := ftps.Connect(t.Context(), config); !strings.Contains(fault.Message(err), elsewhere.fingerprint) || strings.Contains(elsewhere.verbs(), "USER") {
		t.Errorf("for another name: %v", err)
	}
	for name, c := range map[string]struct {
		change func(*server, *ftps.Config)
		words  string // "" = connected
	}{
		"confirmed":         {func(*server, *ftps.Config) {}, ""},
		"with colons":       {func(_ *server, c *ftps.Config) { c.Certificates[0] = strings.ToUpper(colons(c.Certificates[0])) }, ""},
		"from a known root": {func(s *server, c *ftps.Config) { c.Certificates, c.Roots = nil, s.roots }, ""},
		"by name":           {func(s *server, c *ftps.Config) { c.Certificates, c.Roots, c.Host = nil, s.roots, "localhost" }, ""},
		"changed":           {func(_ *server, c *ftps.Config) { c.Certificates = []string{otherPrint} }, "but " + otherPrint + " was confirmed"},
		"from nobody known": {func(_ *server, c *ftps.Config) { c.Certificates = nil }, "is not trusted"},
		"from another root": {func(_ *server, c *ftps.Config) { c.Certificates, c.Roots = nil, otherRoots }, "is not trusted"},
		"expired":           {func(s *server, c *ftps.Config) { c.Certificates, c.Roots, c.Now = nil, s.roots, later }, "is not trusted"},
		"no fingerprint":    {func(_ *server, c *ftps.Config) { c.Certificates = []string{"abc"} }, "64 hexadecimal digits"},
		"old TLS": {func(s *server, _ *ftps.Config) {
			s.tls.MaxVersion = tls.VersionTLS11
			s.tls.MinVersion = tls.VersionTLS10
		}, "TLS 1.2"},
		"new TLS refused":    {func(_ *server, c *ftps.Config) { c.TLS12 = true }, ""},
		"others on data":     {func(s *server, _ *ftps.Config) { s.dataTLS = &tls.Config{Certificates: []tls.Certificate{other}} }, "was confirmed"},
		"no TLS":             {func(s *server, _ *ftps.Config) { s.says = map[string]string{"AUTH": "502 no"} }, "does not offer TLS"},
		"words in between":   {func(s *server, _ *ftps.Config) { s.inject = "230 signed in\r\n" }, "does not offer TLS"},
		"data in the clear":  {func(s *server, _ *ftps.Config) { s.says = map[string]string{"PROT": "536 no"} }, "does not encrypt data"},
		"no protection size": {func(s *server, _ *ftps.Config) { s.says = map[string]string{"PBSZ": "503 no"} }, "does not encrypt data"},
	} {
		srv := (&server{file: []byte("x")}).start(t)
		config := srv.config()
		c.change(srv, &config)
		s, err := ftps.Connect(t.Context(), config)
		if err == nil {
			_, _, err = remotetest.ReadAll(s, "/file", 0)
			seen := s.Seen()
			if err == nil && (seen.Certificates[0].SHA256 != srv.fingerprint || seen.Encryption == "" || config.TLS12 && !strings.HasPrefix(seen.Encryption, "TLS 1.2")) {
				t.Errorf("%s: seen %+v", name, seen)
			}
			_ = s.Close()
		}
		if (err == nil) != (c.words == "") || err != nil && !strings.Contains(fault.Message(err), c.words) {
			t.Errorf("%s: %v (%s)", name, err, fault.Message(err))
		}
		var identity *remote.IdentityError
		if errors.As(err, &identity) && strings.Contains(srv.verbs(), "USER") && name != "others on data" {
			t.Errorf("%s: the login was told to a server that is not the one", name)
		}
		if strings.Contains(c.words, "is not trusted") && !strings.Contains(fault.Message(err), srv.fingerprint) {
			t.Errorf("%s: %q does not name the fingerprint", name, fault.Message(err))
		}
	}
}

// A data connection offers the key exchange that the control connection came to, and no
// other: keys of others would be made for each file in vain. By TLS 1.2 it offers all:
// there the list says what certificates are taken, too, and OpenSSL does not show others.
func TestKeyExchangeOfDataConnections(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, curve := range []tls.CurveID{tls.X25519, tls.CurveP384, tls.X25519MLKEM768} {
			if version == tls.VersionTLS12 && curve == tls.X25519MLKEM768 {
				continue // of TLS 1.3
			}
			srv := (&server{file: []byte("x"), tls: &tls.Config{MinVersion: version, MaxVersion: version, CurvePreferences: []tls.CurveID{curve}}}).start(t)
			var offered []tls.CurveID
			data := srv.tls.Clone()
			data.GetConfigForClient = func(hello *tls.ClientHelloInfo) (*tls.Config, error) {
				offered = hello.SupportedCurves
				return nil, nil
			}
			srv.dataTLS = data
			if b, _, err := remotetest.ReadAll(connect(t, srv.config()), "/file", 0); err != nil || string(b) != "x" {
				t.Errorf("%s, %v: %q, %v", tls.VersionName(version), curve, b, err)
			}
			if version == tls.VersionTLS12 && !slices.Contains(offered, tls.CurveP256) || version == tls.VersionTLS13 && !slices.Equal(offered, []tls.CurveID{curve}) {
				t.Errorf("%s, %v: a data connection offers %v", tls.VersionName(version), curve, offered)
			}
		}
	}
}

func later() time.Time { return time.Now().AddDate(1, 0, 0) }

func colons(s string) string {
	var pairs []string
	for pair := range slices.Chunk([]byte(s), 2) {
		pairs = append(pairs, string(pair))
	}
	return strings.Join(pairs, ":")
}

func TestSignIn(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*server, *ftps.Config)
		step   string
		kind   fault.Kind
		words  string
	}{
		"wrong password": {func(_ *server, c *ftps.Config) { c.Password = "wrong" }, remote.StepSignIn, fault.Denied, "username and password"},
		"unknown user":   {func(s *server, _ *ftps.Config) { s.says = map[string]string{"USER": "530 who?"} }, remote.StepSignIn, fault.Denied, "username and password"},
		"too many":       {func(s *server, _ *ftps.Config) { s.says = map[string]string{"PASS": "421 too many"} }, remote.StepSignIn, fault.Denied, ""},
		"no folder":      {func(s *server, _ *ftps.Config) { s.says = map[string]string{"PWD": "257 somewhere"} }, remote.StepStart, fault.Damaged, ""},
		"guard":          {func(_ *server, c *ftps.Config) { c.Guard = dialguard.New(nil) }, remote.StepConnect, fault.Denied, "remotes.allow"},
		"port":           {func(_ *server, c *ftps.Config) { c.Port = remotetest.FreePort(t) }, remote.StepConnect, fault.TryLater, "nothing listens"},
		"line break":     {func(_ *server, c *ftps.Config) { c.Password = "a\r\nDELE x" }, "", fault.Invalid, "line breaks"},
		"in the name":    {func(_ *server, c *ftps.Config) { c.User = "a\nb" }, "", fault.Invalid, "line breaks"},
	} {
		srv := (&server{}).start(t)
		config := srv.config()
		c.change(srv, &config)
		var last remote.Step
		config.Report = func(s remote.Step) { last = s }
		_, err := ftps.Connect(t.Context(), config)
		if !fault.Is(err, c.kind) || !strings.Contains(fault.Message(err), c.words) || last.Name != c.step || c.step != "" && last.Err == nil {
			t.Errorf("%s: %v in step %q", name, err, last.Name)
		}
	}
	var steps []string
	config := (&server{}).start(t).config()
	config.Report = func(s remote.Step) { steps = append(steps, s.Name) }
	s := connect(t, config)
	if got := strings.Join(steps, ", "); got != "resolve, connect, certificate, sign-in, start" {
		t.Errorf("the steps are %s", got)
	}
	if f := s.Seen().Features; !slices.Contains(f, "MLST") || s.Seen().Banner != "hello" {
		t.Errorf("seen %+v", s.Seen())
	}
}

// While a file is open, nothing else is asked: its end is the next answer.
func TestOneThingAtATime(t *testing.T) {
	srv := (&server{file: remotetest.Bytes(100_000, 1)}).start(t)
	s := connect(t, srv.config())
	f, err := s.Open(t.Context(), "/file", 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Stat(t.Context(), "/file"); !fault.Is(err, fault.Internal) {
		t.Errorf("stat beside it: %v", err)
	}
	if b, err := io.ReadAll(f); err != nil || !bytes.Equal(b, srv.file) {
		t.Errorf("afterwards %d bytes, %v", len(b), err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if _, err := s.Stat(t.Context(), "/file"); err != nil {
		t.Error(err)
	}
}

// The time of MLST is in UTC. That of MDTM may not be, and is for servers without one.
func TestTimes(t *testing.T) {
	const with, without = "250-here\r\n type=file;size=7;modify=20260301110005; /file\r\n250 end", "250-here\r\n type=file;size=7; /file\r\n250 end"
	facts := time.Date(2026, 3, 1, 11, 0, 5, 0, time.UTC)
	mdtm := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) // an hour off
	for _, c := range []struct {
		features, answer string
		want             time.Time
		local            bool
	}{
		{"SIZE\r\n MLST type*;size*;modify*;", with, facts, false},
		{"SIZE\r\n MLST type*;size*;modify*;", "550 not now", time.Time{}, false},
		{"SIZE\r\n MDTM\r\n MLST type*;size*;modify*;", with, facts, false},
		{"SIZE\r\n MDTM\r\n MLST type*;size*;", without, mdtm, true},
		{"SIZE\r\n MDTM\r\n MLST type*;size*;modify*;", "550 not now", mdtm, true},
		{"SIZE\r\n MDTM", "500 what?", mdtm, true},
	} {
		srv := (&server{file: []byte("content"), says: map[string]string{"FEAT": "211-features\r\n " + c.features + "\r\n211 end", "MLST": c.answer}}).start(t)
		s, err := ftps.Connect(t.Context(), srv.config())
		if err != nil {
			t.Fatal(err)
		}
		if e, err := s.Stat(t.Context(), "/file"); err != nil || e.Size != 7 || !e.ModTime.Equal(c.want) || e.Local != c.local {
			t.Errorf("%s, %s: %+v, %v", c.features, c.answer, e, err)
		}
		_ = s.Close()
	}
}
