package httpd

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"net"
	"net/http"
	"path"
	"runtime/debug"
	"strings"
	"time"

	"sealgate/internal/logging"
	"sealgate/internal/portal"
)

// Places of the door itself.
const (
	apiPath       = "/api/v1"
	connectPath   = "/connect/v1/"
	healthPath    = "/healthz"
	readyPath     = "/readyz"
	wellKnownPath = "/.well-known/sealgate.json"
)

// headers stand in every answer. Who answers may say otherwise; pages will.
var headers = map[string]string{
	"Cache-Control":                "no-store",
	"Content-Security-Policy":      "default-src 'none'; frame-ancestors 'none'",
	"Cross-Origin-Opener-Policy":   "same-origin",
	"Cross-Origin-Resource-Policy": "same-origin",
	"Referrer-Policy":              "no-referrer",
	"Strict-Transport-Security":    "max-age=31536000; includeSubDomains",
	"X-Content-Type-Options":       "nosniff",
}

// handler is everything that happens to a request, the outermost first.
func (s *Server) handler(hurry context.Context) http.Handler {
	mux := http.NewServeMux()
	mux.Handle(apiPath, s.bounded(hurry, s.opt.API))
	mux.Handle(apiPath+"/", s.bounded(hurry, s.opt.API))
	mux.Handle(connectPath, s.opt.Connect) // it bounds what it reads
	mux.Handle("/", s.bounded(hurry, s.opt.Web))
	for _, pattern := range s.opt.Streams {
		if strings.Contains(pattern, apiPath+"/") {
			mux.Handle(pattern, s.opt.API)
		} else {
			mux.Handle(pattern, s.opt.Web)
		}
	}
	mux.HandleFunc("GET "+healthPath, alive)
	mux.HandleFunc("GET "+readyPath, s.ready.answer)
	mux.HandleFunc("GET "+wellKnownPath, s.wellKnown)
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		refuse(w, r, http.StatusForbidden, "a page of another site may not change anything here")
	}))
	return s.received(s.checked(cross.Handler(mux)))
}

// received gives a request its id and its answer the headers, and sees to it that
// the request ends well, whatever happens.
func (s *Server) received(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		s.running.RLock()
		defer s.running.RUnlock()
		if s.closed {
			panic(http.ErrAbortHandler)
		}
		begun, id := time.Now(), requestID()
		r = r.WithContext(logging.WithRequest(r.Context(), id))
		w := &answer{ResponseWriter: rw, control: http.NewResponseController(rw), patience: s.opt.Write}
		defer w.hasten() // for what is still in buffers when this is over
		for name, value := range headers {
			w.Header().Set(name, value)
		}
		w.Header().Set("X-Request-Id", id)
		in := &body{ReadCloser: r.Body, control: w.control}
		if r.ContentLength != 0 {
			r.Body = in
			_ = w.control.SetReadDeadline(begun.Add(s.opt.Body)) // fails on a connection that is gone
		}
		defer s.survive(w, r)
		next.ServeHTTP(w, r)
		if r.ProtoMajor == 2 && r.ContentLength != 0 && !in.ended.Load() {
			linger(w, r)
		}
		s.opt.Log.DebugContext(r.Context(), "https", "method", r.Method, "route", r.Pattern, "status", w.status.Load(), "took", time.Since(begun))
	})
}

// lingerTime is enough for an answer to arrive.
const lingerTime = 100 * time.Millisecond

// linger lets an answer arrive whose request was not read to its end. HTTP/2 says
// after it at once that no more is wanted, and curl 7 may lose the answer over that.
func linger(w *answer, r *http.Request) {
	_ = w.FlushError() // the client is gone when this fails
	select {
	case <-r.Context().Done():
	case <-time.After(lingerTime):
	}
}

// survive answers for a handler that panicked.
func (s *Server) survive(w *answer, r *http.Request) {
	cause := recover()
	if cause == nil {
		return
	}
	if cause != http.ErrAbortHandler { //nolint:errorlint // the one value that net/http documents
		s.opt.Log.ErrorContext(r.Context(), "https: a request broke its handler", "panic", cause, "stack", string(debug.Stack()))
		if w.status.Load() == 0 {
			w.Header().Set("Connection", "close")
			refuse(w, r, http.StatusInternalServerError, "something went wrong in the gateway")
			return
		}
	}
	panic(http.ErrAbortHandler)
}

// checked refuses what nobody behind has to look at.
func (s *Server) checked(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case !clean(r.URL.Path):
			refuse(w, r, http.StatusBadRequest, "the path is not a plain one")
		case !s.known(r):
			refuse(w, r, http.StatusMisdirectedRequest, "this gateway has another name: "+s.opt.Host)
		case encoded(r):
			// What unpacks to a thousand times its size is not unpacked.
			w.Header().Set("Accept-Encoding", "identity")
			refuse(w, r, http.StatusUnsupportedMediaType, "the body must not be encoded (Content-Encoding)")
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// clean reports whether a path says where it goes without detours: what is checked
// here and what is looked up behind are the same.
func clean(p string) bool {
	c := path.Clean(p)
	return strings.HasPrefix(p, "/") && (p == c || c != "/" && p == c+"/")
}

// known reports whether a request is for this gateway. Probes of a load balancer come
// by address, and agents by any name: theirs say in their signature whom they mean.
func (s *Server) known(r *http.Request) bool {
	if s.opt.Host == "" || r.URL.Path == healthPath || r.URL.Path == readyPath || strings.HasPrefix(r.URL.Path, connectPath) {
		return true
	}
	host := r.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.EqualFold(strings.Trim(host, "[]"), s.opt.Host)
}

func encoded(r *http.Request) bool {
	for _, line := range r.Header.Values("Content-Encoding") {
		if !strings.EqualFold(strings.TrimSpace(line), "identity") {
			return true
		}
	}
	return false
}

// bounded limits size and time of bodies, and ends requests that have not begun to
// answer when the gateway is about to stop.
func (s *Server) bounded(hurry context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength > maxBody {
			refuse(w, r, http.StatusRequestEntityTooLarge, "the body of this request may have 1 MiB")
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		a := w.(*answer) // received made it one
		if r.ContentLength != 0 {
			timed := &timedBody{ReadCloser: r.Body, control: a.control, until: time.Now().Add(s.opt.Body)}
			r.Body = http.MaxBytesReader(a.ResponseWriter, timed, maxBody)
		}
		defer context.AfterFunc(hurry, func() {
			if a.status.Load() == 0 {
				cancel()
			}
		})()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// nobody answers for an API that lets nobody in.
func nobody(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("WWW-Authenticate", "Bearer")
	refuse(w, r, http.StatusUnauthorized, "sign in")
}

// nothing answers where there are no pages.
func nothing(w http.ResponseWriter, r *http.Request) {
	refuse(w, r, http.StatusNotFound, "there is nothing here")
}

// refuse answers with a problem object.
func refuse(w http.ResponseWriter, r *http.Request, status int, detail string) {
	p := portal.ProblemFor(status, detail)
	if status == http.StatusUnauthorized {
		p.Type, p.Title = portal.ProblemType+"sign-in", "sign-in"
	}
	p.Request = logging.Request(r.Context())
	w.Header().Set("Content-Type", p.ContentType(""))
	write(w, status, p)
}

func write(w http.ResponseWriter, status int, v any) {
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client is gone when this fails
}

func requestID() string {
	b := make([]byte, 8)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}
