package seal

import (
	"bytes"
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/hpke"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sealgate/internal/fault"
	"sealgate/internal/needtest"
)

var (
	update = flag.Bool("update", false, "make the vectors of testdata anew")
	noCtx  = context.Background()
)

// vector is one stored file and what every reader has to say about it.
type vector struct {
	File           string `json:"file"`
	About          string `json:"about"`
	CertificateKey string `json:"certificateKey,omitempty"`
	AccessKey      string `json:"accessKey"`       // for a grant: the ingest key
	Grant          string `json:"grant,omitempty"` // hex
	Expect         string `json:"expect"`          // ok, damaged or locked
	Size           int64  `json:"size,omitempty"`
	SHA256         string `json:"sha256,omitempty"`
	Name           string `json:"name,omitempty"`
	ReceivedAt     int64  `json:"receivedAt,omitempty"` // unix microseconds
}

// kit is the keys that the vectors are made with.
type kit struct {
	t                        testing.TB
	rsa, p256, p384          lock
	access1, access2, ingest hpke.PrivateKey
	vectors                  []vector
}

const (
	rsaPEM    = "keys/rsa3072.pem"
	p256PEM   = "keys/p256.pem"
	p384PEM   = "keys/p384.pem"
	accessPEM = "keys/access-1.key"
	otherPEM  = "keys/access-2.key"
	ingestPEM = "keys/ingest.key"
)

func newKit(t testing.TB) *kit {
	file := func(name string) string { return strings.TrimPrefix(name, "keys/") }
	return &kit{
		t:       t,
		rsa:     storedLock(t, file(rsaPEM), func() crypto.Signer { return rsaKey(t) }),
		p256:    storedLock(t, file(p256PEM), func() crypto.Signer { return ecKey(t, elliptic.P256()) }),
		p384:    storedLock(t, file(p384PEM), func() crypto.Signer { return ecKey(t, elliptic.P384()) }),
		access1: storedAccess(t, file(accessPEM)),
		access2: storedAccess(t, file(otherPEM)),
		ingest:  storedAccess(t, file(ingestPEM)),
	}
}

func (k *kit) store(v vector, obj []byte) {
	k.t.Helper()
	file := filepath.Join("testdata", v.File)
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		k.t.Fatal(err)
	}
	if err := os.WriteFile(file, obj, 0o644); err != nil {
		k.t.Fatal(err)
	}
	k.vectors = append(k.vectors, v)
}

func (k *kit) good(name, about, cert, access string, c *craft) {
	sum := sha256.Sum256(c.plain)
	k.store(vector{
		File: "good/" + name + ".sealed", About: about, CertificateKey: cert, AccessKey: access, Grant: hex.EncodeToString(c.grant), Expect: "ok",
		Size: int64(len(c.plain)), SHA256: hex.EncodeToString(sum[:]), Name: "pain.001.xml", ReceivedAt: received.UnixMicro(),
	}, c.bytes())
}

// granted stores a file without wraps and its grant, and one whose grant is for
// another account.
func (k *kit) granted(name, how string, wrap func(*craft, Binding) []byte) {
	c := newCraft(k.t, binding, text(100), nil)
	c.grant = wrap(c, binding)
	k.good(name, "no wraps; opened by its grant, "+how, "", ingestPEM, c)
	foreign := wrap(c, Binding{File: fileID, Account: [16]byte{9}})
	k.store(vector{
		File: "bad/" + name + "-of-other-account.sealed", About: "a grant made for another account, " + how,
		AccessKey: ingestPEM, Grant: hex.EncodeToString(foreign), Expect: "damaged",
	}, c.bytes())
}

