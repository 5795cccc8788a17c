package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"sealgate/internal/command/commandtest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"gateway": main})
}

// The command line as people and scripts meet it: one file a topic.
func TestScripts(t *testing.T) {
	testscript.Run(t, scripts(t, "testdata/script"))
}

// scripts are those of one directory, with what they can do.
func scripts(t *testing.T, dir string) testscript.Params {
	samples, err := filepath.Abs("../../internal/index/testdata/samples")
	if err != nil {
		t.Fatal(err)
	}
	keys, err := filepath.Abs("testdata/keys")
	if err != nil {
		t.Fatal(err)
	}
	return testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("SAMPLES", samples)
			env.Setenv("KEYS", keys)
			env.Setenv("SEALGATE_DATA", filepath.Join(env.WorkDir, "data"))
			env.Values[gatewayKey{}] = new(*running)
			env.Setenv("LC_ALL", "C")
			env.Setenv("TZ", "UTC")
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"call":  call,
			"exits": commandtest.Exits,
			"json":  jsonIs,
			"mode":  modeIs,
			"flip":  flip,
			"put":   put,
			"serve": serve,
			"stop":  stop,
			"value": value,
		},
	}
}

// json FILE PATH WANT compares one value of a JSON file: "payments.0.kind",
// "findings.len" for a length. An array or object is compared as JSON text.
func jsonIs(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 3 {
		ts.Fatalf("usage: json FILE PATH WANT")
	}
	got := lookUp(ts, args[0], args[1])
	if (got == args[2]) == neg {
		ts.Fatalf("%s is %q, want %q (negated: %v)", args[1], got, args[2], neg)
	}
}

func lookUp(ts *testscript.TestScript, file, path string) string {
	var v any
	dec := json.NewDecoder(strings.NewReader(ts.ReadFile(file)))
	dec.UseNumber()
	ts.Check(dec.Decode(&v))
	if dec.More() {
		ts.Fatalf("%s holds more than one JSON value", file)
	}
	for _, step := range strings.Split(path, ".") {
		switch at := v.(type) {
		case map[string]any:
			next, ok := at[step]
			if !ok {
				ts.Fatalf("no %q in %s", step, file)
			}
			v = next
		case []any:
			if step == "len" {
				v = len(at)
				break
			}
			i, err := strconv.Atoi(step)
			if err != nil || i >= len(at) {
				ts.Fatalf("no element %q of %d", step, len(at))
			}
			v = at[i]
		default:
			ts.Fatalf("%q: nothing below %v", step, v)
		}
	}
	got := fmt.Sprint(v)
	switch v.(type) {
	case nil, []any, map[string]any:
		text, err := json.Marshal(v)
		ts.Check(err)
		got = string(text)
	}
	return got
}

// mode FILE WANT compares a file's permission bits, in octal.
func modeIs(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mode FILE WANT")
	}
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	if got := fmt.Sprintf("%04o", info.Mode().Perm()); got != args[1] {
		ts.Fatalf("%s has mode %s, want %s", args[0], got, args[1])
	}
}

// flip FROM TO copies a file with one bit in its middle turned.
func flip(ts *testscript.TestScript, _ bool, args []string) {
	text := []byte(ts.ReadFile(args[0]))
	text[len(text)/2] ^= 1
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), text, 0o600))
}
