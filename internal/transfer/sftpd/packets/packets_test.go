package packets

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkg/sftp"

	"sealgate/internal/fault"
)

// spy records what the filter tells its session.
type spy struct {
	mu     sync.Mutex
	said   []string
	first  map[string]uint64
	onSync func(path string) error
}

func (s *spy) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.said = append(s.said, what)
}

func (s *spy) log() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.said)
}

func (s *spy) Sync(path string) error {
	s.note("sync " + path)
	if s.onSync != nil {
		return s.onSync(path)
	}
	return nil
}

func (s *spy) FirstWrite(path string, offset uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.first == nil {
		s.first = make(map[string]uint64)
	}
	s.first[path] = offset
}

func (s *spy) Closed(path string) { s.note("closed " + path) }

func (s *spy) Followed(end bool) {
	if end {
		s.note("ended")
		return
	}
	s.note("followed")
}

// serveFiltered runs pkg/sftp's in-memory server behind a filter and returns
// the client's end.
func serveFiltered(t *testing.T, s *spy, h sftp.Handlers) net.Conn {
	t.Helper()
	client, server := net.Pipe()
	f := New(server, s)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = f.Run(func(bool) error {
			return sftp.NewRequestServer(f, h, sftp.WithRSAllocator(), sftp.WithRSMaxTxPacket(MaxData)).Serve()
		})
		_ = f.Close()
	}()
	t.Cleanup(func() {
		client.Close()
		<-done
	})
	return client
}

func TestClientSeesTheExtensionsAndItsBytes(t *testing.T) {
	s := &spy{}
	conn := serveFiltered(t, s, sftp.InMemHandler())
	c, err := sftp.NewClientPipe(conn, conn, sftp.UseConcurrentWrites(true), sftp.MaxPacketUnchecked(MaxData))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []string{extFsync, extLimits} {
		if v, ok := c.HasExtension(e); !ok || v != "1" {
			t.Errorf("%s: %q %v", e, v, ok)
		}
	}
	want := make([]byte, 3<<20+17)
	chacha := rand.NewChaCha8([32]byte{1})
	_, _ = chacha.Read(want)
	w, err := c.Create("/a")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.ReadFrom(bytes.NewReader(want)); err != nil {
		t.Fatal(err)
	}
	if err := w.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := c.Open("/a")
	if err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes back, equal %v, err %v", len(got), bytes.Equal(got, want), err)
	}
	if said := s.log(); !slices.Contains(said, "sync /a") || !slices.Contains(said, "closed /a") {
		t.Errorf("events %q", said[max(0, len(said)-5):])
	}
	if off, ok := s.first["/a"]; !ok || off != 0 {
		t.Errorf("first write at %d %v", off, ok)
	}
}

// wire speaks raw packets.
type wire struct {
	t *testing.T
	c net.Conn
}

func (w wire) send(typ byte, id uint32, rest []byte) {
	w.t.Helper()
	b := []byte{0, 0, 0, 0, typ}
	b = binary.BigEndian.AppendUint32(b, id)
	if _, err := w.c.Write(seal(append(b, rest...))); err != nil {
		w.t.Fatal(err)
	}
}

func (w wire) receive() (typ byte, id uint32, rest []byte) {
	w.t.Helper()
	var h [4]byte
	if _, err := io.ReadFull(w.c, h[:]); err != nil {
		w.t.Fatal(err)
	}
	p := make([]byte, binary.BigEndian.Uint32(h[:]))
	if _, err := io.ReadFull(w.c, p); err != nil {
		w.t.Fatal(err)
	}
	return p[0], binary.BigEndian.Uint32(p[1:]), p[5:]
}

func open(path string, flags uint32) []byte {
	b := appendString(nil, path)
	b = binary.BigEndian.AppendUint32(b, flags)
	return binary.BigEndian.AppendUint32(b, 0)
}

func write(handle string, offset uint64, data []byte) []byte {
	b := binary.BigEndian.AppendUint64(appendString(nil, handle), offset)
	return appendString(b, string(data))
}

// slowPut is a FilePut whose writes wait.
type slowPut struct {
	entered chan struct{}
	release chan struct{}
}

func (s *slowPut) Filewrite(*sftp.Request) (io.WriterAt, error) { return s, nil }
func (s *slowPut) WriteAt(p []byte, _ int64) (int, error) {
	s.entered <- struct{}{}
	<-s.release
	return len(p), nil
}

