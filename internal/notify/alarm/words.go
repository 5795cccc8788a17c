package alarm

import (
	"strconv"
	"strings"

	"sealgate/internal/store/catalog/notices"
	"sealgate/internal/transfer/remote/why"
)

// The languages.
const (
	English = "en"
	Swedish = "sv"
)

// words are what is said about a kind of alarm, and what to do about it. {n} is the
// count, {one|many} a word by it, {why} and {fix} the reason that the detail "code" names,
// any other {name} a detail.
type words struct{ says, do string }

var texts = map[string]map[string]words{
	"files-held": {
		English: {"{n} {file is|files are} held and {waits|wait} for a decision", "release, index again or erase {it|them}"},
		Swedish: {"{n} {fil|filer} är {stoppad|stoppade} och väntar på beslut", "släpp igenom, läs om eller radera {den|dem}"},
	},
	"files-refused": {
		English: {"{n} {file was|files were} refused: {it|they} could not be read to the end", "send {it|them} again, or erase {it|them}"},
		Swedish: {"{n} {fil|filer} avvisades: {den|de} gick inte att läsa till slutet", "skicka {den|dem} igen, eller radera {den|dem}"},
	},
	"files-locked": {
		English: {"{n} {file waits|files wait} for a key", "unlock the account, or bring the key"},
		Swedish: {"{n} {fil|filer} väntar på en nyckel", "lås upp kontot, eller ta hit nyckeln"},
	},
	"files-not-renamed": {
		English: {"{n} {file waits|files wait} for {its|their} rename for more than a day", "rename {it to its|them to their} final name, or have {it taken as it is|them taken as they are} (index again)"},
		Swedish: {"{n} {fil|filer} har väntat i mer än ett dygn på {sitt|sina} slutliga namn", "döp om {den|dem}, eller ta emot {den som den är|dem som de är} (läs om)"},
	},
	"access-asked": {
		English: {"an operator asks to see what the account's files hold", "allow or refuse it until {until}, under Operators' access"},
		Swedish: {"en operatör ber att få se innehållet i kontots filer", "godkänn eller avslå senast {until}, under Operatörers insyn"},
	},
	"certificate-expires": {
		English: {"the account's certificate expires on {until}", "renew it"},
		Swedish: {"kontots certifikat går ut {until}", "förnya det"},
	},
	"certificate-expired": {
		English: {"the account's certificate expired on {until}; files are sealed under it all the same", "renew it"},
		Swedish: {"kontots certifikat gick ut {until}; filer förseglas med det ändå", "förnya det"},
	},
	"no-key-for-year": {
		English: {"the customer has brought no access key for the year", "bring one"},
		Swedish: {"kunden har inte lämnat någon åtkomstnyckel för året", "lämna en"},
	},
	"no-access-key": {
		English: {"there is no access key to seal files for: nothing is accepted", "bring one and confirm it"},
		Swedish: {"det finns ingen åtkomstnyckel att försegla filer med: inget tas emot", "lämna en och bekräfta den"},
	},
	"not-confirmed": {
		English: {"an access key was not confirmed for more than a day, and is not used", "confirm it, or remove it"},
		Swedish: {"en åtkomstnyckel har inte bekräftats på mer än ett dygn, och används inte", "bekräfta den, eller ta bort den"},
	},
	"closed": {
		English: {"the account is closed: its last certificate was removed", "install a new one to open it again"},
		Swedish: {"kontot är stängt: dess sista certifikat har tagits bort", "installera ett nytt för att öppna det"},
	},
	"removal-scheduled": {
		English: {"a key will be destroyed on {until}, and what is sealed under it alone with it", "nothing, or call it off"},
		Swedish: {"en nyckel förstörs {until}, och med den allt som bara är förseglat med den", "inget, eller återkalla det"},
	},
	"key-missing": {
		English: {"a key that the gateway should hold is not in its key store", "restore a newer copy of the keys"},
		Swedish: {"en nyckel som ska finnas i nyckelförrådet saknas", "återställ en nyare kopia av nycklarna"},
	},
	"data-older-than-keys": {
		English: {"restored data names a key that was destroyed since", "restore a newer backup of the data, if there is one"},
		Swedish: {"återställda data nämner en nyckel som sedan dess har förstörts", "återställ en nyare säkerhetskopia, om det finns en"},
	},
	"webhook-failing": {
		English: {"a webhook has taken nothing since {since}", "see that its receiver answers; test it"},
		Swedish: {"en webhook har inte tagit emot något sedan {since}", "se till att mottagaren svarar; testa den"},
	},
	"webhook-no-secret": {
		English: {"the secret of a webhook is not in the key store: nothing is sent to it", "make a new secret and give it to the receiver"},
		Swedish: {"hemligheten till en webhook finns inte i nyckelförrådet: inget skickas till den", "skapa en ny hemlighet och ge den till mottagaren"},
	},
	"webhook-off": {
		English: {"the gateway has switched a webhook off, for it took nothing for days", "see that its receiver answers, then switch it on"},
		Swedish: {"en webhook har stängts av eftersom den inte tagit emot något på flera dagar", "se till att mottagaren svarar, och slå på den"},
	},
	"remote-failing": {
		English: {"visits to the remote {remote} have failed since {since}: {why}", "{fix}"},
		Swedish: {"besöken hos fjärrservern {remote} misslyckas sedan {since}: {why}", "{fix}"},
	},
	"file-expected": {
		English: {"no file has come from the remote {remote} by {since}, when one was expected", "ask the sender; if the file lies on the server, see the remote's patterns and its last visits"},
		Swedish: {"ingen fil har kommit från fjärrservern {remote} till {since}, då en väntades", "fråga avsändaren; om filen ligger på servern, se över fjärrserverns mönster och senaste besök"},
	},
	"push-waiting": {
		English: {"{n} {file of the outbox waits|files of the outbox wait} for the remote {remote} since {since}", "the remote's page says what keeps {it|them}; test the remote, or fetch {it|them} by hand"},
		Swedish: {"{n} {fil|filer} i utkorgen väntar på fjärrservern {remote} sedan {since}", "fjärrserverns sida säger vad som hindrar; prova fjärrservern, eller hämta {filen|filerna} för hand"},
	},
	"agent-silent": {
		English: {"an agent at the customer's premises has said nothing since {since}", "see that its machine runs and reaches the gateway; connect doctor says what is wrong there"},
		Swedish: {"en agent hos kunden har varit tyst sedan {since}", "se till att dess maskin är igång och når gatewayen; connect doctor säger vad som är fel där"},
	},
	"agent-troubled": {
		English: {"an agent at the customer's premises says since {since} that something is wrong there", "the agent's page says what; connect doctor on its machine says what to do"},
		Swedish: {"en agent hos kunden säger sedan {since} att något är fel där", "agentens sida säger vad; connect doctor på dess maskin säger vad som ska göras"},
	},
	"mail-failing": {
		English: {"{n} {mail waits|mails wait} and {was|were} tried in vain", "look at the mail server and at mail.* in the configuration"},
		Swedish: {"{n} e-brev väntar och har inte gått att skicka", "se över e-postservern och mail.* i konfigurationen"},
	},
	"mail-lost": {
		English: {"a letter was given up on {since}: the mail server refused it, or took nothing for two days", "look at the mail server and at the addresses of those who are written to"},
		Swedish: {"ett e-brev gavs upp {since}: e-postservern vägrade det, eller tog inte emot något på två dygn", "se över e-postservern och mottagarnas adresser"},
	},
	"disk-low": {
		English: {"the disk is nearly full: {free} left", "make room; arrivals are refused when there is none"},
		Swedish: {"disken är nästan full: {free} kvar", "gör plats; filer avvisas när det är slut"},
	},
	"clock-in-doubt": {
		English: {"the clock has jumped; retention and scheduled removals wait", "see that the clock is right"},
		Swedish: {"klockan har hoppat; gallring och planerade borttagningar väntar", "se till att klockan går rätt"},
	},
	"audit-damaged": {
		English: {"the audit log does not agree with its signed heads: it was changed or is damaged", "keep the data as it is and find out; gateway audit verify says what does not agree"},
		Swedish: {"loggen stämmer inte med sina signerade kontrollvärden: den är ändrad eller skadad", "lämna data orörda och utred; gateway audit verify säger vad som inte stämmer"},
	},
	"key-backup": {
		English: {"the copy of the keys is missing, behind or out of reach", "gateway keys backup FILE, to a place apart from the data"},
		Swedish: {"kopian av nycklarna saknas, är gammal eller går inte att nå", "gateway keys backup FIL, till en plats skild från data"},
	},
	"data-backup": {
		English: {"the last backup of the data is more than {days} days old, or was never made", "gateway backup DIR"},
		Swedish: {"den senaste säkerhetskopian av data är äldre än {days} dagar, eller har aldrig gjorts", "gateway backup KATALOG"},
	},
	"https-renewal": {
		English: {"the authority gives no certificate for the HTTPS door; from {until} clients are shown one that they do not know", "see that https.url leads to this gateway at port 443; the log says what the authority answers"},
		Swedish: {"utfärdaren ger inget certifikat till HTTPS; från {until} visas ett som klienterna inte känner", "se till att https.url leder till denna gateway på port 443; loggen säger vad utfärdaren svarar"},
	},
	"https-certificate": {
		English: {"the certificate of the HTTPS door expires on {until}", "put a new one in its place; the gateway takes it up by itself"},
		Swedish: {"HTTPS-certifikatet går ut {until}", "lägg dit ett nytt; gatewayen tar upp det själv"},
	},
}

// Kinds are the kinds of alarms that there are words for.
func Kinds() []string {
	list := make([]string, 0, len(texts))
	for kind := range texts {
		list = append(list, kind)
	}
	return list
}

// Sentence is what is said about an alarm, and what to do. It names no account, no
// file and no address.
func Sentence(language string, a *notices.Alarm) (says, do string) {
	w, ok := texts[a.Kind][language]
	if !ok {
		if w, ok = texts[a.Kind][English]; !ok {
			w = words{says: a.Kind}
		}
	}
	reason := why.Code(a.Detail["code"]).Words(language)
	return fill(w.says, a, reason), fill(w.do, a, reason)
}

func fill(text string, a *notices.Alarm, reason why.Words) string {
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(text, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		name, after, _ := strings.Cut(rest, "}")
		text = after
		switch one, many, choice := strings.Cut(name, "|"); {
		case choice && a.Count == 1:
			b.WriteString(one)
		case choice:
			b.WriteString(many)
		case name == "n":
			b.WriteString(strconv.FormatInt(a.Count, 10))
		case name == "why":
			b.WriteString(reason.Says)
		case name == "fix":
			b.WriteString(reason.Do)
		default:
			b.WriteString(a.Detail[name])
		}
	}
}
