// Package keyapi holds the operations of the API on the keys of accounts:
// certificates and access keys, their removal, what is lent and sealed anew, and the
// signed statements about what was destroyed. The rules are those of package custody;
// here requests become calls, and results the shapes of package portal.
package keyapi

import (
	"net/http"
	"time"

	"sealgate/internal/account"
	"sealgate/internal/custody"
	"sealgate/internal/indexer"
	"sealgate/internal/limit"
	"sealgate/internal/portal/operation"
	"sealgate/internal/reseal"
	"sealgate/internal/store/catalog"
)

// Services are the parts that the operations speak for.
type Services struct {
	Accounts *account.Service
	Catalog  *catalog.Catalog
	Custody  *custody.Custodian
	Indexer  *indexer.Indexer
	Resealer *reseal.Resealer
	Now      func() time.Time
	// ExportKeys is false when the gateway never lets a key out.
	ExportKeys bool
}

// office is the handlers over the services.
type office struct {
	Services
	guesses *limit.Limiter // at the passphrase of an account
}

// Register adds the operations.
func Register(r *operation.Router, s Services) {
	o := &office{s, limit.New(limit.Rate{Burst: 5, Every: 5 * time.Minute}, s.Now)}
	const certs, accessKeys = "/accounts/{name}/certificates", "/accounts/{name}/access-keys"
	operation.Register(r, http.MethodGet, certs, "list-certificates", "The certificates of an account, newest first, with how many files need each", o.listCertificates)
	operation.Register(r, http.MethodPost, certs, "import-certificate", "Bring a certificate with its key: new files are sealed under it", o.importCertificate)
	operation.Register(r, http.MethodPost, certs+"/renew", "renew-certificate", "Make a new certificate: new files are sealed under it, old ones still open", o.renewCertificate)
	operation.Register(r, http.MethodPost, certs+"/export", "export-certificate", "A certificate, with its key when asked for (audited)", o.exportCertificate)
	o.removals(r, certs, "certificate", o.certificate)
	operation.Register(r, http.MethodGet, accessKeys, "list-access-keys", "The access keys of an account, newest first, with how many files need each", o.listAccessKeys)
	operation.Register(r, http.MethodPost, accessKeys, "add-access-key", "Add an access key: made here, or of the customer", o.addAccessKey)
	operation.Register(r, http.MethodPost, accessKeys+"/export", "export-access-key", "A gateway-held access key (audited)", o.exportAccessKey)
	operation.Register(r, http.MethodPost, accessKeys+"/{key}/challenge", "challenge-access-key", "Something that only the holder of the access key can answer", o.challenge)
	operation.Register(r, http.MethodPost, accessKeys+"/{key}/confirm", "confirm-access-key", "Take the answer: the access key is used from then on", o.confirm)
	operation.Register(r, http.MethodGet, accessKeys+"/{key}/encrypted", "get-encrypted-access-key", "The private half that is kept under the customer's passphrase, as it is kept", o.encryptedKey)
	o.removals(r, accessKeys, "access-key", o.accessKey)
	operation.Register(r, http.MethodPost, "/accounts/{name}/unlock", "unlock-account", "Lend the gateway the customer's access key, in memory and for some hours", o.unlock)
	operation.Register(r, http.MethodPost, "/accounts/{name}/lock", "lock-account", "Forget the access key that was lent", o.lock)
	operation.Register(r, http.MethodPost, "/accounts/{name}/reseal", "reseal-account", "Seal existing files for the account's present keys, in the background", o.reseal)
	operation.Register(r, http.MethodGet, "/accounts/{name}/reseal", "reseal-progress", "How far that is", o.resealProgress)
	operation.Register(r, http.MethodGet, "/accounts/{name}/statements", "list-statements", "Signed statements about what was destroyed, newest first", o.listStatements)
	operation.Register(r, http.MethodGet, "/statements/{id}", "get-statement", "One signed statement", o.getStatement)
}
