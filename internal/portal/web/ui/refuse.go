package ui

import (
	"net/http"

	"sealgate/internal/fault"
	"sealgate/internal/logging"
	"sealgate/internal/portal"
)

// Trouble is what the page of a problem shows.
type Trouble struct {
	Title, Text string
	Detail      string // the sentence of who refused, which is in English
	Request     string // id of the request, where somebody may have to look into it
	Retry       string // address
}

// Refuse answers with an error in words that a person can act on.
func (u *UI) Refuse(w http.ResponseWriter, r *http.Request, err error) {
	problem := portal.ProblemOf(err)
	if problem.Status == http.StatusInternalServerError {
		problem.Request = logging.Request(r.Context())
	}
	u.refuse(w, r, problem, fault.KindOf(err).String())
}

// Missing answers that there is no such page.
func (u *UI) Missing(w http.ResponseWriter, r *http.Request) {
	u.Refuse(w, r, fault.New(fault.NotFound, "ui", ""))
}

func (u *UI) refuse(w http.ResponseWriter, r *http.Request, problem *portal.Problem, kind string) {
	l := u.Locale(r)
	t := Trouble{Title: l.T("problem." + kind), Text: l.T("problem." + kind + ".text"), Request: problem.Request}
	switch kind {
	case "invalid", "denied", "locked", "exists", "try-later":
		t.Detail = problem.Detail
	}
	if r.Method == http.MethodGet && problem.Status >= http.StatusInternalServerError {
		t.Retry = r.URL.RequestURI()
	}
	u.Render(w, r, problem.Status, "problem", Page{Title: t.Title, Data: t})
}
