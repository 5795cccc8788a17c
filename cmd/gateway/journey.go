package main

import (
	"context"
	"crypto/ed25519"
	"log/slog"
	"time"

	"sealgate/internal/account/agents"
	"sealgate/internal/account/leftover"
	"sealgate/internal/account/oidc"
	"sealgate/internal/dialguard"
	"sealgate/internal/fault"
	"sealgate/internal/indexer"
	"sealgate/internal/metrics"
	"sealgate/internal/notify"
	"sealgate/internal/notify/alarm"
	"sealgate/internal/notify/letter"
	"sealgate/internal/notify/mail"
	"sealgate/internal/payment"
	"sealgate/internal/portal"
	"sealgate/internal/portal/api"
	"sealgate/internal/portal/health"
	"sealgate/internal/portal/httpd"
	"sealgate/internal/portal/httpd/certs"
	"sealgate/internal/receipt"
	"sealgate/internal/reseal"
	"sealgate/internal/retention"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/bodies"
	"sealgate/internal/transfer/intake"
	"sealgate/internal/transfer/outbox"
	"sealgate/internal/transfer/poll"
	"sealgate/internal/transfer/push"
	"sealgate/internal/transfer/remotes"
	"sealgate/internal/transfer/remotes/visits"
	"sealgate/internal/work"
)

// journey is what happens to a file between the doors, in its order: it comes in,
// is opened and indexed, waits to be fetched, is acknowledged in writing, is sealed
// for newer keys, and ends when its time is over.
type journey struct {
	app *app
	*stores
	log *slog.Logger

	in        *intake.Intake
	contents  *bodies.Bodies
	out       *outbox.Outbox
	reader    *indexer.Indexer
	receipts  *receipt.Office
	jobs      *work.Runner
	resealer  *reseal.Resealer
	clock     *retention.Clock
	retention *retention.Retention
	notices   *notify.Notices
	remotes   *remotes.Service
	agents    *agents.Service
}

func (a *app) journey(s *stores, log *slog.Logger, counts *metrics.Set, door httpd.Certificates) (_ *journey, err error) {
	j := &journey{app: a, stores: s, log: log}
	j.in = intake.New(s.catalog, s.vault, s.custody, intake.Options{Node: s.node, Now: a.Now, Log: log, Space: s.room, Observe: counts.Arrival})
	j.contents = bodies.New(s.catalog, s.vault, s.custody)
	j.out = outbox.New(s.catalog, j.contents, s.custody, j.in, a.Now)
	j.reader = indexer.New(s.catalog, s.databases, j.contents, s.custody, indexer.Options{
		Now: a.Now, Log: log,
		Observe: func(s payment.Summary, took time.Duration) {
			format := "unknown"
			if s.Format != nil {
				format = *s.Format
			}
			counts.Indexed(format, string(s.Outcome), took)
		},
	})
	j.receipts = receipt.New(s.catalog, s.custody, s.keys.Identity(), a.Now)

	// What time does is done by a clock that is believed only after a while.
	began := time.Now()
	j.clock = retention.NewClock(s.catalog, a.Now, func() time.Duration { return time.Since(began) }, log)
	j.retention = retention.New(s.catalog, j.contents, s.custody, j.clock, log)
	j.resealer = reseal.New(reseal.Stores{Catalog: s.catalog, Intake: j.in, Bodies: j.contents, Custody: s.custody},
		reseal.Options{Worker: s.node, Now: a.Now, Log: log})

	j.remotes = remotes.New(remotes.Options{
		Catalog: s.catalog, Custody: s.custody, Keys: s.keys, Guard: dialguard.New(s.cfg.Remotes.Allow), Node: s.node, Connect: visits.Dial,
		Pull: visits.Pulling(poll.New(s.catalog, j.in, s.custody, a.Now)), Push: visits.Pushing(push.New(s.catalog, j.out, s.custody, a.Now)),
		Delivered: j.out.DeliveredTo, Observe: counts.Visit, Now: a.Now, Log: log,
	})
	j.agents = agents.New(s.catalog, s.custody, agents.Options{Identity: s.keys.Identity().Public().(ed25519.PublicKey), Now: a.Now, Log: log, Ended: j.in.DropSealed})
	if j.notices, err = j.tell(counts, door); err != nil {
		return nil, err
	}
	j.jobs = work.NewRunner(s.catalog, map[string]work.Handler{
		catalog.IndexJob:   j.reader.Handle,
		indexer.AnswerJob:  j.out.Answer,
		indexer.ReceiptJob: j.receipts.Put(j.out),
		outbox.ExpireJob:   j.clock.Guard(j.out.Expire),
	}, work.Options{Worker: s.node, Workers: workers(), Lease: 5 * time.Minute, Now: a.Now, Log: log, Busy: j.in.Busy})
	return j, nil
}

