package seal

import (
	"strings"
	"unicode"
)

// SafeName makes a file name out of a name that came from a stranger: its last
// element only, without anything that another directory, a terminal or a file
// system could read in it. It is never empty, never hidden, never an option of a
// command, and never a name that Windows keeps for devices.
func SafeName(name string) string {
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(safeRune, strings.ToValidUTF8(name, "_"))
	name = strings.TrimRight(cutRunes(name, maxName-1), ". ") // Windows drops these itself
	name = strings.TrimLeft(name, " ")
	if name == "" {
		return "unnamed"
	}
	base, _, _ := strings.Cut(name, ".")
	if name[0] == '-' || name[0] == '.' || deviceName(strings.TrimRight(base, " ")) {
		return "_" + name
	}
	return name
}

// safeRune replaces controls, format characters (bidi overrides among them) and
// what Windows does not allow.
func safeRune(r rune) rune {
	if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp) || strings.ContainsRune(`<>:"|?*`, r) {
		return '_'
	}
	return r
}

func deviceName(base string) bool {
	switch base = strings.ToUpper(base); base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$":
		return true
	}
	port, ok := strings.CutPrefix(base, "COM")
	if !ok {
		port, ok = strings.CutPrefix(base, "LPT")
	}
	return ok && strings.Contains("0123456789¹²³", port) && port != ""
}
