package seal

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"sealgate/internal/fault"
)

func TestKeysDoNotPrint(t *testing.T) {
	a, b := NewShares()
	k := DeriveFileKey(a, b, fileID)
	type holder struct{ key *FileKey } // fmt reaches it through an unexported field
	var log bytes.Buffer
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "share", a, "key", k, "value", *k, "any", holder{k})
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "share", a, "key", k, "value", *k)
	for _, v := range []any{a, &a, k, *k, holder{k}, map[string]any{"k": *k}, []Share{a}} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%o", "%b"} {
			fmt.Fprintf(&log, verb+"\n", v)
		}
		log.Write(must(json.Marshal(v)))
	}
	for what, secret := range map[string][]byte{"share": a[:], "file key": k.Bytes()} {
		for _, form := range []string{
			string(secret), hex.EncodeToString(secret), strings.ToUpper(hex.EncodeToString(secret)),
			strings.Trim(fmt.Sprint(secret), "[]"), fmt.Sprintf("%d, %d, %d", secret[0], secret[1], secret[2]),
			fmt.Sprintf("0x%x, 0x%x", secret[0], secret[1]),
		} {
			if strings.Contains(log.String(), form) {
				t.Errorf("the %s was printed as %q", what, form)
			}
		}
	}
}

func TestWipe(t *testing.T) {
	a, b := NewShares()
	k := DeriveFileKey(a, b, fileID)
	memory := k.bytes()
	k.Wipe()
	k.Wipe()
	(*FileKey)(nil).Wipe()
	a.Wipe()
	if !bytes.Equal(memory, make([]byte, 32)) || a != (Share{}) {
		t.Error("key bytes are still there after Wipe")
	}
	defer func() {
		if recover() == nil {
			t.Error("a wiped key sealed something")
		}
	}()
	NewBody(k, fileID)
}

func TestFileKeyFromBytes(t *testing.T) {
	secret := noise(32)
	k := must(FileKeyFromBytes(secret))
	if !bytes.Equal(k.Bytes(), secret) {
		t.Error("another key came back")
	}
	k.Bytes()[0] ^= 1
	secret[1] ^= 1
	if k.Bytes()[0] != secret[0] || k.Bytes()[1] == secret[1] {
		t.Error("the key shares memory with its caller")
	}
	for _, n := range []int{0, 16, 31, 33} {
		_, err := FileKeyFromBytes(make([]byte, n))
		wantKind(t, err, fault.Damaged)
	}
}

func TestSharesAndFilesGiveOtherKeys(t *testing.T) {
	a, b := NewShares()
	k := DeriveFileKey(a, b, fileID).Bytes()
	for what, other := range map[string]*FileKey{
		"shares exchanged": DeriveFileKey(b, a, fileID),
		"another share A":  DeriveFileKey(Share{}, b, fileID),
		"another share B":  DeriveFileKey(a, Share{}, fileID),
		"another file":     DeriveFileKey(a, b, [16]byte{}),
	} {
		if bytes.Equal(other.Bytes(), k) {
			t.Errorf("%s: the same key", what)
		}
	}
}
