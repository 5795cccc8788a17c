package portal

import "time"

// Agent is a Connect at the customer's premises, or one that is invited.
type Agent struct {
	ID         string     `json:"id" doc:"another one once it has enrolled"`
	Name       *string    `json:"name" doc:"null: sealed under a key that was destroyed"`
	State      string     `json:"state" enum:"invited,expired,active,revoked" doc:"expired: nobody has used its code in time; it is shown for 30 days"`
	May        []string   `json:"may" doc:"send, fetch, open"`
	ByOperator bool       `json:"by_operator,omitempty" doc:"an operator has said what it may; while operator_access is not on, it only sends"`
	CreatedAt  time.Time  `json:"created_at"`
	Until      *time.Time `json:"until,omitempty" doc:"invited, expired: its code is good for nothing from then on"`
	RevokedAt  *time.Time `json:"revoked_at,omitempty"`
	LastSeen   *time.Time `json:"last_seen" doc:"to some minutes"`
	AlarmAfter Duration   `json:"alarm_after" doc:"when it has said nothing for so long, that is an alarm"`
	Silent     bool       `json:"silent" doc:"it has said nothing for longer than that"`
	AgentReport
}

// AgentReport is what an agent last said of itself.
type AgentReport struct {
	ReportedAt    *time.Time `json:"reported_at"`
	Version       string     `json:"version,omitempty"`
	Platform      string     `json:"platform,omitempty"`
	Waiting       int64      `json:"waiting" doc:"files that it is going to send"`
	Failed        int64      `json:"failed" doc:"files that it cannot send"`
	Oldest        *time.Time `json:"oldest,omitempty" doc:"since when the oldest of those waits"`
	Error         string     `json:"error,omitempty" doc:"a word"`
	ClockOff      int64      `json:"clock_off" doc:"how many seconds its clock is behind the gateway's"`
	Folders       int64      `json:"folders" doc:"that it cannot watch"`
	TroubledSince *time.Time `json:"troubled_since" doc:"null: it says that all is well"`
}

// clockIsOff is from how many seconds on an agent's clock is a trouble.
const clockIsOff = 300

// ClockIsOff reports whether its clock is so far off that it is a trouble.
func (r AgentReport) ClockIsOff() bool { return max(r.ClockOff, -r.ClockOff) > clockIsOff }

// NewAgent invites an agent.
type NewAgent struct {
	Name       string   `json:"name" doc:"such as that of its machine; once among the agents of an account that are not revoked"`
	May        []string `json:"may,omitempty" doc:"send and fetch when there is none"`
	For        Duration `json:"for,omitempty" doc:"how long the code is good: 24h when there is none, 14d at most"`
	AlarmAfter Duration `json:"alarm_after,omitempty" doc:"24h when there is none"`
}

// AgentInvited is an invitation; Code is shown this once.
type AgentInvited struct {
	Agent
	Code    string `json:"code"`
	Gateway string `json:"gateway,omitempty" doc:"where the agent finds the gateway, when that is known"`
}

// AgentChange changes an agent; what is not named stays.
type AgentChange struct {
	May        *[]string `json:"may,omitempty"`
	AlarmAfter *Duration `json:"alarm_after,omitempty"`
}
