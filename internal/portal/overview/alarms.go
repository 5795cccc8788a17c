package overview

import (
	"cmp"
	"context"

	"github.com/google/uuid"

	"sealgate/internal/notify/alarm"
	"sealgate/internal/portal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/notices"
)

// InLanguage is the language of sentences that alarms have.
type InLanguage struct {
	Language string `query:"language" enum:"en,sv" default:"en" doc:"of what alarms say"`
}

var severities = map[string]string{alarm.Critical: "error", alarm.Warning: "warning"}

// withAlarms adds what alarms call for that nobody has seen and that is not in the list
// already: of one account, or of all and the gateway (uuid.Nil).
func (o *office) withAlarms(ctx context.Context, list []portal.Attention, of uuid.UUID, language string) ([]portal.Attention, error) {
	type thing struct{ account, code string }
	known := map[thing]bool{}
	for _, a := range list {
		known[thing{a.Account, a.Code}] = true
	}
	err := o.Catalog.View(ctx, func(tx *catalog.Tx) error {
		live, err := tx.LiveAlarms()
		if err != nil {
			return err
		}
		names, err := alarm.Names(tx)
		if err != nil {
			return err
		}
		for _, a := range live {
			name := ""
			if of == uuid.Nil {
				name = names[a.Account]
			} else if a.Account != of {
				continue
			}
			if a.State != notices.AlarmOpen || known[thing{name, a.Kind}] {
				continue
			}
			says, _ := alarm.Sentence(language, a)
			list = append(list, portal.Attention{
				Code: a.Kind, Severity: cmp.Or(severities[a.Severity], "info"), Account: name, Count: a.Count, Since: portal.Moment(a.RaisedAt),
				Object: a.Object, Alarm: a.ID.String(), Message: says,
			})
		}
		return nil
	})
	urgentFirst(list)
	return list, err
}
