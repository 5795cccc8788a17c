// Package config turns the gateway's settings into checked values.
//
// Settings come from three places, the later overruling the earlier: the
// configuration file (DIR/gateway.yaml unless told otherwise), the environment
// (sftp.listen is SEALGATE_SFTP_LISTEN) and flags. Every setting is one row of
// the table in keys.go; what is not in the table is refused with its file, line
// and the nearest known name, because a setting that is silently ignored is a
// setting somebody believes in.
//
// A relative path in the file is relative to the file; elsewhere to the working
// directory. Secrets are named by file, never written into a setting. Only
// commands import this package: everything else is handed plain values.
package config

import (
	"errors"
	"io/fs"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"sealgate/internal/config/nearest"
	"sealgate/internal/fault"
)

// Config holds the checked settings of one gateway.
type Config struct {
	Data    string // the data directory, absolute
	SFTP    SFTP
	HTTPS   HTTPS
	HTTP    HTTP
	Metrics Metrics
	Keys    Keys
	Remotes Remotes
	Mail    Mail
	Log     Log

	// Warnings are sentences about settings that were not refused but will
	// surprise: an environment variable that is nearly the name of a setting.
	Warnings []string
}

// MasterInside reports whether the master key lies in the data directory: who
// copies that has both.
func (c *Config) MasterInside() bool {
	m := c.Keys.Master
	return m.Kind == MasterFile && strings.HasPrefix(m.Name, c.Data+string(filepath.Separator))
}

// SFTP is the SFTP door.
type SFTP struct {
	Listen      string        // host:port; port 0 takes any
	IdleTimeout time.Duration // a session that says nothing for so long is ended
}

// HTTPS is the door for the portal, the API and uploads.
type HTTPS struct {
	Listen         string // host:port, or empty for none
	URL            string // what clients call this gateway, https://host or with a port; may be empty
	Certificate    string // PEM file, or empty: the gateway signs one itself
	CertificateKey string // PEM file
	ACME           string // e-mail address for the authority that gives certificates, or empty: none is asked
	ACMEDirectory  string // the authority
}

// Host is the host that clients call, without a port; empty when URL is.
func (h HTTPS) Host() string {
	u, err := url.Parse(h.URL)
	if err != nil {
		return "" // cannot happen: load has checked it
	}
	return u.Hostname()
}

// HTTP is the plain door, which says where the other one is, and lets agents in when
// it is told to.
type HTTP struct {
	Listen  string // host:port, or empty for none
	Connect bool
}

// Metrics is the listener for Prometheus and profiling.
type Metrics struct {
	Listen string // host:port, or empty for none
}

// Keys says where the master key comes from and what may leave.
type Keys struct {
	Master Master
	Export bool // certificate and access keys held by the gateway may be exported
}

// Remotes says what the gateway may connect to when a customer names the host: for
// webhooks, single sign-on and his own servers.
type Remotes struct {
	Allow []netip.Prefix // besides public addresses
}

// Mail is the server that the gateway's own letters are handed to. Without a Host
// there is none.
type Mail struct {
	Host     string
	Port     int    // 0: 587, or 465 with TLS from the first byte
	Security string // starttls, tls, or none: on this machine only
	User     string
	Password Secret
	From     string // the address that letters come from
	Language string // sv or en: of letters to those who run the gateway
}

// MasterKind is the kind of place a master key comes from.
type MasterKind string

// The places a master key may come from.
const (
	MasterFile       MasterKind = "file"
	MasterCredential MasterKind = "credential" // a systemd credential
	MasterPassphrase MasterKind = "passphrase" // typed, or read from standard input, at start
)

// Master names the source of the master key.
type Master struct {
	Kind MasterKind
	Name string // path of the file or name of the credential
}

// Log is how logs are written to stderr.
type Log struct {
	Level string // debug, info, warn or error
	JSON  bool
}

// Sources says where Load looks.
type Sources struct {
	Data    string            // --data; empty for SEALGATE_DATA, then ./sealgate-data
	File    string            // --config; empty for gateway.yaml in the data directory, if there
	Environ []string          // as os.Environ gives it
	Flags   map[string]string // settings given as flags, by name
}

