//go:build !pkcs11

package token

import "sealgate/internal/fault"

func derive(uri, []byte, int) ([]byte, error) { return nil, errNone }

func decrypt(uri, []byte) ([]byte, error) { return nil, errNone }

var errNone = fault.New(fault.Invalid, "token: use key", "this build has no PKCS#11: keys in tokens need the build with the tag pkcs11")
