package signin

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sealgate/internal/fault"
)

// maxUsername is the longest username, in bytes of UTF-8.
const maxUsername = 255

// CheckUsername returns the spelling under which a username is kept (NFC), or
// why it is refused. Nothing is repaired.
func CheckUsername(raw string) (string, error) {
	const op = "sign-in: username"
	switch {
	case raw == "":
		return "", fault.New(fault.Invalid, op, "the username is empty")
	case len(raw) > maxUsername:
		return "", fault.New(fault.Invalid, op, "the username is longer than %d bytes", maxUsername)
	case !utf8.ValidString(raw):
		return "", fault.New(fault.Invalid, op, "the username is not valid UTF-8")
	}
	name := norm.NFC.String(raw)
	for _, r := range name {
		// Category C: controls, bidirectional and other format characters,
		// private use. Separators other than the plain space look like one.
		if unicode.In(r, unicode.C, unicode.Zl, unicode.Zp) || unicode.Is(unicode.Zs, r) && r != ' ' {
			return "", fault.New(fault.Invalid, op, "the username contains a control or invisible character (U+%04X)", r)
		}
	}
	if len(name) > maxUsername || strings.TrimSpace(name) != name {
		return "", fault.New(fault.Invalid, op, "the username begins or ends with a space, or is too long")
	}
	return name, nil
}

// Fold is simple case folding (Unicode, C and S of CaseFolding.txt): every rune
// becomes the least of those that differ from it by case only.
func Fold(name string) string {
	return norm.NFC.String(strings.Map(func(r rune) rune {
		least := r
		for f := unicode.SimpleFold(r); f != r; f = unicode.SimpleFold(f) {
			least = min(least, f)
		}
		return least
	}, name))
}

// NameMAC is what a username is found by. A name that can belong to nobody has
// one, too, so that asking for it costs the same.
func (s *Service) NameMAC(raw string) []byte {
	name, err := CheckUsername(raw)
	if err != nil {
		return mac(s.index, "no username", []byte(raw))
	}
	return mac(s.index, "username", []byte(Fold(name)))
}
