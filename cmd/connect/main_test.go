package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"sealgate/internal/command/commandtest"
	"sealgate/internal/logging"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"connect": main})
}

// The command line as people and scripts meet it, where no gateway is needed; with
// one, internal/campaign drives it.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script", RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("SEALGATE_CONNECT_DIR", env.WorkDir+"/connect")
			env.Setenv("LC_ALL", "C")
			env.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": commandtest.Exits},
	})
}

// A service of Windows has no standard error: its log is written all the same.
func TestTheLogNeedsNoStandardError(t *testing.T) {
	shut, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := shut.Close(); err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	logging.New(logTo(&file, shut), "info", false).Error("connect cannot start")
	if !strings.Contains(file.String(), "connect cannot start") {
		t.Errorf("the log holds %q", file.String())
	}
}
