package remotes

import (
	"time"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog/column"
	"sealgate/internal/store/catalog/engine"
)

// Look is a far file that was seen in a listing, and lies there as far as is known: to
// be taken, or taken and left, or taken and still to be deleted or moved.
type Look struct {
	Remote     uuid.UUID
	PathMAC    []byte
	Size       int64     // as the server says when it is asked about the file; -1 = it was not asked yet
	ModTime    time.Time // the same; zero = it does not say
	ListedSize int64     // as the listing of the folder says, which may be in another time zone
	ListedTime time.Time
	FirstSeen  time.Time
	Since      time.Time // sizes and times are these since then
	LastSeen   time.Time
	Arrival    uuid.UUID // unfinished, to be resumed; uuid.Nil = none
	Tries      int64     // in a row that failed
	Result     string    // a code word about the last try
}

const selectLook = `SELECT remote, path_mac, size, mtime, list_size, list_mtime, first_seen, since, last_seen, arrival, tries, result FROM remote_look `

func readLook(s engine.Scan) (*Look, error) {
	l := new(Look)
	err := s((*column.ID)(&l.Remote), &l.PathMAC, &l.Size, (*column.Time)(&l.ModTime), &l.ListedSize, (*column.Time)(&l.ListedTime),
		(*column.Time)(&l.FirstSeen), (*column.Time)(&l.Since), (*column.Time)(&l.LastSeen), (*column.Ref)(&l.Arrival), &l.Tries, &l.Result)
	return l, err
}

// PutRemoteLook writes what was seen of a far file, in the place of what was known.
func (in Servers) PutRemoteLook(l *Look) error {
	_, err := in.tx.Exec("catalog: put remote look",
		`INSERT INTO remote_look (remote, path_mac, size, mtime, list_size, list_mtime, first_seen, since, last_seen, arrival, tries, result)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (remote, path_mac) DO UPDATE SET size = excluded.size, mtime = excluded.mtime, list_size = excluded.list_size,
			list_mtime = excluded.list_mtime, first_seen = excluded.first_seen, since = excluded.since, last_seen = excluded.last_seen, arrival = excluded.arrival, tries = excluded.tries, result = excluded.result`,
		column.ID(l.Remote), l.PathMAC, l.Size, column.Time(l.ModTime), l.ListedSize, column.Time(l.ListedTime), column.Time(l.FirstSeen), column.Time(l.Since),
		column.Time(l.LastSeen), column.Ref(l.Arrival), l.Tries, l.Result)
	return err
}

// RemoteLook returns what is known of a far file; fault.NotFound: nothing.
func (in Servers) RemoteLook(remote uuid.UUID, pathMAC []byte) (*Look, error) {
	return engine.One(in.tx, "catalog: remote look", readLook, selectLook+`WHERE remote = ? AND path_mac = ?`, column.ID(remote), pathMAC)
}

// RemoteLooks returns all far files of a remote that are known.
func (in Servers) RemoteLooks(remote uuid.UUID) ([]*Look, error) {
	return engine.List(in.tx, "catalog: remote looks", readLook, selectLook+`WHERE remote = ?`, column.ID(remote))
}

// DeleteRemoteLook forgets a far file: it is gone. That it was not known is no
// error.
func (in Servers) DeleteRemoteLook(remote uuid.UUID, pathMAC []byte) error {
	_, err := in.tx.Exec("catalog: delete remote look", `DELETE FROM remote_look WHERE remote = ? AND path_mac = ?`, column.ID(remote), pathMAC)
	return err
}

// DeleteRemoteLooks forgets up to limit far files that were last seen before a time,
// of those that were taken before another, and returns how many.
func (in Servers) DeleteRemoteLooks(before, taken time.Time, limit int) (int64, error) {
	return in.tx.Exec("catalog: delete remote looks",
		`DELETE FROM remote_look WHERE (remote, path_mac) IN
		(SELECT remote, path_mac FROM remote_look WHERE last_seen < ? AND (result <> 'taken' OR last_seen < ?) LIMIT ?)`,
		column.Time(before), column.Time(taken), int64(limit))
}

// What became of a far file that was taken.
const (
	AfterDue  = "due"  // it is to be deleted or moved
	AfterDone = "done" // it was, or it is to stay
	AfterGone = "gone" // it was changed or gone before we could: nothing is to be done
)

