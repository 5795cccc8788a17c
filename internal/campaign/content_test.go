package campaign

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/pkg/sftp"

	"sealgate/internal/index/paygen"
)

// lots returns a source of random numbers and prints its seed.
func lots(t testing.TB) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if s := os.Getenv("SEALGATE_SEED"); s != "" {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("SEALGATE_SEED: %v", err)
		}
		seed = n
	}
	t.Logf("SEALGATE_SEED=%d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// payfile writes a payment file without fault, unlike any other of another
// seed, filled up to size with blanks after its end: cut anywhere in there it is
// still a whole document, so that only the protocol can tell that some of it is
// missing.
func payfile(seed uint64, payments, size int) []byte {
	var b bytes.Buffer
	_, err := paygen.Write(&b, paygen.Spec{Format: paygen.Pain001, Version: "09", Payments: uint64(payments), Batch: 100, Seed: seed})
	if err != nil {
		panic(err)
	}
	return append(b.Bytes(), blanks(seed, size-b.Len())...)
}

// blanks returns n bytes of white space, each seed's its own.
func blanks(seed uint64, n int) []byte {
	r := rand.New(rand.NewPCG(seed, 1))
	b := make([]byte, max(0, n))
	for i := range b {
		b[i] = " \t\n\r"[r.IntN(4)]
	}
	return b
}

// noise is a file of no format at all.
func noise(seed uint64, size int) []byte {
	r := rand.New(rand.NewPCG(seed, 2))
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// put sends a file as most clients do: open, write concurrently, close.
func put(c *sftp.Client, name string, content []byte) error {
	f, err := c.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	if _, err := f.ReadFrom(bytes.NewReader(content)); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// fetch reads a file whole.
func fetch(c *sftp.Client, name string) ([]byte, error) {
	f, err := c.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var b bytes.Buffer
	_, err = f.WriteTo(&b)
	if err == io.EOF {
		err = nil
	}
	return b.Bytes(), err
}
