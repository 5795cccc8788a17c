package alarm

import (
	"context"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/notices"
)

// Alarm is what people, scripts and webhooks see of an alarm. Its JSON names are a
// stable interface (docs/alarms.md).
type Alarm struct {
	ID       string            `json:"id"`
	Account  *string           `json:"account"` // null: the gateway's own
	Kind     string            `json:"kind"`
	Object   string            `json:"object,omitempty"`
	State    string            `json:"state" enum:"open,seen,over"`
	Severity string            `json:"severity" enum:"info,warning,critical"`
	Count    int64             `json:"count"`
	Detail   map[string]string `json:"detail,omitempty"`
	Message  string            `json:"message"`
	Do       string            `json:"do,omitempty" doc:"what to do about it"`
	RaisedAt time.Time         `json:"raised_at"`
	SeenAt   *time.Time        `json:"seen_at"`
	SeenBy   string            `json:"seen_by,omitempty"`
	OverAt   *time.Time        `json:"over_at"`
}

// Of describes an alarm in a language; account is the name of its account.
func Of(a *notices.Alarm, account, language string) Alarm {
	o := Alarm{
		ID: a.ID.String(), Kind: a.Kind, Object: a.Object, State: a.State, Severity: a.Severity, Count: a.Count, Detail: a.Detail,
		RaisedAt: a.RaisedAt.UTC(), SeenAt: moment(a.SeenAt), SeenBy: a.SeenBy, OverAt: moment(a.OverAt),
	}
	o.Message, o.Do = Sentence(language, a)
	if a.Account != uuid.Nil {
		o.Account = &account
	}
	return o
}

func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// Describe is Of for the alarm with an id.
func (s *Service) Describe(ctx context.Context, id uuid.UUID) (any, error) {
	var o Alarm
	err := s.opt.Catalog.View(ctx, func(tx *catalog.Tx) error {
		a, err := tx.Alarm(id)
		if err != nil {
			return err
		}
		names, err := Names(tx)
		o = Of(a, names[a.Account], English)
		return err
	})
	return o, fault.Wrap(fault.Internal, "alarm: describe", err)
}

// Names are the names of all accounts by id.
func Names(tx *catalog.Tx) (map[uuid.UUID]string, error) {
	all, err := tx.Accounts()
	names := map[uuid.UUID]string{}
	for _, a := range all {
		names[a.ID] = a.Name
	}
	return names, err
}
