package remoteapi

import (
	"cmp"
	"context"
	"reflect"
	"slices"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
	"sealgate/internal/store/catalog"
	table "sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/remote/why"
	"sealgate/internal/transfer/remotes"
)

func (d *desk) list(ctx context.Context, in *operation.ByName) (*operation.Out[[]portal.Remote], error) {
	all, err := d.Remotes.List(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	list := make([]portal.Remote, 0, len(all))
	for _, r := range all {
		one, err := d.shown(ctx, r)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return operation.Answer(list), nil
}

func (d *desk) get(ctx context.Context, in *ByRemote) (*operation.Out[portal.Remote], error) {
	r, err := d.Remotes.Find(ctx, in.Name, in.Remote)
	return d.answer(ctx, r, err)
}

func (d *desk) answer(ctx context.Context, r *remotes.Remote, err error) (*operation.Out[portal.Remote], error) {
	if err != nil {
		return nil, err
	}
	one, err := d.shown(ctx, r)
	return operation.Answer(one), err
}

// shown is a remote with how many of its files a person has to settle.
func (d *desk) shown(ctx context.Context, r *remotes.Remote) (portal.Remote, error) {
	o := remoteOf(r)
	if r.Direction != table.Push {
		return o, nil
	}
	err := d.Catalog.View(ctx, func(tx *catalog.Tx) error {
		tried, err := tx.TriedPushes(r.ID)
		for _, p := range tried {
			if unknown(p) {
				o.Unknown++
			}
		}
		return err
	})
	return o, fault.Wrap(fault.Internal, "api: remote", err)
}

func (d *desk) add(ctx context.Context, in *struct {
	operation.ByName
	Body portal.NewRemote
},
) (*operation.Out[portal.Remote], error) {
	if in.Body.Direction == table.Push {
		if err := d.mayLeadOut(ctx, in.Name); err != nil {
			return nil, err
		}
	}
	n := remotes.NewRemote{Name: in.Body.Name, Direction: in.Body.Direction, Settings: remotes.Defaults(in.Body.Direction), Secret: secretOf(in.Body.RemoteSecret), ByOperator: access.Of(ctx).Operator}
	if err := apply(&n.Settings, &in.Body.RemoteChange); err != nil {
		return nil, err
	}
	n.Off = in.Body.Enabled != nil && !*in.Body.Enabled
	r, err := d.Remotes.Add(ctx, access.Of(ctx).Actor, in.Name, n)
	return d.answer(ctx, r, err)
}

// mayLeadOut refuses operators to say how the outbox of an account is pushed that does
// not let them see its contents; they may switch that off.
func (d *desk) mayLeadOut(ctx context.Context, name string) error {
	if !access.Of(ctx).Operator {
		return nil
	}
	acct, err := d.Accounts.Account(ctx, name)
	if err != nil {
		return err
	}
	if acct.OperatorAccess != catalog.OperatorOn {
		return fault.New(fault.Denied, "api: remote", "the account does not let operators see its contents, and a server that is pushed to is sent them; an admin of the account may set it")
	}
	return nil
}

func (d *desk) set(ctx context.Context, in *struct {
	ByRemote
	Body portal.RemoteChange
},
) (*operation.Out[portal.Remote], error) {
	r, err := d.Remotes.Find(ctx, in.Name, in.Remote)
	if err != nil {
		return nil, err
	}
	off := in.Body.Enabled != nil && !*in.Body.Enabled
	if r.Direction == table.Push && !(off && reflect.DeepEqual(in.Body, portal.RemoteChange{Enabled: in.Body.Enabled})) {
		if err := d.mayLeadOut(ctx, in.Name); err != nil {
			return nil, err
		}
	}
	r, err = d.Remotes.Set(ctx, access.Of(ctx).Actor, in.Name, in.Remote, remotes.Change{
		Settings: func(s *remotes.Settings) error { return apply(s, &in.Body) },
		Secret:   secretOf(in.Body.RemoteSecret), On: in.Body.Enabled, ByOperator: access.Of(ctx).Operator,
	})
	return d.answer(ctx, r, err)
}

func (d *desk) remove(ctx context.Context, in *ByRemote) (*operation.None, error) {
	return &operation.None{}, d.Remotes.Remove(ctx, access.Of(ctx).Actor, in.Name, in.Remote)
}

func (d *desk) test(ctx context.Context, in *ByRemote) (*operation.Out[portal.RemoteTest], error) {
	report, err := d.Remotes.Test(ctx, access.Of(ctx).Actor, in.Name, in.Remote)
	if err != nil {
		return nil, err
	}
	t := portal.RemoteTest{OK: report.OK(), Steps: make([]portal.RemoteStep, 0, len(report.Steps))}
	for _, s := range report.Steps {
		step := portal.RemoteStep{Name: s.Name, OK: s.Err == nil, Message: s.Seen, Facts: s.Facts}
		if s.Err != nil {
			step.Message, step.Error = fault.Message(s.Err), string(why.Of(s.Err))
		}
		t.Steps = append(t.Steps, step)
	}
	if report.Proves != "" {
		t.Confirm = &portal.RemoteToConfirm{What: report.Proves, Fingerprints: report.Fingerprints}
	}
	return operation.Answer(t), nil
}

func (d *desk) run(ctx context.Context, in *ByRemote) (*operation.Out[portal.RemoteRun], error) {
	run, err := d.Remotes.Start(ctx, access.Of(ctx).Actor, in.Name, in.Remote)
	if err != nil {
		return nil, err
	}
	return answerRun(ctx, d, run)
}

func answerRun(ctx context.Context, d *desk, r *remotes.Run) (*operation.Out[portal.RemoteRun], error) {
	run, err := runOf(r, d.whoIs(ctx))
	if err != nil {
		return nil, err
	}
	return operation.Answer(run), nil
}

// whoIs looks up each actor once. The names of who runs the gateway are not told to its
// customers.
func (d *desk) whoIs(ctx context.Context) func(actor string) (account.Actor, error) {
	known := map[string]account.Actor{}
	return func(actor string) (account.Actor, error) {
		who, ok := known[actor]
		if !ok {
			var err error
			if who, err = d.Accounts.Actor(ctx, actor); err != nil {
				return who, err
			}
			if !access.Own(ctx, who.Account) {
				who.Name = ""
			}
			known[actor] = who
		}
		return who, nil
	}
}

// files are those that were tried: what has not been is just waiting in the outbox.
func (d *desk) files(ctx context.Context, in *ByRemote) (*operation.Out[[]portal.RemoteFile], error) {
	r, err := d.Remotes.Find(ctx, in.Name, in.Remote)
	if err != nil {
		return nil, err
	}
	var tried []*table.PushState
	err = d.Catalog.View(ctx, func(tx *catalog.Tx) error {
		tried, err = tx.TriedPushes(r.ID)
		return err
	})
	list := []portal.RemoteFile{}
	for _, p := range tried {
		list = append(list, portal.RemoteFile{
			ID: p.File.String(), Tries: p.Tries, TriedAt: p.ChangedAt.UTC(), NextTry: portal.Moment(p.RunAt), Error: p.Error, Unknown: unknown(p),
		})
	}
	slices.SortFunc(list, func(a, b portal.RemoteFile) int { return cmp.Compare(a.ID, b.ID) })
	return operation.Answer(list), fault.Wrap(fault.Internal, "api: remote files", err)
}

// unknown reports whether nobody here knows if a file has arrived: a person settles that.
func unknown(p *table.PushState) bool { return p.Error == string(why.AnswerLost) }

// byFile names a file of the outbox on its way to a remote.
type byFile struct {
	ByRemote
	File string `path:"file" doc:"the id of a file of the outbox"`
}

func (in *byFile) id() (uuid.UUID, error) {
	id, err := uuid.Parse(in.File)
	if err != nil {
		err = fault.New(fault.NotFound, "api: remote", "the outbox has no such file")
	}
	return id, err
}

func (d *desk) sendAgain(ctx context.Context, in *byFile) (*operation.None, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	return &operation.None{}, d.Remotes.SendAgain(ctx, access.Of(ctx).Actor, in.Name, in.Remote, id)
}

func (d *desk) sayDelivered(ctx context.Context, in *byFile) (*operation.None, error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	return &operation.None{}, d.Remotes.SayDelivered(ctx, access.Of(ctx).Actor, in.Name, in.Remote, id)
}

func (d *desk) runs(ctx context.Context, in *struct {
	ByRemote
	Limit int `query:"limit" minimum:"1" maximum:"1000" default:"100"`
},
) (*operation.Out[[]portal.RemoteRun], error) {
	rows, err := d.Remotes.Runs(ctx, in.Name, in.Remote, in.Limit)
	if err != nil {
		return nil, err
	}
	list := make([]portal.RemoteRun, 0, len(rows))
	by := d.whoIs(ctx)
	for _, row := range rows {
		run, err := runOf(row, by)
		if err != nil {
			return nil, err
		}
		list = append(list, run)
	}
	return operation.Answer(list), nil
}

func (d *desk) wait(ctx context.Context, in *struct {
	ByRemote
	Run  string `path:"run" doc:"its id"`
	Wait int    `query:"wait" minimum:"0" maximum:"60" default:"0" doc:"seconds to wait for its end"`
},
) (*operation.Out[portal.RemoteRun], error) {
	id, err := uuid.Parse(in.Run)
	if err != nil {
		return nil, fault.New(fault.NotFound, "api: remote run", "the remote has no such run")
	}
	run, err := d.Remotes.WaitFor(ctx, in.Name, in.Remote, id, time.Duration(in.Wait)*time.Second)
	if err != nil {
		return nil, err
	}
	return answerRun(ctx, d, run)
}
