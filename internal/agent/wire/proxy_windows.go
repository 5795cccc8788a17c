package wire

import (
	"net/http"
	"net/url"
	"path"
	"strings"

	"golang.org/x/sys/windows/registry"
)

// systemProxy is what the environment says, else the proxy of the Internet settings:
// the user's, else the machine's. Scripts that choose a proxy (PAC) are not run; who
// has one names the proxy in connect.yaml.
func systemProxy() func(*http.Request) (*url.URL, error) {
	const settings = `Software\Microsoft\Windows\CurrentVersion\Internet Settings`
	var server, bypass string
	for _, root := range []registry.Key{registry.CURRENT_USER, registry.LOCAL_MACHINE} {
		k, err := registry.OpenKey(root, settings, registry.QUERY_VALUE)
		if err != nil {
			continue
		}
		on, _, err := k.GetIntegerValue("ProxyEnable")
		if err == nil && on != 0 && server == "" {
			server, _, _ = k.GetStringValue("ProxyServer")
			bypass, _, _ = k.GetStringValue("ProxyOverride")
		}
		k.Close()
	}
	return func(r *http.Request) (*url.URL, error) {
		u, err := http.ProxyFromEnvironment(r)
		if u != nil || err != nil || server == "" || bypassed(r.URL.Hostname(), bypass) {
			return u, err
		}
		if via := serverFor(r.URL.Scheme, server); via != "" {
			return url.Parse(via)
		}
		return nil, nil // there is one for other schemes only
	}
}

// serverFor reads "proxy:3128" or "http=proxy:3128;https=proxy:3129"; "" when there is
// none for this scheme.
func serverFor(scheme, server string) string {
	for part := range strings.SplitSeq(server, ";") {
		name, value, named := strings.Cut(part, "=")
		if named && !strings.EqualFold(name, scheme) {
			continue
		}
		if !named {
			value = name
		}
		if !strings.Contains(value, "://") {
			value = "http://" + value
		}
		return value
	}
	return ""
}

func bypassed(host, bypass string) bool {
	for pattern := range strings.SplitSeq(bypass, ";") {
		pattern = strings.ToLower(strings.TrimSpace(pattern))
		if pattern == "<local>" && !strings.Contains(host, ".") {
			return true
		}
		if ok, err := path.Match(pattern, strings.ToLower(host)); err == nil && ok && pattern != "" {
			return true
		}
	}
	return false
}