// tell makes what the gateway tells people and programs by itself.
func (j *journey) tell(counts *metrics.Set, door httpd.Certificates) (*notify.Notices, error) {
	m := j.cfg.Mail
	password, err := m.Password.Read()
	if err != nil {
		return nil, err
	}
	checks := []alarm.Check{
		alarm.Disk(j.room),
		alarm.DataBackup(j.catalog, portal.LastBackupSetting, j.app.Now),
		alarm.Clock(j.clock.Sure),
		alarm.Remotes(j.remotes.Troubles), alarm.Agents(j.agents.Troubles),
		alarm.Audit(func(ctx context.Context) error { _, err := health.VerifyAudit(ctx, j.catalog, j.keys); return err }),
	}
	switch door := door.(type) { // the gateway's own it renews itself
	case *certs.Files:
		checks = append(checks, alarm.HTTPSCertificate(func() (time.Time, error) {
			return certs.Ends(j.cfg.HTTPS.Certificate, j.cfg.HTTPS.CertificateKey)
		}, j.app.Now))
	case *certs.ACME:
		checks = append(checks, alarm.Renewal(door.Overdue, j.app.Now))
	}
	return notify.New(notify.Options{
		Catalog: j.catalog, Custody: j.custody, Keys: j.keys, Accounts: j.accounts,
		Mail:     mail.Server{Host: m.Host, Port: m.Port, Security: m.Security, User: m.User, Password: password, From: m.From},
		Language: m.Language, URL: j.cfg.HTTPS.URL, Allow: j.cfg.Remotes.Allow,
		Checks: checks, Observe: counts.Webhook, Now: j.app.Now, Trusted: j.clock.Sure, Log: j.log, Version: version,
	}), nil
}

// letters is who writes them; nil when there is no mail, or no address to lead to.
func (j *journey) letters() *letter.Office {
	if j.notices.Post == nil {
		return nil
	}
	return letter.New(j.notices.Post, j.cfg.HTTPS.URL, j.cfg.Mail.Language, j.log)
}

// settle finishes what an earlier run left half done, before anybody comes in: the
// day's key, removals of keys, files that can be opened again.
func (j *journey) settle(ctx context.Context) error {
	// On a full disk nothing is taken in, but what is here can be fetched.
	if err := j.custody.ChangeDay(ctx); err != nil && !fault.Is(err, fault.Full) {
		return err
	} else if err != nil {
		j.log.Error("the ingest key was not changed; trying again", "err", err)
	}
	for _, step := range []func(context.Context) error{j.custody.Converge, j.clock.Open, j.reader.Requeue} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// parts are the long-running ones.
func (j *journey) parts() []part {
	return []part{
		{"keys of the day", j.custody.Run},
		{"copy of the keys", j.custody.KeepCopy},
		{"leftover secrets", leftover.New(j.catalog, j.keys, j.app.Now, j.clock.Sure, j.log).Run},
		{"account databases", j.databases.Run},
		{"accounts", j.accounts.Run},
		{"people", j.accounts.People.Run},
		{"intake", j.in.Run},
		{"jobs", j.jobs.Run},
		{"clock", j.clock.Run},
		{"retention", j.retention.Run},
		{"reseal", j.resealer.Run},
		{"catalog", j.watch},
		{"notices", j.notices.Run},
		{"remotes", j.remotes.Run},
	}
}

// services are the parts that the API speaks for.
func (j *journey) services(m api.Machine) api.Services {
	return api.Services{
		Accounts: j.accounts, SSO: j.singleSignOn(), Catalog: j.catalog, Custody: j.custody, Keys: j.keys, Databases: j.databases,
		Bodies: j.contents, Indexer: j.reader, Intake: j.in, Outbox: j.out, Receipts: j.receipts, Resealer: j.resealer, Clock: j.clock, Notices: j.notices, Letters: j.letters(),
		Machine: m, Now: j.app.Now, Log: j.log, ExportKeys: j.cfg.Keys.Export, Version: version,
	}
}

// singleSignOn signs people in by the providers of their accounts.
func (j *journey) singleSignOn() *oidc.Service {
	return oidc.New(oidc.Options{
		Catalog: j.catalog, Custody: j.custody, Keys: j.keys, SignIn: j.accounts.Service, People: j.accounts.People,
		Guard: dialguard.New(j.cfg.Remotes.Allow), URL: j.cfg.HTTPS.URL, Now: j.app.Now, Log: j.log,
	})
}
