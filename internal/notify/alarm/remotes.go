package alarm

import (
	"context"
	"time"

	"sealgate/internal/transfer/remotes"
)

// Remotes finds customers' own servers that somebody should see to. What the last error
// was is told by its code: the sentence may name a file, and stands on the remote's page.
func Remotes(troubles func(context.Context) ([]remotes.Trouble, error)) Check {
	return Check{Name: "remotes", Every: time.Minute, Look: func(ctx context.Context) (found []Condition, err error) {
		list, err := troubles(ctx)
		for _, t := range list {
			c := Condition{
				Account: t.Account, Kind: t.Kind, Object: t.ID.String(), Severity: Warning, Count: max(t.Files, 1),
				Detail: map[string]string{"remote": t.Name, "since": stamp(t.Since)},
			}
			switch t.Kind {
			case remotes.Failing:
				c.Detail["code"] = t.Health.Error
			case remotes.FileExpected:
				c.Level = t.Since.Unix() // each day without is worse
			}
			found = append(found, c)
		}
		return found, err
	}}
}
