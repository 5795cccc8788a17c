package alarm

import (
	"context"
	"time"

	"sealgate/internal/transfer/remotes"
)

// Remotes finds customers' own servers that somebody should see to. What the last error
// was is told by its code: the sentence may name a file, and stands on the remote's page.
func Remotes(troubles func(context.Context) ([]remotes.Trouble, error)) Check {
	return Check{Name: "remotes", Every: time.Minute, Look: func(ctx context.Context) (found []Condition, err error) {
		list, err := troubles(ctx)
		for _, t := range list {
			c := Condition{
				Account: t.Account, Kind: t.Kind, Object: t.ID.String(), Severity: Warning, Count: max(t.Files, 1),
				Detail: map[string]string{"remote": t.Name, "since": stamp(t.Since)},
			}
			switch t.Kind {
			case remotes.Failing:
				c.Detail["code"] = t.Health.Error
			case remotes.FileExpected:
				c.Level = t.Since.Unix() // each day without is worse
			}
			found = append(found, c)
		}
		return found, err
	}}
}

// reasons are why visits fail, by the code of the last one: what was so, and what to do.
var reasons = map[string]map[string]words{
	"identity": {
		English: {"the server shows another key or certificate than was confirmed", "ask who runs the server whether it was changed; if so, test the remote and confirm the new fingerprint"},
		Swedish: {"servern visar en annan nyckel eller ett annat certifikat än det som bekräftats", "fråga den som driver servern om den har bytts; prova i så fall fjärrservern och bekräfta det nya fingeravtrycket"},
	},
	"not-allowed": {
		English: {"an operator has said where the files go, and may not see the account's contents", "an admin of the account sets the remote up anew, or lets operators see the contents"},
		Swedish: {"en operatör har bestämt vart filerna går, och får inte se kontots innehåll", "en administratör för kontot lägger upp fjärrservern på nytt, eller ger operatörer insyn"},
	},
	"timeout": {
		English: {"the server does not answer", "see that the server runs and that its firewall lets the gateway in"},
		Swedish: {"servern svarar inte", "se till att servern är igång och att dess brandvägg släpper in gatewayen"},
	},
	"cut": {
		English: {"the connection was cut", "see the server's log and what lies between"},
		Swedish: {"förbindelsen bröts", "se serverns logg och vad som ligger däremellan"},
	},
	"some-files": {
		English: {"some files could not be transferred", "the remote's page says which one and why"},
		Swedish: {"vissa filer gick inte att överföra", "fjärrserverns sida säger vilken och varför"},
	},
	"denied": {
		English: {"the server or the gateway's rules refuse it", "see that password or key, rights and address are right; test the remote"},
		Swedish: {"servern eller gatewayens regler tillåter det inte", "se till att lösenord eller nyckel, rättigheter och adress stämmer; prova fjärrservern"},
	},
	"invalid": {
		English: {"what the remote is set to does not fit the server", "test the remote; it says what to change"},
		Swedish: {"fjärrserverns inställningar passar inte servern", "prova fjärrservern; där står vad som behöver ändras"},
	},
	"not-found": {
		English: {"the folder, or something in it, is not there", "see that the folder exists, or change the address"},
		Swedish: {"katalogen, eller något i den, finns inte", "se till att katalogen finns, eller ändra adressen"},
	},
	"locked": {
		English: {"what it is set to is sealed under a key that is not here", "unlock the account, or bring the key"},
		Swedish: {"inställningarna är förseglade med en nyckel som inte finns här", "lås upp kontot, eller ta hit nyckeln"},
	},
	"full": {
		English: {"there is no room left", "make room on the server or at the gateway"},
		Swedish: {"utrymmet är slut", "gör plats på servern eller i gatewayen"},
	},
	"": { // of any other code
		English: {"its visits go wrong", "test the remote; it says what goes wrong at which step"},
		Swedish: {"besöken går fel", "prova fjärrservern; där står vad som går fel i vilket steg"},
	},
}

// reason is what is said about a code, for {why} and {fix}.
func reason(language, code string) words {
	byLanguage, ok := reasons[code]
	if !ok {
		byLanguage = reasons[""]
	}
	if w, ok := byLanguage[language]; ok {
		return w
	}
	return byLanguage[English]
}
