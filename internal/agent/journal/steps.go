package journal

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
)

// step changes a delivery that is in one of the states given; Invalid when it is in
// none, which says that somebody else has moved it on.
func (j *Journal) step(ctx context.Context, op, query string, args ...any) error {
	return wrap(op, j.tx(ctx, func(tx *sql.Tx) error { return change(ctx, tx, op, query, args...) }))
}

// change changes one row.
func change(ctx context.Context, tx *sql.Tx, op, query string, args ...any) error {
	res, err := tx.ExecContext(ctx, query, args...)
	if err != nil {
		return err
	}
	if n, err := res.RowsAffected(); err != nil || n != 1 {
		return errors.Join(fault.New(fault.Invalid, op, "the delivery is in another state"), err)
	}
	return nil
}

// Seal notes the id and key under which a file is about to be sent in parts, and
// forgets what was sent under another. Key and header are needed to go on after a
// crash; the file itself lies in the clear beside the journal.
func (j *Journal) Seal(ctx context.Context, seq int64, file uuid.UUID, key, header []byte) error {
	const op = "journal: seal"
	return wrap(op, j.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "DELETE FROM mark WHERE seq = ?", seq); err != nil {
			return err
		}
		return change(ctx, tx, op, "UPDATE delivery SET state = 'sealed', file = ?, key = ?, header = ? WHERE seq = ? AND state IN ('found', 'sealed')", file[:], key, header, seq)
	}))
}

// Mark notes that what goes out now is the content whose first slots have this hash.
func (j *Journal) Mark(ctx context.Context, seq, slots int64, sum [32]byte) error {
	const keep = 8 // at least as many as can be on their way when it breaks
	return wrap("journal: mark", j.tx(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, "INSERT INTO mark VALUES (?, ?, ?) ON CONFLICT (seq, slots) DO UPDATE SET sha256 = excluded.sha256", seq, slots, sum[:]); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, "DELETE FROM mark WHERE seq = ?1 AND slots NOT IN (SELECT slots FROM mark WHERE seq = ?1 ORDER BY slots DESC LIMIT ?2)", seq, keep)
		return err
	}))
}

// Marked returns the nearest mark at or behind this many slots; NotFound when nobody
// made one.
func (j *Journal) Marked(ctx context.Context, seq, slots int64) (at int64, sum [32]byte, err error) {
	var b []byte
	err = j.db.QueryRowContext(ctx, "SELECT slots, sha256 FROM mark WHERE seq = ? AND slots >= ? ORDER BY slots LIMIT 1", seq, slots).Scan(&at, &b)
	copy(sum[:], b)
	return at, sum, wrap("journal: marked", err)
}

// Receive notes that the receipt of a delivery is verified and on the disk, under
// which id the gateway has it, the content's hash and the delivery id that it makes,
// and where the file is to be put now.
func (j *Journal) Receive(ctx context.Context, r Receipt) error {
	return j.step(ctx, "journal: receive", `UPDATE delivery SET state = 'received', file = ?, id = ?, sha256 = ?, at = ?, received = ?, key = NULL, header = NULL,
		code = '', problem = '', tries = 0, again = 0 WHERE seq = ? AND state IN ('found', 'sealed')`, r.File[:], r.ID[:], r.SHA256[:], r.At, nanos(r.Now), r.Seq)
}

// Receipt is what is noted of a file that was received.
type Receipt struct {
	Seq    int64
	File   uuid.UUID
	ID     [32]byte // of the delivery
	SHA256 [32]byte // of the content
	At     string   // where it is to be put
	Now    time.Time
}

// Elsewhere notes that a received file is put to another place than was noted.
func (j *Journal) Elsewhere(ctx context.Context, seq int64, at string) error {
	return j.step(ctx, "journal: elsewhere", "UPDATE delivery SET at = ? WHERE seq = ? AND state = 'received'", at, seq)
}

