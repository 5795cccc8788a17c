package policy

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "sealgate/"

// arrows lists, for every package of ours, which other packages of ours it may
// import. A name ending in "/..." covers the packages below it, too. Imports go
// down only: nothing in the list of a package has that package in its own.
var arrows = []struct {
	pkg  string
	down string
}{
	// Ground: words, bytes and files.
	{"internal/fault", ""},
	{"internal/payment", ""},
	{"internal/durable/...", "fault"},
	{"internal/seal/...", "seal fault"},
	{"internal/audit/...", "fault"},
	{"internal/mailaddr", ""},
	{"internal/config/nearest", ""},
	{"internal/config/yamlfile", "config/nearest fault"},
	{"internal/config", "config/nearest config/yamlfile mailaddr fault"},
	{"internal/logging", "fault"},
	{"internal/metrics", "fault"},
	{"internal/terminal", ""},
	{"internal/command", "terminal fault"},
	{"internal/killpoint", ""},
	{"internal/killpoint/armed", "killpoint"},
	{"internal/dialguard", "fault"},
	{"internal/limit", ""},
	{"internal/statement/...", "payment fault"},
	{"internal/connect", "statement seal fault"},

	// What files say.
	{"internal/index/...", "index/... payment fault"},

	// Truth: keys and stores, and who may use which key.
	{"internal/keys/...", "keys/... seal durable killpoint fault"},
	{"internal/store/catalog/engine", "fault"},
	{"internal/store/catalog/column", ""},
	{"internal/store/catalog/logins", "store/catalog/engine store/catalog/column fault"},
	{"internal/store/catalog/notices", "store/catalog/engine store/catalog/column fault"},
	{"internal/store/catalog/requests", "store/catalog/engine store/catalog/column"},
	{"internal/store/catalog/remotes", "store/catalog/engine store/catalog/column fault"},
	{"internal/store/catalog/agents", "store/catalog/engine store/catalog/column"},
	{"internal/store/catalog/approvals", "store/catalog/engine store/catalog/column"},
	{"internal/store/catalog/figures", "store/catalog/engine store/catalog/column"},
	{"internal/store/catalog/trail", "store/catalog/engine store/catalog/column audit fault"},
	{"internal/store/catalog/stored", "store/catalog/engine store/catalog/column fault"},
	{"internal/store/catalog", "store/catalog/agents store/catalog/approvals store/catalog/logins store/catalog/notices store/catalog/remotes store/catalog/figures store/catalog/requests store/catalog/trail store/catalog/stored store/catalog/column store/catalog/engine audit fault"},
	{"internal/store/accountdb/detail", "payment fault"},
	{"internal/store/accountdb/term", "payment"},
	{"internal/store/accountdb/sqlite", "durable fault"},
	{"internal/store/accountdb/row", "store/accountdb/detail store/accountdb/term store/accountdb/sqlite payment fault"},
	{"internal/store/accountdb/...", "store/accountdb store/accountdb/row store/accountdb/detail store/accountdb/term store/accountdb/sqlite payment fault"},
	{"internal/store/vault/...", "store/vault durable fault"},
	{"internal/backup", "store/... durable fault"},
	{"internal/custody/records", "keys seal store/catalog fault"},
	{"internal/custody/stock", ""},
	{"internal/custody/loan", "seal"},
	{"internal/custody/ingest", "keys seal store/catalog audit killpoint fault"},
	{"internal/custody/keyring", "keys seal store/catalog fault"},
	{"internal/custody/inventory", "custody/loan custody/keyring keys keys/keyfile seal store/catalog audit fault"},
	{"internal/custody/removal", "custody/keyring custody/ingest keys keys/spare seal store/catalog statement audit killpoint fault"},
	{"internal/custody/owner", "keys store/catalog statement fault"},
	{"internal/custody", "custody/removal custody/inventory custody/ingest custody/keyring custody/records custody/loan custody/stock keys keys/keyfile seal store/catalog audit killpoint fault"},
	{"internal/fileobject", "custody store/catalog payment fault"},
	{"internal/account/agents", "connect custody store/catalog store/catalog/agents audit fault"},
	{"internal/account/...", "mailaddr account/agents account/approval store/catalog/agents store/catalog/approvals dialguard limit account/passkey account/password account/person account/signin custody keys keys/keyfile seal store/catalog store/catalog/logins audit fault logging metrics"},
	{"internal/metrics/levels", "metrics store/catalog"},
	{"internal/work", "store/catalog fault"},

	// Steps: how bytes move.
	{"internal/transfer/vpath", "fault"},
	{"internal/transfer/glob", "fault"},
	{"internal/transfer/remote/schedule", "fault"},
	{"internal/transfer/remote/why", "fault"},
	{"internal/transfer/remote/...", "transfer/remote transfer/remote/why dialguard fault"},
	{"internal/transfer/bodies", "custody seal audit store/catalog store/vault durable fault"},
	{"internal/transfer/inbox/...", "transfer/vpath custody store/catalog audit fault"},
	{"internal/transfer/intake/slots/...", "seal fault"},
	{"internal/transfer/intake/objects/...", "custody seal store/catalog store/vault fault"},
	{"internal/transfer/intake/live/...", ""},
	{"internal/transfer/intake/ledger/...", "transfer/vpath transfer/inbox custody store/catalog audit fault"},
	{"internal/transfer/intake/sealed", "transfer/intake/ledger transfer/intake/objects transfer/vpath custody seal store/catalog store/catalog/agents store/vault durable audit killpoint fault"},
	{"internal/transfer/intake/...", "transfer/intake/sealed transfer/intake/ledger transfer/intake/slots transfer/intake/objects transfer/intake/live transfer/vpath transfer/inbox transfer/bodies custody seal store/catalog store/vault durable audit payment fault logging metrics"},
	{"internal/transfer/outbox", "killpoint transfer/vpath transfer/inbox transfer/bodies transfer/intake fileobject custody seal store/catalog audit payment fault"},
	{"internal/transfer/poll", "transfer/glob transfer/remote transfer/remote/why transfer/vpath transfer/intake custody store/catalog store/catalog/remotes killpoint fault"},
	{"internal/transfer/push", "transfer/glob transfer/remote transfer/remote/why transfer/outbox custody store/catalog store/catalog/remotes killpoint fault"},
	{"internal/transfer/remotes/places", ""},
	{"internal/transfer/remotes/address", "transfer/remote fault"},
	{"internal/transfer/remotes", "transfer/remotes/address transfer/remotes/places transfer/glob transfer/remote transfer/remote/why transfer/remote/pace transfer/remote/schedule transfer/poll dialguard custody keys store/catalog store/catalog/remotes audit fault"},
	{"internal/transfer/remotes/visits", "transfer/remotes transfer/remotes/address transfer/remote transfer/remote/sftp transfer/remote/ftps transfer/poll transfer/push fault"},
	{"internal/indexer/...", "index transfer/bodies fileobject killpoint work custody seal store/catalog store/accountdb audit payment fault metrics"},
	{"internal/notify/webhook", "dialguard fileobject custody keys store/catalog store/catalog/notices audit fault"},
	{"internal/notify/mail", "mailaddr custody store/catalog store/catalog/notices fault"},
	{"internal/notify/alarm", "account/agents transfer/remotes transfer/remote/why mailaddr store/catalog/approvals notify/mail custody custody/keyring store/catalog store/catalog/notices audit fault"},
	{"internal/notify/letter", "mailaddr notify/mail account/person"},
	{"internal/notify", "account/approval notify/webhook notify/alarm notify/mail dialguard account custody keys store/catalog"},
	{"internal/receipt", "transfer/outbox fileobject statement custody store/catalog audit fault"},
	{"internal/retention", "transfer/bodies custody store/catalog audit killpoint fault"},
	{"internal/reseal", "transfer/intake transfer/bodies custody seal store/catalog store/vault audit killpoint fault"},

	// Doors.
	{"internal/transfer/sftpd/packets/...", "fault"},
	{"internal/transfer/sftpd/...", "transfer/sftpd/packets transfer/vpath transfer/intake transfer/outbox account store/catalog fault logging metrics"},
	{"internal/transfer/outbox/folders", "transfer/outbox transfer/sftpd store/catalog"},
	{"internal/portal", "payment fault"},
	{"internal/portal/fair", "fault"},
	{"internal/portal/sheet", "index/check payment terminal"},
	{"internal/portal/httpd/...", "portal fault logging metrics"},
	{"internal/transfer/upload/...", "portal portal/fair transfer/vpath transfer/intake account seal store/catalog fault logging"},
	{"internal/transfer/connectd/...", "connect account/agents custody seal store/catalog audit receipt fileobject transfer/bodies transfer/intake transfer/intake/sealed transfer/outbox portal/fair limit fault"},
	{"internal/portal/web/ui/...", "portal index/check payment fault logging"},
	{"internal/portal/web/send", "portal/web/ui portal portal/fair fileobject payment fault"},
	{"internal/portal/client/...", "portal fault"},
	{"internal/portal/control", "portal/client durable fault"},
	{"internal/portal/access", "portal account account/person fault"},
	{"internal/portal/signon", "limit mailaddr notify/letter portal/access portal/web/ui account/oidc account/person account/passkey account/password fault"},
	{"internal/portal/operation", "limit portal/access portal portal/fair account custody store/catalog store/catalog/requests audit fault logging"},
	{"internal/portal/health", "portal account custody custody/inventory custody/keyring keys statement store/catalog audit fault"},
	{"internal/portal/keyapi", "limit audit portal portal/access portal/operation reseal indexer account custody custody/inventory keys keys/keyfile keys/spare store/catalog fault"},
	{"internal/portal/events", "portal/access portal/operation store/catalog audit fault"},
	{"internal/portal/accountapi", "account/approval store/catalog/approvals notify/letter portal portal/access portal/operation portal/keyapi account account/oidc account/person custody keys/keyfile store/catalog fault"},
	{"internal/portal/overview", "notify/alarm store/catalog/notices portal/access audit store/catalog/approvals portal portal/operation account custody store/catalog store/catalog/figures"},
	{"internal/portal/notifyapi", "portal portal/access portal/operation notify/webhook account store/catalog store/catalog/notices fault notify notify/alarm"},
	{"internal/portal/remoteapi", "portal portal/access portal/operation transfer/remotes transfer/remote/why account store/catalog store/catalog/remotes fault"},
	{"internal/portal/agentapi", "portal portal/access portal/operation connect account account/agents store/catalog fault"},
	{"internal/portal/api/...", "account/approval portal/fair portal/access portal/operation portal/accountapi portal/keyapi portal/overview portal/sheet portal/health statement receipt retention reseal portal transfer/bodies transfer/intake transfer/inbox transfer/outbox indexer fileobject account account/oidc account/person custody custody/inventory keys keys/keyfile keys/spare store/catalog store/catalog/trail store/accountdb audit payment fault logging portal/notifyapi notify/webhook notify/letter notify portal/events"},
	{"internal/portal/web/desk", "portal/web/ui portal/client portal/access portal fault"},
	{"internal/portal/web/people", "mailaddr portal/web/ui portal/web/desk portal fault"},
	{"internal/portal/web/notices", "portal/web/ui portal/web/desk notify/alarm portal fault"},
	{"internal/portal/web/agents", "portal/web/ui portal/web/desk portal"},
	{"internal/portal/web/remotes", "portal/web/ui portal/web/desk transfer/remote/why fileobject portal fault"},
	{"internal/portal/web/gateway", "portal/web/ui portal/web/desk portal fault"},
	{"internal/portal/web/doors", "portal/web/ui portal/web/desk portal fault"},
	{"internal/portal/web/trail", "transfer/remote/why portal/web/ui portal/web/desk portal/sheet portal fault"},
	{"internal/portal/web", "portal/web/agents portal/web/remotes portal/web/doors portal/web/ui portal/web/desk portal/web/gateway portal/web/trail portal/web/people portal/web/send portal/client portal index/check fileobject payment fault portal/web/notices"},

	// The command line.
	{"internal/cli", "command portal portal/client index/check config terminal payment fault"},
	{"internal/cli/doctor", "portal portal/httpd/certs backup config durable terminal fault"},
	{"internal/cli/ask", "cli portal portal/client"},
	{"internal/cli/notify", "command cli cli/ask notify/alarm portal terminal"},
	{"internal/cli/agents", "command cli cli/ask portal terminal"},
	{"internal/cli/remotes", "command cli cli/ask portal portal/client terminal transfer/remote/why"},
	{"internal/cli/locks", "command cli cli/ask keys/keyfile portal portal/client terminal fault"},
	{"internal/cli/use", "portal/sheet command cli cli/ask cli/locks portal portal/client index/check fileobject seal terminal payment fault"},
	{"internal/cli/offline", "command cli statement index index/check keys keys/keyfile keys/paper seal seal/sealfile terminal payment fault"},

	// Connect, which shares words and formats with the gateway and none of its stores.
	{"internal/agent/home", "connect config/yamlfile transfer/glob durable fault"},
	{"internal/agent/together", "durable"},
	{"internal/agent/journal", "agent/together fault"},
	{"internal/agent/watch", "agent/home agent/journal transfer/vpath fault"},
	{"internal/agent/sealing", "connect seal fault"},
	{"internal/agent/wire", "connect seal fault"},
	{"internal/agent/enrol", "agent/home agent/wire connect fault"},
	{"internal/agent/send", "agent/home agent/journal agent/sealing agent/watch agent/wire connect statement seal durable fault"},
	{"internal/agent/fetch", "agent/home agent/journal agent/wire connect seal seal/sealfile durable fault"},
	{"internal/agent/status", "agent/home agent/journal terminal"},
	{"internal/agent/control", "agent/status fault"},
	{"internal/agent/console", "agent/control agent/home command connect"},
	{"internal/agent/doctor", "agent/home agent/journal agent/watch agent/wire agent/control connect durable fault"},
	{"internal/agent/logfile", "fault"},
	{"internal/agent", "agent/control agent/fetch agent/home agent/journal agent/sealing agent/send agent/status agent/together agent/watch agent/wire connect statement durable fault"},

	{"internal/policy", ""},
	{"internal/campaign", ""}, // tests of the whole gateway, from outside
	{"cmd/gateway", "..."},
	{"cmd/connect", "agent/... command connect keys/keyfile seal seal/sealfile statement durable terminal logging fault"},
	{"bench/...", "..."}, // programs that measure
	{"demo/...", "..."},
}

