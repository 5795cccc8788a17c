package api

import (
	"context"
	"net/http"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/health"
	"sealgate/internal/portal/operation"
)

func (a *API) health() {
	operation.Register(a.Router, http.MethodGet, "/doctor", "doctor", "What the running gateway finds of its keys, its clock and its mail, and if asked of its machine", a.doctor)
}

func (a *API) doctor(ctx context.Context, in *struct {
	Machine bool `query:"machine" doc:"what gateway doctor examines without the gateway, too: settings, certificate, disk, permissions"`
},
) (*operation.Out[[]portal.Finding], error) {
	list, err := health.Keys(ctx, a.Accounts, a.Custody, a.Keys)
	if err != nil {
		return nil, err
	}
	if in.Machine {
		list = append(list, a.Machine.Examine()...)
	}
	if ok, doubt := a.Clock.Trusted(); !ok {
		list = append(list, portal.Finding{
			Check: "clock", Status: portal.Warned, Found: doubt.Why + "; retention and scheduled removals wait until " + doubt.Until.UTC().Format(time.RFC3339),
			Do: "see that the clock is right; when it is, this ends by itself",
		})
	}
	return operation.Answer(append(list, a.mail(ctx))), nil
}

// mail speaks to the mail server as far as a letter would begin.
func (a *API) mail(ctx context.Context) portal.Finding {
	const name = "mail"
	if a.Notices.Post == nil {
		return portal.Finding{Check: name, Status: portal.Fine, Found: "none is set up: links are shown, and alarms stay on their page (mail.host)"}
	}
	ctx, stop := context.WithTimeout(ctx, 20*time.Second)
	defer stop()
	if err := a.Notices.Post.Check(ctx); err != nil {
		return portal.Finding{Check: name, Status: portal.Failing, Found: fault.Message(err), Do: "correct mail.* in the configuration, or the server; letters wait for two days"}
	}
	return portal.Finding{Check: name, Status: portal.Fine, Found: "the server takes letters"}
}
