package accountapi

import (
	"context"
	"net/http"

	"sealgate/internal/account/oidc"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
)

func (o *office) singleSignOn(r *operation.Router) {
	const path = "/accounts/{name}/single-sign-on"
	operation.Register(r, http.MethodGet, path, "get-single-sign-on", "The provider by which an account's people may sign in", o.getSingleSignOn)
	operation.Register(r, http.MethodPatch, path, "set-single-sign-on", "Give an account a provider, or change it; sessions that began by it end", o.setSingleSignOn)
	operation.Register(r, http.MethodDelete, path, "remove-single-sign-on", "Take an account's provider away; sessions that began by it end", o.removeSingleSignOn)
}

func (o *office) getSingleSignOn(ctx context.Context, in *operation.ByName) (*operation.Out[portal.SingleSignOn], error) {
	s, err := o.SSO.Settings(ctx, in.Name)
	return o.shownSignOn(in.Name, s, err)
}

func (o *office) setSingleSignOn(ctx context.Context, in *struct {
	operation.ByName
	Body portal.SingleSignOnChange
},
) (*operation.Out[portal.SingleSignOn], error) {
	c := oidc.Change{Issuer: in.Body.Issuer, ClientID: in.Body.ClientID, Secret: in.Body.Secret, TrustMFA: in.Body.TrustMFA}
	s, err := o.SSO.Set(ctx, access.Of(ctx).Actor, in.Name, c)
	return o.shownSignOn(in.Name, s, err)
}

func (o *office) removeSingleSignOn(ctx context.Context, in *operation.ByName) (*operation.None, error) {
	return &operation.None{}, o.SSO.Remove(ctx, access.Of(ctx).Actor, in.Name)
}

func (o *office) shownSignOn(account string, s *oidc.Settings, err error) (*operation.Out[portal.SingleSignOn], error) {
	if err != nil {
		return nil, err
	}
	return operation.Answer(portal.SingleSignOn{
		Issuer: s.Issuer, ClientID: s.ClientID, Secret: s.Secret, TrustMFA: s.TrustMFA, Redirect: o.SSO.Redirect(account), ChangedAt: s.ChangedAt.UTC(),
	}), nil
}