// banned may not be reached by the gateway at all, our own packages or not.
var banned = map[string]string{
	"os/exec":      "the gateway executes nothing",
	"plugin":       "the gateway executes nothing",
	"encoding/gob": "no format that names types",
	"net/rpc":      "no format that names types",
	"net/http/cgi": "the gateway executes nothing",
	"archive/tar":  "nothing is unpacked",
	"archive/zip":  "nothing is unpacked",

	module + "internal/killpoint/armed": "the environment does not kill the program that users run",
}

// excused names who may import what is banned, each for a reason.
var excused = map[string][]string{
	"os/exec": {"modernc.org/libc"}, // C's system() for programs that call it; SQLite does not
}

// reserved may be imported by the named package of ours only.
var reserved = map[string]string{
	"net/http/pprof": "internal/metrics",
	"math/rand":      "",
	"encoding/xml":   "", // 30 MB/s, takes DOCTYPEs and has no depth limit: internal/index has its own reader
}

func TestImportsGoDownOnly(t *testing.T) {
	for pkg, imports := range goList(t, "./...") {
		name, ours := strings.CutPrefix(pkg, module)
		if !ours || isTestKit(name) {
			continue
		}
		allowed, known := downFrom(name)
		if !known {
			t.Errorf("%s has no place in the table of arrows", name)
			continue
		}
		for _, imported := range imports {
			dep, ours := strings.CutPrefix(imported, module)
			switch owner, held := reserved[imported]; {
			case held && owner != name:
				t.Errorf("%s imports %s, which only %q may", name, imported, owner)
			case ours && isTestKit(dep):
				t.Errorf("%s imports the test kit %s", name, dep)
			case ours && !covers(allowed, strings.TrimPrefix(dep, "internal/")):
				t.Errorf("%s imports %s: no such arrow", name, dep)
			}
		}
	}
}

