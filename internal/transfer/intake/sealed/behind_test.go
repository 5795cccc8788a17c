package sealed

import (
	"bytes"
	"crypto/sha256"
	"io"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

// noTurns takes all turns, as others do who open slots, until they are given back.
func noTurns() (back func()) {
	for range cap(turns) {
		turns <- struct{}{}
	}
	return func() {
		for range cap(turns) {
			<-turns
		}
	}
}

// large is a sealed object of which more is to be opened than may be left.
func large(t *testing.T) (c *check, object io.ReaderAt, length int64, sum [32]byte) {
	t.Helper()
	content := make([]byte, maxBehind+(1<<20))
	h := seal.Header{Binding: seal.Binding{File: [16]byte{1}}}
	x, y := seal.NewShares()
	key := seal.DeriveFileKey(x, y, h.File)
	var b bytes.Buffer
	if _, err := seal.Seal(&b, bytes.NewReader(content), h, key, "pay.xml", time.Now()); err != nil {
		t.Fatal(err)
	}
	body, err := seal.NewBody(key, h.File)
	if err != nil {
		t.Fatal(err)
	}
	return newCheck(body, len(h.Marshal(key)), int64(len(content))), bytes.NewReader(b.Bytes()), int64(b.Len()), sha256.Sum256(content)
}

// A part is not answered while much of what came is not opened yet.
func TestPartsWaitForWhatIsNotOpened(t *testing.T) {
	c, object, length, _ := large(t)
	back := noTurns()
	c.beside(object, length)
	waited := make(chan struct{})
	go func() { defer close(waited); c.wait(length) }()
	select {
	case <-waited:
		t.Error("nobody waited")
	default:
	}
	back()
	<-waited
	if left := length - c.opened.Load(); left > maxBehind {
		t.Errorf("%d bytes are left", left)
	}
}

// The end of a file waits for no turn of others.
func TestACommitWaitsForNoTurn(t *testing.T) {
	c, object, length, sum := large(t)
	defer noTurns()()
	c.beside(object, length)
	if err := c.all(object, sum[:]); err != nil {
		t.Error(err)
	}
}

// An agent that seals wrongly has the latest of its refusals remembered, and takes away
// no other agent's.
func TestRefusalsAreRememberedForEachAgent(t *testing.T) {
	now := time.Now()
	taker := New(Parts{Now: func() time.Time { now = now.Add(time.Millisecond); return now }})
	a, b := uuid.New(), uuid.New()
	refuse := func(agent uuid.UUID) uuid.UUID {
		file := uuid.New()
		taker.refuse(&arrival{agent: Agent{ID: agent}, file: &catalog.File{ID: file}})
		return file
	}
	first := refuse(a)
	for range 5000 {
		refuse(a)
	}
	last, other := refuse(a), refuse(b)
	if taker.refused(a, first) || !taker.refused(a, last) || !taker.refused(b, other) || taker.refused(a, other) {
		t.Error("another is remembered")
	}
	if n := len(taker.wrong[a]); n != maxBegun {
		t.Errorf("%d are remembered", n)
	}
	now = now.Add(idleFor)
	if err := taker.Idle(t.Context()); err != nil || len(taker.wrong) != 0 {
		t.Errorf("%d agents are remembered, %v", len(taker.wrong), err)
	}
}
