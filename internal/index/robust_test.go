package index_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"sealgate/internal/fault"
	"sealgate/internal/index"
	"sealgate/internal/index/indextest"
	"sealgate/internal/payment"
)

// whole are samples of orders without fault: what is done to them must show.
func whole(t testing.TB) (samples []indextest.Sample) {
	for _, s := range indextest.Samples(t, samplesRoot, "pain001-v03", "pain001-v09") {
		if strings.Contains(s.Name, "/valid-") {
			samples = append(samples, s)
		}
	}
	return samples
}

func TestCampaignACutNeverPasses(t *testing.T) {
	step := 9 // with what is alike in a file, that comes to every place of it; in make test-long, to every byte
	if os.Getenv("SEALGATE_LONG") != "" {
		step = 1
	}
	for _, s := range whole(t) {
		end := len(bytes.TrimRight(s.Content, "\r\n "))
		for i := range end {
			if i%step != 0 && i < end-1000 {
				continue
			}
			if a := read(t, bytes.NewReader(s.Content[:i])); a.Outcome == payment.Indexed {
				t.Errorf("%s cut at byte %d of %d is indexed", s.Name, i, end)
			}
		}
	}
}

var witnessed = regexp.MustCompile(`<(InstdAmt Ccy="..."|NbOfTxs|CtrlSum)>([0-9.]+)<`)

func TestAFlippedDigitIsHeld(t *testing.T) {
	for _, s := range whole(t) {
		if !bytes.Contains(s.Content, []byte("<CtrlSum>")) {
			continue // its amounts have no witness
		}
		for _, m := range witnessed.FindAllSubmatchIndex(s.Content, -1) {
			for i := m[4]; i < m[5]; i++ {
				if s.Content[i] == '.' {
					continue
				}
				changed := bytes.Clone(s.Content)
				changed[i] = '0' + (changed[i]-'0'+1)%10
				if a := read(t, bytes.NewReader(changed)); a.Outcome != payment.Held {
					t.Errorf("%s with %q at %d is %s", s.Name, changed[m[0]:m[1]], i, a.Outcome)
				}
			}
		}
	}
}

// TestTheSamePaymentsWrittenOtherwise: prefix, encoding, blanks, quotes and
// empty elements are the writer's choice.
func TestTheSamePaymentsWrittenOtherwise(t *testing.T) {
	declaration := regexp.MustCompile(`<\?xml[^>]*\?>`)
	tag := regexp.MustCompile(`<(/?)([A-Za-z])`)
	text := regexp.MustCompile(`>([^<>\s][^<>]*)<`)
	rewrites := map[string]func(string) string{
		"prefix": func(s string) string {
			return strings.Replace(tag.ReplaceAllString(s, "<${1}ns0:$2"), "xmlns=", "xmlns:ns0=", 1)
		},
		"no line ends":   func(s string) string { return regexp.MustCompile(`>\s+<`).ReplaceAllString(s, "><") },
		"CR LF":          func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
		"line end in":    func(s string) string { return text.ReplaceAllString(s, ">\n  $1\t\n<") },
		"single quotes":  func(s string) string { return strings.ReplaceAll(s, `"`, "'") },
		"attributes":     func(s string) string { return strings.ReplaceAll(s, `<InstdAmt Ccy=`, `<InstdAmt  xml:id = "x" Ccy =`) },
		"comments":       func(s string) string { return strings.ReplaceAll(s, "</", "<!-- <Nm>x</Nm> --></") },
		"CDATA":          func(s string) string { return text.ReplaceAllStringFunc(s, func(m string) string { return cdata(m) }) },
		"references":     func(s string) string { return strings.ReplaceAll(s, "ö", "&#xF6;") },
		"no declaration": func(s string) string { return declaration.ReplaceAllString(s, "") },
		"mark":           func(s string) string { return "\xEF\xBB\xBF" + s },
		"UTF-16 LE":      func(s string) string { return toUTF16(declaration.ReplaceAllString(s, ""), false) },
		"UTF-16 BE": func(s string) string {
			return toUTF16(declaration.ReplaceAllString(s, `<?xml version="1.0" encoding="UTF-16"?>`), true)
		},
		"UTF-16 without mark": func(s string) string {
			return toUTF16(declaration.ReplaceAllString(s, `<?xml version="1.0" encoding="UTF-16LE"?>`), false)[2:]
		},
		"ISO 8859-1": func(s string) string {
			return toLatin1(declaration.ReplaceAllString(s, `<?xml version="1.0" encoding="iso-8859-1"?>`))
		},
		"windows-1252": func(s string) string {
			return toLatin1(declaration.ReplaceAllString(s, `<?xml version="1.0" encoding="Windows-1252"?>`))
		},
		"envelope": func(s string) string {
			return `<e:Env xmlns:e="urn:e"><AppHdr xmlns="urn:iso:std:iso:20022:tech:xsd:head.001.001.02"><Fr/></AppHdr><x><y>` +
				declaration.ReplaceAllString(s, "") + `</y></x></e:Env>`
		},
	}
	for _, s := range whole(t) {
		if bytes.Contains(s.Content[:60], []byte("8859")) {
			continue
		}
		want := read(t, bytes.NewReader(s.Content))
		for name, rewrite := range rewrites {
			got := read(t, strings.NewReader(rewrite(string(s.Content))))
			got.Encoding, got.Findings = want.Encoding, dropPlaces(got.Findings)
			w := want
			w.Findings = dropPlaces(want.Findings)
			for _, d := range indextest.Differences(got, w) {
				t.Errorf("%s with %s: %s", s.Name, name, d)
			}
		}
	}
}

