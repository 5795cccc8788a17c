package config

import (
	"fmt"
	"maps"
	"net"
	"net/netip"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"sealgate/internal/config/yamlfile"
	"sealgate/internal/fault"
)

// origin tells where a value stands, for messages and relative paths.
type origin struct {
	where string // file name, environment variable or flag
	line  int    // 0 outside files
	base  string // directory that relative paths are relative to
}

func (o origin) String() string {
	if o.line > 0 {
		return fmt.Sprintf("%s:%d", o.where, o.line)
	}
	return o.where
}

// keys is the table of all settings.
var keys = map[string]func(c *Config, value string, o origin) error{
	"sftp.listen":       func(c *Config, v string, _ origin) error { return address(&c.SFTP.Listen, v) },
	"sftp.idle-timeout": func(c *Config, v string, _ origin) error { return duration(&c.SFTP.IdleTimeout, v) },
	"https.listen":      func(c *Config, v string, _ origin) error { return addressOrOff(&c.HTTPS.Listen, v) },
	"https.url":         func(c *Config, v string, _ origin) error { return site(&c.HTTPS.URL, v) },
	"https.certificate": func(c *Config, v string, o origin) error { return path(&c.HTTPS.Certificate, v, o.base) },
	"https.certificate-key": func(c *Config, v string, o origin) error {
		return path(&c.HTTPS.CertificateKey, v, o.base)
	},
	"https.acme": func(c *Config, v string, _ origin) error {
		if v != "" && (!strings.Contains(v, "@") || strings.ContainsAny(v, " ,;<>?")) {
			return fmt.Errorf("%q is not an e-mail address", v)
		}
		c.HTTPS.ACME = v
		return nil
	},
	"https.acme-directory": func(c *Config, v string, _ origin) error {
		if u, err := url.Parse(v); v != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
			return fmt.Errorf("%q is not an address like https://acme.example.com/directory", v)
		}
		c.HTTPS.ACMEDirectory = v
		return nil
	},
	"http.listen": func(c *Config, v string, _ origin) error { return addressOrOff(&c.HTTP.Listen, v) },
	"http.connect": func(c *Config, v string, _ origin) error {
		var word string
		err := oneOf(&word, v, "true", "false")
		c.HTTP.Connect = word == "true"
		return err
	},
	"metrics.listen": func(c *Config, v string, _ origin) error { return addressOrOff(&c.Metrics.Listen, v) },
	"keys.master":    func(c *Config, v string, o origin) error { return master(&c.Keys.Master, v, o.base) },
	"keys.export": func(c *Config, v string, _ origin) error {
		var word string
		err := oneOf(&word, v, "allow", "never")
		c.Keys.Export = word == "allow"
		return err
	},
	"remotes.allow": func(c *Config, v string, _ origin) error { return networks(&c.Remotes.Allow, v) },
	"mail.host":     func(c *Config, v string, _ origin) error { return host(&c.Mail.Host, v) },
	"mail.port":     func(c *Config, v string, _ origin) error { return port(&c.Mail.Port, v) },
	"mail.security": func(c *Config, v string, _ origin) error {
		return oneOf(&c.Mail.Security, v, "starttls", "tls", "none")
	},
	"mail.user":     func(c *Config, v string, _ origin) error { c.Mail.User = v; return nil },
	"mail.password": func(c *Config, v string, o origin) error { return secret(&c.Mail.Password, v, o.base) },
	"mail.from":     func(c *Config, v string, _ origin) error { return mailbox(&c.Mail.From, v) },
	"mail.language": func(c *Config, v string, _ origin) error { return oneOf(&c.Mail.Language, v, "sv", "en") },
	"log.level": func(c *Config, v string, _ origin) error {
		return oneOf(&c.Log.Level, v, "debug", "info", "warn", "error")
	},
	"log.format": func(c *Config, v string, _ origin) error {
		var word string
		err := oneOf(&word, v, "text", "json")
		c.Log.JSON = word == "json"
		return err
	},
}

// format is that of the file. A list there is joined with commas, which is how lists are
// written in the environment.
var format = yamlfile.Format{
	Names:   slices.Sorted(maps.Keys(keys)),
	Example: `"sftp:" or "sftp.listen: 127.0.0.1:2022"`,
}

// set checks and stores one setting, of a name in the table.
func (c *Config) set(name, value string, o origin) error {
	if err := keys[name](c, value, o); err != nil {
		return fault.New(fault.Invalid, "config: set", "%s: %s: %v", o, name, err)
	}
	return nil
}

func address(dst *string, v string) error {
	host, port, err := net.SplitHostPort(v)
	if err != nil {
		return fmt.Errorf("%q is not an address like 127.0.0.1:2022", v)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("%q is not a port from 0 to 65535", port)
	}
	if strings.ContainsAny(host, " /") {
		return fmt.Errorf("%q is not a host", host)
	}
	*dst = v
	return nil
}

func addressOrOff(dst *string, v string) error {
	if v == "" || v == "off" {
		*dst = ""
		return nil
	}
	return address(dst, v)
}

// site reads an address like https://gateway.example.com, without anything behind it.
func site(dst *string, v string) error {
	if v == "" {
		*dst = ""
		return nil
	}
	u, err := url.Parse(v)
	if err != nil || u.Scheme != "https" || u.Hostname() == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q is not an address like https://gateway.example.com", v)
	}
	*dst = "https://" + strings.ToLower(u.Host)
	return nil
}

// path makes the name of a file absolute; one in the configuration file is relative to
// that.
func path(dst *string, v, base string) error {
	if v == "" {
		*dst = ""
		return nil
	}
	if !filepath.IsAbs(v) && base != "" {
		v = filepath.Join(base, v)
	}
	abs, err := filepath.Abs(v)
	*dst = abs
	return err
}

func duration(dst *time.Duration, v string) error {
	d, err := time.ParseDuration(v)
	if err != nil || d <= 0 {
		return fmt.Errorf("%q is not a duration like 30s, 10m or 8h", v)
	}
	*dst = d
	return nil
}

// networks reads a list of CIDR networks, separated by commas.
func networks(dst *[]netip.Prefix, v string) error {
	*dst = nil
	for _, text := range strings.FieldsFunc(v, func(r rune) bool { return r == ',' || r == ' ' }) {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return fmt.Errorf("%q is not a network like 10.1.0.0/16 (one address: 10.1.2.3/32)", text)
		}
		*dst = append(*dst, p.Masked())
	}
	return nil
}

func oneOf(dst *string, v string, words ...string) error {
	if !slices.Contains(words, v) {
		return fmt.Errorf("%q is not one of: %s", v, strings.Join(words, ", "))
	}
	*dst = v
	return nil
}

// ParseMaster reads the source of a master key as it is written in keys.master.
func ParseMaster(text string) (m Master, err error) {
	if err := master(&m, text, ""); err != nil {
		return m, fault.New(fault.Invalid, "config: master key", "%v", err)
	}
	return m, nil
}

func master(dst *Master, v, base string) error {
	kind, name, _ := strings.Cut(v, ":")
	switch {
	case kind == "file" && name != "":
		var file string
		if err := path(&file, name, base); err != nil {
			return err
		}
		*dst = Master{Kind: MasterFile, Name: file}
	case kind == "credential" && name != "" && !strings.ContainsAny(name, "/\\"):
		*dst = Master{Kind: MasterCredential, Name: name}
	case v == "passphrase":
		*dst = Master{Kind: MasterPassphrase}
	default:
		return fmt.Errorf("%q is not file:PATH, credential:NAME or passphrase", v)
	}
	return nil
}
