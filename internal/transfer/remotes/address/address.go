// Package address reads where a customer's server is, and who signs in there, out of one
// URL: sftp, ftps or ftpes, never with a password in it.
package address

import (
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"sealgate/internal/fault"
	"sealgate/internal/transfer/remote"
)

// Schemes of addresses.
const (
	SFTP  = "sftp"
	FTPS  = "ftps"  // TLS from the first byte
	FTPES = "ftpes" // TLS after AUTH TLS
)

const maxURL = 2000

// Address is where a remote is, and who signs in there.
type Address struct {
	Scheme string
	Host   string
	Port   uint16
	User   string
	Dir    string // "" = where the sign-in leads
}

// Origin is the address without the folder: what a password is for.
func (a Address) Origin() string {
	return a.Scheme + "://" + url.QueryEscape(a.User) + "@" + strings.ToLower(a.Host) + ":" + strconv.Itoa(int(a.Port))
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*\.?$`)

// Parse reads sftp://user@host:port/folder, ftps:// (TLS at once) and ftpes://
// (TLS by AUTH TLS). The path is absolute; /~/ in front makes it relative to where
// the sign-in leads.
func Parse(text string) (Address, error) {
	const op = "remotes: address"
	u, err := url.Parse(text)
	if err != nil || len(text) > maxURL || u.Opaque != "" || u.Hostname() == "" {
		return Address{}, fault.New(fault.Invalid, op, "that is no address like sftp://payments@bank.example.com/out")
	}
	ports := map[string]uint16{SFTP: 22, FTPS: 990, FTPES: 21}
	a := Address{Scheme: u.Scheme, Host: u.Hostname(), Port: ports[u.Scheme]}
	if _, err := netip.ParseAddr(a.Host); err != nil && (len(a.Host) > 253 || !hostName.MatchString(a.Host)) {
		return Address{}, fault.New(fault.Invalid, op, "%q is no name of a host; one with other letters than a to z is written in its xn-- form", a.Host)
	}
	if port := u.Port(); port != "" {
		n, err := strconv.ParseUint(port, 10, 16)
		if err != nil || n == 0 {
			return Address{}, fault.New(fault.Invalid, op, "%q is no port", port)
		}
		a.Port = uint16(n)
	}
	_, password := u.User.Password()
	a.User = u.User.Username()
	switch {
	case ports[u.Scheme] == 0:
		return Address{}, fault.New(fault.Invalid, op, "an address begins with sftp://, ftps:// (TLS at once) or ftpes:// (TLS by AUTH TLS); plain FTP is not spoken")
	case password:
		return Address{}, fault.New(fault.Invalid, op, "the address holds a password; addresses are shown and written down, so it is given apart from them (by command: --password-stdin)")
	case a.User == "" || len(a.User) > 255 || strings.ContainsFunc(a.User, control):
		return Address{}, fault.New(fault.Invalid, op, "the address names nobody who signs in; write sftp://USER@%s", a.Host)
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return Address{}, fault.New(fault.Invalid, op, "the address ends before ? and #; in a folder's name they are written %%3F and %%23")
	}
	a.Dir = u.Path
	if below, ok := strings.CutPrefix(u.Path, "/~"); ok && (below == "" || below[0] == '/') {
		a.Dir = strings.TrimLeft(below, "/")
	}
	if a.Dir != "" {
		if err := remote.CheckPath(a.Dir); err != nil {
			return Address{}, err
		}
	}
	return a, nil
}

func control(r rune) bool { return r < 0x20 || r == 0x7f }
