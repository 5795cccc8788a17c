package overview

import (
	"context"
	"strconv"

	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
	"sealgate/internal/store/catalog"
)

// maxJobs is how many of a queue are listed.
const maxJobs = 200

type byQueue struct {
	Kind string `path:"kind" doc:"of work, as queues has it" maxLength:"64"`
}

func (o *office) jobs(ctx context.Context, in *byQueue) (*operation.Out[[]portal.Job], error) {
	var rows []*catalog.Job
	names := map[uuid.UUID]string{}
	err := o.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		if rows, err = tx.TroubledJobs(in.Kind, maxJobs); err != nil {
			return err
		}
		accounts, err := tx.Accounts()
		for _, a := range accounts {
			names[a.ID] = a.Name
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	list := make([]portal.Job, 0, len(rows))
	for _, j := range rows {
		shown := portal.Job{ID: j.ID.String(), Account: names[j.Account], Tries: j.Attempt, Error: j.LastError, Next: j.RunAt.UTC()}
		if j.File != uuid.Nil {
			shown.File = j.File.String()
		}
		list = append(list, shown)
	}
	return operation.Answer(list), nil
}

func (o *office) retry(ctx context.Context, in *byQueue) (*operation.Out[portal.Retried], error) {
	var again portal.Retried
	err := o.Catalog.Update(ctx, func(tx *catalog.Tx) (err error) {
		if again.Jobs, err = tx.HurryJobs(in.Kind, o.Now()); err != nil || again.Jobs == 0 {
			return err
		}
		return tx.Audit(audit.Entry{
			Actor: access.Of(ctx).Actor, Action: "queue.retried", Object: in.Kind, Detail: map[string]string{"jobs": strconv.FormatInt(again.Jobs, 10)},
		})
	})
	if err != nil {
		return nil, err
	}
	return operation.Answer(again), nil
}
