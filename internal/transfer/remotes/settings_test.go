package remotes

import (
	"strings"
	"testing"
	"time"

	"sealgate/internal/fault"
	table "sealgate/internal/store/catalog/remotes"
)

// pulled is what a pull remote may be set to.
func pulled() Settings {
	s := Defaults(table.Pull)
	s.URL = "sftp://payments@bank.example.com/out"
	s.HostKeys = []string{"SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"}
	return s
}

func TestSettings(t *testing.T) {
	good := pulled()
	good.Cron, good.Zone, good.Expect = "0 17 * * mon-fri", "Europe/London", "bankdays by 17:30"
	good.Include, good.Exclude, good.Depth, good.Marker, good.After = []string{"*.xml"}, []string{"test-*"}, 2, ".done", "move:/archive/done/"
	good.Legacy, good.LegacyUntil = []string{"ssh-rsa"}, time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := good.check(table.Pull); err != nil || good.After != "move:/archive/done" {
		t.Errorf("%q %v", good.After, err)
	}
	pins := Defaults(table.Push)
	pins.URL, pins.Certificates = "ftpes://u@h/in", []string{strings.Repeat("AB:", 31) + "AB"}
	if err := pins.check(table.Push); err != nil || pins.Certificates[0] != strings.Repeat("ab", 32) {
		t.Errorf("%q %v", pins.Certificates, err)
	}
	for name, change := range map[string]func(*Settings){
		"two schedules":           func(s *Settings) { s.Every, s.Cron = time.Hour, "0 * * * *" },
		"too often":               func(s *Settings) { s.Every = time.Second },
		"no cron":                 func(s *Settings) { s.Cron = "hourly" },
		"no zone":                 func(s *Settings) { s.Cron, s.Zone = "0 * * * *", "Stockholm" },
		"no time":                 func(s *Settings) { s.Expect = "soon" },
		"an alarm at once":        func(s *Settings) { s.AlarmAfter = 0 },
		"too deep":                func(s *Settings) { s.Depth = 9 },
		"before it is":            func(s *Settings) { s.Still = -1 },
		"no pattern":              func(s *Settings) { s.Include = []string{"[a"} },
		"burnt":                   func(s *Settings) { s.After = "burn" },
		"moved nowhere":           func(s *Settings) { s.After = "move:" },
		"moved out":               func(s *Settings) { s.After = "move:../x" },
		"a marker elsewhere":      func(s *Settings) { s.Marker = "/done" },
		"no fingerprint":          func(s *Settings) { s.HostKeys = []string{"MD5:00"} },
		"too many":                func(s *Settings) { s.HostKeys = make([]string, 11) },
		"a certificate for SSH":   func(s *Settings) { s.Certificates = []string{strings.Repeat("ab", 32)} },
		"a host key for TLS":      func(s *Settings) { s.URL = "ftps://u@h/" },
		"unknown algorithms":      func(s *Settings) { s.Legacy, s.LegacyUntil = []string{"md5"}, time.Now() },
		"old algorithms for ever": func(s *Settings) { s.Legacy = []string{"ssh-rsa"} },
		"a quirk of FTPS":         func(s *Settings) { s.Quirks = []string{QuirkList} },
		"no quirk":                func(s *Settings) { s.URL, s.HostKeys, s.Quirks = "ftps://u@h/", nil, []string{"slow"} },
		"a day for nothing":       func(s *Settings) { s.LegacyUntil = time.Now() },
		"no end of entries":       func(s *Settings) { s.Limits.Entries = 200_001 },
		"moved to itself":         func(s *Settings) { s.URL, s.After = "sftp://u@h/out", "move:/out/." },
		"moved to who knows":      func(s *Settings) { s.URL, s.After = "sftp://u@h/~/out", "move:/home/u/out" },
		"a negative size":         func(s *Settings) { s.Limits.Bytes = -1 },
	} {
		s := pulled()
		change(&s)
		if err := s.check(table.Pull); !fault.Is(err, fault.Invalid) || fault.Message(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, change := range map[string]func(*Settings){
		"no pattern": func(s *Settings) { s.Exclude = []string{"["} }, "deleted": func(s *Settings) { s.After = Delete },
		"expected": func(s *Settings) { s.Expect = "daily by 10:00" }, "still": func(s *Settings) { s.Still = time.Second },
	} {
		s := Defaults(table.Push)
		s.URL = "sftp://u@h/in"
		change(&s)
		if err := s.check(table.Push); !fault.Is(err, fault.Invalid) {
			t.Errorf("pushed with %s: %v", name, err)
		}
	}
}
