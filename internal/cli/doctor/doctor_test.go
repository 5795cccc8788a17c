package doctor_test

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"sealgate/internal/backup"
	"sealgate/internal/cli/doctor"
	"sealgate/internal/config"
	"sealgate/internal/portal"
)

var now = func() time.Time { return time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC) }

func data(t *testing.T) *config.Config {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	if err := os.MkdirAll(filepath.Join(dir, backup.Keys), 0o700); err != nil {
		t.Fatal(err)
	}
	return &config.Config{Data: dir, Keys: config.Keys{Master: config.Master{Kind: config.MasterCredential, Name: "master"}}}
}

// of returns the findings of one check that are not fine.
func of(list []portal.Finding, check string) (found []portal.Finding) {
	for _, f := range list {
		if f.Check == check && f.Status != portal.Fine {
			found = append(found, f)
		}
	}
	return found
}

func TestAGoodDirectoryIsFine(t *testing.T) {
	list := doctor.Machine(data(t), now)
	for _, check := range []string{"configuration", "master key", "permissions"} {
		if bad := of(list, check); bad != nil {
			t.Errorf("%s: %+v", check, bad)
		}
	}
	if !slices.ContainsFunc(list, func(f portal.Finding) bool { return f.Check == "disk sync" && strings.Contains(f.Found, "synced in") }) {
		t.Errorf("the disk was not measured: %+v", list)
	}
}

func TestWhatIsWrongIsFoundAndSaysWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		spoil               func(t *testing.T, cfg *config.Config)
		check, status, does string
	}{
		"others may look in": {func(t *testing.T, cfg *config.Config) {
			if err := os.Chmod(filepath.Join(cfg.Data, backup.Keys), 0o750); err != nil {
				t.Fatal(err)
			}
		}, "permissions", portal.Failing, "chmod 700 "},
		"no data directory": {func(_ *testing.T, cfg *config.Config) { cfg.Data += "-not-there" }, "permissions", portal.Failing, "gateway init"},
		"the master key beside the data": {func(t *testing.T, cfg *config.Config) {
			cfg.Keys.Master = config.Master{Kind: config.MasterFile, Name: filepath.Join(cfg.Data, "master.key")}
			if err := os.WriteFile(cfg.Keys.Master.Name, []byte("key"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, "master key", portal.Warned, "another disk"},
		"a name that is nearly a setting": {func(_ *testing.T, cfg *config.Config) {
			cfg.Warnings = []string{"SEALGATE_SFTP_LISTN is no setting"}
		}, "configuration", portal.Warned, "correct the name"},
		"no certificate at its place": {func(_ *testing.T, cfg *config.Config) {
			cfg.HTTPS = config.HTTPS{Listen: "127.0.0.1:0", Certificate: filepath.Join(cfg.Data, "none"), CertificateKey: filepath.Join(cfg.Data, "none")}
		}, "certificate", portal.Failing, "put a certificate"},
		"a certificate that browsers do not know": {func(_ *testing.T, cfg *config.Config) {
			cfg.HTTPS = config.HTTPS{Listen: "127.0.0.1:0", URL: "https://pay.example"}
		}, "certificate", portal.Warned, "pay.example"},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := data(t)
			c.spoil(t, cfg)
			found := of(doctor.Machine(cfg, now), c.check)
			if len(found) != 1 || found[0].Status != c.status || !strings.Contains(found[0].Do, c.does) {
				t.Errorf("%+v", found)
			}
		})
	}
}

func TestAnAddressThatIsTakenIsFound(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg := data(t)
	cfg.SFTP.Listen, cfg.Metrics.Listen = l.Addr().String(), "127.0.0.1:0"
	list := doctor.Listeners(cfg)
	if len(list) != 2 || list[0].Status != portal.Failing || !strings.Contains(list[0].Do, "sftp.listen") || list[1].Status != portal.Fine {
		t.Errorf("%+v", list)
	}
}

func TestHowAgentsComeInIsSaid(t *testing.T) {
	for want, set := range map[string]func(*config.Config){
		"no agent can come in":                   func(*config.Config) {},
		"by plain HTTP they do not":              func(c *config.Config) { c.HTTPS.Listen, c.HTTPS.URL = ":443", "https://gateway.example.com" },
		"https.url is not set":                   func(c *config.Config) { c.HTTPS.Listen = ":443" },
		"by plain HTTP (http.connect is on)":     func(c *config.Config) { c.HTTPS.Listen, c.HTTP = ":443", config.HTTP{Listen: ":80", Connect: true} },
		"by plain HTTP only":                     func(c *config.Config) { c.HTTP = config.HTTP{Listen: ":80", Connect: true} },
		"http.connect is on, and http.listen is": func(c *config.Config) { c.HTTP.Connect = true },
	} {
		cfg := data(t)
		set(cfg)
		found := doctor.Machine(cfg, now)
		if !slices.ContainsFunc(found, func(f portal.Finding) bool { return f.Check == "connect" && strings.Contains(f.Found, want) }) {
			t.Errorf("%q is not said: %+v", want, found)
		}
	}
}
