package alarm

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody/keyring"
	"sealgate/internal/fault"
	"sealgate/internal/notify/mail"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/approvals"
	"sealgate/internal/store/catalog/notices"
)

const day = 24 * time.Hour

// graceFor is how long something may be unfinished before that is an alarm.
const graceFor = day

// Files finds those that wait for somebody.
func Files(cat *catalog.Catalog, now func() time.Time) Check {
	return Check{Name: "files", Every: time.Minute, Look: func(ctx context.Context) (found []Condition, err error) {
		err = cat.View(ctx, func(tx *catalog.Tx) error {
			for _, k := range []struct {
				state          catalog.State
				kind, severity string
			}{
				{catalog.Held, "files-held", Warning}, {catalog.Refused, "files-refused", Warning}, {catalog.Locked, "files-locked", Info},
			} {
				waiting, err := tx.FilesThatWait(string(k.state))
				if err != nil {
					return err
				}
				found = append(found, files(k.kind, k.severity, waiting)...)
			}
			late, err := tx.FilesNotRenamed(now().Add(-graceFor))
			found = append(found, files("files-not-renamed", Warning, late)...)
			return err
		})
		return found, err
	}}
}

func files(kind, severity string, waiting []notices.Waiting) (found []Condition) {
	for _, w := range waiting {
		found = append(found, Condition{
			Account: w.Account, Kind: kind, Severity: severity, Count: w.Files, Level: w.Newest, Detail: map[string]string{"since": stamp(w.Since)},
		})
	}
	return found
}

// Approvals finds what operators ask accounts for and nobody has answered, after it has
// ended what is over.
func Approvals(sweep func(context.Context) error, cat *catalog.Catalog) Check {
	return Check{Name: "approvals", Every: time.Minute, Look: func(ctx context.Context) (found []Condition, err error) {
		if err := sweep(ctx); err != nil {
			return nil, err
		}
		err = cat.View(ctx, func(tx *catalog.Tx) error {
			live, err := tx.LiveApprovals()
			for _, a := range live {
				if a.State == approvals.Asked {
					found = append(found, Condition{
						Account: a.Account, Kind: "access-asked", Object: a.ID.String(), Severity: Warning, Count: 1,
						Detail: map[string]string{"until": a.Until.UTC().Format(time.DateOnly)},
					})
				}
			}
			return err
		})
		return found, err
	}}
}

// Keys finds what should be seen to about the keys of accounts.
func Keys(warnings func(context.Context) ([]keyring.Warning, error), cat *catalog.Catalog, now func() time.Time) Check {
	return Check{Name: "keys", Every: 10 * time.Minute, Look: func(ctx context.Context) (found []Condition, err error) {
		list, err := warnings(ctx)
		if err != nil {
			return nil, err
		}
		system, err := systemAccount(ctx, cat)
		if err != nil {
			return nil, err
		}
		for _, w := range list {
			if w.Code == keyring.WarnNotConfirmed {
				fresh, err := youngKey(ctx, cat, w.Object, now().Add(-graceFor))
				if err != nil {
					return nil, err
				}
				if fresh {
					continue
				}
			}
			if w.Account == system {
				w.Account = uuid.Nil // the gateway's own
			}
			found = append(found, keyCondition(w, now()))
		}
		return found, nil
	}}
}

func systemAccount(ctx context.Context, cat *catalog.Catalog) (id uuid.UUID, err error) {
	err = cat.View(ctx, func(tx *catalog.Tx) error {
		system, err := tx.AccountByName(catalog.SystemAccount)
		if err == nil {
			id = system.ID
		}
		return err
	})
	return id, err
}

func keyCondition(w keyring.Warning, now time.Time) Condition {
	c := Condition{Account: w.Account, Kind: w.Code, Object: w.Object, Severity: Warning, Count: 1}
	if !w.At.IsZero() {
		c.Detail = map[string]string{"until": w.At.UTC().Format(time.DateOnly)}
	}
	switch w.Code {
	case keyring.WarnExpires:
		c.Level = nearness(w.At.Sub(now))
	case keyring.WarnMissing, keyring.WarnOlderData, keyring.WarnNoAccessKey:
		c.Severity = Critical
	case keyring.WarnClosed, keyring.WarnRemoval:
		c.Severity = Info
	}
	return c
}

