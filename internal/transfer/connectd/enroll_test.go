package connectd_test

import (
	"crypto/ed25519"
	"net/http"
	"testing"
	"time"

	"sealgate/internal/account/agents"
	"sealgate/internal/connect"
)

func TestACodeMakesOneAgent(t *testing.T) {
	h := openHouse(t)
	c := h.invited("acme", "office")
	c.hello()
	keys, err := connect.NewAgentKeys()
	c.check(err)
	e := connect.NewEnrolment(c.code, keys, "linux/amd64", "test 1.0")
	first, err := c.enrolWith(e, keys)
	c.check(err)
	agent := c.peer.Agent
	if c.account.ID != h.acme.ID || c.account.Name != "acme" || c.account.Agent != "office" || len(c.account.Certificates) != 1 || len(c.account.AccessKeys) != 1 {
		t.Errorf("%+v", c.account)
	}
	if string(c.account.Lock) != string(c.account.LockVersion()) {
		t.Error("the account has another version than it says")
	}
	// The answer was not heard: the same request gets the same agent.
	again, err := c.enrolWith(e, keys)
	c.check(err)
	if c.peer.Agent != agent || string(first.answer) == string(again.answer) {
		t.Error("another agent, or an answer that was used before")
	}
	c.check(c.call(connect.PathHeartbeat, connect.Heartbeat{}, nil, &connect.Pulse{}))
	other, err := connect.NewAgentKeys()
	c.check(err)
	_, err = c.enrolWith(connect.NewEnrolment(c.code, other, "linux/amd64", "test 1.0"), other)
	c.refused(err, connect.CodeUsed)
	if n := h.audited("agent.enrolled"); n != 1 {
		t.Errorf("%d agents are on record", n)
	}
}

func TestCodesThatAreNoGood(t *testing.T) {
	h := openHouse(t)
	late := h.invited("acme", "late")
	h.Clock.Add(agents.InviteFor)
	late.refused(late.enrol(), connect.CodeExpired)

	guess := h.invited("acme", "office")
	right := guess.code
	guess.code = connect.NewCode(h.identity().Public().(ed25519.PublicKey))
	guess.code.Invitation = right.Invitation
	for range 9 {
		guess.refused(guess.enrol(), connect.InvalidCode)
	}
	unknown := *guess
	unknown.code.Invitation = connect.Invitation{1}
	unknown.refused(unknown.enrol(), connect.InvalidCode)
	guess.refused(guess.enrol(), connect.InvalidCode)
	guess.code = right // the tenth wrong one was the end of it
	guess.refused(guess.enrol(), connect.InvalidCode)

	// From one network, so often and no more.
	var err error
	for range 30 {
		if err = unknown.enrol(); err != nil && connectReason(err) == connect.TryLater {
			break
		}
	}
	if p := unknown.refused(err, connect.TryLater); p.RetryAfter == 0 {
		t.Error("it is not said when there may be another attempt")
	}
	h.Clock.Add(time.Hour)
	unknown.refused(unknown.enrol(), connect.InvalidCode)
}

// TestWhatIsNoRequestToEnrol: strangers cost little.
func TestWhatIsNoRequestToEnrol(t *testing.T) {
	h := openHouse(t)
	c := h.invited("acme", "office")
	for _, body := range [][]byte{nil, []byte("{}"), []byte("<html>"), make([]byte, connect.MaxUnsigned+1)} {
		r := c.request(http.MethodPost, connect.PathEnroll)
		if x := c.send(r, body); x.status != http.StatusBadRequest {
			t.Errorf("%d bytes: %d", len(body), x.status)
		}
	}
	for _, target := range []string{connect.PathEnroll, connect.PathWhole + "/x", connect.Prefix + "secrets", connect.PathAccount} {
		c.hello()
		r := c.request(http.MethodGet, target+"?"+connect.Ask())
		x := c.send(r, nil)
		if _, err := connect.Asked(r.URL, c.doc.Identity).Read(x.status, x.header, x.answer); connectReason(err) != connect.NotFound {
			t.Errorf("GET %s: %d, %v", target, x.status, err)
		}
	}
}
