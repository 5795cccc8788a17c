package backup

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"sealgate/internal/durable"
	"sealgate/internal/fault"
)

// accept decides whether the backup may lie where it is to lie, and marks the
// place as one of an unfinished backup. It returns the manifest of what is
// there already.
//
// Refused is a place
//
//   - inside the data directory, where it would be lost with it, or around it;
//   - that holds keys or a copy of them: data and what opens it are kept apart;
//   - that holds something else, or the backup of another gateway.
func (m *maker) accept() (*Manifest, error) {
	const op = "backup: destination"
	if within(m.Data, m.dir) || within(m.dir, m.Data) {
		return nil, fault.New(fault.Invalid, op, "%s and the data directory lie in each other; a backup belongs on another disk", m.dir)
	}
	if err := m.disk.Mkdir(m.dir); err != nil {
		if fault.Is(err, fault.NotFound) {
			return nil, fault.New(fault.Invalid, op, "there is no directory %s; is the disk for backups mounted?", filepath.Dir(m.dir))
		}
		return nil, err
	}
	names, err := m.disk.List(m.dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if isKey(filepath.Join(m.dir, name)) {
			return nil, fault.New(fault.Denied, op, "%s holds keys or a copy of them (%s); data and the keys that open it are kept apart", m.dir, name)
		}
	}
	switch {
	case slices.Contains(names, manifestFile):
		return m.reopen(manifestFile)
	case slices.Contains(names, unfinishedFile):
		return m.reopen(unfinishedFile)
	}
	for _, name := range names {
		if name != "lost+found" && name != unfinishedFile+durable.TempSuffix {
			return nil, fault.New(fault.Exists, op, "%s is not empty (%s) and is no earlier backup; nothing was changed", m.dir, name)
		}
	}
	if err := m.disk.SyncDir(filepath.Dir(m.dir)); err != nil {
		return nil, err
	}
	empty := m.manifest
	empty.bodies = map[ref]body{}
	return &empty, m.writeManifest(unfinishedFile, &empty)
}

// reopen takes over what an earlier backup left under this name.
func (m *maker) reopen(name string) (*Manifest, error) {
	const op = "backup: destination"
	earlier, err := readManifest(m.dir, name)
	if err != nil {
		return nil, err
	}
	if earlier.Gateway != m.Gateway {
		return nil, fault.New(fault.Exists, op, "%s holds the backup of another gateway (%s); nothing was changed", m.dir, earlier.Gateway)
	}
	if name == unfinishedFile {
		return earlier, nil
	}
	if err := m.disk.Rename(m.path(manifestFile), m.path(unfinishedFile)); err != nil {
		return nil, err
	}
	return earlier, m.disk.SyncDir(m.dir)
}

// readManifest reads a manifest from a directory that may be read-only.
func readManifest(dir, name string) (*Manifest, error) {
	const op = "backup: manifest"
	f, err := os.Open(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.NotFound, op, "%s is no backup: it has no %s", dir, name)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	defer f.Close()
	m, err := parseManifest(f)
	if err != nil && !fault.Is(err, fault.Invalid) {
		return nil, &fault.Error{Kind: fault.Damaged, Op: op, Message: name + " of the backup is damaged", Err: err}
	}
	return m, err
}

// within reports whether path is dir or lies in it, links followed.
func within(dir, path string) bool {
	rel, err := filepath.Rel(resolve(dir), resolve(path))
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

// resolve follows the links of as much of a path as is there.
func resolve(path string) string {
	abs, err := filepath.Abs(path)
	if err != nil {
		return path
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real
	}
	if parent := filepath.Dir(abs); parent != abs {
		return filepath.Join(resolve(parent), filepath.Base(abs))
	}
	return abs
}

// isKey reports whether a name is a key store, or a file of or from one: those
// are JSON documents that begin with what they are, and the master key's text.
func isKey(name string) bool {
	info, err := os.Stat(name)
	if err != nil {
		return false
	}
	if info.IsDir() {
		_, err := os.Stat(filepath.Join(name, "store.json"))
		return err == nil
	}
	if !info.Mode().IsRegular() {
		return false
	}
	if filepath.Base(name) == "master.key" {
		return true
	}
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	head, _ := io.ReadAll(io.LimitReader(f, 256))
	for _, mark := range []string{`"key bundle"`, `"key store"`, "-----BEGIN SEALGATE ACCESS KEY-----", "-----BEGIN PRIVATE KEY-----"} {
		if bytes.Contains(head, []byte(mark)) {
			return true
		}
	}
	return false
}
