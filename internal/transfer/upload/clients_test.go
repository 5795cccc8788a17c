package upload

import (
	"context"
	"encoding/pem"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"sealgate/internal/needtest"
	"sealgate/internal/npmtest"
	"sealgate/internal/store/catalog"
)

func long() bool { return os.Getenv("SEALGATE_LONG") != "" }

// program runs a real client to its end.
func program(t *testing.T, env []string, name string, args ...string) (string, error) {
	t.Helper()
	path := needtest.Program(t, name)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Logf("%s: %v: %s", name, err, stderr.String())
	}
	return string(out), err
}

// curl runs curl as acme; it prints the answer, then its status.
func (h *house) curl(args ...string) (answer, status string) {
	h.t.Helper()
	ca := filepath.Join(h.t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: h.server.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		h.t.Fatal(err)
	}
	args = append([]string{"-sS", "--cacert", ca, "-H", "Authorization: Bearer acme", "-w", "\n%{http_code} HTTP/%{http_version}"}, args...)
	out, _ := program(h.t, nil, "curl", args...)
	at := strings.LastIndex(out, "\n")
	return out[:max(0, at)], out[at+1:]
}

func writeFile(t *testing.T, name string, content []byte) string {
	t.Helper()
	name = filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(name, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestCurlPut(t *testing.T) {
	for _, version := range []string{"--http1.1", "--http2"} {
		h := openHouse(t)
		content := noise(1, 3_000_001)
		file := writeFile(t, "löner.xml", content)
		answer, status := h.curl(version, "-T", file, h.server.URL+filesPath+"/") // curl adds the name
		if !strings.HasPrefix(status, "201 ") || !strings.HasSuffix(status, version[len("--http"):]) {
			t.Fatalf("%s: %s %s", version, status, answer)
		}
		h.received(answered(t, []byte(answer))[0], content)
	}
}

func TestCurlForm(t *testing.T) {
	for _, version := range []string{"--http1.1", "--http2"} {
		h := openHouse(t)
		a, b := writeFile(t, "a.xml", noise(1, 300_000)), writeFile(t, "b.xml", noise(2, 10))
		answer, status := h.curl(version, "-F", "files=@"+a, "-F", "note=hello", "-F", "more=@"+b+";type=text/xml", h.server.URL+filesPath)
		if !strings.HasPrefix(status, "201 ") {
			t.Fatalf("%s: %s %s", version, status, answer)
		}
		if ids := answered(t, []byte(answer)); len(ids) != 2 || len(h.Files()) != 2 {
			t.Errorf("%v, %d files", ids, len(h.Files()))
		}
	}
}

// curl waits for "100 Continue" with large files: a refusal comes instead, and
// none of the file is sent.
func TestCurlIsRefusedBeforeItSends(t *testing.T) {
	h := openHouse(t)
	h.Update(func(tx *catalog.Tx) error {
		a, err := tx.Account(h.acme.ID)
		if err != nil {
			return err
		}
		a.State = catalog.AccountClosed
		return tx.SaveAccount(a)
	})
	file := writeFile(t, "a.xml", noise(1, 3_000_000))
	answer, status := h.curl("--http1.1", "--expect100-timeout", "60", "-w", "\n%{http_code} %{size_upload}", "-T", file, h.server.URL+filesPath+"/a.xml")
	if status != "423 0" || !strings.Contains(answer, "closed") {
		t.Errorf("%s: %s", status, answer)
	}
}

// curl sends pieces by hand, as a script would.
func TestCurlTus(t *testing.T) {
	h := openHouse(t)
	content := noise(3, 200_000)
	path := h.begin("a.xml", len(content))
	for i, piece := range [][]byte{content[:100_000], content[100_000:]} {
		file := writeFile(t, "piece", piece)
		answer, status := h.curl("-X", "PATCH", "-H", "Tus-Resumable: 1.0.0", "-H", "Content-Type: "+offsetType,
			"-H", "Upload-Offset: "+itoa(i*100_000), "--data-binary", "@"+file, h.server.URL+path)
		if !strings.HasPrefix(status, "204 ") {
			t.Fatalf("%s %s", status, answer)
		}
	}
	h.received(strings.TrimPrefix(path, uploadsPath+"/"), content)
}

// A real client sends a file while the gateway is killed three times and the
// client once: one file comes of it, bit for bit, and no process of the gateway
// ever takes much memory. SEALGATE_LONG=1 sends 1 GiB.
func TestTusJSThroughKillings(t *testing.T) {
	modules := npmtest.Install(t, "testdata/tus-js")
	size := int64(40 << 20)
	if long() {
		size = 1 << 30
	}
	for name, chunk := range map[string]int{"one request": 0, "pieces": 5_000_000} {
		t.Run(name, func(t *testing.T) {
			g := &gateway{dir: t.TempDir()}
			makeStores(t, g.dir)
			file := filepath.Join(t.TempDir(), "sent.xml")
			writeNoise(t, file, size)
			memory := filepath.Join(t.TempDir(), "urls.json")
			env := []string{"NODE_PATH=" + modules, "NODE_EXTRA_CA_CERTS=" + filepath.Join(g.dir, "cert.pem")}
			g.start(t, 0) // finds a free port
			send := func(dieAt int64) (string, error) {
				return program(t, env, "node", "testdata/tus-js/send.js", "https://"+g.addr+uploadsPath, file, memory,
					strconv.Itoa(chunk), strconv.FormatInt(dieAt, 10))
			}
			if out, err := send(size / 16); err == nil {
				t.Fatalf("the client did not die: %s", out)
			}
			g.stop(t)

			var out string
			var err error
			g.start(t, size/8)
			done := make(chan struct{})
			go func() {
				defer close(done)
				out, err = send(0)
			}()
			for _, lives := range []int64{size / 8, size / 8, 0} {
				killed := make(chan struct{})
				go func() {
					_ = g.process.Wait()
					close(killed)
				}()
				select {
				case <-killed:
				case <-done:
					t.Fatalf("the client ended before the gateway was killed: %s, %v", out, err)
				}
				g.start(t, lives)
			}
			<-done
			peak := g.stop(t)
			if err != nil {
				t.Fatal("the client gave up")
			}
			if most := int64(160 << 20); peak > most {
				t.Errorf("the gateway took %d MiB", peak>>20)
			}
			t.Logf("%d MiB at most", peak>>20)
			g.only(t, strings.TrimSpace(out), file)
		})
	}
}

func writeNoise(t *testing.T, name string, size int64) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := io.CopyN(f, rand.NewChaCha8([32]byte{1}), size); err != nil {
		t.Fatal(err)
	}
}

// Memory stays flat whatever a file's size, by PUT and by form.
func TestMemoryStaysFlat(t *testing.T) {
	size := int64(64 << 20)
	if long() {
		size = 1 << 30
	}
	g := &gateway{dir: t.TempDir()}
	makeStores(t, g.dir)
	file := filepath.Join(t.TempDir(), "sent.xml")
	writeNoise(t, file, size)
	g.start(t, 0)
	for _, args := range [][]string{
		{"-T", file, "https://" + g.addr + filesPath + "/a.xml"},
		{"-F", "f=@" + file, "https://" + g.addr + filesPath},
	} {
		out, err := program(t, nil, "curl", append([]string{
			"-sS", "--cacert", filepath.Join(g.dir, "cert.pem"), "-H", "Authorization: Bearer acme",
			"-o", os.DevNull, "-w", "%{http_code}",
		}, args...)...)
		if err != nil || out != strconv.Itoa(http.StatusCreated) {
			t.Errorf("curl %s: %s, %v", args[0], out, err)
		}
	}
	if peak := g.stop(t); peak > 160<<20 {
		t.Errorf("the gateway took %d MiB", peak>>20)
	} else {
		t.Logf("%d MiB at most", peak>>20)
	}
}
