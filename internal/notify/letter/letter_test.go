package letter_test

import (
	"context"
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

func TestLettersCarryTheLinkAndNothingElse(t *testing.T) {
	link := &person.Link{Secret: "SECRET", Until: time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)}
	for _, kind := range []string{person.Invitation, person.Reset, person.Forgotten} {
		for language, word := range map[string]string{"sv": "gäller en gång", "en": "works once", "": "gäller en gång", "xx": "works once"} {
			var p post
			sent, err := letter.New(&p, "https://gateway.example/", "sv").Send(t.Context(), kind, link, "anna@acme.example", language)
			if !sent || err != nil || len(p) != 1 {
				t.Fatalf("%v %v %d", sent, err, len(p))
			}
			if m := p[0]; m.To != "anna@acme.example" || m.Subject == "" || !strings.Contains(m.Text, "\nhttps://gateway.example/welcome#SECRET\n") ||
				!strings.Contains(m.Text, word) || !strings.Contains(m.Text, "2026-11-22 09:00") || len(m.Text) > 500 {
				t.Errorf("%s %s: %+v", kind, language, m)
			}
		}
	}
}

func TestWithoutMailAddressOrNameThereIsNoLetter(t *testing.T) {
	link := &person.Link{Secret: "SECRET"}
	var p post
	if letter.New(nil, "https://gateway.example", "en") != nil || letter.New(&p, "", "en") != nil {
		t.Error("an office that cannot write")
	}
	for _, to := range []string{"erp-robot", "", "Anna <anna@acme.example>", "anna@acme.example\r\nBcc: x@y.example", "a b@c.example"} {
		if sent, err := letter.New(&p, "https://gateway.example", "en").Send(t.Context(), person.Reset, link, to, "en"); sent || err != nil {
			t.Errorf("%q: %v %v", to, sent, err)
		}
	}
	var none *letter.Office
	if sent, err := none.Send(t.Context(), person.Reset, link, "anna@acme.example", "en"); sent || err != nil || len(p) != 0 {
		t.Errorf("%v %v %v", sent, err, p)
	}
}
