package connectd_test

import (
	"bytes"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/connect"
	"sealgate/internal/fault"
	"sealgate/internal/seal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake"
)

// TestASmallFileTakesOneRequest: sealed there, stored as it came, proved.
func TestASmallFileTakesOneRequest(t *testing.T) {
	h := openHouse(t)
	c := h.agent("acme", "office")
	content := []byte("<Document>lön</Document>")
	p := c.seal("lön-2026-11.xml", content)
	var got connect.Progress
	c.check(c.call(connect.PathWhole, p.begin, p.object, &got))
	c.proved(got, p)
	h.delivered(p.begin.File, content)

	// Our answer was not heard: the same again, and once more sealed anew.
	var again connect.Progress
	c.check(c.call(connect.PathWhole, p.begin, p.object, &again))
	c.proved(again, p)
	anew := c.seal("lön-2026-11.xml", content)
	c.check(c.call(connect.PathWhole, anew.begin, anew.object, &again))
	if again.File != p.begin.File {
		t.Errorf("the same delivery became file %v, too", again.File)
	}
	c.proved(again, p)
	c.check(c.call(connect.PathDeliveries, anew.begin, nil, &again))
	c.proved(again, p)
	h.delivered(p.begin.File, content)
}

// TestALargeFileComesInParts: by plain HTTP, twice over, with gaps and repeats, over a
// restart of the gateway.
func TestALargeFileComesInParts(t *testing.T) {
	h := openHouse(t)
	c := h.agent("acme", "office")
	c.base, c.http = h.plain.URL, h.plain.Client()
	content := noise(1, 9<<20)
	p := c.seal("lb.txt", content)
	late := p.begin
	late.Delivery, late.SHA256 = nil, nil // it is read while it is sent
	var got connect.Progress
	c.check(c.call(connect.PathDeliveries, late, nil, &got))
	if got.State != connect.StateNew || got.File != p.begin.File {
		t.Fatalf("%+v", got)
	}
	at := int(got.Offset)
	part := at + 60*seal.SealedSlot
	progress, err := c.part(p.begin.File, at, p.piece(at, 60))
	c.check(err)
	if progress.Offset != int64(part) {
		t.Fatalf("%+v", progress)
	}
	again, err := c.slots(p.begin.File, at, p.piece(at, 60))
	c.check(err)
	if again.Offset != int64(part) {
		t.Errorf("a part again: %+v", again)
	}
	if problem := c.refused(c.call(connect.PathCommit(p.begin.File), p.commit(), nil, &got), connect.WrongOffset); problem.Offset != nil {
		t.Errorf("%+v", problem)
	}

	h.restart()
	_, err = c.part(p.begin.File, part, p.piece(part, 60))
	if fresh := c.refused(err, connect.StaleEpoch).Gateway; fresh == nil || fresh.Epoch == c.doc.Epoch {
		t.Fatal("the refusal does not tell the new epoch")
	} else {
		c.doc = fresh
	}
	c.check(c.call(connect.PathDeliveries, p.begin, nil, &got))
	if got.State != connect.StatePartial || got.Offset != int64(part) {
		t.Fatalf("after a restart: %+v", got)
	}
	for at := int(got.Offset); at < len(p.object); {
		next, err := c.slots(p.begin.File, at, p.piece(at, 60))
		c.check(err)
		at = int(next.Offset)
	}
	c.check(c.call(connect.PathCommit(p.begin.File), p.commit(), nil, &got))
	c.proved(got, p)
	if f := h.delivered(p.begin.File, content); !f.Delivery.Resumed {
		t.Error("nobody can see that it was resumed")
	}
	c.check(c.call(connect.PathCommit(p.begin.File), p.commit(), nil, &got))
	c.proved(got, p)
}

