package enrol_test

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sealgate/internal/agent/agenttest"
	"sealgate/internal/agent/enrol"
	"sealgate/internal/agent/home"
	"sealgate/internal/connect"
	"sealgate/internal/fault"
)

func newHome(t *testing.T) home.Home {
	t.Helper()
	h := home.Home(filepath.Join(t.TempDir(), "connect"))
	if err := h.Make(); err != nil {
		t.Fatal(err)
	}
	return h
}

func request(g *agenttest.Gateway, url, code string) enrol.Request {
	return enrol.Request{Gateway: url, Code: code, Proxy: "direct", Platform: "test/test", Program: "connect test", Now: g.Clock.Now}
}

// The certificate of the gateway is unknown here, and need not be known.
func TestEnrolment(t *testing.T) {
	g := agenttest.New(t)
	h := newHome(t)
	e, err := enrol.Enrol(t.Context(), h, request(g, g.TLS.URL, g.Code("erp")))
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.Enrolled()
	if err != nil || again.Agent != e.Agent || again.Name != "acme" || again.Label != "erp" || again.Account != g.Acme.ID {
		t.Errorf("%+v, %v", again, err)
	}
	if _, err := h.Keys(again); err != nil {
		t.Error(err)
	}
}

// An answer that was lost is asked for with the same code; nobody else gets it.
func TestAnEnrolmentWhoseAnswerWasLost(t *testing.T) {
	g := agenttest.New(t)
	h := newHome(t)
	code := g.Code("erp")
	g.Fates(func(r *http.Request) agenttest.Fate {
		if r.Method == http.MethodPost {
			return agenttest.Deaf
		}
		return agenttest.Through
	})
	if _, err := enrol.Enrol(t.Context(), h, request(g, g.Plain.URL, code)); err == nil {
		t.Fatal("the answer was lost")
	}
	if _, err := h.Enrolled(); !fault.Is(err, fault.NotFound) {
		t.Fatalf("half an enrolment: %v", err)
	}
	g.Fates(nil)
	var p *connect.Problem
	if _, err := enrol.Enrol(t.Context(), newHome(t), request(g, g.Plain.URL, code)); !errors.As(err, &p) || p.Reason() != connect.CodeUsed {
		t.Errorf("a used code, on another machine: %v", err)
	}
	e, err := enrol.Enrol(t.Context(), h, request(g, g.Plain.URL, code))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Keys(e); err != nil {
		t.Error(err)
	}
}

func TestCodesThatAreNoGood(t *testing.T) {
	g, other := agenttest.New(t), agenttest.New(t)
	good, late := g.Code("erp"), g.Code("late")
	typo := []byte(good)
	if typo[len(typo)-1]++; typo[len(typo)-1] > 'z' {
		typo[len(typo)-1] = 'a'
	}
	asked := 0
	g.Fates(func(*http.Request) agenttest.Fate { asked++; return agenttest.Through })
	if _, err := enrol.Enrol(t.Context(), newHome(t), request(g, g.Plain.URL, string(typo))); !fault.Is(err, fault.Invalid) || asked != 0 {
		t.Errorf("a mistyped code: %v, after %d requests", err, asked)
	}
	// A code of one gateway at the address of another: nothing is told to that.
	posts := 0
	other.Fates(func(r *http.Request) agenttest.Fate {
		if r.Method == http.MethodPost {
			posts++
		}
		return agenttest.Through
	})
	_, err := enrol.Enrol(t.Context(), newHome(t), request(g, other.Plain.URL, good))
	var told *enrol.Error
	if !errors.As(err, &told) || !strings.Contains(told.Sentence, "another gateway") || posts != 0 {
		t.Errorf("another gateway's code: %v, after %d requests", err, posts)
	}
	g.Clock.Add(25 * time.Hour)
	var p *connect.Problem
	if _, err := enrol.Enrol(t.Context(), newHome(t), request(g, g.Plain.URL, late)); !errors.As(err, &p) || p.Reason() != connect.CodeExpired {
		t.Errorf("an expired code: %v", err)
	}
	if _, err := enrol.Enrol(t.Context(), newHome(t), request(g, "http://127.0.0.1:1", good)); !errors.As(err, &told) || told.Answered() || told.Code != "connection-refused" {
		t.Errorf("nobody there: %v", err)
	}
}
