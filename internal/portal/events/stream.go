package events

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
	"sealgate/internal/store/catalog"
)

// heartbeat is how often a silent stream says that it is alive, and looks whether who
// follows may still do so.
const heartbeat = 15 * time.Second

// maxMissed is how far back a stream goes for who was away. Who was away for longer
// is told so (reset) and reads lists again.
const maxMissed = 10_000

// office is the handlers.
type office struct {
	hub     *Hub
	catalog *catalog.Catalog
	router  *operation.Router
	beat    time.Duration
}

// Register adds the operations.
func (h *Hub) Register(r *operation.Router) { h.register(r, heartbeat) }

func (h *Hub) register(r *operation.Router, beat time.Duration) {
	o := &office{hub: h, catalog: h.catalog, router: r, beat: beat}
	more := []operation.More{
		operation.Asks("header", "Last-Event-ID", "goes on after this event; as a query: after", false), operation.Asks("query", "after", "the same", false),
		operation.Gives(http.StatusOK, "Events: id is a number, event what happened, data the file's id, account and state", "text/event-stream", &huma.Schema{Type: huma.TypeString}),
	}
	r.Stream(http.MethodGet, "/accounts/{name}/events", "follow-account", "What happens to an account's files, as it happens (server-sent events)", o.account, more...)
	r.Stream(http.MethodGet, "/events", "follow-all", "What happens to all files, as it happens (server-sent events)", o.all, more...)
}

func (o *office) account(w http.ResponseWriter, r *http.Request) error {
	var account *catalog.Account
	err := o.catalog.View(r.Context(), func(tx *catalog.Tx) (err error) {
		account, err = tx.AccountByName(r.PathValue("name"))
		return err
	})
	if err != nil {
		return err
	}
	return o.stream(w, r, account.ID)
}

func (o *office) all(w http.ResponseWriter, r *http.Request) error { return o.stream(w, r, uuid.Nil) }

// stream answers with events until somebody ends it. It returns an error only as long
// as nothing was sent.
func (o *office) stream(w http.ResponseWriter, r *http.Request, account uuid.UUID) error {
	ctx := r.Context()
	since, err := lastEvent(r)
	if err != nil {
		return err
	}
	f, before, err := o.hub.follow(ctx, access.Of(ctx), account)
	if err != nil {
		return err
	}
	defer o.hub.leave(f)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // for a proxy in front
	s := &stream{office: o, w: w, flush: http.NewResponseController(w).Flush}
	// The number from which this stream tells, at once: who is cut off before the
	// first event goes on from here, too.
	if _, err := fmt.Fprintf(w, "retry: 2000\nid: %d\nevent: begin\ndata: {}\n\n", before-1); err != nil {
		return nil
	}
	if err := s.catchUp(ctx, f, since, before); err != nil {
		return nil
	}
	o.follow(ctx, s, f)
	return nil
}

// follow sends what comes until the stream ends: by its reader, by the hub, or
// because who reads it may not any more.
func (o *office) follow(ctx context.Context, s *stream, f *follower) {
	beat := time.NewTicker(o.beat)
	defer beat.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return
		case e, ok := <-f.events:
			if !ok {
				return
			}
			err = s.send(ctx, e)
		case <-beat.C:
			if access.Still(ctx) != nil {
				return
			}
			if _, err = fmt.Fprint(s.w, ": alive\n\n"); err == nil {
				err = s.flush()
			}
		}
		if err != nil {
			return
		}
	}
}

// nothingSeen is the last event of a reader who has none, and wants none of before.
// (-1 is the last event in a log that was empty.)
const nothingSeen = -2

// lastEvent is the number of the last event that the reader has seen. EventSource sends it in a header, by itself.
func lastEvent(r *http.Request) (int64, error) {
	text := r.Header.Get("Last-Event-ID")
	if text == "" {
		text = r.URL.Query().Get("after")
	}
	if text == "" {
		return nothingSeen, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < -1 {
		return 0, fault.New(fault.Invalid, "events: follow", "Last-Event-ID is the id of an event")
	}
	return n, nil
}

// stream writes events.
type stream struct {
	*office
	w     http.ResponseWriter
	flush func() error
}

// catchUp sends what happened after since and before the hub's first. Who was away
// for too long is told that, and nothing of it.
func (s *stream) catchUp(ctx context.Context, f *follower, since, before int64) error {
	if since == nothingSeen {
		return s.flush()
	}
	if before-since > s.hub.missed {
		if _, err := fmt.Fprintf(s.w, "id: %d\nevent: reset\ndata: {}\n\n", before-1); err != nil {
			return err
		}
		return s.flush()
	}
	for from := since + 1; from < before; {
		entries, err := s.hub.read(ctx, from)
		if err != nil || len(entries) == 0 {
			return err
		}
		for _, e := range entries {
			if from = e.Number + 1; e.Number < before && f.wants(&e.Entry) {
				if err := s.send(ctx, e); err != nil {
					return err
				}
			}
		}
	}
	return s.flush()
}

// Data is what an event says: as little as a page needs to know what to read again.
type Data struct {
	File    string `json:"file"`
	Account string `json:"account"` // its name
	State   string `json:"state"`   // the file's, now; "" for one that is gone
}

func (s *stream) send(ctx context.Context, e audit.Numbered) error {
	d := Data{File: e.Entry.Object}
	err := s.catalog.View(ctx, func(tx *catalog.Tx) error {
		account, err := tx.Account(e.Entry.Account)
		if err != nil {
			return err
		}
		d.Account = account.Name
		id, err := uuid.Parse(d.File)
		if err != nil {
			return err
		}
		f, err := tx.File(id)
		if fault.Is(err, fault.NotFound) {
			return nil // an arrival that was given up
		}
		if err == nil {
			d.State = string(f.State)
		}
		return err
	})
	if err != nil {
		return err
	}
	text, err := json.Marshal(d)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintf(s.w, "id: %d\nevent: %s\ndata: %s\n\n", e.Number, e.Entry.Action, text); err != nil {
		return err
	}
	return s.flush()
}

// isEvent tells whether an entry is about what becomes of a file.
func isEvent(e *audit.Entry) bool {
	return e.Account != uuid.Nil && (strings.HasPrefix(e.Action, "file.") || e.Action == "arrival.abandoned")
}
