package connect

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"

	"sealgate/internal/fault"
)

func testIdentity(t testing.TB) ed25519.PrivateKey {
	t.Helper()
	return ed25519.NewKeyFromSeed([]byte("the seed of a gateway's identity"))
}

func TestCodesAreReadAsPeopleWriteThem(t *testing.T) {
	c := NewCode(testIdentity(t).Public().(ed25519.PublicKey))
	text := c.Text()
	for _, written := range []string{
		text, strings.ToUpper(text), strings.ReplaceAll(text, "-", ""), "  " + strings.ReplaceAll(text, "-", " ") + "\r\n",
		strings.ReplaceAll(text, "-", "\u2011"), strings.NewReplacer("0", "O", "1", "l").Replace(text[4:]),
	} {
		if !strings.HasPrefix(strings.ToLower(strings.TrimSpace(written)), "sgc1") {
			written = "sgc1" + written
		}
		if again, err := ParseCode(written); err != nil || again != c {
			t.Errorf("%q is read as %v, %v", written, again, err)
		}
	}
	if len(text) != 4+16*7 {
		t.Errorf("a code has %d characters", len(text))
	}
}

// TestEveryMistypedCharacterIsTold: before anything is sent.
func TestEveryMistypedCharacterIsTold(t *testing.T) {
	text := NewCode(testIdentity(t).Public().(ed25519.PublicKey)).Text()
	for i := range text {
		if text[i] == '-' {
			continue
		}
		for _, other := range []byte("07az1u") {
			wrong := []byte(text)
			if wrong[i] == other || (i < 4 && wrong[i] == 's') {
				continue
			}
			wrong[i] = other
			if c, err := ParseCode(string(wrong)); !fault.Is(err, fault.Invalid) && !(strings.ToLower(c.Text()) == text) {
				t.Fatalf("%q is accepted for %q", wrong, text)
			}
		}
		if _, err := ParseCode(text[:i] + text[i+1:]); !fault.Is(err, fault.Invalid) {
			t.Fatalf("without character %d: %v", i, err)
		}
	}
}

func TestCodesDoNotPrintTheirSecret(t *testing.T) {
	c := NewCode(testIdentity(t).Public().(ed25519.PublicKey))
	out := fmt.Sprintf("%v %+v %#v %s %x", c, c, c, c, c) + fmt.Sprintf("%v %x", c.Key(), c.Key())
	key := c.Key()
	for _, secret := range []string{fmt.Sprintf("%x", c.secret[:]), fmt.Sprint(c.secret[:]), fmt.Sprintf("%x", key[:]), c.Text()[60:]} {
		if strings.Contains(out, secret) {
			t.Errorf("%q in %q", secret, out)
		}
	}
}
