package alarm

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/mailaddr"
	"sealgate/internal/notify/mail"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/notices"
)

const (
	tellAgain     = time.Hour // at the earliest, when an alarm that was told of has grown
	maxTold       = 50        // alarms in a letter
	maxRecipients = 10        // of an account
)

// Recipient is somebody whom alarms are mailed to.
type Recipient struct {
	Address  string
	Language string // English or Swedish
}

// Mailer writes to people about alarms.
type Mailer struct {
	Catalog *catalog.Catalog
	Custody *custody.Custodian
	Post    *mail.Post // nil: there is no mail, and recipients wait for it
	// Operators are the addresses of those who run the gateway. They are written to
	// unless the built-in account has recipients of its own.
	Operators func(ctx context.Context) ([]string, error)
	Language  string // of letters to Operators
	URL       string // of the gateway; may be empty
	Now       func() time.Time
	Log       *slog.Logger
}

// audience is who gets one letter: those who run the gateway, or an account's.
type audience struct {
	account uuid.UUID // the built-in one's
	name    string    // "" = those who run the gateway
	alarms  []*notices.Alarm
}

// Tell writes one letter to each recipient about what is new to him. Letters and the
// note that they were written are one transaction.
func (m *Mailer) Tell(ctx context.Context) error {
	const op = "alarm: tell"
	if m.Post == nil {
		return nil
	}
	var due []*notices.Alarm
	var names map[uuid.UUID]string
	var system uuid.UUID
	err := m.Catalog.View(ctx, func(tx *catalog.Tx) error {
		live, err := tx.LiveAlarms()
		if err != nil {
			return err
		}
		for _, a := range live {
			mailed := a.MailedAt
			if mailed.After(m.Now()) { // the clock was ahead then
				mailed = time.Time{}
			}
			if a.State == notices.AlarmOpen && a.RaisedAt.After(mailed) && m.Now().Sub(mailed) >= tellAgain {
				due = append(due, a)
			}
		}
		if len(due) == 0 {
			return nil
		}
		sys, err := tx.AccountByName(catalog.SystemAccount)
		if err != nil {
			return err
		}
		system = sys.ID
		names, err = Names(tx)
		return err
	})
	if err != nil || len(due) == 0 {
		return fault.Wrap(fault.Internal, op, err)
	}
	audiences := []*audience{{account: system, alarms: due}}
	of := map[uuid.UUID]*audience{}
	for _, a := range due {
		if a.Account == uuid.Nil {
			continue
		}
		if of[a.Account] == nil {
			of[a.Account] = &audience{account: a.Account, name: names[a.Account]}
			audiences = append(audiences, of[a.Account])
		}
		of[a.Account].alarms = append(of[a.Account].alarms, a)
	}
	var letters []*notices.Mail
	for _, to := range audiences {
		more, err := m.letters(ctx, to, names)
		if err != nil && (to.name == "" || ctx.Err() != nil) {
			return err
		}
		if err != nil { // what is damaged of one account is in nobody else's way
			m.Log.ErrorContext(ctx, "alarms: the people of an account were not written to", "account", to.account, "err", err)
			continue
		}
		letters = append(letters, more...)
	}
	if len(letters) == 0 {
		return nil // nobody wants any
	}
	err = m.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		for _, l := range letters {
			if err := tx.InsertMail(l); err != nil {
				return err
			}
		}
		for _, a := range due {
			now, err := tx.Alarm(a.ID)
			if err != nil {
				return err
			}
			now.MailedAt = m.Now()
			if err := tx.SaveAlarm(now); err != nil {
				return err
			}
		}
		return nil
	})
	m.Post.Wake()
	return fault.Wrap(fault.Internal, op, err)
}

func (m *Mailer) letters(ctx context.Context, to *audience, names map[uuid.UUID]string) (letters []*notices.Mail, err error) {
	list, err := m.recipients(ctx, to.account)
	if fault.Is(err, fault.Locked) {
		return nil, nil // nobody can read who it is any more
	}
	if err == nil && len(list) == 0 && to.name == "" {
		var addresses []string
		addresses, err = m.Operators(ctx)
		for _, a := range addresses {
			list = append(list, Recipient{a, m.Language})
		}
	}
	if err != nil {
		return nil, err
	}
	for _, r := range list {
		l, err := m.Post.Seal(ctx, mail.Message{To: r.Address, Subject: subject(r.Language, len(to.alarms)), Text: m.text(r.Language, to, names)})
		if fault.Is(err, fault.Invalid) {
			continue // an operator whose name is no address
		}
		if err != nil {
			return nil, err
		}
		letters = append(letters, l)
	}
	return letters, nil
}

