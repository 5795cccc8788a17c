package campaign

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sealgate/internal/browsertest"
)

// TestScreenshots takes a picture of every page, at both sizes, light and dark, in
// Swedish and English, into the directory that SEALGATE_SCREENSHOTS names (make
// screenshots). Without it, nobody has asked for pictures.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("SEALGATE_SCREENSHOTS")
	if dir == "" {
		return
	}
	issuer := aProvider(t)
	g := newGateway(t, "")
	g.account("acme", "keep")
	g.account("bjorks-bygg", "delete")
	fill(t, g, "acme")
	furnish(t, g, "acme", issuer)
	fates := map[string]string{} // of each, one file
	for _, f := range g.files("acme") {
		fates["file-"+f.State] = "/a/acme/files/" + f.ID
	}
	nobody, annas, operators := g.browser(), g.browser(), g.browser()
	anna := g.person("acme", "anna", "admin").at(annas, browsertest.Wide)
	anna.signIn("/")
	op := g.operator(operators, browsertest.Wide)
	for _, l := range looks() {
		picture := func(who string) func(name string) string {
			return func(name string) string { return filepath.Join(dir, l.name, who+"-"+name+".png") }
		}
		stranger := nobody.Open(anna.address(), l.size, l.options...)
		for _, path := range []string{"/sign-in", "/welcome"} {
			stranger.Goto(path)
			stranger.Screenshot(picture("nobody")(strings.Trim(path, "/")))
		}
		stranger.Close()

		anna.at(annas, l.size, l.options...)
		anna.Goto("/a/acme/upload")
		anna.Wait("document.querySelector('.scripted')")
		anna.Drop("#upload", copyOf(t, lb, "leverantörer-"+l.name+".txt"), copyOf(t, samples+"/pain001-v09/bad-02-batch-count.xml", l.name+".xml"))
		anna.Wait("document.querySelectorAll('.result[data-rests]').length == 2")
		anna.Screenshot(picture("acme")("upload-results"))
		anna.pictures(picture("acme"), fates)
		anna.Goto("/a/acme/remotes/of/bank") // its test is no page that is led to
		anna.Click(`form[action$="/test"] button`)
		anna.WaitPath("/a/acme/remotes/of/bank/test")
		anna.Wait("document.readyState == 'complete'")
		anna.Screenshot(picture("acme")("remotes-one-test"))
		anna.Close()

		op.at(operators, l.size, l.options...)
		op.pictures(picture("operator"), nil)
		op.Close()
	}
	t.Logf("the pictures are in %s", dir)
}

var notName = regexp.MustCompile(`[^a-z0-9.-]+`)

// pictures takes one of every page that somebody can reach, and of some more.
func (s *somebody) pictures(file func(name string) string, more map[string]string) {
	s.g.t.Helper()
	all := maps.Clone(more)
	if all == nil {
		all = map[string]string{}
	}
	for _, path := range pages(s.crawl("/", "/me")) {
		kind := strings.ReplaceAll(strings.TrimPrefix(kindOf(path), "*"), "*", "-one-")
		name := cmp.Or(strings.Trim(notName.ReplaceAllString(kind, "-"), "-"), "account")
		if path == "/" {
			name = "start"
		}
		all[name] = path
	}
	for name, path := range all {
		s.Goto(path)
		s.Wait("document.readyState == 'complete'")
		s.Screenshot(file(name))
	}
}

// look is how somebody looks at pages.
type look struct {
	name    string
	size    browsertest.Size
	options []browsertest.Option
}

// looks are all of them.
func looks() []look {
	var all []look
	for _, size := range browsertest.Sizes {
		for _, language := range []string{"sv", "en"} {
			speaks := browsertest.Language(language)
			all = append(all,
				look{language + "-light-" + size.Name, size, []browsertest.Option{speaks}},
				look{language + "-dark-" + size.Name, size, []browsertest.Option{speaks, browsertest.Dark}})
		}
	}
	return all
}
