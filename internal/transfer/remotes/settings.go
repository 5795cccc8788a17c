package remotes

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"sealgate/internal/fault"
	table "sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/glob"
	"sealgate/internal/transfer/poll"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/schedule"
	"sealgate/internal/transfer/remotes/address"
)

// Bounds and defaults of settings.
const (
	pullEvery  = 5 * time.Minute
	pushEvery  = time.Minute // a look into the outbox; nobody is called when nothing waits
	still      = 30 * time.Second
	alarmAfter = time.Hour

	maxPins  = 10
	maxDepth = 8
)

// What becomes of a file there once it was fetched.
const (
	Leave  = "leave"
	Delete = "delete"
	Move   = "move:" // and the folder
)

// Quirks of FTPS servers.
const (
	QuirkTLS12 = "tls-1.2"   // its TLS 1.3 resumes no session, which it asks of data connections
	QuirkList  = "list-only" // it offers MLSD and does not know it
)

// Settings are what a remote is set to. They are sealed as one JSON object.
type Settings struct {
	URL     string        `json:"url"`
	Every   time.Duration `json:"every,omitempty"` // or Cron
	Cron    string        `json:"cron,omitempty"`
	Zone    string        `json:"zone,omitempty"` // of Cron and Expect; "" = schedule.Zone
	Include []string      `json:"include,omitempty"`
	Exclude []string      `json:"exclude,omitempty"`
	Depth   int           `json:"depth,omitempty"`  // of folders below that are looked into
	After   string        `json:"after,omitempty"`  // Leave, Delete or Move with a folder
	Still   time.Duration `json:"still,omitempty"`  // unchanged for so long = finished
	Marker  string        `json:"marker,omitempty"` // NAME.done says that NAME is finished: ".done"
	Limits  Limits        `json:"limits,omitzero"`

	HostKeys     []string  `json:"host_keys,omitempty"`    // SHA256:..., as ssh-keygen -l shows them
	Certificates []string  `json:"certificates,omitempty"` // hex SHA-256 of the DER; none = by public authorities
	Legacy       []string  `json:"legacy,omitempty"`       // old algorithms that are allowed
	LegacyUntil  time.Time `json:"legacy_until,omitzero"`
	Quirks       []string  `json:"quirks,omitempty"` // of an FTPS server

	Expect     string        `json:"expect,omitempty"` // "weekdays by 17:00"
	AlarmAfter time.Duration `json:"alarm_after,omitempty"`
}

// Limits bound one run; zero = the default.
type Limits struct {
	Entries int           `json:"entries,omitempty"`
	Files   int           `json:"files,omitempty"`
	Bytes   int64         `json:"bytes,omitempty"`
	Time    time.Duration `json:"time,omitempty"`
}

// Defaults are the settings of a new remote.
func Defaults(direction string) Settings {
	s := Settings{AlarmAfter: alarmAfter}
	if direction == table.Pull {
		s.After, s.Still = Leave, still
	}
	return s
}

// Address is the parsed URL of settings that were checked.
func (s *Settings) Address() (address.Address, error) { return address.Parse(s.URL) }

// Confirmed reports whether it is known by what the server proves who it is.
func (s *Settings) Confirmed() bool {
	return !strings.HasPrefix(s.URL, address.SFTP+":") || len(s.HostKeys) > 0
}

// Names are the files that are meant.
func (s *Settings) Names() glob.Set { return glob.Set{Include: s.Include, Exclude: s.Exclude} }

// Interval is how often the remote is due when no cron expression says when.
func (s *Settings) Interval(direction string) time.Duration {
	switch {
	case s.Every != 0:
		return s.Every
	case direction == table.Push:
		return pushEvery
	}
	return pullEvery
}

// ZoneName is the time zone of Cron and Expect.
func (s *Settings) ZoneName() string { return cmp.Or(s.Zone, schedule.Zone) }

// Schedule is when the remote is due.
func (s *Settings) Schedule(direction string) (schedule.Schedule, error) {
	if s.Cron != "" {
		return schedule.Cron(s.Cron, s.Zone)
	}
	return schedule.Every(s.Interval(direction))
}

// Expectation is by when files are expected.
func (s *Settings) Expectation() (schedule.Expectation, error) {
	return schedule.Expect(s.Expect, s.Zone)
}

