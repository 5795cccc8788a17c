package statement_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sealgate/internal/fault"
	"sealgate/internal/payment"
	"sealgate/internal/statement"
)

var (
	ours   = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, 32))
	theirs = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{8}, 32))
	noon   = time.Date(2026, 11, 21, 12, 0, 0, 123456789, time.FixedZone("CET", 3600))
)

func fingerprint(k ed25519.PrivateKey) string {
	return statement.Fingerprint(k.Public().(ed25519.PublicKey))
}

func receipt() statement.Document {
	format, name, sum := "iso20022.pain.001", "lön <2026>\n\t— sealgate x\xff.xml", strings.Repeat("ab", 32)
	return statement.Document{
		Kind: statement.KindReceipt, ID: "0193", Account: "acme", IssuedAt: noon,
		Receipt: &statement.Receipt{
			File: "0193-f", Name: &name, Direction: "in", Source: "sftp", Size: 42,
			SHA256: &sum, ReceivedAt: noon,
			Index: &statement.Index{
				IndexedAt: noon, State: "kept", Format: &format, MessageIDs: []string{"M-1"}, BatchCount: 1, PaymentCount: 2,
				Sums:     []payment.Sum{{Currency: "SEK", Direction: payment.Out, Count: 2, Minor: 123450}},
				Findings: []payment.Finding{{Code: payment.TestFile, Severity: payment.TestFile.Severity(), Count: 1, FirstAt: &payment.Place{Line: 3}, Message: "a test"}},
			},
		},
	}
}

func removal(kind string) statement.Document {
	return statement.Document{
		Kind: kind, ID: "0194", Account: "acme", IssuedAt: noon,
		Removal: &statement.Removal{
			Object: "aa", Fingerprint: "aa", Held: "gateway", RemovedAt: noon, Cause: "asked", Sentence: "gone", Files: 3, Bytes: 9,
			Oldest: &noon, Newest: &noon, FileIDs: []string{"f1", "f2", "f3"}, Complete: true, Copy: statement.CopyRewritten,
		},
	}
}

func erasure() statement.Document {
	return statement.Document{
		Kind: statement.KindErased, ID: "0195", Account: "acme", IssuedAt: noon,
		Erasure: &statement.Erasure{File: "f1", Size: 3, ReceivedAt: noon, ErasedAt: noon, Reason: "retention", Sentence: "a copy opens until then"},
	}
}

func all() map[string]statement.Document {
	return map[string]statement.Document{
		"receipt": receipt(), "erasure": erasure(),
		"certificate": removal(statement.KindCertificateRemoved), "access key": removal(statement.KindAccessKeyRemoved),
	}
}

func sign(t testing.TB, key ed25519.PrivateKey, d statement.Document) []byte {
	t.Helper()
	signed, err := statement.Sign(key, d)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestWhatIsSignedVerifiesAndSaysTheSame(t *testing.T) {
	for name, d := range all() {
		signed := sign(t, ours, d)
		for _, want := range []string{"", fingerprint(ours)} {
			got, err := statement.Verify(signed, want)
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, signed)
			}
			if got.SignedBy() != fingerprint(ours) || got.Kind != d.Kind || got.ID != d.ID {
				t.Errorf("%s: %+v", name, got)
			}
			if !got.IssuedAt.Equal(noon.Truncate(time.Microsecond)) || got.IssuedAt.Location() != time.UTC {
				t.Errorf("%s: issued at %v", name, got.IssuedAt)
			}
		}
		if !bytes.Equal(signed, sign(t, ours, d)) {
			t.Errorf("%s: the same statement in two spellings", name)
		}
	}
	got, err := statement.Verify(sign(t, ours, receipt()), "")
	if err != nil {
		t.Fatal(err)
	}
	if want := "lön <2026>\n\t— sealgate x\ufffd.xml"; *got.Receipt.Name != want {
		t.Errorf("name %q", *got.Receipt.Name)
	}
	if !reflect.DeepEqual(got.Receipt.Index.Sums, receipt().Receipt.Index.Sums) {
		t.Errorf("sums %+v", got.Receipt.Index.Sums)
	}
	if !got.Receipt.ReceivedAt.Equal(noon.Truncate(time.Microsecond)) {
		t.Errorf("received at %v", got.Receipt.ReceivedAt)
	}
}

// Signing does not touch what the caller holds.
func TestSigningChangesNothing(t *testing.T) {
	d := receipt()
	sign(t, ours, d)
	if !reflect.DeepEqual(d, receipt()) {
		t.Errorf("%+v", d)
	}
}

func TestTheWrongIdentityIsNamed(t *testing.T) {
	_, err := statement.Verify(sign(t, theirs, receipt()), fingerprint(ours))
	if !fault.Is(err, fault.Damaged) || !strings.Contains(err.Error(), fingerprint(theirs)) {
		t.Errorf("error %v", err)
	}
	// With padding it is the same fingerprint: other programs print it so.
	if _, err := statement.Verify(sign(t, ours, receipt()), fingerprint(ours)+"="); err != nil {
		t.Error(err)
	}
}

// parts takes a statement apart at the line between text and signature.
func parts(t *testing.T, signed []byte) (text, signature string) {
	t.Helper()
	text, signature, ok := strings.Cut(string(signed), "\n\n")
	if !ok {
		t.Fatal("no signature")
	}
	return text + "\n", "\n" + signature
}

