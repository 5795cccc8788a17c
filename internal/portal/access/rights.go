package access

import (
	"maps"
	"slices"
	"strings"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/fault"
)

// Right is what a caller needs for an operation.
type Right int

// The rights.
const (
	OnMachine Right = iota + 1 // to be on the gateway's own machine
	Operate                    // to run the gateway
	See                        // to run it, or a role in the account: what files are there
	Send                       // a role that sends files; who runs the gateway sends none
	Fetch                      // a role that reads: who runs the gateway fetches nothing for an account
	Read                       // to run it, or a role that reads: contents and payments
	Decide                     // to run it, or a role that decides about files
	Manage                     // to run it, or to be an admin of the account
	Myself                     // to be a person who is signed in; it is about himself
	Approve                    // to be an admin of the account, or on the gateway's machine: what operators ask the account for
)

// roles are the roles of an account that have a right in it. What they do has to be
// their own account's, too: Own says so.
var roles = map[Right][]account.Role{
	See:     {account.Uploader, account.Reader, account.Approver, account.Admin},
	Send:    {account.Uploader, account.Approver, account.Admin},
	Fetch:   {account.Reader, account.Approver, account.Admin},
	Read:    {account.Reader, account.Approver, account.Admin},
	Decide:  {account.Approver, account.Admin},
	Manage:  {account.Admin},
	Approve: {account.Admin},
}

// String says for whom an operation is, for the API's description.
func (r Right) String() string {
	switch r {
	case OnMachine:
		return "For who runs the gateway, on its own machine."
	case Operate:
		return "For who runs the gateway."
	case Send, Fetch:
		return "For " + roleNames(roles[r]) + " of an account."
	case Approve:
		return "For admin of the account, and on the gateway's own machine."
	case Myself:
		return "For a person who is signed in, about himself."
	}
	return "For who runs the gateway, and " + roleNames(roles[r]) + " of the account."
}

// rights is the one table of who may do what. An operation that is not in it is
// not there.
var rights = map[string]Right{
	"list-accounts":    See, // account callers: their own
	"add-account":      Operate,
	"get-account":      See,
	"account-overview": See,
	"set-account":      Manage,
	"remove-account":   Operate,

	"list-logins":  Manage,
	"add-login":    Manage,
	"get-login":    Manage,
	"set-login":    Manage,
	"remove-login": Manage,
	"invite-login": Manage,
	"reset-login":  Manage,

	"list-approvals":  Manage,
	"ask-approval":    Operate,
	"allow-approval":  Approve,
	"refuse-approval": Approve,
	"end-approval":    Manage,

	"get-single-sign-on":    Manage,
	"set-single-sign-on":    Manage,
	"remove-single-sign-on": Manage,

	"get-me":                Myself,
	"list-my-sessions":      Myself,
	"end-my-session":        Myself,
	"end-my-other-sessions": Myself,

	"list-operators":  Operate,
	"add-operator":    Operate,
	"reset-operator":  Operate,
	"remove-operator": Operate,

	"list-tokens":           Manage,
	"add-token":             Manage,
	"remove-token":          Manage,
	"list-operator-tokens":  Operate,
	"add-operator-token":    Operate, // dangerous: a token cannot make itself a longer life
	"remove-operator-token": Operate,

	"list-files":     See,
	"get-file":       See,
	"follow-account": See,
	"follow-all":     Operate,
	"get-timeline":   See,
	"wait-for-file":  See,
	"get-receipt":    See,
	"get-content":    Read,
	"get-sealed":     Read,
	"release-file":   Decide,
	"reindex-file":   Decide,
	"erase-file":     Decide,
	"finish-file":    Fetch,

	"create-upload":   Send,
	"upload-options":  Send,
	"upload-progress": Send,
	"send-upload":     Send,
	"override-upload": Send,
	"drop-upload":     Send,
	"put-file":        Send,
	"post-files":      Send,

	"send-to-outbox":  Operate,
	"list-outbox":     Read,
	"list-payments":   Read,
	"export-payments": Read,

	"list-webhooks":      Manage,
	"add-webhook":        Manage,
	"set-webhook":        Manage,
	"remove-webhook":     Manage,
	"new-webhook-secret": Manage,
	"test-webhook":       Manage,
	"list-deliveries":    Manage,
	"replay-delivery":    Manage,

	"list-remotes":            Manage,
	"add-remote":              Manage,
	"get-remote":              Manage,
	"set-remote":              Manage,
	"remove-remote":           Manage,
	"test-remote":             Manage,
	"run-remote":              Manage,
	"list-remote-files":       Manage,
	"send-again-to-remote":    Manage,
	"say-delivered-to-remote": Manage,
	"list-remote-runs":        Manage,
	"get-remote-run":          Manage,

	"list-agents":  Manage,
	"invite-agent": Manage,
	"get-agent":    Manage,
	"set-agent":    Manage,
	"revoke-agent": Manage,

	"list-alarms":           See, // account callers: their own
	"see-alarm":             Decide,
	"list-alarm-recipients": Manage,
	"set-alarm-recipients":  Manage,

	"list-certificates":           Read,
	"renew-certificate":           Manage,
	"import-certificate":          Manage,
	"export-certificate":          Manage,
	"preview-certificate-removal": Manage,
	"remove-certificate":          Manage,
	"keep-certificate":            Manage,

	"list-access-keys":           Read,
	"add-access-key":             Manage,
	"export-access-key":          Manage,
	"challenge-access-key":       Manage,
	"confirm-access-key":         Manage,
	"get-encrypted-access-key":   OnMachine,
	"preview-access-key-removal": Manage,
	"remove-access-key":          Manage,
	"keep-access-key":            Manage,
	"unlock-account":             Manage,
	"lock-account":               Manage,
	"reseal-account":             Manage,
	"reseal-progress":            Read,

	"list-statements": Read,
	"get-statement":   Read,
	"list-audit":      Manage,
	"verify-audit":    Operate,

	"show-keys":         Operate,
	"back-up-keys":      OnMachine,
	"rotate-master-key": OnMachine,
	"back-up":           OnMachine,
	"backup-progress":   OnMachine,
	"doctor":            Operate,
	"gateway-overview":  Operate,
	"list-queues":       Operate,
	"list-jobs":         Operate,
	"retry-queue":       Operate,
}

