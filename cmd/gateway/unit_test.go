package main

import (
	"os"
	"slices"
	"strings"
	"testing"

	"sealgate/internal/cli"
	"sealgate/internal/config"
	"sealgate/internal/terminal"
)

// The systemd unit is what people install: its command line and its settings must
// be ones that this program takes, and it must keep the promises of its hardening.
func TestUnitIsOneThatStarts(t *testing.T) {
	text, err := os.ReadFile("../../configs/sealgate.service")
	if err != nil {
		t.Fatal(err)
	}
	unit := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") || strings.HasPrefix(line, "[") {
			continue
		}
		key, value, ok := strings.Cut(line, "=")
		if !ok {
			t.Fatalf("line %q is no setting", line)
		}
		unit[key] = append(unit[key], value)
	}

	command := strings.Fields(strings.Join(unit["ExecStart"], " "))
	a := &app{App: &cli.App{Locale: terminal.Plain}}
	root := a.root()
	cmd, rest, err := root.Find(command[1:])
	if err != nil || cmd.Name() != "serve" {
		t.Fatalf("ExecStart=%v: %v", command, err)
	}
	if err := cmd.ParseFlags(rest); err != nil {
		t.Errorf("ExecStart=%v: %v", command, err)
	}

	c, err := config.Load(config.Sources{Environ: unit["Environment"]})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) > 0 || c.Data != "/var/lib/sealgate" || c.Keys.Master.Kind != config.MasterCredential {
		t.Errorf("the unit's environment gives %+v", c)
	}
	if credential := unit["LoadCredential"][0]; !strings.HasPrefix(credential, c.Keys.Master.Name+":") {
		t.Errorf("LoadCredential=%s does not give %s", credential, c.Keys.Master.Name)
	}
	if got := unit["RestartPreventExitStatus"]; !slices.Equal(got, []string{"2 4"}) {
		t.Errorf("RestartPreventExitStatus=%v", got)
	}
	for _, key := range []string{"NoNewPrivileges", "PrivateTmp", "MemoryDenyWriteExecute", "ProtectHome", "RestrictSUIDSGID"} {
		if !slices.Equal(unit[key], []string{"yes"}) {
			t.Errorf("%s=%v", key, unit[key])
		}
	}
}
