package notifyapi

import (
	"cmp"
	"context"
	"slices"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/notify/alarm"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/notices"
)

// Alarms is a list of alarms.
type Alarms struct {
	Alarms []alarm.Alarm `json:"alarms"`
}

// InLanguage is the language of sentences.
type InLanguage struct {
	Language string `query:"language" enum:"en,sv" default:"en" doc:"of the sentences"`
}

func (d *desk) listAlarms(ctx context.Context, in *struct {
	InLanguage
	Account string `query:"account" doc:"of this account only"`
	Ended   bool   `query:"ended" doc:"those that are over, too"`
},
) (*operation.Out[Alarms], error) {
	of := access.Of(ctx).Account // whose people are told of nothing else
	if access.Of(ctx).Operator && in.Account != "" && in.Account != catalog.SystemAccount {
		acct, err := d.Accounts.Account(ctx, in.Account)
		if err != nil {
			return nil, err
		}
		of = acct.ID
	}
	rows, err := d.Alarms.List(ctx, of, in.Ended)
	if err != nil {
		return nil, err
	}
	if in.Account == catalog.SystemAccount { // whose alarms are the gateway's own
		rows = slices.DeleteFunc(rows, func(a *notices.Alarm) bool { return a.Account != uuid.Nil })
	}
	names, err := d.names(ctx)
	if err != nil {
		return nil, err
	}
	list := Alarms{Alarms: make([]alarm.Alarm, 0, len(rows))}
	for _, row := range rows {
		list.Alarms = append(list.Alarms, alarm.Of(row, names[row.Account], in.Language))
	}
	return operation.Answer(list), nil
}

func (d *desk) names(ctx context.Context) (names map[uuid.UUID]string, err error) {
	err = d.Catalog.View(ctx, func(tx *catalog.Tx) error {
		names, err = alarm.Names(tx)
		return err
	})
	return names, err
}

func (d *desk) seeAlarm(ctx context.Context, in *struct {
	operation.ByID
	InLanguage
},
) (*operation.Out[alarm.Alarm], error) {
	missing := fault.New(fault.NotFound, "api: alarm", "there is no alarm %q", in.ID)
	id, err := uuid.Parse(in.ID)
	if err != nil {
		return nil, missing
	}
	var row *notices.Alarm
	err = d.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		row, err = tx.Alarm(id)
		return err
	})
	if fault.Is(err, fault.NotFound) || err == nil && !access.Own(ctx, row.Account) {
		return nil, missing
	}
	if err != nil {
		return nil, err
	}
	if row, err = d.Alarms.See(ctx, access.Of(ctx).Actor, id); err != nil {
		return nil, err
	}
	names, err := d.names(ctx)
	if err != nil {
		return nil, err
	}
	return operation.Answer(alarm.Of(row, names[row.Account], in.Language)), nil
}

func (d *desk) listRecipients(ctx context.Context, in *operation.ByName) (*operation.Out[portal.AlarmRecipients], error) {
	list, err := d.Mailer.Recipients(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	shown := portal.AlarmRecipients{Recipients: make([]portal.AlarmRecipient, 0, len(list))}
	for _, r := range list {
		shown.Recipients = append(shown.Recipients, portal.AlarmRecipient(r))
	}
	return operation.Answer(shown), nil
}

func (d *desk) setRecipients(ctx context.Context, in *struct {
	operation.ByName
	Body portal.AlarmRecipients
},
) (*operation.Out[portal.AlarmRecipients], error) {
	var list []alarm.Recipient
	for _, r := range in.Body.Recipients {
		list = append(list, alarm.Recipient{Address: r.Address, Language: cmp.Or(r.Language, alarm.English)})
	}
	if err := d.Mailer.SetRecipients(ctx, access.Of(ctx).Actor, in.Name, list); err != nil {
		return nil, err
	}
	return d.listRecipients(ctx, &operation.ByName{Name: in.Name})
}
