//go:build pkcs11

package main

import (
	"os"
	"os/exec"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// A whole gateway whose account has its certificate key in a token.
func TestPKCS11Scripts(t *testing.T) {
	for _, program := range []string{"softhsm2-util", "pkcs11-tool", "openssl"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") != "" {
				t.Fatalf("%s is missing: make deps", program)
			}
			t.Skipf("%s is missing: make deps", program)
		}
	}
	testscript.Run(t, scripts(t, "testdata/pkcs11"))
}
