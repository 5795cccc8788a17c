package backup

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/vault"
)

const (
	manifestFile   = "manifest.json"
	unfinishedFile = "unfinished.json" // the manifest of before, while it is not true

	manifestName    = "data backup"
	manifestVersion = 1
	maxManifest     = 1 << 30 // bytes; five million files
)

// Manifest says what belongs to a backup.
type Manifest struct {
	Sealgate string    `json:"sealgate"` // "data backup"
	Version  int       `json:"version"`  // of this format
	Gateway  string    `json:"gateway"`
	Program  string    `json:"program"` // version of the gateway that wrote it
	MadeAt   time.Time `json:"made_at"`
	Missing  int       `json:"missing"` // bodies on record that were not in the vault

	// The files, in JSON "files", in the order of their names, each once. There
	// may be millions of bodies, so they are kept small.
	databases []File
	bodies    map[ref]body
}

// ref is a reference to a body, as bytes.
type ref [32]byte

func (r ref) String() string { return hex.EncodeToString(r[:]) }

// parseRef reads a reference; the zero one is none.
func parseRef(text string) (r ref, ok bool) {
	if !vault.ValidRef(text) {
		return r, false
	}
	_, err := hex.Decode(r[:], []byte(text))
	return r, err == nil
}

type body struct {
	size  int64
	sum   Sum
	stale bool // of the backup before, and not seen to be of this one
}

// File is one file of a backup.
type File struct {
	Name   string `json:"name"` // with slashes
	Size   int64  `json:"size"`
	SHA256 Sum    `json:"sha256"`
}

// Sum is a SHA-256 sum, in JSON as 64 hexadecimal digits.
type Sum [32]byte

// MarshalText implements encoding.TextMarshaler.
func (s Sum) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, s[:]), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Sum) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(s)) {
		return errors.New("a SHA-256 sum has 64 hexadecimal digits")
	}
	_, err := hex.Decode(s[:], text)
	return err
}

// Summary says what is in a backup without naming each file.
type Summary struct {
	Gateway  string    `json:"gateway"`
	Program  string    `json:"program"`
	MadeAt   time.Time `json:"made_at"`
	Accounts int       `json:"accounts"` // databases
	Bodies   int       `json:"bodies"`
	Bytes    int64     `json:"bytes"`
	Missing  int       `json:"missing"`
}

// Summary counts.
func (m *Manifest) Summary() Summary {
	s := Summary{Gateway: m.Gateway, Program: m.Program, MadeAt: m.MadeAt, Missing: m.Missing}
	for f := range m.files() {
		s.Bytes += f.Size
		switch dir, _, _ := strings.Cut(f.Name, "/"); dir {
		case Accounts:
			s.Accounts++
		case Vault:
			s.Bodies++
		}
	}
	return s
}

// files are all files of the backup, bodies in no order.
func (m *Manifest) files() iter.Seq[File] {
	return func(yield func(File) bool) {
		for _, f := range m.databases {
			if !yield(f) {
				return
			}
		}
		for r, b := range m.bodies {
			if !b.stale && !yield(b.file(r)) {
				return
			}
		}
	}
}

func (b body) file(r ref) File { return File{Name: bodyName(r.String()), Size: b.size, SHA256: b.sum} }

func bodyName(ref string) string           { return path.Join(Vault, ref[:2], ref) }
func accountName(account uuid.UUID) string { return path.Join(Accounts, account.String()+".db") }

// wellPlaced reports whether name is one that Make gives. Nothing else in a
// manifest ever becomes a path.
func wellPlaced(name string) bool {
	if name == Catalog {
		return true
	}
	if id, ok := strings.CutSuffix(path.Base(name), ".db"); ok {
		u, err := uuid.Parse(id)
		return err == nil && name == accountName(u)
	}
	ref := path.Base(name)
	return vault.ValidRef(ref) && name == bodyName(ref)
}

// parseManifest reads and checks a manifest.
func parseManifest(r io.Reader) (*Manifest, error) {
	dec := json.NewDecoder(io.LimitReader(r, maxManifest))
	m := &Manifest{bodies: map[ref]body{}}
	if err := expect(dec, json.Delim('{')); err != nil {
		return nil, err
	}
	head := map[string]json.RawMessage{}
	last := ""
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		if key == "files" {
			err = m.parseFiles(dec, &last)
		} else {
			var value json.RawMessage
			err = dec.Decode(&value)
			head[fmt.Sprint(key)] = value
		}
		if err != nil {
			return nil, err
		}
	}
	if err := expect(dec, json.Delim('}')); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows its end")
	}
	return m, m.setHead(head)
}

func expect(dec *json.Decoder, want json.Delim) error {
	got, err := dec.Token()
	if err == nil && got != want {
		err = fmt.Errorf("%v where %v is expected", got, want)
	}
	return err
}

func (m *Manifest) parseFiles(dec *json.Decoder, last *string) error {
	if err := expect(dec, json.Delim('[')); err != nil {
		return err
	}
	for dec.More() {
		var f File
		if err := dec.Decode(&f); err != nil {
			return err
		}
		switch {
		case !wellPlaced(f.Name):
			return fmt.Errorf("%q is no name of a file in a backup", f.Name)
		case f.Name <= *last:
			return fmt.Errorf("%q is not in its order", f.Name)
		case f.Size < 0:
			return fmt.Errorf("%q has a negative size", f.Name)
		}
		*last = f.Name
		if r, ok := parseRef(path.Base(f.Name)); ok {
			m.bodies[r] = body{size: f.Size, sum: f.SHA256}
		} else {
			m.databases = append(m.databases, f)
		}
	}
	return expect(dec, json.Delim(']'))
}

// setHead reads what stands beside the files.
func (m *Manifest) setHead(head map[string]json.RawMessage) error {
	text, err := json.Marshal(head)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(m); err != nil {
		return err
	}
	switch {
	case m.Sealgate != manifestName:
		return errors.New("not the manifest of a data backup")
	case m.Version != manifestVersion:
		return fault.New(fault.Invalid, "backup: manifest", "the backup has format version %d; this program knows version %d", m.Version, manifestVersion)
	case m.Missing < 0:
		return errors.New("a negative number of bodies is missing")
	}
	return nil
}

// complete checks what a backup cannot be without.
func (m *Manifest) complete() error {
	if slices.ContainsFunc(m.databases, func(f File) bool { return f.Name == Catalog }) {
		return nil
	}
	return errors.New("it names no catalog")
}

// write writes m as JSON, a file a line, so that two can be compared.
func (m *Manifest) write(w io.Writer) error {
	head, err := json.Marshal(m)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, 1<<20) // keeps its first error for Flush
	out.Write(bytes.TrimSuffix(head, []byte{'}'}))
	out.WriteString(`,"files":[`)
	separator := "\n"
	line := func(f File) error {
		text, err := json.Marshal(f)
		out.WriteString(separator)
		out.Write(text)
		separator = ",\n"
		return err
	}
	slices.SortFunc(m.databases, func(a, b File) int { return cmp.Compare(a.Name, b.Name) })
	for _, f := range m.databases {
		if err := line(f); err != nil {
			return err
		}
	}
	// "vault/..." comes after "accounts/..." and "catalog.db".
	for _, r := range slices.SortedFunc(maps.Keys(m.bodies), func(a, b ref) int { return bytes.Compare(a[:], b[:]) }) {
		if b := m.bodies[r]; !b.stale {
			if err := line(b.file(r)); err != nil {
				return err
			}
		}
	}
	out.WriteString("\n]}\n")
	return out.Flush()
}
