package seal

import (
	"bytes"
	"crypto/hpke"
	"encoding/hex"
	"testing"
	"time"
)

// The known answers: what derives from fixed inputs must never change, whatever
// Go or this program does. They stand in docs/sealed-file.md too, and
// the second reader derives the same ones (tools/opensealed/test_opensealed.py).

func counting(from byte) (b [32]byte) {
	for i := range b {
		b[i] = from + byte(i)
	}
	return b
}

func wantHex(t *testing.T, what string, got []byte, want string) {
	t.Helper()
	if hex.EncodeToString(got) != want {
		t.Errorf("%s is %x, want %s", what, got, want)
	}
}

func knownKey() (*FileKey, Binding) {
	id, account := counting(0x40), counting(0x80)
	b := Binding{File: [16]byte(id[:16]), Account: [16]byte(account[:16])}
	return DeriveFileKey(counting(0), counting(0x20), b.File), b
}

func TestKnownKeys(t *testing.T) {
	k, b := knownKey()
	wantHex(t, "file key", k.Bytes(), "038c347698263fe5e2937cad244e65d10257904f07118cdd7441b7b5de895cc1")
	wantHex(t, "body key", k.bodyKey(b.File), "5df23d0e9e60b804fab1b8621ac4e06a754ee104edd7c5d9d2fdab8d81046aa0")
	wantHex(t, "header key", derive(k.bytes(), nil, "header"), "b4ce11fe568956415652bd79fb1e55a94eea65ac3f958eaf6a01f78e9a451727")
	seed := counting(0xa0)
	access, err := hpke.MLKEM768X25519().NewPrivateKey(seed[:])
	if err != nil {
		t.Fatal(err)
	}
	fp := AccessKeyFingerprint(access.PublicKey())
	wantHex(t, "access key fingerprint", fp[:], "137b41ae791f0888431681a8b89228242fd2cc93b1bf927ec8b817467e029d40")
}

func TestKnownHeader(t *testing.T) {
	k, b := knownKey()
	empty := Header{Binding: b}.Marshal(k)
	wantHex(t, "header without wraps", empty, "5345414c474154450101000000000000404142434445464748494a4b4c4d4e4f808182838485868788898a8b8c8d8e8ffe27671502768025d941d8ab9a2b3668006d12790fdaa5a16019ceb4b616a61f")
	h := Header{Binding: b, Wraps: []Wrap{{Kind: KindCertificate, Alg: AlgP256, Key: counting(0xc0), Data: bytes.Repeat([]byte{0xee}, wrappedP256)}}}
	wantHex(t, "header with a wrap", h.Marshal(k), "5345414c474154450101000100000095404142434445464748494a4b4c4d4e4f808182838485868788898a8b8c8d8e8f41020071c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedfeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeef20f6fa02dede92b7c92966ca23ce80b76d3fe860368f871ee5834a6a7d05854")
}

func TestKnownAssociatedData(t *testing.T) {
	k, b := knownKey()
	body := must(NewBody(k, b.File))
	wantHex(t, "associated data of a slot", body.slotData(nil, kindSlot, 0x0102, 0x0a0b), "42404142434445464748494a4b4c4d4e4f000000000000010200000a0b")
	wantHex(t, "associated data of a part", body.slotData(nil, kindPart, 1, 2), "50404142434445464748494a4b4c4d4e4f000000000000000100000002")
	wantHex(t, "associated data of the trailer", body.trailerData(nil, 3), "54404142434445464748494a4b4c4d4e4f0000000000000003")
	wantHex(t, "info of share A", b.info(labelA), "7365616c676174652f76312073686172652041404142434445464748494a4b4c4d4e4f808182838485868788898a8b8c8d8e8f")
}

// TestKnownCiphertexts opens bytes that were sealed when the format was made,
// slot and trailer: the document's worked example.
func TestKnownCiphertexts(t *testing.T) {
	k, b := knownKey()
	body := must(NewBody(k, b.File))
	slot := must(hex.DecodeString("952a8e13510ba6f9cb732031d1669061df190603ee812c8a7fb19afa9418cba87f"))
	plain, err := body.OpenSlot(nil, 0, slot)
	if err != nil || string(plain) != "hello" {
		t.Errorf("slot opens to %q, %v", plain, err)
	}
	trailer := must(hex.DecodeString("b9f7ac603c9cd15995c9c4a5194f52196e1370675c085766e95bdfa6935e0d9656cf83e200f4b9f08bb228781908e6b428a0e49d81b251c1acbf725233656962b0cc72f61cdc5e4f7989e44f08e63482671582c6847026bb4dc8e0fd5130553aa9813d3e956d4ff001fd51cdf83e71fb1f4b072796feca67032e44c7383b9d58139e92053541d62860d4986c8ff046b37f9bb923d99c96d1d2b8f9439153cdb2ee9c31db2c390f870d6b70400c21185c487eef31ce1f686dda4756e73471b71ac2035271d826a1932ca9de7fc4b74da0175039a153b98adfa7fd3cc87d8249813389262f4b2eedc729f01ab626b3c4c51ceb7beb3899a42dbec3d902c21080a814b508e094893f87380aa499528c29e6040dc8108e55ff339d7a1b5464d0edf3a33d7ed441ab9b68b9dec8ea156f30d252f60653db662465074a4367a7cd1244c5ee1e083fe224ceb44aef44"))
	tr, err := body.OpenTrailer(trailer, 1)
	if err != nil || tr.Size != 5 || tr.Name != "hello.txt" || !tr.ReceivedAt.Equal(time.UnixMicro(1768469400123456)) {
		t.Errorf("trailer opens to %+v, %v", tr, err)
	}
	wantHex(t, "SHA-256", tr.SHA256[:], "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824")
}

func TestSizesOfTheFormat(t *testing.T) {
	for what, n := range map[string][2]int{
		"fixed part": {fixedSize, 48}, "wrap head": {wrapHead, 36}, "trailer": {TrailerSize, 332},
		"P-256 wrap": {wrappedP256, 113}, "P-384 wrap": {wrappedP384, 145}, "hybrid wrap": {wrappedHybrid, 1168},
		"sealed slot": {SealedSlot, 65564},
	} {
		if n[0] != n[1] {
			t.Errorf("%s has %d bytes, the document says %d", what, n[0], n[1])
		}
	}
	if got := ObjectSize(80, SlotSize+1); got != 80+SlotSize+1+2*28+332 {
		t.Errorf("object of two slots has %d bytes", got)
	}
}
