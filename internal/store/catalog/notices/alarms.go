package notices

import (
	"time"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

// States of alarms.
const (
	AlarmOpen = "open"
	AlarmSeen = "seen"
	AlarmOver = "over"
)

// Alarm is something that somebody should see to.
type Alarm struct {
	ID       uuid.UUID
	Account  uuid.UUID // uuid.Nil = the gateway's own
	Check    string    // whose it is
	Kind     string
	Object   string // what it is about: an id or a fingerprint; may be empty
	State    string
	Severity string
	Count    int64             // of the things it is about
	Level    int64             // when this grows, the alarm is raised again
	Detail   map[string]string // ids, numbers and times, as in an audit entry
	RaisedAt time.Time         // last time
	MailedAt time.Time
	SeenAt   time.Time
	SeenBy   string // id of a login, operator or token
	OverAt   time.Time
}

const selectAlarm = `SELECT id, account, checked_by, kind, object, state, severity, count, level, detail, raised_at, mailed_at, seen_at, seen_by, over_at FROM alarm `

func readAlarm(s engine.Scan) (*Alarm, error) {
	a := new(Alarm)
	err := s((*column.ID)(&a.ID), (*column.Ref)(&a.Account), &a.Check, &a.Kind, &a.Object, &a.State, &a.Severity, &a.Count, &a.Level,
		(*column.Detail)(&a.Detail), (*column.Time)(&a.RaisedAt), (*column.Time)(&a.MailedAt), (*column.Time)(&a.SeenAt), &a.SeenBy, (*column.Time)(&a.OverAt))
	return a, err
}

// InsertAlarm adds an alarm.
func (n Notices) InsertAlarm(a *Alarm) error {
	_, err := n.tx.Exec("catalog: insert alarm",
		`INSERT INTO alarm (id, account, checked_by, kind, object, state, severity, count, level, detail, raised_at, mailed_at, seen_at, seen_by, over_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		column.ID(a.ID), column.Ref(a.Account), a.Check, a.Kind, a.Object, a.State, a.Severity, a.Count, a.Level,
		column.Detail(a.Detail), column.Time(a.RaisedAt), column.Time(a.MailedAt), column.Time(a.SeenAt), a.SeenBy, column.Time(a.OverAt))
	return err
}

// SaveAlarm writes all of a but its ID, Account, Check, Kind and Object.
func (n Notices) SaveAlarm(a *Alarm) error {
	return n.tx.ExecOne("catalog: save alarm",
		`UPDATE alarm SET state = ?, severity = ?, count = ?, level = ?, detail = ?, raised_at = ?, mailed_at = ?, seen_at = ?, seen_by = ?, over_at = ?
		WHERE id = ?`,
		a.State, a.Severity, a.Count, a.Level, column.Detail(a.Detail), column.Time(a.RaisedAt), column.Time(a.MailedAt),
		column.Time(a.SeenAt), a.SeenBy, column.Time(a.OverAt), column.ID(a.ID))
}

// Alarm returns an alarm.
func (n Notices) Alarm(id uuid.UUID) (*Alarm, error) {
	return engine.One(n.tx, "catalog: alarm", readAlarm, selectAlarm+`WHERE id = ?`, column.ID(id))
}

// LiveAlarms returns all alarms that are not over, in the order in which they were
// first raised.
func (n Notices) LiveAlarms() ([]*Alarm, error) {
	return engine.List(n.tx, "catalog: alarms", readAlarm, selectAlarm+`WHERE state <> 'over' ORDER BY id`)
}

// EndedAlarms returns up to limit alarms that are over, the newest first.
func (n Notices) EndedAlarms(limit int) ([]*Alarm, error) {
	return engine.List(n.tx, "catalog: alarms", readAlarm, selectAlarm+`WHERE over_at > 0 ORDER BY over_at DESC, id LIMIT ?`, int64(limit))
}

// EndedAlarmsOf is EndedAlarms of one account.
func (n Notices) EndedAlarmsOf(account uuid.UUID, limit int) ([]*Alarm, error) {
	return engine.List(n.tx, "catalog: alarms", readAlarm,
		selectAlarm+`WHERE over_at > 0 AND account = ? ORDER BY over_at DESC, id LIMIT ?`, column.ID(account), int64(limit))
}

// DeleteAlarms removes the alarms that have been over since before a time.
func (n Notices) DeleteAlarms(before time.Time) error {
	_, err := n.tx.Exec("catalog: delete alarms", `DELETE FROM alarm WHERE over_at > 0 AND over_at < ?`, column.Time(before))
	return err
}

// Waiting sums up the files of an account that are in one state and wait for
// somebody.
type Waiting struct {
	Account uuid.UUID
	Files   int64
	Newest  int64     // arrival number
	Since   time.Time // the oldest was received, or began, then
}

func readWaiting(s engine.Scan) (w Waiting, err error) {
	err = s((*column.ID)(&w.Account), &w.Files, &w.Newest, (*column.Time)(&w.Since))
	return w, err
}

// FilesThatWait sums up the files in a state, by account. The state must be one in
// which few files are: held, refused, locked.
func (n Notices) FilesThatWait(state string) ([]Waiting, error) {
	return engine.List(n.tx, "catalog: files that wait", readWaiting,
		`SELECT account, COUNT(*), MAX(number), MIN(received_at) FROM file
		WHERE state = ? AND state NOT IN ('deleted', 'kept', 'delivered') GROUP BY account`, state)
}

// FilesNotRenamed sums up the files whose rename has not come since before a time.
func (n Notices) FilesNotRenamed(before time.Time) ([]Waiting, error) {
	return engine.List(n.tx, "catalog: files not renamed", readWaiting,
		`SELECT account, COUNT(*), MAX(number), MIN(received_at) FROM file
		WHERE state = 'waiting-rename' AND state NOT IN ('deleted', 'kept', 'delivered') AND received_at < ? GROUP BY account`, column.Time(before))
}

// NotRenamed returns up to limit files whose rename has not come since before a time,
// and that have no reason yet: nobody was told of them.
func (n Notices) NotRenamed(before time.Time, limit int) ([]uuid.UUID, error) {
	return engine.List(n.tx, "catalog: not renamed", func(s engine.Scan) (id uuid.UUID, err error) {
		err = s((*column.ID)(&id))
		return id, err
	}, `SELECT id FROM file WHERE state = 'waiting-rename' AND state NOT IN ('deleted', 'kept', 'delivered')
		AND reason = '' AND received_at < ? ORDER BY number LIMIT ?`, column.Time(before), int64(limit))
}

// LastMailed returns when an alarm of this account, kind and object that is over since
// after a time was mailed, zero when none was.
func (n Notices) LastMailed(account uuid.UUID, kind, object string, after time.Time) (time.Time, error) {
	return engine.One(n.tx, "catalog: last mailed", func(s engine.Scan) (at time.Time, err error) {
		err = s((*column.Time)(&at))
		return at, err
	}, `SELECT COALESCE(MAX(mailed_at), 0) FROM alarm WHERE over_at > ? AND account IS ? AND kind = ? AND object = ?`,
		column.Time(after), column.Ref(account), kind, object)
}
