// Package notify is what the gateway tells people and programs by itself.
//
//	audit log ── webhook ──> programs of an account
//	checks ──── alarm ──┬──> the audit log, and so webhooks
//	                    └──> mail ──> people
//
// Its rooms do one thing each; here they are put together.
package notify

import (
	"context"
	"log/slog"
	"net/netip"
	"time"

	"golang.org/x/sync/errgroup"

	"sealgate/internal/account"
	"sealgate/internal/account/approval"
	"sealgate/internal/custody"
	"sealgate/internal/dialguard"
	"sealgate/internal/keys"
	"sealgate/internal/notify/alarm"
	"sealgate/internal/notify/mail"
	"sealgate/internal/notify/webhook"
	"sealgate/internal/store/catalog"
)

// Options of Notices. All are needed but where said.
type Options struct {
	Catalog  *catalog.Catalog
	Custody  *custody.Custodian
	Keys     *keys.Store
	Accounts *account.Service

	Mail     mail.Server // without a host there is no mail
	Language string      // of letters to those who run the gateway
	URL      string      // of the gateway; may be empty
	Allow    []netip.Prefix

	Checks  []alarm.Check // besides those that need nothing but the stores
	Observe func(outcome string)
	Now     func() time.Time
	Trusted func() bool // tells whether Now is to be believed
	Log     *slog.Logger
	Version string
}

// Notices are the parts.
type Notices struct {
	Webhooks *webhook.Service
	Post     *mail.Post // nil: there is no mail
	Mailer   *alarm.Mailer
	Alarms   *alarm.Service
}

// New puts them together; Run makes them work.
func New(opt Options) *Notices {
	n := &Notices{}
	if opt.Mail.Host != "" {
		n.Post = mail.New(opt.Mail, opt.Catalog, opt.Custody, opt.Now, opt.Trusted, opt.Log)
	}
	n.Mailer = &alarm.Mailer{
		Catalog: opt.Catalog, Custody: opt.Custody, Post: n.Post, Operators: operators(opt.Accounts), Language: opt.Language, URL: opt.URL, Now: opt.Now, Log: opt.Log,
	}
	checks := append([]alarm.Check{
		alarm.Files(opt.Catalog, opt.Now),
		alarm.Approvals((&approval.Service{Catalog: opt.Catalog, Custody: opt.Custody, Now: opt.Now}).Sweep, opt.Catalog),
		alarm.Keys(opt.Custody.Warnings, opt.Catalog, opt.Now),
		alarm.Webhooks(opt.Catalog, opt.Now),
		alarm.Mail(opt.Catalog, opt.Now),
		alarm.KeyBackup(opt.Keys.CheckCopy, opt.Catalog, opt.Now),
		alarm.Forget(opt.Catalog, opt.Now),
	}, opt.Checks...)
	n.Alarms = alarm.New(alarm.Options{Catalog: opt.Catalog, Checks: checks, Tell: n.Mailer.Tell, Now: opt.Now, Log: opt.Log})
	n.Webhooks = webhook.New(webhook.Options{
		Catalog: opt.Catalog, Custody: opt.Custody, Keys: opt.Keys, Guard: dialguard.New(opt.Allow),
		Alarm: n.Alarms.Describe, Observe: opt.Observe, Now: opt.Now, Trusted: opt.Trusted, Log: opt.Log, Version: opt.Version,
	})
	return n
}

// Run works until ctx ends.
func (n *Notices) Run(ctx context.Context) error {
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error { return n.Webhooks.Run(ctx) })
	work.Go(func() error { return n.Alarms.Run(ctx) })
	if n.Post != nil {
		work.Go(func() error { return n.Post.Run(ctx) })
	}
	return work.Wait()
}

// Open counts the alarms that nobody has seen yet, for metrics; -1 = nobody knows.
func (n *Notices) Open() float64 {
	ctx, stop := context.WithTimeout(context.Background(), 5*time.Second)
	defer stop()
	open, err := n.Alarms.Open(ctx)
	if err != nil {
		return -1
	}
	return float64(open)
}

// operators are the addresses of those who run the gateway.
func operators(accounts *account.Service) func(context.Context) ([]string, error) {
	return func(ctx context.Context) ([]string, error) {
		all, err := accounts.Operators(ctx)
		var list []string
		for _, o := range all {
			list = append(list, o.Username)
		}
		return list, err
	}
}