// TestWhatDoesNotFitIsNoFile: each refused, with its reason, and nothing is left of it.
func TestWhatDoesNotFitIsNoFile(t *testing.T) {
	h := openHouse(t)
	c := h.agent("acme", "office")
	other := h.Account("other", catalog.ContentKeep)
	content := noise(2, 200<<10)
	for _, x := range []struct {
		name   string
		change func(p *parcel)
		want   connect.Reason
	}{
		{"another size", func(p *parcel) { p.begin.Size++ }, connect.Invalid},
		{"another SHA-256", func(p *parcel) { p.begin.SHA256 = make([]byte, 32) }, connect.Damaged},
		{"another name", func(p *parcel) { p.begin.Name = "other.xml" }, connect.Damaged},
		{"no trailer", func(p *parcel) { clear(p.object[len(p.object)-300:]) }, connect.Damaged},
		{"a slot that does not open", func(p *parcel) { p.object = bytes.Clone(p.object); p.object[len(p.begin.Header)+30] ^= 1 }, connect.Damaged},
		{"a header of another file", func(p *parcel) { p.begin.File = uuid.Must(uuid.NewV7()) }, connect.Damaged},
		{"a header that was changed", func(p *parcel) {
			p.begin.Header = append([]byte(nil), p.begin.Header...)
			p.begin.Header[len(p.begin.Header)-1] ^= 1
		}, connect.Damaged},
		{"a grant that was changed", func(p *parcel) { p.begin.Grant = append([]byte(nil), p.begin.Grant...); p.begin.Grant[40] ^= 1 }, connect.Damaged},
		{"a key that is gone", func(p *parcel) { p.begin.IngestKey = make([]byte, 32) }, connect.IngestKeyExpired},
		{"an id that is none", func(p *parcel) { p.begin.File = uuid.New() }, connect.Invalid},
		{"a delivery that is none", func(p *parcel) { p.begin.Delivery = []byte("x") }, connect.Invalid},
		{"no name", func(p *parcel) { p.begin.Name = "" }, connect.Invalid},
		{"too much", func(p *parcel) { p.object = append(p.object, make([]byte, connect.WholeSize)...) }, connect.TooLarge},
	} {
		p := c.seal("lb.txt", content)
		x.change(p)
		problem := c.refused(c.call(connect.PathWhole, p.begin, p.object, &connect.Progress{}), x.want)
		if x.want == connect.IngestKeyExpired && problem.Gateway == nil {
			t.Errorf("%s: the fresh key is not told", x.name)
		}
		if len(h.Files()) > 0 || h.Objects() > 0 {
			t.Fatalf("%s: %d files, %d objects", x.name, len(h.Files()), h.Objects())
		}
	}
	// Sealed for somebody else, or for nobody: the account's present keys are wanted.
	mine := *c.account
	c.account.Certificates, c.account.AccessKeys = nil, nil
	p := c.seal("lb.txt", content)
	c.refused(c.call(connect.PathWhole, p.begin, p.object, &connect.Progress{}), connect.KeysChanged)
	c.account = &mine
	c.account.ID = other.ID
	p = c.seal("lb.txt", content)
	c.refused(c.call(connect.PathWhole, p.begin, p.object, &connect.Progress{}), connect.Damaged)
	if len(h.Files()) > 0 || h.Objects() > 0 {
		t.Errorf("%d files, %d objects", len(h.Files()), h.Objects())
	}
}

// TestKeysThatChangeOnTheWay: what was sealed for the old ones is refused with what to
// do, and goes through then.
func TestKeysThatChangeOnTheWay(t *testing.T) {
	h := openHouse(t)
	c := h.agent("acme", "office")
	content := noise(3, 1000)
	p := c.seal("a.xml", content)
	h.Clock.Add(24 * time.Hour)
	c.check(h.Keys.ChangeDay(t.Context()))
	problem := c.refused(c.call(connect.PathWhole, p.begin, p.object, &connect.Progress{}), connect.IngestKeyExpired)
	if problem.Gateway == nil || problem.Gateway.IngestDay == c.doc.IngestDay {
		t.Fatal("the fresh key is not told")
	}
	c.doc = problem.Gateway // the envelope is for the new key, the grant for the old one
	c.refused(c.call(connect.PathWhole, p.begin, p.object, &connect.Progress{}), connect.IngestKeyExpired)

	p = c.seal("a.xml", content)
	if _, err := h.Keys.RenewCertificate(t.Context(), "test", h.acme.ID); err != nil {
		t.Fatal(err)
	}
	c.refused(c.call(connect.PathWhole, p.begin, p.object, &connect.Progress{}), connect.KeysChanged)
	var pulse connect.Pulse
	c.check(c.call(connect.PathHeartbeat, connect.Heartbeat{}, nil, &pulse))
	if bytes.Equal(pulse.Lock, c.account.Lock) {
		t.Error("the heartbeat does not tell that the keys have changed")
	}
	var account connect.Account
	c.check(c.call(connect.PathAccount, connect.Nothing{}, nil, &account))
	if !bytes.Equal(pulse.Lock, account.Lock) || !bytes.Equal(account.LockVersion(), account.Lock) {
		t.Error("the account has another version")
	}
	c.account = &account
	p = c.seal("a.xml", content)
	var got connect.Progress
	c.check(c.call(connect.PathWhole, p.begin, p.object, &got))
	c.proved(got, p)
}

