// Package ui is how every page of the portal looks and speaks: layout, components,
// style, icons, and texts in Swedish and English. docs/design-language.md is its
// book of rules.
//
// A package of pages hands over its templates and its texts and gets a UI, which
// renders them into the one layout:
//
//	//go:embed templates/*.html
//	var files embed.FS
//	views, err := ui.New(files, texts)
//	views.Render(w, r, http.StatusOK, "files", ui.Page{Title: …, Data: …})
//
// Handlers never write HTML in another way. Whatever comes from a file, a customer
// or a query goes through html/template, which escapes it for its place; nothing
// here takes markup from data. Pages carry a policy under which no script or style
// runs that is not a file of ours (headers in this file), and they work without any
// script: what scripts do is comfort.
//
// A text that a template names and no table has, or one that says less in one
// language than in the other, is an error of New: no page can be half translated.
package ui

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed templates/*.html
var common embed.FS

// headers of every page. What the HTTPS door sets besides stays.
var headers = map[string]string{
	"Content-Type":  "text/html; charset=utf-8",
	"Cache-Control": "no-store",
	"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; " +
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
		"require-trusted-types-for 'script'; trusted-types 'none'",
	"Permissions-Policy":     "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
	"Referrer-Policy":        "no-referrer",
	"X-Content-Type-Options": "nosniff",
	"Vary":                   "Accept-Language, Cookie",
}

// UI renders the pages of one package.
type UI struct {
	read    func() // fills what follows, once; nil when New has done it
	locales map[Language]*Locale
	pages   map[Language]map[string]maker
}

// maker makes a page's template when it is shown for the first time, and keeps it: those
// of all pages in all languages are most of what a gateway at rest would keep in memory,
// and most gateways show few.
type maker func() *template.Template

// New reads the templates below the directory "templates" of files. NAME.html is the
// body of the page NAME; a file whose name begins with "_" holds definitions for all
// of them. The texts are added to those that every page has.
func New(files fs.FS, texts ...Texts) (*UI, error) {
	all := Texts{}
	for _, table := range append([]Texts{commonTexts, stateTexts, glanceTexts, findingTexts}, texts...) {
		maps.Copy(all, table)
	}
	u := &UI{locales: map[Language]*Locale{}, pages: map[Language]map[string]maker{}}
	for _, lang := range Languages {
		l, err := newLocale(lang, all)
		if err != nil {
			return nil, err
		}
		pages, err := templates(files, l)
		if err != nil {
			return nil, err
		}
		u.locales[lang], u.pages[lang] = l, pages
	}
	return u, nil
}

// Later is New for packages whose templates and texts are part of the program. They are
// read when the first page is shown, or Ready asks for it: most runs of the program
// show none. What New would refuse panics then.
func Later(files fs.FS, texts ...Texts) *UI {
	u := new(UI)
	u.read = sync.OnceFunc(func() {
		made := Must(New(files, texts...))
		u.locales, u.pages = made.locales, made.pages
	})
	return u
}

// Ready reads templates and texts, if that was not done yet.
func (u *UI) Ready() {
	if u.read != nil {
		u.read()
	}
}

// Must is for packages whose templates and texts are part of the program.
func Must(u *UI, err error) *UI {
	if err != nil {
		panic(err)
	}
	return u
}

// templates makes a template of each page, to see that it can be made: the layout and
// the components, with the page's body as "main".
func templates(files fs.FS, l *Locale) (map[string]maker, error) {
	base, err := template.New("base").Funcs(functions(l)).ParseFS(common, "templates/_*.html")
	if err != nil {
		return nil, fmt.Errorf("ui: %w", err)
	}
	if base, err = shared(base, files); err != nil {
		return nil, err
	}
	pages := map[string]maker{}
	for _, from := range []fs.FS{common, files} {
		bodies, err := fs.Glob(from, "templates/*.html")
		if err != nil {
			return nil, fmt.Errorf("ui: %w", err)
		}
		for _, file := range bodies {
			name := strings.TrimSuffix(path.Base(file), ".html")
			if strings.HasPrefix(name, "_") {
				continue
			}
			text, err := fs.ReadFile(from, file)
			if err != nil {
				return nil, fmt.Errorf("ui: %w", err)
			}
			made, err := add(base, string(text))
			if err != nil {
				return nil, fmt.Errorf("ui: %s: %w", file, err)
			}
			if err := l.checkTemplates(made); err != nil {
				return nil, fmt.Errorf("ui: %s: %w", file, err)
			}
			pages[name] = sync.OnceValue(func() *template.Template { return template.Must(add(base, string(text))) })
		}
	}
	return pages, nil
}

// add makes the page of a body.
func add(base *template.Template, body string) (*template.Template, error) {
	page, err := base.Clone()
	if err != nil {
		return nil, err
	}
	return page.New("main").Parse(body)
}

// shared adds the definitions that the pages of one package share.
func shared(base *template.Template, files fs.FS) (*template.Template, error) {
	names, err := fs.Glob(files, "templates/_*.html")
	if err != nil || len(names) == 0 {
		return base, err
	}
	base, err = base.ParseFS(files, "templates/_*.html")
	if err != nil {
		return nil, fmt.Errorf("ui: %w", err)
	}
	return base, nil
}

// Render answers with a page. Nothing is sent when it cannot be made: a half page
// with a status of success would lie.
func (u *UI) Render(w http.ResponseWriter, r *http.Request, status int, name string, p Page) {
	u.render(w, r, status, name, "layout", p.view(r, u.Locale(r)))
}

// Fragment answers with one definition of a page, without the layout: a row that a
// script puts in the place of an older one.
func (u *UI) Fragment(w http.ResponseWriter, r *http.Request, status int, name, definition string, data any) {
	u.render(w, r, status, name, definition, data)
}

func (u *UI) render(w http.ResponseWriter, r *http.Request, status int, name, definition string, data any) {
	u.Ready()
	page, ok := u.pages[LanguageOf(r)][name]
	if !ok {
		panic(fmt.Sprintf("ui: there is no page %q", name))
	}
	var text bytes.Buffer
	if err := page().ExecuteTemplate(&text, definition, data); err != nil {
		slog.ErrorContext(r.Context(), "ui: a page could not be made", "page", name, "error", err)
		http.Error(w, "this page could not be made", http.StatusInternalServerError)
		return
	}
	for header, value := range headers {
		w.Header().Set(header, value)
	}
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes()) // the client is gone when this fails
}

// Locale is the language of who asks.
func (u *UI) Locale(r *http.Request) *Locale {
	u.Ready()
	return u.locales[LanguageOf(r)]
}
