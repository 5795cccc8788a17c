package token

import (
	"net/url"
	"path/filepath"
	"strings"

	"sealgate/internal/fault"
)

// Scheme is what the URI of a key in a token begins with.
const Scheme = "pkcs11:"

const maxURI = 4096

// uri names a private key in a token.
type uri struct {
	token, serial string // which token
	object, id    string // which key
	module        string // path of the library
	pinFile       string // empty: the token asks for none
}

// String names the token, for people.
func (u uri) String() string {
	if u.token != "" {
		return "the token " + u.token
	}
	return "the token with serial number " + u.serial
}

// parseURI reads a pkcs11: URI. As RFC 7512, 2.3 wants it, attributes that it
// does not know are refused: they would be there to tell keys apart.
func parseURI(text string) (uri, error) {
	rest, ok := strings.CutPrefix(text, Scheme)
	if !ok || len(text) > maxURI {
		return uri{}, bad("a key in a token is named by a URI that begins with %s", Scheme)
	}
	var u uri
	path, query, _ := strings.Cut(rest, "?")
	kind := ""
	if err := attributes(path, ";", map[string]*string{
		"token": &u.token, "serial": &u.serial, "object": &u.object, "id": &u.id, "type": &kind,
	}); err != nil {
		return uri{}, err
	}
	pinSource := ""
	if err := attributes(query, "&", map[string]*string{"module-path": &u.module, "pin-source": &pinSource}); err != nil {
		return uri{}, err
	}
	switch {
	case kind != "" && kind != "private":
		return uri{}, bad("the URI names a %s; a private key is needed", kind)
	case u.token == "" && u.serial == "":
		return uri{}, bad("the URI names no token: token=NAME or serial=NUMBER is needed")
	case u.object == "" && u.id == "":
		return uri{}, bad("the URI names no key: object=NAME or id=%%01... is needed")
	case !filepath.IsAbs(u.module):
		return uri{}, bad("the URI needs module-path=, the absolute path of the token's PKCS#11 library")
	}
	if pinSource != "" {
		if u.pinFile = strings.TrimPrefix(strings.TrimPrefix(pinSource, "file:"), "//"); !filepath.IsAbs(u.pinFile) {
			return uri{}, bad("pin-source has to be file: and the absolute path of a file")
		}
	}
	return u, nil
}

// attributes fills in the attributes of one part of the URI.
func attributes(text, separator string, known map[string]*string) error {
	if text == "" {
		return nil
	}
	for part := range strings.SplitSeq(text, separator) {
		name, value, ok := strings.Cut(part, "=")
		place := known[name]
		switch {
		case name == "pin-value":
			return bad("a PIN in the URI would be seen by everybody who sees the URI: put it in a file and name that with pin-source=file:PATH")
		case place == nil:
			return bad("the URI has an attribute %q that this program does not use", name)
		case !ok || *place != "":
			return bad("the URI has no value, or two, for %s", name)
		}
		value, err := url.PathUnescape(value)
		if err != nil || value == "" || strings.ContainsRune(value, 0) && name != "id" {
			return bad("the value of %s in the URI cannot be read", name)
		}
		*place = value
	}
	return nil
}

func bad(format string, args ...any) error {
	return fault.New(fault.Invalid, "token: read URI", format, args...)
}
