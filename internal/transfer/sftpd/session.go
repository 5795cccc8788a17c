package sftpd

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"

	"github.com/google/uuid"
	"github.com/pkg/sftp"

	"sealgate/internal/account"
	"sealgate/internal/fault"
	"sealgate/internal/transfer/intake"
	"sealgate/internal/transfer/sftpd/packets"
	"sealgate/internal/transfer/vpath"
)

// session is one SFTP session of a login: pkg/sftp's handlers, and the events
// of the filter. pkg/sftp runs all requests but READ and WRITE one by one.
type session struct {
	ctx    context.Context // ends with the session
	srv    *Server
	conn   *conn
	who    *account.Identity
	inbox  *intake.Inbox
	filter *packets.Filter

	handles atomic.Int32

	mu        sync.Mutex             // guards the fields below
	uploads   map[string]*upload     // open for writing, by path below /in
	committed map[string][]uuid.UUID // by path: durable, the answer to CLOSE not written yet
	shown     map[string]uuid.UUID   // which file a name in /out meant
	answered  []uuid.UUID            // that answer is written, nothing has followed it
	owed      atomic.Bool            // answered is not empty
}

func newSession(ctx context.Context, c *conn, who *account.Identity) *session {
	return &session{
		ctx: ctx, srv: c.srv, conn: c, who: who,
		inbox:   c.srv.opt.Intake.Inbox(who.Account, who.Login),
		uploads: make(map[string]*upload), committed: make(map[string][]uuid.UUID),
		shown: make(map[string]uuid.UUID),
	}
}

func (s *session) handlers() sftp.Handlers {
	return sftp.Handlers{FileGet: s, FilePut: s, FileCmd: s, FileList: s}
}

func (s *session) log() *slog.Logger {
	return s.srv.opt.Log.With("account", s.who.Account, "login", s.who.Login)
}

// takeHandle counts an open file or folder; freeHandle gives it back.
func (s *session) takeHandle() error {
	if s.handles.Add(1) > packets.MaxHandles {
		s.handles.Add(-1)
		return refuse(fault.TryLater, "too many open files in one session; close some first")
	}
	return nil
}

func (s *session) freeHandle() { s.handles.Add(-1) }

// upload returns what is open for writing at p, nil when nothing is.
func (s *session) upload(p vpath.Path) *upload {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.uploads[p.String()]
}

// uploadAt is upload for a path as the client spelled it.
func (s *session) uploadAt(raw string) *upload {
	at, p, err := place(raw)
	if err != nil || at != inIn {
		return nil
	}
	return s.upload(p)
}

// Sync implements packets.Events: fsync@openssh.com.
func (s *session) Sync(path string) error {
	if u := s.uploadAt(path); u != nil {
		return s.told("fsync", u.sync())
	}
	return nil // a handle open for reading
}

// FirstWrite implements packets.Events.
func (s *session) FirstWrite(path string, offset uint64) {
	if u := s.uploadAt(path); u != nil {
		u.begin(offset)
	}
}

// done notes a file that the intake has taken; its CLOSE is answered next.
func (s *session) done(p vpath.Path, id uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.committed[p.String()] = append(s.committed[p.String()], id)
}

// Closed implements packets.Events: the OK to a CLOSE is on its way.
func (s *session) Closed(path string) {
	at, p, err := place(path)
	if err != nil || at != inIn {
		return
	}
	key := p.String()
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := s.committed[key]
	if len(ids) == 0 {
		return
	}
	if s.committed[key] = ids[1:]; len(ids) == 1 {
		delete(s.committed, key)
	}
	s.answer(ids[0])
}

// owe notes a file whose acknowledgement is on its way.
func (s *session) owe(id uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer(id)
}

// answer does that under mu.
func (s *session) answer(id uuid.UUID) {
	s.answered = append(s.answered, id)
	s.owed.Store(true)
	s.conn.owe(1)
}

// Followed implements packets.Events: the client has seen what was answered (R2). The
// end of the channel counts only when the client sent it: a lost connection
// looks the same from up here.
func (s *session) Followed(end bool) {
	if !s.owed.Load() || end && s.conn.lost.Load() {
		return
	}
	s.mu.Lock()
	ids := s.answered
	s.answered = nil
	s.owed.Store(false)
	s.mu.Unlock()
	s.srv.opt.Intake.Confirm(ids...)
	s.conn.owe(-len(ids))
}
