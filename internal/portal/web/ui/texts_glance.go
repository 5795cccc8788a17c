package ui

// glanceTexts are what every overview says: of an account, and of the gateway.
var glanceTexts = Texts{
	"overview.attention":     {"Behöver någon", "Needs somebody"},
	"overview.calm":          {"Inget väntar på dig", "Nothing is waiting for you"},
	"overview.arrivals":      {"Filer per dag, {n} dagar", "Files a day, {n} days"},
	"overview.arrivals.text": {"{files} {files:fil|filer} på {days} dagar, som mest {most} på en dag.", "{files} {files:file|files} in {days} days, {most} on the busiest one."},
	"overview.files":         {"Filer", "Files"},
	"overview.problems":      {"Med fel", "With errors"},

	"attention.files-held":           {"{n} {n:fil är stoppad|filer är stoppade} och väntar på beslut.", "{n} {n:file is|files are} held and {n:waits|wait} for a decision."},
	"attention.files-refused":        {"{n} {n:fil gick|filer gick} inte att läsa.", "{n} {n:file|files} could not be read."},
	"attention.files-locked":         {"{n} {n:fil är låst|filer är låsta} tills en nyckel är upplåst.", "{n} {n:file is|files are} locked until a key is unlocked."},
	"attention.files-not-renamed":    {"{n} {n:fil har|filer har} fortfarande ett tillfälligt namn och är inte {n:mottagen|mottagna}.", "{n} {n:file still has|files still have} a temporary name and {n:is|are} not received."},
	"attention.outbox-waiting":       {"{n} {n:fil väntar|filer väntar} i utkorgen.", "{n} {n:file is|files are} waiting in the outbox."},
	"attention.access-asked":         {"En operatör ber att få se innehållet i kontots filer. Svara senast {at}.", "An operator asks to see what the account's files hold. Answer by {at}."},
	"attention.show":                 {"Visa", "Show"},
	"attention.certificate-expires":  {"Certifikatet går ut {at}. Förnya det.", "The certificate expires on {at}. Renew it."},
	"attention.certificate-expired":  {"Certifikatet gick ut {at}. Förnya det.", "The certificate expired on {at}. Renew it."},
	"attention.no-key-for-year":      {"Det finns ingen åtkomstnyckel för det år som kommer.", "There is no access key for the coming year."},
	"attention.no-access-key":        {"Kontot har ingen åtkomstnyckel och tar inte emot filer.", "The account has no access key, and takes no files."},
	"attention.not-confirmed":        {"En åtkomstnyckel är inte bekräftad och används inte än.", "An access key is not confirmed, and is not used yet."},
	"attention.closed":               {"Kontot är stängt: inga filer tas emot och ingen kan logga in.", "The account is closed: no file is taken and nobody signs in."},
	"attention.removal-scheduled":    {"En nyckel förstörs {at}. Till dess går det att ångra.", "A key will be destroyed on {at}. Until then it can be called off."},
	"attention.key-missing":          {"En nyckel som ska finnas här saknas. Hör av dig till den som sköter gatewayen.", "A key that should be here is missing. Tell who runs the gateway."},
	"attention.data-older-than-keys": {"Återställda data nämner en nyckel som har förstörts sedan dess.", "Restored data names a key that has been destroyed since."},
	"attention.disk-low":             {"Disken är snart full. När den är full tas inga filer emot.", "The disk is nearly full. Once it is full, no file is taken."},
	"attention.queue-late":           {"{n} {n:jobb har|jobb har} väntat mer än en timme.", "{n} {n:job has|jobs have} waited for more than an hour."},
}