// dangerous are the operations that give somebody a way in, take keys out, destroy
// what cannot be made again, or decide who is told of what goes wrong: a person proves
// that it is he (Proved). set-account is dangerous by what it sets. Releasing a file is
// not: it destroys nothing, opens nothing to anybody, is done many times a day, and
// what was released can still be erased.
var dangerous = map[string]bool{
	"remove-account": true,

	"add-login":    true,
	"set-login":    true,
	"remove-login": true,
	"invite-login": true,
	"reset-login":  true,

	"add-operator":    true,
	"reset-operator":  true,
	"remove-operator": true,

	"allow-approval":  true,
	"refuse-approval": true,

	"set-single-sign-on":    true,
	"remove-single-sign-on": true,

	"add-token":             true,
	"remove-token":          true,
	"add-operator-token":    true,
	"remove-operator-token": true,

	"erase-file": true,

	"add-webhook":        true,
	"set-webhook":        true,
	"remove-webhook":     true,
	"new-webhook-secret": true,

	"set-alarm-recipients": true,

	"renew-certificate":  true,
	"import-certificate": true,
	"export-certificate": true,
	"remove-certificate": true,

	"add-access-key":    true,
	"export-access-key": true,
	"remove-access-key": true,
	"unlock-account":    true,

	"add-remote":    true, // files may go there
	"set-remote":    true,
	"remove-remote": true,

	"invite-agent": true, // it sends for the account, and may fetch
	"set-agent":    true,
	"revoke-agent": true,
}

// forPrograms are the dangerous operations that an operator's program may do as well:
// they destroy or replace, and let nobody in and nothing out.
var forPrograms = map[string]bool{
	"remove-account":        true,
	"remove-login":          true,
	"remove-token":          true,
	"remove-operator-token": true,
	"erase-file":            true,
	"set-webhook":           true,
	"remove-webhook":        true,
	"remove-remote":         true,
	"revoke-agent":          true,
	"renew-certificate":     true,
	"remove-certificate":    true,
	"remove-access-key":     true,
}

