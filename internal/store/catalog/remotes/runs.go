package remotes

import (
	"time"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

// Outcomes of runs.
const (
	RunUnderWay = ""
	RunOK       = "ok"
	RunFailed   = "failed"
	RunCut      = "cut" // the gateway stopped, or the lease was lost
)

// Run is one visit at a remote.
type Run struct {
	ID      uuid.UUID
	Remote  uuid.UUID
	Fence   int64  // of the lease it has, or had
	By      string // who asked for it; empty = the schedule
	BeganAt time.Time
	EndedAt time.Time
	Outcome string
	Seen    int64 // files in the listing, or waiting in the outbox
	Files   int64 // taken or delivered
	Bytes   int64
	Failed  int64  // files that were tried in vain
	Error   string // a code word; empty = it went well
	// FileError is that of the first file that failed, when single ones did.
	FileError string
	Message   []byte // sealed: the same as a sentence
}

const selectRun = `SELECT id, remote, fence, by, began_at, ended_at, outcome, seen, files, bytes, failed, error, file_error, message FROM remote_run `

func readRun(s engine.Scan) (*Run, error) {
	r := new(Run)
	err := s((*column.ID)(&r.ID), (*column.ID)(&r.Remote), &r.Fence, &r.By, (*column.Time)(&r.BeganAt), (*column.Time)(&r.EndedAt), &r.Outcome,
		&r.Seen, &r.Files, &r.Bytes, &r.Failed, &r.Error, &r.FileError, &r.Message)
	return r, err
}

// InsertRemoteRun adds a run.
func (in Servers) InsertRemoteRun(r *Run) error {
	_, err := in.tx.Exec("catalog: insert remote run",
		`INSERT INTO remote_run (id, remote, fence, by, began_at, ended_at, outcome, seen, files, bytes, failed, error, file_error, message)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		column.ID(r.ID), column.ID(r.Remote), r.Fence, r.By, column.Time(r.BeganAt), column.Time(r.EndedAt), r.Outcome,
		r.Seen, r.Files, r.Bytes, r.Failed, r.Error, r.FileError, r.Message)
	return err
}

// SaveRemoteRun writes all of r but its ID, Remote, Fence, By and BeganAt.
func (in Servers) SaveRemoteRun(r *Run) error {
	return in.tx.ExecOne("catalog: save remote run",
		`UPDATE remote_run SET ended_at = ?, outcome = ?, seen = ?, files = ?, bytes = ?, failed = ?, error = ?, file_error = ?, message = ? WHERE id = ?`,
		column.Time(r.EndedAt), r.Outcome, r.Seen, r.Files, r.Bytes, r.Failed, r.Error, r.FileError, r.Message, column.ID(r.ID))
}

// DeleteRemoteRun forgets a run: there was nothing to do.
func (in Servers) DeleteRemoteRun(id uuid.UUID) error {
	return in.tx.ExecOne("catalog: delete remote run", `DELETE FROM remote_run WHERE id = ?`, column.ID(id))
}

// RemoteRun returns a run.
func (in Servers) RemoteRun(id uuid.UUID) (*Run, error) {
	return engine.One(in.tx, "catalog: remote run", readRun, selectRun+`WHERE id = ?`, column.ID(id))
}

// RemoteRuns returns up to limit runs of a remote, newest first.
func (in Servers) RemoteRuns(remote uuid.UUID, limit int) ([]*Run, error) {
	return engine.List(in.tx, "catalog: remote runs", readRun, selectRun+`WHERE remote = ? ORDER BY seq DESC LIMIT ?`, column.ID(remote), int64(limit))
}

// DeleteRemoteRuns removes up to limit runs that ended before a time, and returns how
// many.
func (in Servers) DeleteRemoteRuns(before time.Time, limit int) (int64, error) {
	return in.tx.Exec("catalog: delete remote runs",
		`DELETE FROM remote_run WHERE seq IN (SELECT seq FROM remote_run WHERE ended_at > 0 AND ended_at < ? LIMIT ?)`,
		column.Time(before), int64(limit))
}
