package accountdb

import (
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"sealgate/internal/payment"
	"sealgate/internal/store/accountdb/sqlite"
)

// file is a row of the table file.
type file struct {
	Result
	rank     int64
	id       uuid.UUID
	state    string
	taken    int64
	mac      []byte
	payments int64
	dates    payment.Dates
}

// States of a file: what becomes of its payments in a search.
const (
	stateVisible = "visible"
	stateHeld    = "held"
	stateRefused = "refused"
)

func fileByID(s *sqlite.Session, id uuid.UUID) (*file, error) {
	f := &file{id: id}
	var summary []byte
	err := s.Row(`SELECT rank, number, fence, index_version, state, outward, released, taken, content_mac,
		payments, coalesce(first_date, ''), coalesce(last_date, ''), summary FROM file WHERE id = ?`, id[:]).
		Scan(&f.rank, &f.Number, &f.Fence, &f.IndexVersion, &f.state, &f.Outward, &f.Released, &f.taken, &f.mac,
			&f.payments, &f.dates.First, &f.dates.Last, &summary)
	if err != nil {
		return nil, err
	}
	return f, json.Unmarshal(summary, &f.Summary)
}

func (f *file) insert(s *sqlite.Session) error {
	summary, err := json.Marshal(f.Summary)
	if err != nil {
		return err
	}
	err = s.Do(`INSERT INTO file (rank, id, number, fence, index_version, state, outward, released, taken, content_mac,
		payments, first_date, last_date, summary) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, ''), nullif(?, ''), ?)`,
		f.rank, f.id[:], f.Number, f.Fence, f.IndexVersion, f.state, f.Outward, f.Released, f.taken, f.mac,
		f.payments, f.dates.First, f.dates.Last, string(summary))
	if err != nil || f.Outward {
		return err
	}
	for _, id := range f.messageIDs() {
		if err := s.Do("INSERT INTO message (format, id, file) VALUES (?, ?, ?)", f.format(), id, f.id[:]); err != nil {
			return err
		}
	}
	return nil
}

// save writes what Release may change.
func (f *file) save(s *sqlite.Session) error {
	summary, err := json.Marshal(f.Summary)
	if err != nil {
		return err
	}
	err = s.Do("UPDATE file SET state = ?, released = ?, taken = ?, summary = ? WHERE id = ?",
		f.state, f.Released, f.taken, string(summary), f.id[:])
	return err
}

// unlink takes the file out, and leaves its payments to the sweep.
func (f *file) unlink(s *sqlite.Session) error {
	for _, id := range f.messageIDs() {
		if err := s.Do("DELETE FROM message WHERE format = ? AND id = ? AND file = ?", f.format(), id, f.id[:]); err != nil {
			return err
		}
	}
	if err := s.Do("DELETE FROM file WHERE id = ?", f.id[:]); err != nil {
		return err
	}
	err := s.Do("INSERT OR REPLACE INTO load (id, file, fence, dropped) VALUES (?, ?, ?, 1)",
		maxRank-f.rank, f.id[:], f.Fence)
	return err
}

func (f *file) format() string {
	if f.Summary.Format == nil {
		return ""
	}
	return *f.Summary.Format
}

// messageIDs returns each of the file's message ids once.
func (f *file) messageIDs() []string {
	return slices.Compact(slices.Sorted(slices.Values(f.Summary.MessageIDs)))
}

// duplicates returns a finding for bytes, and one for message ids, that other
// files have taken. A file that has its turn already is compared with those
// before it only: the second of two does not make a duplicate of the first.
func (f *file) duplicates(s *sqlite.Session) ([]payment.Finding, error) {
	var found []payment.Finding
	if f.mac != nil {
		first, err := firstFile(s.Row(`SELECT id FROM file
			WHERE content_mac = ? AND taken > 0 AND (taken < ?2 OR ?2 = 0) AND id <> ?3 ORDER BY number LIMIT 1`,
			f.mac, f.taken, f.id[:]))
		if err != nil {
			return nil, err
		}
		if first != uuid.Nil {
			found = append(found, duplicate(payment.DuplicateFile, 1, "the same bytes were taken before: file "+first.String()))
		}
	}
	var count int64
	var message string
	for _, id := range f.messageIDs() {
		first, err := firstFile(s.Row(`SELECT f.id FROM message m JOIN file f ON f.id = m.file
			WHERE m.format = ? AND m.id = ? AND f.taken > 0 AND (f.taken < ?3 OR ?3 = 0) AND f.id <> ?4 AND f.content_mac IS NOT ?5
			ORDER BY f.number LIMIT 1`,
			f.format(), id, f.taken, f.id[:], f.mac))
		if err != nil {
			return nil, err
		}
		if first == uuid.Nil {
			continue
		}
		if count == 0 {
			message = fmt.Sprintf("message id %q was taken before with other bytes: file %s", id, first)
		}
		count++
	}
	if count > 0 {
		found = append(found, duplicate(payment.DuplicateMessageID, count, message))
	}
	return found, nil
}

// firstFile reads a file's id; uuid.Nil when there is none.
func firstFile(row sqlite.Scanner) (uuid.UUID, error) {
	var id []byte
	err := row.Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return uuid.Nil, nil
	}
	if err != nil {
		return uuid.Nil, err
	}
	return uuid.FromBytes(id)
}

func duplicate(code payment.Code, count int64, message string) payment.Finding {
	return payment.Finding{Code: code, Severity: code.Severity(), Count: count, Message: message}
}
