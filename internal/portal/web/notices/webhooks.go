package notices

import (
	"net/url"
	"slices"
	"strings"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
)

// hookPage is everything about one webhook.
type hookPage struct {
	Base       string // of the webhook's pages
	Hook       portal.Webhook
	Deliveries []portal.WebhookDelivery
	Pager      ui.Pager
	Files      string // where an account's files are; "" = it has none
}

type listPage struct {
	Base string
	Rows []portal.Webhook
}

type newPage struct {
	Form           *ui.Form
	Action, Cancel string
	Choices        []ui.Option
}

// oncePage is the page with a secret.
type oncePage struct {
	Title, Text string
	Secret      ui.Secret
	Back        string
}

// surePage asks whether something is meant.
type surePage struct {
	Title, Text, Action, Button, Cancel string
	Removes                             bool
}

// choices are the events that are asked for, as people think of them. Programs choose
// among all.
var choices = map[string][]string{
	"all":       nil,
	"attention": {"file.held", "file.refused", "file.locked", "file.not-renamed", "alarm.raised"},
	"results":   {"file.kept", "file.deleted", "file.held", "file.refused", "file.waiting"},
}

func readHooks(v *desk.Visit) (list []portal.Webhook, err error) {
	if err := gatewayOnly(v); err != nil {
		return nil, err
	}
	err = v.Get(of(v, "webhooks"), nil, &list)
	return list, err
}

func webhooks(v *desk.Visit) error {
	list, err := readHooks(v)
	if err != nil {
		return err
	}
	return v.Show("webhooks", "webhooks", v.L.T("nav.webhooks"), listPage{at(v, "webhooks"), list})
}

func crumbs(v *desk.Visit) []ui.Crumb {
	return []ui.Crumb{{Label: v.L.T("nav.webhooks"), Href: at(v, "webhooks")}}
}

func askWebhook(v *desk.Visit) error {
	if err := v.Managed(); err != nil {
		return err
	}
	if err := v.Proved(); err != nil {
		return err
	}
	asked := v.R.URL.Query()
	form := &ui.Form{Values: url.Values{"url": {asked.Get("url")}, "events": {"all"}}}
	if e := asked.Get("events"); e != "" {
		form.Values.Set("events", e)
	}
	return showNew(v, form)
}

func showNew(v *desk.Visit, form *ui.Form) error {
	page := newPage{Form: form, Action: at(v, "webhooks", "new"), Cancel: at(v, "webhooks")}
	if v.Account != "" { // there is no choice for who runs the gateway: alarms
		for _, c := range []string{"all", "attention", "results"} {
			page.Choices = append(page.Choices, ui.Option{Value: c, Label: v.L.T("webhook.events." + c), Help: v.L.T("webhook.events." + c + ".help")})
		}
	}
	return v.ShowAs(form.Status(), "webhook-new", "webhooks", v.L.T("webhook.new"), page, crumbs(v)...)
}

func addWebhook(v *desk.Visit) error {
	if err := v.Managed(); err != nil {
		return err
	}
	form := &ui.Form{Values: desk.Keep(v.R.PostForm, "url", "events")}
	v.Next = desk.Address(at(v, "webhooks", "new"), form.Values)
	in := portal.NewWebhook{URL: strings.TrimSpace(form.Values.Get("url"))}
	if in.URL == "" {
		form.Fail("url", v.L.T("form.required"))
		return showNew(v, form)
	}
	if v.Account != "" {
		in.Events = choices[form.Values.Get("events")]
	}
	var made portal.WebhookMade
	if err := v.Post(of(v, "webhooks"), in, &made); err != nil {
		if portal.IsStepUp(err) {
			return err
		}
		if err := explain(form, "url", err); err != nil {
			return err
		}
		return showNew(v, form)
	}
	return showSecret(v, v.L.T("webhook.made"), v.L.T("webhook.made.text"), made)
}

func showSecret(v *desk.Visit, title, text string, made portal.WebhookMade) error {
	return v.Show("once", "webhooks", title, oncePage{
		Title: title, Text: text, Back: at(v, "webhooks", "of", made.ID),
		Secret: ui.Secret{Label: v.L.T("webhook.secret.label"), Value: made.Secret, Help: v.L.T("webhook.secret.help")},
	}, crumbs(v)...)
}

