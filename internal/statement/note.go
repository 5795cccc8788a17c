package statement

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"sealgate/internal/fault"
)

const (
	magic   = "statement"
	version = 1

	maxNote = 4 << 20 // bytes of a statement that Verify looks at

	signer     = "sealgate" // the name in the signature line
	algEd25519 = 1          // the signature type of the note format
)

// Fingerprint is how people tell identities apart: see the package comment.
func Fingerprint(pub ed25519.PublicKey) string {
	sum := sha256.Sum256(pub)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// SignedBy returns the fingerprint of the identity that the document names.
func (d *Document) SignedBy() string {
	pub, err := publicKey(d.Identity)
	if err != nil {
		return ""
	}
	return Fingerprint(pub)
}

// Sign returns the statement. It fills what every document says of itself:
// Sealgate, Version and Identity. Times are kept to the microsecond.
func Sign(key ed25519.PrivateKey, d Document) ([]byte, error) {
	const op = "statement: sign"
	pub, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, fault.Wrap(fault.Internal, op, errors.New("no Ed25519 key"))
	}
	d.Sealgate, d.Version, d.Identity = magic, version, signer+verifierOf(pub)
	if err := d.check(); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	text, err := d.text()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	s, err := note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", signer, keyHash(pub),
		base64.StdEncoding.EncodeToString(append([]byte{algEd25519}, key.Seed()...))))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	signed, err := note.Sign(&note.Note{Text: text}, s)
	if err == nil && len(signed) > maxNote {
		err = fault.New(fault.TooLarge, op, "the statement is larger than %d bytes", maxNote)
	}
	return signed, fault.Wrap(fault.Internal, op, err)
}

// Verify returns what a statement says, when the identity that it names has
// signed it: Damaged otherwise. want is the fingerprint of the identity that is
// expected; when it is empty, the caller tells people who signed (SignedBy).
func Verify(signed []byte, want string) (*Document, error) {
	const op = "statement: verify"
	damaged := func(format string, args ...any) error { return fault.New(fault.Damaged, op, format, args...) }
	if len(signed) > maxNote {
		return nil, damaged("this is no statement: it is larger than %d bytes", maxNote)
	}
	// The text is read before the signature, to learn whose it should be, and
	// counts for nothing until that has been checked.
	text, _, _ := bytes.Cut(signed, []byte("\n\n"))
	claimed, err := parse(append(bytes.Clone(text), '\n'))
	if err != nil {
		return nil, damaged("this is no statement of a gateway, or it was changed: %v", err)
	}
	verifier, err := note.NewVerifier(claimed.Identity)
	if err != nil || verifier.Name() != signer {
		return nil, damaged("the statement names no identity that can sign")
	}
	n, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil || string(signed) != n.Text+"\n\u2014 "+n.Sigs[0].Name+" "+n.Sigs[0].Base64+"\n" {
		return nil, damaged("the signature does not fit the statement: it was changed, or somebody else made it")
	}
	d, err := parse([]byte(n.Text))
	if err != nil {
		return nil, damaged("this is no statement of a gateway: %v", err)
	}
	if d.Identity != claimed.Identity {
		return nil, damaged("the statement names two identities")
	}
	if by := d.SignedBy(); want != "" && by != strings.TrimRight(want, "=") {
		return nil, damaged("the statement was signed by %s, not by %s", by, want)
	}
	return d, nil
}

// parse reads the text of a statement and refuses every text that Sign would
// not have written.
func parse(text []byte) (*Document, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	d := new(Document)
	if err := dec.Decode(d); err != nil {
		return nil, errors.New("its text is not as a statement's")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something stands behind its text")
	}
	if err := d.check(); err != nil {
		return nil, err
	}
	again, err := d.text()
	if err != nil || again != string(text) {
		return nil, errors.New("its text is not written as a statement's")
	}
	return d, nil
}

// check reports what every document has.
func (d *Document) check() error {
	parts := map[string]bool{
		KindReceipt: d.Receipt != nil, KindErased: d.Erasure != nil,
		KindCertificateRemoved: d.Removal != nil, KindAccessKeyRemoved: d.Removal != nil,
	}
	count := 0
	for _, there := range []bool{d.Receipt != nil, d.Removal != nil, d.Erasure != nil} {
		if there {
			count++
		}
	}
	switch {
	case d.Sealgate != magic:
		return errors.New("it does not say that it is one")
	case d.Version != version:
		return fmt.Errorf("it has version %d, and this program knows version %d", d.Version, version)
	case !parts[d.Kind] || count != 1:
		return errors.New("its kind and its content do not fit")
	case d.ID == "" || d.Account == "" || d.IssuedAt.IsZero():
		return errors.New("a field is missing")
	}
	_, err := publicKey(d.Identity)
	return err
}

// text encodes d, its times in UTC. What JSON cannot carry, bytes that are no
// UTF-8, is replaced in the first round; the second reads back to itself.
func (d *Document) text() (string, error) {
	first, err := d.marshal()
	if err != nil {
		return "", err
	}
	again := new(Document)
	if err := json.Unmarshal([]byte(first), again); err != nil {
		return "", err
	}
	for _, t := range again.times() {
		*t = t.UTC().Truncate(time.Microsecond)
	}
	return again.marshal()
}

func (d *Document) times() []*time.Time {
	all := []*time.Time{&d.IssuedAt}
	if r := d.Receipt; r != nil {
		all = append(all, &r.ReceivedAt)
		if r.Index != nil {
			all = append(all, &r.Index.IndexedAt)
		}
	}
	if r := d.Removal; r != nil {
		all = append(all, &r.RemovedAt)
		for _, t := range []*time.Time{r.Oldest, r.Newest} {
			if t != nil {
				all = append(all, t)
			}
		}
	}
	if e := d.Erasure; e != nil {
		all = append(all, &e.ReceivedAt, &e.ErasedAt)
	}
	return all
}

func (d *Document) marshal() (string, error) {
	b, err := json.MarshalIndent(d, "", "  ")
	return string(b) + "\n", err
}

// verifierOf returns a verifier key of the note format, without its name.
func verifierOf(pub ed25519.PublicKey) string {
	return fmt.Sprintf("+%08x+%s", keyHash(pub), base64.StdEncoding.EncodeToString(append([]byte{algEd25519}, pub...)))
}

// publicKey reads a verifier key and accepts the one spelling of it.
func publicKey(verifier string) (ed25519.PublicKey, error) {
	err := errors.New("it names no identity")
	parts := strings.SplitN(verifier, "+", 3)
	if len(parts) != 3 {
		return nil, err
	}
	b, decodeErr := base64.StdEncoding.DecodeString(parts[2])
	if decodeErr != nil || len(b) != 1+ed25519.PublicKeySize || b[0] != algEd25519 {
		return nil, err
	}
	pub := ed25519.PublicKey(b[1:])
	if verifier != signer+verifierOf(pub) {
		return nil, err
	}
	return pub, nil
}

// keyHash is the note format's short name of a key.
func keyHash(pub ed25519.PublicKey) uint32 {
	sum := sha256.Sum256(append([]byte(signer+"\n"+string(rune(algEd25519))), pub...))
	return binary.BigEndian.Uint32(sum[:4])
}
