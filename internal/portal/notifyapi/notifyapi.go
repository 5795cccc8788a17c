// Package notifyapi holds the operations on what the gateway tells people and programs
// by itself: webhooks with their deliveries, alarms, and whom they are mailed to.
//
// Those of who runs the gateway belong to the built-in account "system". The rules are
// those of the packages below notify; here requests become calls, and results the
// shapes of package portal.
package notifyapi

import (
	"net/http"

	"sealgate/internal/account"
	"sealgate/internal/notify"
	"sealgate/internal/portal/operation"
	"sealgate/internal/store/catalog"
)

// Services are the parts that the operations speak for.
type Services struct {
	Accounts *account.Service
	Catalog  *catalog.Catalog
	*notify.Notices
}

// desk is the handlers over the services.
type desk struct{ Services }

// ByWebhook names a webhook.
type ByWebhook struct {
	Webhook string `path:"webhook" doc:"its id"`
}

// Register adds the operations.
func Register(r *operation.Router, s Services) {
	d := &desk{s}
	const hooks, hook = "/accounts/{name}/webhooks", "/accounts/{name}/webhooks/{webhook}"
	operation.Register(r, http.MethodGet, hooks, "list-webhooks", "The webhooks of an account", d.listWebhooks)
	operation.Register(r, http.MethodPost, hooks, "add-webhook", "Send events to an address; the secret that signs them is shown once", d.addWebhook)
	operation.Register(r, http.MethodPatch, hook, "set-webhook", "Choose events, switch on or off", d.setWebhook)
	operation.Register(r, http.MethodDelete, hook, "remove-webhook", "End a webhook and forget its deliveries", d.removeWebhook)
	operation.Register(r, http.MethodPost, hook+"/secret", "new-webhook-secret", "A new secret; the one before signs, too, for 24 hours", d.newSecret)
	operation.Register(r, http.MethodPost, hook+"/test", "test-webhook", "Send a test event now and say how it went", d.testWebhook)
	operation.Register(r, http.MethodGet, hook+"/deliveries", "list-deliveries", "What was sent and what waits, newest first", d.listDeliveries)
	operation.Register(r, http.MethodPost, hook+"/deliveries/{delivery}/replay", "replay-delivery", "Send an event once more", d.replay)

	const people = "/accounts/{name}/alarm-recipients"
	operation.Register(r, http.MethodGet, "/alarms", "list-alarms", "What somebody should see to, newest first; of an account's people their own", d.listAlarms)
	operation.Register(r, http.MethodPost, "/alarms/{id}/seen", "see-alarm", "Say that somebody sees to it; it is open again when it grows", d.seeAlarm)
	operation.Register(r, http.MethodGet, people, "list-alarm-recipients", "Whom the alarms of an account are mailed to", d.listRecipients)
	operation.Register(r, http.MethodPatch, people, "set-alarm-recipients", "Say whom they are mailed to, in place of those before", d.setRecipients)
}
