package record

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"sealgate/internal/index/family"
	"sealgate/internal/payment"
)

// opt is a format of ten characters whose product name is the letter in the
// second position of a record that starts with H.
var opt = Options{Length: 10, Habit: func(raw []byte) Charset {
	if len(raw) < 2 || raw[0] != 'H' {
		return Undecided
	}
	return ProductName(raw[1])
}}

// contents is all that a reader tells about a source.
type contents struct {
	records  []string // line: text
	encoding string
	findings []payment.Code
	stop     *family.Stop
}

func readAll(t testing.TB, src io.Reader) contents {
	t.Helper()
	var c contents
	out := family.NewCollector(func(*payment.Payment) error { return nil })
	r := NewReader(src, opt)
	for {
		rec, err := r.Next()
		if errors.As(err, &c.stop) || err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		c.records = append(c.records, fmt.Sprintf("%d:%s", rec.Line, rec.Text(1, opt.Length)))
	}
	r.Finish(out)
	s := out.Summary()
	c.encoding = *s.Encoding
	for _, f := range s.Findings {
		c.findings = append(c.findings, f.Code)
	}
	return c
}

func TestLinesAndCharacterSets(t *testing.T) {
	unexpected := []payment.Code{payment.CharsetUnexpected}
	for _, c := range []struct {
		name, file string
		want       contents
	}{
		{"CRLF", "a\r\nb\r\n", contents{records: []string{"1:a", "2:b"}}},
		{"LF", "a\nb", contents{records: []string{"1:a", "2:b"}}},
		{"CR", "a\rb\r", contents{records: []string{"1:a", "2:b"}}},
		{"LF CR is two kinds", "a\n\rb", contents{records: []string{"1:a", "3:b"}, findings: []payment.Code{payment.MixedLineEnds}}},
		{"mixed", "a\nb\r\nc\n", contents{records: []string{"1:a", "2:b", "3:c"}, findings: []payment.Code{payment.MixedLineEnds}}},
		{"blank lines", "\n \t\x00\na\n\n", contents{records: []string{"3:a"}}},
		{"padding", "a \t\x00\x00\n", contents{records: []string{"1:a"}}},
		{"end mark", "a\n\x1a", contents{records: []string{"1:a"}}},
		{"end mark after text", "a\nb\x1a", contents{records: []string{"1:a", "2:b"}}},
		{"one end mark only", "a\n\x1a\x1a", contents{records: []string{"1:a", "2:\x1a"}}},
		{"end mark inside", "a\x1ab\n", contents{records: []string{"1:a\x1ab"}}},
		{"empty", "", contents{}},
		{"blanks", "  \n \n", contents{}},
		{"blocks", "0123456789abcdefghij  xyz", contents{records: []string{"1:0123456789", "2:abcdefghij", "3:xyz"}}},
		{"blocks with an end mark", "0123456789abcdefghi\x1a", contents{records: []string{"1:0123456789", "2:abcdefghi"}}},
		{"blank block", "0123456789          xyz", contents{records: []string{"1:0123456789", "3:xyz"}}},
		{"blocks in UTF-8", "åäöåäöåäöåabcdefghiöz", contents{records: []string{"1:åäöåäöåäöå", "2:abcdefghiö", "3:z"}, encoding: "UTF-8", findings: unexpected}},
		{"blocks in Latin-1", "\xe5\xe4\xf6\xe5\xe4\xf6\xe5\xe4\xf6\xe5abc", contents{records: []string{"1:åäöåäöåäöå", "2:abc"}, encoding: "ISO-8859-1"}},
		{"one line only is not blocks", "0123456789abc\n", contents{stop: &family.Stop{Code: payment.RecordLength}}},
		{"too long", "a\n0123456789x\n", contents{records: []string{"1:a"}, stop: &family.Stop{Code: payment.RecordLength}}},
		{"just right", "a\n0123456789   \n", contents{records: []string{"1:a", "2:0123456789"}}},
		{"characters are counted", "a\nåäöåäöåäöå\n", contents{records: []string{"1:a", "2:åäöåäöåäöå"}, encoding: "UTF-8", findings: unexpected}},
		{"Latin-1", "\xe5\n\xc3\xa5\n", contents{records: []string{"1:å", "2:Ã¥"}, encoding: "ISO-8859-1"}},
		{"UTF-8 broken", "å\n\xe5\n", contents{records: []string{"1:å"}, encoding: "UTF-8", findings: unexpected, stop: &family.Stop{Code: payment.BadEncoding}}},
		{"UTF-8 mark", "\xef\xbb\xbfa\n", contents{records: []string{"1:a"}, encoding: "UTF-8", findings: unexpected}},
		{"mark, then Latin-1", "\xef\xbb\xbfa\n\xe5\n", contents{records: []string{"1:a"}, encoding: "UTF-8", findings: unexpected, stop: &family.Stop{Code: payment.BadEncoding}}},
		{"seven bits", "H\\\n[\\]{|}\n", contents{records: []string{"1:HÖ", "2:ÄÖÅäöå"}, encoding: "ISO646-SE", findings: unexpected}},
		{"seven bits, then eight", "H\\\n\xe5\n", contents{records: []string{"1:HÖ"}, encoding: "ISO646-SE", findings: unexpected, stop: &family.Stop{Code: payment.BadEncoding}}},
		{"code page 850", "x\nH\x99\n\x8f\x86\xf8\n", contents{records: []string{"1:x", "2:HÖ", "3:Åå°"}, encoding: "CP850", findings: unexpected}},
		{"brackets in another file", "HO\n[]\n", contents{records: []string{"1:HO", "2:[]"}}},
		{"line of 4096", "a\n" + strings.Repeat(" ", 4096) + "\nb", contents{records: []string{"1:a", "3:b"}}},
		{"line of 4097", "a\n" + strings.Repeat(" ", 4097) + "\nb", contents{records: []string{"1:a"}, stop: &family.Stop{Code: payment.FieldLimit}}},
		{"first line of 4097", strings.Repeat("a", 4097) + "\nb", contents{stop: &family.Stop{Code: payment.FieldLimit}}},
		{"line end after blanks of any size", strings.Repeat(" ", 100_000) + "\nb", contents{stop: &family.Stop{Code: payment.FieldLimit}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.want.encoding == "" {
				c.want.encoding = "US-ASCII"
			}
			for _, src := range []io.Reader{
				strings.NewReader(c.file), iotest.OneByteReader(strings.NewReader(c.file)),
				iotest.DataErrReader(strings.NewReader(c.file)), iotest.HalfReader(strings.NewReader(c.file)),
			} {
				got := readAll(t, src)
				if (got.stop == nil) != (c.want.stop == nil) || (got.stop != nil && got.stop.Code != c.want.stop.Code) {
					t.Fatalf("stop %v, want %v", got.stop, c.want.stop)
				}
				if got.stop = c.want.stop; !reflect.DeepEqual(got, c.want) {
					t.Errorf("got %+v\nwant %+v", got, c.want)
				}
			}
		})
	}
}

