package ui

import (
	"regexp"
	"strings"
	"sync"
)

// Details of what was found are sentences that the index keeps in English, with what the
// file has in them. Here are the same in Swedish, by the formats that they are made
// with: what stood for each verb is put in the place of the same verb, in order. A test
// walks the source and fails when a format has no Swedish.
var details = map[string]string{
	"%q is not an amount that can be paid": "%q är inget belopp som kan betalas",
	"CDATA stands outside of the document": "CDATA står utanför dokumentet",
	"a comment holds --":                   "en kommentar innehåller --",

	"a credit transfer number of this section, with no payment to it, is wrong":      "ett kontoinsättningsnummer i avsnittet, som ingen betalning går till, är fel",
	"a field is longer than %d characters":                                           "ett fält är längre än %d tecken",
	"a line of more than %d bytes":                                                   "en rad på mer än %d byte",
	"a message of more than %d bytes":                                                "ett meddelande på mer än %d byte",
	"a record %s cannot stand here: %s":                                              "en post %s kan inte stå här: %s",
	"a record of %d characters where the format has %d":                              "en post på %d tecken där formatet har %d",
	"a second document begins after the end of the first":                            "ett andra dokument börjar efter slutet på det första",
	"a second message follows the first in the same file; its payments are not read": "ett andra meddelande följer på det första i samma fil; dess betalningar läses inte",
	"a tag is longer than %d bytes":                                                  "en tagg är längre än %d byte",
	"an address has free lines but not both town and country in their own elements; banks refuse this from November 2026": "en adress har fria rader men inte både ort och land i egna element; bankerna avvisar det från november 2026",
	"an end tag stands outside of the document":                                                            "en sluttagg står utanför dokumentet",
	"batch %d asks for the payment method %.40s, which pain.001 does not have":                             "bunt %d begär betalsättet %s, som pain.001 inte har",
	"batch %d has no account to pay from (DbtrAcct)":                                                       "bunt %d saknar konto att betala från (DbtrAcct)",
	"batch %d has no execution date (ReqdExctnDt)":                                                         "bunt %d saknar betaldag (ReqdExctnDt)",
	"batch %d has no id (PmtInfId)":                                                                        "bunt %d saknar id (PmtInfId)",
	"batch %d has the same id (PmtInfId) as an earlier one":                                                "bunt %d har samma id (PmtInfId) som en tidigare",
	"batch %d holds no payment":                                                                            "bunt %d har ingen betalning",
	"batch %d says that it holds %.40s payments, but holds %d":                                             "bunt %d säger att den har %s betalningar, men har %d",
	"clearing number %q and account %q":                                                                    "clearingnummer %q och konto %q",
	"lines end in more than one way":                                                                       "rader slutar på mer än ett sätt",
	"markup begins with <! and is neither a comment nor CDATA":                                             "märkning börjar med <! och är varken kommentar eller CDATA",
	"more than %d elements stand inside each other":                                                        "mer än %d element står i varandra",
	"neither the payment nor its section has a payment day":                                                "varken betalningen eller dess avsnitt har en betaldag",
	"no record of this format starts with %q":                                                              "ingen post i formatet börjar med %q",
	"one payment holds more than %d bytes of text":                                                         "en betalning har mer än %d byte text",
	"payment %d has no account for the payee":                                                              "betalning %d saknar konto för mottagaren",
	"payment %d has no amount":                                                                             "betalning %d saknar belopp",
	"payment %d has no end-to-end id":                                                                      "betalning %d saknar end-to-end-id",
	"records after the closing record 99":                                                                  "poster efter slutposten 99",
	"the %s number %q is wrong":                                                                            "%s-numret %q är fel",
	"the %s that batch %d is paid from, ending in %s, %s":                                                  "%s som bunt %d betalas från, med slutet %s: %s",
	"the XML declaration does not stand at the very start of the file":                                     "XML-deklarationen står inte allra först i filen",
	"the account record is for %q, which is no credit transfer number":                                     "kontoposten gäller %q, som inte är ett kontoinsättningsnummer",
	"the amount of payment %d is zero":                                                                     "beloppet i betalning %d är noll",
	"the amount of payment %d, %.40s, has more than the %d decimals of %s":                                 "beloppet i betalning %d, %s, har fler än de %d decimaler som %s har",
	"the amount of payment %d, %.40s, is not a number that can be paid":                                    "beloppet i betalning %d, %s, är inget tal som kan betalas",
	"the amounts in %s add up to more than can be counted":                                                 "beloppen i %s blir tillsammans mer än som kan räknas",
	"the character U+%04X is not allowed in XML":                                                           "tecknet U+%s är inte tillåtet i XML",
	"the characters ]]> may not stand in text":                                                             "tecknen ]]> får inte stå i text",
	"the closing seal 99 is cut: %d characters of %d":                                                      "slutsigillet 99 är avklippt: %d tecken av %d",
	"the control sum of batch %d is %.40s, which is not the sum of its payments":                           "kontrollsumman för bunt %d är %s, som inte är summan av dess betalningar",
	"the control sum of the file is %.40s, which is not the sum of its payments":                           "filens kontrollsumma är %s, som inte är summan av dess betalningar",
	"the credit transfer number %q is not a number":                                                        "kontoinsättningsnumret %q är inget nummer",
	"the credit transfer number %q is wrong":                                                               "kontoinsättningsnumret %q är fel",
	"the currency %q is neither SEK nor EUR":                                                               "valutan %q är varken SEK eller EUR",
	"the currency of payment %d, %.40q, is no ISO 4217 code":                                               "valutan i betalning %d, %s, är ingen kod i ISO 4217",
	"the execution date of batch %d, %.40s, is no day of the calendar":                                     "betaldagen för bunt %d, %s, finns inte i kalendern",
	"the file began in %s and has a byte that does not belong there":                                       "filen började i %s och har en byte som inte hör hemma där",
	"the file begins with more than %d blanks":                                                             "filen börjar med mer än %d blanktecken",
	"the file declares the encoding %s, but it has %s":                                                     "filen anger teckenkodningen %s, men har %s",
	"the file declares the encoding %s, which is not known here":                                           "filen anger teckenkodningen %s, som inte är känd här",
	"the file does not say how many payments it holds (NbOfTxs)":                                           "filen säger inte hur många betalningar den har (NbOfTxs)",
	"the file ends before </%s>: the end is missing":                                                       "filen slutar före </%s>: slutet saknas",
	"the file ends before its first element":                                                               "filen slutar före sitt första element",
	"the file ends before its first section":                                                               "filen slutar före sitt första avsnitt",
	"the file ends inside a section, before its total record 29":                                           "filen slutar mitt i ett avsnitt, före dess summapost 29",
	"the file ends inside a tag or text: the end is missing":                                               "filen slutar mitt i en tagg eller text: slutet saknas",
	"the file ends within a character: the end is missing":                                                 "filen slutar mitt i ett tecken: slutet saknas",
	"the file has a document type declaration (DOCTYPE), which payment files may not have":                 "filen har en dokumenttypsdeklaration (DOCTYPE), som betalfiler inte får ha",
	"the file holds no batch of payments (PmtInf)":                                                         "filen har ingen bunt betalningar (PmtInf)",
	"the file holds nothing but blanks":                                                                    "filen har bara blanktecken",
	"the file is %s (%s), which is not read by this version yet":                                           "filen är %s (%s), som den här versionen inte läser än",
	"the file is %s, which is not read by this version yet":                                                "filen är %s, som den här versionen inte läser än",
	"the file is %s; versions %02d to %02d of %s are known":                                                "filen är %s; versionerna %d till %d av %s är kända",
	"the file is XML (%.40s), but holds no ISO 20022 payment message":                                      "filen är XML (%s), men har inget betalmeddelande i ISO 20022",
	"the file is a web page, not a payment file":                                                           "filen är en webbsida, ingen betalfil",
	"the file is closed inside a section, before its total record 29":                                      "filen avslutas mitt i ett avsnitt, före dess summapost 29",
	"the file is in %s; the format calls for ISO-8859-1":                                                   "filen är i %s; formatet kräver ISO-8859-1",
	"the file is in no format that is known here%s":                                                        "filen är i inget format som är känt här%s",
	"the file is text in UTF-16, but not XML":                                                              "filen är text i UTF-16, men inte XML",
	"the file is the ISO 20022 message %s, which carries no payments that are read here":                   "filen är ISO 20022-meddelandet %s, som inte bär några betalningar som läses här",
	"the file names more currencies than there are, or one too long to be a name; the sums leave them out": "filen nämner fler valutor än det finns, eller en som är för lång för ett namn; de är inte med i summorna",
	"the file opens with a seal and ends without the closing one, 99":                                      "filen börjar med ett sigill och slutar utan slutsigillet, 99",
	"the file says that it holds %.40s payments, but holds %d":                                             "filen säger att den har %s betalningar, men har %d",
	"the file says that it is %s, but byte %d of it does not fit":                                          "filen säger att den är %s, men byte %d i den stämmer inte",
	"the file says that it is %s, but holds %.40s":                                                         "filen säger att den är %s, men har %s",
	"the file says that it is %s, but holds no message":                                                    "filen säger att den är %s, men har inget meddelande",
	"the file states no control sum, so a changed amount would not show":                                   "filen anger ingen kontrollsumma, så ett ändrat belopp skulle inte märkas",
	"the message id (MsgId) is missing":                                                                    "meddelandets id (MsgId) saknas",
	"the number of payments is not a number":                                                               "antalet betalningar är inget tal",
	"the payee's %s in payment %d, ending in %s, %s":                                                       "mottagarens %s i betalning %d, med slutet %s: %s",
	"the payee's bank in payment %d, %.40s, does not look like a BIC":                                      "mottagarens bank i betalning %d, %s, ser inte ut som en BIC",
	"the payer's bank in batch %d, %.40s, does not look like a BIC":                                        "betalarens bank i bunt %d, %s, ser inte ut som en BIC",
	"the payment day %q is not a day":                                                                      "betaldagen %q är ingen dag",
	"the reference of payment %d, %.40s, fails its check digit":                                            "referensen i betalning %d, %s, har fel kontrollsiffra",
	"the section's payment day %q is not a day":                                                            "avsnittets betaldag %q är ingen dag",
	"the sender's Bankgiro number %q is wrong":                                                             "avsändarens bankgironummer %q är fel",
	"the total amount is not a number":                                                                     "totalbeloppet är inget tal",
	"the total counts %q payments, the section has %d":                                                     "summaposten räknar %q betalningar, avsnittet har %d",
	"the total is for sender %q, the section for %q":                                                       "summaposten gäller avsändaren %q, avsnittet %q",
	"the total states %q, the payments add up to %d öre":                                                   "summaposten säger %q, betalningarna blir %d öre",
	"the same bytes were taken before: file %s":                                                            "samma byte har tagits emot tidigare: fil %s",
	"message id %q was taken before with other bytes: file %s":                                             "meddelande-id %q har tagits emot tidigare med annat innehåll: fil %s",
	"there is text after the end of the document":                                                          "det finns text efter dokumentets slut",
	"there is text before the first element":                                                               "det finns text före det första elementet",
}

