package journal

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
)

// State is how far a delivery is: see the package comment.
type State string

// The states.
const (
	Found    State = "found"
	Sealed   State = "sealed"
	Received State = "received"
	Done     State = "done"
	Gone     State = "gone"
	Lost     State = "lost"
)

// Changed is the code of what is gone because it was another file when it was read.
const Changed = "changed"

// Source is a file that is there, as the file system shows it.
type Source struct {
	Folder   string // the watched folder; empty: a person named it
	Path     string // absolute
	Name     string // what it is called at the gateway
	Size     int64
	Modified time.Time
	After    string
}

// Is reports whether a file has the kind, size and time of the one that was found.
// Times are compared as they are kept: one that the journal cannot tell from another
// (1970, or centuries away) is the same.
func (s Source) Is(info fs.FileInfo) bool {
	return info.Mode().IsRegular() && info.Size() == s.Size && nanos(info.ModTime()) == nanos(s.Modified)
}

// Delivery is one file on its way.
type Delivery struct {
	Source
	Seq    int64
	At     string // from Received on: where it is put; empty: nowhere
	Resent bool   // it was received before, by a gateway that does not know it any more
	State  State
	File   uuid.UUID // from Sealed on
	Key    []byte    // Sealed only
	Header []byte    // Sealed only
	ID     []byte    // the delivery id; nil until the content's hash is known
	SHA256 []byte    // likewise

	Found, Received, Done time.Time
	Trouble
}

// Trouble is what is wrong with a delivery, and when it is tried again.
type Trouble struct {
	Code     string // a stable word
	Sentence string
	Tries    int
	Again    time.Time
}

// parked is the time of what is not tried again by itself: see Journal.Park.
var parked = time.Unix(0, math.MaxInt64)

// Parked reports whether it is not tried again by itself.
func (t Trouble) Parked() bool { return t.Again.Equal(parked) }

// longest is more than anything waits before it is tried again. What seems to wait
// longer was noted by a clock that was ahead: it is due.
const longest = 2 * time.Hour

// Due reports whether it is time to try again.
func (t Trouble) Due(now time.Time) bool {
	return !t.Again.After(now) || t.Again.After(now.Add(longest)) && !t.Parked()
}

// ID is the delivery id of a file with this content: the same whenever it is sent.
func (j *Journal) ID(s Source, sum [32]byte) (id [32]byte) {
	m := hmac.New(sha256.New, j.key[:])
	var n [8]byte
	field := func(b []byte) {
		binary.BigEndian.PutUint64(n[:], uint64(len(b)))
		m.Write(n[:])
		m.Write(b)
	}
	number := func(v int64) { field(binary.BigEndian.AppendUint64(nil, uint64(v))) }
	field([]byte("sealgate/connect/v1 delivery"))
	field([]byte(s.Path))
	number(s.Size)
	number(nanos(s.Modified))
	field(sum[:])
	m.Sum(id[:0])
	return id
}

// Add takes files that were found, in their order. One that is on its way already
// stays as it is; one that changed since it was found is a new delivery, and the
// former one is gone.
func (j *Journal) Add(ctx context.Context, now time.Time, files []Source) (added int, err error) {
	err = j.tx(ctx, func(tx *sql.Tx) error {
		added = 0
		for _, s := range files {
			n, err := add(ctx, tx, now, s)
			if err != nil {
				return err
			}
			added += n
		}
		return nil
	})
	return added, wrap("journal: add", err)
}

func add(ctx context.Context, tx *sql.Tx, now time.Time, s Source) (int, error) {
	var seq, size, modified int64
	var state State
	err := tx.QueryRowContext(ctx, "SELECT seq, size, modified, state FROM delivery WHERE path = ? AND state IN ('found', 'sealed', 'received')", s.Path).
		Scan(&seq, &size, &modified, &state)
	switch {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return 0, err
	case size == s.Size && modified == nanos(s.Modified), state == Received: // what is received is put away first
		return 0, nil
	default:
		if err := end(ctx, tx, seq, Gone, now, Changed, "the file was changed before it was sent"); err != nil {
			return 0, err
		}
	}
	_, err = tx.ExecContext(ctx, "INSERT INTO delivery (folder, path, name, size, modified, after, state, found) VALUES (?, ?, ?, ?, ?, ?, 'found', ?)",
		s.Folder, s.Path, s.Name, s.Size, nanos(s.Modified), s.After, nanos(now))
	return 1, err
}