func (k *kit) goodOnes() {
	p256 := []lock{k.p256}
	k.good("rsa3072", "certificate with an RSA key of 3072 bits", rsaPEM, accessPEM, newCraft(k.t, binding, text(100), []lock{k.rsa}, k.access1))
	k.good("p256", "certificate with an EC key on P-256", p256PEM, accessPEM, newCraft(k.t, binding, text(100), p256, k.access1))
	k.good("p384", "certificate with an EC key on P-384", p384PEM, accessPEM, newCraft(k.t, binding, text(100), []lock{k.p384}, k.access1))
	many := newCraft(k.t, binding, text(100), []lock{k.rsa, k.p256, k.p384}, k.access1, k.access2)
	k.good("several", "three certificates and two access keys: the last of each", p384PEM, otherPEM, many)
	k.granted("grant", "made with the public key", func(c *craft, b Binding) []byte {
		return must(WrapGrant(c.k, k.ingest.PublicKey(), b))
	})
	k.granted("own-grant", "made with the private key", func(c *craft, b Binding) []byte {
		return must(WrapOwnGrant(c.k, k.ingest, b))
	})
	for _, size := range []struct {
		name string
		n    int
	}{{"empty", 0}, {"one-byte", 1}, {"slot-minus-1", SlotSize - 1}, {"slot", SlotSize}, {"slot-plus-1", SlotSize + 1}, {"three-slots", 3 * SlotSize}} {
		k.good(size.name, "content of this length", p256PEM, accessPEM, newCraft(k.t, binding, text(size.n), p256, k.access1))
	}
}

// damage is one way to spoil a file. Kind is what Go and Python both answer.
type damage struct {
	name, about string
	expect      string // damaged unless said otherwise
	do          func(k *kit, c *craft)
}

func flip(at func(c *craft) *byte) func(*kit, *craft) {
	return func(_ *kit, c *craft) { *at(c) ^= 1 }
}

func sign(edit func(b []byte) []byte) func(*kit, *craft) {
	return func(_ *kit, c *craft) { c.resign(edit) }
}

// reheader writes the header anew, MAC and all, with other wraps.
func reheader(edit func(k *kit, c *craft)) func(*kit, *craft) {
	return func(k *kit, c *craft) {
		edit(k, c)
		c.header = c.h.Marshal(c.k)
	}
}

var headerDamages = []damage{
	{name: "magic", about: "another magic", do: sign(func(b []byte) []byte { b[0] = 'X'; return b })},
	{name: "version", about: "version 2", do: sign(func(b []byte) []byte { b[8] = 2; return b })},
	{name: "suite", about: "suite 2", do: sign(func(b []byte) []byte { b[9] = 2; return b })},
	{name: "wrap-count-more", about: "one wrap more than there are", do: sign(func(b []byte) []byte { b[11]++; return b })},
	{name: "wrap-count-less", about: "one wrap less than there are", do: sign(func(b []byte) []byte { b[11]--; return b })},
	{name: "wrap-length", about: "wraps longer than the file", do: sign(func(b []byte) []byte { binary.BigEndian.PutUint32(b[12:], 1<<19); return b })},
	{name: "wrap-length-huge", about: "a header over 1 MiB", do: sign(func(b []byte) []byte { binary.BigEndian.PutUint32(b[12:], 0xffffffff); return b })},
	{name: "file-id", about: "another file id, MAC right", do: sign(func(b []byte) []byte { b[16] ^= 1; return b })},
	{name: "account-id", about: "another account id, MAC right", do: sign(func(b []byte) []byte { b[32] ^= 1; return b })},
	{name: "wrap-kind", about: "unknown kind of wrap", do: sign(func(b []byte) []byte { b[fixedSize] = 'C'; return b })},
	{name: "wrap-alg", about: "unknown algorithm", do: sign(func(b []byte) []byte { b[fixedSize+1] = 9; return b })},
	{name: "wrap-alg-other", about: "P-256 wrap called P-384", do: sign(func(b []byte) []byte { b[fixedSize+1] = 3; return b })},
	{name: "mac", about: "a flipped bit in the header MAC", do: flip(func(c *craft) *byte { return &c.header[len(c.header)-1] })},
	{name: "wrap-a", about: "a flipped bit in the certificate's wrap", do: flip(func(c *craft) *byte { return &c.header[fixedSize+wrapHead+70] })},
	{name: "wrap-b", about: "a flipped bit in the access key's wrap", do: flip(func(c *craft) *byte { return &c.header[len(c.header)-macSize-1] })},
	{name: "fingerprint", about: "no wrap names the certificate key", expect: "locked", do: sign(func(b []byte) []byte { b[fixedSize+4] ^= 1; return b })},
	{name: "wraps-reordered", about: "the two wraps in another order, MAC as it was", do: func(_ *kit, c *craft) {
		mac := c.header[len(c.header)-macSize:]
		c.h.Wraps[0], c.h.Wraps[1] = c.h.Wraps[1], c.h.Wraps[0]
		c.header = append(c.h.Marshal(c.k)[:len(c.header)-macSize], mac...)
	}},
	{name: "wrap-added", about: "a wrap added without the file key", do: func(k *kit, c *craft) {
		mac := bytes.Clone(c.header[len(c.header)-macSize:])
		c.h.Wraps = append(c.h.Wraps, must(WrapForAccessKey(Share{}, k.access2.PublicKey(), binding)))
		h := c.h.Marshal(c.k)
		c.header = append(h[:len(h)-macSize], mac...)
	}},
	{name: "wrap-repeated", about: "the same wrap twice, MAC right", do: sign(func(b []byte) []byte {
		w := bytes.Clone(b[fixedSize:][:wrapHead+wrappedP256])
		binary.BigEndian.PutUint16(b[10:], 3)
		binary.BigEndian.PutUint32(b[12:], binary.BigEndian.Uint32(b[12:])+uint32(len(w)))
		return append(b, w...)
	})},
	{name: "wrap-of-other-file", about: "share A wrapped for another file of the account, MAC right", do: reheader(func(k *kit, c *craft) {
		c.h.Wraps[0] = must(WrapForCertificate(c.a, k.p256.cert, Binding{File: [16]byte{9}, Account: accountID}))
	})},
	{name: "wrap-of-other-account", about: "share B wrapped for another account, MAC right", do: reheader(func(k *kit, c *craft) {
		c.h.Wraps[1] = must(WrapForAccessKey(c.b, k.access1.PublicKey(), Binding{File: fileID, Account: [16]byte{9}}))
	})},
	{name: "share-a-as-b", about: "shares exchanged, MAC right", do: reheader(func(k *kit, c *craft) {
		c.h.Wraps[0] = must(WrapForCertificate(c.b, k.p256.cert, binding))
		c.h.Wraps[1] = must(WrapForAccessKey(c.a, k.access1.PublicKey(), binding))
	})},
	{name: "header-of-other-file", about: "the header of another file for the same keys", do: func(k *kit, c *craft) {
		c.header = newCraft(k.t, Binding{File: [16]byte{9}, Account: accountID}, nil, []lock{k.p256}, k.access1).header
	}},
}