func TestPlaceOfABadByte(t *testing.T) {
	got := readAll(t, strings.NewReader("å\r\nab\xe5\r\n"))
	if got.stop == nil || got.stop.At != (payment.Place{Line: 2, Byte: 6}) {
		t.Errorf("%+v", got.stop)
	}
}

func TestSourceErrorIsReturnedUnchanged(t *testing.T) {
	broken := errors.New("broken")
	for _, err := range []error{broken, fmt.Errorf("cut: %w", io.EOF), io.ErrUnexpectedEOF} {
		r := NewReader(io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(err)), opt)
		if _, got := r.Next(); got != nil {
			t.Fatal(got)
		}
		if _, got := r.Next(); got != err {
			t.Errorf("%v, want %v", got, err)
		}
	}
	if _, err := NewReader(stuck{}, opt).Next(); err != io.ErrNoProgress {
		t.Errorf("a source that gives nothing: %v", err)
	}
}

type stuck struct{}

func (stuck) Read([]byte) (int, error) { return 0, nil }

func TestFields(t *testing.T) {
	for _, file := range []string{"ab 12 ö  9\n", "ab 12 \xf6  9\n"} {
		r := NewReader(strings.NewReader(file), opt)
		rec, err := r.Next()
		if err != nil {
			t.Fatal(err)
		}
		if rec.Len() != 10 || rec.Text(1, 10) != "ab 12 ö  9" || rec.Text(6, 8) != "ö" || rec.Text(3, 3) != "" || rec.Text(11, 20) != "" {
			t.Errorf("%q: %d characters, %q", file, rec.Len(), rec.Text(1, 10))
		}
		if rec.At(10) != '9' || rec.At(11) != ' ' || rec.At(1) != 'a' || !rec.Blank(8, 9) || !rec.Blank(11, 99) || rec.Blank(6, 8) {
			t.Errorf("%q: wrong positions", file)
		}
		for _, c := range []struct {
			first, last int
			v           int64
			state       State
		}{
			{4, 5, 12, Good},
			{3, 5, 12, Good},
			{4, 6, 0, Bad},
			{8, 9, 0, Absent},
			{8, 10, 9, Good},
			{8, 11, 0, Bad},
			{11, 12, 0, Absent},
			{1, 3, 0, Bad},
			{7, 7, 0, Bad},
			{9, 10, 9, Good},
		} {
			if v, state := rec.Number(c.first, c.last); v != c.v || state != c.state {
				t.Errorf("%q: Number(%d, %d) = %d, %d", file, c.first, c.last, v, state)
			}
		}
	}
}

func TestNumberOfAnyWidth(t *testing.T) {
	r := NewReader(strings.NewReader(strings.Repeat("9", 19)+"\n"), Options{Length: 19})
	rec, err := r.Next()
	if err != nil {
		t.Fatal(err)
	}
	if v, state := rec.Number(1, 18); v != 999_999_999_999_999_999 || state != Good {
		t.Error(v, state)
	}
	if _, state := rec.Number(1, 19); state != Bad {
		t.Error("nineteen digits are read")
	}
}

// FuzzRecords reads anything: no panic, no record beyond the length, and the
// same records however the source cuts its reads.
func FuzzRecords(f *testing.F) {
	for _, s := range []string{"a\r\nb\r\n", "0123456789abcdefghij", "H\\\n[\n", "H\x99\n\x8f\n", "å\n\xe5\n", "\xef\xbb\xbfa\rb\n\x1a", "\x00\t \n"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		want := readAll(t, bytes.NewReader(data))
		for _, src := range []io.Reader{iotest.OneByteReader(bytes.NewReader(data)), iotest.DataErrReader(iotest.HalfReader(bytes.NewReader(data)))} {
			if got := readAll(t, src); !reflect.DeepEqual(got, want) {
				t.Fatalf("%+v\nor %+v", got, want)
			}
		}
		r := NewReader(bytes.NewReader(data), opt)
		for rec, err := r.Next(); err == nil; rec, err = r.Next() {
			if rec.Len() < 1 || rec.Len() > opt.Length {
				t.Fatalf("a record of %d characters", rec.Len())
			}
			for i := 1; i <= opt.Length+1; i++ {
				rec.At(i)
				rec.Number(i, i+5)
				rec.Blank(i, i)
			}
		}
	})
}
