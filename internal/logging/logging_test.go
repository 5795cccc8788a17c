package logging

import (
	"log/slog"
	"strings"
	"testing"
)

func TestPrivateAttributesLoseTheirValues(t *testing.T) {
	for _, json := range []bool{false, true} {
		var b strings.Builder
		log := New(&b, "info", json).With("password", "hunter2")
		log.Info("signed in", "login", "0197", "Username", "erp", slog.Group("request", "token", "abc123"))
		got := b.String()
		for _, secret := range []string{"hunter2", "erp", "abc123"} {
			if strings.Contains(got, secret) {
				t.Errorf("json %v: the log shows %q: %s", json, secret, got)
			}
		}
		if !strings.Contains(got, "0197") {
			t.Errorf("json %v: the login's id is gone: %s", json, got)
		}
	}
}

func TestRecordsCarryTheRequestOfTheirContext(t *testing.T) {
	var b strings.Builder
	New(&b, "info", false).With("a", 1).InfoContext(WithRequest(t.Context(), "r-17"), "hello")
	if !strings.Contains(b.String(), "request=r-17") {
		t.Errorf("no request id: %s", b.String())
	}
}

func TestLevel(t *testing.T) {
	var b strings.Builder
	log := New(&b, "warn", false)
	log.Info("quiet")
	log.Warn("loud")
	if got := b.String(); strings.Contains(got, "quiet") || !strings.Contains(got, "loud") {
		t.Errorf("log: %s", got)
	}
}
