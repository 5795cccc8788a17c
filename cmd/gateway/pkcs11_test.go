//go:build pkcs11

package main

import (
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"sealgate/internal/needtest"
)

// A whole gateway whose account has its certificate key in a token.
func TestPKCS11Scripts(t *testing.T) {
	for _, program := range []string{"softhsm2-util", "pkcs11-tool", "openssl"} {
		needtest.Program(t, program)
	}
	testscript.Run(t, scripts(t, "testdata/pkcs11"))
}
