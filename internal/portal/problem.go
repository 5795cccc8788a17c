package portal

import (
	"net/http"
	"strings"

	"sealgate/internal/fault"
)

// Problem is an error as RFC 9457 has it. Type is stable: programs branch on it.
type Problem struct {
	Type    string `json:"type" doc:"urn:sealgate:problem: and invalid, denied, sign-in, locked, not-found, exists, too-large, try-later, full, damaged or internal"`
	Title   string `json:"title"`
	Status  int    `json:"status,omitempty"`
	Detail  string `json:"detail"`
	Request string `json:"request,omitempty" doc:"id of the request, as in the gateway's log"`
}

// ProblemType is what every type begins with; the kind of fault stands behind it.
const ProblemType = "urn:sealgate:problem:"

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

// signIn is the one type that is no kind of fault: inside it is fault.Denied.
const signIn = "sign-in"

// Err turns a problem back into the error it was, as far as it tells.
func (p *Problem) Err() error {
	name := strings.TrimPrefix(p.Type, ProblemType)
	if name == signIn {
		return fault.New(fault.Denied, "gateway", "%s", p.Detail)
	}
	for kind := range statuses {
		if kind.String() == name {
			detail := p.Detail
			if kind == fault.Internal && p.Request != "" {
				detail += "; the gateway's log has more under request " + p.Request
			}
			return fault.New(kind, "gateway", "%s", detail)
		}
	}
	return fault.New(fault.Internal, "gateway", "%s", p.Detail)
}

// Error, GetStatus and ContentType are what huma asks of an error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus returns the HTTP status.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType returns the media type of RFC 9457.
func (p *Problem) ContentType(string) string { return "application/problem+json" }