var bodyDamages = []damage{
	{name: "slot-nonce", about: "a flipped bit in a nonce", do: flip(func(c *craft) *byte { return &c.slots[0][0] })},
	{name: "slot-text", about: "a flipped bit in a slot", do: flip(func(c *craft) *byte { return &c.slots[0][50] })},
	{name: "slot-tag", about: "a flipped bit in a tag", do: flip(func(c *craft) *byte { return &c.slots[0][len(c.slots[0])-1] })},
	{name: "trailer-bit", about: "a flipped bit in the trailer", do: flip(func(c *craft) *byte { return &c.trailer[20] })},
	{name: "trailer-missing", about: "no trailer", do: func(_ *kit, c *craft) { c.trailer = nil }},
	{name: "trailer-cut", about: "one byte of the trailer missing", do: func(_ *kit, c *craft) { c.trailer = c.trailer[:TrailerSize-1] }},
	{name: "trailer-twice", about: "the trailer twice", do: func(_ *kit, c *craft) { c.trailer = append(bytes.Clone(c.trailer), c.trailer...) }},
	{name: "byte-added", about: "a byte behind the trailer", do: func(_ *kit, c *craft) { c.trailer = append(c.trailer, 0) }},
	{name: "tail-cut", about: "the last slot one byte shorter", do: func(_ *kit, c *craft) { s := &c.slots[len(c.slots)-1]; *s = (*s)[:len(*s)-1] }},
	{name: "tail-stump", about: "a last slot too short to hold a byte", do: func(_ *kit, c *craft) { s := &c.slots[len(c.slots)-1]; *s = (*s)[:Overhead] }},
	{name: "all-slots-dropped", about: "header and trailer only", do: func(_ *kit, c *craft) { c.slots = nil }},
	{name: "part-as-slot", about: "an unfinished slot put aside, in the place of a slot", do: func(_ *kit, c *craft) {
		c.slots[0] = c.body.SealPart(nil, 0, c.plain[:min(SlotSize, len(c.plain))])
	}},
	{name: "slot-of-other-file", about: "a slot of another file under the same key bytes", do: func(_ *kit, c *craft) {
		other := must(NewBody(c.k, [16]byte{9}))
		c.slots[0] = other.SealSlot(nil, 0, c.plain[:min(SlotSize, len(c.plain))])
	}},
	{name: "older-seal", about: "an older seal of the same slot, sealed by a holder of the key: only the SHA-256 tells", do: func(_ *kit, c *craft) {
		c.slots[0] = c.body.SealSlot(nil, 0, make([]byte, min(SlotSize, len(c.plain))))
	}},
	{name: "trailer-of-other-file", about: "a good trailer of another file", do: func(_ *kit, c *craft) {
		other := must(NewBody(c.k, [16]byte{9}))
		c.trailer = other.SealTrailer(nil, Trailer{Size: int64(len(c.plain)), SHA256: sha256.Sum256(c.plain)})
	}},
	{name: "trailer-size", about: "a trailer whose size is one less, sealed by a holder of the key", do: func(_ *kit, c *craft) {
		c.trailer = c.body.SealTrailer(nil, Trailer{Size: int64(len(c.plain)) - 1, SHA256: sha256.Sum256(c.plain)})
	}},
	{name: "trailer-padding", about: "bytes hidden behind the name", do: func(_ *kit, c *craft) {
		p := make([]byte, trailerPlain)
		binary.BigEndian.PutUint64(p, uint64(len(c.plain)))
		sum := sha256.Sum256(c.plain)
		copy(p[8:], sum[:])
		p[trailerPlain-1] = 1
		c.trailer = c.body.aead.Seal(nil, nil, p, c.body.trailerData(nil, Slots(int64(len(c.plain)))))
	}},
}

