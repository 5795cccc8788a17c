package trail

import (
	"slices"
	"strings"
	"time"

	"sealgate/internal/portal"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
	"sealgate/internal/transfer/remote/why"
)

// detailsOf says in words what an entry tells besides. What has no words stays as it is
// on record.
func detailsOf(v *desk.Visit, e portal.AuditEntry) (list []string) {
	keys := make([]string, 0, len(e.Detail))
	for key := range e.Detail {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		label := key
		if v.L.Has("detail." + key) {
			label = v.L.T("detail." + key)
		}
		list = append(list, label+": "+valueOf(v, key, e.Detail[key]))
	}
	return list
}

// valueOf says one value: a change of a setting, a point of time, or a word that stays.
func valueOf(v *desk.Visit, key, value string) string {
	if from, to, ok := strings.Cut(strings.TrimPrefix(value, "from-"), "-to-"); ok && strings.HasPrefix(value, "from-") {
		return valueOf(v, key, from) + " → " + valueOf(v, key, to)
	}
	if t, err := time.Parse(time.RFC3339, value); err == nil {
		return v.L.Moment(t)
	}
	if d, err := portal.ParseDuration(value); err == nil && strings.HasSuffix(key, "_for") {
		return v.L.Duration(d)
	}
	remote, fetched := strings.CutPrefix(value, "remote:")
	switch {
	case key == "source" && fetched:
		return v.L.T("source.remote", "name", remote)
	case key == "approval":
		return short(value)
	case key == "code":
		return strings.ToLower(why.Code(value).Words(string(v.L.Language)).Says)
	}
	for _, known := range []string{"detail." + key + "." + value, key + "." + value, "detail.value." + value} {
		if v.L.Has(known) {
			return v.L.T(known)
		}
	}
	return v.L.Date(value)
}

// short is the beginning of an id: enough to tell it from the others.
func short(id string) string { return id[:min(len(id), 13)] }

