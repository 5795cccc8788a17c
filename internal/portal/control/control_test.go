package control_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealgate/internal/fault"
	"sealgate/internal/portal/client"
	"sealgate/internal/portal/control"
)

func TestWhoHasTheDirectoryIsAnswered(t *testing.T) {
	for name, data := range map[string]string{
		"short path": t.TempDir(),
		"long path":  filepath.Join(t.TempDir(), strings.Repeat("long", 25)),
	} {
		t.Run(name, func(t *testing.T) {
			runtime := t.TempDir()
			if err := os.MkdirAll(data, 0o700); err != nil {
				t.Fatal(err)
			}
			l, err := control.Listen(data, func(string) string { return runtime })
			if err != nil {
				t.Fatal(err)
			}
			if info, err := os.Stat(l.Addr().String()); err != nil || info.Mode().Perm() != 0o600 {
				t.Fatalf("the socket has mode %v, %v", info.Mode().Perm(), err)
			}
			ctx, end := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() {
				done <- control.Serve(ctx, l, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					_, _ = io.WriteString(w, `"here"`)
				}), slog.New(slog.DiscardHandler))
			}()
			var said string
			if err := client.New(data).Get(t.Context(), "/", nil, &said); err != nil || said != "here" {
				t.Errorf("the answer is %q, %v", said, err)
			}
			end()
			if err := <-done; err != nil {
				t.Errorf("ended with %v", err)
			}
		})
	}
}

func TestALongPathWantsADirectoryOfOnesOwn(t *testing.T) {
	data := filepath.Join(t.TempDir(), strings.Repeat("long", 25))
	if err := os.MkdirAll(data, 0o700); err != nil {
		t.Fatal(err)
	}
	shared := t.TempDir()
	if err := os.Chmod(shared, 0o777); err != nil {
		t.Fatal(err)
	}
	for runtime, kind := range map[string]fault.Kind{"": fault.Invalid, filepath.Join(shared, "none"): fault.Invalid, shared: fault.Denied} {
		if l, err := control.Listen(data, func(string) string { return runtime }); !fault.Is(err, kind) {
			t.Errorf("with XDG_RUNTIME_DIR=%q: %v, %v", runtime, l, err)
		}
	}
}
