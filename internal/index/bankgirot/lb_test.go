package bankgirot

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"sealgate/internal/index/family"
	"sealgate/internal/index/indextest"
	"sealgate/internal/payment"
)

const samples = "../testdata/samples"

func readAll(t testing.TB, src io.Reader) indextest.Answer {
	t.Helper()
	a := indextest.Answer{}
	out := family.NewCollector(a.Emit)
	var stop *family.Stop
	switch err := (LB{}).Read(src, out); {
	case err == nil:
		a.Summary = out.Summary()
	case errors.As(err, &stop):
		a.Summary, a.Payments = out.Refused(stop), nil
	default:
		t.Fatal(err)
	}
	return a
}

func read(t testing.TB, data []byte) indextest.Answer { return readAll(t, bytes.NewReader(data)) }

// text renders an answer, for comparing and for people.
func text(t testing.TB, a indextest.Answer) string {
	t.Helper()
	b, err := json.MarshalIndent(a, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// valid returns the samples without a finding, by name.
func valid(t testing.TB) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	for _, s := range indextest.Samples(t, samples, "lb") {
		if name := filepath.Base(s.Name); strings.HasPrefix(name, "valid-") {
			files[name] = s.Content
		}
	}
	return files
}

func TestSamples(t *testing.T) {
	for _, s := range indextest.Samples(t, samples, "lb") {
		t.Run(s.Name, func(t *testing.T) {
			if !(LB{}).Match(s.Content[:min(len(s.Content), family.HeadSize)]) {
				t.Error("not recognised")
			}
			indextest.Check(t, read(t, s.Content), s.Want)
		})
	}
}

func TestChunkingChangesNothing(t *testing.T) {
	for _, s := range indextest.Samples(t, samples, "lb") {
		for variant, data := range map[string][]byte{
			"as is": s.Content, "no line ends": bytes.ReplaceAll(s.Content, []byte("\r\n"), nil),
		} {
			want := text(t, read(t, data))
			for how, src := range map[string]io.Reader{
				"one byte": iotest.OneByteReader(bytes.NewReader(data)),
				"halves":   iotest.HalfReader(bytes.NewReader(data)),
				"data+EOF": iotest.DataErrReader(bytes.NewReader(data)),
			} {
				if got := text(t, readAll(t, src)); got != want {
					t.Errorf("%s, %s, %s:\n%s\nnot\n%s", s.Name, variant, how, got, want)
				}
			}
		}
	}
}

// TestEqualFilesEqualAnswers writes the same payments in other legal ways.
func TestEqualFilesEqualAnswers(t *testing.T) {
	utf8 := func(b []byte) []byte {
		out := []rune{}
		for _, c := range b {
			out = append(out, rune(c))
		}
		return []byte(string(out))
	}
	swap := func(pairs ...string) func([]byte) []byte {
		return func(b []byte) []byte { return []byte(strings.NewReplacer(pairs...).Replace(string(b))) }
	}
	lines := func(f func(string) string) func([]byte) []byte {
		return func(b []byte) []byte {
			in := strings.Split(strings.TrimSuffix(string(b), "\r\n"), "\r\n")
			for i := range in {
				in[i] = f(in[i])
			}
			return []byte(strings.Join(in, "\r\n") + "\r\n")
		}
	}
	trim := func(s string) string { return strings.TrimRight(s, " ") }
	ways := []struct {
		name     string
		write    func([]byte) []byte
		encoding string
		findings []payment.Code
	}{
		{"LF", swap("\r\n", "\n"), "ISO-8859-1", nil},
		{"CR", swap("\r\n", "\r"), "ISO-8859-1", nil},
		{"no line ends", swap("\r\n", ""), "ISO-8859-1", nil},
		{"no line ends, UTF-8", func(b []byte) []byte { return utf8(swap("\r\n", "")(b)) }, "UTF-8", []payment.Code{payment.CharsetUnexpected}},
		{"blank lines", swap("\r\n", "\r\n  \t\r\n\r\n"), "ISO-8859-1", nil},
		{"leading line ends", func(b []byte) []byte { return append([]byte("\r\n\r\n"), b...) }, "ISO-8859-1", nil},
		{"end mark", func(b []byte) []byte { return append(bytes.Clone(b), 0x1A) }, "ISO-8859-1", nil},
		{"no last line end", func(b []byte) []byte { return bytes.TrimRight(b, "\r\n") }, "ISO-8859-1", nil},
		{"blanks cut", lines(trim), "ISO-8859-1", nil},
		{"tab in the padding", lines(func(s string) string { return trim(s) + "\t" }), "ISO-8859-1", nil},
		{"zero bytes", lines(func(s string) string { return trim(s) + strings.Repeat("\x00", 40) }), "ISO-8859-1", nil},
		{"longer padding", lines(func(s string) string { return s + strings.Repeat(" ", 300) }), "ISO-8859-1", nil},
		{"mixed", func(b []byte) []byte { return bytes.Replace(b, []byte("\r\n"), []byte("\n"), 1) }, "ISO-8859-1", []payment.Code{payment.MixedLineEnds}},
		{"UTF-8", utf8, "UTF-8", []payment.Code{payment.CharsetUnexpected}},
		{"UTF-8 with mark", func(b []byte) []byte { return append([]byte("\xef\xbb\xbf"), utf8(b)...) }, "UTF-8", []payment.Code{payment.CharsetUnexpected}},
		{"seven bits", swap("\xc4", "[", "\xd6", `\`, "\xc5", "]", "\xe4", "{", "\xf6", "|", "\xe5", "}"), "ISO646-SE", []payment.Code{payment.CharsetUnexpected}},
		{"code page 850", swap("\xc4", "\x8e", "\xd6", "\x99", "\xc5", "\x8f", "\xe4", "\x84", "\xf6", "\x94", "\xe5", "\x86"), "CP850", []payment.Code{payment.CharsetUnexpected}},
		{"small letter in the product name", swap("LEVERANT\xd6RS", "LEVERANT\xf6RS"), "ISO-8859-1", nil},
		{"small, seven bits", swap("LEVERANT\xd6RS", "LEVERANT|RS", "\xc4", "[", "\xd6", `\`, "\xc5", "]", "\xe4", "{", "\xf6", "|", "\xe5", "}"), "ISO646-SE", []payment.Code{payment.CharsetUnexpected}},
	}
	for _, name := range []string{"valid-01-bankgiro-and-plusgiro.txt", "valid-02-two-sections-deductions-accounts.txt", "valid-04-sealed.txt"} {
		data := valid(t)[name]
		want := read(t, data)
		for _, w := range ways {
			written := w.write(data)
			if !(LB{}).Match(written[:min(len(written), family.HeadSize)]) {
				t.Errorf("%s, %s: not recognised", name, w.name)
			}
			got := read(t, written)
			if !reflect.DeepEqual(got.Payments, want.Payments) || !reflect.DeepEqual(got.Sums, want.Sums) || got.Outcome != payment.Indexed {
				t.Errorf("%s, %s: %s", name, w.name, text(t, got))
			}
			if *got.Encoding != w.encoding {
				t.Errorf("%s, %s: encoding %s, want %s", name, w.name, *got.Encoding, w.encoding)
			}
			codes := []payment.Code(nil)
			for _, f := range got.Findings {
				codes = append(codes, f.Code)
			}
			if !reflect.DeepEqual(codes, w.findings) {
				t.Errorf("%s, %s: findings %v, want %v", name, w.name, codes, w.findings)
			}
		}
	}
}

// TestAsciiFile has no letter that any of the sets would write otherwise.
func TestAsciiFile(t *testing.T) {
	data := bytes.ReplaceAll(valid(t)["valid-03-unpadded-lf-negative-total-eur.txt"], []byte("\xd6"), []byte("O"))
	if got := read(t, data); got.Outcome != payment.Indexed || *got.Encoding != "US-ASCII" || len(got.Findings) != 0 {
		t.Error(text(t, got))
	}
}

// TestFlippedDigitIsHeld is the file's own witness: no amount, count or total
// can change unseen.
func TestFlippedDigitIsHeld(t *testing.T) {
	for name, data := range valid(t) {
		start := 0
		for start < len(data) {
			line := data[start:]
			if i := bytes.IndexByte(line, '\n'); i >= 0 {
				line = line[:i]
			}
			from, to := 0, 0
			switch string(line[:2]) {
			case "14", "15", "16", "54":
				from, to = 37, 49
			case "29":
				from, to = 12, 32
			}
			for i := from; i < to; i++ {
				if d := line[i]; d >= '0' && d <= '9' {
					changed := bytes.Clone(data)
					changed[start+i] = '0' + (d-'0'+1)%10
					if got := read(t, changed); got.Outcome != payment.Held {
						t.Errorf("%s, byte %d: %s", name, start+i, got.Outcome)
					}
				}
			}
			start += len(line) + 1
		}
	}
}

// TestCutAnywhere cuts at every byte. A cut between two sections leaves a file
// that is whole by its own rules (docs/formats.md, "What the content cannot
// show"); so does one that takes only padding and line ends.
func TestCutAnywhere(t *testing.T) {
	cut := func(name string, data []byte, record func(head []byte) []byte) {
		for n := range len(data) {
			head := data[:n]
			if !(LB{}).Match(head) {
				continue // refused as unknown before it comes here
			}
			got := read(t, head)
			if got.Outcome != payment.Indexed {
				continue
			}
			last := record(bytes.TrimRight(head, " \r\n"))
			rest := bytes.TrimLeft(data[n:], " \r\n")
			sectionEnd := bytes.HasPrefix(last, []byte("29")) && (len(rest) == 0 || bytes.HasPrefix(rest, []byte("11")))
			sealEnd := bytes.HasPrefix(last, []byte("99")) && len(rest) == 0
			if !sectionEnd && !sealEnd {
				t.Errorf("%s cut at %d is indexed", name, n)
			}
		}
	}
	for name, data := range valid(t) {
		cut(name, data, func(head []byte) []byte { return head[bytes.LastIndexByte(head, '\n')+1:] })
		if bytes.Contains(data, []byte("\r\n")) {
			blocks := bytes.ReplaceAll(data, []byte("\r\n"), nil)
			cut(name+" without line ends", blocks, func(head []byte) []byte { return head[(len(head)-1)/recordLength*recordLength:] })
		}
	}
}