// writesKeys are the operations on an account that write its file in the key store,
// which everybody's keys are in: no account does that in a loop.
var writesKeys = map[string]bool{
	"set-single-sign-on":    true,
	"remove-single-sign-on": true,

	"add-webhook":        true,
	"remove-webhook":     true,
	"new-webhook-secret": true,

	"add-remote":    true,
	"set-remote":    true,
	"remove-remote": true,

	"renew-certificate":  true,
	"import-certificate": true,
	"remove-certificate": true,
	"add-access-key":     true,
	"remove-access-key":  true,
}

// WritesKeys tells whether an operation writes an account's file in the key store.
func WritesKeys(operation string) bool { return writesKeys[operation] }

// takesKeysOut are the operations whose answers hold a private key: nothing may keep
// those, so they take no Idempotency-Key.
var takesKeysOut = map[string]bool{
	"export-certificate": true,
	"export-access-key":  true,
}

// TakesKeysOut tells whether an operation's answer holds a private key.
func TakesKeysOut(operation string) bool { return takesKeysOut[operation] }

// showsOnce are the operations whose answers hold a password, a token, a link or a
// secret, which is shown once and kept nowhere in the clear or sealed.
var showsOnce = map[string]bool{
	"add-login":          true,
	"invite-login":       true,
	"reset-login":        true,
	"add-operator":       true,
	"reset-operator":     true,
	"add-token":          true,
	"add-operator-token": true,
	"invite-agent":       true,
	"add-webhook":        true,
	"new-webhook-secret": true,
}

// ShowsOnce tells whether an operation's answer holds a secret that is shown once.
func ShowsOnce(operation string) bool { return showsOnce[operation] }

// Kind is how long an operation takes by its nature.
type Kind int

// The kinds. What is none of the others is as short as its answer.
const (
	Short   Kind = iota
	Waits        // until something happens
	Sends        // as long as a body comes
	Streams      // until its reader ends it
)

var lasts = map[string]Kind{
	"wait-for-file": Waits, "get-remote-run": Waits, "test-remote": Waits, "run-remote": Waits, // for other people's servers, all but the first
	"create-upload": Sends, "send-upload": Sends, "override-upload": Sends, "put-file": Sends, "post-files": Sends, "send-to-outbox": Sends,
	"follow-account": Streams, "follow-all": Streams,
}

// Lasts is how long an operation takes by its nature.
func Lasts(operation string) Kind { return lasts[operation] }

// RightTo is the right that an operation needs; 0 for one that there is not.
func RightTo(operation string) Right { return rights[operation] }

// Dangerous tells whether a person proves who he is before this operation.
func Dangerous(operation string) bool { return dangerous[operation] }

// Operations are all that stand in the table, by name.
func Operations() []string { return slices.Sorted(maps.Keys(rights)) }

// Roles are the roles of an account that have a right in it.
func (r Right) Roles() []account.Role { return roles[r] }

// May tells whether the caller has a right. Whose the thing is, is another question.
func (c Caller) May(r Right) error {
	const op = "access"
	switch {
	case r == Myself && c.Session != uuid.Nil:
		return nil
	case r == Myself:
		return fault.New(fault.Denied, op, "only a person who is signed in has this")
	case (r == OnMachine || r == Approve) && c.Local, !slices.Contains([]Right{OnMachine, Send, Fetch, Approve}, r) && c.Operator:
		return nil
	case r == OnMachine:
		return fault.New(fault.Denied, op, "this can be done on the gateway's own machine only")
	case c.Operator && r == Approve:
		return fault.New(fault.Denied, op, "an admin of the account answers this, not who asked")
	case c.Operator:
		return fault.New(fault.Denied, op, "operators send and fetch no files; somebody of the account does")
	case r == Operate || c.Account == uuid.Nil:
		return fault.New(fault.Denied, op, "only an operator may do this")
	case !slices.Contains(roles[r], c.Role):
		return fault.New(fault.Denied, op, "this needs the role %s", roleNames(roles[r]))
	}
	return nil
}

func roleNames(list []account.Role) string {
	names := make([]string, len(list))
	for i, r := range list {
		names[i] = string(r)
	}
	return strings.Join(names, " or ")
}
