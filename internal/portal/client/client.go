// Package client talks to a running gateway: over its control socket for the command
// line (New), in its own process for the pages of the portal (Inside). It knows how
// to carry requests, content and problems; the shapes are those of package portal.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
)

// ErrNoAnswer is the cause of every error that means that no gateway is there.
var ErrNoAnswer = errors.New("no gateway answers")

// SocketFile is the socket's name in the data directory; PathFile names it where
// that path is too long for a socket.
const (
	SocketFile = "gateway.sock"
	PathFile   = "gateway.sock.path"
)

// Client is a connection to the gateway of one data directory.
type Client struct {
	data string
	http *http.Client
}

// New returns a client of the gateway that serves this data directory. It does
// not connect yet.
func New(data string) *Client {
	c := &Client{data: data}
	c.http = &http.Client{Transport: &http.Transport{DialContext: c.dial, DisableCompression: true}}
	return c
}

func (c *Client) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	path := filepath.Join(c.data, SocketFile)
	if named, err := os.ReadFile(filepath.Join(c.data, PathFile)); err == nil {
		path = strings.TrimSpace(string(named))
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", path)
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w for %s: %w", ErrNoAnswer, c.data, err)
	}
	if err != nil {
		return nil, err
	}
	if err := checkPeer(conn, c.data); err != nil {
		conn.Close()
		return nil, err
	}
	return conn, nil
}

// Get, Post, Patch and Delete carry one request; in is sent as JSON unless it is
// nil, the answer is decoded into out unless that is nil.
func (c *Client) Get(ctx context.Context, path string, query url.Values, out any) error {
	return c.do(ctx, http.MethodGet, path, query, nil, out)
}

// GetTagged is Get of what may be changed as it was read: tag is for PatchTagged.
func (c *Client) GetTagged(ctx context.Context, path string, query url.Values, out any) (tag string, err error) {
	resp, err := c.send(ctx, http.MethodGet, path, query, nil, nil)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	return resp.Header.Get("ETag"), fault.Wrap(fault.Internal, "client: answer", json.NewDecoder(resp.Body).Decode(out))
}

// PatchTagged sends in for what has not changed since it was read with this tag; when
// it has, the error is a problem with the status 412 and nothing is done.
func (c *Client) PatchTagged(ctx context.Context, path, tag string, in any) error {
	text, err := json.Marshal(in)
	if err != nil {
		return fault.Wrap(fault.Internal, "client: request", err)
	}
	header := http.Header{"Content-Type": {"application/json"}, "If-Match": {tag}}
	resp, err := c.send(ctx, http.MethodPatch, path, nil, bytes.NewReader(text), header)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// Post sends in.
func (c *Client) Post(ctx context.Context, path string, in, out any) error {
	return c.do(ctx, http.MethodPost, path, nil, in, out)
}

// Patch sends in.
func (c *Client) Patch(ctx context.Context, path string, in, out any) error {
	return c.do(ctx, http.MethodPatch, path, nil, in, out)
}

// Delete removes what is at path; query carries its confirmation.
func (c *Client) Delete(ctx context.Context, path string, query url.Values, out any) error {
	return c.do(ctx, http.MethodDelete, path, query, nil, out)
}

func (c *Client) do(ctx context.Context, method, path string, query url.Values, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fault.Wrap(fault.Internal, "client: request", err)
		}
		body = bytes.NewReader(text)
	}
	resp, err := c.send(ctx, method, path, query, body, http.Header{"Content-Type": {"application/json"}})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	return fault.Wrap(fault.Internal, "client: answer", json.NewDecoder(resp.Body).Decode(out))
}

// Upload sends content and decodes the answer into out.
func (c *Client) Upload(ctx context.Context, path string, query url.Values, content io.Reader, out any) error {
	return c.post(ctx, path, query, "application/octet-stream", content, out)
}

// Send sends a body as it is, such as a form with files, and decodes the answer into
// out.
func (c *Client) Send(ctx context.Context, path, contentType string, body io.Reader, out any) error {
	return c.post(ctx, path, nil, contentType, body, out)
}

func (c *Client) post(ctx context.Context, path string, query url.Values, contentType string, body io.Reader, out any) error {
	resp, err := c.send(ctx, http.MethodPost, path, query, body, http.Header{"Content-Type": {contentType}})
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return fault.Wrap(fault.Internal, "client: answer", json.NewDecoder(resp.Body).Decode(out))
}

// Content is a file on its way down.
type Content struct {
	Name string
	Size int64 // -1 when not known
	resp *http.Response
}

// Download asks for content.
func (c *Client) Download(ctx context.Context, path string) (*Content, error) {
	resp, err := c.send(ctx, http.MethodGet, path, nil, nil, nil)
	if err != nil {
		return nil, err
	}
	_, params, _ := mime.ParseMediaType(resp.Header.Get("Content-Disposition"))
	size := int64(-1)
	if _, err := fmt.Sscan(resp.Header.Get(portal.SizeHeader), &size); err != nil {
		size = -1
	}
	return &Content{Name: params["filename"], Size: size, resp: resp}, nil
}

// Read implements io.Reader; its end is an error when the gateway found the
// content damaged.
func (d *Content) Read(p []byte) (int, error) {
	n, err := d.resp.Body.Read(p)
	if err != io.EOF {
		return n, err
	}
	if text := d.resp.Trailer.Get(portal.ProblemTrailer); text != "" {
		var problem portal.Problem
		if json.Unmarshal([]byte(text), &problem) == nil {
			return n, problem.Err()
		}
	}
	return n, io.EOF
}

// Close ends the download.
func (d *Content) Close() error { return d.resp.Body.Close() }

func (c *Client) send(ctx context.Context, method, path string, query url.Values, body io.Reader, header http.Header) (*http.Response, error) {
	target := "http://gateway/api/v1" + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "client: request", err)
	}
	if header != nil {
		req.Header = header
	}
	if body == nil {
		req.Header.Del("Content-Type")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, requestError(ctx, err)
	}
	if resp.StatusCode < 300 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, problemOf(resp)
}

func requestError(ctx context.Context, err error) error {
	switch {
	case errors.Is(err, ErrNoAnswer):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case fault.Is(err, fault.Denied): // by the dial
		return err
	}
	return fault.Wrap(fault.Internal, "client: request", fmt.Errorf("the gateway stopped answering: %w", err))
}

// maxProblem bounds what is read of an error.
const maxProblem = 64 << 10

func problemOf(resp *http.Response) error {
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxProblem))
	var p portal.Problem
	if err == nil && json.Unmarshal(text, &p) == nil && p.Type != "" {
		return p.Err()
	}
	return portal.ProblemFor(resp.StatusCode, resp.Status).Err()
}