var verb = regexp.MustCompile(`%[-+0-9.]*[a-zA-Z]`)

type phrase struct {
	english *regexp.Regexp
	swedish []string // between what stood for the verbs
}

// phrased makes a table of formats ready to be looked up.
func phrased(table map[string]string) func() []phrase {
	return sync.OnceValue(func() []phrase {
		var all []phrase
		for english, swedish := range table {
			parts := verb.Split(english, -1)
			for i := range parts {
				parts[i] = regexp.QuoteMeta(parts[i])
			}
			all = append(all, phrase{regexp.MustCompile(`(?s)^` + strings.Join(parts, `(.*?)`) + `$`), verb.Split(swedish, -1)})
		}
		return all
	})
}

var detailPhrases = phrased(details)

// inSwedish is a sentence in Swedish where the table has it. Of several that fit, the
// one with the most words of its own is meant.
func inSwedish(all []phrase, sentence string) string {
	best, kept := sentence, -1
	for _, p := range all {
		m := p.english.FindStringSubmatch(sentence)
		if m == nil || len(m) != len(p.swedish) {
			continue
		}
		text, own := p.swedish[0], len(p.english.String())
		for i, part := range p.swedish[1:] {
			text += m[i+1] + part
		}
		if own > kept {
			best, kept = text, own
		}
	}
	return best
}

// Detail is what the index says of a finding, in the reader's language.
func (l *Locale) Detail(sentence string) string {
	if l.Language != Swedish {
		return sentence
	}
	return inSwedish(detailPhrases(), sentence)
}