// theHook is that of the address.
func theHook(v *desk.Visit) (h portal.Webhook, err error) {
	list, err := readHooks(v)
	if err != nil {
		return h, err
	}
	i := slices.IndexFunc(list, func(h portal.Webhook) bool { return h.ID == v.R.PathValue("webhook") })
	if i < 0 {
		return h, fault.New(fault.NotFound, "web: webhook", "there is no such webhook")
	}
	return list[i], nil
}

func showWebhook(v *desk.Visit) error {
	h, err := theHook(v)
	if err != nil {
		return err
	}
	const perPage = "50"
	query := url.Values{"limit": {perPage}}
	before := v.R.URL.Query().Get("before")
	if before != "" {
		query.Set("before", before)
	}
	var list portal.WebhookDeliveries
	if err := v.Get(of(v, "webhooks", h.ID, "deliveries"), query, &list); err != nil {
		return err
	}
	page := hookPage{Base: at(v, "webhooks", "of", h.ID), Hook: h, Deliveries: list.Deliveries}
	if v.Account != "" {
		page.Files = v.At("files")
	}
	if before != "" {
		page.Pager.First = page.Base
	}
	if list.Next != nil {
		page.Pager.Next = desk.Address(page.Base, url.Values{"before": {*list.Next}})
	}
	return v.Show("webhook", "webhooks", v.L.T("webhook.title"), page, crumbs(v)...)
}

func testWebhook(v *desk.Visit) error {
	h, err := theHook(v)
	if err != nil {
		return err
	}
	var sent portal.WebhookDelivery
	if err := v.Post(of(v, "webhooks", h.ID, "test"), struct{}{}, &sent); err != nil {
		return err
	}
	code := "webhook-tested"
	if sent.State != "delivered" {
		code = "webhook-test-failed"
	}
	return v.Done(at(v, "webhooks", "of", h.ID), code)
}

func switchWebhook(v *desk.Visit) error {
	h, err := theHook(v)
	if err != nil {
		return err
	}
	v.Next = at(v, "webhooks", "of", h.ID) // where the button is
	on := strings.HasSuffix(v.R.URL.Path, "/on")
	if err := v.Patch(of(v, "webhooks", h.ID), portal.WebhookChange{Enabled: &on}, nil); err != nil {
		return err
	}
	code := "webhook-off"
	if on {
		code = "webhook-on"
	}
	return v.Done(at(v, "webhooks", "of", h.ID), code)
}

// sure asks before something of a webhook is done that asks for a proof.
func sure(v *desk.Visit, what string) error {
	h, err := theHook(v)
	if err != nil {
		return err
	}
	if err := v.Proved(); err != nil {
		return err
	}
	title, own := v.L.T("webhook."+what), at(v, "webhooks", "of", h.ID)
	return v.Show("sure", "webhooks", title, surePage{
		Title: title, Text: v.L.T("webhook." + what + ".text"), Action: own + "/" + what, Button: title, Cancel: own, Removes: what == "remove",
	}, crumbs(v)...)
}

func askSecret(v *desk.Visit) error { return sure(v, "secret") }
func askRemove(v *desk.Visit) error { return sure(v, "remove") }

func newSecret(v *desk.Visit) error {
	h, err := theHook(v)
	if err != nil {
		return err
	}
	v.Next = at(v, "webhooks", "of", h.ID, "secret")
	var made portal.WebhookMade
	if err := v.Post(of(v, "webhooks", h.ID, "secret"), struct{}{}, &made); err != nil {
		return err
	}
	return showSecret(v, v.L.T("webhook.secret"), v.L.T("webhook.renewed.text"), made)
}

func removeWebhook(v *desk.Visit) error {
	h, err := theHook(v)
	if err != nil {
		return err
	}
	v.Next = at(v, "webhooks", "of", h.ID, "remove")
	if err := v.Delete(of(v, "webhooks", h.ID), nil, nil); err != nil {
		return err
	}
	return v.Done(at(v, "webhooks"), "webhook-removed")
}

func replay(v *desk.Visit) error {
	h, err := theHook(v)
	if err != nil {
		return err
	}
	own := at(v, "webhooks", "of", h.ID)
	err = v.Post(of(v, "webhooks", h.ID, "deliveries", v.R.PathValue("delivery"), "replay"), struct{}{}, nil)
	if fault.Is(err, fault.Invalid) { // it is switched off
		return v.Done(own, "webhook-replay-off")
	}
	if err != nil {
		return err
	}
	return v.Done(own, "webhook-replayed")
}
