package keys_test

import (
	"bytes"
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"sealgate/internal/durable/durabletest"
	"sealgate/internal/fault"
	"sealgate/internal/keys"
	"sealgate/internal/keys/keystest"
	"sealgate/internal/seal"
)

var t0 = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

var binding = seal.Binding{File: [16]byte{1}, Account: [16]byte{2}}

// sealAndOpen wraps two shares for keys as they were and opens them with keys
// as they came back.
func sealAndOpen(t *testing.T, cert *keys.Certificate, access *keys.AccessKey, certBack *keys.Certificate, accessBack *keys.AccessKey) {
	t.Helper()
	if certBack == nil || accessBack == nil {
		t.Fatal("a key did not come back")
	}
	a, b := seal.NewShares()
	wa, err := seal.WrapForCertificate(a, cert.Cert, binding)
	if err != nil {
		t.Fatal(err)
	}
	wb, err := seal.WrapForAccessKey(b, access.Public, binding)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := seal.UnwrapByCertificate(wa, certBack.Key, binding); err != nil || got != a {
		t.Errorf("the certificate's key does not open: %v", err)
	}
	if got, err := seal.UnwrapByAccessKey(wb, accessBack.Private, binding); err != nil || got != b {
		t.Errorf("the access key does not open: %v", err)
	}
}

func grantOpens(t *testing.T, made, back *keys.IngestKey) {
	t.Helper()
	a, b := seal.NewShares()
	key := seal.DeriveFileKey(a, b, binding.File)
	grant, err := seal.WrapGrant(key, made.Public, binding)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := seal.OpenGrant(grant, back.Private, binding); err != nil {
		t.Errorf("the grant does not open: %v", err)
	}
}

// fixed is a master key that a test holds.
type fixed byte

func (m fixed) Key(context.Context, []byte) ([]byte, error) {
	return bytes.Repeat([]byte{byte(m)}, 32), nil
}

func (m fixed) String() string { return "test key" }

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func wantKind(t testing.TB, err error, kind fault.Kind) {
	t.Helper()
	if !fault.Is(err, kind) {
		t.Errorf("error %v, want kind %v", err, kind)
	}
}

// disk is a store on a disk whose power can be cut at every operation.
type disk struct {
	*durabletest.PowerCut
	opt keys.Options
}

const dir = "/data/keys"

func newDisk(t testing.TB) disk {
	p := durabletest.NewPowerCut("/data", "/backup")
	opt := keystest.Options(t)
	opt.FS = p
	return disk{p, opt}
}

func (d disk) create(t testing.TB, m keys.Master) *keys.Store {
	t.Helper()
	return must(keys.Create(t.Context(), dir, m, d.opt))(t)
}

// atEveryPowerCut runs act on a fresh disk again and again, each time with the
// power cut one operation later, loses a random part of what was not synced,
// and lets check look at what is left. It ends when act was not cut any more.
func atEveryPowerCut(t *testing.T, prepare func(d disk) *keys.Store, act func(s *keys.Store) error, check func(d disk, done bool)) {
	t.Helper()
	rng := rand.New(rand.NewPCG(1, 2))
	for n := 0; ; n++ {
		for range 3 {
			d := newDisk(t)
			s := prepare(d)
			d.CutAfter(n)
			err := act(s)
			d.Crash(rng)
			check(d, err == nil)
			if t.Failed() {
				t.Fatalf("after operation %d (act: %v)", n, err)
			}
			if err == nil && n > 0 {
				return
			}
		}
	}
}
