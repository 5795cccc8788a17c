package mail_test

import (
	"bufio"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"sealgate/internal/notify/mail"
	"sealgate/internal/notify/notifytest"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
)

// touchy runs a mail server that drops the line at one recipient, as those do that look
// him up somewhere and hang; what it takes is counted by recipient.
func touchy(t *testing.T, at string) (mail.Server, func() []string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	taken := make(chan string, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			speak(c, at, taken)
			_ = c.Close()
		}
	}()
	t.Cleanup(func() {
		_ = l.Close()
		<-done
	})
	addr := l.Addr().(*net.TCPAddr)
	return mail.Server{Host: "127.0.0.1", Port: addr.Port, Security: mail.Plain, From: "gateway@pay.example"}, func() (list []string) {
		for len(taken) > 0 {
			list = append(list, <-taken)
		}
		return list
	}
}

func speak(c net.Conn, at string, taken chan<- string) {
	lines := bufio.NewScanner(c)
	say := func(text string) { fmt.Fprint(c, text+"\r\n") }
	say("220 touchy.example")
	to, inText := "", false
	for lines.Scan() {
		switch line := lines.Text(); {
		case inText && line == ".":
			inText = false
			taken <- to
			say("250 taken")
		case inText:
		case strings.HasPrefix(line, "RCPT TO:"):
			to = strings.Trim(strings.TrimPrefix(line, "RCPT TO:"), "<>")
			if to == at {
				return
			}
			say("250 yes")
		case line == "DATA":
			inText = true
			say("354 go on")
		case line == "QUIT":
			say("221 bye")
			return
		default:
			say("250 touchy.example")
		}
	}
}

// A letter that breaks the session takes none of the others with it.
func TestOneLetterIsInNoOthersWay(t *testing.T) {
	o := notifytest.Open(t)
	s, taken := touchy(t, "poison@kund.example")
	p := post(o, s)
	for _, to := range []string{"anna@kund.example", "poison@kund.example", "bo@kund.example", "cia@kund.example"} {
		m := hello
		m.To = to
		if err := p.Send(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if err := p.Round(t.Context()); err != nil {
			t.Fatal(err)
		}
		o.Clock.Add(5 * time.Second)
	}
	if got := taken(); strings.Join(got, " ") != "anna@kund.example bo@kund.example cia@kund.example" {
		t.Errorf("taken: %v", got)
	}
	if left := waiting(o); len(left) != 1 || left[0].Attempts != 1 {
		t.Errorf("left: %+v", left)
	}
}

// What lay in a backup, or in a gateway that was off, is not sent weeks later.
func TestALetterIsNotSentLongAfterwards(t *testing.T) {
	o := notifytest.Open(t)
	s, taken := touchy(t, "")
	p := post(o, s)
	if err := p.Send(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	o.Clock.Add(21 * 24 * time.Hour)
	fresh := hello
	fresh.To = "bo@kund.example"
	if err := p.Send(t.Context(), fresh); err != nil {
		t.Fatal(err)
	}
	if err := p.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	lost := ""
	catalogtest.View(t, o.Catalog, func(tx *catalog.Tx) (err error) { lost, err = tx.Setting(mail.LostSetting); return err })
	if got := taken(); len(got) != 1 || got[0] != fresh.To || lost == "" || len(waiting(o)) != 0 {
		t.Errorf("taken %v, lost %q, %d left", got, lost, len(waiting(o)))
	}
}

// A clock that was ahead when an attempt failed keeps no letter back.
func TestALetterOutlivesAClockThatWasAhead(t *testing.T) {
	o := notifytest.Open(t)
	good, taken := touchy(t, "")
	bad := good
	bad.Port = 1
	if err := post(o, bad).Send(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	o.Clock.Add(30 * time.Hour)
	if err := post(o, bad).Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	o.Clock.Add(-30 * time.Hour)
	if err := post(o, good).Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := taken(); len(got) != 1 {
		t.Errorf("taken: %v", got)
	}
}

// A clock that has jumped ahead silences no letter.
func TestALetterOutlivesAWrongClock(t *testing.T) {
	o := notifytest.Open(t)
	s, taken := touchy(t, "")
	trusted := false
	p := mail.New(mail.Server{Host: "127.0.0.1", Port: 1, Security: mail.Plain, From: "a@b.example"}, o.Catalog, o.Custody, o.Clock.Now, func() bool { return trusted }, slog.New(slog.DiscardHandler))
	if err := p.Send(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	o.Clock.Add(21 * 24 * time.Hour)
	for range 2 { // nobody listens
		if err := p.Round(t.Context()); err != nil {
			t.Fatal(err)
		}
		o.Clock.Add(2 * time.Hour)
	}
	if err := mail.New(s, o.Catalog, o.Custody, o.Clock.Now, func() bool { return trusted }, slog.New(slog.DiscardHandler)).Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := taken(); len(got) != 1 || len(waiting(o)) != 0 {
		t.Errorf("taken %v, %d left", got, len(waiting(o)))
	}
}