// signText signs any text as our identity, as somebody with the key could.
func signText(t *testing.T, text string) []byte {
	t.Helper()
	var d struct{ Identity string }
	if err := json.Unmarshal([]byte(firstDocument(t)), &d); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(d.Identity, "+")
	hash, _, _ := strings.Cut(rest, "+")
	s, err := note.NewSigner("PRIVATE+KEY+sealgate+" + hash + "+" + base64.StdEncoding.EncodeToString(append([]byte{1}, ours.Seed()...)))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := note.Sign(&note.Note{Text: text}, s)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func firstDocument(t *testing.T) string {
	t.Helper()
	text, _ := parts(t, sign(t, ours, receipt()))
	return text
}

func TestHostileStatementsAreRefused(t *testing.T) {
	good := sign(t, ours, receipt())
	text, signature := parts(t, good)
	_, foreign := parts(t, sign(t, theirs, receipt()))
	_, other := parts(t, sign(t, ours, erasure()))
	replace := func(from, to string) string {
		out := strings.Replace(text, from, to, 1)
		if out == text {
			t.Fatalf("nothing to replace: %s", from)
		}
		return out
	}
	for name, hostile := range map[string]string{
		"nothing":                         "",
		"no signature":                    text,
		"a changed amount":                replace("123450", "123451") + signature,
		"another's signature":             text + foreign,
		"a signature of ours for another": text + other,
		"two signatures":                  string(good) + strings.TrimPrefix(foreign, "\n"),
		"ours twice":                      string(good) + strings.TrimPrefix(signature, "\n"),
		"text behind the signature":       string(good) + "more\n",
		"a byte order mark":               "\ufeff" + string(good),
		"Windows line ends":               strings.ReplaceAll(string(good), "\n", "\r\n"),
		"the text twice":                  text + "\n" + string(good),
		"too large":                       string(good) + strings.Repeat("\n", 5<<20),
		"not UTF-8":                       replace("acme", "acm\xff") + signature,
		"another identity": strings.Replace(string(good),
			base64.StdEncoding.EncodeToString(append([]byte{1}, ours.Public().(ed25519.PublicKey)...)),
			base64.StdEncoding.EncodeToString(append([]byte{1}, theirs.Public().(ed25519.PublicKey)...)), 1),
	} {
		if d, err := statement.Verify([]byte(hostile), ""); !fault.Is(err, fault.Damaged) {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	// Even with the right signature under it, there is one spelling only.
	for name, hostile := range map[string]string{
		"an unknown field":   replace(`"version": 1,`, `"version": 1,`+"\n"+`  "comment": "and more",`),
		"a repeated field":   replace(`"version": 1,`, `"version": 1,`+"\n"+`  "version": 1,`),
		"another order":      replace(`  "sealgate": "statement",`+"\n"+`  "version": 1,`, `  "version": 1,`+"\n"+`  "sealgate": "statement",`),
		"another case":       replace(`"account"`, `"Account"`),
		"another version":    replace(`"version": 1`, `"version": 2`),
		"another kind":       replace(`"kind": "receipt"`, `"kind": "erased"`),
		"an unknown kind":    replace(`"kind": "receipt"`, `"kind": "promise"`),
		"no account":         replace(`"acme"`, `""`),
		"not a statement":    replace(`"sealgate": "statement"`, `"sealgate": "keys"`),
		"escapes":            replace(`"acme"`, `"\u0061cme"`),
		"another zone":       replace(`"issued_at": "2026-11-21T11:00:00.123456Z"`, `"issued_at": "2026-11-21T12:00:00.123456+01:00"`),
		"two documents":      text + text,
		"no document at all": "hello\n",
		"null":               "null\n",
		"an array":           "[]\n",
	} {
		if d, err := statement.Verify(signText(t, hostile), ""); !fault.Is(err, fault.Damaged) {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	if _, err := statement.Verify(signText(t, text), ""); err != nil {
		t.Errorf("the test signs wrongly: %v", err)
	}
}

func TestWhatIsNotWholeIsNotSigned(t *testing.T) {
	broken := all()
	for name, d := range broken {
		d.Account = ""
		broken[name] = d
	}
	two := receipt()
	two.Erasure = erasure().Erasure
	broken["two parts"] = two
	none := receipt()
	none.Receipt = nil
	broken["no part"] = none
	wrong := receipt()
	wrong.Kind = statement.KindErased
	broken["the wrong kind"] = wrong
	for name, d := range broken {
		if _, err := statement.Sign(ours, d); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
}

// Whatever verifies against our identity is, byte for byte, what we signed.
func FuzzVerify(f *testing.F) {
	signed := map[string]bool{}
	for _, d := range all() {
		b := sign(f, ours, d)
		signed[string(b)] = true
		f.Add(b)
		f.Add(sign(f, theirs, d))
		f.Add(b[:len(b)/2])
		f.Add(append(bytes.Clone(b), b...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := statement.Verify(b, fingerprint(ours))
		switch {
		case err == nil && !signed[string(b)]:
			t.Errorf("verifies, and was never signed: %q", b)
		case err == nil && d.SignedBy() != fingerprint(ours):
			t.Error("signed by somebody else")
		case err != nil && !fault.Is(err, fault.Damaged):
			t.Errorf("error %v", err)
		}
	})
}
