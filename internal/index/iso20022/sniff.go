package iso20022

import "bytes"

// sniff looks for the Document of a message in the head of a file that had to be
// refused before its Document was reached, so that the answer can still say what
// the file was meant to be. It decides nothing and tolerates everything.
func sniff(head []byte) string {
	text := bytes.ReplaceAll(head, []byte{0}, nil) // UTF-16, near enough
	depth := 0
	for depth < maxDocumentDepth {
		i := bytes.IndexByte(text, '<')
		if i < 0 {
			return ""
		}
		text = text[i:]
		switch {
		case bytes.HasPrefix(text, []byte("<!--")):
			text = after(text, "-->")
		case bytes.HasPrefix(text, []byte("<![CDATA[")):
			text = after(text, "]]>")
		case bytes.HasPrefix(text, []byte("<?")):
			text = after(text, "?>")
		case bytes.HasPrefix(text, []byte("<!")):
			text = afterDoctype(text)
		case bytes.HasPrefix(text, []byte("</")):
			depth--
			text = after(text, ">")
		default:
			tag := text[:len(text)-len(after(text, ">"))]
			text = text[len(tag):]
			depth++
			if bytes.HasSuffix(tag, []byte("/>")) {
				depth--
			}
			if name := documentTag(tag); name != "" {
				return name
			}
		}
	}
	return ""
}

func after(text []byte, end string) []byte {
	_, rest, _ := bytes.Cut(text, []byte(end))
	return rest
}

// afterDoctype passes over a document type declaration with its internal subset.
func afterDoctype(text []byte) []byte {
	var quote byte
	depth := 0
	for i, c := range text {
		switch {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '<':
			depth++
		case c == '>':
			if depth--; depth == 0 {
				return text[i+1:]
			}
		}
	}
	return nil
}

// documentTag returns the message name in the namespace of a start tag of
// Document.
func documentTag(tag []byte) string {
	name := tag[1:]
	if i := bytes.IndexAny(name, " \t\r\n/>"); i >= 0 {
		name = name[:i]
	}
	prefix, local, ok := bytes.Cut(name, []byte(":"))
	declaration := "xmlns:" + string(prefix)
	if !ok {
		local, declaration = name, "xmlns"
	}
	if string(local) != "Document" {
		return ""
	}
	for rest := tag; ; {
		_, value, ok := bytes.Cut(rest, []byte(declaration))
		if !ok {
			return ""
		}
		rest = value
		value = bytes.TrimLeft(value, " \t\r\n")
		if len(value) == 0 || value[0] != '=' {
			continue
		}
		value = bytes.TrimLeft(value[1:], " \t\r\n")
		if len(value) == 0 || value[0] != '"' && value[0] != '\'' {
			continue
		}
		uri, _, _ := bytes.Cut(value[1:], value[:1])
		return string(messageName.Find(uri))
	}
}
