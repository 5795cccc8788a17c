// Package agentapi holds the operations on agents: the Connects at customers' premises.
//
// The rules are those of package account/agents; here requests become calls, and
// results the shapes of package portal.
package agentapi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"sealgate/internal/account"
	"sealgate/internal/account/agents"
	"sealgate/internal/connect"
	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
	"sealgate/internal/store/catalog"
)

// Services are the parts that the operations speak for.
type Services struct {
	Accounts *account.Service
	Agents   *agents.Service
	Gateway  string // where agents find it; empty = it is not known
	Now      func() time.Time
}

// desk is the handlers over the services.
type desk struct{ Services }

// ByAgent names an agent of an account.
type ByAgent struct {
	operation.ByName
	Agent string `path:"agent" doc:"its id or its name"`
}

// Register adds the operations.
func Register(r *operation.Router, s Services) {
	d := &desk{s}
	const all, one = "/accounts/{name}/agents", "/accounts/{name}/agents/{agent}"
	operation.Register(r, http.MethodGet, all, "list-agents", "The agents of an account, those that are invited, and how they do", d.list)
	operation.Register(r, http.MethodPost, all, "invite-agent", "Invite an agent; the code that it enrols with is shown once", d.invite)
	operation.Register(r, http.MethodGet, one, "get-agent", "One of them", d.get)
	operation.Register(r, http.MethodPatch, one, "set-agent", "Change what an agent may, and when its silence is an alarm", d.set)
	operation.Register(r, http.MethodDelete, one, "revoke-agent", "Revoke an agent, or withdraw its invitation, at once", d.revoke)
}

func (d *desk) list(ctx context.Context, in *struct {
	operation.ByName
	Revoked bool `query:"revoked" doc:"with those that were revoked"`
},
) (*operation.Out[[]portal.Agent], error) {
	all, err := d.Agents.List(ctx, in.Name, in.Revoked)
	if err != nil {
		return nil, err
	}
	list := make([]portal.Agent, 0, len(all))
	for _, a := range all {
		list = append(list, d.shape(a))
	}
	return operation.Answer(list), nil
}

func (d *desk) get(ctx context.Context, in *ByAgent) (*operation.Out[portal.Agent], error) {
	return d.answer(d.Agents.Get(ctx, in.Name, in.Agent))
}

func (d *desk) answer(a *agents.Agent, err error) (*operation.Out[portal.Agent], error) {
	if err != nil {
		return nil, err
	}
	return operation.Answer(d.shape(a)), nil
}

func (d *desk) invite(ctx context.Context, in *struct {
	operation.ByName
	Body portal.NewAgent
},
) (*operation.Out[portal.AgentInvited], error) {
	may, err := d.rights(ctx, in.Name, in.Body.May)
	if err != nil {
		return nil, err
	}
	who := access.Of(ctx)
	a, code, err := d.Agents.Invite(ctx, who.Actor, in.Name, agents.Invite{
		Name: in.Body.Name, May: may, For: time.Duration(in.Body.For), SilentAfter: time.Duration(in.Body.AlarmAfter), ByOperator: who.Operator,
	})
	if err != nil {
		return nil, err
	}
	return operation.Answer(portal.AgentInvited{Agent: d.shape(a), Code: code, Gateway: d.Gateway}), nil
}

// rights reads what an agent is to be allowed. Operators let no agent see what the
// account does not let them see themselves.
func (d *desk) rights(ctx context.Context, name string, texts []string) (may []connect.Right, err error) {
	for _, t := range texts {
		may = append(may, connect.Right(t))
	}
	if !access.Of(ctx).Operator {
		return may, nil
	}
	acct, err := d.Accounts.Account(ctx, name)
	if err != nil {
		return nil, err
	}
	reads := slices.Contains(may, connect.RightFetch) || slices.Contains(may, connect.RightOpen)
	switch {
	case acct.OperatorAccess == catalog.OperatorOn:
		return may, nil
	case reads:
		return nil, fault.New(fault.Denied, "api: agent",
			"the account does not let operators see its contents, and an agent that fetches or opens files does; an admin of the account may allow it")
	case may == nil:
		return []connect.Right{connect.RightSend}, nil
	}
	return may, nil
}

func (d *desk) set(ctx context.Context, in *struct {
	ByAgent
	Body portal.AgentChange
},
) (*operation.Out[portal.Agent], error) {
	who := access.Of(ctx)
	c := agents.Change{SilentAfter: (*time.Duration)(in.Body.AlarmAfter), ByOperator: who.Operator}
	if in.Body.May != nil {
		may, err := d.rights(ctx, in.Name, *in.Body.May)
		if err != nil {
			return nil, err
		}
		c.May = &may
	}
	return d.answer(d.Agents.Set(ctx, who.Actor, in.Name, in.Agent, c))
}

func (d *desk) revoke(ctx context.Context, in *ByAgent) (*operation.None, error) {
	return &operation.None{}, d.Agents.Revoke(ctx, access.Of(ctx).Actor, in.Name, in.Agent)
}

func (d *desk) shape(a *agents.Agent) portal.Agent {
	r := a.Report
	o := portal.Agent{
		ID: a.ID.String(), State: a.State, May: []string{}, ByOperator: a.ByOperator, CreatedAt: a.CreatedAt.UTC(), Until: portal.Moment(a.Until),
		RevokedAt: portal.Moment(a.RevokedAt), LastSeen: portal.Moment(a.LastSeen), AlarmAfter: portal.Duration(a.SilentAfter), Silent: a.Silent(d.Now()),
		AgentReport: portal.AgentReport{
			ReportedAt: portal.Moment(r.At), Version: r.Version, Platform: r.Platform, Waiting: r.Waiting, Failed: r.Failed, Oldest: portal.Moment(r.Oldest),
			Error: r.Error, ClockOff: int64(r.ClockOff / time.Second), Folders: r.Folders, TroubledSince: portal.Moment(r.TroubledSince),
		},
	}
	if !a.Unreadable {
		o.Name = &a.Name
	}
	for _, right := range a.May {
		o.May = append(o.May, string(right))
	}
	return o
}