// TestAFullDiskIsSaid: nothing is taken, and the same goes through when there is room.
func TestAFullDiskIsSaid(t *testing.T) {
	h := openHouse(t)
	c := h.agent("acme", "office")
	good := h.Intake
	h.Intake = intake.New(h.Catalog, h.Vault, h.Keys, intake.Options{
		Node: "node-1", Now: h.Clock.Now, Log: discard, Space: func() (int64, int64, error) { return 1 << 20, 1 << 40, nil },
	})
	h.open()
	c.hello()
	p := c.seal("a.xml", noise(4, 100))
	if problem := c.refused(c.call(connect.PathWhole, p.begin, p.object, &connect.Progress{}), connect.NoRoom); problem.RetryAfter == 0 || !fault.Is(problem, fault.Full) {
		t.Errorf("%+v", problem)
	}
	h.Intake = good
	h.open()
	c.hello()
	// The database is full at the commit.
	h.Faults.FullNext()
	err := c.call(connect.PathWhole, p.begin, p.object, &connect.Progress{})
	c.refused(err, connect.NoRoom)
	var got connect.Progress
	c.check(c.call(connect.PathWhole, p.begin, p.object, &got))
	c.proved(got, p)
}

// TestACutPartLeavesWhatWasThere: what did not come whole counts for nothing.
func TestACutPartLeavesWhatWasThere(t *testing.T) {
	h := openHouse(t)
	c := h.agent("acme", "office")
	c.base, c.http = h.plain.URL, h.plain.Client()
	content := noise(5, 3<<20)
	p := c.seal("lb.txt", content)
	var got connect.Progress
	c.check(c.call(connect.PathDeliveries, p.begin, nil, &got))
	at := int(got.Offset)
	r := c.request(http.MethodPut, connect.PathParts(p.begin.File)+"?offset="+strconv.Itoa(at))
	body := p.piece(at, 16)
	c.peer.Sign(r, body, c.doc.Epoch, c.now())
	wire := wireOf(t, r, body)
	for _, cut := range []int{10, 300, len(wire) - len(body), len(wire) - len(body) + 1, len(wire) - 1} {
		if status := h.rawCut(wire[:cut]); status == http.StatusOK {
			t.Fatalf("a request of %d bytes of %d is accepted", cut, len(wire))
		}
		var now connect.Progress
		c.check(c.call(connect.PathDeliveries, p.begin, nil, &now))
		if now.Offset != got.Offset {
			t.Fatalf("cut at %d: offset %d", cut, now.Offset)
		}
	}
	if status := h.raw(wire); status != http.StatusOK { // its nonce was not used up
		t.Fatalf("the same request, whole: %d", status)
	}
	if status := h.raw(wire); status != http.StatusConflict {
		t.Fatalf("and again: %d", status)
	}
}

// TestWhatTravelsSaysNothing: neither what is sent nor what is logged holds a name, a
// sum or content.
func TestWhatTravelsSaysNothing(t *testing.T) {
	h := openHouse(t)
	c := h.agent("acme", "office-of-eva")
	content := []byte("marker-of-content " + strings.Repeat("x", 500))
	p := c.seal("marker-of-name.xml", content)
	x, err := c.exchange(connect.PathWhole, p.begin, p.object, &connect.Progress{})
	c.check(err)
	beat, err := c.exchange(connect.PathHeartbeat, connect.Heartbeat{Troubled: []string{"marker-of-folder"}, LastError: "marker-of-error"}, nil, &connect.Pulse{})
	c.check(err)
	bad := c.seal("marker-of-name.xml", content)
	bad.begin.Size++
	refused, err := c.exchange(connect.PathWhole, bad.begin, bad.object, &connect.Progress{})
	c.refused(err, connect.Invalid)
	h.log.mu.Lock()
	defer h.log.mu.Unlock()
	for _, seen := range [][]byte{wireOf(t, x.request, x.body), x.answer, wireOf(t, beat.request, beat.body), beat.answer, refused.answer, []byte(h.log.b.String())} {
		for _, marker := range []string{"marker", "office-of-eva", "acme", hexOf(p.sum[:8]), string(p.sum[:8])} {
			if bytes.Contains(seen, []byte(marker)) {
				t.Errorf("%q in %.300q", marker, seen)
			}
		}
	}
}
