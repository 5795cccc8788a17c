package client

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
)

// A client in the process gets what one over a wire would: answers, problems, content
// and the trailer that says that it was damaged.
func TestInside(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /api/v1/echo", func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(w, r.Body) })
	mux.HandleFunc("GET /api/v1/proof", func(w http.ResponseWriter, _ *http.Request) {
		p := portal.StepUpProblem()
		w.WriteHeader(p.Status)
		_, _ = io.WriteString(w, `{"type":"`+p.Type+`","detail":"prove it"}`)
	})
	mux.HandleFunc("GET /api/v1/damaged", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Trailer", portal.ProblemTrailer)
		w.Header().Set(portal.SizeHeader, "5")
		_, _ = io.WriteString(w, "plain")
		w.Header().Set(portal.ProblemTrailer, `{"type":"`+portal.ProblemType+`damaged","detail":"no"}`)
	})
	mux.HandleFunc("GET /api/v1/broken", func(http.ResponseWriter, *http.Request) { panic("broken") })
	mux.HandleFunc("GET /api/v1/nothing", func(http.ResponseWriter, *http.Request) {})
	c := Inside(mux)

	var back map[string]string
	if err := c.Post(t.Context(), "/echo", map[string]string{"a": "b"}, &back); err != nil || back["a"] != "b" {
		t.Errorf("%v, %v", back, err)
	}
	if err := c.Get(t.Context(), "/proof", nil, nil); !portal.IsStepUp(err) || portal.IsSignIn(err) || !fault.Is(err, fault.Denied) {
		t.Errorf("a proof is asked for: %v", err)
	}
	if err := c.Get(t.Context(), "/nothing", nil, nil); err != nil {
		t.Error(err)
	}
	if err := c.Get(t.Context(), "/broken", nil, nil); err == nil {
		t.Error("a broken handler answers")
	}
	content, err := c.Download(t.Context(), "/damaged")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(content)
	if string(text) != "plain" || content.Size != 5 || !fault.Is(err, fault.Damaged) {
		t.Errorf("%q, %d, %v", text, content.Size, err)
	}
	if err := content.Close(); err != nil {
		t.Error(err)
	}
}

// What is written is there to be read at once, and a reader who leaves ends the
// handler.
func TestInsideStreams(t *testing.T) {
	ended := make(chan error, 2)
	c := Inside(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/silent") {
			<-r.Context().Done()
			ended <- r.Context().Err()
			return
		}
		var err error
		for err == nil {
			_, err = w.Write(bytes.Repeat([]byte("x"), 100))
		}
		<-r.Context().Done()
		ended <- err
	}))
	content, err := c.Download(t.Context(), "/endless")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(content, make([]byte, 1000)); err != nil {
		t.Error(err)
	}
	content.Close()
	if err := <-ended; !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the handler was told %v", err)
	}

	ctx, stop := context.WithCancel(t.Context())
	stop()
	if err := c.Get(ctx, "/silent", nil, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("a caller who left is told %v", err)
	}
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("the handler was told %v", err)
	}
}