// nearness grows three times before a date comes.
func nearness(left time.Duration) int64 {
	switch {
	case left < 7*day:
		return 3
	case left < 30*day:
		return 2
	}
	return 1
}

// youngKey tells whether an access key was made after a time.
func youngKey(ctx context.Context, cat *catalog.Catalog, object string, since time.Time) (young bool, err error) {
	id, err := uuid.Parse(object)
	if err != nil {
		return false, nil
	}
	err = cat.View(ctx, func(tx *catalog.Tx) error {
		k, err := tx.AccessKey(id)
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		young = err == nil && k.CreatedAt.After(since)
		return err
	})
	return young, err
}

// Webhooks finds those that take nothing.
func Webhooks(cat *catalog.Catalog, now func() time.Time) Check {
	return Check{Name: "webhooks", Every: time.Minute, Look: func(ctx context.Context) (found []Condition, err error) {
		err = cat.View(ctx, func(tx *catalog.Tx) error {
			all, err := tx.AllWebhooks()
			if err != nil {
				return err
			}
			system, err := tx.AccountByName(catalog.SystemAccount)
			if err != nil {
				return err
			}
			for _, w := range all {
				c := Condition{Account: w.Account, Object: w.ID.String(), Severity: Warning, Count: 1}
				if w.Account == system.ID {
					c.Account = uuid.Nil
				}
				switch {
				case w.State == notices.WebhookFailed:
					c.Kind = "webhook-off"
				case w.State == notices.WebhookOn && w.Failing == notices.FailingNoSecret:
					c.Kind = "webhook-no-secret"
				case w.State == notices.WebhookOn && !w.FailingSince.IsZero() && now().Sub(w.FailingSince) > time.Hour:
					c.Kind, c.Detail = "webhook-failing", map[string]string{"since": stamp(w.FailingSince)}
				default:
					continue
				}
				found = append(found, c)
			}
			return nil
		})
		return found, err
	}}
}

// Mail finds mail that does not go out, and letters that were given up in the last
// days. A server that is away for minutes is none of its business.
func Mail(cat *catalog.Catalog, now func() time.Time) Check {
	return Check{Name: "mail", Every: time.Minute, Look: func(ctx context.Context) (found []Condition, err error) {
		err = cat.View(ctx, func(tx *catalog.Tx) error {
			failing, err := tx.FailingMail(3)
			if err == nil && failing > 0 {
				found = append(found, Condition{Kind: "mail-failing", Severity: Warning, Count: failing})
			}
			if err != nil {
				return err
			}
			text, err := tx.Setting(mail.LostSetting)
			if lost, perr := time.Parse(time.RFC3339, text); perr == nil && now().Sub(lost) < 3*day {
				found = append(found, Condition{Kind: "mail-lost", Severity: Warning, Count: 1, Level: lost.Unix(), Detail: map[string]string{"since": stamp(lost)}})
			}
			return err
		})
		return found, err
	}}
}

// Bounds of a disk's room: below a twentieth and 10 GiB, or 1 GiB; and very little.
const (
	lowRoom     = 10 << 30
	tinyRoom    = 1 << 30
	lowFraction = 20
)

// Disk finds one that is nearly full. It is full until there is a fifth more than that:
// files come and go, and each time would be an alarm.
func Disk(room func() (free, total int64, err error)) Check {
	low := false
	over := func(free, bound int64) bool {
		if low {
			bound += bound / 5
		}
		return free >= bound
	}
	return Check{Name: "disk", Every: time.Minute, Look: func(context.Context) ([]Condition, error) {
		free, total, err := room()
		if err != nil {
			return nil, err
		}
		if low = !over(free, tinyRoom) || !over(free, lowRoom) && !over(free, total/lowFraction); !low {
			return nil, nil
		}
		c := Condition{Kind: "disk-low", Severity: Warning, Count: 1, Level: 1, Detail: map[string]string{"free": gibibytes(free)}}
		if free < tinyRoom {
			c.Severity, c.Level = Critical, 2
		}
		return []Condition{c}, nil
	}}
}

