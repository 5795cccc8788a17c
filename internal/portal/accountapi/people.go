package accountapi

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"sealgate/internal/account/person"
	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
)

// people are the operations about how persons sign in. To sign in, and to change
// one's own password or factors, is done on pages (portal/signon): it takes the
// browser's cookie, and gives it a new one.
func (o *office) people(r *operation.Router) {
	operation.Register(r, http.MethodPost, "/accounts/{name}/logins/{username}/invite", "invite-login",
		"A one-time link for a login that has nothing to sign in with yet", o.inviteLogin)
	operation.Register(r, http.MethodPost, "/accounts/{name}/logins/{username}/reset", "reset-login",
		"A one-time link to choose a new password; the old one is void, sessions end; passkeys and codes stay, and a passkey signs in by itself, unless they are to go, too", o.resetLogin)
	operation.Register(r, http.MethodGet, "/me", "get-me", "Who is signed in", o.getMe)
	operation.Register(r, http.MethodGet, "/me/sessions", "list-my-sessions", "Where this person is signed in", o.listMySessions)
	operation.Register(r, http.MethodDelete, "/me/sessions", "end-my-other-sessions", "Sign out everywhere else", o.endMyOtherSessions)
	operation.Register(r, http.MethodDelete, "/me/sessions/{id}", "end-my-session", "Sign out there", o.endMySession)
}

func (o *office) inviteLogin(ctx context.Context, in *ByLogin) (*operation.Out[portal.Link], error) {
	link, err := o.Accounts.Invite(ctx, access.Of(ctx).Actor, in.Name, in.Username)
	return o.linkFor(ctx, in.Username, link, err)
}

// ResetLogin says which login to reset.
type ResetLogin struct {
	ByLogin
	SecondFactor bool `query:"second_factor" doc:"take passkeys, codes and recovery codes away, too: for who has lost them, or has somebody else in"`
}

func (o *office) resetLogin(ctx context.Context, in *ResetLogin) (*operation.Out[portal.Link], error) {
	link, err := o.Accounts.ResetLogin(ctx, access.Of(ctx).Actor, in.Name, in.Username, in.SecondFactor)
	return o.linkFor(ctx, in.Username, link, err)
}

func (o *office) linkFor(ctx context.Context, username string, link *person.Link, err error) (*operation.Out[portal.Link], error) {
	if err != nil {
		return nil, err
	}
	hand := o.hand(ctx, username, link)
	hand.Username = username
	return operation.Answer(*hand), nil
}

// hand gives a link to whom it is for: by mail where there is mail and the username is
// an address and the post takes it, else through who asked: what it stands for is done
// already, and nobody else will ever see it. The secret stands behind the #: no browser sends
// that, so that it is in no log.
func (o *office) hand(ctx context.Context, username string, link *person.Link) *portal.Link {
	hand := &portal.Link{Until: link.Until.UTC(), Mailed: o.Letters.Send(ctx, link, username)}
	if !hand.Mailed {
		hand.Path = "/welcome#" + link.Secret
	}
	return hand
}

func (o *office) getMe(ctx context.Context, _ *operation.None) (*operation.Out[portal.Me], error) {
	all, err := o.mySessions(ctx)
	if err != nil {
		return nil, err
	}
	for _, v := range all {
		if v.ID != access.Of(ctx).Session {
			continue
		}
		f, err := o.Accounts.People.Factors(ctx, v.Login)
		if err != nil {
			return nil, err
		}
		return operation.Answer(portal.Me{
			ID: v.Login.String(), Username: v.Username, Account: v.AccountName, Operator: v.Operator, Role: string(v.Role), Language: v.Language,
			Codes: f.Codes, Passkeys: f.Passkeys, RecoveryCodes: f.Recovery, Session: v.ID.String(), ProvedAt: v.ProvedAt.UTC(),
		}), nil
	}
	return nil, fault.New(fault.NotFound, "api: me", "this session has ended")
}

func (o *office) mySessions(ctx context.Context) ([]*person.Session, error) {
	return o.Accounts.People.Sessions(ctx, access.Of(ctx).Login)
}

func (o *office) listMySessions(ctx context.Context, _ *operation.None) (*operation.Out[[]portal.Session], error) {
	all, err := o.mySessions(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]portal.Session, 0, len(all))
	for _, v := range all {
		list = append(list, portal.Session{
			ID: v.ID.String(), Current: v.ID == access.Of(ctx).Session, Method: v.Method, Source: v.Source, Agent: v.Agent,
			CreatedAt: v.CreatedAt.UTC(), SeenAt: v.SeenAt.UTC(), Until: v.Until.UTC(),
		})
	}
	return operation.Answer(list), nil
}

func (o *office) endMyOtherSessions(ctx context.Context, _ *operation.None) (*operation.None, error) {
	c := access.Of(ctx)
	return &operation.None{}, o.Accounts.People.EndOthers(ctx, c.Actor, c.Login, c.Session)
}

func (o *office) endMySession(ctx context.Context, in *struct {
	ID uuid.UUID `path:"id"`
},
) (*operation.None, error) {
	c := access.Of(ctx)
	return &operation.None{}, o.Accounts.People.End(ctx, c.Actor, c.Login, in.ID)
}
