// Package mail sends the gateway's own letters: invitations, resets, alarms.
//
// Letters are plain text. They tell that there is something to see and where; they
// hold no payment, no file's name and no payee. A letter is put into the catalog,
// sealed under the record key of the built-in account, before anything else; from
// there it is sent, and tried again for two days when the server does not take it. It
// is deleted when the server has taken it, has refused it for good, or nobody took it
// in time; no time passes while the clock is in doubt.
//
// The server is spoken to with TLS from the first byte, or with STARTTLS that must
// succeed; without either only on the gateway's own machine. A name and a password are
// never sent in the clear anywhere else.
package mail

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"log/slog"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/mailaddr"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/notices"
)

// Message is one letter to one person.
type Message struct {
	To      string `json:"to"` // an address, without a name
	Subject string `json:"subject"`
	Text    string `json:"text"`
}

// Sender sends letters. When Send returns nil the letter is durable here, and is
// sent as soon as the server takes it.
type Sender interface {
	Send(ctx context.Context, m Message) error
}

// The ways to a server.
const (
	StartTLS = "starttls" // TLS after the greeting, or nothing
	TLS      = "tls"      // TLS from the first byte
	Plain    = "none"     // a server on the gateway's own machine
)

// Server says where letters are handed in.
type Server struct {
	Host     string
	Port     int
	Security string // StartTLS, TLS or Plain
	User     string // "" = it asks for none
	Password string
	From     string         // the address that letters come from
	Roots    *x509.CertPool // nil = those of the machine
}

const (
	lookEvery  = 5 * time.Second
	tryFor     = 48 * time.Hour
	firstPause = 30 * time.Second
	longPause  = time.Hour
	batch      = 50 // letters in one session
	maxText    = 64 << 10
)

// LostSetting is the setting of the catalog that holds when a letter was last given up.
const LostSetting = "mail-lost"

// Post keeps letters until they are sent. It is safe for concurrent use.
type Post struct {
	server  Server
	catalog *catalog.Catalog
	keys    *custody.Custodian
	now     func() time.Time
	trusted func() bool
	log     *slog.Logger
	woken   chan struct{}
}

// New returns a post; Run makes it send. trusted tells whether now is to be believed.
func New(server Server, cat *catalog.Catalog, keys *custody.Custodian, now func() time.Time, trusted func() bool, log *slog.Logger) *Post {
	return &Post{server: server, catalog: cat, keys: keys, now: now, trusted: trusted, log: log, woken: make(chan struct{}, 1)}
}

// Check refuses what is no letter: above all what would put a line of its own into the
// head of one.
func (m Message) Check() error {
	const op = "mail: message"
	switch {
	case !mailaddr.Valid(m.To):
		return fault.New(fault.Invalid, op, "that is no e-mail address")
	case m.Subject == "" || len(m.Subject) > 200 || strings.ContainsFunc(m.Subject, unicode.IsControl):
		return fault.New(fault.Invalid, op, "a subject is one line of at most 200 bytes")
	case m.Text == "" || len(m.Text) > maxText:
		return fault.New(fault.Invalid, op, "a letter has 1 to %d bytes", maxText)
	}
	return nil
}

// Seal makes the row of a letter, for a transaction of the caller's. Wake is to be
// called after it.
func (p *Post) Seal(ctx context.Context, m Message) (*notices.Mail, error) {
	const op = "mail: send"
	if err := m.Check(); err != nil {
		return nil, err
	}
	rec, err := p.records(ctx)
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	plain, err := json.Marshal(m)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	now := p.now()
	return &notices.Mail{ID: id, Message: rec.Seal("mail", "message", id, plain), CreatedAt: now, RunAt: now}, nil
}

// Send implements Sender.
func (p *Post) Send(ctx context.Context, m Message) error {
	row, err := p.Seal(ctx, m)
	if err != nil {
		return err
	}
	err = p.catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.InsertMail(row) })
	if err == nil {
		p.Wake()
	}
	return fault.Wrap(fault.Internal, "mail: send", err)
}

// Wake makes Run look at once.
func (p *Post) Wake() {
	select {
	case p.woken <- struct{}{}:
	default:
	}
}

