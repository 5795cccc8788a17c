package send

import "sealgate/internal/portal/web/ui"

var texts = ui.Texts{
	"upload.lead":      {"Filerna förseglas från första byten. De är i säkerhet när det står mottagen.", "Files are sealed from their first byte. They are safe when it says received."},
	"upload.drop":      {"Släpp filer och mappar här", "Drop files and folders here"},
	"upload.or":        {"eller", "or"},
	"upload.choose":    {"Välj filer", "Choose files"},
	"upload.folder":    {"Välj en mapp", "Choose a folder"},
	"upload.resumable": {"En avbruten sändning fortsätter där den slutade, även om du stänger datorn.", "What is cut goes on where it stopped, also after you have closed the lid."},
	"upload.send":      {"Skicka", "Send"},
	"upload.limit":     {"Högst 100 filer på en gång. Med JavaScript påslaget går det att pausa och fortsätta.", "At most 100 files at once. With JavaScript on, you can pause and go on."},
	"upload.none":      {"Välj minst en fil först.", "Choose at least one file first."},
	"upload.refused":   {"Filerna togs inte emot", "The files were not taken"},
	"upload.files":     {"Filer", "Files"},
	"upload.again":     {"Se hur det går", "See how it goes"},
	"upload.pause":     {"Pausa", "Pause"},
	"upload.resume":    {"Fortsätt", "Go on"},
	"upload.cancel":    {"Ta bort", "Remove"},
	"upload.retry":     {"Försök nu", "Try now"},
	"upload.sign-in":   {"Logga in i en ny flik", "Sign in, in a new tab"},

	"upload.say.queued":     {"Väntar på sin tur", "Waits for its turn"},
	"upload.say.sending":    {"{sent} av {size}", "{sent} of {size}"},
	"upload.say.sending-at": {"{sent} av {size} · {speed}/s · {left} kvar", "{sent} of {size} · {speed}/s · {left} left"},
	"upload.say.finishing":  {"Allt är skickat. Väntar på kvittens.", "All is sent. Waiting for the acknowledgement."},
	"upload.say.paused":     {"Pausad vid {sent} av {size}", "Paused at {sent} of {size}"},
	"upload.say.lost":       {"{sent} av {size} finns här. Välj samma fil igen, så går det vidare därifrån.", "{sent} of {size} is here. Choose the same file again, and it goes on from there."},
	"upload.say.retrying":   {"Avbrott vid {sent} av {size}. Nytt försök om {seconds} s. {problem}", "Cut at {sent} of {size}. Trying again in {seconds} s. {problem}"},
	"upload.say.signed-out": {"Du är utloggad. Logga in, så går det vidare av sig självt.", "You are signed out. Sign in, and it goes on by itself."},
	"upload.say.unreadable": {"Filen har ändrats eller flyttats på den här datorn. Välj den igen.", "The file was changed or moved on this computer. Choose it again."},
	"upload.say.failed":     {"Togs inte emot: {problem}", "Not taken: {problem}"},
	"upload.say.done":       {"Mottagen. Betalningarna läses.", "Received. The payments are being read."},
	"upload.say.cancelled":  {"{name} är borttagen.", "{name} is removed."},
	"upload.say.received":   {"{name} är mottagen.", "{name} is received."},
	"upload.say.summary":    {"Mottagna: {done} av {all}", "Received: {done} of {all}"},
	"upload.say.twice":      {"Finns redan i listan och skickas inte igen: {names}", "In the list already, and not sent again: {names}"},

	"upload.payments": {"{n} {n:betalning|betalningar}", "{n} {n:payment|payments}"},
	"upload.findings": {"och {n} {n:anmärkning|anmärkningar} till", "and {n} more {n:finding|findings}"},
	"upload.open":     {"Visa filen", "Show the file"},
}
