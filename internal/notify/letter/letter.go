// Package letter writes the letters that carry one-time links, and hands them to the
// post.
//
// A link leads to the address that who runs the gateway has set (https.url), never to
// the one that a request names. Without it, or without mail, there are no letters:
// links are then shown to who asks for them.
package letter

import (
	"context"
	"log/slog"
	"strings"

	"sealgate/internal/account/person"
	"sealgate/internal/mailaddr"
	"sealgate/internal/notify/mail"
)

// Office writes letters. A nil Office writes none.
type Office struct {
	post     mail.Sender
	url      string
	language string
	log      *slog.Logger
}

// New returns an office, nil when it could not write: post is nil, or url empty.
// Letters are in language where the reader has chosen none.
func New(post mail.Sender, url, language string, log *slog.Logger) *Office {
	if post == nil || url == "" {
		return nil
	}
	return &Office{post: post, url: strings.TrimSuffix(url, "/"), language: language, log: log}
}

// words are what a letter says; the order is subject, then what comes before the link.
var words = map[string]map[string][2]string{
	person.Invitation: {
		"en": {"Your way into Sealgate", "You have been invited to Sealgate. Open this link and choose how you sign in:"},
		"sv": {"Din väg in i Sealgate", "Du är inbjuden till Sealgate. Öppna länken och välj hur du loggar in:"},
	},
	person.Reset: {
		"en": {"A new password for Sealgate", "Your password for Sealgate was taken away by who administers it. Open this link and choose a new one:"},
		"sv": {"Ett nytt lösenord till Sealgate", "Den som administrerar Sealgate har tagit bort ditt lösenord. Öppna länken och välj ett nytt:"},
	},
	person.Forgotten: {
		"en": {"A new password for Sealgate", "Somebody asked for a new password for your login. If it was you, open this link and choose one. If it was not, do nothing: your password stays."},
		"sv": {"Ett nytt lösenord till Sealgate", "Någon har bett om ett nytt lösenord till din inloggning. Var det du, öppna länken och välj ett. Var det inte du, gör ingenting: ditt lösenord gäller som förut."},
	},
}

var ends = map[string]string{
	"en": "It works once, until %s (UTC). Whoever has it can use it: do not pass it on.",
	"sv": "Den gäller en gång, till %s (UTC). Den som har den kan använda den: skicka den inte vidare.",
}

// Send hands a link to the post when the login's name is an address, and reports
// whether the post has it now. Else it is for whoever asked for it to pass it on.
func (o *Office) Send(ctx context.Context, link *person.Link, to string) bool {
	if o == nil || !mailaddr.Valid(to) {
		return false
	}
	language := link.Language
	if language == "" {
		language = o.language
	}
	if _, ok := ends[language]; !ok {
		language = "en"
	}
	w := words[link.Kind][language]
	until := strings.Replace(ends[language], "%s", link.Until.UTC().Format("2006-01-02 15:04"), 1)
	err := o.post.Send(ctx, mail.Message{
		To: to, Subject: w[0], Text: w[1] + "\n\n" + o.url + "/welcome#" + link.Secret + "\n\n" + until + "\n",
	})
	if err != nil {
		o.log.ErrorContext(ctx, "a letter with a link could not be handed to the post", "login", link.Login, "error", err)
	}
	return err == nil
}
