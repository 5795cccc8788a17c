// Package doors is the pages about who else gets to an account: operators who ask for a
// look, people whom a provider vouches for, and the gateway itself, to which the
// customer lends a key.
//
// What opens a door asks for a proof of who it is before the form; what closes one does
// not. Keys and passphrases that are typed or picked go on to the API and into no page,
// address or file.
package doors

import (
	"embed"

	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
)

//go:embed templates/*.html
var templates embed.FS

// Room is these pages.
func Room() desk.Room { return room }

var room = desk.Room{
	Views: ui.Later(templates, accessTexts, providerTexts, lendTexts),
	Routes: []desk.Route{
		{Pattern: "GET /a/{account}/access", Answer: looks},
		{Pattern: "GET /a/{account}/access/new", Answer: askNew},
		{Pattern: "POST /a/{account}/access/new", Answer: addLook},
		{Pattern: "GET /a/{account}/access/of/{look}", Answer: askAnswer},
		{Pattern: "POST /a/{account}/access/of/{look}/allow", Answer: answer("allow", "access-allowed")},
		{Pattern: "POST /a/{account}/access/of/{look}/refuse", Answer: answer("refuse", "access-refused")},
		{Pattern: "POST /a/{account}/access/of/{look}/end", Answer: answer("end", "access-ended")},

		{Pattern: "GET /a/{account}/single-sign-on", Answer: provider},
		{Pattern: "GET /a/{account}/single-sign-on/edit", Answer: askProvider},
		{Pattern: "POST /a/{account}/single-sign-on/edit", Answer: setProvider},
		{Pattern: "GET /a/{account}/single-sign-on/remove", Answer: askRemoveProvider},
		{Pattern: "POST /a/{account}/single-sign-on/remove", Answer: removeProvider},

		{Pattern: "GET /a/{account}/keys/lend", Answer: askLend},
		{Pattern: "POST /a/{account}/keys/lend", Answer: lend},
		{Pattern: "POST /a/{account}/keys/lock", Answer: takeBack},
		{Pattern: "GET /a/{account}/keys/reseal", Answer: reseal},
		{Pattern: "POST /a/{account}/keys/reseal", Answer: startReseal},
	},
}

// formPage is a page with one form.
type formPage struct {
	Form    *ui.Form
	Choices []ui.Option
}