var manySlotDamages = []damage{
	{name: "slots-swapped", about: "slots 0 and 1 exchanged", do: func(_ *kit, c *craft) { c.slots[0], c.slots[1] = c.slots[1], c.slots[0] }},
	{name: "slot-dropped", about: "slot 1 missing", do: func(_ *kit, c *craft) { c.slots = append(c.slots[:1:1], c.slots[2:]...) }},
	{name: "slot-repeated", about: "slot 0 in the place of slot 1", do: func(_ *kit, c *craft) { c.slots[1] = c.slots[0] }},
	{name: "slot-added", about: "slot 1 twice", do: func(_ *kit, c *craft) { c.slots = append(c.slots[:2:2], c.slots[1:]...) }},
	{name: "tail-dropped", about: "the last slot missing", do: func(_ *kit, c *craft) { c.slots = c.slots[:2] }},
	{name: "short-slot-inside", about: "a short slot that is not the last", do: func(_ *kit, c *craft) {
		c.slots[1] = c.body.SealSlot(nil, 1, c.plain[SlotSize:SlotSize+100])
	}},
}

func (k *kit) badOnes() {
	spoil := func(d damage, n int) {
		c := newCraft(k.t, binding, text(n), []lock{k.p256}, k.access1)
		d.do(k, c)
		if d.expect == "" {
			d.expect = "damaged"
		}
		k.store(vector{
			File: "bad/" + d.name + ".sealed", About: d.about, CertificateKey: p256PEM, AccessKey: accessPEM, Expect: d.expect,
		}, c.bytes())
	}
	for _, d := range headerDamages {
		spoil(d, 100)
	}
	for _, d := range bodyDamages {
		spoil(d, 100)
	}
	for _, d := range manySlotDamages {
		spoil(d, 2*SlotSize+5)
	}
	c := newCraft(k.t, binding, text(100), []lock{k.p256}, k.access1)
	k.store(vector{File: "bad/wrong-access-key.sealed", About: "a good file, asked for with another access key", CertificateKey: p256PEM, AccessKey: otherPEM, Expect: "locked"}, c.bytes())
	k.store(vector{File: "bad/wrong-certificate-key.sealed", About: "a good file, asked for with another certificate key", CertificateKey: p384PEM, AccessKey: accessPEM, Expect: "locked"}, c.bytes())
	rsaFile := newCraft(k.t, binding, text(100), []lock{k.rsa}, k.access1)
	rsaFile.h.Wraps[0] = must(WrapForCertificate(rsaFile.a, k.rsa.cert, Binding{File: [16]byte{9}, Account: accountID}))
	rsaFile.header = rsaFile.h.Marshal(rsaFile.k)
	k.store(vector{File: "bad/rsa-wrap-of-other-file.sealed", About: "share A wrapped by RSA for another file, MAC right", CertificateKey: rsaPEM, AccessKey: accessPEM, Expect: "damaged"}, rsaFile.bytes())
}

