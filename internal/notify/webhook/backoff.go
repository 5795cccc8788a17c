package webhook

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"net"
	"net/http"
	"net/url"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog/notices"
)

// Pauses: 5 s, 20 s, 80 s, ... up to 4 hours, each a fifth shorter or longer by
// chance, so that what failed together does not come back together. 12 attempts fit
// into 24 hours.
const (
	firstPause = 5 * time.Second
	longPause  = 4 * time.Hour

	noSecretPause = 5 * time.Minute
)

// refusals in a row after which nothing more is sent for a while: what one event is
// refused for, all are.
const maxRefusals = 5

func pause(tries int64) time.Duration {
	d := longPause
	if tries < 7 {
		d = min(longPause, firstPause<<(2*max(0, tries-1)))
	}
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails
	part := time.Duration(binary.BigEndian.Uint32(b[:]) % 401)
	return d * (800 + part) / 1000
}

// apply says what comes of an attempt for the delivery and for the webhook, and
// whether it switched the webhook off, which it does not by a clock in doubt.
func apply(w *notices.Webhook, d *notices.Delivery, a attempt, now time.Time, trusted bool) (off bool) {
	d.Attempts++
	d.Status, d.Error = int64(a.status), a.code
	if a.code == "" {
		d.State, d.EndedAt = notices.DeliveryDelivered, now
		w.FailingSince, w.Failing, w.RetryAt, w.Tries = time.Time{}, "", time.Time{}, 0
		return false
	}
	if a.never {
		d.State, d.EndedAt = notices.DeliveryFailed, now
		return false
	}
	d.RunAt = now.Add(max(pause(d.Attempts), a.after))
	// What was our own fault is not the receiver's: his time begins now.
	if w.FailingSince.IsZero() || w.FailingSince.After(now) || ours(w.Failing) && !a.ours {
		w.FailingSince = now
	}
	w.Failing = a.code
	if a.code == notices.FailingNoSecret { // which holds for all events: they wait, in order
		d.RunAt, w.RetryAt = now, now.Add(noSecretPause)
	}
	if a.ours {
		return false
	}
	w.Tries++
	if a.code == "gone" || trusted && now.Sub(w.FailingSince) > failFor {
		w.State, w.RetryAt = notices.WebhookFailed, time.Time{}
		d.State, d.EndedAt = notices.DeliveryFailed, now
		return true
	}
	if overloaded(a.status) || w.Tries >= maxRefusals {
		// All wait, and this one goes first again.
		w.RetryAt = now.Add(max(pause(w.Tries), a.after))
		d.RunAt = w.RetryAt
	}
	return false
}

// ours tells whether a code is about the gateway and not about the receiver.
func ours(code string) bool { return code == "internal" || code == notices.FailingNoSecret }

// overloaded tells whether an answer, or that there was none, is about the receiver
// and not about the event.
func overloaded(status int) bool {
	switch status {
	case 0, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// codeOf is a word for why there was no answer.
func codeOf(err error) string {
	var f *fault.Error
	var dns *net.DNSError
	var timeout net.Error
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var verify *tls.CertificateVerificationError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &f) && f.Kind == fault.Denied:
		return "address-refused"
	case errors.As(err, &f):
		return "internal"
	case errors.As(err, &dns):
		return "name-unknown"
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.As(err, &verify), errors.As(err, &unknown), errors.As(err, &record), errors.As(err, &alert):
		return "tls"
	}
	return "no-connection"
}

// withoutURL is an error of a client without the address in it, which is not logged.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
