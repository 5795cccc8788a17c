package operation

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account"
	"sealgate/internal/portal/access"
)

// One account, whatever it does, leaves the gateway to the others, and to itself what
// takes no time.
func TestOneAccountDoesNotHoldTheGateway(t *testing.T) {
	r := New(Options{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	entered, hold := make(chan struct{}), make(chan struct{})
	takesLong := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Query().Has("long") {
			entered <- struct{}{}
			<-hold
		}
		w.WriteHeader(http.StatusNoContent)
	})
	r.Mount("GET", "/files/{id}/wait", "wait-for-file", "", takesLong)
	r.Mount("PUT", "/files/{id...}", "put-file", "", takesLong)
	r.Mount("GET", "/files", "list-files", "", takesLong)
	acme := access.Caller{Actor: "a", Name: "a", Account: uuid.New(), Role: account.Admin}
	beta := access.Caller{Actor: "b", Name: "b", Account: uuid.New(), Role: account.Admin}
	ask := func(c access.Caller, method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		r.Handler(c).ServeHTTP(w, httptest.NewRequest(method, Prefix+path, nil))
		return w
	}
	var all sync.WaitGroup
	begin := func(many int, method, path string) {
		for i := range many {
			who := acme
			who.Name = uuid.NewString() // another token of the same account
			all.Go(func() {
				if w := ask(who, method, path+"?long"); w.Code != http.StatusNoContent {
					t.Errorf("%s %s, number %d: %d", method, path, i, w.Code)
				}
			})
			<-entered
		}
	}
	want := func(c access.Caller, method, path string, code int) {
		t.Helper()
		if w := ask(c, method, path); w.Code != code || (code == http.StatusTooManyRequests) != (w.Header().Get("Retry-After") != "") {
			t.Errorf("%s %s: %d %v, want %d", method, path, w.Code, w.Header(), code)
		}
	}
	begin(maxWaits, "GET", "/files/x/wait")
	want(acme, "GET", "/files/x/wait", http.StatusTooManyRequests)
	want(acme, "GET", "/files", http.StatusNoContent)
	begin(maxSends, "PUT", "/files/x")
	want(acme, "PUT", "/files/x", http.StatusTooManyRequests)
	want(acme, "GET", "/files", http.StatusNoContent)
	begin(maxUnderWay-maxWaits-maxSends, "GET", "/files")
	want(acme, "GET", "/files", http.StatusTooManyRequests)
	for _, path := range []string{"/files/x/wait", "/files"} {
		want(beta, "GET", path, http.StatusNoContent)
		want(access.ControlSocket, "GET", path, http.StatusNoContent)
	}
	close(hold)
	all.Wait()
	want(acme, "GET", "/files/x/wait", http.StatusNoContent)
	want(acme, "PUT", "/files/x", http.StatusNoContent)
}
