package webhook

import (
	"context"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/notices"
)

// Kinds of secrets in the key store.
const (
	secretKind    = "webhook"
	oldSecretKind = "webhook-old"
)

const (
	maxWebhooks = 20 // of an account
	maxURL      = 2000
)

// Webhook is one webhook, opened.
type Webhook struct {
	notices.Webhook
	Address string // "" = it is sealed under a key that is not here
	Waiting int64  // deliveries
}

// Target is a webhook to be.
type Target struct {
	URL        string
	Events     []string // types; none = all
	ByOperator bool     // who runs the gateway adds it to an account that is not his
}

// Change says what to change of a webhook; nil = it stays.
type Change struct {
	Events *[]string
	On     *bool
}

// account finds an account, the built-in one too.
func (s *Service) account(ctx context.Context, name string) (acct *catalog.Account, err error) {
	err = s.opt.Catalog.View(ctx, func(tx *catalog.Tx) error {
		acct, err = tx.AccountByName(name)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, "webhook", "there is no such account")
	}
	return acct, fault.Wrap(fault.Internal, "webhook: account", err)
}

// Add makes a webhook of an account. The second result is its secret: it is in the key
// store, and nobody is shown it again.
func (s *Service) Add(ctx context.Context, actor, account string, n Target) (*Webhook, string, error) {
	const op = "webhook: add"
	acct, err := s.account(ctx, account)
	if err != nil {
		return nil, "", err
	}
	if err := s.check(ctx, n.URL); err != nil {
		return nil, "", err
	}
	events, err := checkEvents(n.Events, acct.Name == catalog.SystemAccount)
	if err != nil {
		return nil, "", err
	}
	rec, err := s.opt.Custody.Records(ctx, acct.ID)
	if err != nil {
		return nil, "", fault.Wrap(fault.Internal, op, err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, "", fault.Wrap(fault.Internal, op, err)
	}
	// The secret first: one that no webhook has is in nobody's way.
	secret := newSecret()
	if err := s.opt.Keys.SetSecret(acct.ID, secretKind, id, []byte(secret)); err != nil {
		return nil, "", err
	}
	w := &notices.Webhook{
		ID: id, Account: acct.ID, URL: rec.Seal("webhook", "url", id, []byte(n.URL)), Events: events,
		State: notices.WebhookOn, ByOperator: n.ByOperator, CreatedAt: s.opt.Now(),
	}
	err = s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		if now, err := tx.Account(acct.ID); err != nil || now.State != catalog.AccountOpen {
			if err != nil {
				return err
			}
			return fault.New(fault.Locked, op, "the account is closed")
		}
		all, err := tx.Webhooks(acct.ID)
		if err != nil {
			return err
		}
		if len(all) >= maxWebhooks {
			return fault.New(fault.Invalid, op, "an account has at most %d webhooks; remove one that is not used", maxWebhooks)
		}
		for _, other := range all {
			if at, err := rec.Open("webhook", "url", other.ID, other.URL); err == nil && string(at) == n.URL {
				return fault.New(fault.Exists, op, "there is a webhook to that address")
			}
		}
		if w.Since, err = tx.AuditSize(); err != nil {
			return err
		}
		if err := tx.InsertWebhook(w); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{Account: acct.ID, Actor: actor, Action: "webhook.added", Object: id.String()})
	})
	if err != nil {
		if rerr := s.opt.Keys.RemoveSecret(acct.ID, secretKind, id); rerr != nil {
			s.opt.Log.WarnContext(ctx, "webhook: a secret that nobody needs stays in the key store", "err", rerr)
		}
		return nil, "", fault.Wrap(fault.Internal, op, err)
	}
	return &Webhook{Webhook: *w, Address: n.URL}, secret, nil
}

// check refuses an address that can never be sent to.
func (s *Service) check(ctx context.Context, address string) error {
	const op = "webhook: address"
	u, err := url.Parse(address)
	switch {
	case len(address) > maxURL || err != nil || u.Hostname() == "" || u.Opaque != "" || strings.ContainsFunc(address, notInURL):
		return fault.New(fault.Invalid, op, "that is not an address like https://erp.example.com/hooks/sealgate")
	case u.Scheme != "https" && u.Scheme != "http":
		return fault.New(fault.Invalid, op, "an address begins with https://")
	case u.User != nil:
		return fault.New(fault.Invalid, op, "an address holds no username and password: receivers know a delivery by its signature")
	case u.Fragment != "":
		return fault.New(fault.Invalid, op, "an address ends before #")
	}
	ctx, stop := context.WithTimeout(ctx, answerWithin)
	defer stop()
	guard := s.opt.Guard
	if u.Scheme == "http" {
		guard = guard.Inner()
	}
	return guard.Resolve(ctx, u.Hostname())
}

