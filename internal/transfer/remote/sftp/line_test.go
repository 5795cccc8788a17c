package sftp

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"testing"

	"sealgate/internal/transfer/remote"
)

// sink is a channel that takes everything.
type sink struct{ io.Writer }

func (sink) Close() error { return nil }

func answer(kind byte, id uint32, body ...byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(5+len(body)))
	return append(binary.BigEndian.AppendUint32(append(b, kind), id), body...)
}

func data(text string) []byte {
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(text))), text...)
}

// What the library asked is passed on as it came, what was asked here is not.
func TestAnswersAreToldApart(t *testing.T) {
	const ours = ownRequests + 1
	theirs := append(answer(kindHandle, 7, data("h")...), answer(kindData, 8, data("theirs")...)...)
	version := binary.BigEndian.AppendUint32(nil, 5)
	version = append(version, 2, 0x80, 0, 0, 1) // whose number is no request's
	for name, c := range map[string]struct {
		sent   []byte
		passed []byte
		data   string
		wrong  bool
	}{
		"data":             {append(answer(kindData, ours, data("ours")...), theirs...), theirs, "ours", false},
		"behind others":    {append(bytes.Clone(theirs), answer(kindData, ours, data("ours")...)...), theirs, "ours", false},
		"words behind":     {append(answer(kindData, ours, append(data("ours"), 1)...), theirs...), theirs, "ours", false},
		"a version":        {append(bytes.Clone(version), answer(kindData, ours, data("ours")...)...), version, "ours", false},
		"more than asked":  {answer(kindData, ours, data("more than there is room for")...), nil, "", true},
		"a length too big": {answer(kindData, ours, 0, 0, 0, 9, 'x'), nil, "", true},
		"no length":        {answer(kindData, ours, 0), nil, "", true},
		"too long":         {append([]byte{0, 8, 0, 0, kindData}, answer(kindData, ours)[5:]...), nil, "", true},
		"of nobody":        {answer(kindData, ours+1, data("x")...), nil, "", true},
		"cut":              {answer(kindData, ours, data("ours")...)[:15], nil, "", true},
		"short":            {[]byte{0, 0, 0, 1, kindData}, []byte{0, 0, 0, 1, kindData}, "", true},
	} {
		l := &line{in: bufio.NewReader(bytes.NewReader(c.sent)), out: sink{io.Discard}, newest: ownRequests, asked: map[uint32]*request{}}
		r := l.ask(kindRead, make([]byte, 10), "h", uint64(0), uint32(10))
		passed, _ := io.ReadAll(l)
		_ = l.Close()
		_, err := r.wait(kindData)
		switch {
		case !bytes.Equal(passed, c.passed):
			t.Errorf("%s: %x was passed on, want %x", name, passed, c.passed)
		case (err != nil) != c.wrong || err == nil && string(r.data) != c.data:
			t.Errorf("%s: %q, %v", name, r.data, err)
		case err != nil && !errors.Is(err, remote.ErrCut) && r.err == nil:
			t.Errorf("%s: %v", name, err)
		}
		if r := l.ask(kindRead, nil); r.err == nil {
			t.Errorf("%s: asked after the end", name)
		}
	}
}

// Whatever a server sends, nothing breaks, and nobody waits for ever.
func FuzzAnswers(f *testing.F) {
	f.Add(answer(kindData, ownRequests+1, data("x")...))
	f.Add(append(answer(kindStatus, ownRequests+2, 0, 0, 0, 4, 0, 0, 0, 0), answer(kindReply, ownRequests+1, data("check-file")...)...))
	f.Add(answer(kindHandle, ownRequests+2, 0, 0, 0, 200, 1))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, kindData, 0x80, 0, 0, 1})
	f.Fuzz(func(_ *testing.T, sent []byte) {
		l := &line{in: bufio.NewReader(bytes.NewReader(sent)), out: sink{io.Discard}, newest: ownRequests, asked: map[uint32]*request{}}
		read, other := l.ask(kindRead, make([]byte, 4)), l.ask(kindExtended, nil)
		_, _ = io.Copy(io.Discard, l)
		_, _ = read.wait(kindData)
		body, _ := other.wait(kindReply)
		_, _ = parseCheck(body)
		_, _, _ = text(body)
	})
}

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
