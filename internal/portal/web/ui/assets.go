package ui

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"
)

//go:embed assets
var assetFiles embed.FS

//go:embed css/*.css
var styleFiles embed.FS

// AssetsPath is where the files lie that pages name.
const AssetsPath = "/assets/"

// asset is one file as it is served. Its name holds a hash of what is in it, so that
// it may be kept for ever: another content is another name.
type asset struct {
	served string
	kind   string
	text   []byte
}

// assets are all of them by their own names, and by those they are served under. They
// are read when the first is asked for: most runs of the program serve none.
var assets = sync.OnceValues(func() (own, served map[string]*asset) {
	own, served = map[string]*asset{}, map[string]*asset{}
	names, err := fs.Glob(assetFiles, "assets/*.*")
	if err != nil {
		panic(err)
	}
	add := func(name string, text []byte) {
		ext := path.Ext(name)
		sum := sha256.Sum256(text)
		a := &asset{strings.TrimSuffix(name, ext) + "." + hex.EncodeToString(sum[:8]) + ext, mediaType(ext), text}
		own[name], served[a.served] = a, a
	}
	for _, name := range names {
		if ext := path.Ext(name); ext != ".js" {
			add(path.Base(name), must(assetFiles.ReadFile(name)))
		}
	}
	for _, name := range names {
		if path.Ext(name) == ".js" {
			addScript(path.Base(name), own, add, nil)
		}
	}
	add("app.css", style(own))
	return own, served
})

var imported = regexp.MustCompile(`(from|import) "\./([a-z-]+\.js)"`)

// addScript adds a module after those that it imports: their names in it are those
// they are served under.
func addScript(name string, own map[string]*asset, add func(string, []byte), above []string) {
	if own[name] != nil {
		return
	}
	if slices.Contains(above, name) {
		panic("ui: " + name + " imports itself")
	}
	text := must(assetFiles.ReadFile("assets/" + name))
	for _, m := range imported.FindAllSubmatch(text, -1) {
		addScript(string(m[2]), own, add, append(above, name))
	}
	add(name, imported.ReplaceAllFunc(text, func(found []byte) []byte {
		m := imported.FindSubmatch(found)
		return []byte(string(m[1]) + ` "./` + own[string(m[2])].served + `"`)
	}))
}

var linked = regexp.MustCompile(`url\("([^"]+)"\)`)

// style is one file of all parts, in the order of their names.
func style(own map[string]*asset) []byte {
	parts, err := fs.Glob(styleFiles, "css/*.css")
	if err != nil {
		panic(err)
	}
	var all []byte
	for _, part := range parts {
		all = append(all, must(styleFiles.ReadFile(part))...)
	}
	return linked.ReplaceAllFunc(all, func(found []byte) []byte {
		return []byte(`url("` + own[string(linked.FindSubmatch(found)[1])].served + `")`)
	})
}

func must(text []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return text
}

func mediaType(ext string) string {
	switch ext {
	case ".woff2":
		return "font/woff2"
	case ".js":
		return "text/javascript; charset=utf-8"
	}
	return mime.TypeByExtension(ext)
}

// Asset is the address of a file of assets/. It panics when there is no such file: a
// page would be without its style.
func Asset(name string) string {
	own, _ := assets()
	a := own[name]
	if a == nil {
		panic("ui: there is no asset " + name)
	}
	return AssetsPath + a.served
}

// Assets answers below AssetsPath, to everybody.
func Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, served := assets()
		a := served[strings.TrimPrefix(r.URL.Path, AssetsPath)]
		if a == nil {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "only read", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Type", a.kind)
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Set("X-Content-Type-Options", "nosniff")
		_, _ = w.Write(a.text) // the client is gone when this fails
	})
}
