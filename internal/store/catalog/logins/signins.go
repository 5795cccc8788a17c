package logins

import (
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

// Source is a network prefix from which a login has signed in.
type Source struct {
	Login       uuid.UUID
	PrefixMAC   []byte
	LastSuccess time.Time
}

// Throttle is one token bucket of failed sign-ins.
type Throttle struct {
	Key      []byte // MAC of what is counted
	Tokens   float64
	At       time.Time // when Tokens was true
	Failures int64     // consecutive
}

// PutSource notes that a login signed in from a prefix.
func (in Tables) PutSource(s *Source) error {
	_, err := in.tx.Exec("catalog: put source",
		`INSERT INTO login_source (login, prefix_mac, last_success) VALUES (?, ?, ?)
		ON CONFLICT (login, prefix_mac) DO UPDATE SET last_success = excluded.last_success`,
		column.ID(s.Login), s.PrefixMAC, column.Time(s.LastSuccess))
	return err
}

// Source returns what is known of a login at a prefix.
func (in Tables) Source(login uuid.UUID, prefixMAC []byte) (*Source, error) {
	read := func(s engine.Scan) (*Source, error) {
		src := &Source{Login: login, PrefixMAC: prefixMAC}
		return src, s((*column.Time)(&src.LastSuccess))
	}
	return engine.One(in.tx, "catalog: source", read,
		`SELECT last_success FROM login_source WHERE login = ? AND prefix_mac = ?`, column.ID(login), prefixMAC)
}

// DeleteSources forgets prefixes whose last success was before a time.
func (in Tables) DeleteSources(before time.Time) error {
	_, err := in.tx.Exec("catalog: delete sources", `DELETE FROM login_source WHERE last_success < ?`, column.Time(before))
	return err
}

// PutThrottle stores a bucket.
func (in Tables) PutThrottle(t *Throttle) error {
	if len(t.Key) == 0 {
		return fault.New(fault.Invalid, "catalog: put throttle", "a bucket needs a key")
	}
	_, err := in.tx.Exec("catalog: put throttle",
		`INSERT INTO throttle (key, tokens, at, failures) VALUES (?, ?, ?, ?)
		ON CONFLICT (key) DO UPDATE SET tokens = excluded.tokens, at = excluded.at, failures = excluded.failures`,
		t.Key, t.Tokens, column.Time(t.At), t.Failures)
	return err
}

// Throttle returns a bucket.
func (in Tables) Throttle(key []byte) (*Throttle, error) {
	read := func(s engine.Scan) (*Throttle, error) {
		t := &Throttle{Key: key}
		return t, s(&t.Tokens, (*column.Time)(&t.At), &t.Failures)
	}
	return engine.One(in.tx, "catalog: throttle", read, `SELECT tokens, at, failures FROM throttle WHERE key = ?`, key)
}

// DeleteThrottle forgets a bucket, if there is one.
func (in Tables) DeleteThrottle(key []byte) error {
	_, err := in.tx.Exec("catalog: delete throttle", `DELETE FROM throttle WHERE key = ?`, key)
	return err
}

// DeleteThrottles forgets buckets that were last used before a time.
func (in Tables) DeleteThrottles(before time.Time) error {
	_, err := in.tx.Exec("catalog: delete throttles", `DELETE FROM throttle WHERE at < ?`, column.Time(before))
	return err
}
