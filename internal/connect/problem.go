package connect

import (
	"encoding/json"
	"net/http"
	"time"

	"sealgate/internal/fault"
)

// Problem is how the gateway refuses, after RFC 9457. It is signed, and not sealed:
// it tells nothing of files or accounts.
type Problem struct {
	Type   string `json:"type"` // ProblemType and a Reason
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"` // a sentence for people

	RetryAfter int64      `json:"retry_after,omitempty"` // seconds: try-later, no-room
	Gateway    *Gateway   `json:"gateway,omitempty"`     // as it is now: stale-epoch, ingest-key-expired
	Time       *time.Time `json:"time,omitempty"`        // of the gateway's clock: clock-off
	Offset     *int64     `json:"offset,omitempty"`      // the right one: wrong-offset
}

// ProblemType is what every type begins with.
const ProblemType = fault.ProblemType

// Reason is why something was refused. Programs branch on it.
type Reason string

// The reasons.
const (
	BadSignature     Reason = "bad-signature"
	Replayed         Reason = "replayed"
	ClockOff         Reason = "clock-off"
	StaleEpoch       Reason = "stale-epoch"
	OtherGateway     Reason = "other-gateway"
	IngestKeyExpired Reason = "ingest-key-expired"
	KeysChanged      Reason = "keys-changed"
	WrongOffset      Reason = "wrong-offset"
	Revoked          Reason = "revoked"
	UnknownAgent     Reason = "unknown-agent"
	AccountClosed    Reason = "account-closed"
	NoRoom           Reason = "no-room"
	TooLarge         Reason = "too-large"
	TryLater         Reason = "try-later"
	InvalidCode      Reason = "invalid-code"
	CodeExpired      Reason = "code-expired"
	CodeUsed         Reason = "code-used"
	NotAllowed       Reason = "not-allowed"
	NotFound         Reason = "not-found"
	Locked           Reason = "locked"
	Invalid          Reason = "invalid"
	Damaged          Reason = "damaged"
	Internal         Reason = "internal"
)

// refusals is the one table of reasons: their HTTP status, what they are inside,
// and what people are told.
var refusals = map[Reason]struct {
	status int
	kind   fault.Kind
	detail string
}{
	BadSignature:     {http.StatusUnauthorized, fault.TryLater, "The signature of the request does not fit it: it was changed on the way."},
	Replayed:         {http.StatusConflict, fault.TryLater, "This request was made before."},
	ClockOff:         {http.StatusUnauthorized, fault.TryLater, "The clocks of agent and gateway are more than five minutes apart."},
	StaleEpoch:       {http.StatusConflict, fault.TryLater, "The gateway was started anew since the request was made."},
	OtherGateway:     {http.StatusConflict, fault.Denied, "The request is for another gateway."},
	IngestKeyExpired: {http.StatusConflict, fault.TryLater, "The ingest key that this was sealed for is no longer in use."},
	KeysChanged:      {http.StatusConflict, fault.TryLater, "The file is not sealed for the keys that its account has now."},
	WrongOffset:      {http.StatusConflict, fault.TryLater, "The part does not begin where the one before it ended."},
	Revoked:          {http.StatusForbidden, fault.Denied, "This agent was revoked at the gateway. Somebody there has to invite it anew."},
	UnknownAgent:     {http.StatusUnauthorized, fault.Denied, "The gateway does not know this agent."},
	AccountClosed:    {http.StatusForbidden, fault.Locked, "The account has no certificate: it accepts nothing until one is installed."},
	NoRoom:           {http.StatusInsufficientStorage, fault.Full, "The gateway has no room on its disk."},
	TooLarge:         {http.StatusRequestEntityTooLarge, fault.TooLarge, "This is larger than the gateway accepts."},
	TryLater:         {http.StatusServiceUnavailable, fault.TryLater, "The gateway cannot do this right now."},
	InvalidCode:      {http.StatusForbidden, fault.Denied, "The enrolment code is not valid here."},
	CodeExpired:      {http.StatusGone, fault.Denied, "The enrolment code has expired. Ask for a new one."},
	CodeUsed:         {http.StatusConflict, fault.Denied, "The enrolment code was used before. Ask for a new one."},
	NotAllowed:       {http.StatusForbidden, fault.Denied, "This agent may not do that."},
	NotFound:         {http.StatusNotFound, fault.NotFound, "There is no such thing."},
	Locked:           {http.StatusLocked, fault.Locked, "A key that is needed for this is missing at the gateway."},
	Invalid:          {http.StatusBadRequest, fault.Invalid, "The request is not as the protocol has it."},
	Damaged:          {http.StatusUnprocessableEntity, fault.Damaged, "What was sent is damaged."},
	Internal:         {http.StatusInternalServerError, fault.Internal, "Something went wrong in the gateway."},
}

// Refuse makes a problem. Without a detail it gets its reason's sentence.
func Refuse(r Reason, detail string) *Problem {
	row, ok := refusals[r]
	if !ok {
		r, row = Internal, refusals[Internal]
	}
	if detail == "" {
		detail = row.detail
	}
	return &Problem{Type: ProblemType + string(r), Title: string(r), Status: row.status, Detail: detail}
}

// Reason returns why it was refused; a type that is not known here is Internal.
func (p *Problem) Reason() Reason {
	if len(p.Type) > len(ProblemType) && p.Type[:len(ProblemType)] == ProblemType {
		if r := Reason(p.Type[len(ProblemType):]); refusals[r].status != 0 {
			return r
		}
	}
	return Internal
}

// Error returns the sentence.
func (p *Problem) Error() string { return p.Title + ": " + p.Detail }

// Unwrap makes a fault of it.
func (p *Problem) Unwrap() error {
	return fault.New(refusals[p.Reason()].kind, "gateway", "%s", p.Detail)
}

func parseProblem(status int, body []byte) (*Problem, error) {
	p := new(Problem)
	if err := json.Unmarshal(body, p); err != nil || p.Status != status || p.Type == "" {
		return nil, fault.New(fault.Damaged, "connect: answer", "the gateway refused with status %d, and its reason cannot be read", status)
	}
	return p, nil
}
