package seal

import (
	"bytes"
	"crypto/elliptic"
	"errors"
	"testing"
	"testing/iotest"

	"sealgate/internal/fault"
)

func TestReadHeaderReadsNoFurther(t *testing.T) {
	l := newLock(t, ecKey(t, elliptic.P384()))
	c := newCraft(t, binding, nil, []lock{l}, hybridKey(t))
	src := bytes.NewReader(append(bytes.Clone(c.header), "rest"...))
	h, raw, err := ReadHeader(iotest.OneByteReader(src))
	if err != nil || !bytes.Equal(raw, c.header) || src.Len() != 4 {
		t.Fatalf("%d bytes left, %v", src.Len(), err)
	}
	if !bytes.Equal(h.Marshal(c.k), c.header) {
		t.Error("the header read is not the header written")
	}
	if err := VerifyHeader(raw, c.k); err != nil {
		t.Error(err)
	}
	wantKind(t, VerifyHeader(raw, DeriveFileKey(c.b, c.a, fileID)), fault.Damaged)
	wantKind(t, VerifyHeader(raw[:40], c.k), fault.Damaged)
	if err := h.Check(binding); err != nil {
		t.Error(err)
	}
	for what, other := range otherBindings() {
		if err := h.Check(other); !fault.Is(err, fault.Damaged) {
			t.Errorf("passes for another %s: %v", what, err)
		}
	}
}

func TestReadHeaderTellsBrokenDisksFromCutFiles(t *testing.T) {
	broken := errors.New("broken disk")
	_, _, err := ReadHeader(iotest.ErrReader(broken))
	if wantKind(t, err, fault.Internal); !errors.Is(err, broken) {
		t.Error("the cause is lost")
	}
	_, _, err = ReadHeader(bytes.NewReader(nil))
	wantKind(t, err, fault.Damaged)
}

func TestHeaderBounds(t *testing.T) {
	k := DeriveFileKey(Share{1}, Share{2}, fileID)
	wraps := func(n int) (ws []Wrap) {
		for i := range n {
			ws = append(ws, Wrap{Kind: KindCertificate, Alg: AlgRSAOAEP, Key: Fingerprint{byte(i)}, Data: make([]byte, maxRSA/8)})
		}
		return ws
	}
	raw := Header{Binding: binding, Wraps: wraps(MaxWraps)}.Marshal(k)
	if h, _, err := ReadHeader(bytes.NewReader(raw)); err != nil || len(h.Wraps) != MaxWraps {
		t.Errorf("the largest header does not read: %v", err)
	}
	if len(raw) > MaxHeader {
		t.Errorf("a header of %d bytes", len(raw))
	}
	for what, ws := range map[string][]Wrap{
		"65 wraps": wraps(65),
		"repeated": append(wraps(1), wraps(1)...),
		"odd data": {{Kind: KindCertificate, Alg: AlgP256, Data: make([]byte, 7)}},
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: written", what)
				}
			}()
			Header{Binding: binding, Wraps: ws}.Marshal(k)
		}()
	}
}

// TestNoLegacyDecrypt: no other version or suite is tried, with the right key
// and a right MAC or without.
func TestNoLegacyDecrypt(t *testing.T) {
	for _, at := range []int{8, 9} {
		for v := range 256 {
			c := newCraft(t, binding, []byte("x"), nil)
			c.resign(func(b []byte) []byte { b[at] = byte(v); return b })
			_, _, err := readAll(c.bytes(), c.byKey)
			if v == 1 && err != nil {
				t.Error(err)
			}
			if v != 1 {
				wantKind(t, err, fault.Damaged)
			}
		}
	}
}
