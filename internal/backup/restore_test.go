package backup

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealgate/internal/durable"
	"sealgate/internal/durable/durabletest"
	"sealgate/internal/fault"
)

func TestRestoreNeedsAPlaceOfItsOwn(t *testing.T) {
	g, _ := kept(t)
	dest := filepath.Join(t.TempDir(), "backup")
	g.backup(dest)
	withFile := t.TempDir()
	if err := os.WriteFile(filepath.Join(withFile, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for place, want := range map[string]fault.Kind{
		g.Dir: fault.Exists, withFile: fault.Exists, filepath.Join(dest, "new"): fault.Invalid,
	} {
		if _, err := Restore(t.Context(), dest, place, nil); !fault.Is(err, want) {
			t.Errorf("%s: %v, want kind %v", place, err, want)
		}
	}
	if _, err := Restore(t.Context(), t.TempDir(), filepath.Join(t.TempDir(), "x"), nil); !fault.Is(err, fault.NotFound) {
		t.Errorf("from what is no backup: %v", err)
	}
	withKeys := t.TempDir()
	if err := os.Mkdir(filepath.Join(withKeys, Keys), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(withKeys, "gateway.yaml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), dest, withKeys, nil); err != nil {
		t.Errorf("beside keys and settings: %v", err)
	}
	err := filepath.WalkDir(filepath.Join(withKeys, Vault), func(name string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", name, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Each way in which a backup can be damaged is found, by Restore before there
// is a data directory, and by Verify.
func TestDamage(t *testing.T) {
	g, _ := kept(t)
	dest := filepath.Join(t.TempDir(), "backup")
	g.backup(dest)
	m, err := readManifest(dest, manifestFile)
	if err != nil {
		t.Fatal(err)
	}
	outside := filepath.Join(t.TempDir(), "passwd")
	if err := os.WriteFile(outside, bytes.Repeat([]byte("x"), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	var body string
	for r := range m.bodies {
		body = bodyName(r.String())
	}
	change := func(name string, with func([]byte) []byte) func(string) error {
		return func(dir string) error {
			name := filepath.Join(dir, filepath.FromSlash(name))
			text, err := os.ReadFile(name)
			if err != nil {
				return err
			}
			return os.WriteFile(name, with(text), 0o600)
		}
	}
	manifest := func(old, text string) func(string) error {
		return change(manifestFile, func(b []byte) []byte { return bytes.Replace(b, []byte(old), []byte(text), 1) })
	}
	flip := func(b []byte) []byte { b[len(b)/2] ^= 1; return b }
	cut := func(b []byte) []byte { return b[:len(b)/2] }
	for what, damage := range map[string]func(dir string) error{
		"catalog flipped":  change(Catalog, flip),
		"catalog cut":      change(Catalog, cut),
		"body flipped":     change(body, flip),
		"body longer":      change(body, func(b []byte) []byte { return append(b, 0) }),
		"account flipped":  change(m.databases[0].Name, flip),
		"manifest cut":     change(manifestFile, cut),
		"manifest twice":   change(manifestFile, func(b []byte) []byte { return append(b, b...) }),
		"sum changed":      manifest(`"sha256":"`, `"sha256":"0000`),
		"size changed":     manifest(`"size":`, `"size":1`),
		"name leads out":   manifest(`"name":"`+body, `"name":"../`+body),
		"name is absolute": manifest(`"name":"`+body, `"name":"`+outside),
		"name of a key":    manifest(`"name":"`+Catalog, `"name":"keys/gateway.key`),
		"no catalog":       manifest(`"name":"`+Catalog+`"`, `"name":"`+Catalog+`x"`),
		"name with NUL":    manifest(`"name":"`+Catalog, `"name":"\u0000`+Catalog),
		"negative size":    manifest(`"size":`, `"size":-`),
		"body is missing":  func(dir string) error { return os.Remove(filepath.Join(dir, filepath.FromSlash(body))) },
		"accounts missing": func(dir string) error { return os.RemoveAll(filepath.Join(dir, Accounts)) },
		"body is a folder": func(dir string) error { return folder(filepath.Join(dir, filepath.FromSlash(body))) },
		"body is a link":   func(dir string) error { return link(filepath.Join(dir, filepath.FromSlash(body)), outside) },
		"vault is a link":  func(dir string) error { return moved(t, filepath.Join(dir, Vault)) },
		"manifest is gone": func(dir string) error {
			return os.Rename(filepath.Join(dir, manifestFile), filepath.Join(dir, unfinishedFile))
		},
		"twice in the list": manifest(`"files":[`, `"files":[`+"\n"+`{"name":"`+m.databases[0].Name+`","size":1,"sha256":"`+strings.Repeat("00", 32)+`"},`),
	} {
		dir := filepath.Join(t.TempDir(), "backup")
		if err := os.CopyFS(dir, os.DirFS(dest)); err != nil {
			t.Fatal(err)
		}
		if err := damage(dir); err != nil {
			t.Fatal(err)
		}
		if _, err := Verify(t.Context(), dir, true, nil); !fault.Is(err, fault.Damaged) {
			t.Errorf("%s: verified: %v", what, err)
		}
		place := filepath.Join(t.TempDir(), "new")
		if _, err := Restore(t.Context(), dir, place, nil); !fault.Is(err, fault.Damaged) {
			t.Errorf("%s: restored: %v", what, err)
		}
		if _, err := os.Stat(filepath.Join(place, Catalog)); err == nil {
			t.Errorf("%s: there is a catalog", what)
		}
	}
	newer := filepath.Join(t.TempDir(), "backup")
	if err := os.CopyFS(newer, os.DirFS(dest)); err != nil {
		t.Fatal(err)
	}
	if err := manifest(`"version":1`, `"version":2`)(newer); err != nil {
		t.Fatal(err)
	}
	if _, err := Verify(t.Context(), newer, false, nil); !fault.Is(err, fault.Invalid) {
		t.Errorf("of a later format: %v", err)
	}
}

func folder(name string) error {
	if err := os.Remove(name); err != nil {
		return err
	}
	return os.Mkdir(name, 0o700)
}

func link(name, to string) error {
	if err := os.Remove(name); err != nil {
		return err
	}
	return os.Symlink(to, name)
}

// moved puts a directory elsewhere and a link in its place.
func moved(t *testing.T, dir string) error {
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.Rename(dir, elsewhere); err != nil {
		return err
	}
	return os.Symlink(elsewhere, dir)
}

// Each operation of the new disk fails, without and with effect: there is no
// catalog unless all is there, and the next try succeeds.
func TestTheNewDiskFails(t *testing.T) {
	g, _ := kept(t)
	dest := filepath.Join(t.TempDir(), "backup")
	g.backup(dest)
	want := contents(t, dest)
	delete(want, manifestFile)
	for _, op := range durabletest.Ops {
		for _, how := range []durabletest.How{durabletest.NotStored, durabletest.Stored} {
			for nth := 1; ; nth++ {
				place := filepath.Join(t.TempDir(), "new")
				disk := durabletest.NewFaulty(durable.OS)
				disk.Fail(op, nth, how, durabletest.ErrFull)
				_, err := restore(t.Context(), disk, dest, place, nil)
				if disk.Fired() == 0 {
					break
				}
				if !fault.Is(err, fault.Full) {
					t.Errorf("%s %d (stored: %v): %v, want a full disk", op, nth, how, err)
				}
				if _, err := os.Stat(filepath.Join(place, Catalog)); err != nil {
					if _, err := Restore(t.Context(), dest, place, nil); err != nil {
						t.Errorf("%s %d (stored: %v): the next try: %v", op, nth, how, err)
					}
				}
				got := contents(t, place)
				for name, text := range want {
					if !bytes.Equal(got[name], text) {
						t.Errorf("%s %d (stored: %v): %s is not what it was", op, nth, how, name)
					}
				}
			}
		}
	}
}

func TestManifestRoundTrip(t *testing.T) {
	g, _ := kept(t)
	dest := filepath.Join(t.TempDir(), "backup")
	s := g.backup(dest)
	m, err := readManifest(dest, manifestFile)
	if err != nil {
		t.Fatal(err)
	}
	if got := m.Summary(); got != s || s.Bodies != 2 || s.Accounts != 1 || s.Gateway != "node-1" || s.Bytes == 0 || time.Since(s.MadeAt) == 0 {
		t.Errorf("%+v, made as %+v", got, s)
	}
	var again bytes.Buffer
	if err := m.write(&again); err != nil || !bytes.Equal(again.Bytes(), contents(t, dest)[manifestFile]) {
		t.Errorf("written again it is another manifest: %v", err)
	}
}

// Whatever is read as a manifest names only files in their places, each once,
// and is the same when it is written and read again.
func FuzzManifest(f *testing.F) {
	var b bytes.Buffer
	m := Manifest{
		Sealgate: manifestName, Version: manifestVersion, Gateway: "g",
		databases: []File{{Name: "accounts/01900000-0000-7000-8000-000000000001.db", Size: 1}, {Name: Catalog, Size: 2}},
		bodies:    map[ref]body{{1}: {size: 3}, {2}: {size: 4}},
	}
	if err := m.write(&b); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte(`{"sealgate":"data backup","version":1,"files":[{"name":"vault/../../etc/passwd"}]}`))
	f.Add([]byte(`{}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseManifest(bytes.NewReader(text))
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for f := range m.files() {
			if !filepath.IsLocal(f.Name) || strings.Contains(f.Name, "..") || strings.Contains(f.Name, "\\") || f.Size < 0 || seen[f.Name] {
				t.Fatalf("%+v was read", f)
			}
			if top, _, _ := strings.Cut(f.Name, "/"); top != Catalog && top != Accounts && top != Vault {
				t.Fatalf("%q was read", f.Name)
			}
			seen[f.Name] = true
		}
		var out bytes.Buffer
		if err := m.write(&out); err != nil {
			return // a year that RFC 3339 cannot write
		}
		again, err := parseManifest(&out)
		if err != nil || again.Summary() != m.Summary() && !again.MadeAt.Equal(m.MadeAt) {
			t.Fatalf("written and read again: %v", err)
		}
	})
}
