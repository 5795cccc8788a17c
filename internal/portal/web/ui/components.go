package ui

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"sealgate/internal/payment"
)

// Form is what somebody typed, and what is wrong with it. A form that is refused is
// shown again with both: nothing that was typed is lost, but passwords.
type Form struct {
	Values url.Values
	Errors map[string]string // by field, in the reader's language
	Error  string            // about all of it
}

// Fail puts a sentence beside a field; "" is the whole form.
func (f *Form) Fail(field, sentence string) {
	if field == "" {
		f.Error = sentence
		return
	}
	if f.Errors == nil {
		f.Errors = map[string]string{}
	}
	f.Errors[field] = sentence
}

// OK reports whether nothing is wrong.
func (f *Form) OK() bool { return f.Error == "" && len(f.Errors) == 0 }

// Status is that of a page with the form: as it was asked for, or wrong.
func (f *Form) Status() int {
	if f.OK() {
		return http.StatusOK
	}
	return http.StatusUnprocessableEntity
}

// Option is one choice of a select or of radio buttons; Label and Help are said as
// they are.
type Option struct{ Value, Label, Help string }

// Field is one field of a form: {{template "field" (field .Form "name" "label" "key" …)}}.
type Field struct {
	Name, Label, Help, Error, Value string

	Type         string // text (when there is none), search, email, password, date, number, file, checkbox, select, radio, textarea
	Autocomplete string
	Inputmode    string
	Placeholder  string
	Pattern      string
	Rows         int
	Max          int // characters
	Options      []Option
	Required     bool
	Checked      bool
	Autofocus    bool
	Multiple     bool
}

// ID is the field's id in the page.
func (f Field) ID() string { return "f-" + f.Name }

// DescribedBy names what is read out with the field.
func (f Field) DescribedBy() string {
	switch {
	case f.Error != "":
		return f.ID() + "-error"
	case f.Help != "":
		return f.ID() + "-help"
	}
	return ""
}

// Field makes a Field. What follows the name comes in pairs: "label", "help" (keys of
// texts), "type", "autocomplete", "inputmode", "placeholder", "pattern", "value",
// "options", "rows", "max", and the switches "required", "autofocus", "multiple".
// Without a "value", it is what was typed.
func (l *Locale) Field(form *Form, name string, pairs ...any) (Field, error) {
	f := Field{Name: name, Type: "text", Rows: 6}
	if form != nil {
		f.Value, f.Error = form.Values.Get(name), form.Errors[name]
	}
	if len(pairs)%2 != 0 {
		return f, fmt.Errorf("ui: field %s: %d arguments are no pairs", name, len(pairs))
	}
	for i := 0; i < len(pairs); i += 2 {
		if err := l.setField(&f, fmt.Sprint(pairs[i]), pairs[i+1]); err != nil {
			return f, err
		}
	}
	if f.Type == "password" || f.Type == "file" {
		f.Value = ""
	}
	if f.Type == "checkbox" && form != nil {
		f.Checked = form.Values.Get(name) != ""
	}
	return f, nil
}

func (l *Locale) setField(f *Field, what string, value any) error {
	words := map[string]*string{
		"type": &f.Type, "autocomplete": &f.Autocomplete, "inputmode": &f.Inputmode,
		"placeholder": &f.Placeholder, "pattern": &f.Pattern, "value": &f.Value,
	}
	switches := map[string]*bool{"required": &f.Required, "autofocus": &f.Autofocus, "multiple": &f.Multiple}
	var ok bool
	switch what {
	case "label":
		f.Label, ok = l.T(text(value)), true
	case "help":
		f.Help, ok = l.T(text(value)), true
	case "options":
		f.Options, ok = value.([]Option)
	case "rows":
		f.Rows, ok = value.(int)
	case "max":
		f.Max, ok = value.(int)
	default:
		if at := words[what]; at != nil {
			*at, ok = text(value), true
		} else if at := switches[what]; at != nil {
			*at, ok = value.(bool)
		}
	}
	if !ok {
		return fmt.Errorf("ui: field %s: %s cannot be %v", f.Name, what, value)
	}
	return nil
}

// Badge is a word on a coloured ground; the colour never says anything alone.
type Badge struct{ Tone, Icon, Text string }

var stateBadges = map[string]Badge{
	"arriving": {"info", "clock", ""}, "waiting-rename": {"info", "clock", ""}, "received": {"info", "clock", ""},
	"locked": {"warning", "lock", ""}, "held": {"warning", "triangle-alert", ""}, "refused": {"bad", "circle-x", ""},
	"kept": {"good", "circle-check", ""}, "deleted": {"good", "circle-check", ""}, "erased": {"quiet", "trash-2", ""},
	"waiting": {"info", "inbox", ""}, "delivered": {"good", "circle-check", ""},
}

// state is the badge of a file's state.
func (l *Locale) state(state string) Badge {
	b, ok := stateBadges[state]
	if !ok {
		return Badge{"quiet", "info", state}
	}
	b.Text = l.T("state." + state)
	return b
}

// Finding is a finding in words.
type Finding struct {
	Tone, Icon string
	Title      string // what is wrong, in the reader's language
	Code       string
	Detail     string // of the first: may quote the file
	Where      string
	Count      int64
}

var severityTones = map[payment.Severity][2]string{
	payment.Info: {"info", "info"}, payment.Warning: {"warning", "triangle-alert"},
	payment.Error: {"bad", "circle-alert"}, payment.Fatal: {"bad", "circle-x"},
}

