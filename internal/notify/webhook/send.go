package webhook

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/fileobject"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/notices"
)

// Payload is what a receiver is sent.
type Payload struct {
	ID        string    `json:"id"` // of the event: the same in every delivery of it
	Type      string    `json:"type"`
	CreatedAt time.Time `json:"created_at"`
	Account   *string   `json:"account"` // null: it is about the gateway itself
	Data      Data      `json:"data"`
}

// Data is what an event is about, as that is when it is sent.
type Data struct {
	File  *fileobject.Object `json:"file,omitempty"`
	Alarm any                `json:"alarm,omitempty"`
}

// dispatch begins to send to the webhooks that have something due and are not being
// sent to. Each has a goroutine of its own, so that none waits for another.
func (s *Service) dispatch(ctx context.Context, all []*notices.Webhook) error {
	for _, w := range all {
		if w.State != notices.WebhookOn || s.paused(w) || !s.take(s.busy, w.ID) {
			continue
		}
		some, err := s.next(ctx, w.ID)
		if err != nil || some == nil {
			s.release(s.busy, w.ID)
			if err != nil {
				return err
			}
			continue
		}
		s.sending.Go(func() {
			defer s.release(s.busy, w.ID)
			if err := s.drain(ctx, w.ID); err != nil && ctx.Err() == nil {
				s.opt.Log.Warn("webhook", "webhook", w.ID, "err", err)
			}
		})
	}
	return nil
}

// paused tells whether a webhook is left alone for now. A pause that is longer than any
// was written by a clock that was ahead.
func (s *Service) paused(w *notices.Webhook) bool {
	return w.RetryAt.After(s.opt.Now()) && !w.RetryAt.After(s.latest())
}

// latest is when what waits is tried again at the latest.
func (s *Service) latest() time.Time { return s.opt.Now().Add(longPause * 5 / 4) }

func (s *Service) take(set map[uuid.UUID]bool, webhook uuid.UUID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if set[webhook] {
		return false
	}
	set[webhook] = true
	return true
}

func (s *Service) release(set map[uuid.UUID]bool, webhook uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(set, webhook)
}

// job is a delivery with all that is needed to send it.
type job struct {
	webhook  *notices.Webhook
	delivery *notices.Delivery
	account  *catalog.Account
	file     *catalog.File // nil when it is about none
}

// next is the delivery that a webhook is sent now, nil when it is sent none.
func (s *Service) next(ctx context.Context, id uuid.UUID) (j *job, err error) {
	err = s.opt.Catalog.View(ctx, func(tx *catalog.Tx) error {
		w, err := tx.Webhook(id)
		if fault.Is(err, fault.NotFound) || err == nil && (w.State != notices.WebhookOn || s.paused(w)) {
			return nil
		}
		if err != nil {
			return err
		}
		d, err := tx.NextDelivery(id, s.opt.Now(), s.latest())
		if err != nil || d == nil {
			return err
		}
		j, err = jobOf(tx, w, d)
		return err
	})
	return j, fault.Wrap(fault.Internal, "webhook: next delivery", err)
}

func jobOf(tx *catalog.Tx, w *notices.Webhook, d *notices.Delivery) (*job, error) {
	j := &job{webhook: w, delivery: d}
	var err error
	if j.account, err = tx.Account(w.Account); err != nil {
		return nil, err
	}
	file, err := uuid.Parse(d.Object)
	if err != nil {
		return j, nil
	}
	if j.file, err = tx.File(file); err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	return j, nil
}

// drain sends what is due to one webhook, one after the other.
func (s *Service) drain(ctx context.Context, id uuid.UUID) error {
	for {
		select {
		case s.places <- struct{}{}:
		case <-ctx.Done():
			return nil
		}
		more, err := s.one(ctx, id)
		<-s.places
		if err != nil || !more {
			return err
		}
	}
}

func (s *Service) one(ctx context.Context, id uuid.UUID) (more bool, err error) {
	if err := s.expire(ctx, id); err != nil {
		return false, err
	}
	j, err := s.next(ctx, id)
	if err != nil || j == nil {
		return false, err
	}
	a := s.send(ctx, j)
	if ctx.Err() != nil {
		return false, nil // nobody knows how it ended: it is sent again
	}
	return true, s.record(ctx, j, a)
}

// expire ends what was tried for long enough.
func (s *Service) expire(ctx context.Context, id uuid.UUID) error {
	if !s.opt.Trusted() {
		return nil
	}
	over := false
	before := s.opt.Now().Add(-tryFor)
	err := s.opt.Catalog.View(ctx, func(tx *catalog.Tx) error {
		d, err := tx.NextDelivery(id, s.opt.Now(), s.latest())
		over = d != nil && d.CreatedAt.Before(before)
		return err
	})
	if err != nil || !over {
		return err
	}
	return s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		_, err := tx.FailDeliveries(id, before, "expired", s.opt.Now())
		return err
	})
}

// attempt is how an attempt ended.
type attempt struct {
	status int           // of HTTP; 0 = there was no answer
	code   string        // "" = it went well
	after  time.Duration // the receiver asked not to be bothered for so long
	ours   bool          // it is not the receiver's fault
	never  bool          // this event is not to be sent at all
}