// Taken is a far file that became a file of ours.
type Taken struct {
	Remote   uuid.UUID
	SeenMAC  []byte // path, size and time
	TakenMAC []byte // and content: the delivery id
	File     uuid.UUID
	TakenAt  time.Time
	LastSeen time.Time
	After    string // AfterDue, AfterDone or AfterGone
	Tries    int64  // of what is due
	Error    string // a code word about the last one
}

const selectTaken = `SELECT remote, seen_mac, taken_mac, file, taken_at, last_seen, after, tries, error FROM remote_taken `

func readTaken(s engine.Scan) (*Taken, error) {
	t := new(Taken)
	err := s((*column.ID)(&t.Remote), &t.SeenMAC, &t.TakenMAC, (*column.ID)(&t.File), (*column.Time)(&t.TakenAt), (*column.Time)(&t.LastSeen),
		&t.After, &t.Tries, &t.Error)
	return t, err
}

// InsertTaken enters a far file into the ledger. That it stands there already is
// fault.Exists.
func (in Servers) InsertTaken(t *Taken) error {
	_, err := in.tx.Exec("catalog: insert taken",
		`INSERT INTO remote_taken (remote, seen_mac, taken_mac, file, taken_at, last_seen, after, tries, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		column.ID(t.Remote), t.SeenMAC, t.TakenMAC, column.ID(t.File), column.Time(t.TakenAt), column.Time(t.LastSeen), t.After, t.Tries, t.Error)
	return err
}

// SaveTaken writes LastSeen, After, Tries and Error.
func (in Servers) SaveTaken(t *Taken) error {
	return in.tx.ExecOne("catalog: save taken",
		`UPDATE remote_taken SET last_seen = ?, after = ?, tries = ?, error = ? WHERE remote = ? AND seen_mac = ? AND taken_mac = ?`,
		column.Time(t.LastSeen), t.After, t.Tries, t.Error, column.ID(t.Remote), t.SeenMAC, t.TakenMAC)
}

// TakenBefore returns what was taken from a remote under this path, size and time,
// newest first; mostly one or none.
func (in Servers) TakenBefore(remote uuid.UUID, seenMAC []byte) ([]*Taken, error) {
	return engine.List(in.tx, "catalog: taken before", readTaken,
		selectTaken+`WHERE remote = ? AND seen_mac = ? ORDER BY taken_at DESC`, column.ID(remote), seenMAC)
}

// Taken returns one row of the ledger; fault.NotFound: this content was not taken.
func (in Servers) Taken(remote uuid.UUID, seenMAC, takenMAC []byte) (*Taken, error) {
	return engine.One(in.tx, "catalog: taken", readTaken, selectTaken+`WHERE remote = ? AND seen_mac = ? AND taken_mac = ?`,
		column.ID(remote), seenMAC, takenMAC)
}

// TakenDue returns up to limit far files that were taken and are still to be deleted
// or moved, oldest first.
func (in Servers) TakenDue(remote uuid.UUID, limit int) ([]*Taken, error) {
	return engine.List(in.tx, "catalog: taken due", readTaken,
		selectTaken+`WHERE remote = ? AND after = 'due' ORDER BY taken_at LIMIT ?`, column.ID(remote), int64(limit))
}

// DeleteTaken removes up to limit rows of the ledger for which nothing is due and
// whose far files were last seen before a time, and returns how many.
func (in Servers) DeleteTaken(before time.Time, limit int) (int64, error) {
	return in.tx.Exec("catalog: delete taken",
		`DELETE FROM remote_taken WHERE (remote, seen_mac, taken_mac) IN
		(SELECT remote, seen_mac, taken_mac FROM remote_taken WHERE after <> 'due' AND last_seen < ? LIMIT ?)`,
		column.Time(before), int64(limit))
}

// Stages of a file on its way to a remote. Before PushRenaming nothing can lie there
// under the final name by us; from then on it may.
const (
	PushSending  = "sending"  // under the temporary name
	PushRenaming = "renaming" // verified: whole under the temporary or the final name
)

// PushState is how far a file of the outbox has come on its way to a remote.
type PushState struct {
	Remote    uuid.UUID
	File      uuid.UUID
	Names     []byte // sealed: the temporary and the final name
	Stage     string
	Tries     int64
	RunAt     time.Time // not before
	ChangedAt time.Time
	Error     string // a code word about the last try
}

const selectPush = `SELECT remote, file, names, stage, tries, run_at, changed_at, error FROM remote_push `

func readPush(s engine.Scan) (*PushState, error) {
	p := new(PushState)
	err := s((*column.ID)(&p.Remote), (*column.ID)(&p.File), &p.Names, &p.Stage, &p.Tries, (*column.Time)(&p.RunAt), (*column.Time)(&p.ChangedAt), &p.Error)
	return p, err
}

// PutRemotePush writes how far a file has come, in the place of what was known.
// fault.Exists: it is PushRenaming on the way to another server.
func (in Servers) PutRemotePush(p *PushState) error {
	_, err := in.tx.Exec("catalog: put remote push",
		`INSERT INTO remote_push (remote, file, names, stage, tries, run_at, changed_at, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (remote, file) DO UPDATE SET names = excluded.names, stage = excluded.stage, tries = excluded.tries,
			run_at = excluded.run_at, changed_at = excluded.changed_at, error = excluded.error`,
		column.ID(p.Remote), column.ID(p.File), p.Names, p.Stage, p.Tries, column.Time(p.RunAt), column.Time(p.ChangedAt), p.Error)
	return err
}

// RemotePush returns how far a file has come; fault.NotFound: it was never tried.
func (in Servers) RemotePush(remote, file uuid.UUID) (*PushState, error) {
	return engine.One(in.tx, "catalog: remote push", readPush, selectPush+`WHERE remote = ? AND file = ?`, column.ID(remote), column.ID(file))
}

// RemotePushes returns the files that are on their way to a remote, in no order.
func (in Servers) RemotePushes(remote uuid.UUID) ([]*PushState, error) {
	return engine.List(in.tx, "catalog: remote pushes", readPush, selectPush+`WHERE remote = ?`, column.ID(remote))
}

// TriedPushes returns those of RemotePushes that were tried in vain, and whose files
// still wait in the outbox.
func (in Servers) TriedPushes(remote uuid.UUID) ([]*PushState, error) {
	return engine.List(in.tx, "catalog: tried pushes", readPush,
		selectPush+`WHERE remote = ? AND tries > 0 AND file IN (SELECT id FROM file WHERE state = 'waiting')`, column.ID(remote))
}

// ClaimedElsewhere returns the files of an account that are about to get their name on
// another of its servers than remote.
func (in Servers) ClaimedElsewhere(account, remote uuid.UUID) ([]uuid.UUID, error) {
	return engine.List(in.tx, "catalog: claimed elsewhere", func(s engine.Scan) (id uuid.UUID, err error) {
		err = s((*column.ID)(&id))
		return id, err
	}, `SELECT file FROM remote_push WHERE stage = 'renaming' AND remote <> ? AND remote IN (SELECT id FROM remote WHERE account = ?)`,
		column.ID(remote), column.ID(account))
}

// ResendRemotePush lets a file begin anew, at once; fault.NotFound: it is not on its way.
func (in Servers) ResendRemotePush(remote, file uuid.UUID) error {
	return in.tx.ExecOne("catalog: resend remote push",
		`UPDATE remote_push SET stage = 'sending', tries = 0, run_at = 0, error = '' WHERE remote = ? AND file = ?`, column.ID(remote), column.ID(file))
}

// DeleteRemotePushes lets all files begin anew that are on their way to a remote: it
// leads elsewhere.
func (in Servers) DeleteRemotePushes(remote uuid.UUID) error {
	_, err := in.tx.Exec("catalog: delete remote pushes", `DELETE FROM remote_push WHERE remote = ?`, column.ID(remote))
	return err
}

// DeleteRemotePush forgets a file: it was delivered, there or elsewhere. That it was
// not known is no error.
func (in Servers) DeleteRemotePush(remote, file uuid.UUID) error {
	_, err := in.tx.Exec("catalog: delete remote push", `DELETE FROM remote_push WHERE remote = ? AND file = ?`, column.ID(remote), column.ID(file))
	return err
}