func subject(language string, n int) string {
	switch {
	case language == Swedish && n == 1:
		return "Sealgate: en sak att se till"
	case language == Swedish:
		return fmt.Sprintf("Sealgate: %d saker att se till", n)
	case n == 1:
		return "Sealgate: one thing to see to"
	}
	return fmt.Sprintf("Sealgate: %d things to see to", n)
}

// text names accounts to those who run the gateway, and nothing else that an account
// would not tell everybody.
func (m *Mailer) text(language string, to *audience, names map[uuid.UUID]string) string {
	swedish := language == Swedish
	choose := func(sv, en string) string {
		if swedish {
			return sv
		}
		return en
	}
	var b strings.Builder
	for i, a := range to.alarms {
		if i == maxTold {
			fmt.Fprintf(&b, choose("... och %d till.\n\n", "... and %d more.\n\n"), len(to.alarms)-i)
			break
		}
		says, do := Sentence(language, a)
		if to.name == "" {
			name := names[a.Account]
			if name == "" {
				name = "gateway"
			}
			says = name + ": " + says
		}
		fmt.Fprintf(&b, "* %s.\n  %s: %s.\n\n", says, choose("Gör så här", "What to do"), do)
	}
	if m.URL != "" {
		page := m.URL + "/alarms"
		if to.name != "" {
			page = m.URL + "/a/" + to.name + "/alarms"
		}
		b.WriteString(choose("Se mer: ", "See more: ") + page + "\n\n")
	}
	if to.name == "" {
		b.WriteString(choose("Du får detta för att du driver gatewayen.\n", "You get this because you run the gateway.\n"))
	} else {
		fmt.Fprintf(&b, choose("Du får detta för att kontot %s skickar sina larm hit.\n", "You get this because account %s sends its alarms here.\n"), to.name)
	}
	return b.String()
}

// Recipients returns whom the alarms of an account are mailed to.
func (m *Mailer) Recipients(ctx context.Context, account string) ([]Recipient, error) {
	acct, err := m.account(ctx, account)
	if err != nil {
		return nil, err
	}
	return m.recipients(ctx, acct.ID)
}

func (m *Mailer) account(ctx context.Context, name string) (acct *catalog.Account, err error) {
	err = m.Catalog.View(ctx, func(tx *catalog.Tx) error {
		acct, err = tx.AccountByName(name)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return nil, fault.New(fault.NotFound, "alarm: recipients", "there is no such account")
	}
	return acct, fault.Wrap(fault.Internal, "alarm: recipients", err)
}

func (m *Mailer) recipients(ctx context.Context, account uuid.UUID) ([]Recipient, error) {
	const op = "alarm: recipients"
	var rows []notices.Recipient
	err := m.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		rows, err = tx.Recipients(account)
		return err
	})
	if err != nil || len(rows) == 0 {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	rec, err := m.Custody.Records(ctx, account)
	if err != nil {
		return nil, err
	}
	list := make([]Recipient, 0, len(rows))
	for _, row := range rows {
		address, err := rec.Open("recipient", "address", row.ID, row.Address)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, op, err)
		}
		list = append(list, Recipient{string(address), row.Language})
	}
	return list, nil
}

// SetRecipients says whom the alarms of an account are mailed to: nobody when the list
// is empty, and those who run the gateway when it is the built-in account's.
func (m *Mailer) SetRecipients(ctx context.Context, actor, account string, list []Recipient) error {
	const op = "alarm: set recipients"
	if len(list) > maxRecipients {
		return fault.New(fault.Invalid, op, "at most %d people get an account's alarms", maxRecipients)
	}
	acct, err := m.account(ctx, account)
	if err != nil {
		return err
	}
	rec, err := m.Custody.Records(ctx, acct.ID)
	if err != nil {
		return err
	}
	var rows []notices.Recipient
	for _, r := range list {
		if r.Language != English && r.Language != Swedish {
			return fault.New(fault.Invalid, op, "the language is sv or en, not %q", r.Language)
		}
		if !mailaddr.Valid(r.Address) {
			return fault.New(fault.Invalid, op, "that is no e-mail address")
		}
		id, err := uuid.NewV7()
		if err != nil {
			return fault.Wrap(fault.Internal, op, err)
		}
		rows = append(rows, notices.Recipient{ID: id, Account: acct.ID, Address: rec.Seal("recipient", "address", id, []byte(r.Address)), Language: r.Language})
	}
	err = m.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		if now, err := tx.Account(acct.ID); err != nil || now.State != catalog.AccountOpen {
			if err != nil {
				return err
			}
			return fault.New(fault.Locked, op, "the account is closed")
		}
		if err := tx.SetRecipients(acct.ID, rows); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{Account: acct.ID, Actor: actor, Action: "alarm.recipients-set", Object: acct.ID.String(), Detail: map[string]string{"count": fmt.Sprint(len(rows))}})
	})
	return fault.Wrap(fault.Internal, op, err)
}