func gibibytes(n int64) string { return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30)) }

// Clock finds one that is in doubt.
func Clock(trusted func() bool) Check {
	return Check{Name: "clock", Every: time.Minute, Look: func(context.Context) ([]Condition, error) {
		return when(!trusted(), Condition{Kind: "clock-in-doubt", Severity: Warning, Count: 1}), nil
	}}
}

// Audit verifies the whole audit log, once a day.
func Audit(verify func(context.Context) error) Check {
	return Check{Name: "audit", Every: day, Look: func(ctx context.Context) ([]Condition, error) {
		err := verify(ctx)
		if err != nil && !fault.Is(err, fault.Damaged) {
			return nil, err
		}
		return when(err != nil, Condition{Kind: "audit-damaged", Severity: Critical, Count: 1}), nil
	}}
}

// age is how long ago this gateway was made.
func age(tx *catalog.Tx, now time.Time) (time.Duration, error) {
	system, err := tx.AccountByName(catalog.SystemAccount)
	if err != nil {
		return 0, err
	}
	return now.Sub(system.CreatedAt), nil
}

// KeyBackup finds that there is no good copy of the keys; a gateway that was made a
// day ago may still be without.
func KeyBackup(check func() (path string, err error), cat *catalog.Catalog, now func() time.Time) Check {
	return Check{Name: "key-backup", Every: time.Hour, Look: func(ctx context.Context) (found []Condition, err error) {
		path, bad := check()
		err = cat.View(ctx, func(tx *catalog.Tx) error {
			old, err := age(tx, now())
			found = when((bad != nil || path == "") && old > graceFor, Condition{Kind: "key-backup", Severity: Warning, Count: 1})
			return err
		})
		return found, err
	}}
}

// backupWithin is how old the last backup of the data may be.
const backupWithin = 7 * day

// DataBackup finds that the last backup of the data is long ago, or was never made;
// when it was stands in a setting of the catalog.
func DataBackup(cat *catalog.Catalog, setting string, now func() time.Time) Check {
	return Check{Name: "data-backup", Every: time.Hour, Look: func(ctx context.Context) (found []Condition, err error) {
		err = cat.View(ctx, func(tx *catalog.Tx) error {
			text, err := tx.Setting(setting)
			if err != nil {
				return err
			}
			last, _ := time.Parse(time.RFC3339, text) // "" = never
			old, err := age(tx, now())
			late := now().Sub(last) > backupWithin && old > backupWithin
			found = when(late, Condition{Kind: "data-backup", Severity: Warning, Count: 1, Detail: map[string]string{"days": "7"}})
			return err
		})
		return found, err
	}}
}

// HTTPSCertificate finds that the certificate of the HTTPS door comes to its end.
func HTTPSCertificate(notAfter func() (time.Time, error), now func() time.Time) Check {
	return Check{Name: "https-certificate", Every: time.Hour, Look: func(context.Context) ([]Condition, error) {
		until, err := notAfter()
		if err != nil {
			return nil, err
		}
		left := until.Sub(now())
		c := Condition{Kind: "https-certificate", Severity: Warning, Count: 1, Level: nearness(left), Detail: map[string]string{"until": until.UTC().Format(time.DateOnly)}}
		if left <= 0 {
			c.Severity, c.Level = Critical, 4
		}
		return when(left < 21*day, c), nil
	}}
}

// Renewal finds that an authority has not given the certificate of the HTTPS door in
// time; from then on clients are shown one that they do not know.
func Renewal(overdue func() (late bool, from time.Time), now func() time.Time) Check {
	return Check{Name: "https-renewal", Every: time.Hour, Look: func(context.Context) ([]Condition, error) {
		late, from := overdue()
		c := Condition{Kind: "https-renewal", Severity: Warning, Count: 1, Level: nearness(from.Sub(now())), Detail: map[string]string{"until": from.UTC().Format(time.DateOnly)}}
		if !from.After(now()) {
			c.Severity, c.Level = Critical, 4
		}
		return when(late, c), nil
	}}
}

func when(found bool, c Condition) []Condition {
	if !found {
		return nil
	}
	return []Condition{c}
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }
