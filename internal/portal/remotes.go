package portal

import "time"

// Remote is a customer's own server that the account is connected with.
type Remote struct {
	ID         string          `json:"id"`
	Name       string          `json:"name"`
	Direction  string          `json:"direction" enum:"pull,push" doc:"pull: files are fetched from it; push: those of the outbox are left on it"`
	State      string          `json:"state" enum:"on,off"`
	Settings   *RemoteSettings `json:"settings" doc:"null: sealed under a key that is not here"`
	Password   bool            `json:"password" doc:"there is one for this address"`
	PrivateKey bool            `json:"private_key" doc:"there is one for this address"`
	Confirmed  bool            `json:"confirmed" doc:"false: no host key was confirmed yet, and it is not visited; see test"`
	Running    bool            `json:"running"`
	ByOperator bool            `json:"by_operator,omitempty" doc:"an operator has said where it leads; nothing is pushed to it while operator_access is not on"`
	CreatedAt  time.Time       `json:"created_at"`
	ChangedAt  time.Time       `json:"changed_at"`
	NextRun    *time.Time      `json:"next_run" doc:"not before; null: by hand only"`
	Unknown    int64           `json:"unknown,omitempty" doc:"so many files of which nobody here knows whether they have arrived: somebody says so (delivered) or has them sent again; see files"`
	RemoteHealth
}

// RemoteHealth is how the last runs went.
type RemoteHealth struct {
	LastRun      *time.Time `json:"last_run" doc:"it ended"`
	LastOK       *time.Time `json:"last_ok"`
	LastFile     *time.Time `json:"last_file" doc:"a file was fetched or delivered"`
	FailingSince *time.Time `json:"failing_since" doc:"null: the last run went well"`
	Failures     int64      `json:"failures" doc:"in a row"`
	Error        string     `json:"error,omitempty" doc:"a word about the last run: identity, sign-in, not-allowed, timeout, cut, some-files, no-right, …"`
}

// RemoteSettings are what a remote is set to.
type RemoteSettings struct {
	URL             string        `json:"url"`
	Every           *Duration     `json:"every" doc:"null: by cron"`
	Cron            string        `json:"cron,omitempty"`
	TimeZone        string        `json:"time_zone" doc:"of cron and expect"`
	Include         []string      `json:"include" doc:"patterns of names; none = all"`
	Exclude         []string      `json:"exclude"`
	Subfolders      int           `json:"subfolders" doc:"how many levels of folders below are looked into"`
	After           string        `json:"after,omitempty" doc:"what becomes of a file there that was fetched: leave, delete, or move:FOLDER"`
	Still           *Duration     `json:"still,omitempty" doc:"a file is finished when it is unchanged for so long"`
	DoneMarker      string        `json:"done_marker,omitempty" doc:"NAME is finished when NAME and this is there"`
	HostKeys        []string      `json:"host_keys" doc:"SHA256:…, those that were confirmed"`
	CertificatePins []string      `json:"certificate_pins" doc:"SHA-256 of the DER; none: public authorities say who it is"`
	OldAlgorithms   []string      `json:"old_algorithms" doc:"that are no longer safe and allowed all the same"`
	OldUntil        string        `json:"old_algorithms_until,omitempty" doc:"a day"`
	Quirks          []string      `json:"quirks" doc:"of an FTPS server: tls-1.2 (its TLS 1.3 resumes no session), list-only (it offers MLSD and does not know it)"`
	Expect          string        `json:"expect,omitempty" doc:"by when a file comes: bankdays by 17:00"`
	AlarmAfter      Duration      `json:"alarm_after" doc:"it has failed for so long"`
	Limits          *RemoteLimits `json:"limits,omitempty"`
}

// RemoteLimits bound one run; what is absent has a default.
type RemoteLimits struct {
	Entries  int      `json:"entries,omitempty" doc:"in listings"`
	Files    int      `json:"files,omitempty"`
	FileSize int64    `json:"file_size,omitempty" doc:"bytes"`
	Time     Duration `json:"time,omitempty"`
}

