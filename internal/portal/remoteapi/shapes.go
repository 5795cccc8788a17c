package remoteapi

import (
	"cmp"
	"time"

	"sealgate/internal/account"
	"sealgate/internal/fault"
	"sealgate/internal/portal"
	table "sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/remotes"
)

// put sets what was given.
func put[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// apply changes settings as was asked.
func apply(s *remotes.Settings, c *portal.RemoteChange) error {
	if c.Every != nil && c.Cron != nil && *c.Every != 0 && *c.Cron != "" {
		return fault.New(fault.Invalid, "api: remote", "a remote has an interval or a cron expression, not both")
	}
	put(&s.URL, c.URL)
	put((*portal.Duration)(&s.Every), c.Every)
	put(&s.Cron, c.Cron)
	switch {
	case c.Every != nil && *c.Every != 0:
		s.Cron = ""
	case c.Cron != nil && *c.Cron != "":
		s.Every = 0
	}
	put(&s.Zone, c.TimeZone)
	put(&s.Include, c.Include)
	put(&s.Exclude, c.Exclude)
	put(&s.Depth, c.Subfolders)
	put(&s.After, c.After)
	put((*portal.Duration)(&s.Still), c.Still)
	put(&s.Marker, c.DoneMarker)
	put(&s.HostKeys, c.HostKeys)
	put(&s.Certificates, c.CertificatePins)
	put(&s.Legacy, c.OldAlgorithms)
	put(&s.Quirks, c.Quirks)
	put(&s.Expect, c.Expect)
	put((*portal.Duration)(&s.AlarmAfter), c.AlarmAfter)
	if l := c.Limits; l != nil {
		s.Limits = remotes.Limits{Entries: l.Entries, Files: l.Files, Bytes: l.FileSize, Time: time.Duration(l.Time)}
	}
	if c.OldUntil != nil {
		s.LegacyUntil = time.Time{}
		if *c.OldUntil != "" {
			day, err := time.Parse(time.DateOnly, *c.OldUntil)
			if err != nil {
				return fault.New(fault.Invalid, "api: remote", "%q is no day like 2027-06-30", *c.OldUntil)
			}
			s.LegacyUntil = day.Add(24*time.Hour - time.Second) // the day itself counts
		}
	}
	return nil
}

func secretOf(s portal.RemoteSecret) remotes.SecretChange {
	return remotes.SecretChange{Password: s.Password, Key: s.PrivateKey, Passphrase: s.Passphrase}
}

func remoteOf(r *remotes.Remote) portal.Remote {
	h := r.Health
	o := portal.Remote{
		ID: r.ID.String(), Name: r.Name, Direction: r.Direction, State: r.State, Password: r.Password, PrivateKey: r.Key,
		ByOperator: r.ByOperator, Running: r.Lease.Holder != "", CreatedAt: r.CreatedAt.UTC(), ChangedAt: r.ChangedAt.UTC(), NextRun: portal.Moment(r.NextRun),
		RemoteHealth: portal.RemoteHealth{
			LastRun: portal.Moment(h.LastRun), LastOK: portal.Moment(h.LastOK), LastFile: portal.Moment(h.LastFile),
			FailingSince: portal.Moment(h.FailingSince), Failures: h.Failures, Error: h.Error,
		},
	}
	if r.Settings != nil {
		o.Confirmed = r.Settings.Confirmed()
		o.Settings = settingsOf(r.Direction, r.Settings)
	}
	return o
}

func settingsOf(direction string, s *remotes.Settings) *portal.RemoteSettings {
	o := &portal.RemoteSettings{
		URL: s.URL, Cron: s.Cron, TimeZone: s.ZoneName(), Include: listOf(s.Include), Exclude: listOf(s.Exclude), Subfolders: s.Depth, After: s.After,
		DoneMarker: s.Marker, HostKeys: listOf(s.HostKeys), CertificatePins: listOf(s.Certificates), OldAlgorithms: listOf(s.Legacy), Quirks: listOf(s.Quirks),
		Expect: s.Expect, AlarmAfter: portal.Duration(s.AlarmAfter),
	}
	if s.Cron == "" {
		every := portal.Duration(s.Interval(direction))
		o.Every = &every
	}
	if direction == table.Pull {
		still := portal.Duration(s.Still)
		o.Still = &still
	}
	if !s.LegacyUntil.IsZero() {
		o.OldUntil = s.LegacyUntil.Format(time.DateOnly)
	}
	if s.Limits != (remotes.Limits{}) {
		o.Limits = &portal.RemoteLimits{Entries: s.Limits.Entries, Files: s.Limits.Files, FileSize: s.Limits.Bytes, Time: portal.Duration(s.Limits.Time)}
	}
	return o
}

// listOf is a list that is never null.
func listOf(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func runOf(r *remotes.Run, whoIs func(actor string) (account.Actor, error)) (portal.RemoteRun, error) {
	o := portal.RemoteRun{
		ID: r.ID.String(), By: r.By, BeganAt: r.BeganAt.UTC(), EndedAt: portal.Moment(r.EndedAt), Outcome: cmp.Or(r.Outcome, "running"),
		Seen: r.Seen, Files: r.Files, Bytes: r.Bytes, Failed: r.Failed, Error: r.Error, FileError: r.FileError,
	}
	if r.Message != "" {
		o.Message = &r.Message
	}
	if r.By == "" {
		return o, nil
	}
	who, err := whoIs(r.By)
	o.ByKind = string(who.Kind)
	if who.Name != "" {
		o.ByName = &who.Name
	}
	return o, err
}