func notInURL(r rune) bool { return r <= ' ' || r >= 0x7f }

func checkEvents(events []string, operators bool) ([]string, error) {
	for _, e := range events {
		if !slices.Contains(Types(operators), e) {
			return nil, fault.New(fault.Invalid, "webhook: events", "%q is not one of: %s", e, strings.Join(Types(operators), ", "))
		}
	}
	events = slices.Clone(events)
	slices.Sort(events)
	return slices.Compact(events), nil
}

// List returns the webhooks of an account, oldest first.
func (s *Service) List(ctx context.Context, account string) ([]*Webhook, error) {
	acct, err := s.account(ctx, account)
	if err != nil {
		return nil, err
	}
	var all []*Webhook
	err = s.opt.Catalog.View(ctx, func(tx *catalog.Tx) error {
		rows, err := tx.Webhooks(acct.ID)
		for _, row := range rows {
			n, err := tx.WaitingDeliveries(row.ID)
			if err != nil {
				return err
			}
			all = append(all, &Webhook{Webhook: *row, Waiting: n})
		}
		return err
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "webhook: list", err)
	}
	rec, err := s.opt.Custody.Records(ctx, acct.ID)
	if err != nil && !fault.Is(err, fault.Locked) {
		return nil, err
	}
	for _, w := range all {
		if rec == nil {
			break
		}
		if at, err := rec.Open("webhook", "url", w.ID, w.URL); err == nil {
			w.Address = string(at)
		}
	}
	return all, nil
}

// find returns a webhook of an account by its id, or by its address.
func (s *Service) find(ctx context.Context, account, webhook string) (*Webhook, error) {
	all, err := s.List(ctx, account)
	if err != nil {
		return nil, err
	}
	for _, w := range all {
		if w.ID.String() == webhook || w.Address != "" && w.Address == webhook {
			return w, nil
		}
	}
	return nil, fault.New(fault.NotFound, "webhook", "the account has no such webhook")
}

// Set changes a webhook.
func (s *Service) Set(ctx context.Context, actor, account, webhook string, c Change) (*Webhook, error) {
	const op = "webhook: set"
	w, err := s.find(ctx, account, webhook)
	if err != nil {
		return nil, err
	}
	var events []string
	if c.Events != nil {
		if events, err = checkEvents(*c.Events, account == catalog.SystemAccount); err != nil {
			return nil, err
		}
	}
	err = s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		row, err := tx.Webhook(w.ID)
		if err != nil {
			return err
		}
		if c.Events != nil {
			row.Events = events
		}
		switch {
		case c.On == nil:
		case *c.On && row.State != notices.WebhookOn: // what happened meanwhile it is not told of
			row.State, row.FailingSince, row.Failing, row.RetryAt, row.Tries = notices.WebhookOn, time.Time{}, "", time.Time{}, 0
			if row.Since, err = tx.AuditSize(); err != nil {
				return err
			}
		case !*c.On && row.State == notices.WebhookOn:
			row.State = notices.WebhookOff
			if _, err := tx.FailDeliveries(row.ID, s.opt.Now().Add(time.Second), "switched-off", s.opt.Now()); err != nil {
				return err
			}
		}
		if err := tx.SaveWebhook(row); err != nil {
			return err
		}
		w.Webhook = *row
		return tx.Audit(audit.Entry{Account: row.Account, Actor: actor, Action: "webhook.changed", Object: row.ID.String(), Detail: map[string]string{"state": row.State}})
	})
	return w, fault.Wrap(fault.Internal, op, err)
}

// Remove ends a webhook and forgets its deliveries.
func (s *Service) Remove(ctx context.Context, actor, account, webhook string) error {
	const op = "webhook: remove"
	w, err := s.find(ctx, account, webhook)
	if err != nil {
		return err
	}
	err = s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := tx.DeleteWebhook(w.ID); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{Account: w.Account, Actor: actor, Action: "webhook.removed", Object: w.ID.String()})
	})
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	for _, kind := range []string{secretKind, oldSecretKind} {
		if err := s.opt.Keys.RemoveSecret(w.Account, kind, w.ID); err != nil {
			return fault.Wrap(fault.Internal, op, err)
		}
	}
	return nil
}

