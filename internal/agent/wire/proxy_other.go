//go:build !windows

package wire

import (
	"net/http"
	"net/url"
)

// systemProxy is what the environment says: HTTPS_PROXY, HTTP_PROXY and NO_PROXY.
func systemProxy() func(*http.Request) (*url.URL, error) { return http.ProxyFromEnvironment }
