package ftps

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strings"

	"sealgate/internal/transfer/remote"
)

// parseFeatures reads the answer to FEAT (RFC 2389): a line each, with a blank in front.
func parseFeatures(message string) map[string]string {
	features := map[string]string{}
	for line := range strings.Lines(message) {
		if !strings.HasPrefix(line, " ") || len(features) >= 100 {
			continue
		}
		name, words, _ := strings.Cut(remote.Quote(line), " ")
		if name != "" {
			features[strings.ToUpper(name)] = words
		}
	}
	return features
}

// parseHash finds the one SHA-256 in an answer to XSHA256 or HASH; the forms of
// servers differ in what stands around it.
func parseHash(message string) (sum [32]byte, ok bool) {
	for _, word := range strings.Fields(message) {
		b, err := hex.DecodeString(strings.Trim(word, `"`))
		if err != nil || len(b) != len(sum) {
			continue
		}
		if ok && sum != [32]byte(b) {
			return sum, false
		}
		sum, ok = [32]byte(b), true
	}
	return sum, ok
}

// lines looks at a listing while the library reads it: the library passes over what it
// cannot read, and takes everything that is no folder for a file.
type lines struct {
	facts bool // MLSD
	rest  []byte
	total int64
	over  bool
	count int
	kinds map[string]remote.Kind // of what is neither a file nor a folder in this one
}

// maxLine is half of what the library reads as one line.
const maxLine = 32 << 10

func (l *lines) take(b []byte) error {
	if l.total += int64(len(b)); l.total > remote.MaxListing {
		l.over = true
		return errTooMuch
	}
	l.rest = append(l.rest, b...)
	for {
		line, rest, found := bytes.Cut(l.rest, []byte("\n"))
		if !found {
			break
		}
		l.line(string(bytes.TrimSuffix(line, []byte("\r"))))
		l.rest = rest
	}
	if len(l.rest) > maxLine {
		l.over = true
		return errTooMuch
	}
	return nil
}

var errTooMuch = errors.New("more than a listing may be")

// end counts a last line that nothing ends.
func (l *lines) end() {
	if len(l.rest) > 0 {
		l.line(string(l.rest))
		l.rest = nil
	}
}

func (l *lines) line(line string) {
	if !l.facts {
		if line != "" && !strings.HasPrefix(line, "total ") {
			l.count++
		}
		return
	}
	l.count++
	if kind, name, special := parseType(line); special {
		if l.kinds == nil {
			l.kinds = map[string]remote.Kind{}
		}
		l.kinds[name] = kind
	}
}

// parseType reads the type fact of an MLSD line (RFC 3659, 7.2), and reports whether
// it names something that is neither a file nor a folder in the one that is listed: the
// folder itself and the one above it are listed, too, by some servers with their path.
func parseType(line string) (kind remote.Kind, name string, special bool) {
	facts, name, ok := strings.Cut(line, " ")
	if !ok {
		return 0, "", false
	}
	for fact := range strings.SplitSeq(facts, ";") {
		key, value, _ := strings.Cut(fact, "=")
		if !strings.EqualFold(key, "type") {
			continue
		}
		value = strings.ToLower(value)
		switch {
		case value == "cdir", value == "pdir":
			return remote.Folder, name, strings.Contains(name, "/")
		case value == "file", value == "dir":
			return 0, name, false
		case strings.Contains(value, "link"): // OS.unix=slink:/to, OS.unix=symlink
			return remote.Link, name, true
		}
		return remote.Other, name, true
	}
	return 0, name, false
}
