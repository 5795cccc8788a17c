// Command packages makes what Connect is handed out as: deb and rpm packages for
// Linux, a zip and an MSI for Windows, and their checksums. The same commit makes
// the same bytes: every time in them is the commit's.
package main

import (
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// release is what is packed.
type release struct {
	Root    string // the repository
	Bin     string // where the binaries of connect-all are
	Out     string
	Version string    // as the binaries say it
	Time    time.Time // of the commit
	Notices []byte    // licences of what is linked in
}

func main() {
	r := release{}
	var epoch int64
	flag.StringVar(&r.Root, "root", "../..", "the repository")
	flag.StringVar(&r.Version, "version", "", "what the binaries say they are")
	flag.Int64Var(&epoch, "time", 0, "time of the commit, in seconds since 1970")
	flag.StringVar(&r.Out, "out", "", "where the packages go, emptied before; bin/packages without it")
	flag.Parse()
	r.Time = time.Unix(epoch, 0).UTC()
	r.Bin = filepath.Join(r.Root, "bin")
	if r.Out == "" {
		r.Out = filepath.Join(r.Bin, "packages")
	}
	if err := r.make(); err != nil {
		fmt.Fprintln(os.Stderr, "packages:", err)
		os.Exit(1)
	}
}

func (r release) make() error {
	if err := os.RemoveAll(r.Out); err != nil {
		return err
	}
	if err := os.MkdirAll(r.Out, 0o755); err != nil {
		return err
	}
	var err error
	if r.Notices, err = notices(r.Root); err != nil {
		return err
	}
	for _, arch := range []string{"amd64", "arm64"} {
		for _, format := range []string{"deb", "rpm"} {
			if err := r.linux(format, arch); err != nil {
				return fmt.Errorf("%s for %s: %w", format, arch, err)
			}
		}
		if err := r.zip(arch); err != nil {
			return fmt.Errorf("zip for %s: %w", arch, err)
		}
	}
	if err := r.msi(); err != nil {
		return fmt.Errorf("msi: %w", err)
	}
	return r.sums()
}

// binary is one of connect-all.
func (r release) binary(goos, arch string) string {
	name := "connect-" + goos + "-" + arch
	if goos == "windows" {
		name += ".exe"
	}
	return filepath.Join(r.Bin, name)
}

// sums writes what sha256sum --check reads.
func (r release) sums() error {
	entries, err := os.ReadDir(r.Out)
	if err != nil {
		return err
	}
	var text strings.Builder
	for _, e := range entries {
		f, err := os.Open(filepath.Join(r.Out, e.Name()))
		if err != nil {
			return err
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		f.Close()
		if err != nil {
			return err
		}
		fmt.Fprintf(&text, "%x  %s\n", h.Sum(nil), e.Name())
	}
	return os.WriteFile(filepath.Join(r.Out, "SHA256SUMS"), []byte(text.String()), 0o644)
}

// numbers is the version as packages are ordered by: 1.2.3 for a release, 1.2.3+4.abc
// for four commits after it, 0.1.0~dev.TIME.abc on the way to the first.
func (r release) numbers() string {
	v := strings.TrimPrefix(r.Version, "v")
	at := strings.IndexAny(v, "-+")
	if at < 0 {
		return v
	}
	base, rest := v[:at], strings.NewReplacer("-", ".", "+", ".").Replace(v[at+1:])
	if commit, ok := strings.CutPrefix(rest, "dev."); ok {
		return base + "~dev." + r.Time.Format("20060102150405") + "." + commit
	}
	return base + "+" + rest
}

// base is the three numbers alone, which is all that Windows knows.
func (r release) base() string {
	return strings.TrimPrefix(r.Version[:len(r.Version)-len(strings.TrimLeft(r.Version, "v0123456789."))], "v")
}

// crlf is a text as Windows' editors want it.
func crlf(text []byte) []byte {
	return []byte(strings.ReplaceAll(string(text), "\n", "\r\n"))
}

func sorted[K ~string, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
