package control

import (
	"context"
	"net/http"
	"net/url"

	"sealgate/internal/agent/status"
)

var _ Agent = (*Client)(nil)

// Status implements Agent.
func (c *Client) Status(ctx context.Context) (*status.Status, error) {
	s := new(status.Status)
	return s, c.ask(ctx, http.MethodGet, "/status", struct{}{}, s)
}

// File implements Agent.
func (c *Client) File(ctx context.Context, path string) (f status.File, err error) {
	err = c.ask(ctx, http.MethodGet, "/file?path="+url.QueryEscape(path), struct{}{}, &f)
	return f, err
}

// Send implements Agent.
func (c *Client) Send(ctx context.Context, files []string) error {
	return c.ask(ctx, http.MethodPost, "/send", paths{files}, &struct{}{})
}

// Retry implements Agent.
func (c *Client) Retry(ctx context.Context) error {
	return c.ask(ctx, http.MethodPost, "/retry", struct{}{}, &struct{}{})
}

// Fetch implements Agent.
func (c *Client) Fetch(ctx context.Context) (*status.Fetch, error) {
	f := new(status.Fetch)
	return f, c.ask(ctx, http.MethodPost, "/fetch", struct{}{}, f)
}
