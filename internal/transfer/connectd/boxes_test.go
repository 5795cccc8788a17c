package connectd_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/connect"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
)

// fetch reads a sealed object piece by piece.
func (c *client) fetch(path string, size int64) []byte {
	c.t.Helper()
	var object []byte
	for int64(len(object)) < size {
		_, _, piece, err := c.raw(http.MethodGet, path+"?offset="+strconv.Itoa(len(object)), nil)
		c.check(err)
		if len(piece) == 0 {
			c.t.Fatal("an empty piece")
		}
		object = append(object, piece...)
	}
	return object
}

func (c *client) open(object []byte, key func(seal.Header) (*seal.FileKey, error)) []byte {
	c.t.Helper()
	r, err := seal.OpenReaderAt(bytes.NewReader(object), int64(len(object)), key)
	c.check(err)
	var out bytes.Buffer
	c.check(r.VerifyTo(context.Background(), &out))
	return out.Bytes()
}

func TestTheOutboxComesDown(t *testing.T) {
	h := openHouse(t)
	c := h.agent("acme", "office")
	content := noise(7, 5<<20)
	f, err := h.outbox.Send(t.Context(), h.acme.ID, "camt.053.xml", bytes.NewReader(content), "operator:test", "operator")
	c.check(err)
	var pulse connect.Pulse
	c.check(c.call(connect.PathHeartbeat, connect.Heartbeat{}, nil, &pulse))
	if pulse.Outbox != 1 {
		t.Errorf("%+v", pulse)
	}
	var list connect.List
	c.check(c.call(connect.PathOutbox, connect.Page{}, nil, &list))
	sum := sha256.Sum256(content)
	if len(list.Files) != 1 || list.After != nil {
		t.Fatalf("%+v", list)
	}
	x := list.Files[0]
	if x.File != f.ID || x.Name != "camt.053.xml" || x.Size != int64(len(content)) || !bytes.Equal(x.SHA256, sum[:]) || x.Opens != connect.OpensGateway {
		t.Fatalf("%+v", x)
	}
	object := c.fetch(connect.PathOutboxBody(x.File), x.ObjectSize)
	if _, _, _, err := c.raw(http.MethodGet, connect.PathOutboxBody(x.File)+"?offset="+strconv.Itoa(len(object)+1), nil); connectReason(err) != connect.WrongOffset {
		t.Error("behind the end:", err)
	}
	for _, query := range []string{"", "?offset=-1", "?offset=01", "?offset=1&x", "?offset=x"} {
		if _, _, _, err := c.raw(http.MethodGet, connect.PathOutboxBody(x.File)+query, nil); query != "?offset=1&x" && connectReason(err) != connect.Invalid {
			t.Errorf("%q: %v", query, err)
		}
	}
	var o connect.Opening
	c.check(c.call(connect.PathOutboxOpen(x.File), connect.Nothing{}, nil, &o))
	got := c.open(object, func(seal.Header) (*seal.FileKey, error) { return seal.FileKeyFromBytes(o.FileKey) })
	if !bytes.Equal(got, content) {
		t.Fatal("other bytes")
	}
	if h.audited("key.given") != 1 {
		t.Error("nobody can see that the key was given")
	}
	c.refused(c.call(connect.PathOutboxAck(x.File), connect.Ack{SHA256: make([]byte, 32)}, nil, &connect.Nothing{}), connect.Damaged)
	if h.File(x.File).State != catalog.Waiting {
		t.Fatal("taken off the list by who has other bytes")
	}
	for range 2 { // our answer was not heard
		c.check(c.call(connect.PathOutboxAck(x.File), connect.Ack{SHA256: x.SHA256}, nil, &connect.Nothing{}))
	}
	if h.File(x.File).State != catalog.Delivered || h.audited("file.delivered") != 1 {
		t.Error("not delivered once")
	}
	c.refused(c.call(connect.PathOutboxOpen(x.File), connect.Nothing{}, nil, &o), connect.NotFound)
	c.check(c.call(connect.PathOutbox, connect.Page{}, nil, &list))
	if len(list.Files) != 0 {
		t.Error("it still waits")
	}

	// Who has fetched it sealed asks for our half later, and shows which file he has.
	share := func(header []byte) error {
		return c.call(connect.PathKeptShare(x.File), connect.Share{Header: header}, nil, &o)
	}
	_, header, err := seal.ReadHeader(bytes.NewReader(object))
	c.check(err)
	other := c.seal("other.xml", []byte("other")).begin.Header
	c.refused(share(nil), connect.NotFound)
	c.refused(share(other), connect.Damaged)
	c.refused(share(header[:20]), connect.Damaged)
	before := h.audited("share.given")
	c.check(share(header))
	if len(o.ShareA) == 0 || h.audited("share.given") != before+1 {
		t.Errorf("%+v", o)
	}
}

