package index_test

import (
	"bytes"
	"context"
	"io"
	"testing"
	"testing/iotest"

	"sealgate/internal/index"
	"sealgate/internal/index/indextest"
)

const samplesRoot = "testdata/samples"

var folders = []string{"pain001-v03", "pain001-v09", "lb", "misc", "sequence"}

func read(t testing.TB, r io.Reader) indextest.Answer {
	t.Helper()
	var a indextest.Answer
	var err error
	if a.Summary, err = index.Read(context.Background(), r, a.Emit); err != nil {
		t.Fatal(err)
	}
	return a
}

// TestSamples reads the given samples, and in testdata/second the small files
// of a second reader of the formats' descriptions: one rule each, the answer
// worked out by hand and not with this code.
func TestSamples(t *testing.T) {
	samples := indextest.Samples(t, samplesRoot, folders...)
	samples = append(samples, indextest.Samples(t, "testdata", "second")...)
	for _, s := range samples {
		for name, r := range map[string]io.Reader{
			"at once":      bytes.NewReader(s.Content),
			"byte by byte": iotest.OneByteReader(bytes.NewReader(s.Content)),
			"by halves":    iotest.HalfReader(bytes.NewReader(s.Content)),
			"data and end": iotest.DataErrReader(bytes.NewReader(s.Content)),
		} {
			t.Run(s.Name+"/"+name, func(t *testing.T) { indextest.Check(t, read(t, r), s.Want) })
		}
	}
}
