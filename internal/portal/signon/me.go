package signon

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"rsc.io/qr"

	"sealgate/internal/account/person"
	"sealgate/internal/fault"
	"sealgate/internal/portal/web/ui"
)

// meData is what the page about oneself shows.
type meData struct {
	Me       *person.Session
	Factors  person.Factors
	Sessions []*person.Session
	Passkeys []person.Passkey
	Here     bool // passkeys can be made here
	Form     *ui.Form
	Language []ui.Option
}

func (v *visit) me() error {
	f, err := v.people.Factors(v.r.Context(), v.session.Login)
	if err != nil {
		return err
	}
	all, err := v.people.Sessions(v.r.Context(), v.session.Login)
	if err != nil {
		return err
	}
	keys, err := v.people.Passkeys(v.r.Context(), v.session.Login)
	if err != nil {
		return err
	}
	for _, s := range all {
		s.Agent = browserName(s.Agent)
	}
	return v.show("me", false, meData{
		Passkeys: keys, Here: v.passkeysHere(),
		Me: v.session, Factors: f, Sessions: all, Form: v.form,
		Language: []ui.Option{{Value: "", Label: v.l.T("me.language.browser")}, {Value: "sv", Label: "Svenska"}, {Value: "en", Label: "English"}},
	})
}

// browserName says in a word or two what a browser said of itself.
func browserName(agent string) string {
	first := func(names [][2]string) string {
		for _, n := range names {
			if strings.Contains(agent, n[0]) {
				return n[1]
			}
		}
		return ""
	}
	// The order matters: each claims to be the ones after it.
	browser := first([][2]string{{"Edg/", "Edge"}, {"OPR/", "Opera"}, {"Firefox/", "Firefox"}, {"Chrome/", "Chrome"}, {"CriOS/", "Chrome"}, {"Safari/", "Safari"}})
	system := first([][2]string{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"CrOS", "ChromeOS"}, {"Windows", "Windows"}, {"Macintosh", "macOS"}, {"Linux", "Linux"},
	})
	if browser == "" || system == "" {
		return agent
	}
	return browser + ", " + system
}

func (v *visit) myLanguage() error {
	if err := v.people.SetLanguage(v.r.Context(), v.from, v.secret, v.r.PostForm.Get("language")); err != nil {
		return err
	}
	return v.done("/me", "saved")
}

func (v *visit) endSession() error {
	id, err := uuid.Parse(v.r.PathValue("id"))
	if err != nil {
		return notFound()
	}
	if err := v.people.End(v.r.Context(), v.session.Login.String(), v.session.Login, id); err != nil {
		return err
	}
	return v.done("/me", "session-ended")
}

func (v *visit) endOthers() error {
	if err := v.people.EndOthers(v.r.Context(), v.session.Login.String(), v.session.Login, v.session.ID); err != nil {
		return err
	}
	return v.done("/me", "sessions-ended")
}

// codesData is what setting up one-time codes shows.
type codesData struct {
	Form   *ui.Form
	Secret string // in groups, to be typed
	Image  string // address of the picture
	Action string
	Forced bool
	Here   bool // passkeys can be made here
}

func (v *visit) forced() bool { return v.session.Stage == person.Factor }

func (v *visit) codes() error {
	offer, err := v.people.OfferCodes(v.r.Context(), v.from, v.secret, v.issuer)
	if err != nil {
		return err
	}
	d := codesData{Form: v.form, Secret: inGroups(offer.Secret), Image: "/me/codes.svg", Action: "/me/codes", Forced: v.forced(), Here: v.passkeysHere()}
	if d.Forced {
		d.Image, d.Action = "/welcome/factor.svg", "/welcome/factor"
	}
	return v.show("codes", d.Forced, d)
}

func inGroups(text string) string {
	var b strings.Builder
	for i, r := range text {
		if i > 0 && i%4 == 0 {
			b.WriteByte(' ')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// codesImage is what an app scans. It comes from here and is kept nowhere.
func (v *visit) codesImage() error {
	offer, err := v.people.OfferCodes(v.r.Context(), v.from, v.secret, v.issuer)
	if err != nil {
		return err
	}
	code, err := qr.Encode(offer.URI, qr.M)
	if err != nil {
		return fault.Wrap(fault.Internal, "sign-on: picture", err)
	}
	return v.image(svgOf(code))
}

// svgOf draws a code with the quiet zone of four that readers want, dark on light in
// every colour scheme.
func svgOf(c *qr.Code) []byte {
	const quiet = 4
	var b bytes.Buffer
	side := c.Size + 2*quiet
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" shape-rendering="crispEdges"><rect width="%d" height="%d" fill="#fff"/><path d="`, side, side, side, side)
	for y := range c.Size {
		for x := range c.Size {
			if c.Black(x, y) {
				fmt.Fprintf(&b, "M%d %dh1v1h-1z", x+quiet, y+quiet)
			}
		}
	}
	b.WriteString(`" fill="#000"/></svg>`)
	return b.Bytes()
}

// recoveryData is the page that shows recovery codes, this once.
type recoveryData struct {
	Codes []string
	Next  string
}

func (v *visit) confirmCodes() error {
	forced := v.forced()
	e, recovery, err := v.people.ConfirmCodes(v.r.Context(), v.from, v.secret, v.r.PostForm.Get("code"))
	if err != nil {
		if err := v.wrong("code", "code.refused", err); err != nil {
			return err
		}
		return v.codes()
	}
	v.keep(e)
	if recovery == nil {
		return v.done("/me", "codes-added")
	}
	if !forced {
		return v.show("recovery", false, recoveryData{recovery, "/me"})
	}
	return v.show("recovery", true, recoveryData{recovery, "/"})
}

func (v *visit) removeCodes() error {
	if err := v.people.RemoveCodes(v.r.Context(), v.from, v.secret); err != nil {
		return v.stays(err)
	}
	return v.done("/me", "codes-removed")
}

// stays shows the page about oneself with what could not be taken away.
func (v *visit) stays(err error) error {
	if !fault.Is(err, fault.Invalid) {
		return err
	}
	v.form.Fail("", v.l.T("me.factor.stays"))
	return v.me()
}

func (v *visit) recovery() error {
	codes, err := v.people.NewRecoveryCodes(v.r.Context(), v.from, v.secret)
	if err != nil {
		return err
	}
	return v.show("recovery", false, recoveryData{codes, "/me"})
}
