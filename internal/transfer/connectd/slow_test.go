package connectd_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/connect"
	"sealgate/internal/store/catalog"
)

// slow is a request whose last byte has not come.
type slow struct {
	h    *house
	conn net.Conn
	rest []byte
	sent *connect.Sent
	wire []byte
}

// slowly begins a request of an agent on a connection of its own.
func (h *house) slowly(c *client, target string, message any) *slow {
	h.t.Helper()
	r := c.request(http.MethodPost, target)
	body, err := connect.SealRequest(c.ingest(), r.URL.EscapedPath(), c.peer.Agent, message, nil)
	c.check(err)
	sent := c.peer.Sign(r, body, c.doc.Epoch, c.now())
	s := h.dribble(wireOf(h.t, r, body))
	s.sent = sent
	return s
}

// dribble sends all of a request but its last byte, and returns when the gateway reads
// its body.
func (h *house) dribble(wire []byte) *slow {
	h.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(h.plain.URL, "http://"))
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		h.t.Fatal(err)
	}
	select {
	case <-h.reading: // that of an earlier request
	default:
	}
	last := len(wire) - 1
	if _, err := conn.Write(wire[:last]); err != nil {
		h.t.Fatal(err)
	}
	<-h.reading
	return &slow{h: h, conn: conn, rest: wire[last:], wire: wire}
}

// end sends the rest, and reads the answer.
func (s *slow) end() error {
	s.h.t.Helper()
	if _, err := s.conn.Write(s.rest); err != nil {
		s.h.t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(s.conn), nil)
	if err != nil {
		s.h.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.h.t.Fatal(err)
	}
	_, err = s.sent.Read(resp.StatusCode, resp.Header, body)
	return err
}

// TestASlowLineIsNobodysTrouble: what takes longer than a request is new counts all the
// same, and the epoch of the others stays.
func TestASlowLineIsNobodysTrouble(t *testing.T) {
	h := openHouse(t)
	h.Account("other", catalog.ContentKeep)
	c, other := h.agent("acme", "office"), h.agent("other", "office")
	beat := func(c *client) error {
		return c.call(connect.PathHeartbeat, connect.Heartbeat{}, nil, &connect.Pulse{})
	}
	c.check(beat(c))
	s := h.slowly(c, connect.PathHeartbeat, connect.Heartbeat{Waiting: 7})
	h.Clock.Add(70 * time.Minute)
	other.check(beat(other))
	if err := s.end(); err != nil {
		t.Error("it did not count:", err)
	}
	other.check(beat(other))
	if status := h.raw(s.wire); status != http.StatusUnauthorized {
		t.Error("it counts again:", status)
	}
}

// TestWhoOverhearsARequestHoldsNoPlaces: neither with one that was answered, nor with
// one that is under way.
func TestWhoOverhearsARequestHoldsNoPlaces(t *testing.T) {
	h := openHouse(t)
	c := h.agent("acme", "office")
	s := h.slowly(c, connect.PathHeartbeat, connect.Heartbeat{})
	for i := range 80 {
		switch i {
		case 40:
			c.check(s.end())
		case 79:
			c.check(c.call(connect.PathHeartbeat, connect.Heartbeat{}, nil, &connect.Pulse{}))
		}
		h.dribble(s.wire)
	}
	// A part has the fewest places.
	r := c.request(http.MethodPut, connect.PathParts(uuid.Must(uuid.NewV7()))+"?offset=0")
	body := make([]byte, 1<<20)
	c.peer.Sign(r, body, c.doc.Epoch, c.now())
	part := wireOf(t, r, body)
	if status := h.raw(part); status != http.StatusNotFound {
		t.Fatal(status)
	}
	for range 16 {
		h.dribble(part)
	}
	_, _, _, err := c.raw(http.MethodPut, connect.PathParts(uuid.Must(uuid.NewV7()))+"?offset=0", body)
	c.refused(err, connect.NotFound)
}

