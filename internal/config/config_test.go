package config

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"sealgate/internal/fault"
)

func load(t *testing.T, text string, src Sources) (*Config, error) {
	t.Helper()
	dir := t.TempDir()
	if text != "" {
		if err := os.WriteFile(filepath.Join(dir, "gateway.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	src.Data = dir
	return Load(src)
}

func TestBadFilesAreRefusedWithAReason(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no bad files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			first, _, _ := strings.Cut(string(text), "\n")
			want := file + strings.TrimPrefix(first, "# wants: ")
			_, err = Load(Sources{Data: t.TempDir(), File: file})
			if !fault.Is(err, fault.Invalid) {
				t.Fatalf("error %v, want one of kind invalid", err)
			}
			if got := fault.Message(err); !strings.HasPrefix(got, want) {
				t.Errorf("message %q\nwant    %q", got, want)
			}
		})
	}
}

func TestFlagsOverruleEnvironmentOverrulesFileOverrulesDefaults(t *testing.T) {
	text := "sftp.listen: 127.0.0.1:1\nmetrics.listen: 127.0.0.1:2\nlog.level: debug\n"
	c, err := load(t, text, Sources{
		Environ: []string{"SEALGATE_SFTP_LISTEN=127.0.0.1:10", "SEALGATE_METRICS_LISTEN=127.0.0.1:20", "PATH=/bin"},
		Flags:   map[string]string{"sftp.listen": "127.0.0.1:100"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if c.SFTP.Listen != "127.0.0.1:100" || c.Metrics.Listen != "127.0.0.1:20" || c.Log.Level != "debug" || c.SFTP.IdleTimeout != 10*time.Minute {
		t.Errorf("got %+v", c)
	}
}

func TestBadEnvironmentAndFlagsAreNamed(t *testing.T) {
	for _, src := range []Sources{
		{Environ: []string{"SEALGATE_SFTP_LISTEN=here"}},
		{Flags: map[string]string{"sftp.listen": "here"}},
	} {
		_, err := load(t, "", src)
		got := fault.Message(err)
		if !strings.Contains(got, "SEALGATE_SFTP_LISTEN") && !strings.Contains(got, "--sftp-listen") {
			t.Errorf("message %q does not name where the value stands", got)
		}
	}
}

func TestMistypedVariableIsWarnedAbout(t *testing.T) {
	c, err := load(t, "", Sources{Environ: []string{"SEALGATE_SFTP_LISTN=127.0.0.1:1", "SEALGATE_SOMETHING_ELSE_ALTOGETHER=1"}})
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], "SEALGATE_SFTP_LISTEN") {
		t.Errorf("warnings %q", c.Warnings)
	}
}

func TestRelativePathsAreRelativeToTheFile(t *testing.T) {
	c, err := load(t, "keys:\n  master: file:secret/master.key\n", Sources{})
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(c.Data, "secret", "master.key"); c.Keys.Master.Name != want {
		t.Errorf("master key %q, want %q", c.Keys.Master.Name, want)
	}
}

func TestTheHTTPSDoorsSettings(t *testing.T) {
	text := "https:\n  url: https://Gateway.Example.com:8443/\n  certificate: tls/cert.pem\n  certificate-key: /etc/tls/key.pem\nhttp.listen: 127.0.0.1:80\n"
	c, err := load(t, text, Sources{})
	if err != nil {
		t.Fatal(err)
	}
	want := HTTPS{
		Listen: "127.0.0.1:8443", URL: "https://gateway.example.com:8443",
		Certificate: filepath.Join(c.Data, "tls", "cert.pem"), CertificateKey: "/etc/tls/key.pem", ACMEDirectory: "https://acme-v02.api.letsencrypt.org/directory",
	}
	if c.HTTPS != want {
		t.Errorf("got %+v\nwant %+v", c.HTTPS, want)
	}
	for _, addr := range []string{
		"http://gateway.example.com", "gateway.example.com", "https://", "https://user@gateway.example.com", "https://gateway.example.com/portal",
		"https://gateway.example.com?a=b", "https://gateway.example.com#x", "https://:8443",
	} {
		if _, err := load(t, "https.url: \""+addr+"\"\n", Sources{}); !fault.Is(err, fault.Invalid) {
			t.Errorf("https.url %q: %v", addr, err)
		}
	}
}

func TestNetworksThatRemotesMayLiveIn(t *testing.T) {
	c, err := load(t, "remotes:\n  allow: [10.1.2.3/16, \"fd00::/8\"]\n", Sources{})
	if err != nil || len(c.Remotes.Allow) != 2 || c.Remotes.Allow[0].String() != "10.1.0.0/16" {
		t.Errorf("from the file: %v, %v", c, err)
	}
	c, err = load(t, "", Sources{Environ: []string{"SEALGATE_REMOTES_ALLOW=127.0.0.0/8, ::1/128"}})
	if err != nil || len(c.Remotes.Allow) != 2 || c.Remotes.Allow[1].String() != "::1/128" {
		t.Errorf("from the environment: %v, %v", c, err)
	}
}

func TestSettingsThatDoNotFitTogetherAreRefused(t *testing.T) {
	for text, names := range map[string]string{
		"https.certificate: cert.pem\n":    "https.certificate-key",
		"https.acme: ops@example.com\n":    "https.url",
		"https.acme: nobody\n":             "e-mail",
		"https.certificate-key: key.pem\n": "https.certificate ",
		"http.listen: 127.0.0.1:80\n":      "https.url",
		"http.connect: true\n":             "http.listen is off",
		"http.connect: maybe\n":            "true, false",
		"http.listen: 127.0.0.1:80\nhttps.url: https://a.example\nhttps.listen: off\n": "https.listen is off",
	} {
		_, err := load(t, text, Sources{})
		if !fault.Is(err, fault.Invalid) || !strings.Contains(fault.Message(err), names) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if c, err := load(t, "", Sources{Flags: map[string]string{"https.listen": "off"}}); err != nil || c.HTTPS.Listen != "" {
		t.Errorf("off: %v", err)
	}
}

func TestAnEmptySectionSetsNothing(t *testing.T) {
	if _, err := load(t, "# all defaults\nsftp:\nmetrics:\n  listen: off\n", Sources{}); err != nil {
		t.Fatal(err)
	}
}

func TestAFileAskedForMustExist(t *testing.T) {
	_, err := Load(Sources{Data: t.TempDir(), File: "nowhere.yaml"})
	if !fault.Is(err, fault.Invalid) {
		t.Errorf("error %v", err)
	}
}

// The sample is what people start from: it must load, show every setting, and
// show it with its default.
func TestSampleShowsEverySettingWithItsDefault(t *testing.T) {
	sample := filepath.Join("..", "..", "configs", "gateway.yaml")
	text, err := os.ReadFile(sample)
	if err != nil {
		t.Fatal(err)
	}
	data := t.TempDir()
	if _, err := Load(Sources{Data: data, File: sample}); err != nil {
		t.Fatal(err)
	}
	// Every setting is commented out in the sample; with the marks removed it
	// sets them all, and nothing changes.
	full := regexp.MustCompile(`(?m)^  #([a-z])`).ReplaceAllString(string(text), "  $1")
	file := filepath.Join(data, "gateway.yaml")
	if err := os.WriteFile(file, []byte(full), 0o600); err != nil {
		t.Fatal(err)
	}
	settings, err := format.Read(file, []byte(full))
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, s := range settings {
		shown[s.Name] = true
	}
	for name := range keys {
		if !shown[name] {
			t.Errorf("%s is not in the sample", name)
		}
	}
	c, err := Load(Sources{Data: data})
	if err != nil {
		t.Fatal(err)
	}
	if want := defaults(data); c.SFTP != want.SFTP || c.HTTPS != want.HTTPS || c.HTTP != want.HTTP || c.Metrics != want.Metrics || c.Keys != want.Keys || c.Log != want.Log {
		t.Errorf("the sample's values are not the defaults:\n got %+v\nwant %+v", c, want)
	}
}
