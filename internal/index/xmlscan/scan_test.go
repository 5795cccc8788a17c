package xmlscan

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"sealgate/internal/index/family"
	"sealgate/internal/payment"
)

// events renders what a scanner of the document says, text joined.
func events(s *Scanner) string {
	var out strings.Builder
	for {
		ev, err := s.Next()
		if err != nil {
			var stop *family.Stop
			if errors.As(err, &stop) {
				fmt.Fprintf(&out, "!%s@%d", stop.Code, stop.At.Line)
			} else {
				fmt.Fprintf(&out, "\x00%v", err)
			}
			return out.String()
		}
		switch ev {
		case Start:
			fmt.Fprintf(&out, "<%s", s.Local())
			if uri := s.Space(); len(uri) > 0 {
				fmt.Fprintf(&out, "{%s}", uri)
			}
			if v, ok := s.Attr("a"); ok {
				fmt.Fprintf(&out, " a=%q", v)
			}
			out.WriteString(">")
		case Text:
			out.Write(s.Text())
		case End:
			fmt.Fprintf(&out, "</%s>", s.Local())
		case EOF:
			return out.String()
		}
	}
}

func TestScan(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("<a>", n) + strings.Repeat("</a>", n) }
	attrs := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, " x%d='1'", i)
		}
		return "<a" + b.String() + "/>"
	}
	for _, c := range []struct{ doc, want string }{
		{"<a/>", "<a></a>"},
		{"\xEF\xBB\xBF<?xml version='1.0'?>\n<a>x</a>\n", "<a>x</a>"},
		{"<a> <b> x </b>\n</a>", "<a><b> x </b></a>"},
		{"<a>x&amp;y&#65;&#x42;&lt;&gt;&apos;&quot;</a>", "<a>x&yAB<>'\"</a>"},
		{"<a>x<!-- - c -->y<?pi a?b?>z<![CDATA[<&]]]]>]</a>", "<a>xyz<&]]]</a>"},
		{"<a>\r\nx\ry</a>", "<a>\nx\ny</a>"},
		{"<a a='1&amp;\t2&#10;'/>", "<a a=\"1& 2\\n\"></a>"},
		{"<p:a xmlns:p='u' xmlns='v'><b/><p:c xmlns:p='w'/></p:a>", "<a{u}><b{v}></b><c{w}></c></a>"},
		{"<a xmlns='v'><b xmlns=''/></a>", "<a{v}><b></b></a>"},
		{"<å>ö</å>", "<å>ö</å>"},
		{deep(64), strings.Repeat("<a>", 64) + strings.Repeat("</a>", 64)},
		{deep(65), strings.Repeat("<a>", 64) + "!xml-limit@1"},
		{attrs(64), "<a></a>"},
		{attrs(65), "!xml-limit@1"},
		{"<a>" + strings.Repeat("x", MaxText) + "</a>", "<a>" + strings.Repeat("x", MaxText) + "</a>"},
		{"<a>" + strings.Repeat(" ", MaxText) + "<b/></a>", "<a><b></b></a>"},
		{"", "!empty-file@1"},
		{" \r\n", "!empty-file@2"},
		{"\xEF\xBB\xBF", "!empty-file@1"},
		{"<?xml version='1.0'?>", "!truncated@1"},
		{"<", "!truncated@1"},
		{"<a", "!truncated@1"},
		{"<a>", "<a>!truncated@1"},
		{"<a>x", "<a>x!truncated@1"},
		{"<a>&am", "<a>!truncated@1"},
		{"<a><!-", "<a>!truncated@1"},
		{"<a><![CDATA[x]]", "<a>x!truncated@1"},
		{"<a>\xC3", "<a>!truncated@1"},
		{"<a></a", "<a>!truncated@1"},
		{"<a/><!--", "<a></a>!truncated@1"},
		{"<a/>\xC3", "<a></a>!truncated@1"},
		{"<?xml vers", "!truncated@1"},
		{"<!DOCTYPE a><a/>", "!xml-forbidden-doctype@1"},
		{"<a><!-- <!DOCTYPE a> --><![CDATA[<!DOCTYPE a>]]></a>", "<a><!DOCTYPE a></a>"},
		{"<a>\n<b>\n</a>", "<a><b>!xml-malformed@3"},
		{"<a/><a/>", "<a></a>!xml-malformed@1"},
		{"<a/>x", "<a></a>!xml-malformed@1"},
		{"x<a/>", "!xml-malformed@1"},
		{"<a/><?xml version='1.0'?><a/>", "<a></a>!xml-malformed@1"},
		{"\n<?xml version='1.0'?><a/>", "!xml-malformed@2"},
		{"<a b='1' b='2'/>", "!xml-malformed@1"},
		{"<a xmlns:p='u' xmlns:q='u' p:b='' q:b=''/>", "!xml-malformed@1"},
		{"<p:a/>", "!xml-malformed@1"},
		{"<a p:b=''/>", "!xml-malformed@1"},
		{"<a b='<'/>", "!xml-malformed@1"},
		{"<a>]]></a>", "<a>!xml-malformed@1"},
		{"<a>x]]></a>", "<a>x!xml-malformed@1"},
		{"<a>&nbsp;</a>", "<a>!xml-malformed@1"},
		{"<a>&#0;</a>", "<a>!xml-malformed@1"},
		{"<a>\x01</a>", "<a>!xml-malformed@1"},
		{"<a>R & D</a>", "<a>R !xml-malformed@1"},
		{"<a>\xE5</a>", "<a>!bad-encoding@1"},
		{"<a><\xE5/></a>", "<a>!bad-encoding@1"},
		{"<a a='\xE5'/>", "!bad-encoding@1"},
		{"<a><!-- \xE5 --></a>", "<a>!bad-encoding@1"},
		{"<?xml version='1.0' encoding='iso-8859-1'?><a>\xE5</a>", "<a>å</a>"},
		{"<?xml version='1.0' encoding='ISO-8859-15'?><a>\xA4</a>", "<a>€</a>"},
		{"<?xml version='1.0' encoding='windows-1252'?><a>\x80</a>", "<a>€</a>"},
		{"<?xml version='1.0' encoding='windows-1252'?><a>\n\x81</a>", "<a>\n!bad-encoding@2"},
		{"<?xml version='1.0' encoding='US-ASCII'?><a>\xE5</a>", "<a>!bad-encoding@1"},
		{"<?xml version='1.0' encoding='EBCDIC-CP-SE'?><a/>", "!bad-encoding@1"},
		{"<?xml version='1.0' encoding='UTF-16'?><a/>", "!bad-encoding@1"},
		{"\xEF\xBB\xBF<?xml version='1.0' encoding='ISO-8859-1'?><a/>", "!bad-encoding@1"},
		{"\xFF\xFE<\x00a\x00>\x00\xE5\x00<\x00/\x00a\x00>\x00", "<a>å</a>"},
		{"\xFE\xFF\x00<\x00a\x00>\xD8\x3D\xDE\x00\x00<\x00/\x00a\x00>", "<a>😀</a>"},
		{"\xFE\xFF\x00<\x00a\x00>\xDE\x00\x00<\x00/\x00a\x00>", "<a>!bad-encoding@1"},
		{"\xFE\xFF\x00<\x00a\x00>\x00", "<a>!truncated@1"},
	} {
		for _, size := range []int{bufferSize, 80_000, 200, 64} {
			if size < bufferSize && strings.Contains(c.want, "limit") || len(c.doc) > 150 && size < 1000 {
				continue
			}
			for i, r := range []io.Reader{strings.NewReader(c.doc), iotest.OneByteReader(strings.NewReader(c.doc)), iotest.DataErrReader(strings.NewReader(c.doc))} {
				if got := events(newSize(r, size)); got != c.want {
					t.Errorf("%.80q, buffer %d, reader %d:\n got %.200s\nwant %.200s", c.doc, size, i, got, c.want)
				}
			}
		}
	}
}

func TestTextLimits(t *testing.T) {
	for _, doc := range []string{
		"<a>" + strings.Repeat("x", MaxText+1) + "</a>",
		"<a>" + strings.Repeat("å", MaxText+1) + "</a>",
		"<a>" + strings.Repeat(" ", MaxText+1) + "<b/></a>",
		"<a>" + strings.Repeat("&#32;", MaxText+1) + "</a>",
		"<a>" + strings.Repeat("<![CDATA[x]]>", MaxText+1) + "</a>",
		"<a>" + strings.Repeat("<!-- -->x", MaxText+1) + "</a>",
	} {
		s := New(strings.NewReader(doc))
		for {
			ev, err := s.Next()
			if err != nil {
				var stop *family.Stop
				if !errors.As(err, &stop) || stop.Code != payment.FieldLimit {
					t.Errorf("%.20q: %v", doc, err)
				}
				break
			}
			if ev == EOF {
				t.Errorf("%.20q: accepted", doc)
				break
			}
		}
	}
}