func TestFsyncIsABarrier(t *testing.T) {
	slow := &slowPut{entered: make(chan struct{}, 8), release: make(chan struct{})}
	mem := sftp.InMemHandler()
	var mu sync.Mutex
	var order []string
	s := &spy{onSync: func(string) error {
		mu.Lock()
		defer mu.Unlock()
		order = append(order, "sync")
		return nil
	}}
	w := wire{t, serveFiltered(t, s, sftp.Handlers{FileGet: mem.FileGet, FilePut: slow, FileCmd: mem.FileCmd, FileList: mem.FileList})}
	w.send(fxpInit, 3, nil)
	w.receive()
	w.send(fxpOpen, 1, open("/x", 2|8|16))
	_, _, rest := w.receive()
	handle, _, _ := cutString(rest)
	for id := range uint32(3) {
		w.send(fxpWrite, 10+id, write(handle, uint64(id)*4, []byte("data")))
	}
	w.send(fxpExtended, 20, appendString(appendString(nil, extFsync), handle))
	for range 3 {
		<-slow.entered
	}
	mu.Lock()
	if len(order) != 0 {
		t.Error("synced while WRITEs had no answer")
	}
	mu.Unlock()
	go func() {
		for range 3 {
			mu.Lock()
			order = append(order, "written")
			mu.Unlock()
			slow.release <- struct{}{}
		}
	}()
	for _, want := range []uint32{10, 11, 12, 20} {
		typ, id, rest := w.receive()
		if typ != fxpStatus || id != want || binary.BigEndian.Uint32(rest) != statusOK {
			t.Fatalf("answer type %d id %d, want OK to %d", typ, id, want)
		}
	}
	if want := []string{"written", "written", "written", "sync"}; !slices.Equal(order, want) {
		t.Errorf("order %q", order)
	}
}

func TestFsyncFailureIsToldInOurWords(t *testing.T) {
	s := &spy{onSync: func(string) error { return fault.Wrap(fault.Full, "vault: sync", errors.New("/secret/path")) }}
	w := wire{t, serveFiltered(t, s, sftp.InMemHandler())}
	w.send(fxpInit, 3, nil)
	w.receive()
	w.send(fxpOpen, 1, open("/x", 2|8|16))
	_, _, rest := w.receive()
	handle, _, _ := cutString(rest)
	for _, h := range []string{handle, "99"} {
		w.send(fxpExtended, 2, appendString(appendString(nil, extFsync), h))
		_, _, rest = w.receive()
		if code := binary.BigEndian.Uint32(rest); code != statusFailure || bytes.Contains(rest, []byte("secret")) {
			t.Errorf("handle %s: code %d text %q", h, code, rest[4:])
		}
	}
}

func TestLimitsAnswer(t *testing.T) {
	w := wire{t, serveFiltered(t, &spy{}, sftp.InMemHandler())}
	w.send(fxpInit, 3, nil)
	w.receive()
	w.send(fxpExtended, 7, appendString(nil, extLimits))
	typ, id, rest := w.receive()
	if typ != fxpExtendedReply || id != 7 || len(rest) != 32 {
		t.Fatalf("type %d id %d, %d bytes", typ, id, len(rest))
	}
	if got := binary.BigEndian.Uint64(rest[16:]); got != 261120 {
		t.Errorf("max write %d", got)
	}
}

func TestWhatFollowsTheAnswerToClose(t *testing.T) {
	s := &spy{}
	w := wire{t, serveFiltered(t, s, sftp.InMemHandler())}
	w.send(fxpInit, 3, nil)
	w.receive()
	w.send(fxpOpen, 1, open("/x", 2|8|16))
	_, _, rest := w.receive()
	handle, _, _ := cutString(rest)
	w.send(fxpClose, 2, appendString(nil, handle))
	w.receive()
	w.send(fxpClose, 3, appendString(nil, handle)) // closed already: an error, which reports nothing
	w.receive()
	want := []string{"followed", "followed", "followed", "closed /x", "followed"}
	if got := s.log(); !slices.Equal(got, want) {
		t.Errorf("events %q, want %q", got, want)
	}
}

func TestBadPacketsEndTheSession(t *testing.T) {
	for name, raw := range map[string][]byte{
		"too long":            {0xff, 0xff, 0xff, 0xff, fxpOpen, 0, 0, 0, 1},
		"just too long":       binary.BigEndian.AppendUint32(nil, maxPacket+1),
		"no id":               {0, 0, 0, 1, fxpOpen},
		"first is no init":    {0, 0, 0, 5, fxpClose, 0, 0, 0, 1},
		"second init":         {0, 0, 0, 5, fxpInit, 0, 0, 0, 3},
		"write without room":  seal(append([]byte{0, 0, 0, 0, fxpWrite, 0, 0, 0, 1}, appendString(nil, "1")...)),
		"write, long handle":  seal(append([]byte{0, 0, 0, 0, fxpWrite, 0, 0, 0, 1}, write(string(make([]byte, 300)), 0, nil)...)),
		"open, path past end": {0, 0, 0, 9, fxpOpen, 0, 0, 0, 1, 0, 0, 0, 200},
		"close, no handle":    {0, 0, 0, 5, fxpClose, 0, 0, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			conn := serveFiltered(t, &spy{}, sftp.InMemHandler())
			if !strings.HasPrefix(name, "first") {
				w := wire{t, conn}
				w.send(fxpInit, 3, nil)
				w.receive()
			}
			go func() { _, _ = conn.Write(append(slices.Clone(raw), make([]byte, 16)...)) }()
			if b, err := io.ReadAll(conn); len(b) != 0 {
				t.Errorf("answered %x, %v", b, err)
			}
		})
	}
}

