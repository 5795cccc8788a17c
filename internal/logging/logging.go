// Package logging makes the gateway's log: slog records to one writer, as text
// for people or JSON for machines.
//
// A record names accounts, login ids and file ids; never usernames, file names,
// payees, secrets or contents. That is a rule for whoever writes a record; as a
// net below it, attributes with names like "password" or "username" lose their
// values here. A request's id travels in its context and stands in every record
// written with that context.
package logging

import (
	"context"
	"io"
	"log/slog"
	"strings"
)

// New returns a log of this level ("debug", "info", "warn" or "error").
func New(w io.Writer, level string, json bool) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	opt := &slog.HandlerOptions{Level: l, ReplaceAttr: redact}
	var h slog.Handler = slog.NewTextHandler(w, opt)
	if json {
		h = slog.NewJSONHandler(w, opt)
	}
	return slog.New(handler{h})
}

// private names attributes whose values never reach a log.
var private = map[string]bool{
	"password": true, "passphrase": true, "secret": true, "token": true, "authorization": true, "cookie": true,
	"username": true, "user": true, "email": true, "filename": true, "file_name": true, "payee": true, "payer": true,
	"content": true, "body": true, "key_bytes": true,
}

func redact(_ []string, a slog.Attr) slog.Attr {
	if private[strings.ToLower(a.Key)] {
		a.Value = slog.StringValue("[redacted]")
	}
	return a
}

type requestKey struct{}

// WithRequest returns a context whose records carry this request id.
func WithRequest(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, requestKey{}, id)
}

// Request returns the request id of a context, or "".
func Request(ctx context.Context) string {
	id, _ := ctx.Value(requestKey{}).(string)
	return id
}

// handler adds the request id of the record's context.
type handler struct{ slog.Handler }

// Handle implements slog.Handler.
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	if id := Request(ctx); id != "" {
		r.AddAttrs(slog.String("request", id))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }
