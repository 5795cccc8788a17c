package ui

// What the doctor finds and says to do, by its English with a %s for what differs.
// Commands stay as they are typed. A test walks the source for sentences without Swedish.
var healthDetails = map[string]string{
	"every setting is known and fits":                                                            "varje inställning är känd och stämmer",
	"correct the name, or unset it":                                                              "rätta namnet, eller ta bort inställningen",
	"it lies in the data directory: who copies that has both":                                    "den ligger i datakatalogen: den som kopierar den har båda",
	"move it to another disk and name its place in gateway.yaml (keys.master: file:PATH)":        "flytta den till en annan disk och ange platsen i gateway.yaml (keys.master: file:SÖKVÄG)",
	"see the gateway's log; port 443 of the name has to lead to https.listen":                    "se gatewayens logg; port 443 på namnet ska leda till https.listen",
	"an authority gives it for %s (https.acme); the door is not open now":                        "en utfärdare ger det för %s (https.acme); dörren är inte öppen nu",
	"the authority has given none for %s yet; the gateway's own is shown":                        "utfärdaren har inte gett något för %s än; gatewayens eget visas",
	"that of the authority: %s":                                                                  "det från utfärdaren: %s",
	"that of the authority is good until %s":                                                     "det från utfärdaren gäller till %s",
	"the gateway signs its own for the HTTPS door; serve prints its fingerprint for clients":     "gatewayen signerar sitt eget för HTTPS-dörren; serve skriver ut fingeravtrycket för klienter",
	"browsers warn of it: name one that %s was given (https.certificate, https.certificate-key)": "webbläsare varnar för det: ange ett som %s har fått (https.certificate, https.certificate-key)",
	"put a certificate and its key there":                                                        "lägg ett certifikat och dess nyckel där",
	"put a new certificate there; the gateway takes it up by itself":                             "lägg dit ett nytt certifikat; gatewayen tar upp det själv",
	"%s is good until %s":                              "%s gäller till %s",
	"%s: it ends on %s":                                "%s: det går ut %s",
	"%s: it is not for %s":                             "%s: det är inte för %s",
	"%s is not there":                                  "%s finns inte",
	"gateway init, or gateway restore":                 "gateway init, eller gateway restore",
	"let the gateway's user into %s":                   "släpp in gatewayens användare i %s",
	"%s has mode %s: others may look in":               "%s har rättigheterna %s: andra kan se in",
	"%s has mode %s":                                   "%s har rättigheterna %s",
	"cannot write to %s":                               "det går inte att skriva i %s",
	"let the gateway's user write there":               "låt gatewayens användare skriva där",
	"look at the disk":                                 "se över disken",
	"look at the disk: a failed fsync means lost data": "se över disken: en fsync som misslyckas betyder förlorade data",
	"4 KiB written and synced in %s (median of %s)":    "4 KiB skrivna och synkade på %s (median av %s)",
	"no disk is that fast: is this a memory file system, or a disk that does not sync?": "ingen disk är så snabb: är det ett filsystem i minnet, eller en disk som inte synkar?",
	"every file waits for this twice; use a disk with a protected write cache":          "varje fil väntar på det två gånger; använd en disk med skyddad skrivcache",
	"%s free of %s": "%s ledigt av %s",
	"make room: with none left, new files are refused":               "gör plats: när det är slut avvisas nya filer",
	"%s; cannot tell whether it is kept right":                       "%s; det går inte att säga om den hålls rätt",
	"run chrony or systemd-timesyncd":                                "kör chrony eller systemd-timesyncd",
	"%s; nobody keeps it right":                                      "%s; ingen håller den rätt",
	"run chrony or systemd-timesyncd: times of receipt are evidence": "kör chrony eller systemd-timesyncd: mottagningstider är bevis",
	"%s, synchronised":                                               "%s, synkroniserad",
	"AES is done in hardware":                                        "AES görs i hårdvara",
	"AES is done in software":                                        "AES görs i mjukvara",
	"sealing will be slow: give the machine a processor (or virtual one) with AES instructions": "förseglingen blir långsam: ge maskinen en processor (eller virtuell) med AES-instruktioner",
	"end what listens there, or set %s": "avsluta det som lyssnar där, eller ställ in %s",
	"%s: %s is free":                    "%s: %s är ledig",

	"gateway certificate renew %s, or import a new one": "gateway certificate renew %s, eller importera ett nytt",
	"gateway access-key add %s":                         "gateway access-key add %s",
	"gateway access-key challenge, answer, confirm":     "gateway access-key challenge, answer, confirm",
	"restore a newer copy of the keys beside this data; if there is none, gateway certificate renew %s, or gateway access-key add %s": "återställ en nyare kopia av nycklarna bredvid de här data; finns ingen, gateway certificate renew %s, eller gateway access-key add %s",
	"restore a newer backup of the data if there is one; or erase the files at once, gateway file erase":                              "återställ en nyare säkerhetskopia av data om det finns en; eller utradera filerna på en gång, gateway file erase",
	"nothing, or call it off with --cancel":                                            "inget, eller återkalla det med --cancel",
	"gateway keys backup FILE, to a place apart from the data and from the master key": "gateway keys backup FIL, till en plats skild från data och från huvudnyckeln",
	"none was ever made: with this disk every kept file is lost":                       "ingen har någonsin gjorts: med den här disken går varje sparad fil förlorad",
	"%s holds every key": "%s har varje nyckel",
	"it cannot be reached at %s: a key that is made now is not in it, one that is removed now stays in it":                                                                                             "den går inte att nå på %s: en nyckel som görs nu finns inte i den, en som tas bort nu finns kvar i den",
	"bring it there, or make one elsewhere: gateway keys backup FILE, to a place apart from the data and from the master key":                                                                          "ta den dit, eller gör en någon annanstans: gateway keys backup FIL, till en plats skild från data och från huvudnyckeln",
	"see to that disk or server: what has changed meanwhile is written there when it answers; or make one elsewhere: gateway keys backup FILE, to a place apart from the data and from the master key": "se till den disken eller servern: vad som har ändrats under tiden skrivs dit när den svarar; eller gör en någon annanstans: gateway keys backup FIL, till en plats skild från data och från huvudnyckeln",
	"the disk or the server that holds the copy of the key store at %s does not answer":                                                                                                                "disken eller servern med kopian av nyckellagret på %s svarar inte",
	"find out whose it is, and make one elsewhere: gateway keys backup FILE, to a place apart from the data and from the master key":                                                                   "ta reda på vems den är, och gör en någon annanstans: gateway keys backup FIL, till en plats skild från data och från huvudnyckeln",
	"gateway keys backup %s": "gateway keys backup %s",
	"it answers":             "den svarar",
	"see that the token is there and its PIN is right: without it the account's files and names do not open": "se till att den finns och att PIN-koden är rätt: utan den går kontots filer och namn inte att öppna",
	"%s; retention and scheduled removals wait until %s":                                                     "%s; gallring och planerade borttagningar väntar till %s",
	"see that the clock is right; when it is, this ends by itself":                                           "se till att klockan går rätt; då slutar det av sig självt",
	"none is set up: links are shown, and alarms stay on their page (mail.host)":                             "ingen är inställd: länkar visas, och larm stannar på sin sida (mail.host)",
	"correct mail.* in the configuration, or the server; letters wait for two days":                          "rätta mail.* i konfigurationen, eller servern; brev väntar i två dygn",
	"the server takes letters": "servern tar emot brev",

	"http.connect is on, and http.listen is not set: no agent comes in by plain HTTP":                         "http.connect är på, och http.listen är inte inställd: ingen agent kommer in med vanlig HTTP",
	"set http.listen, or http.connect: false":                                                                 "ställ in http.listen, eller http.connect: false",
	"no agent can come in: https.listen is off, and so is http.connect":                                       "ingen agent kan komma in: https.listen är av, och http.connect också",
	"agents come in by plain HTTP only (http.connect is on); what they say is sealed and signed all the same": "agenter kommer in bara med vanlig HTTP (http.connect är på); vad de säger är förseglat och signerat ändå",
	"agents come in by HTTPS; by plain HTTP they do not (http.connect is off), at %s":                         "agenter kommer in med HTTPS; med vanlig HTTP gör de det inte (http.connect är av), på %s",
	"agents come in by HTTPS; by plain HTTP they do not (http.connect is off); https.url is not set":          "agenter kommer in med HTTPS; med vanlig HTTP gör de det inte (http.connect är av); https.url är inte inställd",
	"agents come in by HTTPS, and by plain HTTP (http.connect is on), at %s":                                  "agenter kommer in med HTTPS, och med vanlig HTTP (http.connect är på), på %s",
	"agents come in by HTTPS, and by plain HTTP (http.connect is on); https.url is not set":                   "agenter kommer in med HTTPS, och med vanlig HTTP (http.connect är på); https.url är inte inställd",
	"set https.url, or SEALGATE_HTTPS_URL, so that agent invite names the address":                            "ställ in https.url, eller SEALGATE_HTTPS_URL, så att agent invite anger adressen",

	"chmod 700 %s": "chmod 700 %s",
	"the certificate expires in less than %s days, on %s; renew it":                                                           "certifikatet går ut om mindre än %s dagar, %s; förnya det",
	"the account is closed: its last certificate was removed; a new one opens it again":                                       "kontot är stängt: dess sista certifikat har tagits bort; ett nytt öppnar det igen",
	"this access key is not used: its owner has not confirmed it yet":                                                         "åtkomstnyckeln används inte: dess ägare har inte bekräftat den än",
	"the certificate has expired; files are sealed under it all the same, but it should be renewed":                           "certifikatet har gått ut; filer förseglas med det ändå, men det bör förnyas",
	"the key will be removed on %s UTC, unless that is called off":                                                            "nyckeln tas bort %s UTC, om det inte återkallas",
	"the customer has brought no access key of %s: files are sealed under the one of %s, and are lost when that is destroyed": "kunden har inte lämnat någon åtkomstnyckel för %s: filer förseglas med den för %s, och går förlorade när den förstörs",
	"the customer has brought no access key of %s yet; that of %s will be used until he has":                                  "kunden har inte lämnat någon åtkomstnyckel för %s än; den för %s används tills dess",
}

var healthPhrases = phrased(healthDetails)

// Health is what the doctor says, in the reader's language.
func (l *Locale) Health(sentence string) string {
	if l.Language != Swedish {
		return sentence
	}
	return inSwedish(healthPhrases(), sentence)
}
