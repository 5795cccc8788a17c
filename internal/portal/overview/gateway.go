package overview

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/portal"
	"sealgate/internal/portal/operation"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/figures"
)

func (o *office) gateway(ctx context.Context, in *InLanguage) (*operation.Out[portal.GatewayOverview], error) {
	list, standing, err := o.counts(ctx, uuid.Nil)
	if err != nil {
		return nil, err
	}
	v := portal.GatewayOverview{Version: o.Version, Since: o.began.UTC(), Days: list, Standing: standingOf(standing)}
	var troubled []figures.Troubled
	err = o.Catalog.View(ctx, func(tx *catalog.Tx) error {
		accounts, err := tx.CountAccounts()
		if err != nil {
			return err
		}
		v.AccountsOpen, v.AccountsShut = accounts[catalog.AccountOpen], accounts[catalog.AccountClosed]
		if v.Sessions, err = tx.CountSessions(o.Now()); err != nil {
			return err
		}
		queues, err := tx.Queues(o.Now())
		if err != nil {
			return err
		}
		v.Queues = queuesOf(queues)
		if v.LastBackup, err = moment(tx, portal.LastBackupSetting); err != nil {
			return err
		}
		if v.LastKeyBackup, err = moment(tx, portal.LastKeyBackupSetting); err != nil {
			return err
		}
		troubled, err = tx.Troubled()
		return err
	})
	if err != nil {
		return nil, err
	}
	if v.DiskFree, v.DiskTotal, err = o.Room(); err != nil {
		return nil, err
	}
	v.Attention, err = o.gatewayAttention(ctx, &v, troubled)
	if err != nil {
		return nil, err
	}
	if v.Attention, err = o.withAlarms(ctx, v.Attention, uuid.Nil, in.Language); err != nil {
		return nil, err
	}
	return operation.Answer(v), nil
}

// gatewayAttention is what somebody should see to in all accounts, and in the gateway
// itself.
func (o *office) gatewayAttention(ctx context.Context, v *portal.GatewayOverview, troubled []figures.Troubled) ([]portal.Attention, error) {
	accounts, err := o.Accounts.Accounts(ctx)
	if err != nil {
		return nil, err
	}
	names := map[uuid.UUID]string{}
	for _, a := range accounts {
		names[a.ID] = a.Name
	}
	list := []portal.Attention{}
	for _, t := range troubled {
		for _, a := range attentionTo([]figures.Standing{t.Standing}) {
			a.Account = names[t.Account]
			list = append(list, a)
		}
	}
	warnings, err := o.Custody.Warnings(ctx)
	if err != nil {
		return nil, err
	}
	for _, w := range warnings {
		list = append(list, portal.Attention{
			Code: w.Code, Severity: severityOf(w.Code), Account: names[w.Account], Object: w.Object, At: portal.Moment(w.At), Message: w.Message,
		})
	}
	if v.DiskTotal > 0 && float64(v.DiskFree) < tooFull*float64(v.DiskTotal) {
		list = append(list, portal.Attention{Code: "disk-low", Severity: "error", Message: fmt.Sprintf("%d %% of the disk is left", 100*v.DiskFree/v.DiskTotal)})
	}
	for _, q := range v.Queues {
		if q.Later < q.Jobs && q.Oldest != nil && o.Now().Sub(*q.Oldest) > tooLate && q.Retried > 0 {
			list = append(list, portal.Attention{
				Code: "queue-late", Severity: "warning", Object: q.Kind, Count: q.Jobs, Since: q.Oldest,
				Message: "work of the kind " + q.Kind + " waits for more than an hour",
			})
		}
	}
	return list, nil
}

func (o *office) queues(ctx context.Context, _ *operation.None) (*operation.Out[[]portal.Queue], error) {
	var all []figures.Queue
	err := o.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		all, err = tx.Queues(o.Now())
		return err
	})
	if err != nil {
		return nil, err
	}
	return operation.Answer(queuesOf(all)), nil
}

func queuesOf(all []figures.Queue) []portal.Queue {
	list := make([]portal.Queue, 0, len(all))
	for _, q := range all {
		list = append(list, portal.Queue{Kind: q.Kind, Jobs: q.Jobs, Running: q.Leased, Later: q.Later, Retried: q.Retried, Oldest: portal.Moment(q.Oldest)})
	}
	return list
}

// moment reads a time that was written down; none = it never was.
func moment(tx *catalog.Tx, setting string) (*time.Time, error) {
	text, err := tx.Setting(setting)
	if err != nil || text == "" {
		return nil, err
	}
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return nil, err
	}
	return portal.Moment(t), nil
}