// A session whose request server went home works as before, again and again.
func TestDozing(t *testing.T) {
	client, server := net.Pipe()
	f := New(server, &spy{})
	f.doze = time.Millisecond
	runs := 0
	done := make(chan error, 1)
	h := sftp.InMemHandler()
	go func() {
		done <- f.Run(func(transfers bool) error {
			runs++
			if transfers {
				return sftp.NewRequestServer(f, h, sftp.WithRSAllocator()).Serve()
			}
			return sftp.NewRequestServer(f, h).Serve()
		})
	}()
	c, err := sftp.NewClientPipe(client, client)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 200 {
		w, err := c.Create("/a")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
		if i%20 == 0 { // with a handle open it stays awake
			<-time.After(5 * time.Millisecond)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if r.IntN(4) == 0 {
			<-time.After(time.Duration(r.IntN(2000)) * time.Microsecond)
		}
		if i, err := c.Stat("/a"); err != nil || i.Size() != 1 {
			t.Fatal(i, err)
		}
		if infos, err := c.ReadDir("/"); err != nil || len(infos) != 1 {
			t.Fatal(infos, err)
		}
	}
	client.Close()
	if err := <-done; err == nil {
		t.Error("run ended without a reason")
	}
	if runs < 2 {
		t.Errorf("%d request servers: the session never dozed", runs)
	}
}

// sink is a channel that keeps what was written to it.
type sink struct{ bytes.Buffer }

func (*sink) Close() error { return nil }

func TestAnswersInPiecesComeOutWhole(t *testing.T) {
	data := append([]byte{0, 0, 0, 0, 103, 0, 0, 0, 9, 0, 1, 0x11, 0x70}, make([]byte, 70000)...)
	seal(data)
	in := slices.Concat(status(1, 0, ""), data, status(2, 4, "no"), limits(3))
	r := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		out := &sink{}
		f := New(out, &spy{})
		for range 4 {
			f.waiting = append(f.waiting, request{typ: fxpRead})
		}
		for rest := in; len(rest) > 0; {
			n := min(1+r.IntN(40000), len(rest))
			if _, err := f.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if !bytes.Equal(out.Bytes(), in) {
			t.Fatal("the answers were changed")
		}
		if len(f.waiting) != 0 {
			t.Fatalf("%d requests still wait", len(f.waiting))
		}
	}
}

// stranger is a channel that delivers fixed bytes and keeps the answers.
// pkg/sftp may send its last answer after Serve has returned.
type stranger struct {
	io.Reader
	mu  sync.Mutex
	out []byte
}

func (s *stranger) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.out = append(s.out, p...)
	return len(p), nil
}

func (*stranger) Close() error { return nil }

// discard takes writes at any offset; pkg/sftp's in-memory files would grow.
type discard struct{}

func (discard) Filewrite(*sftp.Request) (io.WriterAt, error) { return discard{}, nil }
func (discard) WriteAt(p []byte, _ int64) (int, error)       { return len(p), nil }

func FuzzFilter(f *testing.F) {
	f.Add(slices.Concat(
		[]byte{0, 0, 0, 5, fxpInit, 0, 0, 0, 3},
		seal(append([]byte{0, 0, 0, 0, fxpOpen, 0, 0, 0, 1}, open("/a", 26)...)),
		seal(append([]byte{0, 0, 0, 0, fxpWrite, 0, 0, 0, 2}, write("1", 0, []byte("x"))...)),
		seal(append([]byte{0, 0, 0, 0, fxpExtended, 0, 0, 0, 3}, appendString(appendString(nil, extFsync), "1")...)),
		seal(append([]byte{0, 0, 0, 0, fxpExtended, 0, 0, 0, 4}, appendString(nil, extLimits)...)),
		seal(append([]byte{0, 0, 0, 0, fxpClose, 0, 0, 0, 5}, appendString(nil, "1")...)),
	))
	f.Fuzz(func(t *testing.T, raw []byte) {
		h := sftp.InMemHandler()
		h.FilePut = discard{}
		ch := &stranger{Reader: bytes.NewReader(raw)}
		filter := New(ch, &spy{})
		err := filter.Run(func(bool) error {
			return sftp.NewRequestServer(filter, h, sftp.WithRSAllocator()).Serve()
		})
		if err == nil {
			t.Fatal("a session ended without a reason")
		}
		ch.mu.Lock()
		defer ch.mu.Unlock()
		for b := ch.out; len(b) >= 5; {
			n := 4 + int64(binary.BigEndian.Uint32(b))
			if typ := b[4]; n > maxPacket || typ != fxpVersion && (typ < fxpStatus || typ > 105) && typ != fxpExtendedReply {
				t.Fatalf("the client would see a packet of type %d and %d bytes", typ, n)
			}
			b = b[min(n, int64(len(b))):]
		}
	})
}
