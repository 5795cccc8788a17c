package api

import (
	"context"
	"net/http"
	"time"

	"sealgate/internal/portal"
	"sealgate/internal/portal/health"
	"sealgate/internal/portal/operation"
)

func (a *API) health() {
	operation.Register(a.Router, http.MethodGet, "/doctor", "doctor", "What the running gateway finds wrong with its keys and its clock", a.doctor)
}

func (a *API) doctor(ctx context.Context, _ *operation.None) (*operation.Out[[]portal.Finding], error) {
	list, err := health.Keys(ctx, a.Accounts, a.Custody, a.Keys)
	if err != nil {
		return nil, err
	}
	if ok, doubt := a.Clock.Trusted(); !ok {
		list = append(list, portal.Finding{
			Check: "clock", Status: portal.Warned, Found: doubt.Why + "; retention and scheduled removals wait until " + doubt.Until.UTC().Format(time.RFC3339),
			Do: "see that the clock is right; when it is, this ends by itself",
		})
	}
	return operation.Answer(list), nil
}
