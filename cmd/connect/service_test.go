package main

import (
	"errors"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kardianos/service"

	"sealgate/internal/agent/console"
	"sealgate/internal/agent/home"
	"sealgate/internal/command"
	"sealgate/internal/fault"
	"sealgate/internal/logging"
)

// fakeRoot is a machine whose systemd writes down what it is told.
func fakeRoot(t *testing.T) (systemd, *[]string) {
	t.Helper()
	told := new([]string)
	s := systemd{root: t.TempDir(), ctl: func(args ...string) error {
		*told = append(*told, strings.Join(args, " "))
		return nil
	}}
	if err := os.MkdirAll(filepath.Dir(s.own()), 0o755); err != nil {
		t.Fatal(err)
	}
	return s, told
}

// A service is installed, again when there are more folders, and goes without a trace.
func TestTheServiceOfSystemd(t *testing.T) {
	s, told := fakeRoot(t)
	set := &home.Settings{Folders: []home.Folder{{Path: "/srv/pay 1"}}}
	for range 2 {
		if err := s.install("/usr/local/bin/connect", "erp", "/var/lib/sealgate-connect", set); err != nil {
			t.Fatal(err)
		}
		set.Folders, set.Outbox = append(set.Folders, home.Folder{Path: `/srv/100%"$x`}), "/srv/in"
	}
	text := read(t, s.own()+".d/machine.conf")
	for _, line := range []string{
		"\nExecStart=\n", "\nExecStart=\"/usr/local/bin/connect\" run --dir \"/var/lib/sealgate-connect\"\n", "\nUser=erp\n",
		"\nReadWritePaths=\"-/var/lib/sealgate-connect\"\n", "\nReadWritePaths=\"-/srv/pay 1\"\n", "\nReadWritePaths=\"-/srv/100%%\\\"$x\"\n", "\nReadWritePaths=\"-/srv/in\"\n",
	} {
		if !strings.Contains(text, line) {
			t.Errorf("machine.conf lacks %q:\n%s", line, text)
		}
	}
	if read(t, s.own()) != written+string(unit) {
		t.Error("the unit is another one")
	}
	if err := s.uninstall(); err != nil {
		t.Fatal(err)
	}
	if left, err := filepath.Glob(s.own() + "*"); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	want := []string{"daemon-reload", "enable sealgate-connect", "daemon-reload", "enable sealgate-connect", "disable --now sealgate-connect", "daemon-reload"}
	if !slices.Equal(*told, want) {
		t.Errorf("systemd was told %q", *told)
	}
}

