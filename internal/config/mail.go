package config

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"sealgate/internal/fault"
	"sealgate/internal/mailaddr"
)

// Secret names where a secret lies; the zero value names none.
type Secret struct {
	File       string // a path
	Credential string // the name of a systemd credential
}

// maxSecret bounds what is read as one.
const maxSecret = 4 << 10

// Read returns the secret, without the line's end behind it; "" when there is none.
func (s Secret) Read() (string, error) {
	const op = "config: secret"
	file, name := s.File, s.File
	if s.Credential != "" {
		dir := os.Getenv("CREDENTIALS_DIRECTORY")
		if dir == "" {
			return "", fault.New(fault.Locked, op, "systemd has given no credentials (CREDENTIALS_DIRECTORY is not set), and credential %s is needed", s.Credential)
		}
		file, name = filepath.Join(dir, s.Credential), "credential "+s.Credential
	}
	if file == "" {
		return "", nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", &fault.Error{Kind: fault.Locked, Op: op, Message: "cannot read the secret in " + name, Err: err}
	}
	value := strings.TrimRight(string(text), "\r\n")
	if value == "" || len(value) > maxSecret || strings.ContainsAny(value, "\r\n\x00") {
		return "", fault.New(fault.Invalid, op, "%s holds no secret of one line", name)
	}
	return value, nil
}

func secret(dst *Secret, v, base string) error {
	kind, name, _ := strings.Cut(v, ":")
	switch {
	case v == "":
		*dst = Secret{}
	case kind == "file" && name != "":
		*dst = Secret{}
		return path(&dst.File, name, base)
	case kind == "credential" && name != "" && name == filepath.Base(name) && name != "..":
		*dst = Secret{Credential: name}
	default:
		// What was written there may be the secret itself: it is not repeated.
		return fmt.Errorf("that is not file:PATH or credential:NAME; a secret is not written into a setting")
	}
	return nil
}

func host(dst *string, v string) error {
	if strings.ContainsAny(v, " /:@\t") && !isAddress(v) {
		return fmt.Errorf("%q is not a host like smtp.example.com", v)
	}
	*dst = v
	return nil
}

func isAddress(v string) bool { _, err := netip.ParseAddr(v); return err == nil }

func port(dst *int, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 65535 {
		return fmt.Errorf("%q is not a port from 1 to 65535", v)
	}
	*dst = n
	return nil
}

func mailbox(dst *string, v string) error {
	if v != "" && !mailaddr.Valid(v) {
		return fmt.Errorf("%q is not an address like sealgate@example.com", v)
	}
	*dst = v
	return nil
}

// check refuses settings of mail that do not fit together, and fills in the port.
func (m *Mail) check() error {
	refuse := func(format string, args ...any) error {
		return fault.New(fault.Invalid, "config: check", format, args...)
	}
	switch {
	case m.Host == "" && (m.From != "" || m.User != "" || m.Password != Secret{}):
		return refuse("mail.host is not set, and other settings of mail are")
	case m.Host == "":
		return nil
	case m.From == "":
		return refuse("mail.host is set, and mail.from is not: letters come from an address")
	case (m.User == "") != (m.Password == Secret{}):
		return refuse("mail.user and mail.password belong together: one is set, the other is not")
	case m.Security == "none" && !onThisMachine(m.Host):
		return refuse("mail.security is none, and %s is not on this machine: letters would cross the network in the clear", m.Host)
	}
	if m.Port == 0 {
		m.Port = map[string]int{"tls": 465, "starttls": 587, "none": 25}[m.Security]
	}
	return nil
}

func onThisMachine(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}
