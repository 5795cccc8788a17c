package backup

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
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
	Files    []File    `json:"files"`   // by name, each once
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
	for _, f := range m.Files {
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
	dec.DisallowUnknownFields()
	var m Manifest
	if err := dec.Decode(&m); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows its end")
	}
	return &m, m.check()
}

func (m *Manifest) check() error {
	if m.Sealgate != manifestName {
		return errors.New("not the manifest of a data backup")
	}
	if m.Version != manifestVersion {
		return fault.New(fault.Invalid, "backup: manifest", "the backup has format version %d; this program knows version %d", m.Version, manifestVersion)
	}
	if m.Missing < 0 {
		return errors.New("a negative number of bodies is missing")
	}
	last := ""
	for _, f := range m.Files {
		switch {
		case !wellPlaced(f.Name):
			return fmt.Errorf("%q is no name of a file in a backup", f.Name)
		case f.Name <= last:
			return fmt.Errorf("%q is not in its order", f.Name)
		case f.Size < 0:
			return fmt.Errorf("%q has a negative size", f.Name)
		}
		last = f.Name
	}
	return nil
}

// complete checks what a backup cannot be without.
func (m *Manifest) complete() error {
	for _, f := range m.Files {
		if f.Name == Catalog {
			return nil
		}
	}
	return errors.New("it names no catalog")
}

// write writes m as JSON, a file a line, so that two can be compared.
func (m *Manifest) write(w io.Writer) error {
	head := *m
	head.Files = nil
	text, err := json.Marshal(head)
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(w, 1<<20)
	start, ok := strings.CutSuffix(string(text), "null}")
	if !ok {
		return errors.New("the list of files does not stand last")
	}
	fmt.Fprintf(out, "%s[", start) // a bufio.Writer keeps its first error for Flush
	for i, f := range m.Files {
		line, err := json.Marshal(f)
		if err != nil {
			return err
		}
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
		out.Write(line)
	}
	out.WriteString("\n]}\n")
	return out.Flush()
}