func (p *Post) records(ctx context.Context) (*custody.Records, error) {
	var system *catalog.Account
	err := p.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		system, err = tx.AccountByName(catalog.SystemAccount)
		return err
	})
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "mail: records", err)
	}
	return p.keys.Records(ctx, system.ID)
}

// Run sends letters until ctx ends.
func (p *Post) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if err := p.Round(ctx); err != nil && ctx.Err() == nil {
			p.log.WarnContext(ctx, "mail", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-p.woken:
		}
	}
}

// Round sends the letters that are due, in one session with the server.
func (p *Post) Round(ctx context.Context) error {
	var due []*notices.Mail
	err := p.catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		due, err = tx.MailDue(p.now(), p.now().Add(2*longPause), batch)
		return err
	})
	if err != nil || len(due) == 0 {
		return fault.Wrap(fault.Internal, "mail: due", err)
	}
	rec, err := p.records(ctx)
	if err != nil {
		return err
	}
	if due, err = p.withoutStale(ctx, due); err != nil || len(due) == 0 {
		return err
	}
	s, err := p.server.open(ctx)
	if err == nil {
		defer s.close()
	}
	for _, row := range due {
		outcome := verdict{err: err}
		if err == nil {
			outcome = p.one(s, rec, row)
		}
		if ctx.Err() != nil {
			break
		}
		if err := p.record(ctx, row, outcome); err != nil {
			return err
		}
		if err == nil && s.ended {
			break // the others were not tried: this one may be why it broke off, and it waits now
		}
	}
	return nil
}

// withoutStale gives up letters that lay for too long, in a backup or while the gateway
// was off: their links are over, and their alarms.
func (p *Post) withoutStale(ctx context.Context, due []*notices.Mail) (fresh []*notices.Mail, err error) {
	for _, row := range due {
		if !p.late(row) {
			fresh = append(fresh, row)
		} else if err := p.record(ctx, row, verdict{err: fault.New(fault.TryLater, "mail: send", "it was not sent in time"), final: true}); err != nil {
			return nil, err
		}
	}
	return fresh, nil
}

// late tells whether a letter is to be given up. A clock that is in doubt silences
// nothing.
func (p *Post) late(row *notices.Mail) bool {
	return p.now().Sub(row.CreatedAt) > tryFor && p.trusted()
}

func (p *Post) one(s *session, rec *custody.Records, row *notices.Mail) verdict {
	plain, err := rec.Open("mail", "message", row.ID, row.Message)
	if err != nil {
		return verdict{err: err, final: fault.Is(err, fault.Damaged)}
	}
	var m Message
	if err := json.Unmarshal(plain, &m); err != nil {
		return verdict{err: err, final: true}
	}
	return s.send(letter(m, p.server.From, row.ID, p.now()), p.server.From, m.To)
}

// record writes down what came of an attempt. The log names no address.
func (p *Post) record(ctx context.Context, row *notices.Mail, v verdict) error {
	err := p.catalog.Update(ctx, func(tx *catalog.Tx) error {
		row.Attempts++
		gone := v.err != nil && (v.final || p.late(row))
		if gone { // somebody waits for a letter that will not come: an alarm says so
			if err := tx.SetSetting(LostSetting, p.now().UTC().Format(time.RFC3339)); err != nil {
				return err
			}
		}
		if v.err == nil || gone {
			return tx.DeleteMail(row.ID)
		}
		row.RunAt, row.Error = p.now().Add(pause(row.Attempts)), v.code()
		return tx.SaveMail(row)
	})
	if v.err != nil {
		p.log.WarnContext(ctx, "mail: not sent", "mail", row.ID, "attempt", row.Attempts, "given_up", v.final, "reason", v.code())
	}
	return fault.Wrap(fault.Internal, "mail: record", err)
}

func pause(attempts int64) time.Duration {
	if attempts > 7 {
		return longPause
	}
	return min(longPause, firstPause<<max(0, attempts-1))
}

// Check speaks to the server as far as a letter would begin, and sends none.
func (p *Post) Check(ctx context.Context) error { return p.server.Check(ctx) }
