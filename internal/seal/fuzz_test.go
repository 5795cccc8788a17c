package seal

import (
	"bytes"
	"crypto/elliptic"
	"encoding/binary"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
)

// fuzzKey is the same in every run: the fuzzer keeps inputs for it.
func fuzzKey() *FileKey { return DeriveFileKey(Share{1}, Share{2}, fileID) }

func fuzzObject(n int) []byte {
	var obj bytes.Buffer
	must(Seal(&obj, bytes.NewReader(text(n)), Header{Binding: binding}, fuzzKey(), "a.xml", received))
	return obj.Bytes()
}

// FuzzHeader: whatever is read as a header is written back as the same bytes,
// and nothing makes the parser panic or take more than its bounds.
func FuzzHeader(f *testing.F) {
	l := newLock(f, ecKey(f, elliptic.P256()))
	k := fuzzKey()
	f.Add(Header{Binding: binding}.Marshal(k))
	f.Add(newCraft(f, binding, nil, []lock{l}, hybridKey(f)).header)
	f.Fuzz(func(t *testing.T, b []byte) {
		h, raw, err := ReadHeader(bytes.NewReader(b))
		if err != nil {
			return
		}
		if len(raw) > MaxHeader || len(h.Wraps) > MaxWraps || !bytes.HasPrefix(b, raw) {
			t.Fatalf("%d bytes, %d wraps", len(raw), len(h.Wraps))
		}
		signed := raw[:len(raw)-macSize]
		if again := h.Marshal(k); !bytes.Equal(again[:len(again)-macSize], signed) {
			t.Fatalf("%x is written back as %x", signed, again)
		}
	})
}

// FuzzMalleability: under the keys of a handful of stored files, nothing opens
// but those files, byte for byte.
func FuzzMalleability(f *testing.F) {
	k := newKit(f)
	made, keys := map[string]bool{}, []*FileKey{}
	for _, name := range []string{"empty", "one-byte", "p256", "several"} {
		obj := must(os.ReadFile(filepath.Join("testdata", "good", name+".sealed")))
		h, _, err := ReadHeader(bytes.NewReader(obj))
		if err != nil {
			f.Fatal(err)
		}
		made[string(obj)] = true
		keys = append(keys, must(h.FileKey(k.p256.key, k.access1)))
		f.Add(obj)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		opens := false
		for _, key := range keys {
			_, _, err := readAll(b, func(Header) (*FileKey, error) { return key, nil })
			opens = opens || err == nil
		}
		if opens != made[string(b)] {
			t.Fatalf("opens: %v, was sealed: %v: %x", opens, made[string(b)], b)
		}
	})
}

// FuzzOpen edits a file of three slots by a small program of moves, as somebody
// with access to the vault could, and reads it: the same content or an error.
func FuzzOpen(f *testing.F) {
	plain := text(2*SlotSize + 50)
	obj := fuzzObject(len(plain))
	edge := func(k int64) []byte {
		return binary.BigEndian.AppendUint32(nil, uint32(SlotOffset(fixedSize+macSize, k)))
	}
	f.Add(append([]byte{'c'}, edge(1)...))
	f.Add(append(append([]byte{'m'}, edge(0)...), edge(1)...))
	f.Add([]byte{'x', 0, 0, 1, 0, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, program []byte) {
		bad := edit(bytes.Clone(obj), program)
		r, err := OpenReaderAt(bytes.NewReader(bad), int64(len(bad)), func(Header) (*FileKey, error) { return fuzzKey(), nil })
		if err != nil {
			return
		}
		p := make([]byte, 40_000)
		for off := int64(0); off < r.Size(); off += int64(len(p)) {
			n, _ := r.ReadAt(p, off)
			if !bytes.Equal(p[:n], plain[off:off+int64(n)]) {
				t.Fatal("wrong bytes")
			}
		}
		if r.Verify(noCtx) == nil && !bytes.Equal(bad, obj) {
			t.Fatal("another file verifies")
		}
	})
}

// edit runs moves of nine bytes: an operation and two offsets.
func edit(b, program []byte) []byte {
	for ; len(program) >= 9 && len(b) > 0; program = program[9:] {
		i := int(binary.BigEndian.Uint32(program[1:])) % len(b)
		j := int(binary.BigEndian.Uint32(program[5:])) % len(b)
		switch program[0] {
		case 'x': // flip
			b[i] ^= program[8] | 1
		case 'm': // move a sealed slot's worth from i over j
			copy(b[j:], bytes.Clone(b[i:min(len(b), i+SealedSlot)]))
		case 'd': // drop
			b = append(b[:min(i, j)], b[max(i, j):]...)
		case 'c': // cut
			b = b[:i]
		case 'a': // add
			b = append(b, bytes.Clone(b[i:])...)
		}
	}
	return b
}

// FuzzTrailer seals any trailer and opens the same.
func FuzzTrailer(f *testing.F) {
	f.Add(int64(0), "a/b.xml", int64(1))
	f.Add(int64(1)<<47, string(bytes.Repeat([]byte{0xc3}, 300)), int64(-1))
	body := must(NewBody(fuzzKey(), fileID))
	f.Fuzz(func(t *testing.T, size int64, name string, micro int64) {
		size &= MaxSlots*SlotSize - 1
		in := Trailer{Size: size, Name: fitName(name), ReceivedAt: received.AddDate(0, 0, int(micro%100_000))}
		out, err := body.OpenTrailer(body.SealTrailer(nil, Trailer{Size: size, Name: name, ReceivedAt: in.ReceivedAt}), Slots(size))
		if err != nil || out != in {
			t.Fatalf("sealed %+v, opened %+v, %v", in, out, err)
		}
	})
}

// TestStoredHeadersAreCanonical writes the headers of the stored files back.
func TestStoredHeadersAreCanonical(t *testing.T) {
	var vectors []vector
	if err := json.Unmarshal(must(os.ReadFile("testdata/vectors.json")), &vectors); err != nil {
		t.Fatal(err)
	}
	for _, v := range vectors {
		if v.Expect != "ok" {
			continue
		}
		h, raw, err := ReadHeader(bytes.NewReader(must(os.ReadFile(filepath.Join("testdata", v.File)))))
		if err != nil {
			t.Errorf("%s: %v", v.File, err)
			continue
		}
		if again := h.Marshal(fuzzKey()); !bytes.Equal(again[:len(again)-macSize], raw[:len(raw)-macSize]) {
			t.Errorf("%s: written back otherwise", v.File)
		}
	}
}