func TestTheArrowsHaveNoCircle(t *testing.T) {
	for i, from := range arrows {
		for _, to := range arrows[i+1:] {
			lower := strings.TrimSuffix(strings.TrimPrefix(to.pkg, "internal/"), "/...")
			if slices.Contains(strings.Fields(from.down), lower) {
				t.Errorf("%s may import %s, which stands above it", from.pkg, to.pkg)
			}
		}
	}
}

func TestGatewayReachesNothingBanned(t *testing.T) {
	graph := goList(t, "-deps", "./cmd/gateway")
	for pkg, imports := range graph {
		for _, imported := range imports {
			why, bad := banned[imported]
			if bad && !slices.Contains(excused[imported], pkg) {
				t.Errorf("%s imports %s: %s", pkg, imported, why)
			}
		}
	}
}

// goList returns the imports of each package that go list names.
func goList(t *testing.T, args ...string) map[string][]string {
	t.Helper()
	cmd := exec.Command("go", append([]string{"list", "-f", "{{.ImportPath}} {{join .Imports \" \"}}"}, args...)...)
	cmd.Dir = "../.."
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	graph := map[string][]string{}
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		graph[fields[0]] = fields[1:]
	}
	return graph
}

func downFrom(name string) (allowed string, known bool) {
	for _, a := range arrows {
		if covers(a.pkg, name) {
			return a.down, true
		}
	}
	return "", false
}

// covers reports whether one of the patterns, separated by blanks, is name or
// ends in "..." and holds it.
func covers(patterns, name string) bool {
	for _, p := range strings.Fields(patterns) {
		if p == "..." || p == name {
			return true
		}
		if tree, ok := strings.CutSuffix(p, "/..."); ok && (name == tree || strings.HasPrefix(name, tree+"/")) {
			return true
		}
	}
	return false
}

// isTestKit reports whether a package helps tests only: catalogtest, durabletest.
func isTestKit(name string) bool { return strings.HasSuffix(name, "test") }