// The unit that a package has brought stays the package's, so that upgrades reach it.
func TestTheUnitOfAPackageStays(t *testing.T) {
	s, _ := fakeRoot(t)
	if err := os.MkdirAll(filepath.Dir(s.packaged()), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.packaged(), []byte("the package's"), 0o644); err != nil {
		t.Fatal(err)
	}
	older := written + strings.Replace(string(unit), "RestartSec=10", "RestartSec=5", 1) // made here before the package came
	if err := os.WriteFile(s.own(), []byte(older), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.install("/usr/bin/connect", "erp", "/var/lib/sealgate-connect", &home.Settings{}); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(s.own()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a second unit lies over the package's: %v", err)
	}
	if err := s.uninstall(); err != nil || read(t, s.packaged()) != "the package's" {
		t.Errorf("uninstall: %v", err)
	}
}

// What an administrator has written is his, installing and uninstalling.
func TestWhatAnAdministratorWroteStays(t *testing.T) {
	s, _ := fakeRoot(t)
	if err := os.MkdirAll(filepath.Dir(s.packaged()), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{s.packaged(): string(unit), s.own(): string(unit) + "Nice=5\n"} {
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.install("/usr/bin/connect", "erp", "/var/lib/sealgate-connect", &home.Settings{}); err != nil {
		t.Fatal(err)
	}
	if read(t, s.own()) != string(unit)+"Nice=5\n" {
		t.Error("his unit was taken away")
	}
	override := filepath.Join(s.own()+".d", "override.conf")
	if err := os.WriteFile(override, []byte("his"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := s.uninstall(); err != nil || read(t, override) != "his" || read(t, s.own()) != string(unit)+"Nice=5\n" {
		t.Errorf("uninstall: %v", err)
	}
	if _, err := os.Stat(s.beside()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("machine.conf stays: %v", err)
	}
}

// Root obeys these files, and the account of the service may write connect.yaml.
func TestNoFolderIsALineOfItsOwn(t *testing.T) {
	s, _ := fakeRoot(t)
	set := &home.Settings{Folders: []home.Folder{{Path: "/srv/x\nExecStartPre=+/bin/evil"}}}
	if err := s.install("/usr/bin/connect", "erp", "/var/lib/sealgate-connect", set); err == nil {
		t.Error("a path of two lines was taken")
	}
	if left, err := filepath.Glob(s.own() + "*"); err != nil || len(left) > 0 {
		t.Errorf("written all the same: %v, %v", left, err)
	}
}

// What systemd itself says of the unit. Without the right to take leases the service
// would not see that a file of another account is being written.
func TestTheUnitIsRight(t *testing.T) {
	for _, line := range []string{"CapabilityBoundingSet=CAP_LEASE\n", "AmbientCapabilities=CAP_LEASE\n", "ProtectSystem=strict\n", "User=sealgate-connect\n", "StateDirectory=sealgate-connect\n"} {
		if !strings.Contains(string(unit), line) {
			t.Errorf("the unit lacks %q", line)
		}
	}
	analyze, err := exec.LookPath("systemd-analyze")
	if err != nil {
		return // tools/packages/try asks it, too, and does not go without
	}
	s, _ := fakeRoot(t)
	if err := s.install("/bin/sh", "root", "/var/lib/sealgate-connect", &home.Settings{Folders: []home.Folder{{Path: "/srv/pay 1"}, {Path: `/srv/100%"$x`}}}); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(analyze, "verify", s.own()).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// The platform's log has the level that the line has.
func TestEventsKeepTheirLevel(t *testing.T) {
	var to said
	log := logging.New(newEvents(&to), "warn", false)
	log.Info("nothing new")
	log.Warn("a share has gone", "folder", 3, "state", "level=ERROR ")
	log.Error("connect cannot start", "password", "hunter2")
	if len(to) != 2 || !strings.HasPrefix(to[0], "warning: ") || !strings.Contains(to[0], "a share has gone") || !strings.HasPrefix(to[1], "error: ") || strings.Contains(to[1], "hunter2") {
		t.Errorf("the platform's log has %q", to)
	}
}

// The Event Log is every program's: a share that comes and goes all night does not push
// out of it what others have said.
func TestEventsAreNotWrittenWithoutEnd(t *testing.T) {
	var to said
	log := logging.New(newEvents(&to), "warn", false)
	for range 10 * inARow {
		log.Warn("a folder cannot be looked into")
	}
	if len(to) != inARow {
		t.Errorf("%d events", len(to))
	}
}

// A service of Windows that a wrong setting or a missing enrolment ends is not started
// every ten seconds: as under systemd. One that anything else ends is.
func TestWhatDoesNotGetBetterIsNotStartedAgain(t *testing.T) {
	dir := t.TempDir()
	a := &app{&console.App{Program: command.Program{Out: io.Discard, Err: io.Discard, Getenv: func(string) string { return "" }, Now: time.Now}, Dir: dir}}
	if err := a.run(t.Context(), slog.DiscardHandler); hopeless(err) != command.ExitNotFound {
		t.Errorf("not enrolled: %v: %d", err, hopeless(err))
	}
	if err := os.WriteFile(filepath.Join(dir, "connect.yaml"), []byte("no_such_setting: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := a.run(t.Context(), slog.DiscardHandler); hopeless(err) != command.ExitUsage {
		t.Errorf("a wrong setting: %v: %d", err, hopeless(err))
	}
	for _, err := range []error{io.ErrUnexpectedEOF, fault.New(fault.Internal, "test", "the disk is full"), fault.New(fault.Locked, "test", "another Connect has the directory")} {
		if code := hopeless(err); code != 0 {
			t.Errorf("%v: %d", err, code)
		}
	}
}

// said is a log of a platform that keeps what it is told.
type said []string

func (s *said) note(level string, v []any) error {
	for _, text := range v {
		*s = append(*s, level+": "+text.(string))
	}
	return nil
}

func (s *said) Error(v ...any) error          { return s.note("error", v) }
func (s *said) Warning(v ...any) error        { return s.note("warning", v) }
func (s *said) Info(v ...any) error           { return s.note("info", v) }
func (s *said) Errorf(string, ...any) error   { return nil }
func (s *said) Warningf(string, ...any) error { return nil }
func (s *said) Infof(string, ...any) error    { return nil }

var _ service.Logger = (*said)(nil)
