// Package paper is an access key as its owner writes it down: 24 words.
//
// It is apart from package keyfile because the list of words takes a megabyte of memory
// in every program that knows it, and Connect, which idles most of its life, does not
// need it. A form that somebody typed is a stranger's text: it is bounded, and a refusal
// says which word is wrong.
package paper

import (
	"crypto/hpke"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/tyler-smith/go-bip39"
	"github.com/tyler-smith/go-bip39/wordlists"

	"sealgate/internal/fault"
	"sealgate/internal/keys/keyfile"
)

// WordCount is how many words an access key has on paper.
const WordCount = 24

// Words returns the private half of an access key as 24 English words: its 32
// bytes and a checksum of 8 bits, as BIP-39 has it. No passphrase and no
// stretching: the words are the key.
func Words(k hpke.PrivateKey) ([]string, error) {
	seed, err := keyfile.Seed(k)
	if err != nil {
		return nil, err
	}
	defer clear(seed)
	text, err := bip39.NewMnemonic(seed)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "paper: words", err)
	}
	return strings.Fields(text), nil
}

// FromWords returns the access key that the words are. They may be typed with
// punctuation and line breaks between them, in capitals or not; where they have
// their numbers, those count, in whatever order the words come, and all else is
// left aside: so a whole form may be read in. When a word is not of the list the
// error says which; when all are and the checksum is wrong (255 of 256 mistakes
// of that kind), nobody can tell which it is.
func FromWords(text string) (hpke.PrivateKey, error) {
	const op = "paper: from words"
	text = strings.ToLower(text)
	words, err := numbered(text)
	if err != nil {
		return nil, err
	}
	if words == nil {
		words = strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) })
	}
	for i, w := range words {
		if i == WordCount {
			break
		}
		if _, ok := bip39.GetWordIndex(w); ok {
			continue
		}
		if near := nearest(w); near != "" {
			return nil, fault.New(fault.Invalid, op, "word %d is not one of the list of words (is %q meant?)", i+1, near)
		}
		return nil, fault.New(fault.Invalid, op, "word %d is not one of the list of words", i+1)
	}
	if len(words) != WordCount {
		return nil, fault.New(fault.Invalid, op, "an access key has %d words; these are %d", WordCount, len(words))
	}
	seed, err := bip39.EntropyFromMnemonic(strings.Join(words, " "))
	switch {
	case errors.Is(err, bip39.ErrChecksumIncorrect):
		return nil, fault.New(fault.Invalid, op, "all %d words are on the list, but they do not fit together: one of them is another one, or two have changed places", WordCount)
	case err != nil:
		return nil, fault.Wrap(fault.Invalid, op, err)
	}
	defer clear(seed)
	k, err := hpke.MLKEM768X25519().NewPrivateKey(seed)
	return k, fault.Wrap(fault.Internal, op, err)
}

var (
	number       = regexp.MustCompile(`^(\d{1,2})[.):]?$`)
	numberedWord = regexp.MustCompile(`^(\d{1,2})[.):]?(\p{L}+)[.,;]?$`)
)

// numbered returns the words in the order of their numbers, and none where no
// word has one.
func numbered(text string) ([]string, error) {
	const op = "paper: from words"
	var words [WordCount]string
	count := 0
	fields := strings.Fields(text)
	for i := range fields {
		m := numberedWord.FindStringSubmatch(fields[i])
		if m == nil && i > 0 && number.MatchString(fields[i-1]) {
			m = numberedWord.FindStringSubmatch(fields[i-1] + fields[i])
		}
		if m == nil {
			continue
		}
		n, err := strconv.Atoi(m[1])
		switch {
		case err != nil || n < 1 || n > WordCount:
			return nil, fault.New(fault.Invalid, op, "there is a word with the number %s; an access key has %d words", m[1], WordCount)
		case words[n-1] != "":
			return nil, fault.New(fault.Invalid, op, "word %d is there twice", n)
		}
		words[n-1] = m[2]
		count++
	}
	if count == 0 {
		return nil, nil
	}
	if missing := slices.Index(words[:], ""); missing >= 0 {
		return nil, fault.New(fault.Invalid, op, "word %d is missing", missing+1)
	}
	return words[:], nil
}

// nearest returns the word of the list that begins like w: four letters are
// enough to tell them apart.
func nearest(w string) string {
	if len(w) < 4 {
		return ""
	}
	for _, known := range wordlists.English {
		if strings.HasPrefix(known, w[:4]) {
			return known
		}
	}
	return ""
}