// check refuses settings that cannot be meant, and brings the rest into one form.
func (s *Settings) check(direction string) error {
	const op = "remotes: settings"
	invalid := func(format string, args ...any) error { return fault.New(fault.Invalid, op, format, args...) }
	at, err := s.Address()
	if err != nil {
		return err
	}
	if s.Every != 0 && s.Cron != "" {
		return invalid("a remote has an interval or a cron expression, not both")
	}
	if _, err := s.Schedule(direction); err != nil {
		return err
	}
	if _, err := s.Expectation(); err != nil {
		return err
	}
	if s.AlarmAfter < time.Minute || s.AlarmAfter > 30*24*time.Hour {
		return invalid("an alarm is raised when a remote has failed for 1m to 30d")
	}
	if l := s.Limits; l.Entries < 0 || l.Files < 0 || l.Bytes < 0 || l.Time < 0 || l.Entries > 200_000 || l.Files > 1_000_000 || l.Bytes > 1<<40 || l.Time > 4*time.Hour {
		return invalid("limits of a run are at most 200,000 entries, 1,000,000 files, 1 TiB a file, and 4h")
	}
	if err := s.checkIdentity(at); err != nil {
		return err
	}
	if err := s.Names().Check(); err != nil {
		return err
	}
	if direction == table.Push {
		if s.Depth != 0 || s.After != "" || s.Still != 0 || s.Marker != "" || s.Expect != "" {
			return invalid("subfolders, when a file is finished, what becomes of it there, and what is expected are for servers that are pulled from")
		}
		return nil
	}
	return s.checkPull(at)
}

func (s *Settings) checkPull(at address.Address) error {
	const op = "remotes: settings"
	switch {
	case s.Depth < 0 || s.Depth > maxDepth:
		return fault.New(fault.Invalid, op, "folders are looked into down to %d levels", maxDepth)
	case s.Still < 0 || s.Still > 24*time.Hour:
		return fault.New(fault.Invalid, op, "a file is finished when it is unchanged for 0s to 24h")
	case len(s.Marker) > 50 || strings.ContainsAny(s.Marker, "/\\") || strings.ContainsFunc(s.Marker, control):
		return fault.New(fault.Invalid, op, "a done-marker is what is added to a file's name, like .done")
	}
	if dir, ok := strings.CutPrefix(s.After, Move); ok {
		if dir = strings.TrimRight(dir, "/"); dir == "" || dir == "." {
			return fault.New(fault.Invalid, op, "say to which folder files are moved: move:done, or move:/archive/done")
		}
		s.After = Move + dir
		if err := remote.CheckPath(dir); err != nil {
			return err
		}
		return poll.CheckMove(at.Dir, dir)
	}
	if s.After != Leave && s.After != Delete {
		return fault.New(fault.Invalid, op, "what becomes of a fetched file there is leave, delete, or move:FOLDER")
	}
	return nil
}

// legacy are the names of what is no longer safe and can be allowed.
var legacy = []string{"ssh-rsa", "dh-sha1", "cbc", "hmac-sha1"}

func (s *Settings) checkIdentity(at address.Address) error {
	const op = "remotes: settings"
	invalid := func(format string, args ...any) error { return fault.New(fault.Invalid, op, format, args...) }
	if at.Scheme != address.SFTP && len(s.HostKeys)+len(s.Legacy) > 0 {
		return invalid("host keys and old algorithms of SSH are for sftp:// addresses")
	}
	if at.Scheme == address.SFTP && len(s.Certificates) > 0 {
		return invalid("certificates are for ftps:// and ftpes:// addresses; an SFTP server is known by its host key")
	}
	for _, q := range s.Quirks {
		if at.Scheme == address.SFTP || q != QuirkTLS12 && q != QuirkList {
			return invalid("a quirk is %s or %s, of an FTPS server", QuirkTLS12, QuirkList)
		}
	}
	if len(s.HostKeys)+len(s.Certificates) > maxPins {
		return invalid("a server has at most %d keys or certificates at a time", maxPins)
	}
	for _, fp := range s.HostKeys {
		text, ok := strings.CutPrefix(fp, "SHA256:")
		if sum, err := base64.RawStdEncoding.DecodeString(text); !ok || err != nil || len(sum) != 32 {
			return invalid("%q is no fingerprint of a host key; it looks like SHA256:… and has 43 more characters (ssh-keygen -lf shows it)", fp)
		}
	}
	for i, fp := range s.Certificates {
		s.Certificates[i] = strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(fp, "sha256:"), ":", ""))
		if sum, err := hex.DecodeString(s.Certificates[i]); err != nil || len(sum) != 32 {
			return invalid("%q is no fingerprint of a certificate; it is the SHA-256 of its DER in 64 hexadecimal digits", fp)
		}
	}
	for _, name := range s.Legacy {
		if !slices.Contains(legacy, name) {
			return invalid("%q is no old algorithm that can be allowed; they are %s", name, strings.Join(legacy, ", "))
		}
	}
	if len(s.Legacy) > 0 != !s.LegacyUntil.IsZero() {
		return invalid("old algorithms are allowed until a day: name both, which they are and the day, or neither")
	}
	return nil
}

func control(r rune) bool { return r < 0x20 || r == 0x7f }
