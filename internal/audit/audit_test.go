package audit

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func entry() Entry {
	return Entry{
		ID:      uuid.MustParse("019aa8f2-6d00-7000-8000-000000000001"),
		Time:    time.UnixMicro(1_763_726_400_123_456),
		Account: uuid.MustParse("019aa8f2-6d00-7000-8000-000000000002"),
		Actor:   Gateway, Action: "file.received", Object: "019aa8f2-6d00-7000-8000-000000000003",
		Detail: map[string]string{"size": "12288", "door": "sftp"},
	}
}

// TestCanonicalIsStable: the encoding is part of every log that exists.
func TestCanonicalIsStable(t *testing.T) {
	e := entry()
	want := strings.Join([]string{
		"00000017", hex.EncodeToString([]byte("sealgate/v1 audit entry")),
		"00000010", "019aa8f26d0070008000000000000001",
		"000644198d8f7240",
		"00000010", "019aa8f26d0070008000000000000002",
		"00000007", hex.EncodeToString([]byte("gateway")),
		"0000000d", hex.EncodeToString([]byte("file.received")),
		"00000024", hex.EncodeToString([]byte("019aa8f2-6d00-7000-8000-000000000003")),
		"0000000000000002",
		"00000004", hex.EncodeToString([]byte("door")), "00000004", hex.EncodeToString([]byte("sftp")),
		"00000004", hex.EncodeToString([]byte("size")), "00000005", hex.EncodeToString([]byte("12288")),
	}, "")
	if got := hex.EncodeToString(e.Canonical()); got != want {
		t.Errorf("canonical encoding\n%s\nwant\n%s", got, want)
	}
}

func TestCanonicalTellsEntriesApart(t *testing.T) {
	seen := map[string]string{}
	for name, change := range map[string]func(*Entry){
		"as it is":          func(*Entry) {},
		"id":                func(e *Entry) { e.ID[15]++ },
		"time":              func(e *Entry) { e.Time = e.Time.Add(time.Microsecond) },
		"account":           func(e *Entry) { e.Account = uuid.Nil },
		"moved border":      func(e *Entry) { e.Actor, e.Action = e.Actor+"f", e.Action[1:] },
		"no object":         func(e *Entry) { e.Object = "" },
		"no detail":         func(e *Entry) { e.Detail = nil },
		"detail key":        func(e *Entry) { e.Detail = map[string]string{"size": "12288", "doo": "rsftp"} },
		"detail as object":  func(e *Entry) { e.Object += "door"; e.Detail = map[string]string{"size": "12288"} },
		"one detail longer": func(e *Entry) { e.Detail = map[string]string{"size": "12288", "door": "sftp", "x": ""} },
	} {
		e := entry()
		change(&e)
		leaf := string(e.Canonical())
		if other, ok := seen[leaf]; ok {
			t.Errorf("%q and %q have the same encoding", name, other)
		}
		seen[leaf] = name
	}
}

func TestCheckRefusesWhatCouldTellSomething(t *testing.T) {
	good := entry()
	if err := good.Check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*Entry){
		"no id":        func(e *Entry) { e.ID = uuid.Nil },
		"no time":      func(e *Entry) { e.Time = time.Time{} },
		"no actor":     func(e *Entry) { e.Actor = "" },
		"no action":    func(e *Entry) { e.Action = "" },
		"a person":     func(e *Entry) { e.Actor = "Anna Öberg" },
		"an address":   func(e *Entry) { e.Actor = "anna@example.com" },
		"a file name":  func(e *Entry) { e.Detail = map[string]string{"name": "löner nov.xml"} },
		"a sentence":   func(e *Entry) { e.Detail = map[string]string{"error": "the disk is full"} },
		"a line break": func(e *Entry) { e.Object = "a\nb" },
		"a long text":  func(e *Entry) { e.Object = strings.Repeat("a", 257) },
		"an empty key": func(e *Entry) { e.Detail = map[string]string{"": "x"} },
		"a control":    func(e *Entry) { e.Detail = map[string]string{"x": "\x00"} },
		"many details": func(e *Entry) {
			e.Detail = map[string]string{}
			for i := range 17 {
				e.Detail[strings.Repeat("k", i+1)] = "x"
			}
		},
	} {
		e := entry()
		change(&e)
		if e.Check() == nil {
			t.Errorf("an entry with %s may be written", name)
		}
	}
}

func keys(t testing.TB) (note.Signer, note.Verifier) {
	t.Helper()
	key := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	signer, err := NewSigner(key)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := NewVerifier(key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return signer, verifier
}

func TestHeads(t *testing.T) {
	signer, verifier := keys(t)
	head := Head{Size: 42, Root: tlog.RecordHash([]byte("x"))}
	signed, err := head.sign(signer)
	if err != nil {
		t.Fatal(err)
	}
	got, err := OpenHead(signed, verifier)
	if err != nil || got != head {
		t.Fatalf("%+v, %v", got, err)
	}
	other, err := NewVerifier(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)).Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenHead(signed, other); err == nil {
		t.Error("a head signed by another key opened")
	}
	for i := range signed {
		bad := bytes.Clone(signed)
		bad[i] ^= 1
		if got, err := OpenHead(bad, verifier); err == nil && got != head {
			t.Fatalf("byte %d changed: opened as %+v", i, got)
		}
	}
	// What this key signed, but not as a head of this log.
	for _, text := range []string{
		"x\n", signer.Name() + "\n42\n", signer.Name() + "\n42\nAAAA\n",
		"other-log\n42\n" + head.Root.String() + "\n",
		signer.Name() + "\n-1\n" + head.Root.String() + "\n",
		signer.Name() + "\n042\n" + head.Root.String() + "\n",
		signer.Name() + "\n42\n" + head.Root.String() + "\nmore\n",
	} {
		msg, err := note.Sign(&note.Note{Text: text}, signer)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := OpenHead(msg, verifier); err == nil {
			t.Errorf("opened %q", text)
		}
	}
}

func FuzzOpenHead(f *testing.F) {
	signer, verifier := keys(f)
	head := Head{Size: 42, Root: tlog.RecordHash([]byte("x"))}
	signed, err := head.sign(signer)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(signed)
	f.Fuzz(func(t *testing.T, msg []byte) {
		if got, err := OpenHead(msg, verifier); err == nil && got != head {
			t.Errorf("opened %+v, which was never signed", got)
		}
	})
}