// end ends a delivery and forgets what only sending needs.
func end(ctx context.Context, tx *sql.Tx, seq int64, state State, now time.Time, code, problem string) error {
	if _, err := tx.ExecContext(ctx, "UPDATE delivery SET state = ?, done = ?, key = NULL, header = NULL, code = ?, problem = ?, again = 0 WHERE seq = ?",
		state, nanos(now), code, problem, seq); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, "DELETE FROM mark WHERE seq = ?", seq)
	return err
}

const columns = "seq, folder, path, name, at, resent, size, modified, after, state, file, key, header, id, sha256, found, received, done, code, problem, tries, again"

// Open lists what is on its way, in the order in which it was found, from behind a
// place in that order.
func (j *Journal) Open(ctx context.Context, behind int64, limit int) ([]*Delivery, error) {
	return j.list(ctx, "WHERE state IN ('found', 'sealed', 'received') AND seq > ? ORDER BY seq LIMIT ?", behind, limit)
}

// Due lists what may be tried at this time, in the order in which it was found, but
// for those in work and the files of folders that keep an order: see Head.
func (j *Journal) Due(ctx context.Context, now time.Time, ordered []string, inWork []int64, limit int) ([]*Delivery, error) {
	list, err := json.Marshal(append([]string{}, ordered...))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "journal: due", err)
	}
	without, err := json.Marshal(append([]int64{}, inWork...))
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "journal: due", err)
	}
	return j.list(ctx, "WHERE state IN ('found', 'sealed', 'received') AND (again <= ? OR again > ? AND again < ?) AND folder NOT IN (SELECT value FROM json_each(?)) AND seq NOT IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?",
		nanos(now), nanos(now.Add(longest)), nanos(parked), string(list), string(without), limit)
}

// Head is the oldest file of a folder that is on its way; nil when there is none.
func (j *Journal) Head(ctx context.Context, folder string) (*Delivery, error) {
	all, err := j.list(ctx, "WHERE state IN ('found', 'sealed', 'received') AND folder = ? ORDER BY modified, path LIMIT 1", folder)
	if err != nil || len(all) == 0 {
		return nil, err
	}
	return all[0], nil
}

// Next is when something that waits now may be tried again; zero = nothing waits.
func (j *Journal) Next(ctx context.Context, now time.Time) (time.Time, error) {
	var again sql.NullInt64
	err := j.db.QueryRowContext(ctx, "SELECT min(again) FROM delivery WHERE state IN ('found', 'sealed', 'received') AND again > ? AND again < ?", nanos(now), nanos(parked)).Scan(&again)
	return timeOf(again.Int64), wrap("journal: next", err)
}