// open opens a vector with the keys it names, as a stranger with this package would.
func (k *kit) open(v vector) ([]byte, Trailer, error) {
	certs := map[string]lock{rsaPEM: k.rsa, p256PEM: k.p256, p384PEM: k.p384}
	access := map[string]hpke.PrivateKey{accessPEM: k.access1, otherPEM: k.access2, ingestPEM: k.ingest}
	obj, err := os.ReadFile(filepath.Join("testdata", v.File))
	if err != nil {
		k.t.Fatal(err)
	}
	return readAll(obj, func(h Header) (*FileKey, error) {
		if v.Grant != "" {
			return OpenGrant(must(hex.DecodeString(v.Grant)), access[v.AccessKey], h.Binding)
		}
		return h.FileKey(certs[v.CertificateKey].key, access[v.AccessKey])
	})
}

// TestVectors opens the stored files, which older versions of this program and of
// Go have sealed. With -update it makes them anew: a change of the format.
func TestVectors(t *testing.T) {
	k := newKit(t)
	list := filepath.Join("testdata", "vectors.json")
	if *update {
		k.goodOnes()
		k.badOnes()
		b := must(json.MarshalIndent(k.vectors, "", "  "))
		if err := os.WriteFile(list, append(b, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := json.Unmarshal(must(os.ReadFile(list)), &k.vectors); err != nil {
		t.Fatal(err)
	}
	if n := len(headerDamages) + len(bodyDamages) + len(manySlotDamages); len(k.vectors) < n {
		t.Fatalf("%d vectors, %d kinds of damage: run with -update", len(k.vectors), n)
	}
	for _, v := range k.vectors {
		t.Run(v.File, func(t *testing.T) {
			content, tr, err := k.open(v)
			switch v.Expect {
			case "ok":
				sum := sha256.Sum256(content)
				if err != nil || hex.EncodeToString(sum[:]) != v.SHA256 || int64(len(content)) != v.Size {
					t.Fatalf("%d bytes with SHA-256 %x, error %v", len(content), sum, err)
				}
				if tr.Name != v.Name || tr.ReceivedAt.UnixMicro() != v.ReceivedAt {
					t.Errorf("name %q received at %v", tr.Name, tr.ReceivedAt)
				}
			case "locked":
				wantKind(t, err, fault.Locked)
			default:
				wantKind(t, err, fault.Damaged)
			}
		})
	}
}

// TestSecondReader lets the Python reader judge the worked example of the
// document, the stored vectors, and files that this run has sealed.
func TestSecondReader(t *testing.T) {
	if err := exec.Command("python3", "-c", "import cryptography.hazmat.primitives.asymmetric.x25519").Run(); err != nil {
		needtest.Missing(t, "python3 with python3-cryptography is not installed: make deps")
	}
	tools := must(filepath.Abs(filepath.Join("..", "..", "tools", "opensealed")))
	run := func(script string, args ...string) {
		t.Helper()
		cmd := exec.Command("python3", append([]string{"-B", filepath.Join(tools, script)}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s %s: %v\n%s", script, args, err, out)
		}
	}
	run("test_opensealed.py")
	run("check_vectors.py", "testdata")

	k, keys, dir := newKit(t), os.DirFS(must(filepath.Abs("testdata/keys"))), t.TempDir()
	t.Chdir(dir) // the kit stores below the current directory
	k.goodOnes()
	if err := os.WriteFile("testdata/vectors.json", must(json.Marshal(k.vectors)), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.CopyFS("testdata/keys", keys); err != nil {
		t.Fatal(err)
	}
	run("check_vectors.py", filepath.Join(dir, "testdata"))
}
