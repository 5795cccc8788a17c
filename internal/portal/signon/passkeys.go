package signon

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"sealgate/internal/account/passkey"
	"sealgate/internal/account/person"
	"sealgate/internal/fault"
	"sealgate/internal/portal/web/ui"
)

// Passkeys need a script (ui/assets/passkey.js), which speaks JSON with the routes
// below: it asks for a ceremony, has the browser answer it, and sends that. What comes
// back is where to go on, or a sentence.

// maxAnswer is enough for what a browser answers.
const maxAnswer = 64 << 10

type ceremony struct {
	Ceremony string          `json:"ceremony"`
	Options  json.RawMessage `json:"options"`
}

type answered struct {
	Ceremony string          `json:"ceremony"`
	Answer   json.RawMessage `json:"answer"`
	Name     string          `json:"name"`
	Next     string          `json:"next"`
}

// scripted is a route of a script: who is not where it needs is told so, not sent.
func scripted(stages []person.Stage, fresh bool, answer func(*visit, answered) (any, error)) func(*visit) error {
	return func(v *visit) error {
		v.r.Body = http.MaxBytesReader(v.w, v.r.Body, maxAnswer)
		var in answered
		if err := json.NewDecoder(v.r.Body).Decode(&in); err != nil {
			return v.tell(http.StatusBadRequest, map[string]string{"error": v.l.T("passkey.failed")})
		}
		if stages != nil && (v.session == nil || !hasStage(stages, v.session.Stage)) {
			return v.tell(http.StatusForbidden, map[string]string{"to": "/sign-in"})
		}
		if fresh && v.session.Stage == person.Full && v.now().Sub(v.session.ProvedAt).Abs() > person.ProofFor {
			return v.tell(http.StatusForbidden, map[string]string{"to": "/sign-in/again?next=%2Fme"})
		}
		out, err := answer(v, in)
		switch {
		case fault.Is(err, fault.Internal), fault.Is(err, fault.Damaged):
			v.log.ErrorContext(v.r.Context(), "sign-on: a passkey failed", "route", v.r.Pattern, "error", err)
			return v.tell(http.StatusInternalServerError, map[string]string{"error": v.l.T("passkey.failed")})
		case fault.Is(err, fault.Exists):
			return v.tell(http.StatusUnprocessableEntity, map[string]string{"error": v.l.T("passkey.exists")})
		case err != nil:
			return v.tell(http.StatusUnprocessableEntity, map[string]string{"error": v.l.T("passkey.failed")})
		}
		return v.tell(http.StatusOK, out)
	}
}

func hasStage(list []person.Stage, g person.Stage) bool {
	for _, s := range list {
		if s == g {
			return true
		}
	}
	return false
}

func (v *visit) tell(status int, out any) error {
	v.w.Header().Set("Content-Type", "application/json")
	v.w.WriteHeader(status)
	_ = json.NewEncoder(v.w).Encode(out) // the browser is gone when this fails
	return nil
}

var (
	askPasskey   = scripted(nil, false, (*visit).passkeyAsked)
	showPasskey  = scripted(nil, false, (*visit).passkeyShown)
	offerPasskey = scripted([]person.Stage{person.Full, person.Factor}, true, (*visit).passkeyOffered)
	addPasskey   = scripted([]person.Stage{person.Full, person.Factor}, true, (*visit).passkeyAdded)
)

func (v *visit) passkeyAsked(answered) (any, error) {
	c, err := v.people.AskPasskey(v.r.Context(), v.r.Host)
	if err != nil {
		return nil, err
	}
	return ceremony{c.Secret, c.Options}, nil
}

func (v *visit) passkeyShown(in answered) (any, error) {
	e, err := v.people.ShowPasskey(v.r.Context(), v.from, v.secret, v.r.Host, in.Ceremony, in.Answer)
	if err != nil {
		return nil, err
	}
	v.keep(e)
	return map[string]string{"to": placeOf(e.Stage, safeNext(in.Next))}, nil
}

func (v *visit) passkeyOffered(answered) (any, error) {
	c, err := v.people.OfferPasskey(v.r.Context(), v.from, v.secret, v.r.Host)
	if err != nil {
		return nil, err
	}
	return ceremony{c.Secret, c.Options}, nil
}

func (v *visit) passkeyAdded(in answered) (any, error) {
	name := strings.TrimSpace(in.Name)
	if name == "" {
		name = v.l.T("passkey.unnamed", "day", v.l.Date(v.now().UTC().Format("2006-01-02")))
	}
	e, err := v.people.AddPasskey(v.r.Context(), v.from, v.secret, v.r.Host, in.Ceremony, name, in.Answer)
	if err != nil {
		return nil, err
	}
	v.keep(e)
	return map[string]string{"to": "/me?" + ui.Done + "=passkey-added"}, nil
}

func (v *visit) removePasskey() error {
	id, err := uuid.Parse(v.r.PathValue("id"))
	if err != nil {
		return notFound()
	}
	if err := v.people.RemovePasskey(v.r.Context(), v.from, v.secret, id); err != nil {
		return v.stays(err)
	}
	return v.done("/me", "passkey-removed")
}

// passkeysHere tells whether the address bar has a name that passkeys can be bound to.
func (v *visit) passkeysHere() bool { return passkey.Possible(v.r.Host) }
