package remote

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"sealgate/internal/fault"
)

func TestPaths(t *testing.T) {
	for path, want := range map[string]bool{
		"/a/b": true, "a": true, "/": true, ".": true, "/Löner/åäö.xml": true, "a..b": true, "...": true, "latin\xe5": true,
		"": false, "..": false, "a/..": false, "../a": false, "a\nb": false, "a\rb": false, "a\x00b": false, "a\x7fb": false, strings.Repeat("x", 5000): false,
	} {
		if err := CheckPath(path); (err == nil) != want || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%.20q: %v", path, err)
		}
	}
}

func TestSame(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 30, 30, 0, time.UTC)
	exact := Entry{Size: 5, ModTime: at, Precision: time.Second}
	for name, c := range map[string]struct {
		with Entry
		want bool
	}{
		"itself":            {exact, true},
		"another size":      {Entry{Size: 6, ModTime: at, Precision: time.Second}, false},
		"another second":    {Entry{Size: 5, ModTime: at.Add(time.Second), Precision: time.Second}, false},
		"to the minute":     {Entry{Size: 5, ModTime: at.Truncate(time.Minute), Precision: time.Minute}, true},
		"another minute":    {Entry{Size: 5, ModTime: at.Add(time.Minute).Truncate(time.Minute), Precision: time.Minute}, false},
		"to the day":        {Entry{Size: 5, ModTime: at.Truncate(24 * time.Hour), Precision: 24 * time.Hour}, true},
		"another day":       {Entry{Size: 5, ModTime: at.AddDate(0, 0, -1).Truncate(24 * time.Hour), Precision: 24 * time.Hour}, false},
		"no time":           {Entry{Size: 5}, true},
		"no size":           {Entry{Size: -1, ModTime: at, Precision: time.Second}, true},
		"no size, not then": {Entry{Size: -1, ModTime: at.Add(time.Hour), Precision: time.Second}, false},
	} {
		if exact.Same(c.with) != c.want || c.with.Same(exact) != c.want {
			t.Errorf("%s: %v", name, !c.want)
		}
	}
}

func TestBroken(t *testing.T) {
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	silent, cancelSilent := context.WithCancelCause(context.Background())
	cancelSilent(ErrSilent)
	for name, c := range map[string]struct {
		ctx  context.Context
		err  error
		want error // nil = no error of the connection
	}{
		"end":      {context.Background(), io.EOF, ErrCut},
		"closed":   {context.Background(), fmt.Errorf("read: %w", net.ErrClosed), ErrCut},
		"timeout":  {context.Background(), &net.OpError{Op: "read", Err: context.DeadlineExceeded}, ErrSilent},
		"given up": {ended, errors.New("anything"), context.Canceled},
		"silent":   {silent, io.EOF, ErrSilent},
		"other":    {context.Background(), errors.New("550 no"), nil},
	} {
		err := Broken(c.ctx, "test", c.err)
		if c.want == nil && err != nil || c.want != nil && (!errors.Is(err, c.want) || !fault.Is(err, fault.TryLater)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWithinCutsWhatDoesNotAnswer(t *testing.T) {
	ours, theirs := net.Pipe()
	defer func() { _ = theirs.Close() }()
	err := Within(t.Context(), 10*time.Millisecond, func() { _ = ours.Close() }, func() error {
		_, err := ours.Read(make([]byte, 1))
		return err
	})
	if !errors.Is(err, ErrSilent) || !fault.Is(err, fault.TryLater) {
		t.Error(err)
	}
}

func TestWireThatBringsTooMuch(t *testing.T) {
	ours, theirs := net.Pipe()
	go func() {
		for {
			if _, err := theirs.Write(make([]byte, 100)); err != nil {
				return
			}
		}
	}()
	w := NewWire(ours)
	if over, err := w.Bounded(150, func() error { _, err := io.ReadFull(w, make([]byte, 150)); return err }); over || err != nil {
		t.Errorf("within its bound: %v, %v", over, err)
	}
	var n int64
	over, err := w.Bounded(1000, func() (err error) { n, err = io.Copy(io.Discard, w); return err })
	if !over || err == nil || n > 1000 {
		t.Errorf("%d bytes came, over: %v, %v", n, over, err)
	}
}

// Whatever a name or the words of a server hold: what leaves here is harmless.
func FuzzListing(f *testing.F) {
	for _, name := range []string{"a", "..", "../x", `..\x`, "a\nb", "", "\xff", strings.Repeat("n", 3000), "\u202e"} {
		f.Add(name, int64(-5))
	}
	f.Fuzz(func(t *testing.T, name string, size int64) {
		var l Listing
		if err := l.Add(Entry{Name: name, Size: size}); err != nil {
			t.Fatal(err)
		}
		for _, e := range l.Entries() {
			if e.Size < -1 || strings.ContainsAny(e.Name, "\r\n\x00") || len(e.Name) > 1200 {
				t.Errorf("%q became %+v", name, e)
			}
			if e.Kind != Unusable && (e.Name != name || strings.ContainsAny(e.Name, `/\`) || CheckPath("/in/"+e.Name) != nil) {
				t.Errorf("%q can be opened", name)
			}
		}
		if q := Quote(name); strings.ContainsAny(q, "\r\n\x00\x1b\u202e") || len(q) > 1000 {
			t.Errorf("%q is repeated as %q", name, q)
		}
	})
}

func TestACertificateOfNobodyKnownIsSaidPlainly(t *testing.T) {
	err := &IdentityError{What: "certificate", Seen: []string{"ab12"}, Err: fmt.Errorf("tls: %w", x509.UnknownAuthorityError{})}
	if words := fault.Message(err.Fault()); !strings.Contains(words, "ab12 is not trusted (it is signed by nobody") || strings.Contains(words, "x509") {
		t.Error(words)
	}
}

// Where a server may tell its local time, an hour is what its clock is put forward or
// back.
func TestShifted(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 5, 0, time.UTC)
	file := Entry{Size: 7, ModTime: at, Precision: time.Second, Local: true}
	for name, c := range map[string]struct {
		change func(*Entry)
		want   bool
	}{
		"forward":        {func(e *Entry) { e.ModTime = at.Add(time.Hour) }, true},
		"back":           {func(e *Entry) { e.ModTime = at.Add(-time.Hour) }, true},
		"to the minute":  {func(e *Entry) { e.ModTime, e.Precision = at.Add(time.Hour).Truncate(time.Minute), time.Minute }, true},
		"to the day":     {func(e *Entry) { e.ModTime, e.Precision = at.Truncate(24*time.Hour), 24*time.Hour }, false},
		"the same":       {func(*Entry) {}, false},
		"a second more":  {func(e *Entry) { e.ModTime = at.Add(time.Hour + time.Second) }, false},
		"two hours":      {func(e *Entry) { e.ModTime = at.Add(2 * time.Hour) }, false},
		"another size":   {func(e *Entry) { e.ModTime, e.Size = at.Add(time.Hour), 8 }, false},
		"in UTC":         {func(e *Entry) { e.ModTime, e.Local = at.Add(time.Hour), false }, false},
		"without a time": {func(e *Entry) { e.ModTime = time.Time{} }, false},
	} {
		now := file
		c.change(&now)
		if got := file.Shifted(now); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
