package notices

import (
	"time"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

// Mail is a message that waits to be sent.
type Mail struct {
	ID        uuid.UUID
	Message   []byte // sealed
	CreatedAt time.Time
	RunAt     time.Time
	Attempts  int64
	Error     string // a code word about the last attempt
}

const selectMail = `SELECT id, message, created_at, run_at, attempts, error FROM mail `

func readMail(s engine.Scan) (*Mail, error) {
	m := new(Mail)
	err := s((*column.ID)(&m.ID), &m.Message, (*column.Time)(&m.CreatedAt), (*column.Time)(&m.RunAt), &m.Attempts, &m.Error)
	return m, err
}

// InsertMail adds a message.
func (n Notices) InsertMail(m *Mail) error {
	_, err := n.tx.Exec("catalog: insert mail", `INSERT INTO mail (id, message, created_at, run_at, attempts, error) VALUES (?, ?, ?, ?, ?, ?)`,
		column.ID(m.ID), m.Message, column.Time(m.CreatedAt), column.Time(m.RunAt), m.Attempts, m.Error)
	return err
}

// SaveMail writes RunAt, Attempts and Error.
func (n Notices) SaveMail(m *Mail) error {
	return n.tx.ExecOne("catalog: save mail", `UPDATE mail SET run_at = ?, attempts = ?, error = ? WHERE id = ?`,
		column.Time(m.RunAt), m.Attempts, m.Error, column.ID(m.ID))
}

// DeleteMail removes a message.
func (n Notices) DeleteMail(id uuid.UUID) error {
	return n.tx.ExecOne("catalog: delete mail", `DELETE FROM mail WHERE id = ?`, column.ID(id))
}

// MailDue returns up to limit messages that are due, oldest first. One that would be due
// after latest is due: the clock was ahead when that was written.
func (n Notices) MailDue(now, latest time.Time, limit int) ([]*Mail, error) {
	return engine.List(n.tx, "catalog: mail due", readMail, selectMail+`WHERE run_at <= ? OR run_at > ? ORDER BY id LIMIT ?`,
		column.Time(now), column.Time(latest), int64(limit))
}

// FailingMail counts the messages that were tried in vain at least so often.
func (n Notices) FailingMail(attempts int64) (int64, error) {
	return engine.One(n.tx, "catalog: failing mail", engine.Value[int64], `SELECT COUNT(*) FROM mail WHERE attempts >= ?`, attempts)
}

// Recipient is somebody whom an account's alarms are mailed to.
type Recipient struct {
	ID       uuid.UUID
	Account  uuid.UUID
	Address  []byte // sealed
	Language string // sv or en
}

// SetRecipients replaces an account's recipients.
func (n Notices) SetRecipients(account uuid.UUID, list []Recipient) error {
	const op = "catalog: set recipients"
	if _, err := n.tx.Exec(op, `DELETE FROM recipient WHERE account = ?`, column.ID(account)); err != nil {
		return err
	}
	for _, r := range list {
		if _, err := n.tx.Exec(op, `INSERT INTO recipient (id, account, address, language) VALUES (?, ?, ?, ?)`,
			column.ID(r.ID), column.ID(account), r.Address, r.Language); err != nil {
			return err
		}
	}
	return nil
}

// Recipients returns an account's recipients, in the order in which they were set.
func (n Notices) Recipients(account uuid.UUID) ([]Recipient, error) {
	return engine.List(n.tx, "catalog: recipients", func(s engine.Scan) (r Recipient, err error) {
		err = s((*column.ID)(&r.ID), (*column.ID)(&r.Account), &r.Address, &r.Language)
		return r, err
	}, `SELECT id, account, address, language FROM recipient WHERE account = ? ORDER BY id`, column.ID(account))
}