// TestKeptFilesAreOpenedTogether: the gateway gives its half, puts that on record, and
// has no other.
func TestKeptFilesAreOpenedTogether(t *testing.T) {
	h := openHouse(t)
	c := h.agent("acme", "office")
	content := []byte(strings.Repeat("kept ", 1000))
	f := h.keep(c, "lb.txt", content)
	var list connect.List
	c.check(c.call(connect.PathKept, connect.Page{}, nil, &list))
	if len(list.Files) != 1 || list.Files[0].File != f.ID || list.Files[0].Name != "lb.txt" {
		t.Fatalf("%+v", list)
	}
	object := c.fetch(connect.PathKeptBody(f.ID), list.Files[0].ObjectSize)
	var o connect.Opening
	c.check(c.call(connect.PathKeptShare(f.ID), connect.Nothing{}, nil, &o))
	if o.FileKey != nil || h.audited("share.given") != 1 || h.audited("sealed.read") != 1 {
		t.Errorf("%d and %d entries", h.audited("share.given"), h.audited("sealed.read"))
	}
	keys, err := h.Store.Account(h.acme.ID)
	c.check(err)
	access := keys.AccessKeys()[0].Private
	got := c.open(object, func(header seal.Header) (*seal.FileKey, error) {
		w, err := header.Find(seal.KindAccessKey, seal.AccessKeyFingerprint(access.PublicKey()))
		if err != nil {
			return nil, err
		}
		shareB, err := seal.UnwrapByAccessKey(w, access, header.Binding)
		return seal.DeriveFileKey(seal.Share(o.ShareA), shareB, header.File), err
	})
	if !bytes.Equal(got, content) {
		t.Error("other bytes")
	}
}

// TestNothingIsReadInSilence: not by who leaves out the beginning either.
func TestNothingIsReadInSilence(t *testing.T) {
	h := openHouse(t)
	c, other := h.agent("acme", "office"), h.agent("acme", "second")
	f := h.keep(c, "lb.txt", []byte(strings.Repeat("kept ", 1000)))
	for i, x := range []struct {
		who    *client
		offset string
		want   int
	}{{c, "1", 1}, {c, "2", 1}, {other, "100", 2}, {other, "0", 3}, {c, "0", 4}, {c, "4", 4}} {
		_, _, _, err := x.who.raw(http.MethodGet, connect.PathKeptBody(f.ID)+"?offset="+x.offset, nil)
		c.check(err)
		if n := h.audited("sealed.read"); n != x.want {
			t.Errorf("%d, from %s on: %d entries, want %d", i, x.offset, n, x.want)
		}
	}
}

// TestOneAgentWritesNoLogFull: nor the catalog; the others go on.
func TestOneAgentWritesNoLogFull(t *testing.T) {
	h := openHouse(t)
	h.Account("other", catalog.ContentKeep)
	c, other := h.agent("acme", "office"), h.agent("other", "office")
	f, foreign := h.keep(c, "lb.txt", []byte("kept")), h.keep(other, "a.txt", []byte("other"))
	var err error
	for range 250 {
		_, _, _, err = c.raw(http.MethodGet, connect.PathKeptBody(f.ID)+"?offset=0", nil)
		c.check(err)
		c.refused(c.call(connect.PathKeptShare(foreign.ID), connect.Nothing{}, nil, &connect.Opening{}), connect.NotFound)
	}
	_, _, _, err = c.raw(http.MethodGet, connect.PathKeptBody(f.ID)+"?offset=0", nil)
	c.refused(err, connect.TryLater)
	c.refused(c.call(connect.PathKeptShare(f.ID), connect.Nothing{}, nil, &connect.Opening{}), connect.TryLater)
	c.refused(c.call(connect.PathKeptShare(foreign.ID), connect.Nothing{}, nil, &connect.Opening{}), connect.TryLater)
	if n := h.acted(); n != 500 {
		t.Errorf("%d entries", n)
	}
	other.check(other.call(connect.PathKeptShare(foreign.ID), connect.Nothing{}, nil, &connect.Opening{}))
	h.Clock.Add(time.Second)
	c.check(c.call(connect.PathKeptShare(f.ID), connect.Nothing{}, nil, &connect.Opening{}))

	var pulse connect.Pulse
	for i := range 30 {
		c.check(c.call(connect.PathHeartbeat, connect.Heartbeat{Waiting: int64(i)}, nil, &pulse))
	}
	a, err := h.agents.Find(t.Context(), c.peer.Agent)
	c.check(err)
	if a.Report.Waiting != 9 {
		t.Errorf("report %d was kept", a.Report.Waiting)
	}
}

func (h *house) acted() int { return h.audited("sealed.read") + h.audited("access.denied") }

// TestLongListsComeInPages: each file once.
func TestLongListsComeInPages(t *testing.T) {
	h := openHouse(t)
	c := h.agent("acme", "office")
	const many = 503
	for i := range many {
		_, err := h.outbox.Send(t.Context(), h.acme.ID, "a"+strconv.Itoa(i), strings.NewReader("x"), "operator:test", "operator")
		c.check(err)
	}
	seen := map[string]bool{}
	var p connect.Page
	for {
		var list connect.List
		c.check(c.call(connect.PathOutbox, p, nil, &list))
		for _, x := range list.Files {
			seen[x.Name] = true
		}
		if p.After = list.After; p.After == nil {
			break
		}
	}
	if len(seen) != many {
		t.Errorf("%d of %d files", len(seen), many)
	}
}

// TestAGatewayThatLostFilesIsNoticed: by who asks after what it was told was received.
func TestAGatewayThatLostFilesIsNoticed(t *testing.T) {
	h := openHouse(t)
	c := h.agent("acme", "office")
	f := h.keep(c, "a.xml", []byte("a"))
	lost := c.seal("b.xml", []byte("b"))
	ask := connect.Files{Files: []uuid.UUID{f.ID, lost.begin.File}}
	var got connect.Unknown
	c.check(c.call(connect.PathKnown, ask, nil, &got))
	if len(got.Unknown) != 1 || got.Unknown[0] != lost.begin.File {
		t.Errorf("%+v", got)
	}
	c.refused(c.call(connect.PathKnown, connect.Files{Files: make([]uuid.UUID, connect.MaxNames+1)}, nil, &got), connect.TooLarge)
}