// Rotate gives a webhook a new secret. The one before signs beside it for 24 hours, so
// that the receiver can be changed in between; at once, it ends now: somebody else may
// know it. Receivers know two secrets at most: a second one within the 24 hours is
// refused, unless it is at once.
func (s *Service) Rotate(ctx context.Context, actor, account, webhook string, atOnce bool) (*Webhook, string, error) {
	const op = "webhook: new secret"
	s.rotating.Lock()
	defer s.rotating.Unlock()
	w, err := s.find(ctx, account, webhook)
	if err != nil {
		return nil, "", err
	}
	if !atOnce && w.OldUntil.After(s.opt.Now()) {
		return nil, "", fault.New(fault.Invalid, op, "the webhook got a new secret less than 24 hours ago, and its receiver may still know the one before; end both at once, or wait")
	}
	var until time.Time
	if !atOnce {
		if until, err = s.keepOld(w); err != nil {
			return nil, "", fault.Wrap(fault.Internal, op, err)
		}
	}
	// In this order a crash leaves the old secret alone, or twice, but never the new
	// one without it.
	err = s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		row, err := tx.Webhook(w.ID)
		if err != nil {
			return err
		}
		row.OldUntil = until
		if row.Failing == notices.FailingNoSecret { // this is the way out
			row.Failing, row.FailingSince, row.RetryAt = "", time.Time{}, time.Time{}
		}
		if err := tx.SaveWebhook(row); err != nil {
			return err
		}
		w.Webhook = *row
		return tx.Audit(audit.Entry{Account: row.Account, Actor: actor, Action: "webhook.new-secret", Object: row.ID.String()})
	})
	if err != nil {
		return nil, "", fault.Wrap(fault.Internal, op, err)
	}
	secret := newSecret()
	err = s.opt.Keys.SetSecret(w.Account, secretKind, w.ID, []byte(secret))
	if err == nil && atOnce {
		err = s.opt.Keys.RemoveSecret(w.Account, oldSecretKind, w.ID)
	}
	if err != nil {
		return nil, "", fault.Wrap(fault.Internal, op, err)
	}
	s.Wake()
	return w, secret, nil
}

// keepOld keeps the present secret as the old one, and returns until when it signs: not
// at all when there is none, for the key store was restored from before it was made.
func (s *Service) keepOld(w *Webhook) (until time.Time, err error) {
	old, err := s.opt.Keys.AccountSecret(w.Account, secretKind, w.ID)
	if fault.Is(err, fault.NotFound) {
		return time.Time{}, nil
	}
	if err == nil {
		err = s.opt.Keys.SetSecret(w.Account, oldSecretKind, w.ID, old)
	}
	return s.opt.Now().Add(oldSecretFor), err
}

// Test sends a test event at once and says how it went. It is not tried again. A webhook
// is tested now and then, one test after the other, and the last one is on record: who
// may test makes the gateway connect to any address.
func (s *Service) Test(ctx context.Context, actor, account, webhook string) (*notices.Delivery, error) {
	const op = "webhook: test"
	w, err := s.find(ctx, account, webhook)
	if err != nil {
		return nil, err
	}
	acct, err := s.account(ctx, account)
	if err != nil {
		return nil, err
	}
	if !s.take(s.tested, w.ID) {
		return nil, errTested
	}
	defer s.release(s.tested, w.ID)
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	now := s.opt.Now()
	d := &notices.Delivery{ID: id, Webhook: w.ID, Event: id, Type: TestEvent, EventAt: now, CreatedAt: now, Attempts: 1, State: notices.DeliveryFailed, Error: "internal", EndedAt: now}
	err = s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		last, err := tx.LastOfType(w.ID, TestEvent)
		if err != nil {
			return err
		}
		if since := now.Sub(last); since >= 0 && since < testEvery {
			return errTested
		}
		if err := tx.DeleteEnded(w.ID, TestEvent); err != nil {
			return err
		}
		if err := tx.InsertDelivery(d); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{Account: w.Account, Actor: actor, Action: "webhook.tested", Object: w.ID.String()})
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	select {
	case s.places <- struct{}{}:
	case <-ctx.Done():
		return nil, fault.Wrap(fault.TryLater, op, ctx.Err())
	}
	a := s.send(ctx, &job{webhook: &w.Webhook, delivery: d, account: acct})
	<-s.places
	d.Status, d.Error, d.EndedAt = int64(a.status), a.code, s.opt.Now()
	if a.code == "" {
		d.State = notices.DeliveryDelivered
	}
	err = s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.SaveDelivery(d) })
	return d, fault.Wrap(fault.Internal, op, err)
}

