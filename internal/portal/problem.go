package portal

import (
	"errors"
	"net/http"
	"strings"

	"sealgate/internal/fault"
)

// Problem is an error as RFC 9457 has it. Type is stable: programs branch on it.
type Problem struct {
	Type    string `json:"type" doc:"urn:sealgate:problem: and invalid, denied, sign-in, step-up, locked, not-found, exists, too-large, try-later, full, damaged or internal"`
	Title   string `json:"title"`
	Status  int    `json:"status,omitempty"`
	Detail  string `json:"detail"`
	Request string `json:"request,omitempty" doc:"id of the request, as in the gateway's log"`
}

// ProblemType is what every type begins with; the kind of fault stands behind it.
const ProblemType = fault.ProblemType

// statuses is the one table from kinds of error to HTTP.
var statuses = map[fault.Kind]int{
	fault.Internal: http.StatusInternalServerError,
	fault.Invalid:  http.StatusBadRequest,
	fault.Denied:   http.StatusForbidden,
	fault.Locked:   http.StatusLocked,
	fault.NotFound: http.StatusNotFound,
	fault.Exists:   http.StatusConflict,
	fault.TooLarge: http.StatusRequestEntityTooLarge,
	fault.TryLater: http.StatusServiceUnavailable,
	fault.Full:     http.StatusInsufficientStorage,
	fault.Damaged:  http.StatusInternalServerError,
}

// ProblemOf turns an error into what a caller is told.
func ProblemOf(err error) *Problem {
	kind := fault.KindOf(err)
	return &Problem{Type: ProblemType + kind.String(), Title: kind.String(), Status: statuses[kind], Detail: fault.Message(err)}
}

// ProblemFor is the problem of a bare HTTP status, for what fails before any
// handler runs.
func ProblemFor(status int, detail string) *Problem {
	for kind, s := range statuses {
		if s == status && kind != fault.Damaged {
			return &Problem{Type: ProblemType + kind.String(), Title: kind.String(), Status: status, Detail: detail}
		}
	}
	if status >= 400 && status < 500 {
		return &Problem{Type: ProblemType + fault.Invalid.String(), Title: fault.Invalid.String(), Status: status, Detail: detail}
	}
	return &Problem{Type: ProblemType + fault.Internal.String(), Title: fault.Internal.String(), Status: status, Detail: detail}
}

// SignInProblem is the answer to who has not said who he is, or not truly.
func SignInProblem(detail, request string) *Problem {
	return &Problem{Type: ProblemType + signIn, Title: signIn, Status: http.StatusUnauthorized, Detail: detail, Request: request}
}

// StepUpProblem is the answer to a person who has to prove that it is still he.
func StepUpProblem() *Problem {
	return &Problem{Type: ProblemType + stepUp, Title: stepUp, Status: http.StatusForbidden, Detail: "Prove that it is you: sign in once more, then do this again."}
}

// signIn and stepUp are the types that are no kind of fault: inside they are
// fault.Denied.
const (
	signIn = "sign-in"
	stepUp = "step-up"
)

// IsStepUp reports whether the answer to a request was that a person has to prove
// who he is first.
func IsStepUp(err error) bool { return isType(err, stepUp) }

// IsSignIn reports whether the answer to a request was that nobody is signed in.
func IsSignIn(err error) bool { return isType(err, signIn) }

func isType(err error, name string) bool {
	var p *Problem
	return errors.As(err, &p) && p.Type == ProblemType+name
}

// Err turns a problem back into the error it was, as far as it tells.
func (p *Problem) Err() error {
	name := strings.TrimPrefix(p.Type, ProblemType)
	kind, detail := fault.Internal, p.Detail
	if name == signIn || name == stepUp {
		kind = fault.Denied
	}
	for k := range statuses {
		if k.String() == name {
			kind = k
		}
	}
	if kind == fault.Internal && p.Request != "" {
		detail += "; the gateway's log has more under request " + p.Request
	}
	return &answered{&fault.Error{Kind: kind, Op: "gateway", Message: detail}, p}
}

// answered is the error that a problem was, and the problem.
type answered struct {
	fault   *fault.Error
	problem *Problem
}

func (a *answered) Error() string { return a.fault.Error() }

// Unwrap lets errors.As find both.
func (a *answered) Unwrap() []error { return []error{a.fault, a.problem} }

// Error, GetStatus and ContentType are what huma asks of an error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType returns the media type of RFC 9457.
func (p *Problem) ContentType(string) string { return "application/problem+json" }
