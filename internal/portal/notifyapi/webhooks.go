package notifyapi

import (
	"context"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/fault"
	"sealgate/internal/notify/webhook"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/notices"
)

func (d *desk) listWebhooks(ctx context.Context, in *operation.ByName) (*operation.Out[[]portal.Webhook], error) {
	all, err := d.Webhooks.List(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	acct, err := d.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	list := make([]portal.Webhook, 0, len(all))
	for _, w := range all {
		list = append(list, d.shown(ctx, w, acct))
	}
	return operation.Answer(list), nil
}

func (d *desk) addWebhook(ctx context.Context, in *struct {
	operation.ByName
	Body portal.NewWebhook
},
) (*operation.Out[portal.WebhookMade], error) {
	if err := d.mayTell(ctx, in.Name); err != nil {
		return nil, err
	}
	w, secret, err := d.Webhooks.Add(ctx, access.Of(ctx).Actor, in.Name, webhook.Target{
		URL: in.Body.URL, Events: in.Body.Events, ByOperator: access.Of(ctx).Operator && in.Name != catalog.SystemAccount,
	})
	if err != nil {
		return nil, err
	}
	return operation.Answer(portal.WebhookMade{Webhook: webhookOf(w), Secret: secret}), nil
}

// mayTell refuses operators a webhook of an account that does not let them see its
// contents, and the secret of one: names and findings are what it is told.
func (d *desk) mayTell(ctx context.Context, name string) error {
	if !access.Of(ctx).Operator || name == catalog.SystemAccount {
		return nil
	}
	acct, err := d.Accounts.Account(ctx, name)
	if err != nil {
		return err
	}
	if closedTo(ctx, acct) {
		return fault.New(fault.Denied, "api: webhook", "the account does not let operators see its contents, and a webhook is told of them; an admin of the account may do it")
	}
	return nil
}

// closedTo tells whether the caller is an operator who may not see what an account has.
func closedTo(ctx context.Context, acct *account.Account) bool {
	return access.Of(ctx).Operator && acct.Name != catalog.SystemAccount && acct.OperatorAccess != catalog.OperatorOn
}

// shown is a webhook as the caller may see it: its address may be all that a receiver
// asks for.
func (d *desk) shown(ctx context.Context, w *webhook.Webhook, acct *account.Account) portal.Webhook {
	o := webhookOf(w)
	if closedTo(ctx, acct) {
		o.URL = nil
	}
	return o
}

func (d *desk) setWebhook(ctx context.Context, in *struct {
	operation.ByName
	ByWebhook
	Body portal.WebhookChange
},
) (*operation.Out[portal.Webhook], error) {
	w, err := d.Webhooks.Set(ctx, access.Of(ctx).Actor, in.Name, in.Webhook, webhook.Change{Events: in.Body.Events, On: in.Body.Enabled})
	if err != nil {
		return nil, err
	}
	acct, err := d.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	return operation.Answer(d.shown(ctx, w, acct)), nil
}

func (d *desk) removeWebhook(ctx context.Context, in *struct {
	operation.ByName
	ByWebhook
},
) (*operation.None, error) {
	return &operation.None{}, d.Webhooks.Remove(ctx, access.Of(ctx).Actor, in.Name, in.Webhook)
}

func (d *desk) newSecret(ctx context.Context, in *struct {
	operation.ByName
	ByWebhook
	Now bool `query:"now" doc:"the one before is good no longer, at once: somebody else may know it"`
},
) (*operation.Out[portal.WebhookMade], error) {
	if err := d.mayTell(ctx, in.Name); err != nil {
		return nil, err
	}
	w, secret, err := d.Webhooks.Rotate(ctx, access.Of(ctx).Actor, in.Name, in.Webhook, in.Now)
	if err != nil {
		return nil, err
	}
	return operation.Answer(portal.WebhookMade{Webhook: webhookOf(w), Secret: secret}), nil
}

func (d *desk) testWebhook(ctx context.Context, in *struct {
	operation.ByName
	ByWebhook
},
) (*operation.Out[portal.WebhookDelivery], error) {
	sent, err := d.Webhooks.Test(ctx, access.Of(ctx).Actor, in.Name, in.Webhook)
	if err != nil {
		return nil, err
	}
	return operation.Answer(deliveryOf(sent)), nil
}

func (d *desk) listDeliveries(ctx context.Context, in *struct {
	operation.ByName
	ByWebhook
	Before string `query:"before" doc:"next of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
},
) (*operation.Out[portal.WebhookDeliveries], error) {
	before := uuid.Nil
	if in.Before != "" {
		var err error
		if before, err = uuid.Parse(in.Before); err != nil {
			return nil, fault.New(fault.Invalid, "api: deliveries", "%q is not the next of a page", in.Before)
		}
	}
	rows, err := d.Webhooks.Deliveries(ctx, in.Name, in.Webhook, before, in.Limit+1)
	if err != nil {
		return nil, err
	}
	page := portal.WebhookDeliveries{Deliveries: make([]portal.WebhookDelivery, 0, len(rows))}
	for i, row := range rows {
		if i == in.Limit {
			page.Next = &page.Deliveries[i-1].ID
			break
		}
		page.Deliveries = append(page.Deliveries, deliveryOf(row))
	}
	return operation.Answer(page), nil
}

func (d *desk) replay(ctx context.Context, in *struct {
	operation.ByName
	ByWebhook
	Delivery string `path:"delivery"`
},
) (*operation.Out[portal.WebhookDelivery], error) {
	id, err := uuid.Parse(in.Delivery)
	if err != nil {
		return nil, fault.New(fault.NotFound, "api: replay", "the webhook has no such delivery")
	}
	again, err := d.Webhooks.Replay(ctx, access.Of(ctx).Actor, in.Name, in.Webhook, id)
	if err != nil {
		return nil, err
	}
	return operation.Answer(deliveryOf(again)), nil
}

func webhookOf(w *webhook.Webhook) portal.Webhook {
	o := portal.Webhook{
		ID: w.ID.String(), Events: w.Events, State: w.State, CreatedAt: w.CreatedAt.UTC(), FailingSince: portal.Moment(w.FailingSince),
		RetryAt: portal.Moment(w.RetryAt), Waiting: w.Waiting, OldSecret: portal.Moment(w.OldUntil), Error: w.Failing, ByOperator: w.ByOperator,
	}
	if o.Events == nil {
		o.Events = []string{}
	}
	if w.Address != "" {
		o.URL = &w.Address
	}
	return o
}

func deliveryOf(d *notices.Delivery) portal.WebhookDelivery {
	o := portal.WebhookDelivery{
		ID: d.ID.String(), Event: d.Event.String(), Type: d.Type, Object: d.Object, EventAt: d.EventAt.UTC(), CreatedAt: d.CreatedAt.UTC(),
		State: d.State, Attempts: d.Attempts, Error: d.Error, EndedAt: portal.Moment(d.EndedAt),
	}
	if d.Status != 0 {
		o.Status = &d.Status
	}
	if d.State == notices.DeliveryWaiting {
		o.NextAt = portal.Moment(d.RunAt)
	}
	return o
}
