package connectd_test

import (
	"bytes"
	"fmt"
	"net"
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

// TestAReplayOfAnyRequestChangesNothing: of all that an agent says in its life, at
// once, after a restart, and a day later.
func TestAReplayOfAnyRequestChangesNothing(t *testing.T) {
	h := openHouse(t)
	c := h.invited("acme", "office", connect.Rights...)
	recorder := &recording{next: h.tls.Client().Transport, t: t}
	c.http = &http.Client{Transport: recorder}
	c.check(c.enrol())
	enrolments := len(recorder.seen)
	small, large := c.seal("a.xml", noise(1, 100)), c.seal("b.xml", noise(2, 2<<20))
	var got connect.Progress
	c.check(c.call(connect.PathWhole, small.begin, small.object, &got))
	c.check(c.call(connect.PathDeliveries, large.begin, nil, &got))
	at := int(got.Offset)
	_, err := c.part(large.begin.File, at, large.piece(at, 9))
	c.check(err)
	at += 9 * seal.SealedSlot
	_, err = c.slots(large.begin.File, at, large.object[at:])
	c.check(err)
	c.check(c.call(connect.PathCommit(large.begin.File), large.commit(), nil, &got))
	out, err := h.outbox.Send(t.Context(), h.acme.ID, "answer.json", strings.NewReader("answer"), "operator:test", "operator")
	c.check(err)
	var list connect.List
	c.check(c.call(connect.PathOutbox, connect.Page{}, nil, &list))
	c.check(c.call(connect.PathOutboxOpen(out.ID), connect.Nothing{}, nil, &connect.Opening{}))
	c.check(c.call(connect.PathOutboxAck(out.ID), connect.Ack{SHA256: list.Files[0].SHA256}, nil, &connect.Nothing{}))
	c.check(c.call(connect.PathHeartbeat, connect.Heartbeat{Waiting: 3}, nil, &connect.Pulse{}))
	c.check(c.call(connect.PathKnown, connect.Files{}, nil, &connect.Unknown{}))

	before := h.state()
	replay := func(when string, want ...int) {
		t.Helper()
		for i, x := range recorder.seen {
			resp, err := h.tls.Client().Do(x.again(t))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if i >= enrolments && !strings.Contains(fmt.Sprint(want), fmt.Sprint(resp.StatusCode)) {
				t.Errorf("%s: %s %s is answered %d", when, x.method, x.url, resp.StatusCode)
			}
			if after := h.state(); after != before {
				t.Fatalf("%s: %s %s changed\n%s\nto\n%s", when, x.method, x.url, before, after)
			}
		}
	}
	if len(recorder.seen) < 10 {
		t.Fatalf("only %d requests were recorded", len(recorder.seen))
	}
	replay("at once", http.StatusConflict)
	h.Clock.Add(6 * time.Minute)
	replay("when the nonces are forgotten", http.StatusUnauthorized)
	h.Clock.Add(-6 * time.Minute)
	replay("when the clock was set back", http.StatusConflict)
	h.restart()
	replay("after a restart", http.StatusConflict)
}

// recording is a transport that remembers.
type recording struct {
	next http.RoundTripper
	t    testing.TB
	seen []recorded
}

type recorded struct {
	method, url string
	header      http.Header
	body        []byte
}

func (r *recording) RoundTrip(req *http.Request) (*http.Response, error) {
	var body bytes.Buffer
	if _, err := body.ReadFrom(req.Body); err != nil {
		return nil, err
	}
	x := recorded{req.Method, req.URL.String(), req.Header.Clone(), body.Bytes()}
	r.seen = append(r.seen, x)
	return r.next.RoundTrip(x.again(r.t))
}

func (x recorded) again(t testing.TB) *http.Request {
	r, err := http.NewRequestWithContext(t.Context(), x.method, x.url, bytes.NewReader(x.body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header = x.header.Clone()
	return r
}

// TestAChangedByteAnywhereIsRefused: of the request as it goes over the wire. Bytes
// that mean nothing to the gateway may be accepted; then it is the file that was
// sent, and nothing else.
func TestAChangedByteAnywhereIsRefused(t *testing.T) {
	h := openHouse(t)
	c := h.agent("acme", "office")
	c.base = h.plain.URL
	content := noise(1, 300)
	p := c.seal("a.xml", content)
	r := c.request(http.MethodPost, connect.PathWhole)
	body, err := connect.SealRequest(c.ingest(), r.URL.EscapedPath(), c.peer.Agent, p.begin, p.object)
	c.check(err)
	c.peer.Sign(r, body, c.doc.Epoch, c.now())
	wire := wireOf(t, r, body)
	head := len(wire) - len(body)
	covered := map[int]bool{}
	for i := range len(body) {
		covered[head+i] = true
	}
	for _, text := range []string{"POST " + connect.PathWhole, r.Header.Get("Signature-Input"), r.Header.Get("Signature"), r.Header.Get("Content-Digest"), r.Header.Get("Sealgate-Gateway"), r.Header.Get("Sealgate-Epoch")} {
		at := bytes.Index(wire, []byte(text))
		if at < 0 {
			t.Fatalf("%q is not in the request", text)
		}
		for i := range len(text) {
			covered[at+i] = true
		}
	}
	step := 1
	for i := 0; i < len(wire); i += step {
		if i > head+40 {
			step = 23 // the digest covers all of the body alike
		}
		changed := bytes.Clone(wire)
		changed[i] ^= 1
		before := h.state()
		status := h.rawCut(changed) // one byte more or less in the length is not waited for
		switch after := h.state(); {
		case covered[i] && (status == http.StatusOK || after != before):
			t.Fatalf("byte %d of %d changed: %d, %s", i, len(wire), status, after)
		case after != before:
			h.delivered(p.begin.File, content)
		}
	}
	if len(h.Files()) == 0 && h.raw(wire) != http.StatusOK { // a cut may have ended it when it was used up already
		again := c.request(http.MethodPost, connect.PathWhole)
		c.peer.Sign(again, body, c.doc.Epoch, c.now())
		if status := h.raw(wireOf(t, again, body)); status != http.StatusOK {
			t.Errorf("the request itself is refused: %d", status)
		}
	}
	h.delivered(p.begin.File, content)
}

// TestAChangedByteOfAPartIsRefused: of one that is signed by its slots. It is a request
// that nobody believes, and not a file that was sealed wrongly; nothing has happened, and
// the part itself is taken then.
func TestAChangedByteOfAPartIsRefused(t *testing.T) {
	h := openHouse(t)
	c := h.agent("acme", "office")
	c.base = h.plain.URL
	content := noise(1, 1<<20+1000)
	p := c.seal("a.xml", content)
	var got connect.Progress
	c.check(c.call(connect.PathDeliveries, p.begin, nil, &got))
	at := int(got.Offset)
	for at < len(p.object) {
		body := p.piece(at, 10)
		r := c.request(http.MethodPut, connect.PathParts(p.begin.File)+"?offset="+strconv.Itoa(at))
		sent := c.peer.SignSlots(r, body, c.doc.Epoch, c.now())
		wire := wireOf(t, r, body)
		for _, text := range []string{"PUT " + r.URL.RequestURI(), r.Header.Get("Signature-Input"), r.Header.Get("Signature"), r.Header.Get("Sealgate-Slots"), r.Header.Get("Sealgate-Gateway"), r.Header.Get("Sealgate-Epoch")} {
			from := bytes.Index(wire, []byte(text))
			for i := 0; i < len(text); i += 3 {
				changed := bytes.Clone(wire)
				changed[from+i] ^= 1
				if status := h.rawCut(changed); from < 0 || status == http.StatusOK {
					t.Fatalf("byte %d of %q changed: %d", i, text, status)
				}
			}
		}
		for i := 0; i < len(body); i += 1 + len(body)/70 { // nonces, tags and what is between them
			changed := bytes.Clone(body)
			changed[i] ^= 1
			x := c.send(r, changed)
			_, err := sent.Read(x.status, x.header, x.answer)
			c.refused(err, connect.BadSignature)
		}
		var now connect.Progress
		if c.check(c.call(connect.PathDeliveries, p.begin, nil, &now)); int(now.Offset) != at {
			t.Fatalf("offset %d, not %d", now.Offset, at)
		}
		x := c.send(r, body) // its nonce was not used up
		c.check(sent.Open(x.status, x.header, x.answer, &now))
		x = c.send(r, body)
		_, err := sent.Read(x.status, x.header, x.answer)
		c.refused(err, connect.Replayed)
		at = int(now.Offset)
	}
	c.check(c.call(connect.PathCommit(p.begin.File), p.commit(), nil, &got))
	c.proved(got, p)
	h.delivered(p.begin.File, content)
	r := c.request(http.MethodPost, connect.PathHeartbeat)
	sent := c.peer.SignSlots(r, nil, c.doc.Epoch, c.now())
	x := c.send(r, nil)
	_, err := sent.Read(x.status, x.header, x.answer)
	c.refused(err, connect.BadSignature) // no part
}

// TestASlotThatWasSealedWronglyIsDamaged: an agent whose part is not believed signs all of
// it, and hears whose doing it is.
func TestASlotThatWasSealedWronglyIsDamaged(t *testing.T) {
	h := openHouse(t)
	c := h.agent("acme", "office")
	p := c.seal("a.xml", noise(1, 1<<20))
	var got connect.Progress
	c.check(c.call(connect.PathDeliveries, p.begin, nil, &got))
	at := int(got.Offset)
	wrong := bytes.Clone(p.piece(at, 5))
	wrong[3*seal.SealedSlot+1000] ^= 1
	_, err := c.slots(p.begin.File, at, wrong)
	c.refused(err, connect.BadSignature)
	_, err = c.part(p.begin.File, at, wrong)
	c.refused(err, connect.Damaged)
	_, err = c.slots(p.begin.File, at, p.piece(at, 5))
	c.refused(err, connect.Damaged) // it was on its way
	if len(h.Files()) > 0 || h.Objects() > 0 {
		t.Errorf("%d files, %d objects", len(h.Files()), h.Objects())
	}
}

func TestWhoIsNotBelieved(t *testing.T) {
	h := openHouse(t)
	c := h.agent("acme", "office")
	beat := func(c *client) error {
		return c.call(connect.PathHeartbeat, connect.Heartbeat{}, nil, &connect.Pulse{})
	}
	with := func(change func(c *client)) *client {
		other, peer, doc := *c, *c.peer, *c.doc
		other.peer, other.doc = &peer, &doc
		change(&other)
		return &other
	}
	c.check(beat(c))
	fast := with(func(c *client) { c.now = func() time.Time { return h.Clock.Now().Add(time.Hour) } })
	if p := c.refused(beat(fast), connect.ClockOff); p.Time == nil || p.Time.Sub(h.Clock.Now()).Abs() > time.Minute {
		t.Errorf("%+v", p)
	}
	fast.now = func() time.Time { return h.Clock.Now().Add(4 * time.Minute) }
	c.check(beat(fast))

	stranger, err := connect.NewAgentKeys()
	c.check(err)
	c.refused(beat(with(func(c *client) { c.peer.Keys = stranger })), connect.BadSignature)
	unknown := h.agent("acme", "second")
	c.refused(beat(with(func(c *client) { c.peer.Agent = unknown.peer.Agent })), connect.BadSignature)
	c.refused(beat(with(func(c *client) { c.doc.Epoch = connect.NewEpoch() })), connect.StaleEpoch)
	nobody := with(func(c *client) { c.peer.Agent[0] ^= 1 })
	c.refused(beat(nobody), connect.UnknownAgent)

	c.check(h.agents.Revoke(t.Context(), "operator:test", "acme", "office"))
	c.refused(beat(c), connect.Revoked)
	c.check(beat(unknown))
	h.Update(func(tx *catalog.Tx) error {
		a, err := tx.Account(h.acme.ID)
		if err == nil {
			a.State = catalog.AccountClosed
			err = tx.SaveAccount(a)
		}
		return err
	})
	c.refused(beat(unknown), connect.AccountClosed)
}

// TestARevokedAgentLeavesNothing: what it had begun goes, and what it knows is of no
// use.
func TestARevokedAgentLeavesNothing(t *testing.T) {
	h := openHouse(t)
	c := h.agent("acme", "office")
	p := c.seal("b.xml", noise(1, 2<<20))
	var got connect.Progress
	c.check(c.call(connect.PathDeliveries, p.begin, nil, &got))
	at := int(got.Offset)
	_, err := c.part(p.begin.File, at, p.object[at:])
	c.check(err)
	c.check(h.agents.Revoke(t.Context(), "operator:test", "acme", "office"))
	c.refused(c.call(connect.PathCommit(p.begin.File), p.commit(), nil, &got), connect.Revoked)
	if len(h.Files()) > 0 || h.Objects() > 0 {
		t.Errorf("%d files, %d objects", len(h.Files()), h.Objects())
	}
}

// TestIdsOfAnotherAccountAreNotThere: whatever is asked about them, and it is on record
// that somebody asked.
func TestIdsOfAnotherAccountAreNotThere(t *testing.T) {
	h := openHouse(t)
	h.Account("other", catalog.ContentKeep)
	mine, thief := h.agent("acme", "office"), h.agent("other", "thief")
	p := mine.seal("b.xml", noise(1, 2<<20))
	var got connect.Progress
	mine.check(mine.call(connect.PathDeliveries, p.begin, nil, &got))
	out, err := h.outbox.Send(t.Context(), h.acme.ID, "answer.json", strings.NewReader("answer"), "operator:test", "operator")
	mine.check(err)
	kept := h.keep(mine, "kept.xml", []byte("kept"))
	for i, ask := range []func() error{
		func() error { _, err := thief.part(p.begin.File, int(got.Offset), p.object[got.Offset:]); return err },
		func() error {
			return thief.call(connect.PathCommit(p.begin.File), p.commit(), nil, &connect.Progress{})
		},
		func() error {
			return thief.call(connect.PathOutboxOpen(out.ID), connect.Nothing{}, nil, &connect.Opening{})
		},
		func() error {
			return thief.call(connect.PathOutboxAck(out.ID), connect.Ack{}, nil, &connect.Nothing{})
		},
		func() error {
			_, _, _, err := thief.raw(http.MethodGet, connect.PathOutboxBody(out.ID)+"?offset=0", nil)
			return err
		},
		func() error {
			return thief.call(connect.PathKeptShare(kept.ID), connect.Nothing{}, nil, &connect.Opening{})
		},
		func() error {
			_, _, _, err := thief.raw(http.MethodGet, connect.PathKeptBody(kept.ID)+"?offset=0", nil)
			return err
		},
		func() error { return thief.call(connect.PathKept, connect.Page{After: &kept.ID}, nil, &connect.List{}) },
	} {
		before := h.audited("access.denied")
		mine.refused(ask(), connect.NotFound)
		if after := h.audited("access.denied"); after != before+1 {
			t.Errorf("question %d: %d entries about it", i, after-before)
		}
	}
	var list connect.List
	thief.check(thief.call(connect.PathOutbox, connect.Page{}, nil, &list))
	thief.check(thief.call(connect.PathKept, connect.Page{}, nil, &list))
	if len(list.Files) > 0 {
		t.Error("another account's files are listed")
	}
	var unknown connect.Unknown
	thief.check(thief.call(connect.PathKnown, connect.Files{Files: []uuid.UUID{kept.ID}}, nil, &unknown))
	if len(unknown.Unknown) != 1 {
		t.Error("another account's file is known")
	}
}

// TestRights: an agent does what it was let do.
func TestRights(t *testing.T) {
	h := openHouse(t)
	c := h.invited("acme", "sender", connect.RightSend)
	c.check(c.enrol())
	c.refused(c.call(connect.PathOutbox, connect.Page{}, nil, &connect.List{}), connect.NotAllowed)
	c.refused(c.call(connect.PathKept, connect.Page{}, nil, &connect.List{}), connect.NotAllowed)
	f := h.invited("acme", "fetcher", connect.RightFetch)
	f.check(f.enrol())
	p := f.seal("a.xml", []byte("x"))
	before := h.audited("access.denied")
	for range 3 {
		f.refused(f.call(connect.PathWhole, p.begin, p.object, &connect.Progress{}), connect.NotAllowed)
	}
	if n := h.audited("access.denied") - before; n != 1 {
		t.Errorf("%d entries about three tries within an hour", n)
	}
	f.check(f.call(connect.PathOutbox, connect.Page{}, nil, &connect.List{}))
}

// TestAnAccountHasItsPlaces: who begins to send and does not go on keeps himself from
// sending more, and nobody else; and his agents are heard all the same.
func TestAnAccountHasItsPlaces(t *testing.T) {
	h := openHouse(t)
	h.Account("other", catalog.ContentKeep)
	c, other := h.agent("acme", "office"), h.agent("other", "office")
	part := func(c *client) *http.Request {
		r := c.request(http.MethodPut, connect.PathParts(uuid.Must(uuid.NewV7()))+"?offset=0")
		c.peer.Sign(r, make([]byte, 1<<20), c.doc.Epoch, c.now())
		return r
	}
	try := func(c *client) error {
		_, _, _, err := c.raw(http.MethodPut, connect.PathParts(uuid.Must(uuid.NewV7()))+"?offset=0", make([]byte, 1<<20))
		return err
	}
	c.refused(try(c), connect.NotFound)
	var held []net.Conn
	hold := func() {
		conn, err := net.Dial("tcp", strings.TrimPrefix(h.plain.URL, "http://"))
		c.check(err)
		wire := wireOf(t, part(c), make([]byte, 1<<20))
		_, err = conn.Write(wire[:len(wire)-1]) // the last byte does not come
		c.check(err)
		held = append(held, conn)
	}
	for range 16 {
		hold()
	}
	deadline := time.Now().Add(20 * time.Second)
	for connectReason(try(c)) != connect.TryLater {
		if time.Now().After(deadline) {
			t.Fatal("16 requests under way keep no place")
		}
		hold() // what was just tried may have had the place of one that came later
	}
	c.check(c.call(connect.PathHeartbeat, connect.Heartbeat{}, nil, &connect.Pulse{}))
	other.refused(try(other), connect.NotFound)
	for _, conn := range held {
		conn.Close()
	}
	deadline = time.Now().Add(20 * time.Second)
	for connectReason(try(c)) != connect.NotFound {
		if time.Now().After(deadline) {
			t.Fatal("connections that have ended keep their places")
		}
	}
}
