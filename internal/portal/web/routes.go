package web

type route struct {
	pattern string
	answer  func(*visit) error
}

// routes are all pages. What is behind them needs somebody who is signed in.
var routes = []route{
	{"GET /a/{account}", (*visit).toOverview},
	{"GET /a/{account}/{$}", (*visit).overview},

	{"GET /a/{account}/files", (*visit).files},
	{"GET /a/{account}/files/{id}", (*visit).file},
	{"GET /a/{account}/files/{id}/content", (*visit).content},
	{"GET /a/{account}/files/{id}/sealed", (*visit).sealed},
	{"GET /a/{account}/files/{id}/receipt", (*visit).receipt},
	{"GET /a/{account}/files/{id}/release", (*visit).askRelease},
	{"POST /a/{account}/files/{id}/release", (*visit).release},
	{"POST /a/{account}/files/{id}/reindex", (*visit).reindex},
	{"GET /a/{account}/files/{id}/erase", (*visit).askErase},
	{"POST /a/{account}/files/{id}/erase", (*visit).erase},

	{"GET /a/{account}/payments", (*visit).payments},
	{"GET /a/{account}/payments.csv", (*visit).paymentsCSV},
	{"GET /a/{account}/payments/{file}/{seq}", (*visit).payment},

	{"GET /a/{account}/outbox", (*visit).outbox},
	{"POST /a/{account}/outbox/{id}/done", (*visit).outboxDone},

	{"GET /a/{account}/settings", (*visit).settings},
	{"POST /a/{account}/settings", (*visit).saveSettings},

	{"GET /a/{account}/keys", (*visit).certificates},
	{"GET /a/{account}/keys/renew", (*visit).askRenew},
	{"POST /a/{account}/keys/renew", (*visit).renew},
	{"GET /a/{account}/keys/import", (*visit).askImport},
	{"POST /a/{account}/keys/import", (*visit).importCertificate},
	{"GET /a/{account}/keys/access", (*visit).accessKeys},
	{"GET /a/{account}/keys/access/new", (*visit).askAccessKey},
	{"POST /a/{account}/keys/access/new", (*visit).addAccessKey},
	{"GET /a/{account}/keys/access/{key}/challenge", (*visit).challenge},
	{"POST /a/{account}/keys/access/{key}/challenge", (*visit).fetchChallenge},
	{"POST /a/{account}/keys/access/{key}/confirm", (*visit).confirmKey},
	{"GET /a/{account}/keys/{kind}/{key}/export", (*visit).askExport},
	{"POST /a/{account}/keys/{kind}/{key}/export", (*visit).export},
	{"GET /a/{account}/keys/{kind}/{key}/remove", (*visit).askRemove},
	{"POST /a/{account}/keys/{kind}/{key}/remove", (*visit).removeKey},
	{"POST /a/{account}/keys/{kind}/{key}/keep", (*visit).keepKey},
	{"GET /a/{account}/keys/statements", (*visit).statements},
	{"GET /a/{account}/keys/statements/{id}", (*visit).statement},
	{"GET /a/{account}/keys/statements/{id}/text", (*visit).statementText},
}