// TestWhatWasDecidedMeanwhileHolds: a request that was let in before a revocation and
// comes whole after it does nothing.
func TestWhatWasDecidedMeanwhileHolds(t *testing.T) {
	h := openHouse(t)
	c := h.agent("acme", "office")
	f := h.keep(c, "a.xml", []byte("kept"))
	set := func(change func(a *catalog.Account)) {
		h.Update(func(tx *catalog.Tx) error {
			a, err := tx.Account(h.acme.ID)
			if err == nil {
				change(a)
				err = tx.SaveAccount(a)
			}
			return err
		})
	}
	closed := h.slowly(c, connect.PathKeptShare(f.ID), connect.Nothing{})
	set(func(a *catalog.Account) { a.State = catalog.AccountClosed })
	c.refused(closed.end(), connect.AccountClosed)
	set(func(a *catalog.Account) { a.State = catalog.AccountOpen })

	changed := h.slowly(c, connect.PathKeptShare(f.ID), connect.Nothing{})
	h.may(c, connect.RightSend)
	c.refused(changed.end(), connect.NotAllowed)
	h.may(c, connect.Rights...)

	revoked := h.slowly(c, connect.PathKeptShare(f.ID), connect.Nothing{})
	c.check(h.agents.Revoke(t.Context(), "operator:test", "acme", "office"))
	c.refused(revoked.end(), connect.Revoked)
	if n := h.audited("share.given"); n != 0 {
		t.Errorf("%d shares were given", n)
	}
}

// TestASignatureOnAnotherRequestBringsNoAnswer: who sits between puts the headers of an
// agent's request on one that anybody may make, or on one that is too long. No answer
// to that is an answer to the agent.
func TestASignatureOnAnotherRequestBringsNoAnswer(t *testing.T) {
	h := openHouse(t)
	c := h.agent("acme", "office")
	code, err := json.Marshal(connect.Enrolment{Version: 1})
	c.check(err)
	for _, x := range []struct {
		name, method, target string
		body                 []byte
	}{
		{"enrolment", http.MethodPost, connect.PathEnroll, []byte("rubbish")},
		{"enrolment with a code", http.MethodPost, connect.PathEnroll + "?" + connect.Ask(), code},
		{"unknown operation", http.MethodPost, connect.Prefix + "nothing", nil},
		{"the document", http.MethodGet, connect.PathGateway + "?" + connect.Ask(), nil},
	} {
		signed := c.request(http.MethodPost, connect.PathHeartbeat)
		sent := c.peer.Sign(signed, nil, c.doc.Epoch, c.now())
		other := c.request(x.method, x.target)
		other.Header = signed.Header.Clone()
		got := c.send(other, x.body)
		if answer, err := sent.Read(got.status, got.header, got.answer); err == nil || connectReason(err) != "" {
			t.Errorf("%s: the agent believes %d, %q, %v", x.name, got.status, answer, err)
		}
	}
	signed := c.request(http.MethodPost, connect.PathHeartbeat)
	sent := c.peer.Sign(signed, nil, c.doc.Epoch, c.now())
	for _, length := range []int64{5 << 20, -1} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, signed.URL.String(), io.LimitReader(zeroes{}, 5<<20))
		c.check(err)
		r.Header, r.ContentLength = signed.Header.Clone(), length
		resp, err := c.http.Do(r)
		c.check(err)
		answer, err := io.ReadAll(resp.Body)
		c.check(err)
		resp.Body.Close()
		_, err = sent.Read(resp.StatusCode, resp.Header, answer)
		c.refused(err, connect.BadSignature)
	}
}

type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestStrangersWhoTakeTheirTimeKeepNobodyOut: what they send is waited for without a
// place.
func TestStrangersWhoTakeTheirTimeKeepNobodyOut(t *testing.T) {
	h := openHouse(t)
	c := h.invited("acme", "office", connect.RightSend)
	wire := wireOf(t, c.request(http.MethodPost, connect.PathEnroll+"?"+connect.Ask()), make([]byte, 100))
	for range 10 {
		h.dribble(wire)
	}
	c.base, c.http = h.plain.URL, h.plain.Client()
	c.check(c.enrol())
}
