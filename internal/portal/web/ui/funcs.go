package ui

import (
	"embed"
	"fmt"
	"html/template"
	"net/url"
	"path"
	"strings"
	"time"

	"sealgate/internal/payment"
)

//go:embed icons/*.svg
var iconFiles embed.FS

// icons are the drawings of Lucide (icons/LICENSE), without what style says.
var icons = loadIcons()

func loadIcons() map[string]template.HTML {
	entries, err := iconFiles.ReadDir("icons")
	if err != nil {
		panic(err)
	}
	all := map[string]template.HTML{}
	for _, e := range entries {
		text := string(must(iconFiles.ReadFile("icons/" + e.Name())))
		_, drawing, _ := strings.Cut(text[strings.Index(text, "<svg"):], ">")
		drawing, _, _ = strings.Cut(drawing, "</svg>")
		all[strings.TrimSuffix(e.Name(), ".svg")] = template.HTML( //nolint:gosec // our own files
			`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">` + strings.Join(strings.Fields(drawing), " ") + `</svg>`)
	}
	return all
}

// functions are what templates can call. docs/design-language.md lists them.
func functions(l *Locale) template.FuncMap {
	return template.FuncMap{
		"t":        l.T,
		"has":      l.Has,
		"icon":     icon,
		"asset":    Asset,
		"path":     pathOf,
		"join":     strings.Join,
		"number":   l.Number,
		"count":    func(n int) string { return l.Number(int64(n)) },
		"bytes":    l.Bytes,
		"duration": l.Duration,
		"amount":   l.amount,
		"account":  AccountNumber,
		"time":     l.time,
		"day":      l.Date,
		"moment":   func(t *time.Time) string { return l.Moment(*t) },
		"or_none":  orNone,
		"short":    short,

		"field":   l.Field,
		"state":   l.state,
		"tone":    func(tone, text string) Badge { return Badge{Tone: tone, Text: text} },
		"finding": l.finding,
		"banner":  l.banner,
		"empty":   l.empty,
		"meter":   func(done, total int64, text string) Meter { return Meter{done, total, text} },
	}
}

func icon(name string) (template.HTML, error) {
	drawing, ok := icons[name]
	if !ok {
		return "", fmt.Errorf("ui: there is no icon %q", name)
	}
	return drawing, nil
}

// pathOf joins the parts of an address; each is one element of it.
func pathOf(parts ...string) string {
	escaped := make([]string, len(parts))
	for i, p := range parts {
		escaped[i] = url.PathEscape(p)
	}
	return "/" + path.Join(escaped...)
}

// amount writes what a payment may not have.
func (l *Locale) amount(minor, currency any) string {
	code := text(currency)
	switch v := minor.(type) {
	case int64:
		return l.Amount(v, code)
	case *int64:
		if v != nil {
			return l.Amount(*v, code)
		}
	}
	return None
}

func text(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case *string:
		if v != nil {
			return *v
		}
	}
	return ""
}

// orNone is a text that may be absent or empty.
func orNone(v any) string {
	if s := text(v); s != "" {
		return s
	}
	return None
}

// short is the beginning of an id or a fingerprint, for people.
func short(id string) string {
	head, rest, found := strings.Cut(id, ":")
	if !found {
		head, rest = "", id
	} else {
		head += ":"
	}
	if len(rest) <= 12 {
		return id
	}
	return head + rest[:12] + "…"
}

// time is a point of time as an element that a script can turn into the reader's own
// time; without it, it says that it is UTC.
func (l *Locale) time(v any) template.HTML {
	var t time.Time
	switch v := v.(type) {
	case time.Time:
		t = v
	case *time.Time:
		if v != nil {
			t = *v
		}
	}
	if t.IsZero() {
		return None
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s">%s</time>`, //nolint:gosec // digits and names of months
		t.UTC().Format(time.RFC3339), l.Moment(t)))
}

// AccountNumber writes the account number of a payment as its bank does.
func AccountNumber(a *payment.Account) string {
	switch {
	case a == nil:
		return None
	case a.Scheme == payment.SchemeSEAccount && a.Bank != nil:
		return *a.Bank + "-" + a.Number
	case a.Scheme == payment.SchemeIBAN:
		return inGroups(a.Number, 4)
	case a.Scheme == payment.SchemeBankgiro && len(a.Number) > 4:
		return a.Number[:len(a.Number)-4] + "-" + a.Number[len(a.Number)-4:]
	case a.Scheme == payment.SchemePlusgiro && len(a.Number) > 1:
		return a.Number[:len(a.Number)-1] + "-" + a.Number[len(a.Number)-1:]
	}
	return a.Number
}

func inGroups(number string, size int) string {
	var b strings.Builder
	for i, r := range number {
		if i > 0 && i%size == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}