// detailTexts are the names of what entries tell besides, and the words that stay among
// their values.
var detailTexts = ui.Texts{
	"detail.address":                   {"Adress", "Address"},
	"detail.allow_from":                {"Tillåtna nät", "Allowed networks"},
	"detail.approval":                  {"Godkänd insyn", "Approved access"},
	"detail.attempt":                   {"Försök", "Attempt"},
	"detail.backup":                    {"Säkerhetskopia", "Backup"},
	"detail.check":                     {"Jämfört", "Compared"},
	"detail.code":                      {"Orsak", "Reason"},
	"detail.content":                   {"När en fil är läst", "Once a file has been read"},
	"detail.direction":                 {"Riktning", "Direction"},
	"detail.direction.pull":            {"hämtas", "fetched"},
	"detail.direction.push":            {"lämnas", "left"},
	"detail.door":                      {"Väg in", "Way in"},
	"detail.error":                     {"Fel", "Error"},
	"detail.factor":                    {"Andra steg", "Second step"},
	"detail.factor.codes":              {"engångskoder", "one-time codes"},
	"detail.factor.passkey":            {"passkey", "passkey"},
	"detail.file":                      {"Fil", "File"},
	"detail.hash":                      {"Kontrollsumma", "Hash"},
	"detail.in_show_for":               {"Visas i /in i", "Shown in /in for"},
	"detail.keep_for":                  {"Sparas i", "Kept for"},
	"detail.key_period":                {"Åtkomstnycklar", "Access keys"},
	"detail.kind":                      {"Slag", "Kind"},
	"detail.kind.invitation":           {"inbjudan", "invitation"},
	"detail.kind.reset":                {"återställning", "reset"},
	"detail.count":                     {"Antal", "Count"},
	"detail.kind.files-held":           {"stoppade filer", "held files"},
	"detail.kind.files-refused":        {"avvisade filer", "refused files"},
	"detail.kind.files-locked":         {"låsta filer", "locked files"},
	"detail.kind.files-not-renamed":    {"filer utan slutligt namn", "files not renamed"},
	"detail.kind.access-asked":         {"begäran om insyn", "request for access"},
	"detail.kind.certificate-expires":  {"certifikat går snart ut", "certificate expires soon"},
	"detail.kind.certificate-expired":  {"certifikat har gått ut", "certificate has expired"},
	"detail.kind.no-key-for-year":      {"åtkomstnyckel för året saknas", "no access key for the year"},
	"detail.kind.no-access-key":        {"åtkomstnyckel saknas", "no access key"},
	"detail.kind.not-confirmed":        {"obekräftad åtkomstnyckel", "access key not confirmed"},
	"detail.kind.closed":               {"kontot är stängt", "account closed"},
	"detail.kind.removal-scheduled":    {"nyckel ska förstöras", "key to be destroyed"},
	"detail.kind.key-missing":          {"nyckel saknas", "key missing"},
	"detail.kind.webhook-failing":      {"webhook misslyckas", "webhook fails"},
	"detail.kind.webhook-no-secret":    {"webhook utan hemlighet", "webhook without a secret"},
	"detail.kind.webhook-off":          {"webhook avstängd", "webhook switched off"},
	"detail.kind.remote-failing":       {"fjärrserver misslyckas", "remote fails"},
	"detail.kind.file-expected":        {"väntad fil saknas", "expected file missing"},
	"detail.kind.push-waiting":         {"filer väntar på att lämnas", "files wait to be left"},
	"detail.kind.agent-silent":         {"tyst agent", "silent agent"},
	"detail.kind.agent-troubled":       {"agent med problem", "agent in trouble"},
	"detail.kind.mail-failing":         {"e-post misslyckas", "mail fails"},
	"detail.kind.mail-lost":            {"e-post gavs upp", "mail given up"},
	"detail.kind.disk-low":             {"ont om plats", "little room"},
	"detail.kind.clock-in-doubt":       {"osäker klocka", "clock in doubt"},
	"detail.kind.audit-damaged":        {"skadad logg", "damaged log"},
	"detail.kind.key-backup":           {"kopia av nycklar saknas", "no copy of the keys"},
	"detail.kind.data-backup":          {"säkerhetskopia saknas", "no backup"},
	"detail.kind.data-older-than-keys": {"data äldre än nycklarna", "data older than the keys"},
	"detail.kind.https-renewal":        {"certifikat för portalen förnyas inte", "portal certificate not renewed"},
	"detail.kind.https-certificate":    {"portalens certifikat", "portal certificate"},
	"detail.kind.forgotten":            {"glömt lösenord", "forgotten password"},
	"detail.method":                    {"Med", "By"},
	"detail.method.password":           {"lösenord", "password"},
	"detail.method.link":               {"engångslänk", "one-time link"},
	"detail.method.code":               {"kod", "code"},
	"detail.method.passkey":            {"passkey", "passkey"},
	"detail.method.key":                {"SSH-nyckel", "SSH key"},
	"detail.method.oidc":               {"enkel inloggning", "single sign-on"},
	"detail.name":                      {"Namn", "Name"},
	"detail.operator_access":           {"Operatörers insyn", "Operators' access"},
	"detail.operator_access.on":        {"ja", "yes"},
	"detail.operator_access.asked":     {"efter godkännande", "when approved"},
	"detail.operator_access.off":       {"nej", "no"},
	"detail.outbox_keep_for":           {"Hämtade filer sparas i", "Fetched files are kept for"},
	"detail.outcome":                   {"Utfall", "Outcome"},
	"detail.outcome.indexed":           {"utan fel", "without errors"},
	"detail.outcome.held":              {"stoppad", "held"},
	"detail.outcome.refused":           {"avvisad", "refused"},
	"detail.outcome.ok":                {"gick bra", "went well"},
	"detail.outcome.failed":            {"misslyckades", "failed"},
	"detail.reason":                    {"Skäl", "Reason"},
	"detail.receipts":                  {"Kvitton", "Receipts"},
	"detail.require_second_factor":     {"Andra steg krävs", "Second step demanded"},
	"detail.role":                      {"Roll", "Role"},
	"detail.secret":                    {"Inloggning", "Sign-in"},
	"detail.session":                   {"Session", "Session"},
	"detail.since":                     {"Sedan", "Since"},
	"detail.size":                      {"Storlek i byte", "Size in bytes"},
	"detail.source":                    {"Från", "From"},
	"detail.source.known":              {"känd plats och enhet", "a known place and device"},
	"detail.source.unknown":            {"ny plats eller enhet", "a new place or device"},
	"detail.state":                     {"Läge", "State"},
	"detail.statement":                 {"Intyg", "Statement"},
	"detail.step":                      {"Steg", "Step"},
	"detail.step.resolve":              {"slå upp namnet", "look the name up"},
	"detail.step.connect":              {"ansluta", "connect"},
	"detail.step.host-key":             {"serverns nyckel", "the server's key"},
	"detail.step.certificate":          {"serverns certifikat", "the server's certificate"},
	"detail.step.sign-in":              {"logga in", "sign in"},
	"detail.step.start":                {"börja", "start"},
	"detail.step.list":                 {"läsa katalogen", "read the folder"},
	"detail.step.write":                {"skriva en fil", "write a file"},
	"detail.temp_names":                {"Tillfälliga namn", "Temporary names"},
	"detail.until":                     {"Till och med", "Until"},
	"detail.value.changed":             {"ändrad", "changed"},
	"detail.value.delete":              {"radera", "delete"},
	"detail.value.keep":                {"spara", "keep"},
	"detail.value.no":                  {"nej", "no"},
	"detail.value.off":                 {"av", "off"},
	"detail.value.on":                  {"på", "on"},
	"detail.value.portal":              {"portalen", "portal"},
	"detail.value.sftp":                {"SFTP", "SFTP"},
	"detail.value.yes":                 {"ja", "yes"},
}
