package letter_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"sealgate/internal/account/person"
	"sealgate/internal/notify/letter"
	"sealgate/internal/notify/mail"
)

type post []mail.Message

func (p *post) Send(_ context.Context, m mail.Message) error {
	*p = append(*p, m)
	return m.Check()
}

func office(p mail.Sender, url, language string) *letter.Office {
	return letter.New(p, url, language, slog.New(slog.DiscardHandler))
}

func TestLettersCarryTheLinkAndNothingElse(t *testing.T) {
	for _, kind := range []string{person.Invitation, person.Reset, person.Forgotten} {
		for language, word := range map[string]string{"sv": "gäller en gång", "en": "works once", "": "gäller en gång", "xx": "works once"} {
			var p post
			link := &person.Link{Secret: "SECRET", Kind: kind, Language: language, Until: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
			if sent := office(&p, "https://gateway.example/", "sv").Send(t.Context(), link, "anna@acme.example"); !sent || len(p) != 1 {
				t.Fatalf("%v %d", sent, len(p))
			}
			if m := p[0]; m.To != "anna@acme.example" || m.Subject == "" || !strings.Contains(m.Text, "\nhttps://gateway.example/welcome#SECRET\n") ||
				!strings.Contains(m.Text, word) || !strings.Contains(m.Text, "2026-11-22 09:00") || len(m.Text) > 500 {
				t.Errorf("%s %s: %+v", kind, language, m)
			}
		}
	}
}

func TestWithoutMailAddressOrNameThereIsNoLetter(t *testing.T) {
	link := &person.Link{Secret: "SECRET", Kind: person.Reset}
	var p post
	if office(nil, "https://gateway.example", "en") != nil || office(&p, "", "en") != nil {
		t.Error("an office that cannot write")
	}
	for _, to := range []string{"erp-robot", "", "Anna <anna@acme.example>", "anna@acme.example\r\nBcc: x@y.example", "a b@c.example", "å@acme.example", "a@[192.0.2.1]"} {
		if office(&p, "https://gateway.example", "en").Send(t.Context(), link, to) {
			t.Errorf("%q is promised a letter", to)
		}
	}
	var none *letter.Office
	if none.Send(t.Context(), link, "anna@acme.example") || len(p) != 0 {
		t.Errorf("%v", p)
	}
	if office(broken{}, "https://gateway.example", "en").Send(t.Context(), link, "anna@acme.example") {
		t.Error("the post has not taken it, and the link is lost")
	}
}

type broken struct{}

func (broken) Send(context.Context, mail.Message) error { return errors.New("the disk is full") }
