package alarm

import (
	"context"
	"time"

	"sealgate/internal/account/agents"
)

// Agents finds Connects at customers' premises that somebody should see to. They are
// told by their ids: their names are the account's own.
func Agents(troubles func(context.Context) ([]agents.Trouble, error)) Check {
	return Check{Name: "agents", Every: time.Minute, Look: func(ctx context.Context) (found []Condition, err error) {
		list, err := troubles(ctx)
		for _, t := range list {
			found = append(found, Condition{
				Account: t.Account, Kind: t.Kind, Object: t.ID.String(), Severity: Warning, Count: max(t.Report.Failed, 1),
				Detail: map[string]string{"since": stamp(t.Since)},
			})
		}
		return found, err
	}}
}
