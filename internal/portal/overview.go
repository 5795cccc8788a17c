package portal

import "time"

// Overview is an account at a glance.
type Overview struct {
	Days      []Day       `json:"days" doc:"the last 30 days (UTC), oldest first; the last one is today"`
	Attention []Attention `json:"attention" doc:"what somebody should see to, the most urgent first; empty = all is well"`
	Standing  []Standing  `json:"standing" doc:"files on their way or waiting, by state; states with none are left out"`
}

// Day is what came in on one day.
type Day struct {
	Day      string `json:"day" format:"date"`
	Files    int64  `json:"files"`
	Bytes    int64  `json:"bytes"`
	Payments int64  `json:"payments"`
	Problems int64  `json:"problems" doc:"of the files, those that were held or refused"`
}

// Standing is how many files stand in a state that is no end.
type Standing struct {
	State  string     `json:"state"`
	Reason string     `json:"reason,omitempty" doc:"of these, those with this reason"`
	Files  int64      `json:"files"`
	Oldest *time.Time `json:"oldest"`
}

// Attention is one thing that somebody should see to.
type Attention struct {
	Code     string     `json:"code" doc:"stable: files-held, files-refused, files-not-renamed, files-locked, outbox-waiting, access-asked, the kind of an alarm, or the code of a warning"`
	Severity string     `json:"severity" enum:"error,warning,info"`
	Account  string     `json:"account,omitempty" doc:"of the gateway's overview"`
	Count    int64      `json:"count,omitempty"`
	Since    *time.Time `json:"since,omitempty" doc:"the oldest"`
	At       *time.Time `json:"at,omitempty" doc:"when it will happen"`
	Object   string     `json:"object,omitempty"`
	Alarm    string     `json:"alarm,omitempty" doc:"id of the alarm that says so"`
	Message  string     `json:"message"`
}

// GatewayOverview is the gateway at a glance, for who runs it.
type GatewayOverview struct {
	Version       string      `json:"version"`
	Since         time.Time   `json:"since" doc:"when this gateway was started"`
	AccountsOpen  int64       `json:"accounts_open"`
	AccountsShut  int64       `json:"accounts_closed"`
	Days          []Day       `json:"days" doc:"as in an account's overview"`
	Attention     []Attention `json:"attention" doc:"of all accounts and of the gateway, the most urgent first"`
	Standing      []Standing  `json:"standing"`
	Queues        []Queue     `json:"queues"`
	Sessions      int64       `json:"sessions" doc:"people signed in to the portal"`
	DiskFree      int64       `json:"disk_free" doc:"bytes"`
	DiskTotal     int64       `json:"disk_total"`
	LastBackup    *time.Time  `json:"last_backup" doc:"that the running gateway wrote; null = none yet"`
	LastKeyBackup *time.Time  `json:"last_key_backup"`
}

// Queue is the work of one kind that waits or is being done.
type Queue struct {
	Kind    string     `json:"kind"`
	Jobs    int64      `json:"jobs"`
	Running int64      `json:"running"`
	Later   int64      `json:"later" doc:"not due yet"`
	Retried int64      `json:"retried" doc:"tried more than once"`
	Oldest  *time.Time `json:"oldest" doc:"when the oldest was added"`
}

// Job is work that failed and waits for its next attempt.
type Job struct {
	ID      string    `json:"id"`
	Account string    `json:"account,omitempty"`
	File    string    `json:"file,omitempty" doc:"its id"`
	Tries   int64     `json:"tries"`
	Error   string    `json:"error" doc:"a word: full, locked, try-later, damaged, internal, lease-ran-out, ..."`
	Next    time.Time `json:"next" doc:"when it is tried again by itself"`
}

// Retried says how many jobs are tried again now.
type Retried struct {
	Jobs int64 `json:"jobs"`
}

// Happening is one thing that happened to a file.
type Happening struct {
	At        time.Time         `json:"at"`
	Action    string            `json:"action" doc:"as in the audit log"`
	Text      string            `json:"text" doc:"in words"`
	Actor     string            `json:"actor" doc:"as in the audit log"`
	ActorKind string            `json:"actor_kind" enum:"gateway,machine,operator,login,token,remote"`
	ActorName *string           `json:"actor_name" doc:"null: gone, or not for you to know"`
	Detail    map[string]string `json:"detail,omitempty"`
}

// The settings of the catalog that tell when copies were made last.
const (
	LastBackupSetting    = "last-backup"
	LastKeyBackupSetting = "last-key-backup"
)
