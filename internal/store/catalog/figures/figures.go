// Package figures counts what the catalog holds, for overviews and for who looks after
// the gateway. Everything here is answered by an index and few rows, whatever has
// piled up: no count goes over all files there ever were.
package figures

import (
	"time"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

// Figures are the counts as one transaction sees them.
type Figures struct{ tx *engine.Tx }

// In returns the figures of a transaction.
func In(tx *engine.Tx) Figures { return Figures{tx} }

// Day is what came in on one day (UTC), as it stands now.
type Day struct {
	Day      time.Time
	Files    int64
	Bytes    int64
	Payments int64
	Problems int64 // files that were held or refused, or whose content was lost
}

// Files are selected by number first: numbers are drawn in the order in which files
// are received, so that the rows of other days are not even looked at.
const (
	oneDay = `SELECT COUNT(*), COALESCE(SUM(size), 0), COALESCE(SUM(payment_count), 0),
		COALESCE(SUM(state IN ('held', 'refused') OR reason IN ('released', 'content-damaged', 'lost-before-indexing')), 0) FROM file `
	ofThatDay    = `number >= ? AND number < ? AND received_at >= ? AND received_at < ? AND direction = 'in'`
	dayOfAccount = oneDay + `WHERE account = ? AND ` + ofThatDay
	dayOfAll     = oneDay + `WHERE ` + ofThatDay
)

// slack is what a clock may have been set back while files were received.
const slack = time.Hour

// Arrivals returns the days that began from then on until now, oldest first, empty
// ones too: of one account, or of all (uuid.Nil).
func (f Figures) Arrivals(account uuid.UUID, since, now time.Time) ([]Day, error) {
	const op = "catalog: arrivals a day"
	last, err := engine.One(f.tx, op, engine.Value[int64], `SELECT value FROM counter WHERE name = 'file-number'`)
	if err != nil {
		return nil, err
	}
	var days []Day
	for from := since.UTC().Truncate(24 * time.Hour); !from.After(now); from = from.Add(24 * time.Hour) {
		d := Day{Day: from}
		to := from.Add(24 * time.Hour)
		first, err := f.firstSince(op, from.Add(-slack), last)
		if err != nil {
			return nil, err
		}
		end, err := f.firstSince(op, to.Add(slack), last)
		if err != nil {
			return nil, err
		}
		read := func(s engine.Scan) (Day, error) { return d, s(&d.Files, &d.Bytes, &d.Payments, &d.Problems) }
		if account == uuid.Nil {
			_, err = engine.One(f.tx, op, read, dayOfAll, first, end, column.Time(from), column.Time(to))
		} else {
			_, err = engine.One(f.tx, op, read, dayOfAccount, column.ID(account), first, end, column.Time(from), column.Time(to))
		}
		if err != nil {
			return nil, err
		}
		days = append(days, d)
	}
	return days, nil
}

// firstSince is the first number of a file that was received, or began to come, at or
// after a time. It is found by halving: some twenty looks into the tree of numbers.
func (f Figures) firstSince(op string, since time.Time, last int64) (int64, error) {
	type row struct{ number, at int64 }
	read := func(s engine.Scan) (r row, err error) { return r, s(&r.number, &r.at) }
	low, high, at := int64(0), last+1, since.UnixMicro()
	for low < high {
		middle := low + (high-low)/2
		rows, err := engine.List(f.tx, op, read,
			`SELECT number, CASE received_at WHEN 0 THEN began_at ELSE received_at END FROM file WHERE number >= ? ORDER BY number LIMIT 1`, middle)
		switch {
		case err != nil:
			return 0, err
		case len(rows) == 0 || rows[0].at >= at:
			high = middle
		default:
			low = rows[0].number + 1
		}
	}
	return low, nil
}

// Standing is how many files stand in a state that is no end.
type Standing struct {
	State  string
	Reason string // "" = whatever it is
	Files  int64
	Oldest time.Time // received, or begun where it was not received
}

// standingIn are the states that Standing counts.
var standingIn = []Standing{
	{State: "arriving"},
	{State: "waiting-rename"},
	{State: "waiting-rename", Reason: "not-renamed"},
	{State: "received"},
	{State: "locked"},
	{State: "held"},
	{State: "refused"},
	{State: "waiting"},
}

const (
	// The first predicate is that of the index file_state, word by word; the sign
	// before account keeps SQLite from going over all files of one.
	standing = `SELECT COUNT(*), COALESCE(MIN(CASE received_at WHEN 0 THEN began_at ELSE received_at END), 0) FROM file
		WHERE state NOT IN ('deleted', 'kept', 'delivered') AND state = ? AND (? IS NULL OR +account = ?) AND (? = '' OR reason = ?)`
	queues          = `SELECT kind, COUNT(*), SUM(state = 1), SUM(run_at > ?), SUM(attempt > 1), MIN(id) FROM job GROUP BY kind ORDER BY kind`
	countSessions   = `SELECT COUNT(*) FROM session WHERE until > ?`
	accountsInState = `SELECT state, COUNT(*) FROM account WHERE name <> 'system' GROUP BY state`
)

// Standing counts the files that are on their way or wait for somebody, by state: of
// one account, or of all (uuid.Nil). States with none are left out.
func (f Figures) Standing(account uuid.UUID) ([]Standing, error) {
	var all []Standing
	for _, v := range standingIn {
		read := func(s engine.Scan) (Standing, error) { return v, s(&v.Files, (*column.Time)(&v.Oldest)) }
		of := column.Ref(account)
		if _, err := engine.One(f.tx, "catalog: standing files", read, standing, v.State, of, of, v.Reason, v.Reason); err != nil {
			return nil, err
		}
		if v.Files > 0 {
			all = append(all, v)
		}
	}
	return all, nil
}

// Troubled is what stands in an account that somebody should see to.
type Troubled struct {
	Account uuid.UUID
	Standing
}

const troubled = `SELECT account, state, reason, COUNT(*), MIN(CASE received_at WHEN 0 THEN began_at ELSE received_at END) FROM file
	WHERE state NOT IN ('deleted', 'kept', 'delivered') AND (state IN ('held', 'refused', 'locked') OR state = 'waiting-rename' AND reason = 'not-renamed')
	GROUP BY account, state, CASE state WHEN 'waiting-rename' THEN reason ELSE '' END`

// Troubled returns what stands held, refused, locked or not renamed, by account.
func (f Figures) Troubled() ([]Troubled, error) {
	read := func(s engine.Scan) (v Troubled, err error) {
		err = s((*column.ID)(&v.Account), &v.State, &v.Reason, &v.Files, (*column.Time)(&v.Oldest))
		if v.State != "waiting-rename" {
			v.Reason = ""
		}
		return v, err
	}
	return engine.List(f.tx, "catalog: troubled accounts", read, troubled)
}

// Queue is the jobs of one kind.
type Queue struct {
	Kind    string
	Jobs    int64
	Leased  int64     // being done
	Later   int64     // not due yet
	Retried int64     // tried more than once
	Oldest  time.Time // when the oldest was added
}

// Queues returns the kinds of job that there are.
func (f Figures) Queues(now time.Time) ([]Queue, error) {
	read := func(s engine.Scan) (q Queue, err error) {
		var oldest uuid.UUID
		err = s(&q.Kind, &q.Jobs, &q.Leased, &q.Later, &q.Retried, (*column.ID)(&oldest))
		if sec, ns := oldest.Time().UnixTime(); oldest.Version() == 7 {
			q.Oldest = time.Unix(sec, ns).UTC()
		}
		return q, err
	}
	return engine.List(f.tx, "catalog: queues", read, queues, column.Time(now))
}

// CountSessions counts the people who are signed in to the portal.
func (f Figures) CountSessions(now time.Time) (int64, error) {
	return engine.One(f.tx, "catalog: count sessions", engine.Value[int64], countSessions, column.Time(now))
}

// CountAccounts counts the accounts of customers by state.
func (f Figures) CountAccounts() (map[string]int64, error) {
	type row struct {
		state string
		n     int64
	}
	read := func(s engine.Scan) (r row, err error) { return r, s(&r.state, &r.n) }
	rows, err := engine.List(f.tx, "catalog: count accounts", read, accountsInState)
	counts := map[string]int64{}
	for _, r := range rows {
		counts[r.state] = r.n
	}
	return counts, err
}