// RemoteChange is what may be set of a remote; what is absent stays. When scheme, host,
// port or user of the URL change, password, key and what was confirmed are forgotten
// unless they are given anew.
type RemoteChange struct {
	URL             *string       `json:"url,omitempty" doc:"sftp://USER@HOST[:PORT]/FOLDER, ftps:// (TLS at once) or ftpes:// (AUTH TLS); /~/ in front of the folder: relative to where the sign-in leads"`
	Every           *Duration     `json:"every,omitempty" doc:"30s to 366d, in the place of cron"`
	Cron            *string       `json:"cron,omitempty" doc:"five fields, in the place of every"`
	TimeZone        *string       `json:"time_zone,omitempty" doc:"of cron and expect; Europe/Stockholm unless said otherwise"`
	Include         *[]string     `json:"include,omitempty"`
	Exclude         *[]string     `json:"exclude,omitempty"`
	Subfolders      *int          `json:"subfolders,omitempty"`
	After           *string       `json:"after,omitempty" doc:"leave, delete, or move:FOLDER"`
	Still           *Duration     `json:"still,omitempty"`
	DoneMarker      *string       `json:"done_marker,omitempty"`
	HostKeys        *[]string     `json:"host_keys,omitempty"`
	CertificatePins *[]string     `json:"certificate_pins,omitempty"`
	OldAlgorithms   *[]string     `json:"old_algorithms,omitempty" doc:"ssh-rsa, dh-sha1, cbc, hmac-sha1"`
	OldUntil        *string       `json:"old_algorithms_until,omitempty" doc:"a day: 2027-06-30"`
	Quirks          *[]string     `json:"quirks,omitempty" doc:"of an FTPS server: tls-1.2, list-only"`
	Expect          *string       `json:"expect,omitempty" doc:"daily, weekdays or bankdays by HH:MM; empty = nothing is expected"`
	AlarmAfter      *Duration     `json:"alarm_after,omitempty"`
	Limits          *RemoteLimits `json:"limits,omitempty" doc:"in the place of those before"`
	Enabled         *bool         `json:"enabled,omitempty"`
	RemoteSecret
}

// RemoteSecret is by what the gateway signs in; it is never shown. Empty takes it away.
type RemoteSecret struct {
	Password   *string `json:"password,omitempty"`
	PrivateKey *string `json:"private_key,omitempty" doc:"OpenSSH, PKCS#8 or PKCS#1"`
	Passphrase *string `json:"passphrase,omitempty" doc:"of the private key"`
}

// NewRemote asks for a remote.
type NewRemote struct {
	Name      string `json:"name" doc:"1 to 40 of a-z, 0-9 and -"`
	Direction string `json:"direction" enum:"pull,push"`
	RemoteChange
}

// RemoteTest is what a test found, step by step.
type RemoteTest struct {
	OK      bool             `json:"ok"`
	Steps   []RemoteStep     `json:"steps"`
	Confirm *RemoteToConfirm `json:"confirm" doc:"what the server shows and nobody has confirmed; compare it with who runs the server"`
}

// RemoteStep is one step of a test.
type RemoteStep struct {
	Name    string `json:"name" doc:"resolve, connect, host key or certificate, sign-in, start, list, write"`
	OK      bool   `json:"ok"`
	Message string `json:"message" doc:"what was seen, or what to change"`
	Error   string `json:"error,omitempty" doc:"a word about why it failed, as of a run"`
	// Facts are what the message tells of a step that went well, one by one.
	Facts map[string]string `json:"facts,omitempty" doc:"what was seen, one by one: addresses, fingerprint, files, …"`
}

// RemoteToConfirm is by what a server proves who it is.
type RemoteToConfirm struct {
	What         string   `json:"what" enum:"host key,certificate"`
	Fingerprints []string `json:"fingerprints"`
}

// RemoteRun is one visit.
type RemoteRun struct {
	ID      string     `json:"id"`
	By      string     `json:"by,omitempty" doc:"who asked for it; absent: the schedule"`
	ByKind  string     `json:"by_kind,omitempty" enum:"machine,operator,login,token"`
	ByName  *string    `json:"by_name,omitempty" doc:"absent: gone, or not for you to know"`
	BeganAt time.Time  `json:"began_at"`
	EndedAt *time.Time `json:"ended_at"`
	Outcome string     `json:"outcome" enum:"running,ok,failed,cut" doc:"cut: the gateway stopped, or lost its lease"`
	Seen    int64      `json:"seen" doc:"files in the listing, or waiting in the outbox"`
	Files   int64      `json:"files" doc:"fetched or delivered"`
	Bytes   int64      `json:"bytes"`
	Failed  int64      `json:"failed" doc:"files that were tried in vain"`
	Error   string     `json:"error,omitempty" doc:"a word about why it failed: identity, sign-in, timeout, some-files, …"`
	// FileError is that of the first file that failed, when single ones did.
	FileError string  `json:"file_error,omitempty" doc:"with some-files: a word about the first of them: no-right, answer-lost, …"`
	Message   *string `json:"message" doc:"what to change; null: it went well, or the sentence is sealed under a key that is not here"`
}

// RemoteFile is a file of the outbox that was tried to be left on a server in vain.
type RemoteFile struct {
	ID      string     `json:"id"`
	Tries   int64      `json:"tries" doc:"in a row"`
	TriedAt time.Time  `json:"tried_at"`
	NextTry *time.Time `json:"next_try" doc:"not before; null: at the next run"`
	Error   string     `json:"error,omitempty" doc:"a word about the last try"`
	// Unknown is for a person to settle: no try will.
	Unknown bool `json:"unknown" doc:"nobody here knows whether it has arrived: somebody says so (delivered) or has it sent again"`
}
