package audit

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// A Head is the tree at one moment: how many entries it holds and its root.
// It is signed as a note whose text has three lines, the name of the log, the
// size and the root in base64 (the "checkpoint" of transparency logs).
type Head struct {
	Size int64
	Root tlog.Hash
}

// LogName is the name of the log kept under this identity key.
func LogName(pub ed25519.PublicKey) string {
	sum := sha256.Sum256(pub)
	return "sealgate-audit-" + hex.EncodeToString(sum[:8])
}

// algEd25519 is the signature type of the note format.
const algEd25519 = 1

// NewSigner returns the signer of tree heads for the gateway's identity key.
func NewSigner(key ed25519.PrivateKey) (note.Signer, error) {
	pub := key.Public().(ed25519.PublicKey)
	return note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", LogName(pub), keyHash(pub),
		base64.StdEncoding.EncodeToString(append([]byte{algEd25519}, key.Seed()...))))
}

// NewVerifier returns the verifier of tree heads signed by the identity key
// whose public half is pub.
func NewVerifier(pub ed25519.PublicKey) (note.Verifier, error) {
	return note.NewVerifier(fmt.Sprintf("%s+%08x+%s", LogName(pub), keyHash(pub),
		base64.StdEncoding.EncodeToString(append([]byte{algEd25519}, pub...))))
}

// keyHash is the note format's short name of a key.
func keyHash(pub ed25519.PublicKey) uint32 {
	h := sha256.New()
	h.Write([]byte(LogName(pub)))
	h.Write([]byte{'\n', algEd25519})
	h.Write(pub)
	sum := h.Sum(nil)
	return uint32(sum[0])<<24 | uint32(sum[1])<<16 | uint32(sum[2])<<8 | uint32(sum[3])
}

// sign returns the signed note of h.
func (h Head) sign(signer note.Signer) ([]byte, error) {
	text := fmt.Sprintf("%s\n%d\n%s\n", signer.Name(), h.Size, h.Root)
	return note.Sign(&note.Note{Text: text}, signer)
}

// OpenHead verifies a signed head and returns what it says.
func OpenHead(msg []byte, verifier note.Verifier) (Head, error) {
	n, err := note.Open(msg, note.VerifierList(verifier))
	if err != nil {
		return Head{}, fmt.Errorf("signature of the tree head: %w", err)
	}
	lines := strings.Split(n.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return Head{}, fmt.Errorf("tree head: %d lines", len(lines))
	}
	if lines[0] != verifier.Name() {
		return Head{}, fmt.Errorf("tree head of another log, %q", lines[0])
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return Head{}, fmt.Errorf("tree head: size %q", lines[1])
	}
	root, err := tlog.ParseHash(lines[2])
	if err != nil {
		return Head{}, fmt.Errorf("tree head: root: %w", err)
	}
	return Head{Size: size, Root: root}, nil
}
