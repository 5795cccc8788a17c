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

// made is a delivery that an entry makes.
type made struct {
	*notices.Delivery
	number int64 // of the entry
}

// follow turns the entries since the cursor into deliveries.
func (s *Service) follow(ctx context.Context) error {
	for {
		var last int64
		var found int
		var due []made
		err := s.opt.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
			last, found, due, err = s.look(tx)
			return err
		})
		if err != nil || found == 0 {
			return fault.Wrap(fault.Internal, "webhook: follow", err)
		}
		// A cursor that passes nothing but what concerns nobody is not worth a commit
		// each second. After a crash a few entries are read again, and concern nobody.
		if len(due) > 0 || found == followGroup {
			err = s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error {
				if err := insert(tx, due); err != nil {
					return err
				}
				return tx.SetWebhookCursor(last + 1)
			})
		}
		if err == nil {
			s.at = last + 1
		}
		if err != nil || found < followGroup {
			return fault.Wrap(fault.Internal, "webhook: follow", err)
		}
	}
}

// look reads the next entries, and what they make for the webhooks that there are
// beside them: one that is added later asks for later entries only.
func (s *Service) look(tx *catalog.Tx) (last int64, found int, due []made, err error) {
	at, err := tx.WebhookCursor()
	if err != nil {
		return 0, 0, nil, err
	}
	all, err := tx.AllWebhooks()
	if err != nil || len(all) == 0 {
		return 0, 0, nil, err
	}
	var system uuid.UUID
	if sys, err := tx.AccountByName(catalog.SystemAccount); err == nil {
		system = sys.ID
	} else if !fault.Is(err, fault.NotFound) {
		return 0, 0, nil, err
	}
	first := all[0].Since
	of := map[uuid.UUID][]*notices.Webhook{}
	for _, w := range all {
		first = min(first, w.Since)
		of[w.Account] = append(of[w.Account], w)
	}
	// Before the first webhook was made nobody asked.
	entries, err := tx.AuditNumbered(max(at, s.at, first), followGroup)
	for _, e := range entries {
		mine := of[e.Entry.Account]
		if e.Entry.Account != system && slices.Contains(alarmEvents, e.Entry.Action) {
			mine = slices.Concat(mine, of[system])
		}
		more, err := s.deliveries(tx, e, mine)
		if err != nil {
			return 0, 0, nil, err
		}
		due = append(due, more...)
		last = e.Number
	}
	return last, len(entries), due, err
}

// insert puts deliveries on record, but for webhooks that were removed or switched off
// meanwhile.
func insert(tx *catalog.Tx, due []made) error {
	all, err := tx.AllWebhooks()
	if err != nil {
		return err
	}
	now := map[uuid.UUID]*notices.Webhook{}
	for _, w := range all {
		now[w.ID] = w
	}
	for _, d := range due {
		if w := now[d.Webhook]; w == nil || w.State != notices.WebhookOn || d.number < w.Since {
			continue
		}
		if err := tx.InsertDelivery(d.Delivery); err != nil {
			return err
		}
	}
	return nil
}

// deliveries are those that an entry makes for webhooks whose business it is.
func (s *Service) deliveries(tx *catalog.Tx, e audit.Numbered, mine []*notices.Webhook) (due []made, err error) {
	kind := ""
	for _, w := range mine {
		if w.State != notices.WebhookOn || e.Number < w.Since {
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
		due = append(due, made{&notices.Delivery{
			ID: id, Webhook: w.ID, Event: e.Entry.ID, Type: kind, Object: e.Entry.Object, EventAt: e.Entry.Time,
			CreatedAt: now, RunAt: now, State: notices.DeliveryWaiting,
		}, e.Number})
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
