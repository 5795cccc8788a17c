package ftps

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/jlaffaye/ftp"

	"sealgate/internal/dialguard"
)

func TestHash(t *testing.T) {
	sum := sha256.Sum256([]byte("x"))
	text := hex.EncodeToString(sum[:])
	for message, want := range map[string]bool{
		text: true, strings.ToUpper(text): true, "SHA-256 0-1 " + text + " /file": true, `"` + text + `"`: true, text + " " + text: true,
		"": false, "no": false, text[:62]: false, text + "00": false, text + " " + strings.Repeat("00", 32): false,
	} {
		if got, ok := parseHash(message); ok != want || ok && got != sum {
			t.Errorf("%q: %x %v", message, got, ok)
		}
	}
}

func FuzzLines(f *testing.F) {
	for _, seed := range []string{"type=file;size=1; a\r\n", "type=OS.unix=slink:/x; l\n", "drwxr-xr-x 1 a b 0 Jan 1 00:00 x\r\ntotal 0\n", ";= ; \n", "\n\r\r\n"} {
		f.Add([]byte(seed), true, 3)
		f.Add([]byte(seed), false, 1)
	}
	f.Fuzz(func(t *testing.T, b []byte, facts bool, piece int) {
		whole, pieces := &lines{facts: facts}, &lines{facts: facts}
		if whole.take(b) != nil {
			return
		}
		whole.end()
		// However the bytes come, they are the same lines.
		for piece = max(1, piece%1000); len(b) > 0; b = b[min(piece, len(b)):] {
			if err := pieces.take(b[:min(piece, len(b))]); err != nil {
				t.Fatal(err)
			}
		}
		pieces.end()
		if whole.count != pieces.count || len(whole.kinds) != len(pieces.kinds) {
			t.Errorf("%d and %d lines", whole.count, pieces.count)
		}
	})
}

func FuzzAnswers(f *testing.F) {
	f.Add("features\n MLST type*;size*;\n HASH SHA-256;SHA-1\nend")
	f.Add("250 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
	f.Fuzz(func(t *testing.T, message string) {
		for name, words := range parseFeatures(message) {
			if name == "" || strings.ContainsAny(name+words, "\r\n\x00\x1b") {
				t.Errorf("the feature %q: %q", name, words)
			}
		}
		if sum, ok := parseHash(message); ok && !strings.Contains(strings.ToLower(message), hex.EncodeToString(sum[:])) {
			t.Errorf("%x is not in %q", sum, message)
		}
	})
}

// Whatever a server answers to EPSV and PASV: the library's reading of it is an error at
// worst, and leads to no other host, and to no port below 1024.
func FuzzPassive(f *testing.F) {
	for _, seed := range []string{"229 here (|||65000|)", "227 there (10,0,0,1,4,1)", "227 )10,0,0,1,4,1(", "229 |||", "229 (|||-1|)", "227 (,,,,,)", "227 (1,2,3,4,999999999,9)", "500 no"} {
		f.Add(seed, seed)
	}
	nobody := dialguard.New(nil)
	f.Fuzz(func(t *testing.T, epsv, pasv string) {
		if !oneLine(epsv + pasv) {
			return
		}
		ours, theirs := net.Pipe()
		answered := make(chan struct{})
		go func() {
			defer close(answered)
			defer func() { _ = theirs.Close() }()
			for lines := bufio.NewScanner(theirs); lines.Scan(); {
				answer := "500 no"
				switch lines.Text() {
				case "EPSV":
					answer = epsv
				case "PASV":
					answer = pasv
				}
				if _, err := fmt.Fprintf(theirs, "%s\r\n", answer); err != nil {
					return
				}
			}
		}()
		s := &Session{config: Config{}, control: &control{Conn: ours, replay: strings.NewReader("220 hello\r\n")}, ctx: context.Background()}
		s.config.Guard, s.seen.Address = nobody, netip.MustParseAddrPort("127.0.0.1:21")
		err := guarded(func() error {
			c, err := ftp.Dial("127.0.0.1:21", ftp.DialWithDialFunc(func(network, address string) (net.Conn, error) {
				if s.control.replay.Len() == 0 && !strings.HasPrefix(address, "127.0.0.1:") {
					t.Errorf("%q and %q lead to %s", epsv, pasv, address)
				}
				return s.dial(network, address)
			}))
			if err != nil {
				return err
			}
			_, err = c.List("/")
			return err
		})()
		_ = ours.Close()
		<-answered
		if err == nil || s.data != nil {
			t.Errorf("%q and %q: %v", epsv, pasv, err)
		}
	})
}
