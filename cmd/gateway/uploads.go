package main

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"sealgate/internal/metrics"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/api"
	"sealgate/internal/portal/httpd"
	"sealgate/internal/portal/httpd/certs"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/connectd"
	"sealgate/internal/transfer/upload"
)

// uploads makes the door for files by HTTPS, behind the API's sign-in and rights.
func (j *journey) uploads(control *api.API) *upload.Uploads {
	u := upload.New(upload.Options{
		Intake: j.in, Now: j.app.Now, Log: j.log,
		Who: func(ctx context.Context) (upload.Who, error) {
			c := access.Of(ctx)
			return upload.Who{Account: c.Account, Login: c.Login, Role: c.Role, Source: c.Source, Actor: c.Actor}, nil
		},
		Still:  access.Still,
		Object: func(ctx context.Context, f *catalog.File) (any, error) { return control.Object(ctx, f) },
		Denied: func(ctx context.Context, id uuid.UUID) { control.Denied(ctx, "upload", id.String()) },
	})
	control.MountUploads(u)
	return u
}

// door makes the one that agents knock on, whose HTTPS certificate is shown.
func (j *journey) door(shown httpd.Certificates, counts *metrics.Set) http.Handler {
	d := connectd.New(connectd.Options{
		Identity: j.keys.Identity(), Agents: j.agents, Catalog: j.catalog, Custody: j.custody,
		Intake: j.in, Receipts: j.receipts, Outbox: j.out, Bodies: j.contents, Now: j.app.Now, Log: j.log,
		Pins: func() [][]byte { return certs.Pins(shown.Certificate) }, Observe: counts.Connect,
	})
	counts.Level("connect_agents", "Agents (Connect) that were heard in the last ten minutes.", func() float64 { return float64(d.Heard()) })
	return d
}