// send makes one attempt.
func (s *Service) send(ctx context.Context, j *job) attempt {
	if j.webhook.ByOperator && j.account.OperatorAccess != catalog.OperatorOn {
		return attempt{code: "not-allowed", ours: true, never: true}
	}
	a, err := s.post(ctx, j)
	if err != nil && a.code == "" {
		a.code = codeOf(err)
	}
	a.ours = ours(a.code)
	if a.code != "" {
		more := []any{"webhook", j.webhook.ID, "delivery", j.delivery.ID, "code", a.code, "status", a.status}
		if a.ours { // other errors name the receiver
			more = append(more, "err", err)
		}
		s.opt.Log.InfoContext(ctx, "webhook: not delivered", more...)
	}
	s.opt.Observe(map[bool]string{true: "ok", false: a.code}[a.code == ""])
	return a
}

func (s *Service) post(ctx context.Context, j *job) (a attempt, err error) {
	rec, err := s.opt.Custody.Records(ctx, j.account.ID)
	if err != nil {
		return a, fault.Wrap(fault.Internal, "webhook: send", err)
	}
	target, err := rec.Open("webhook", "url", j.webhook.ID, j.webhook.URL)
	if err != nil {
		return a, err
	}
	body, err := s.payload(ctx, j, rec)
	if err != nil {
		return a, err
	}
	secrets, err := s.secrets(j.webhook)
	if fault.Is(err, fault.NotFound) { // the key store was restored from before it was made
		return attempt{code: notices.FailingNoSecret}, err
	}
	if err != nil {
		return a, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, string(target), bytes.NewReader(body))
	if err != nil {
		return a, fault.Wrap(fault.Internal, "webhook: send", withoutURL(err))
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "Sealgate/"+s.opt.Version)
	req.Header.Set(EventHeader, j.delivery.Type)
	req.Header.Set(DeliveryHeader, j.delivery.ID.String())
	req.Header.Set(SignatureHeader, Sign(s.opt.Now(), body, secrets...))
	resp, err := s.client(req.URL).Do(req)
	if err != nil {
		return a, err
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 4<<10)) // what he says is not kept
	a.status = resp.StatusCode
	switch {
	case a.status < 300:
	case a.status < 400:
		a.code = "redirect"
	case a.status == http.StatusGone:
		a.code = "gone"
	default:
		a.code = "refused"
		if n, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && n > 0 {
			a.after = min(time.Duration(n)*time.Second, longPause)
		}
	}
	return a, nil
}

func (s *Service) client(u *url.URL) *http.Client {
	if u.Scheme == "http" {
		return s.plain
	}
	return s.secure
}

// payload tells of the event.
func (s *Service) payload(ctx context.Context, j *job, rec *custody.Records) ([]byte, error) {
	d := j.delivery
	p := Payload{ID: d.Event.String(), Type: d.Type, CreatedAt: d.EventAt.UTC()}
	if j.account.Name != catalog.SystemAccount {
		p.Account = &j.account.Name
	}
	if j.file != nil && j.file.Account == j.account.ID {
		o := fileobject.Of(rec, j.account.Name, j.file)
		p.Data.File = &o
	}
	if id, err := uuid.Parse(d.Object); err == nil && (d.Type == alarmEvents[0] || d.Type == alarmEvents[1]) && s.opt.Alarm != nil {
		if p.Data.Alarm, err = s.opt.Alarm(ctx, id); err != nil && !fault.Is(err, fault.NotFound) {
			return nil, err
		}
	}
	body, err := json.Marshal(p)
	return body, fault.Wrap(fault.Internal, "webhook: payload", err)
}

// secrets are those that are good: two for a day after there was a new one.
func (s *Service) secrets(w *notices.Webhook) ([]string, error) {
	secret, err := s.opt.Keys.AccountSecret(w.Account, secretKind, w.ID)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "webhook: secret", err)
	}
	list := []string{string(secret)}
	if w.OldUntil.After(s.opt.Now()) {
		old, err := s.opt.Keys.AccountSecret(w.Account, oldSecretKind, w.ID)
		if err == nil && string(old) != list[0] {
			list = append(list, string(old))
		}
	}
	return list, nil
}

// record writes down how an attempt ended and what comes of it.
func (s *Service) record(ctx context.Context, j *job, a attempt) error {
	err := s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		w, err := tx.Webhook(j.webhook.ID)
		if fault.Is(err, fault.NotFound) {
			return nil // removed meanwhile
		}
		if err != nil {
			return err
		}
		d, err := tx.Delivery(j.delivery.ID)
		if err != nil {
			return err
		}
		now := s.opt.Now()
		off := apply(w, d, a, now, s.opt.Trusted())
		if err := tx.SaveDelivery(d); err != nil {
			return err
		}
		if err := tx.SaveWebhook(w); err != nil {
			return err
		}
		if !off {
			return nil
		}
		if _, err := tx.FailDeliveries(w.ID, now.Add(time.Second), "switched-off", now); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{
			Account: w.Account, Actor: audit.Gateway, Action: "webhook.failed", Object: w.ID.String(), Detail: map[string]string{"code": a.code},
		})
	})
	return fault.Wrap(fault.Internal, "webhook: record", err)
}
