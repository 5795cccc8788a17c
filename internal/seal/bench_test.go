package seal

import (
	"bytes"
	"crypto/elliptic"
	"io"
	"testing"
)

// One slot at a time on one core, without content hash: to be held against
//
//	openssl speed -evp aes-256-gcm -bytes 65536 -seconds 2
func BenchmarkSeal64K(b *testing.B) {
	body, plain, dst := must(NewBody(fuzzKey(), fileID)), text(SlotSize), make([]byte, 0, SealedSlot)
	b.SetBytes(SlotSize)
	for b.Loop() {
		body.SealSlot(dst, 1, plain)
	}
}

func BenchmarkOpen64K(b *testing.B) {
	body, dst := must(NewBody(fuzzKey(), fileID)), make([]byte, 0, SlotSize)
	sealed := body.SealSlot(nil, 1, text(SlotSize))
	b.SetBytes(SlotSize)
	for b.Loop() {
		if _, err := body.OpenSlot(dst, 1, sealed); err != nil {
			b.Fatal(err)
		}
	}
}

const benchSize = 64 << 20

// Whole files on all cores: Seal and Verify hash the content, WriteTo does not.
func BenchmarkSealFile(b *testing.B) {
	plain := text(benchSize)
	b.SetBytes(benchSize)
	for b.Loop() {
		must(Seal(io.Discard, bytes.NewReader(plain), Header{Binding: binding}, fuzzKey(), "a", received))
	}
}

func benchReader(b *testing.B) *Reader {
	obj := fuzzObject(benchSize)
	b.SetBytes(benchSize)
	return must(OpenReaderAt(bytes.NewReader(obj), int64(len(obj)), func(Header) (*FileKey, error) { return fuzzKey(), nil }))
}

func BenchmarkWriteTo(b *testing.B) {
	r := benchReader(b)
	for b.Loop() {
		must(r.WriteTo(io.Discard))
	}
}

func BenchmarkVerify(b *testing.B) {
	r := benchReader(b)
	for b.Loop() {
		if err := r.Verify(noCtx); err != nil {
			b.Fatal(err)
		}
	}
}

// Reads of 255 KiB, as an SFTP client asks for them.
func BenchmarkReadAt255K(b *testing.B) {
	r, p := benchReader(b), make([]byte, 261120)
	for b.Loop() {
		for off := int64(0); off < benchSize; off += int64(len(p)) {
			if _, err := r.ReadAt(p, off); err != nil && err != io.EOF {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkWraps(b *testing.B) {
	share, access := Share{1}, hybridKey(b)
	for name, l := range map[string]lock{"RSA3072": newLock(b, rsaKey(b)), "P256": newLock(b, ecKey(b, elliptic.P256())), "P384": newLock(b, ecKey(b, elliptic.P384()))} {
		w := must(WrapForCertificate(share, l.cert, binding))
		b.Run("Wrap"+name, func(b *testing.B) {
			for b.Loop() {
				must(WrapForCertificate(share, l.cert, binding))
			}
		})
		b.Run("Unwrap"+name, func(b *testing.B) {
			for b.Loop() {
				must(UnwrapByCertificate(w, l.key, binding))
			}
		})
	}
	w := must(WrapForAccessKey(share, access.PublicKey(), binding))
	b.Run("WrapAccessKey", func(b *testing.B) {
		for b.Loop() {
			must(WrapForAccessKey(share, access.PublicKey(), binding))
		}
	})
	b.Run("UnwrapAccessKey", func(b *testing.B) {
		for b.Loop() {
			must(UnwrapByAccessKey(w, access, binding))
		}
	})
}