func dropPlaces(f []payment.Finding) []payment.Finding {
	out := append([]payment.Finding{}, f...)
	for i := range out {
		out[i].FirstAt = nil
	}
	return out
}

func cdata(m string) string {
	inner := m[1 : len(m)-1]
	if strings.Contains(inner, "&") {
		return m
	}
	return "><![CDATA[" + inner + "]]><"
}

func toUTF16(s string, big bool) string {
	var b []byte
	for _, u := range utf16.Encode([]rune("\uFEFF" + s)) {
		if big {
			b = append(b, byte(u>>8), byte(u))
		} else {
			b = append(b, byte(u), byte(u>>8))
		}
	}
	return string(b)
}

func toLatin1(s string) string {
	var b []byte
	for _, r := range s {
		if r > 255 {
			panic("not in ISO 8859-1: " + string(r))
		}
		b = append(b, byte(r))
	}
	return string(b)
}

// repeat delivers a text n times.
type repeat struct {
	text string
	n    int
	rest string
}

func (r *repeat) Read(p []byte) (int, error) {
	if r.rest == "" {
		if r.n == 0 {
			return 0, io.EOF
		}
		r.n--
		r.rest = r.text
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

const (
	opening = `<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.09"><CstmrCdtTrfInitn><GrpHdr><MsgId>M</MsgId><NbOfTxs>%d</NbOfTxs><CtrlSum>%d</CtrlSum></GrpHdr>
<PmtInf><PmtInfId>B</PmtInfId><ReqdExctnDt><Dt>2026-03-04</Dt></ReqdExctnDt><DbtrAcct><Id><IBAN>SE8050000000052810112347</IBAN></Id></DbtrAcct>`
	onePayment = `<CdtTrfTxInf><PmtId><InstrId>I</InstrId><EndToEndId>E</EndToEndId></PmtId><Amt><InstdAmt Ccy="SEK">2.00</InstdAmt></Amt>
<CdtrAgt><FinInstnId><ClrSysMmbId><ClrSysId><Cd>SESBA</Cd></ClrSysId><MmbId>9900</MmbId></ClrSysMmbId></FinInstnId></CdtrAgt><Cdtr><Nm>Björn Åkeri AB</Nm></Cdtr>
<CdtrAcct><Id><Othr><Id>5999313</Id><SchmeNm><Prtry>BGNR</Prtry></SchmeNm></Othr></Id></CdtrAcct><RmtInf><Ustrd>Faktura</Ustrd></RmtInf></CdtTrfTxInf>
`
	closing = `</PmtInf></CstmrCdtTrfInitn></Document>`
)

func manyPayments(n int) io.Reader {
	return io.MultiReader(strings.NewReader(fmt.Sprintf(opening, n, 2*n)), &repeat{text: onePayment, n: n}, strings.NewReader(closing))
}

// liveHeap is the memory in use while f's emit function runs.
func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

func TestMemoryIsFlat(t *testing.T) {
	const n, allowed = 100_000, 4 << 20
	before := liveHeap()
	var most uint64
	seen := int64(0)
	s, err := index.Read(t.Context(), manyPayments(n), func(*payment.Payment) error {
		if seen++; seen%25_000 == 0 {
			most = max(most, liveHeap())
		}
		return nil
	})
	if err != nil || s.Outcome != payment.Indexed || s.PaymentCount != n || s.Sums[0].Minor != 200*n {
		t.Fatalf("%v, %+v", err, s)
	}
	if most > before+allowed {
		t.Errorf("%d bytes in use, %d before", most, before)
	}
}

// TestLimitsRefuseEarly: what goes over a limit is refused after little reading,
// however long it is.
func TestLimitsRefuseEarly(t *testing.T) {
	const huge = 1 << 20 // times 1 KiB
	kib := strings.Repeat("x", 1024)
	start := strings.TrimSuffix(fmt.Sprintf(opening, 1, 1), "\n")
	for name, c := range map[string]struct {
		before, text string
		want         payment.Code
	}{
		"attribute":  {start + `<Nm x="`, kib, payment.XMLLimit},
		"attributes": {start + "<Nm ", `x="1" `, payment.XMLMalformed},
		"name":       {start + "<", kib, payment.XMLLimit},
		"prefix":     {start + "<x:", kib, payment.XMLLimit},
		"end tag":    {start + "</", kib, payment.XMLLimit},
		"text":       {start + "<Nm>", kib, payment.FieldLimit},
		"blanks":     {start, strings.Repeat(" ", 1024), payment.FieldLimit},
		"depth":      {start, "<a>", payment.XMLLimit},
		"messages":   {start + "<CdtTrfTxInf><RmtInf>", "<Ustrd>" + kib + "</Ustrd>", payment.FieldLimit},
		"reference":  {start + "<Nm>&", kib, payment.XMLMalformed},
		"number":     {start + "<Nm>&#", strings.Repeat("0", 1024), payment.XMLMalformed},
		"target":     {start + "<?", kib, payment.XMLLimit},
		"doctype":    {"<!DOCTYPE a [", kib, payment.XMLForbiddenDoctype},
		"blank tag":  {start + "<Nm", strings.Repeat(" ", 1024), payment.XMLLimit},
		"bad xml":    {"<?xml version='", kib, payment.XMLLimit},
	} {
		src := &counting{r: io.MultiReader(strings.NewReader(c.before), &repeat{text: c.text, n: huge})}
		s, err := index.Read(t.Context(), src, func(*payment.Payment) error { return nil })
		if err != nil || s.Outcome != payment.Refused || s.Findings[0].Code != c.want {
			t.Errorf("%s: %v, %+v", name, err, s.Findings)
		}
		if src.n > 4<<20 {
			t.Errorf("%s: refused only after %d bytes", name, src.n)
		}
	}
}

type counting struct {
	r io.Reader
	n int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func TestErrorsThatAreNotTheFiles(t *testing.T) {
	broken := errors.New("broken")
	file := fmt.Sprintf(opening, 1, 2) + onePayment + closing
	none := func(*payment.Payment) error { return nil }
	if _, err := index.Read(t.Context(), iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader(file))), none); !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("source: %v", err)
	}
	for i := range len(file) {
		src := io.MultiReader(strings.NewReader(file[:i]), iotest.ErrReader(broken))
		if s, err := index.Read(t.Context(), src, none); !errors.Is(err, broken) && s.Outcome != payment.Refused {
			t.Errorf("source fails at %d: %v, %+v", i, err, s)
		}
	}
	if _, err := index.Read(t.Context(), strings.NewReader(file), func(*payment.Payment) error { return fault.New(fault.Full, "x", "full") }); !fault.Is(err, fault.Full) {
		t.Errorf("emit: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	_, err := index.Read(ctx, manyPayments(1<<30), func(*payment.Payment) error { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

func TestReadTwice(t *testing.T) {
	for _, s := range indextest.Samples(t, samplesRoot, folders...) {
		a, b := read(t, bytes.NewReader(s.Content)), read(t, bytes.NewReader(s.Content))
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s: two answers", s.Name)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, s := range indextest.Samples(f, samplesRoot, folders...) {
		if len(s.Content) < 20_000 {
			f.Add(s.Content)
		}
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		at := read(t, bytes.NewReader(file))
		if by := read(t, iotest.OneByteReader(bytes.NewReader(file))); !reflect.DeepEqual(at, by) {
			t.Errorf("at once %+v, byte by byte %+v", at, by)
		}
		if int64(len(at.Payments)) != at.PaymentCount && at.Outcome != payment.Refused {
			t.Errorf("%d payments, %d counted", len(at.Payments), at.PaymentCount)
		}
		if at.Outcome == payment.Refused && (len(at.Findings) != 1 || at.Findings[0].Severity != payment.Fatal) {
			t.Errorf("refused with %+v", at.Findings)
		}
		for _, finding := range at.Findings {
			if finding.Message == "" || finding.Count < 1 {
				t.Errorf("finding %+v", finding)
			}
		}
	})
}

func BenchmarkPain001(b *testing.B) {
	const n = 20_000
	file, err := io.ReadAll(manyPayments(n))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		s, err := index.Read(b.Context(), bytes.NewReader(file), func(*payment.Payment) error { return nil })
		if err != nil || s.PaymentCount != n || s.Outcome != payment.Indexed {
			b.Fatal(err, s)
		}
	}
}