var errTested = fault.New(fault.TryLater, "webhook: test", "the webhook was sent a test event a moment ago; try again in a few seconds")

// Deliveries returns up to limit deliveries of a webhook, the newest first, from the
// one that follows before.
func (s *Service) Deliveries(ctx context.Context, account, webhook string, before uuid.UUID, limit int) (list []*notices.Delivery, err error) {
	w, err := s.find(ctx, account, webhook)
	if err != nil {
		return nil, err
	}
	err = s.opt.Catalog.View(ctx, func(tx *catalog.Tx) error {
		list, err = tx.Deliveries(w.ID, before, limit)
		return err
	})
	return list, fault.Wrap(fault.Internal, "webhook: deliveries", err)
}

// Replay sends what was delivered, or was not, once more: a new delivery of the same
// event.
func (s *Service) Replay(ctx context.Context, actor, account, webhook string, delivery uuid.UUID) (*notices.Delivery, error) {
	const op = "webhook: replay"
	w, err := s.find(ctx, account, webhook)
	if err != nil {
		return nil, err
	}
	if w.State != notices.WebhookOn {
		return nil, fault.New(fault.Invalid, op, "the webhook is switched off; switch it on first")
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	var again *notices.Delivery
	err = s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		d, err := tx.Delivery(delivery)
		if fault.Is(err, fault.NotFound) || err == nil && d.Webhook != w.ID {
			return fault.New(fault.NotFound, op, "the webhook has no such delivery")
		}
		if err != nil {
			return err
		}
		if again, err = tx.WaitingDelivery(w.ID, d.Event); err != nil || again != nil {
			return err // it is sent anyway
		}
		now := s.opt.Now()
		again = &notices.Delivery{
			ID: id, Webhook: w.ID, Event: d.Event, Type: d.Type, Object: d.Object, EventAt: d.EventAt,
			CreatedAt: now, RunAt: now, State: notices.DeliveryWaiting,
		}
		if err := tx.InsertDelivery(again); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{Account: w.Account, Actor: actor, Action: "webhook.replayed", Object: w.ID.String(), Detail: map[string]string{"delivery": delivery.String()}})
	})
	if err == nil {
		s.Wake()
	}
	return again, fault.Wrap(fault.Internal, op, err)
}

// Sweep forgets deliveries that ended long ago, and secrets whose time is over.
func (s *Service) Sweep(ctx context.Context) error {
	const group = 500
	for n := int64(group); n == group; {
		err := s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) (err error) {
			n, err = tx.DeleteDeliveries(s.opt.Now().Add(-rememberFor), group)
			return err
		})
		if err != nil {
			return err
		}
	}
	all, err := s.all(ctx)
	if err != nil {
		return err
	}
	for _, w := range all {
		if w.OldUntil.IsZero() || w.OldUntil.After(s.opt.Now()) {
			continue
		}
		if err := s.forgetOld(ctx, w.ID); err != nil {
			return err
		}
	}
	return nil
}

// forgetOld destroys the secret before the present one when its time is over. A new one
// may have come since somebody looked.
func (s *Service) forgetOld(ctx context.Context, webhook uuid.UUID) error {
	s.rotating.Lock()
	defer s.rotating.Unlock()
	var w *notices.Webhook
	err := s.opt.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		w, err = tx.Webhook(webhook)
		return err
	})
	switch {
	case fault.Is(err, fault.NotFound), err == nil && (w.OldUntil.IsZero() || w.OldUntil.After(s.opt.Now())):
		return nil
	case err != nil:
		return err
	}
	if err := s.opt.Keys.RemoveSecret(w.Account, oldSecretKind, w.ID); err != nil {
		return err
	}
	return s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		row, err := tx.Webhook(w.ID)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		row.OldUntil = time.Time{}
		return tx.SaveWebhook(row)
	})
}
