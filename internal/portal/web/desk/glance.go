package desk

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"sealgate/internal/portal"
	"sealgate/internal/portal/web/ui"
)

// Chart draws the files of each day, and how many of them had errors.
func (v *Visit) Chart(days []portal.Day) ui.Chart {
	c := ui.Chart{Unit: v.L.T("overview.files"), Part: v.L.T("overview.problems")}
	var files, most int64
	for _, d := range days {
		c.Bars = append(c.Bars, ui.Bar{Label: v.L.Date(d.Day), Value: d.Files, Part: d.Problems})
		files, most = files+d.Files, max(most, d.Files)
	}
	c.Title = v.L.T("overview.arrivals.text", "files", files, "days", len(days), "most", most)
	return c
}

// sentence is what an alarm says, standing alone.
func sentence(text string) string {
	r, n := utf8.DecodeRuneInString(text)
	text = string(unicode.ToUpper(r)) + text[n:]
	if text != "" && !strings.HasSuffix(text, ".") {
		text += "."
	}
	return text
}

// attended are the states of files that attention is called to.
var attended = map[string]string{
	"files-held": "held", "files-refused": "refused", "files-locked": "locked", "files-not-renamed": "waiting-rename",
}

// Attend is what needs somebody: in the reader's language where there is a text, and
// with the way to where something can be done about it.
func (v *Visit) Attend(a portal.Attention) ui.Banner {
	tone := map[string]string{"error": "bad", "warning": "warning"}[a.Severity]
	if tone == "" {
		tone = "info"
	}
	b := ui.NewBanner(tone, a.Account, sentence(a.Message))
	// What an alarm says is in the reader's language already, with its days and names.
	if key := "attention." + a.Code; v.L.Has(key) && (a.Alarm == "" || a.At != nil) {
		at := ""
		if a.At != nil {
			at = v.L.Day(*a.At)
		}
		b.Text = v.L.T(key, "n", a.Count, "at", at)
	}
	account := a.Account // of the gateway's overview
	if account == "" {
		account = v.Account
	}
	at := func(page string) string { return Join("a", account, page) }
	b.Label = v.L.T("attention.show")
	switch {
	case attended[a.Code] != "":
		b.Href = at("files") + "?state=" + attended[a.Code]
	case a.Code == "access-asked":
		if v.May("admin", Operator) {
			b.Href = at("access")
		}
	case a.Code == "remote-failing", a.Code == "file-expected", a.Code == "push-waiting":
		b.Href = at("remotes")
		if !v.May("admin", Operator) {
			b.Href = at("alarms")
		}
	case a.Code == "agent-silent", a.Code == "agent-troubled":
		b.Href = at("agents")
		if !v.May("admin", Operator) {
			b.Href = at("alarms")
		}
	case a.Alarm != "" && account == "":
		b.Href = "/alarms"
	case a.Alarm != "":
		b.Href = at("alarms")
	case !v.May("reader", "approver", "admin", Operator):
	case a.Code == "outbox-waiting":
		b.Href = at("outbox")
	case a.Code == "queue-late":
		b.Href = "/queues"
	case account == "":
		b.Href = "/health"
	default:
		b.Href = at("keys")
	}
	return b
}
