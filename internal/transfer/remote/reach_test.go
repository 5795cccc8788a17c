package remote

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"sealgate/internal/dialguard"
	"sealgate/internal/fault"
)

// listener is something that answers on this machine.
func listener(t *testing.T) (port uint16) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return netip.MustParseAddrPort(l.Addr().String()).Port()
}

// A customer who asks for names of the inner network learns neither their addresses nor
// what listens there.
func TestAddressesOfTheInnerNetworkAreNotTold(t *testing.T) {
	listening := listener(t)
	var told [2]string
	for i, port := range []uint16{listening, 1} {
		var words []string
		s := Server{Host: "127.0.0.1", Port: port, Guard: dialguard.New(nil), Report: func(s Step) {
			words = append(words, s.Name, s.Seen)
			if s.Err != nil {
				words = append(words, fault.Message(s.Err))
			}
		}}
		if _, err := s.Dial(t.Context(), new(Seen)); !fault.Is(err, fault.Denied) {
			t.Errorf("port %d: %v", port, err)
		}
		told[i] = strings.Join(words, " | ")
	}
	if told[0] != told[1] || strings.Contains(told[0], "127.") || !strings.Contains(told[0], "leads to an address that is not public") {
		t.Errorf("told: %q and %q", told[0], told[1])
	}
	var words string
	s := Server{Host: "127.0.0.1", Port: listening, Guard: dialguard.New([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}), Report: func(s Step) { words += s.Seen }}
	conn, err := s.Dial(t.Context(), new(Seen))
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if !strings.Contains(words, "127.0.0.1") {
		t.Errorf("an address that may be reached: %q", words)
	}
}

// Who has no turn at an address connects to none.
func TestAnAddressWhereItIsNotOnesTurn(t *testing.T) {
	busy := errors.New("busy")
	var asked []netip.Addr
	s := Server{Host: "127.0.0.1", Port: listener(t), Guard: dialguard.New([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}), Reach: func(a netip.Addr) error {
		asked = append(asked, a)
		return busy
	}}
	if _, err := s.Dial(t.Context(), new(Seen)); !errors.Is(err, busy) || len(asked) != 1 || asked[0].String() != "127.0.0.1" {
		t.Errorf("asked for %v: %v", asked, err)
	}
}
