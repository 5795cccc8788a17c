package pace_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/pace"
)

// slow is a server that takes its time for each answer and each read.
type slow struct {
	remote.Session
	now     time.Time
	takes   time.Duration // each
	content io.Reader
	names   int
}

func (s *slow) wait() { s.now = s.now.Add(s.takes) }

func (s *slow) Stat(context.Context, string) (remote.Entry, error) {
	s.wait()
	return remote.Entry{}, nil
}

func (s *slow) List(context.Context, string) ([]remote.Entry, error) {
	s.wait()
	return make([]remote.Entry, s.names), nil
}

func (s *slow) Open(context.Context, string, int64) (*remote.File, error) {
	s.wait()
	return &remote.File{ReadCloser: io.NopCloser(s)}, nil
}

func (s *slow) Create(_ context.Context, _ string, content io.Reader) (remote.Proof, error) {
	n, err := io.Copy(io.Discard, content)
	s.now = s.now.Add(time.Duration(n>>15) * s.takes)
	return remote.Proof{Size: n}, err
}

func (s *slow) Read(b []byte) (int, error) {
	s.wait()
	return s.content.Read(b)
}

const size = 4 << 20

func content() io.Reader { return bytes.NewReader(make([]byte, size)) }

func watched(s *slow) remote.Session {
	s.now = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	return pace.Watch(s, func() time.Time { return s.now })
}

func read(s *slow) (int64, error) {
	f, err := watched(s).Open(context.Background(), "a", 0)
	if err != nil {
		return 0, err
	}
	return io.Copy(io.Discard, f)
}

// A byte every 29 seconds is not silence, and would hold a place for hours.
func TestAServerThatSendsAByteAtATime(t *testing.T) {
	s := &slow{takes: 29 * time.Second, content: iotest.OneByteReader(content())}
	n, err := read(s)
	if !errors.Is(err, remote.ErrSilent) || !fault.Is(err, fault.TryLater) || n > 12 {
		t.Errorf("%d bytes, %v", n, err)
	}
}

func TestAServerThatIsSlowButMoves(t *testing.T) {
	s := &slow{takes: 5 * time.Second, content: content()} // io.Copy asks for 8 KiB
	if n, err := read(s); err != nil || n != size {
		t.Errorf("%d bytes, %v", n, err)
	}
	s = &slow{takes: 20 * time.Second} // for each 32 KiB
	w := watched(s)
	for range 10 {
		if _, err := w.Create(t.Context(), "a", content()); err != nil {
			t.Fatal(err)
		}
	}
}

// The same with questions: a server that thinks is waited for, one that plays dead is not.
func TestAServerThatAnswersLate(t *testing.T) {
	for takes, want := range map[time.Duration]bool{14 * time.Second: true, 29 * time.Second: false} {
		w := watched(&slow{takes: takes})
		var err error
		for i := 0; i < 100 && err == nil; i++ {
			_, err = w.Stat(t.Context(), "a")
		}
		if (err == nil) != want {
			t.Errorf("an answer each %v: %v", takes, err)
		}
	}
	for names, want := range map[int]bool{10: false, 10_000: true} {
		w := watched(&slow{takes: 4 * time.Minute, names: names})
		var err error
		for i := 0; i < 10 && err == nil; i++ {
			_, err = w.List(t.Context(), "a")
		}
		if (err == nil) != want {
			t.Errorf("folders of %d names, four minutes each: %v", names, err)
		}
	}
}
