package main

import (
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What is measured beside Connect keeps what it is sent, and nothing else.
func TestItStoresWhatComes(t *testing.T) {
	dir := t.TempDir()
	body := rand.Text()
	put := func(path string) int {
		w := httptest.NewRecorder()
		store(dir).ServeHTTP(w, httptest.NewRequest(http.MethodPut, path, strings.NewReader(body)))
		return w.Code
	}
	if got := put("/a.xml"); got != http.StatusCreated {
		t.Fatalf("answered %d", got)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "a.xml")); err != nil || string(got) != body {
		t.Errorf("stored %q, %v", got, err)
	}
	if got := put("/..%2Fb.xml"); got != http.StatusBadRequest {
		t.Errorf("a name outside of the folder is answered %d", got)
	}
	if all, err := os.ReadDir(dir); err != nil || len(all) != 1 {
		t.Errorf("%d files lie there, %v", len(all), err)
	}
}

func TestItListensOnLoopbackOnly(t *testing.T) {
	if err := serve("0.0.0.0:0", t.TempDir()); err == nil {
		t.Error("it listens to everybody")
	}
}