// Finish ends a delivery whose file was put away.
func (j *Journal) Finish(ctx context.Context, seq int64, now time.Time) error {
	const op = "journal: finish"
	return wrap(op, j.tx(ctx, func(tx *sql.Tx) error {
		var state State
		if err := tx.QueryRowContext(ctx, "SELECT state FROM delivery WHERE seq = ?", seq).Scan(&state); err != nil {
			return err
		}
		if state != Received { // the gateway was asked meanwhile, and does not know the file
			return fault.New(fault.Invalid, op, "the delivery is in another state")
		}
		return end(ctx, tx, seq, Done, now, "", "")
	}))
}

// Leave ends a delivery whose file is not what was found any more.
func (j *Journal) Leave(ctx context.Context, seq int64, now time.Time, code, sentence string) error {
	return wrap("journal: leave", j.tx(ctx, func(tx *sql.Tx) error { return end(ctx, tx, seq, Gone, now, code, sentence) }))
}

// Fail notes what is wrong with a delivery and when it is tried again.
func (j *Journal) Fail(ctx context.Context, seq int64, code, sentence string, again time.Time) error {
	return j.step(ctx, "journal: fail", "UPDATE delivery SET code = ?, problem = ?, tries = tries + 1, again = ? WHERE seq = ?", code, sentence, nanos(again), seq)
}

// Park notes what is wrong with a delivery whose time for another try nobody knows: only
// when Hurry or Unpark says so.
func (j *Journal) Park(ctx context.Context, seq int64, code, sentence string) error {
	return j.Fail(ctx, seq, code, sentence, parked)
}

// Tidy leaves nothing in the write-ahead log: what was cleared in the tables, as the keys
// of files that are sent, would stay readable there.
func (j *Journal) Tidy(ctx context.Context) error {
	_, err := j.db.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return wrap("journal: tidy", err)
}

// Hurry makes everything due now: the program was started anew, or a person asks.
func (j *Journal) Hurry(ctx context.Context) error {
	_, err := j.db.ExecContext(ctx, "UPDATE delivery SET again = 0 WHERE state IN ('found', 'sealed', 'received') AND again <> 0")
	return wrap("journal: hurry", err)
}

// Unpark makes what was parked due now: what stood in its way may be gone.
func (j *Journal) Unpark(ctx context.Context) error {
	_, err := j.db.ExecContext(ctx, "UPDATE delivery SET again = 0 WHERE state IN ('found', 'sealed', 'received') AND again = ?", nanos(parked))
	return wrap("journal: unpark", err)
}

// Unknown notes that a gateway does not know a file that it has given a receipt for.
// With its content still here, it is sent again, under the delivery id that it had;
// without, it is lost. One that was not put away yet, and lies where it was found, is
// as it was before it was sent; one that was renamed already goes on from there.
func (j *Journal) Unknown(ctx context.Context, seq int64, here, unmoved bool, sentence string) error {
	const op = "journal: unknown"
	if unmoved {
		return j.step(ctx, op, `UPDATE delivery SET state = 'found', at = '', resent = 1, file = NULL, tries = 0, again = 0,
			code = 'sent-again', problem = ? WHERE seq = ? AND state = 'received'`, sentence, seq)
	}
	if here {
		return j.step(ctx, op, `UPDATE delivery SET state = 'found', path = CASE at WHEN '' THEN path ELSE at END,
			after = CASE WHEN state = 'received' AND after = 'delete' THEN after ELSE 'leave' END, at = CASE state WHEN 'received' THEN '' ELSE at END, resent = 1, file = NULL, tries = 0, again = 0,
			code = 'sent-again', problem = ? WHERE seq = ? AND state IN ('done', 'received')`, sentence, seq)
	}
	return j.step(ctx, op, "UPDATE delivery SET state = 'lost', code = 'lost', problem = ? WHERE seq = ? AND state IN ('done', 'received')", sentence, seq)
}

// Lose ends a delivery that was to be sent again, and whose content is here no more.
func (j *Journal) Lose(ctx context.Context, seq int64, now time.Time, sentence string) error {
	return wrap("journal: lose", j.tx(ctx, func(tx *sql.Tx) error { return end(ctx, tx, seq, Lost, now, "lost", sentence) }))
}
