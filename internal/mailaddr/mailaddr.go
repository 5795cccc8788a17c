// Package mailaddr says what the gateway takes for an e-mail address: one that a letter
// can be sent to by any server, as it is. Operators' names, links, alarms and settings
// all ask here, so that nobody is promised a letter that cannot be written.
package mailaddr

import (
	"net/mail"
	"strings"
)

const longest = 254 // RFC 5321, 4.5.3.1.3

// Valid tells whether text is an address, without a name, quotes or a bare number for a
// host, in ASCII: not every server has SMTPUTF8.
func Valid(text string) bool {
	a, err := mail.ParseAddress(text)
	return err == nil && a.Address == text && len(text) <= longest && !strings.ContainsFunc(text, foreign)
}

func foreign(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"<>()[],;:\`, r)
}
