package main

import (
	"bytes"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"unicode"

	"sealgate/internal/agent/home"
	"sealgate/internal/durable"
	"sealgate/internal/fault"
)

// unit is the service of systemd as packages bring it. What is this machine's own
// stands in a file beside it, so that an upgrade may replace the unit.
//
//go:embed systemd/sealgate-connect.service
var unit []byte

// systemd is where it keeps its units, and how it is told. (The library that knows
// the other service managers can neither install over a package's unit nor again.)
type systemd struct {
	root string // "/"
	ctl  func(args ...string) error
}

func newSystemd() systemd {
	return systemd{root: "/", ctl: func(args ...string) error {
		if out, err := exec.Command("systemctl", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("systemctl %s: %w: %s", args[0], err, strings.TrimSpace(string(out)))
		}
		return nil
	}}
}

func (s systemd) packaged() string {
	return filepath.Join(s.root, "usr/lib/systemd/system", serviceName+".service")
}

func (s systemd) own() string {
	return filepath.Join(s.root, "etc/systemd/system", serviceName+".service")
}

// written is the first line of a unit that install has made: a package's has none, nor
// has what an administrator makes of that.
const written = "# Written by `connect service install`: changes are lost, they belong into sealgate-connect.service.d.\n"

// beside is what is this machine's own. An administrator may put more beside it.
func (s systemd) beside() string { return filepath.Join(s.own()+".d", "machine.conf") }

// install makes, or makes anew, the service: the unit, unless a package has brought
// it, and what is this machine's own.
func (s systemd) install(program, user string, h home.Home, set *home.Settings) error {
	for _, p := range append(places(h, set), program) {
		if strings.ContainsFunc(p, unicode.IsControl) { // a line of its own in a file that root obeys
			return fault.New(fault.Invalid, "service: install", "the path %q has a control character in it", p)
		}
	}
	if err := s.placeUnit(); err != nil {
		return err
	}
	beside := s.beside()
	if err := os.MkdirAll(filepath.Dir(beside), 0o755); err != nil {
		return err
	}
	if err := durable.WriteFile(durable.OS, beside, []byte(machine(program, user, h, set))); err != nil {
		return err
	}
	for _, name := range []string{s.own(), beside} { // no secret is in them
		if err := os.Chmod(name, 0o644); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	if err := s.ctl("daemon-reload"); err != nil {
		return err
	}
	return s.ctl("enable", serviceName)
}

// placeUnit makes the unit, unless a package has brought it: then one that was made here
// before the package came goes, since it would hide the package's from systemd.
func (s systemd) placeUnit() error {
	if _, err := os.Stat(s.packaged()); err != nil {
		return durable.WriteFile(durable.OS, s.own(), append([]byte(written), unit...))
	}
	return s.removeOwn()
}

// removeOwn takes away a unit that install has made: an administrator's stays.
func (s systemd) removeOwn() error {
	text, err := os.ReadFile(s.own())
	if err != nil || !bytes.HasPrefix(text, []byte(written)) {
		return nil // none, or not ours
	}
	return os.Remove(s.own())
}

// uninstall stops the service and takes away what install has made. The unit of a
// package or of an administrator stays, and is not started any more.
func (s systemd) uninstall() error {
	if err := s.ctl("disable", "--now", serviceName); err != nil {
		return err
	}
	if err := s.removeOwn(); err != nil {
		return err
	}
	if err := os.Remove(s.beside()); err != nil && !os.IsNotExist(err) {
		return err
	}
	_ = os.Remove(filepath.Dir(s.beside())) // unless an administrator's own is in it
	return s.ctl("daemon-reload")
}

// failed reports whether the service ended with an error and is not started again.
func (s systemd) failed() bool { return s.ctl("is-failed", "--quiet", serviceName) == nil }

// machine is what is this machine's own: program, account, directory, and that the
// service may write to the folders in the settings.
func machine(program, user string, h home.Home, set *home.Settings) string {
	var text strings.Builder
	fmt.Fprintf(&text, "# Written by `connect service install`: run it again after a folder is added.\n[Service]\nExecStart=\nExecStart=%s run --dir %s\nUser=%s\n",
		argument(program), argument(string(h)), user)
	for _, p := range places(h, set) {
		// "-": a share that is not there keeps nothing from starting
		fmt.Fprintf(&text, "ReadWritePaths=%s\n", word("-"+filepath.Clean(p)))
	}
	return text.String()
}

// places is where the service writes.
func places(h home.Home, set *home.Settings) []string {
	all := []string{string(h)}
	for _, f := range set.Folders {
		all = append(all, f.Path)
	}
	if set.Outbox != "" {
		all = append(all, set.Outbox)
	}
	return all
}

// word is a text as one word of systemd; argument, as one of a command.
func word(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, `%`, `%%`).Replace(s) + `"`
}

func argument(s string) string { return strings.ReplaceAll(word(s), "$", "$$") }
