package ui

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"golang.org/x/text/language"
)

// Language is one that the portal speaks.
type Language string

// The languages. The first is for who asks for none of them.
const (
	English Language = "en"
	Swedish Language = "sv"
)

// Languages are all of them, in the order of the matcher.
var Languages = []Language{English, Swedish}

var matcher = language.NewMatcher([]language.Tag{language.English, language.Swedish})

// LanguageCookie keeps the choice of who has not signed in.
const LanguageCookie = "__Host-language"

// LanguageOf is the language of a request: the person's own, else that of the
// cookie, else the browser's.
func LanguageOf(r *http.Request) Language {
	if p, ok := PersonOf(r.Context()); ok && slices.Contains(Languages, p.Language) {
		return p.Language
	}
	if c, err := r.Cookie(LanguageCookie); err == nil && slices.Contains(Languages, Language(c.Value)) {
		return Language(c.Value)
	}
	tags, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil || len(tags) == 0 {
		return English
	}
	_, index, _ := matcher.Match(tags...)
	return Languages[index]
}

// Texts is a table of texts by key: in Swedish and in English. {name} stands for a
// value, {n:fil|filer} for the word that goes with a number.
type Texts map[string][2]string // sv, en

// Locale speaks one language.
type Locale struct {
	Language Language
	texts    map[string]message
	numbers
}

func newLocale(lang Language, texts Texts) (*Locale, error) {
	l := &Locale{Language: lang, texts: map[string]message{}, numbers: numbersOf[lang]}
	for key, pair := range texts {
		sv, en := read(pair[0]), read(pair[1])
		if pair[0] == "" || pair[1] == "" || !slices.Equal(sv.names(), en.names()) {
			return nil, fmt.Errorf("ui: text %q does not say the same in both languages: %q", key, pair)
		}
		l.texts[key] = map[Language]message{Swedish: sv, English: en}[lang]
	}
	return l, nil
}

// Has reports whether there is a text of this key.
func (l *Locale) Has(key string) bool {
	_, ok := l.texts[key]
	return ok
}

// T is the text of a key. Names and values follow each other: T("files.found", "n", 3).
// Whole numbers are written as the language writes them. Without a text the key
// itself is shown: a page with one odd word is better than none.
func (l *Locale) T(key string, args ...any) string {
	m, ok := l.texts[key]
	if !ok {
		return key
	}
	var b strings.Builder
	for _, p := range m {
		if p.name == "" {
			b.WriteString(p.text)
			continue
		}
		value := argument(args, p.name)
		n, isNumber := whole(value)
		switch {
		case p.one != "" && isNumber && n == 1:
			b.WriteString(p.one)
		case p.one != "":
			b.WriteString(p.many)
		case isNumber:
			b.WriteString(l.Number(n))
		default:
			fmt.Fprint(&b, value)
		}
	}
	return b.String()
}

func argument(args []any, name string) any {
	for i := 0; i+1 < len(args); i += 2 {
		if args[i] == name {
			return args[i+1]
		}
	}
	return ""
}

func whole(v any) (int64, bool) {
	switch n := v.(type) {
	case int:
		return int64(n), true
	case int64:
		return n, true
	}
	return 0, false
}

// message is a text taken apart.
type message []piece

type piece struct {
	text      string
	name      string // of the value that stands here
	one, many string // words by number
}

func read(text string) message {
	var m message
	for text != "" {
		before, rest, found := strings.Cut(text, "{")
		if before != "" {
			m = append(m, piece{text: before})
		}
		if !found {
			break
		}
		inner, after, _ := strings.Cut(rest, "}")
		name, words, _ := strings.Cut(inner, ":")
		one, many, _ := strings.Cut(words, "|")
		m = append(m, piece{name: name, one: one, many: many})
		text = after
	}
	return m
}

// names are those of the values, each once.
func (m message) names() []string {
	var list []string
	for _, p := range m {
		if p.name != "" {
			list = append(list, p.name)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}
