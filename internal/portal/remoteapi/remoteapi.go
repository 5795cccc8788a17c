// Package remoteapi holds the operations on remotes: customers' own servers that files
// are fetched from and left on.
//
// The rules are those of package remotes; here requests become calls, and results the
// shapes of package portal.
package remoteapi

import (
	"net/http"

	"sealgate/internal/account"
	"sealgate/internal/portal/operation"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/remotes"
)

// Services are the parts that the operations speak for.
type Services struct {
	Accounts *account.Service
	Catalog  *catalog.Catalog
	Remotes  *remotes.Service
}

// desk is the handlers over the services.
type desk struct{ Services }

// ByRemote names a remote of an account.
type ByRemote struct {
	operation.ByName
	Remote string `path:"remote" doc:"its name"`
}

// Register adds the operations.
func Register(r *operation.Router, s Services) {
	d := &desk{s}
	const all, one = "/accounts/{name}/remotes", "/accounts/{name}/remotes/{remote}"
	operation.Register(r, http.MethodGet, all, "list-remotes", "The servers that an account is connected with, and how they do", d.list)
	operation.Register(r, http.MethodPost, all, "add-remote", "Connect an account with a server of its customer", d.add)
	operation.Register(r, http.MethodGet, one, "get-remote", "One of them", d.get)
	operation.Register(r, http.MethodPatch, one, "set-remote", "Change it, confirm its server, switch it on or off", d.set)
	operation.Register(r, http.MethodDelete, one, "remove-remote", "End it and forget what is known of it; files stay", d.remove)
	operation.Register(r, http.MethodPost, one+"/test", "test-remote", "Sign in and say, step by step, what was seen; nothing is fetched or confirmed", d.test)
	operation.Register(r, http.MethodPost, one+"/run", "run-remote", "Visit it now, on or off; the answer comes when the run has begun", d.run)
	operation.Register(r, http.MethodGet, one+"/files", "list-remote-files", "Files of the outbox that it was tried in vain to leave there", d.files)
	operation.Register(r, http.MethodPost, one+"/files/{file}/send-again", "send-again-to-remote", "Send a file anew of which it is not known whether it was left there", d.sendAgain)
	operation.Register(r, http.MethodPost, one+"/files/{file}/delivered", "say-delivered-to-remote", "Say of a file that was tried to be left there that the account has it", d.sayDelivered)
	operation.Register(r, http.MethodGet, one+"/runs", "list-remote-runs", "Its runs, the newest first, but for those that found nothing to do", d.runs)
	operation.Register(r, http.MethodGet, one+"/runs/{run}", "get-remote-run", "One run, when it has ended or the time is over", d.wait)
}
