package webhook

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/notices"
)

// TestEvent is the type of what Test sends. Nobody can ask for it otherwise.
const TestEvent = "webhook.test"

// fileEvents are the types of events about files, most of which are named as in the
// audit log. A file on its way out is received by the gateway, and waits.
var fileEvents = []string{
	"file.received", "file.waiting-rename", "file.not-renamed", "file.indexed", "file.held", "file.refused", "file.locked",
	"file.released", "file.kept", "file.deleted", "file.erased", "file.waiting", "file.delivered",
}

var alarmEvents = []string{"alarm.raised", "alarm.over"}

// Types returns all types of events that a webhook can be told of. Those who run the
// gateway are told of alarms only.
func Types(operators bool) []string {
	if operators {
		return alarmEvents
	}
	return slices.Concat(fileEvents, alarmEvents)
}

// answers is the source of files that the gateway writes by itself.
const answers = "gateway"

// followGroup is how many entries are looked at in one step.
const followGroup = 500

func (s *Service) all(ctx context.Context) (all []*notices.Webhook, err error) {
	err = s.opt.Catalog.View(ctx, func(tx *catalog.Tx) error {
		all, err = tx.AllWebhooks()
		return err
	})
	return all, fault.Wrap(fault.Internal, "webhook: list", err)
}

// follow turns the entries since the cursor into deliveries.
func (s *Service) follow(ctx context.Context, all []*notices.Webhook) error {
	first := all[0].Since
	for _, w := range all {
		first = min(first, w.Since)
	}
	var system uuid.UUID
	for {
		var entries []audit.Numbered
		var due []*notices.Delivery
		var at int64
		err := s.opt.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
			if at, err = tx.WebhookCursor(); err != nil {
				return err
			}
			if sys, err := tx.AccountByName(catalog.SystemAccount); err == nil {
				system = sys.ID
			} else if !fault.Is(err, fault.NotFound) {
				return err
			}
			// Before the first webhook was made nobody asked.
			if entries, err = tx.AuditNumbered(max(at, s.at, first), followGroup); err != nil {
				return err
			}
			for _, e := range entries {
				more, err := s.deliveries(tx, e, all, system)
				if err != nil {
					return err
				}
				due = append(due, more...)
			}
			return nil
		})
		if err != nil || len(entries) == 0 {
			return fault.Wrap(fault.Internal, "webhook: follow", err)
		}
		// A cursor that passes nothing but what concerns nobody is not worth a commit
		// each second. After a crash a few entries are read again, and concern nobody.
		if len(due) > 0 || len(entries) == followGroup {
			err = s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error {
				for _, d := range due {
					if err := tx.InsertDelivery(d); err != nil && !fault.Is(err, fault.NotFound) { // removed meanwhile
						return err
					}
				}
				return tx.SetWebhookCursor(entries[len(entries)-1].Number + 1)
			})
		}
		if err == nil {
			s.at = entries[len(entries)-1].Number + 1
		}
		if err != nil || len(entries) < followGroup {
			return fault.Wrap(fault.Internal, "webhook: follow", err)
		}
	}
}

// deliveries are those that an entry makes.
func (s *Service) deliveries(tx *catalog.Tx, e audit.Numbered, all []*notices.Webhook, system uuid.UUID) (due []*notices.Delivery, err error) {
	kind := ""
	for _, w := range all {
		mine := w.Account == e.Entry.Account || w.Account == system && slices.Contains(alarmEvents, e.Entry.Action)
		if !mine || w.State != notices.WebhookOn || e.Number < w.Since {
			continue
		}
		if kind == "" {
			if kind, err = typeOf(tx, &e.Entry); err != nil || kind == "" {
				return nil, err
			}
		}
		if len(w.Events) > 0 && !slices.Contains(w.Events, kind) {
			continue
		}
		id, err := uuid.NewV7()
		if err != nil {
			return nil, err
		}
		now := s.opt.Now()
		due = append(due, &notices.Delivery{
			ID: id, Webhook: w.ID, Event: e.Entry.ID, Type: kind, Object: e.Entry.Object, EventAt: e.Entry.Time,
			CreatedAt: now, RunAt: now, State: notices.DeliveryWaiting,
		})
	}
	return due, nil
}

// typeOf is the event that an entry of the audit log makes; "" = none.
func typeOf(tx *catalog.Tx, e *audit.Entry) (string, error) {
	if slices.Contains(alarmEvents, e.Action) {
		return e.Action, nil
	}
	if !slices.Contains(fileEvents, e.Action) {
		return "", nil
	}
	if e.Action != "file.received" && e.Action != "file.indexed" {
		return e.Action, nil
	}
	id, err := uuid.Parse(e.Object)
	if err != nil {
		return "", nil
	}
	f, err := tx.File(id)
	if fault.Is(err, fault.NotFound) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	switch outcome := e.Detail["outcome"]; {
	case e.Action == "file.received" && f.Direction == catalog.Out:
		return "file.waiting", nil
	case e.Action == "file.indexed" && f.Source == answers:
		return "", nil // the gateway's own answer about a file is no payment file
	case e.Action == "file.indexed" && (outcome == "held" || outcome == "refused") && f.Direction == catalog.In && f.State != catalog.Kept:
		return "file." + outcome, nil
	}
	return e.Action, nil
}