// Load reads and checks all settings.
func Load(src Sources) (*Config, error) {
	env := environment(src.Environ)
	data, err := DataDir(src.Data, env["SEALGATE_DATA"])
	if err != nil {
		return nil, err
	}
	c := defaults(data)
	if err := c.fromFile(src.File); err != nil {
		return nil, err
	}
	if err := c.fromEnvironment(env); err != nil {
		return nil, err
	}
	for name, value := range src.Flags {
		flag := "--" + strings.ReplaceAll(name, ".", "-")
		if err := c.set(name, value, origin{where: flag}); err != nil {
			return nil, err
		}
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	return c, nil
}

// check refuses settings that each fit and do not fit together.
func (c *Config) check() error {
	refuse := func(format string, args ...any) error {
		return fault.New(fault.Invalid, "config: check", format, args...)
	}
	switch {
	case (c.HTTPS.Certificate == "") != (c.HTTPS.CertificateKey == ""):
		return refuse("https.certificate and https.certificate-key belong together: one is set, the other is not")
	case c.HTTPS.ACME != "" && c.HTTPS.Certificate != "":
		return refuse("https.acme and https.certificate are both set: a certificate comes from an authority or from files")
	case c.HTTPS.ACME != "" && (c.HTTPS.Host() == "" || net.ParseIP(c.HTTPS.Host()) != nil):
		return refuse("https.acme is set, which asks for a certificate for the name in https.url, and there is none")
	case c.HTTP.Listen != "" && c.HTTPS.Listen == "":
		return refuse("http.listen is set, which leads clients to the HTTPS door, and https.listen is off: there is none")
	case c.HTTP.Connect && c.HTTP.Listen == "":
		return refuse("http.connect is true, which lets agents in by plain HTTP, and http.listen is off: there is no such door")
	case c.HTTP.Listen != "" && c.HTTPS.URL == "":
		return refuse("http.listen is set, which leads clients to https.url, and that is not set")
	}
	return c.Mail.check()
}

// DataDir picks the data directory: the flag, else the environment, else
// ./sealgate-data; as an absolute path.
func DataDir(flag, env string) (string, error) {
	dir := flag
	if dir == "" {
		dir = env
	}
	if dir == "" {
		dir = "sealgate-data"
	}
	abs, err := filepath.Abs(dir)
	return abs, fault.Wrap(fault.Internal, "config: data directory", err)
}

func defaults(data string) *Config {
	return &Config{
		Data:    data,
		SFTP:    SFTP{Listen: "127.0.0.1:2022", IdleTimeout: 10 * time.Minute},
		HTTPS:   HTTPS{Listen: "127.0.0.1:8443", ACMEDirectory: "https://acme-v02.api.letsencrypt.org/directory"},
		Metrics: Metrics{Listen: "127.0.0.1:9464"},
		Keys:    Keys{Master: Master{Kind: MasterFile, Name: filepath.Join(data, "keys", "master.key")}, Export: true},
		Mail:    Mail{Security: "starttls", Language: "en"},
		Log:     Log{Level: "info"},
	}
}

// fromFile reads the named file, or gateway.yaml in the data directory when it
// is there; a file that was asked for by name must exist.
func (c *Config) fromFile(name string) error {
	asked := name != ""
	if !asked {
		name = filepath.Join(c.Data, "gateway.yaml")
	}
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		if asked {
			return fault.New(fault.Invalid, "config: read", "there is no configuration file %s", name)
		}
		return nil
	}
	if err != nil {
		return fault.New(fault.Invalid, "config: read", "cannot read the configuration: %v", err)
	}
	settings, err := format.Read(name, text)
	if err != nil {
		return err
	}
	base, err := filepath.Abs(filepath.Dir(name))
	if err != nil {
		return fault.Wrap(fault.Internal, "config: read", err)
	}
	for _, s := range settings {
		if err := c.set(s.Name, strings.Join(s.Value, ","), origin{where: name, line: s.Line, base: base}); err != nil {
			return err
		}
	}
	return nil
}

func (c *Config) fromEnvironment(env map[string]string) error {
	known := map[string]string{}
	for name := range keys {
		known[envName(name)] = name
	}
	for variable, value := range env {
		if name, ok := known[variable]; ok {
			if err := c.set(name, value, origin{where: variable}); err != nil {
				return err
			}
			continue
		}
		if near := nearest.Of(variable, maps.Keys(known)); near != "" {
			c.Warnings = append(c.Warnings, variable+" is no setting; did you mean "+near+"?")
		}
	}
	return nil
}

// environment picks our variables; an empty one is as good as none.
func environment(environ []string) map[string]string {
	env := map[string]string{}
	for _, pair := range environ {
		if name, value, ok := strings.Cut(pair, "="); ok && value != "" && strings.HasPrefix(name, "SEALGATE_") {
			env[name] = value
		}
	}
	return env
}

func envName(key string) string {
	return "SEALGATE_" + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_").Replace(key))
}
