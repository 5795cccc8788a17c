package xmlscan

import (
	"bytes"

	"sealgate/internal/payment"
)

// Namespaces that the standard itself gives names to.
const (
	xmlSpace   = "http://www.w3.org/XML/1998/namespace"
	xmlnsSpace = "http://www.w3.org/2000/xmlns/"
)

// binding is one namespace declaration: a prefix (empty for the default) and a
// name (empty: none), both in bindings.text.
type binding struct {
	prefix, uri, end int
	target           bool
}

// bindings are the namespace declarations in force, innermost last.
type bindings struct {
	list   []binding
	text   []byte
	target []byte
}

func (n *bindings) prefix(i int) []byte { return n.text[n.list[i].prefix:n.list[i].uri] }
func (n *bindings) uri(i int) []byte    { return n.text[n.list[i].uri:n.list[i].end] }

func (n *bindings) add(prefix, uri []byte) {
	b := binding{prefix: len(n.text), target: n.target != nil && bytes.Equal(uri, n.target)}
	n.text = append(n.text, prefix...)
	b.uri = len(n.text)
	n.text = append(n.text, uri...)
	b.end = len(n.text)
	n.list = append(n.list, b)
}

func (n *bindings) drop(mark int) {
	if mark < len(n.list) {
		n.text = n.text[:n.list[mark].prefix]
		n.list = n.list[:mark]
	}
}

// find returns the binding of a prefix, or -1.
func (n *bindings) find(prefix []byte) int {
	for i := len(n.list) - 1; i >= 0; i-- {
		if bytes.Equal(n.prefix(i), prefix) {
			return i
		}
	}
	return -1
}

// SetTarget names the namespace that InTarget asks about, from now on.
func (s *Scanner) SetTarget(uri []byte) {
	s.ns.target = bytes.Clone(uri)
	for i := range s.ns.list {
		s.ns.list[i].target = bytes.Equal(s.ns.uri(i), uri)
	}
}

// InTarget tells whether the element that started is in the target namespace.
func (s *Scanner) InTarget() bool {
	i := s.stack[len(s.stack)-1].space
	return i >= 0 && s.ns.list[i].target
}

// Space returns the namespace of the element that started, empty for none.
func (s *Scanner) Space() []byte {
	i := s.stack[len(s.stack)-1].space
	if i < 0 {
		return nil
	}
	return s.ns.uri(i)
}

// Attr returns the value of an attribute that has no prefix.
func (s *Scanner) Attr(local string) ([]byte, bool) {
	for _, a := range s.attrs {
		if string(s.tag[a.name:a.nameEnd]) == local {
			return unescape(s.tag[a.value:a.valueEnd]), true
		}
	}
	return nil, false
}

// bind takes the namespace declarations of the current tag, finds the
// namespaces of the element just pushed and of its attributes, and checks both.
func (s *Scanner) bind() error {
	f := &s.stack[len(s.stack)-1]
	prefixed := 0
	for _, a := range s.attrs {
		switch {
		case a.colon > a.name:
			prefixed++
			if string(s.tag[a.name:a.colon]) == "xmlns:" {
				if err := s.declare(s.tag[a.colon:a.nameEnd], s.tag[a.value:a.valueEnd]); err != nil {
					return err
				}
			}
		case string(s.tag[a.name:a.nameEnd]) == "xmlns":
			if err := s.declare(nil, s.tag[a.value:a.valueEnd]); err != nil {
				return err
			}
			f.def = len(s.ns.list) - 1
		}
	}
	f.space = f.def
	if f.colon > f.name {
		prefix := s.names[f.name : f.colon-1]
		if f.space = s.ns.find(prefix); f.space < 0 {
			// "xml" is bound by the standard, but names no element of it.
			return &fault{payment.XMLMalformed, "the prefix " + string(short(prefix)) + " is not declared"}
		}
	}
	if prefixed > 0 {
		return s.checkAttrs()
	}
	return nil
}

// declare takes one namespace declaration (Namespaces in XML 1.0, 3).
func (s *Scanner) declare(prefix, raw []byte) error {
	uri := unescape(raw)
	switch {
	case string(prefix) == "xmlns", string(uri) == xmlnsSpace,
		(string(prefix) == "xml") != (string(uri) == xmlSpace):
		return &fault{payment.XMLMalformed, "a namespace declaration is about a reserved name"}
	case len(prefix) > 0 && len(uri) == 0:
		return &fault{payment.XMLMalformed, "the prefix " + string(short(prefix)) + " is declared as nothing"}
	case len(s.ns.list) == MaxBindings:
		return &fault{payment.XMLLimit, "more than 64 namespace declarations are in force"}
	}
	s.ns.add(prefix, uri)
	return nil
}

// checkAttrs checks that the prefixes of attributes are declared and that no two
// attributes are the same one under two prefixes.
func (s *Scanner) checkAttrs() error {
	for i := range s.attrs {
		a := &s.attrs[i]
		if err := s.resolve(a); err != nil || a.space == noSpace {
			if err != nil {
				return err
			}
			continue
		}
		for _, b := range s.attrs[:i] {
			if s.sameSpace(a.space, b.space) && bytes.Equal(s.tag[a.colon:a.nameEnd], s.tag[b.colon:b.nameEnd]) {
				return &fault{payment.XMLMalformed, "an element has the attribute " + string(short(s.tag[a.colon:a.nameEnd])) + " twice"}
			}
		}
	}
	return nil
}

func (s *Scanner) sameSpace(a, b int) bool {
	return a == b || a >= 0 && b >= 0 && bytes.Equal(s.ns.uri(a), s.ns.uri(b))
}

// resolve finds the namespace of an attribute.
func (s *Scanner) resolve(a *attr) error {
	if a.colon == a.name {
		return nil
	}
	switch prefix := s.tag[a.name : a.colon-1]; string(prefix) {
	case "xmlns":
	case "xml":
		a.space = stdSpace
	default:
		if a.space = s.ns.find(prefix); a.space < 0 {
			return &fault{payment.XMLMalformed, "the prefix " + string(short(prefix)) + " is not declared"}
		}
	}
	return nil
}