// Get returns one delivery.
func (j *Journal) Get(ctx context.Context, seq int64) (*Delivery, error) {
	all, err := j.list(ctx, "WHERE seq = ?", seq)
	if err == nil && len(all) == 0 {
		err = fault.New(fault.NotFound, "journal: get", "there is no such delivery")
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// ByPath returns the latest delivery of a path.
func (j *Journal) ByPath(ctx context.Context, path string) (*Delivery, error) {
	all, err := j.list(ctx, "WHERE path = ? ORDER BY seq DESC LIMIT 1", path)
	if err == nil && len(all) == 0 {
		err = fault.New(fault.NotFound, "journal: get", "the journal knows no file of this path")
	}
	if err != nil {
		return nil, err
	}
	return all[0], nil
}

// Knew reports whether a file of this path, size and time was taken before.
func (j *Journal) Knew(ctx context.Context, s Source, seq int64) (bool, error) {
	var n int
	err := j.db.QueryRowContext(ctx, "SELECT count(*) FROM delivery WHERE path = ? AND size = ? AND modified = ? AND seq <> ?", s.Path, s.Size, nanos(s.Modified), seq).Scan(&n)
	return n > 0, wrap("journal: knew", err)
}

// LeftBefore reports whether the delivery of this path before this one was of the same
// size and time, and left because the file was another one when it was read.
func (j *Journal) LeftBefore(ctx context.Context, d *Delivery) (bool, error) {
	all, err := j.list(ctx, "WHERE path = ? AND seq < ? ORDER BY seq DESC LIMIT 1", d.Path, d.Seq)
	if err != nil || len(all) == 0 {
		return false, err
	}
	before := all[0]
	return before.State == Gone && before.Code == Changed && before.Size == d.Size && nanos(before.Modified) == nanos(d.Modified), nil
}

// Delivered lists what was received since a time, put away or not, page by page.
func (j *Journal) Delivered(ctx context.Context, since time.Time, behind int64, limit int) ([]*Delivery, error) {
	return j.list(ctx, "WHERE (state = 'done' AND done >= ?1 OR state = 'received' AND received >= ?1) AND seq > ?2 ORDER BY seq LIMIT ?3", nanos(since), behind, limit)
}

// Latest lists the newest deliveries that ended, for people.
func (j *Journal) Latest(ctx context.Context, limit int) ([]*Delivery, error) {
	return j.list(ctx, "WHERE state IN ('done', 'lost', 'gone') ORDER BY done DESC LIMIT ?", limit)
}

// Missing lists files that were received once and that nobody has any more.
func (j *Journal) Missing(ctx context.Context, limit int) ([]*Delivery, error) {
	return j.list(ctx, "WHERE state = 'lost' ORDER BY seq LIMIT ?", limit)
}

func (j *Journal) list(ctx context.Context, where string, args ...any) ([]*Delivery, error) {
	const op = "journal: list"
	rows, err := j.db.QueryContext(ctx, "SELECT "+columns+" FROM delivery "+where, args...)
	if err != nil {
		return nil, wrap(op, err)
	}
	defer rows.Close()
	var all []*Delivery
	for rows.Next() {
		d := new(Delivery)
		var file []byte
		var modified, found, received, done, again int64
		if err := rows.Scan(&d.Seq, &d.Folder, &d.Path, &d.Name, &d.At, &d.Resent, &d.Size, &modified, &d.After, &d.State, &file, &d.Key, &d.Header, &d.ID, &d.SHA256,
			&found, &received, &done, &d.Code, &d.Sentence, &d.Tries, &again); err != nil {
			return nil, wrap(op, err)
		}
		copy(d.File[:], file)
		d.Modified, d.Found, d.Received, d.Done, d.Again = time.Unix(0, modified), timeOf(found), timeOf(received), timeOf(done), timeOf(again)
		all = append(all, d)
	}
	return all, wrap(op, rows.Err())
}

// Figures is what people and the gateway are told about the queue.
type Figures struct {
	Waiting int       // on their way
	Failed  int       // of them with something wrong
	Lost    int       // known to nobody any more
	Oldest  time.Time // when the oldest of them was found
	Code    string    // what is wrong with the one that waits longest
	Problem string
}

// Figures counts.
func (j *Journal) Figures(ctx context.Context) (Figures, error) {
	var f Figures
	var oldest int64
	err := j.db.QueryRowContext(ctx, `SELECT count(*), count(CASE WHEN code <> '' THEN 1 END), coalesce(min(found), 0),
		(SELECT count(*) FROM delivery WHERE state = 'lost')
		FROM delivery WHERE state IN ('found', 'sealed', 'received')`).Scan(&f.Waiting, &f.Failed, &oldest, &f.Lost)
	if err == nil && f.Failed > 0 {
		err = j.db.QueryRowContext(ctx, "SELECT code, problem FROM delivery WHERE state IN ('found', 'sealed', 'received') AND code <> '' ORDER BY seq LIMIT 1").Scan(&f.Code, &f.Problem)
	}
	f.Oldest = timeOf(oldest)
	return f, wrap("journal: figures", err)
}

// Forget removes deliveries that ended before a time, and files that were fetched and
// acknowledged before it; deliveries that are lost stay.
func (j *Journal) Forget(ctx context.Context, before time.Time) error {
	// The first term is that of the index.
	_, err := j.db.ExecContext(ctx, "DELETE FROM delivery WHERE state IN ('done', 'lost', 'gone') AND state <> 'lost' AND done < ?", nanos(before))
	if err == nil {
		_, err = j.db.ExecContext(ctx, "DELETE FROM fetched WHERE state = 'done' AND at < ?", nanos(before))
	}
	return wrap("journal: forget", err)
}
