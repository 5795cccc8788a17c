package sftp

import (
	"bufio"
	"errors"
	"testing"

	"sealgate/internal/transfer/remote"
)

// panics is what a server sends over which something panics.
type panics struct{}

func (panics) Read([]byte) (int, error) { panic("test") }

// A panic where answers are read ends the connection, and lets nobody wait: it is a
// goroutine of the library, and would end the gateway.
func TestAPanicOverAnAnswer(t *testing.T) {
	waiting := &request{done: make(chan struct{})}
	l := &line{in: bufio.NewReader(panics{}), asked: map[uint32]*request{ownRequests + 1: waiting}}
	if n, err := l.Read(make([]byte, 10)); n != 0 || err == nil {
		t.Errorf("%d bytes, %v", n, err)
	}
	<-waiting.done
	if !errors.Is(waiting.err, remote.ErrCut) {
		t.Errorf("who waits is told %v", waiting.err)
	}
}
