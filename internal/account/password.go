package account

import (
	"crypto/rand"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sealgate/internal/account/signin"
	"sealgate/internal/fault"
)

const (
	minPassword = 15   // characters, when it is all that is asked for (NIST SP 800-63B-4)
	minWithKey  = 8    // when a key is needed, too
	maxPassword = 1024 // bytes; longer ones are somebody's attack

	// alphabet of generated passwords: no two characters look alike.
	alphabet = "23456789abcdefghjkmnpqrstuvwxyz"
	// 40 characters of 31 are 198 bits.
	generatedGroups, generatedGroup = 8, 5
)

// newPassword makes a password of 198 bits in groups that people can copy.
func newPassword() string {
	var b strings.Builder
	random := make([]byte, 64)
	next := len(random)
	for i := range generatedGroups * generatedGroup {
		if i > 0 && i%generatedGroup == 0 {
			b.WriteByte('-')
		}
		for {
			if next == len(random) {
				_, _ = rand.Read(random) // never fails
				next = 0
			}
			c := int(random[next] & 31)
			next++
			if c < len(alphabet) {
				b.WriteByte(alphabet[c])
				break
			}
		}
	}
	return b.String()
}

// checkPassword refuses what guessers try first: what is short, what is common,
// and what is made of the names around it. It asks for no kinds of characters.
func checkPassword(password []byte, least int, context ...string) error {
	const op = "account: password"
	switch {
	case len(password) > maxPassword:
		return fault.New(fault.Invalid, op, "the password is longer than %d bytes", maxPassword)
	case !utf8.Valid(password):
		return fault.New(fault.Invalid, op, "the password is not valid UTF-8")
	case utf8.RuneCount(norm.NFC.Bytes(password)) < least:
		return fault.New(fault.Invalid, op, "the password has fewer than %d characters", least)
	}
	rest := plain(string(password))
	for _, word := range append(context, commonWords...) {
		if w := plain(word); len(w) >= 3 {
			rest = strings.ReplaceAll(rest, w, "")
		}
	}
	if distinct(rest) < 5 {
		return fault.New(fault.Invalid, op, "the password is made of common words, sequences or names that belong to the account; choose another")
	}
	return nil
}

// plain is a password as a guesser sees it: folded, without decoration.
func plain(s string) string {
	return signin.Fold(strings.Map(func(r rune) rune {
		switch r {
		case '0':
			return 'o'
		case '1', '!':
			return 'i'
		case '3':
			return 'e'
		case '4', '@':
			return 'a'
		case '5', '$':
			return 's'
		case '7':
			return 't'
		case ' ', '-', '_', '.', ',', '#', '*', '?', '+':
			return -1
		}
		return r
	}, s))
}

func distinct(s string) int {
	seen := make(map[rune]bool)
	for _, r := range s {
		seen[r] = true
	}
	return len(seen)
}

// commonWords are the building blocks of the passwords that are tried first:
// from public lists of leaked ones, and the words of this trade in the
// languages of its users. Longest first, so that parts do not hide wholes.
var commonWords = []string{
	"abcdefghijklmnopqrstuvwxyz", "1234567890", "0987654321", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qazwsxedc", "1q2w3e4r5t", "123456789", "12345678", "1234567", "123456", "654321", "12345", "1234",
	"administrator", "administratör", "correcthorsebatterystaple", "handelsbanken", "länsförsäkringar", "swedbank", "nordea", "danskebank", "bankgirot", "bankgiro", "plusgiro",
	"payments", "payment", "betalningar", "betalning", "leverantör", "lönefil", "salary", "payroll", "invoice", "faktura", "accounting", "transfer", "filetransfer", "sealgate", "gateway", "sftp", "upload",
	"password", "passwort", "lösenord", "losenord", "passw", "iloveyou", "welcome", "välkommen", "valkommen", "sommar", "vinter", "höst", "summer", "winter", "spring", "autumn", "letmein", "changeme", "secret", "hemligt",
	"football", "baseball", "monkey", "dragon", "master", "shadow", "superman", "batman", "princess", "sunshine", "starwars", "whatever", "trustno", "hello", "login", "admin", "server", "company", "company", "qwerty", "abc123", "test", "guest", "root", "user", "pass",
	"january", "february", "march", "april", "june", "july", "august", "september", "october", "november", "december", "2023", "2024", "2025", "2026", "2027",
}
