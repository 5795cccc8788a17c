// Package password judges the passwords that people choose, and makes those that
// nobody has to choose.
//
// It follows NIST SP 800-63B-4: what counts is the length and how soon a guesser
// would come to it, and no kinds of characters are asked for. A guesser knows the
// lists of leaked passwords, and the names around the one who chooses.
package password

import (
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sealgate/internal/account/signin"
	"sealgate/internal/fault"
)

// How long a password is, in characters.
const (
	LeastAlone = 15  // when it is all that is asked for
	Least      = 8   // when something else is asked for besides: a key, a code
	Most       = 256 // longer ones are somebody's attack

	judged = 72 // characters whose guessing is estimated: that takes a while for many

	// alphabet of generated passwords: no two characters look alike.
	alphabet = "23456789abcdefghjkmnpqrstuvwxyz"
	// 40 characters of 31 are 198 bits.
	generatedGroups, generatedGroup = 8, 5
)

// Make makes a password of 198 bits in groups that people can copy.
func Make() string {
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

// Short reports whether a password is too short to be all that is asked for.
func Short(password []byte) bool { return length(password) < LeastAlone }

func length(password []byte) int { return utf8.RuneCount(norm.NFC.Bytes(password)) }

// Why a password is refused, for pages that say it in another language.
var (
	ErrShort     = errors.New("short")
	ErrLong      = errors.New("long")
	ErrText      = errors.New("no text")
	ErrNames     = errors.New("names")
	ErrGuessable = errors.New("guessable")
)

func refuse(why error, format string, args ...any) error {
	return &fault.Error{Kind: fault.Invalid, Op: "password: check", Message: fmt.Sprintf(format, args...), Err: why}
}

// Check refuses what guessers try first: what is shorter than least, what is common,
// and what is made of the names around it (of the person, the account).
func Check(password []byte, least int, names ...string) error {
	switch n := length(password); {
	case len(password) > 4*Most || n > Most:
		return refuse(ErrLong, "the password is longer than %d characters", Most)
	case !utf8.Valid(password):
		return refuse(ErrText, "the password is not valid UTF-8")
	case n < least:
		return refuse(ErrShort, "the password has fewer than %d characters", least)
	}
	text := norm.NFC.String(string(password))
	names = split(names)
	rest := plain(text)
	for _, word := range append(names, commonWords...) {
		if w := plain(word); len(w) >= 3 {
			rest = strings.ReplaceAll(rest, w, "")
		}
	}
	if distinct(rest) < 5 {
		return refuse(ErrNames, "the password is made of common words, sequences or names that belong to the account; choose another")
	}
	if cost(first(text, judged), names) < enough {
		return refuse(ErrGuessable, "the password would be guessed soon; choose another: a few words that have nothing to do with each other are good")
	}
	return nil
}

// split adds the parts of names that have some: of addresses, of companies.
func split(names []string) []string {
	var all []string
	for _, name := range names {
		name = strings.ToLower(name)
		all = append(all, name)
		for _, part := range strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("@.-_ ", r) }) {
			if part != name && len(part) >= 3 {
				all = append(all, part)
			}
		}
	}
	return all
}

func first(text string, n int) string {
	r := []rune(text)
	return string(r[:min(n, len(r))])
}

// plain is a password as a guesser sees it: folded, without decoration.
func plain(s string) string {
	return signin.Fold(strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -_.,#*?+", r) {
			return -1
		}
		return r
	}, letters(s)))
}

// letters puts the letters back that digits and signs stand for. Every rune stays one.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
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
		}
		return r
	}, s)
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
	"football", "baseball", "monkey", "dragon", "master", "shadow", "superman", "batman", "princess", "sunshine", "starwars", "whatever", "trustno", "hello", "login", "admin", "server", "company", "qwerty", "abc123", "test", "guest", "root", "user", "pass",
	"andersson", "johansson", "karlsson", "nilsson", "eriksson", "larsson", "olsson", "persson", "svensson", "gustafsson", "pettersson", "jonsson", "jansson", "hansson", "bengtsson", "lindberg", "lindström",
	"johanna", "kristina", "elisabeth", "margareta", "birgitta", "fredrik", "mikael", "gustav", "anders", "johan",
	"january", "february", "march", "april", "june", "july", "august", "september", "october", "november", "december", "2023", "2024", "2025", "2026", "2027", "2028",
}

// tradeWords are what a guesser who knows what this is tries beside the names.
var tradeWords = []string{
	"sealgate", "gateway", "payment", "payments", "payroll", "salary", "bankgirot", "bankgiro", "plusgiro", "swedbank", "nordea", "handelsbanken",
	"danskebank", "seb", "sparbanken", "länsförsäkringar", "avanza", "klarna", "betalning", "betalningar", "lösenord", "löner", "lönefil", "faktura",
	"leverantör", "sommar", "vinter", "ekonomi", "finance", "treasury",
}