func (l *Locale) finding(f payment.Finding) Finding {
	look := severityTones[f.Severity]
	o := Finding{Tone: look[0], Icon: look[1], Title: string(f.Code), Code: string(f.Code), Detail: l.Detail(f.Message), Count: f.Count}
	if key := "finding." + string(f.Code); l.Has(key) {
		o.Title = l.T(key)
	}
	if at := f.FirstAt; at != nil {
		switch {
		case at.Line > 0 && at.Payment > 0:
			o.Where = l.T("place.line-payment", "line", at.Line, "payment", at.Payment)
		case at.Line > 0:
			o.Where = l.T("place.line", "line", at.Line)
		case at.Payment > 0:
			o.Where = l.T("place.payment", "payment", at.Payment)
		case at.Byte > 0:
			o.Where = l.T("place.byte", "byte", at.Byte)
		}
	}
	return o
}

// Findings are all of them to choose from, by their texts; none is for nothing chosen.
func (l *Locale) Findings(none string) []Option {
	var list []Option
	for key := range findingTexts {
		list = append(list, Option{Value: strings.TrimPrefix(key, "finding."), Label: l.T(key)})
	}
	slices.SortFunc(list, func(a, b Option) int { return strings.Compare(a.Label, b.Label) })
	return append([]Option{{Label: none}}, list...)
}

// Banner is a sentence above a page or a part of it.
type Banner struct {
	Tone, Icon  string
	Title, Text string
	Href, Label string
}

// NewBanner is a banner of a tone: good, info, warning or bad. The texts are said as
// they are.
func NewBanner(tone, title, text string) Banner {
	look := map[string]string{"good": "circle-check", "info": "info", "warning": "triangle-alert", "bad": "circle-alert"}
	return Banner{Tone: tone, Icon: look[tone], Title: title, Text: text}
}

// banner makes one from the keys of texts; either may be "".
func (l *Locale) banner(tone, title, text string) Banner {
	return NewBanner(tone, l.orEmpty(title), l.orEmpty(text))
}

func (l *Locale) orEmpty(key string) string {
	if key == "" {
		return ""
	}
	return l.T(key)
}

// Empty is what stands where a list would be: why there is nothing, and what to do.
type Empty struct{ Icon, Title, Text, Href, Label string }

// empty makes one from the keys of texts; "label" with "href" is what can be done.
func (l *Locale) empty(icon string, pairs ...string) (Empty, error) {
	e := Empty{Icon: icon}
	for i := 0; i+1 < len(pairs); i += 2 {
		switch pairs[i] {
		case "title":
			e.Title = l.T(pairs[i+1])
		case "text":
			e.Text = l.T(pairs[i+1])
		case "label":
			e.Label = l.T(pairs[i+1])
		case "href":
			e.Href = pairs[i+1]
		default:
			return e, fmt.Errorf("ui: empty: no %q", pairs[i])
		}
	}
	return e, nil
}

// Confirm asks for something that cannot be undone: a sentence that says what is
// lost, and a field in which Must has to be typed.
type Confirm struct {
	Sentence string
	Must     string // the name to be typed, in the field "confirm"
	Action   string // where it is sent
	Button   string
	Cancel   string // address
	Form     *Form
	Fields   []Field // that come before
}

// Pager leads through a list that is read by key.
type Pager struct {
	First string // "" on the first page
	Next  string // "" on the last
}

// Tab is one of several views of the same thing.
type Tab struct {
	Href, Label string
	Current     bool
	Count       int64 // shown when not 0
}

// Meter is how far something is.
type Meter struct {
	Done, Total int64
	Text        string
}

// Secret is what is shown this once.
type Secret struct{ Label, Value, Help string }

// Chart shows a number for each day: a bar, of which a part may be a problem.
type Chart struct {
	Title string // what the picture says, for who does not see it
	Bars  []Bar
	Unit  string // heading of the numbers in the table below it
	Part  string // of the problems
}

// Bar is one of them.
type Bar struct {
	Label       string
	Value, Part int64
}

// Max is the highest bar.
func (c Chart) Max() int64 {
	var most int64
	for _, b := range c.Bars {
		most = max(most, b.Value)
	}
	return most
}

// The drawing's measures: it is stretched to the width of the page.
const (
	barWidth, barGap = 10, 3
	chartHeight      = 100
)

// Width is that of the drawing.
func (c Chart) Width() int { return len(c.Bars) * barWidth }

// Rect is one bar as it is drawn.
type Rect struct{ X, Y, W, H, PartY, PartH string }

// Rects are the bars as they are drawn. What is not nothing is to be seen.
func (c Chart) Rects() []Rect {
	most := float64(max(c.Max(), 1))
	list := make([]Rect, len(c.Bars))
	for i, b := range c.Bars {
		h, part := height(b.Value, most), height(b.Part, most)
		list[i] = Rect{
			X: figure(float64(i*barWidth) + barGap/2.0), W: figure(barWidth - barGap),
			Y: figure(chartHeight - h), H: figure(h), PartY: figure(chartHeight - part), PartH: figure(part),
		}
	}
	return list
}

func height(v int64, most float64) float64 {
	if v <= 0 {
		return 0
	}
	return max(2, float64(v)/most*chartHeight)
}

func figure(v float64) string { return strconv.FormatFloat(v, 'f', 2, 64) }

// First, Middle and Last are the labels below the bars.
func (c Chart) First() string { return c.at(0) }

// Middle is the label of the bar in the middle.
func (c Chart) Middle() string { return c.at(len(c.Bars) / 2) }

// Last is the label of the last bar.
func (c Chart) Last() string { return c.at(len(c.Bars) - 1) }

func (c Chart) at(i int) string {
	if i < 0 || i >= len(c.Bars) {
		return ""
	}
	return c.Bars[i].Label
}
