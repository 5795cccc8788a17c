package notices

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"sealgate/internal/notify/alarm"
	"sealgate/internal/portal"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
)

// alarmsPage lists what somebody should see to.
type alarmsPage struct {
	Base    string
	Rows    []alarmRow
	Ended   []alarmRow
	Sees    bool // the person may say that he sees to it
	Mails   bool // the person may say who is written to
	All     bool // of all accounts and the gateway
	Form    *ui.Form
	Choices []ui.Option
}

type alarmRow struct {
	alarm.Alarm
	Href string // where it can be seen to; may be empty
	Tone string
}

var tones = map[string]string{alarm.Info: "info", alarm.Warning: "warning", alarm.Critical: "bad"}

func alarms(v *desk.Visit) error {
	if err := gatewayOnly(v); err != nil {
		return err
	}
	page, err := alarmsOf(v)
	if err != nil {
		return err
	}
	if page.Mails {
		var people portal.AlarmRecipients
		if err := v.Get(of(v, "alarm-recipients"), nil, &people); err != nil {
			return err
		}
		page.Form = recipientForm(v, people)
		for name, values := range desk.Keep(v.R.URL.Query(), "recipients", "language") { // typed before a step-up
			page.Form.Values[name] = values
		}
	}
	return v.Show("alarms", "alarms", v.L.T("nav.alarms"), page)
}

func alarmsOf(v *desk.Visit) (alarmsPage, error) {
	query := url.Values{"ended": {"true"}, "language": {string(v.L.Language)}}
	if v.Account != "" {
		query.Set("account", v.Account)
	}
	page := alarmsPage{
		Base: at(v, "alarms"), Sees: v.May("approver", "admin", desk.Operator), Mails: v.May("admin", desk.Operator), All: v.Account == "",
		Choices: []ui.Option{{Value: "sv", Label: "Svenska"}, {Value: "en", Label: "English"}},
	}
	var answer struct {
		Alarms []alarm.Alarm `json:"alarms"`
	}
	if err := v.Get("/alarms", query, &answer); err != nil {
		return page, err
	}
	for _, a := range answer.Alarms {
		a.Message, a.Do = begun(a.Message), begun(a.Do)
		row := alarmRow{a, placeOf(a), tones[a.Severity]}
		if a.State == "over" {
			page.Ended = append(page.Ended, row)
		} else {
			page.Rows = append(page.Rows, row)
		}
	}
	return page, nil
}

// begun is a sentence that stands alone.
func begun(text string) string {
	r, n := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(r)) + text[n:]
}

// placeOf is the page on which something can be done about an alarm.
func placeOf(a alarm.Alarm) string {
	if a.Account == nil {
		if strings.HasPrefix(a.Kind, "webhook-") {
			return desk.Join("webhooks", "of", a.Object)
		}
		return ""
	}
	below := func(parts ...string) string { return desk.Join(append([]string{"a", *a.Account}, parts...)...) }
	files := func(state string) string { return desk.Address(below("files"), url.Values{"state": {state}}) }
	switch a.Kind {
	case "files-held":
		return files("held")
	case "files-refused":
		return files("refused")
	case "files-locked":
		return files("locked")
	case "files-not-renamed":
		return files("waiting-rename")
	case "webhook-failing", "webhook-no-secret", "webhook-off":
		return below("webhooks", "of", a.Object)
	case "remote-failing", "file-expected", "push-waiting":
		return below("remotes", "of", a.Detail["remote"])
	case "agent-silent", "agent-troubled":
		return below("agents", "of", a.Object)
	case "access-asked":
		return below("access")
	case "no-access-key", "not-confirmed", "no-key-for-year":
		return below("keys", "access")
	}
	return below("keys")
}

func seeAlarm(v *desk.Visit) error {
	if err := gatewayOnly(v); err != nil {
		return err
	}
	if v.Account != "" {
		if _, _, err := v.TheAccount(); err != nil {
			return err
		}
	}
	if err := v.Post(desk.Join("alarms", v.R.PathValue("id"), "seen"), struct{}{}, nil); err != nil {
		return err
	}
	return v.Done(at(v, "alarms"), "alarm-seen")
}

// recipientForm has an address in each line, and one language for all.
func recipientForm(v *desk.Visit, people portal.AlarmRecipients) *ui.Form {
	form := &ui.Form{Values: url.Values{"language": {string(v.L.Language)}}}
	var lines []string
	for i, r := range people.Recipients {
		if i == 0 {
			form.Values.Set("language", r.Language)
		}
		lines = append(lines, r.Address)
	}
	form.Values.Set("recipients", strings.Join(lines, "\n"))
	return form
}

func setRecipients(v *desk.Visit) error {
	if err := v.Managed(); err != nil {
		return err
	}
	form := &ui.Form{Values: v.R.PostForm}
	v.Next = desk.Address(at(v, "alarms"), desk.Keep(v.R.PostForm, "recipients", "language"))
	in := portal.AlarmRecipients{Recipients: []portal.AlarmRecipient{}}
	for _, address := range strings.FieldsFunc(form.Values.Get("recipients"), func(r rune) bool { return strings.ContainsRune(" \t\r\n,;", r) }) {
		in.Recipients = append(in.Recipients, portal.AlarmRecipient{Address: address, Language: form.Values.Get("language")})
	}
	err := v.Patch(of(v, "alarm-recipients"), in, nil)
	if err == nil {
		return v.Done(at(v, "alarms"), "recipients-saved")
	}
	if err := desk.Explain(form, "recipients", err); err != nil {
		return err
	}
	page, err := alarmsOf(v)
	if err != nil {
		return err
	}
	page.Form = form
	return v.FormAgain("alarms", "alarms", v.L.T("nav.alarms"), page)
}
