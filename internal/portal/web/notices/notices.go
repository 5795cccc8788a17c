// Package notices is the pages about what the gateway tells people and programs by
// itself: alarms and whom they are mailed to, webhooks and their deliveries.
//
// An account has these pages below /a/{account}; who runs the gateway has the same
// below /, for the alarms of all and for webhooks of his own, which the API keeps under
// the built-in account.
package notices

import (
	"embed"

	"sealgate/internal/fault"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
)

//go:embed templates/*.html
var templates embed.FS

// Room is these pages.
func Room() desk.Room { return room }

var room = desk.Room{
	Views:  ui.Later(templates, alarmTexts, webhookTexts),
	Routes: append(routes("/a/{account}"), routes("")...),
}

func routes(below string) []desk.Route {
	const hook = "/webhooks/of/{webhook}"
	return []desk.Route{
		{Pattern: "GET " + below + "/alarms", Answer: alarms},
		{Pattern: "POST " + below + "/alarms/{id}/seen", Answer: seeAlarm},
		{Pattern: "POST " + below + "/alarms/recipients", Answer: setRecipients},

		{Pattern: "GET " + below + "/webhooks", Answer: webhooks},
		{Pattern: "GET " + below + "/webhooks/new", Answer: askWebhook},
		{Pattern: "POST " + below + "/webhooks/new", Answer: addWebhook},
		{Pattern: "GET " + below + hook, Answer: showWebhook},
		{Pattern: "POST " + below + hook + "/test", Answer: testWebhook},
		{Pattern: "POST " + below + hook + "/on", Answer: switchWebhook},
		{Pattern: "POST " + below + hook + "/off", Answer: switchWebhook},
		{Pattern: "GET " + below + hook + "/secret", Answer: askSecret},
		{Pattern: "POST " + below + hook + "/secret", Answer: newSecret},
		{Pattern: "GET " + below + hook + "/remove", Answer: askRemove},
		{Pattern: "POST " + below + hook + "/remove", Answer: removeWebhook},
		{Pattern: "POST " + below + hook + "/deliveries/{delivery}/replay", Answer: replay},
	}
}

// system is the account under which the API keeps what belongs to who runs the gateway.
const system = "system"

// of is the API's path of something of the account that the page is of.
func of(v *desk.Visit, parts ...string) string {
	name := v.Account
	if name == "" {
		name = system
	}
	return desk.Join(append([]string{"accounts", name}, parts...)...)
}

// at is an address of these pages.
func at(v *desk.Visit, parts ...string) string {
	if v.Account == "" {
		return desk.Join(parts...)
	}
	return v.At(parts...)
}

// gatewayOnly keeps the pages below / for who runs the gateway.
func gatewayOnly(v *desk.Visit) error {
	if v.Account == "" && !v.Person.Operator {
		return fault.New(fault.Denied, "web: notices", "only an operator may do this")
	}
	return nil
}

// explain puts into a form what the API refuses because of it.
func explain(form *ui.Form, field string, err error) error {
	if fault.Is(err, fault.Denied) && fault.Message(err) != "" && field != "" {
		form.Fail(field, fault.Message(err)) // an address that the dial guard keeps away
		return nil
	}
	return desk.Explain(form, field, err)
}
