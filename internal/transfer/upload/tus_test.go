package upload

import (
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake"
)

// overHTTP runs a test over HTTP/1.1 and HTTP/2.
func overHTTP(t *testing.T, test func(t *testing.T, h *house)) {
	t.Run("HTTP/2", func(t *testing.T) {
		h := openHouse(t)
		test(t, h)
	})
	t.Run("HTTP/1.1", func(t *testing.T) {
		h := openHouse(t)
		tr := h.client.Transport.(*http.Transport).Clone()
		tr.ForceAttemptHTTP2 = false
		tr.TLSClientConfig.NextProtos = nil
		tr.TLSNextProto = map[string]func(string, *tls.Conn) http.RoundTripper{}
		h.client.Transport = tr
		t.Cleanup(tr.CloseIdleConnections)
		test(t, h)
	})
}

func TestUploadInPieces(t *testing.T) {
	overHTTP(t, func(t *testing.T, h *house) {
		content := noise(1, 700_001)
		path := h.begin("löner.xml", len(content))
		for at := 0; at < len(content); at += 100_000 {
			resp, b := h.patch(path, at, content[at:min(at+100_000, len(content))])
			h.want(http.StatusNoContent, resp, b)
			end := min(at+100_000, len(content))
			if got := resp.Header.Get("Upload-Offset"); got != itoa(end) {
				t.Fatalf("offset %s after %d", got, end)
			}
			if end < len(content) {
				if n := h.offset(path); n != end {
					t.Fatalf("HEAD says %d, not %d", n, end)
				}
				if resp.Header.Get(HeaderFileID) != "" || resp.Header.Get("Upload-Expires") == "" {
					t.Fatalf("header of a piece: %v", resp.Header)
				}
				continue
			}
			f := h.received(resp.Header.Get(HeaderFileID), content)
			if f.Source != intake.SourceAPI || uploadsPath+"/"+f.ID.String() != path {
				t.Errorf("%s became %s from %s", path, f.ID, f.Source)
			}
		}
		resp, b := h.call(http.MethodHead, path, nil)
		h.want(http.StatusOK, resp, b)
		for name, want := range map[string]string{
			"Upload-Offset": "700001", "Upload-Length": "700001", "Upload-Metadata": filename("löner.xml"),
			"Cache-Control": "no-store", "Tus-Resumable": "1.0.0", HeaderFileID: strings.TrimPrefix(path, uploadsPath+"/"),
		} {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("%s: %q, not %q", name, got, want)
			}
		}
	})
}

// A login's upload has no name in the login's folder, and what SFTP sends in its
// name and bytes is another delivery.
func TestUploadHasNoNameInIn(t *testing.T) {
	h := openHouse(t)
	content := []byte("same bytes")
	path := h.begin("a.xml.tmp", len(content), "Authorization", "Bearer eva")
	resp, b := h.patch(path, 0, content, "Authorization", "Bearer eva")
	h.want(http.StatusNoContent, resp, b)
	f := h.received(resp.Header.Get(HeaderFileID), content)
	if f.Login != h.eva || f.Source != intake.SourcePortal {
		t.Errorf("sent by %s through %s", f.Login, f.Source)
	}
	if list, err := h.Inbox(h.acme.ID, h.eva).List(t.Context(), noPath); err != nil || len(list) > 0 {
		t.Errorf("%d names in /in, %v", len(list), err)
	}
}

// What has come survives the end of the process; what was not a whole slot, and
// the last one, are sent again.
func TestResumeAfterARestart(t *testing.T) {
	const slot = 64 << 10
	for name, sent := range map[string]struct{ n, least int }{
		"nothing":          {0, 0},
		"less than a slot": {1000, 0},
		"one slot":         {slot, 0},
		"five and a half":  {5*slot + slot/2, 4 * slot},
		"nearly all":       {10*slot - 1, 8 * slot},
	} {
		t.Run(name, func(t *testing.T) {
			h := openHouse(t)
			content := noise(2, 10*slot)
			path := h.begin("a.xml", len(content))
			if sent.n > 0 {
				resp, b := h.patch(path, 0, content[:sent.n])
				h.want(http.StatusNoContent, resp, b)
			}
			for range 2 { // again and again
				h.restart()
				if n := h.offset(path); n < sent.least || n > sent.n || n%slot != 0 {
					t.Fatalf("%d bytes of %d are there", n, sent.n)
				}
			}
			at := h.offset(path)
			resp, b := h.patch(path, at+1, content[at+1:])
			h.want(http.StatusConflict, resp, b)
			resp, b = h.patch(path, at, content[at:])
			h.want(http.StatusNoContent, resp, b)
			if f := h.received(strings.TrimPrefix(path, uploadsPath+"/"), content); !f.Delivery.Resumed {
				t.Error("not marked as resumed")
			}
		})
	}
}

// The answer to the last PATCH was lost: HEAD says so, and the same PATCH is
// answered as before, also by a gateway that knows nothing any more (R2).
func TestLastPatchRepeated(t *testing.T) {
	h := openHouse(t)
	content := noise(3, 200_000)
	path := h.begin("a.xml", len(content))
	resp, b := h.patch(path, 0, content)
	h.want(http.StatusNoContent, resp, b)
	id := resp.Header.Get(HeaderFileID)
	for range 2 {
		for at, body := range map[int][]byte{0: content, 100_000: content[100_000:], 200_000: {}} {
			resp, b = h.patch(path, at, body)
			h.want(http.StatusNoContent, resp, b)
			if resp.Header.Get(HeaderFileID) != id || resp.Header.Get("Upload-Offset") != "200000" {
				t.Errorf("repeated: %v", resp.Header)
			}
		}
		if n := h.offset(path); n != len(content) {
			t.Errorf("HEAD says %d", n)
		}
		h.received(id, content)
		h.restart()
	}
	resp, b = h.patch(path, 200_000, []byte("more"))
	h.want(http.StatusConflict, resp, b)
	resp, b = h.call(http.MethodDelete, path, nil)
	h.want(http.StatusConflict, resp, b)
	h.received(id, content)
}

func TestEmptyFile(t *testing.T) {
	h := openHouse(t)
	resp, b := h.call(http.MethodPost, uploadsPath, nil, "Upload-Length", "0", "Upload-Metadata", filename("empty"))
	h.want(http.StatusCreated, resp, b)
	h.received(resp.Header.Get(HeaderFileID), nil)
}

func TestCreationWithUpload(t *testing.T) {
	overHTTP(t, func(t *testing.T, h *house) {
		content := noise(4, 150_000)
		create := func(body []byte) (*http.Response, []byte) {
			return h.call(http.MethodPost, uploadsPath, body, "Upload-Length", itoa(len(content)),
				"Upload-Metadata", filename("a.xml"), "Content-Type", offsetType)
		}
		resp, b := create(content[:70_000])
		h.want(http.StatusCreated, resp, b)
		path := resp.Header.Get("Location")
		if resp.Header.Get("Upload-Offset") != "70000" || resp.Header.Get(HeaderFileID) != "" || h.offset(path) != 70_000 {
			t.Fatalf("after a part: %v", resp.Header)
		}
		resp, b = h.call(http.MethodDelete, path, nil)
		h.want(http.StatusNoContent, resp, b)
		h.nothing()
		resp, b = create(content)
		h.want(http.StatusCreated, resp, b)
		h.received(resp.Header.Get(HeaderFileID), content)
		resp, b = create(append(content, 'x'))
		h.want(http.StatusRequestEntityTooLarge, resp, b)
	})
}

func TestLengthToldLater(t *testing.T) {
	h := openHouse(t)
	content := noise(5, 200_000)
	later := func() string {
		resp, b := h.call(http.MethodPost, uploadsPath, nil, "Upload-Defer-Length", "1", "Upload-Metadata", filename("a.xml"))
		h.want(http.StatusCreated, resp, b)
		return resp.Header.Get("Location")
	}
	path := later()
	resp, b := h.patch(path, 0, content[:150_000])
	h.want(http.StatusNoContent, resp, b)
	h.restart()
	resp, b = h.call(http.MethodHead, path, nil)
	h.want(http.StatusOK, resp, b)
	if resp.Header.Get("Upload-Defer-Length") != "1" || resp.Header.Get("Upload-Length") != "" {
		t.Errorf("HEAD: %v", resp.Header)
	}
	at := h.offset(path)
	resp, b = h.patch(path, at, content[at:at+10], "Upload-Length", "3")
	h.want(http.StatusBadRequest, resp, b)
	resp, b = h.patch(path, at, content[at:at+10], "Upload-Length", "200000")
	h.want(http.StatusNoContent, resp, b)
	h.restart() // the length is on record
	resp, b = h.patch(path, h.offset(path), nil, "Upload-Length", "200001")
	h.want(http.StatusBadRequest, resp, b)
	at = h.offset(path)
	resp, b = h.patch(path, at, content[at:])
	h.want(http.StatusNoContent, resp, b)
	h.received(resp.Header.Get(HeaderFileID), content)

	// The length is told once all is there, and is less than what came before a
	// restart: nobody knows what the file is.
	short := later()
	resp, b = h.patch(short, 0, content[:140_000])
	h.want(http.StatusNoContent, resp, b)
	h.restart()
	at = h.offset(short)
	resp, b = h.patch(short, at, []byte("x"), "Upload-Length", itoa(at+1))
	h.want(http.StatusRequestEntityTooLarge, resp, b)
	resp, b = h.call(http.MethodHead, short, nil)
	h.want(http.StatusNotFound, resp, b)
}

func TestChecksum(t *testing.T) {
	h := openHouse(t)
	content := noise(6, 300_000)
	path := h.begin("a.xml", len(content))
	first, second := content[:200_000], content[200_000:]
	one, two := sha256.Sum256(first), sha1.Sum(second)
	right := "sha256 " + base64.StdEncoding.EncodeToString(one[:])
	bad := bytes.Clone(first)
	bad[100_000]++
	resp, b := h.patch(path, 0, bad, "Upload-Checksum", right)
	h.want(460, resp, b)
	if n := h.offset(path); n != 0 {
		t.Fatalf("%d bytes of a wrong piece were taken", n)
	}
	resp, b = h.patch(path, 0, first, "Upload-Checksum", right)
	h.want(http.StatusNoContent, resp, b)
	if n := h.Objects(); n != 1 {
		t.Errorf("%d objects", n)
	}
	resp, b = h.patch(path, 200_000, second, "Upload-Checksum", "sha1 "+base64.StdEncoding.EncodeToString(two[:]))
	h.want(http.StatusNoContent, resp, b)
	h.received(resp.Header.Get(HeaderFileID), content)

	big := h.begin("b.xml", maxPiece+2)
	resp, b = h.patch(big, 0, noise(7, maxPiece+1), "Upload-Checksum", right)
	h.want(http.StatusRequestEntityTooLarge, resp, b)
	if n := h.offset(big); n != 0 {
		t.Errorf("%d bytes taken", n)
	}
}

// cutBody gives what it has and then breaks the request, once it was told to.
type cutBody struct {
	io.Reader
	wait <-chan struct{}
}

func (c *cutBody) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if err == io.EOF {
		<-c.wait
		return n, io.ErrClosedPipe
	}
	return n, err
}

func now() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}

// settled waits until no request holds the upload: the server sees a cut when it
// sees it.
func (h *house) settled() {
	h.t.Helper()
	deadline := time.After(time.Minute)
	for {
		var free chan struct{}
		h.uploads.table.mu.Lock()
		for _, x := range h.uploads.table.open {
			if x.free != nil {
				free = x.free
			}
		}
		h.uploads.table.mu.Unlock()
		if free == nil {
			return
		}
		select {
		case <-free:
		case <-deadline:
			h.t.Fatal("a request that was cut does not end")
		}
	}
}

func TestCutPatchKeepsWhatCame(t *testing.T) {
	overHTTP(t, func(t *testing.T, h *house) {
		content := noise(8, 2<<20)
		path := h.begin("a.xml", len(content))
		x := h.uploads.table.open[uuid.MustParse(strings.TrimPrefix(path, uploadsPath+"/"))]
		come := make(chan struct{})
		go func() { // until the whole slots of the part have come
			defer close(come)
			for t.Context().Err() == nil && x.offset.Load() < 1<<20 {
				wait, cancel := context.WithTimeout(t.Context(), time.Millisecond)
				<-wait.Done()
				cancel()
			}
		}()
		body := &cutBody{bytes.NewReader(content[:1<<20]), come}
		if _, _, err := h.try(http.MethodPatch, path, body, "Upload-Offset", "0"); err == nil {
			t.Fatal("a cut request was answered")
		}
		h.settled()
		if n := h.offset(path); n != 1<<20 {
			t.Fatalf("%d bytes are there", n)
		}
		h.restart()
		at := h.offset(path)
		if at < 1<<20-64<<10 {
			t.Fatalf("%d bytes are there after a restart", at)
		}
		resp, b := h.patch(path, at, content[at:])
		h.want(http.StatusNoContent, resp, b)
		h.received(resp.Header.Get(HeaderFileID), content)
	})
}

// Two requests for one upload: the second is refused while the first is heard of,
// and gets it when nothing comes any more.
func TestOneRequestAtATime(t *testing.T) {
	overHTTP(t, func(t *testing.T, h *house) {
		content := noise(9, 200_000)
		path := h.begin("a.xml", len(content))
		pr, pw := io.Pipe()
		done := make(chan *http.Response, 1)
		go func() {
			resp, _, _ := h.try(http.MethodPatch, path, pr, "Upload-Offset", "0")
			done <- resp
		}()
		if _, err := pw.Write(content[:1000]); err != nil {
			t.Fatal(err)
		}
		id := uuid.MustParse(strings.TrimPrefix(path, uploadsPath+"/"))
		for held := false; !held && t.Context().Err() == nil; {
			h.uploads.table.mu.Lock()
			held = h.uploads.table.open[id].free != nil
			h.uploads.table.mu.Unlock()
		}
		resp, b := h.patch(path, 0, content)
		h.want(http.StatusLocked, resp, b)
		resp, b = h.call(http.MethodDelete, path, nil)
		h.want(http.StatusLocked, resp, b)
		h.offset(path) // looking does not disturb
		h.Clock.Add(staleAfter)
		at := h.offset(path)
		resp, b = h.patch(path, at, content[at:])
		h.want(http.StatusNoContent, resp, b)
		h.received(resp.Header.Get(HeaderFileID), content)
		pw.Close()
		if first := <-done; first != nil && first.StatusCode < 400 {
			t.Errorf("the one that gave way was answered %s", first.Status)
		}
	})
}

func TestTermination(t *testing.T) {
	h := openHouse(t)
	for _, restart := range []bool{false, true} {
		path := h.begin("a.xml", 200_000)
		resp, b := h.patch(path, 0, noise(1, 150_000))
		h.want(http.StatusNoContent, resp, b)
		if restart {
			h.restart()
		}
		resp, b = h.call(http.MethodDelete, path, nil)
		h.want(http.StatusNoContent, resp, b)
		h.nothing()
		for _, method := range []string{http.MethodHead, http.MethodDelete} {
			resp, b = h.call(method, path, nil)
			h.want(http.StatusNotFound, resp, b)
		}
		resp, b = h.patch(path, 150_000, []byte("x"))
		h.want(http.StatusNotFound, resp, b)
	}
}

func TestExpiration(t *testing.T) {
	h := openHouse(t)
	resp, b := h.call(http.MethodPost, uploadsPath, nil, "Upload-Length", "9", "Upload-Metadata", filename("a"))
	h.want(http.StatusCreated, resp, b)
	path := resp.Header.Get("Location")
	until, err := http.ParseTime(resp.Header.Get("Upload-Expires"))
	if left := until.Sub(h.Clock.Now()); err != nil || left < 6*24*time.Hour || left > 8*24*time.Hour {
		t.Errorf("expires %v, %v", until, err)
	}
	h.Clock.Add(6 * 24 * time.Hour)
	h.Sweep(t.Context())
	h.offset(path)
	h.Clock.Add(25 * time.Hour)
	h.uploads.table.closeIdle(idleFor) // as Run does each minute
	h.Sweep(t.Context())
	resp, b = h.call(http.MethodHead, path, nil)
	h.want(http.StatusNotFound, resp, b)
	h.nothing()
}

// Nobody but who began an upload learns anything of it.
func TestUploadsOfOthers(t *testing.T) {
	h := openHouse(t)
	path := h.begin("a.xml", 100)
	id := strings.TrimPrefix(path, uploadsPath+"/")
	for _, who := range []string{"other", "eva"} {
		for _, try := range []struct {
			method, path string
		}{
			{http.MethodHead, path}, {http.MethodPatch, path}, {http.MethodDelete, path},
		} {
			resp, b := h.call(try.method, try.path, nil, "Authorization", "Bearer "+who, "Upload-Offset", "0")
			h.want(http.StatusNotFound, resp, b)
			none, nb := h.call(try.method, uploadsPath+"/"+uuid.NewString(), nil, "Authorization", "Bearer "+who, "Upload-Offset", "0")
			if none.StatusCode != resp.StatusCode || !bytes.Equal(b, nb) {
				t.Errorf("%s %s: told apart from an upload that is not: %s / %s", who, try.method, b, nb)
			}
		}
	}
	// All of it takes the same time: each is on record, whether somebody has it or nobody.
	if len(h.denied) != 12 || h.denied[0].String() != id || h.denied[1].String() == id {
		t.Errorf("on record: %v", h.denied)
	}
	resp, b := h.call(http.MethodHead, path, nil, "Authorization", "Bearer reader")
	h.want(http.StatusForbidden, resp, b)
	resp, b = h.call(http.MethodPost, uploadsPath, nil, "Authorization", "", "Upload-Length", "1")
	h.want(http.StatusForbidden, resp, b)
	if h.offset(path) != 0 {
		t.Error("something was written")
	}
}

// Another gateway's upload is gone on with there.
func TestUploadOfAnotherNode(t *testing.T) {
	h := openHouse(t)
	path := h.begin("a.xml", 100)
	h.restart()
	h.Update(func(tx *catalog.Tx) error {
		f, err := tx.File(uuid.MustParse(strings.TrimPrefix(path, uploadsPath+"/")))
		if err != nil {
			return err
		}
		f.Node = "node-2"
		return tx.SaveFile(f)
	})
	resp, b := h.patch(path, 0, noise(1, 100))
	h.want(http.StatusConflict, resp, b)
}

func TestOptions(t *testing.T) {
	h := openHouse(t)
	resp, b := h.call(http.MethodOptions, uploadsPath, nil, "Tus-Resumable", "", "Authorization", "")
	h.want(http.StatusNoContent, resp, b)
	for name, want := range map[string]string{
		"Tus-Version": "1.0.0", "Tus-Resumable": "1.0.0", "Tus-Max-Size": "1099511627776",
		"Tus-Checksum-Algorithm": "sha256,sha1",
		"Tus-Extension":          "creation,creation-with-upload,creation-defer-length,checksum,termination,expiration",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q", name, got)
		}
	}
}

func TestHostileTus(t *testing.T) {
	h := openHouse(t)
	post := func(status int, header ...string) {
		t.Helper()
		resp, b := h.call(http.MethodPost, uploadsPath, nil, append([]string{"Upload-Length", "5", "Upload-Metadata", filename("a")}, header...)...)
		h.want(status, resp, b)
	}
	for _, length := range []string{"-1", "+5", "0x10", "1e3", "5 5", "５", "5,5", " ", "nan"} {
		post(http.StatusBadRequest, "Upload-Length", length)
	}
	post(http.StatusRequestEntityTooLarge, "Upload-Length", "1099511627777")
	post(http.StatusRequestEntityTooLarge, "Upload-Length", strings.Repeat("9", 40))
	post(http.StatusBadRequest, "Upload-Defer-Length", "1")
	post(http.StatusBadRequest, "Upload-Length", "", "Upload-Defer-Length", "2")
	for _, meta := range []string{
		"", "filename", "filename ", "filename !!!", "filename YQ==,filename YQ==", "name,,filename YQ==", "other YQ==",
		filename(""), filename("/"), filename("a/"), filename("..") /* the root */, filename("a\x00b"), filename(`a\b`),
		filename("\xff"), filename("a\nb"), filename("fdp\u202etxt.exe"), filename(strings.Repeat("x", 256)),
		"filename " + strings.Repeat("YWFh", 2000),
	} {
		post(http.StatusBadRequest, "Upload-Metadata", meta)
	}
	post(http.StatusBadRequest, "Upload-Checksum", "md5 1B2M2Y8AsgTpgAmY7PhCfg==")
	post(http.StatusUnsupportedMediaType, "Content-Encoding", "gzip")
	post(http.StatusPreconditionFailed, "Tus-Resumable", "0.2.2")
	post(http.StatusPreconditionFailed, "Tus-Resumable", "")
	h.nothing()

	path := h.begin("../../etc/passwd", 5)
	resp, _ := h.call(http.MethodHead, path, nil)
	if got := resp.Header.Get("Upload-Metadata"); got != filename("passwd") {
		t.Errorf("name %q", got)
	}
	patch := func(status int, body string, header ...string) {
		t.Helper()
		resp, b := h.call(http.MethodPatch, path, []byte(body), append([]string{"Upload-Offset", "0"}, header...)...)
		h.want(status, resp, b)
	}
	patch(http.StatusBadRequest, "hello", "Upload-Offset", "")
	patch(http.StatusBadRequest, "hello", "Upload-Offset", "-1")
	patch(http.StatusConflict, "hello", "Upload-Offset", "1")
	patch(http.StatusRequestEntityTooLarge, "hello", "Upload-Offset", strings.Repeat("9", 30))
	patch(http.StatusUnsupportedMediaType, "hello", "Content-Type", "application/octet-stream")
	patch(http.StatusRequestEntityTooLarge, "hello!")
	patch(http.StatusBadRequest, "hello", "Upload-Length", "6")
	for _, sum := range []string{"sha256", "sha256 ", "sha256 YQ==", "sha1 !!", "crc32 YWFhYQ==", " sha1"} {
		patch(http.StatusBadRequest, "hello", "Upload-Checksum", sum)
	}
	for _, id := range []string{"x", strings.Repeat("0", 36), "%2e%2e", strings.ToUpper(strings.TrimPrefix(path, uploadsPath+"/")), "{" + strings.TrimPrefix(path, uploadsPath+"/") + "}"} {
		resp, b := h.call(http.MethodHead, uploadsPath+"/"+id, nil)
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("id %q: %s %s", id, resp.Status, b)
		}
	}
	for _, method := range []string{http.MethodGet, http.MethodPut, http.MethodPost} {
		resp, b := h.call(method, path, nil)
		h.want(http.StatusMethodNotAllowed, resp, b)
	}
	if n := h.offset(path); n != 0 {
		t.Fatalf("%d bytes were taken", n)
	}
	resp, b := h.call(http.MethodPost, path, []byte("hello"), "X-HTTP-Method-Override", "PATCH", "Upload-Offset", "0", "Content-Type", offsetType)
	h.want(http.StatusNoContent, resp, b)
	h.received(resp.Header.Get(HeaderFileID), []byte("hello"))
}

// A piece without a length that is longer than the upload is not taken, and the
// right one is, in its place.
func TestMoreThanAnnounced(t *testing.T) {
	overHTTP(t, func(t *testing.T, h *house) {
		content := noise(10, 200_000)
		path := h.begin("a.xml", len(content))
		resp, b, err := h.try(http.MethodPatch, path, io.MultiReader(bytes.NewReader(noise(11, 200_000)), strings.NewReader("x")), "Upload-Offset", "0")
		if err == nil { // the server may close before all is sent
			h.want(http.StatusRequestEntityTooLarge, resp, b)
		}
		h.settled()
		if n := h.offset(path); n != 0 {
			t.Fatalf("%d bytes were taken", n)
		}
		resp, b = h.call(http.MethodPatch, path, io.MultiReader(bytes.NewReader(content)), "Upload-Offset", "0") // chunked
		h.want(http.StatusNoContent, resp, b)
		h.received(resp.Header.Get(HeaderFileID), content)
	})
}

// More than the nothing that was said is too much: it does not become an empty file.
func TestMoreThanNothing(t *testing.T) {
	h := openHouse(t)
	resp, b := h.call(http.MethodPost, uploadsPath, io.MultiReader(strings.NewReader("salaries")), // chunked
		"Upload-Length", "0", "Upload-Metadata", filename("lon.xml"), "Content-Type", offsetType)
	h.want(http.StatusRequestEntityTooLarge, resp, b)
	h.nothing()
	resp, b = h.call(http.MethodPost, uploadsPath, nil, "Upload-Length", "0", "Upload-Metadata", filename("empty.xml"))
	h.want(http.StatusCreated, resp, b)
	h.received(resp.Header.Get(HeaderFileID), nil)
}

// Idle uploads are closed, the longest idle ones first, and opened again.
func TestIdleUploadsAreClosed(t *testing.T) {
	h := openHouse(t)
	content := noise(12, 200_000)
	var paths []string
	for range 5 {
		path := h.begin("a.xml", len(content))
		resp, b := h.patch(path, 0, content[:100_000])
		h.want(http.StatusNoContent, resp, b)
		paths = append(paths, path)
		h.Clock.Add(time.Minute)
	}
	h.uploads.table.closeMost(3)
	if n := len(h.uploads.table.open); n != 3 {
		t.Errorf("%d are open", n)
	}
	h.Clock.Add(idleFor)
	h.offset(paths[0])
	h.uploads.table.closeIdle(idleFor)
	if n := len(h.uploads.table.open); n != 1 {
		t.Errorf("%d are open", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := h.uploads.Run(ctx); err != nil || len(h.uploads.table.open) != 0 {
		t.Errorf("Run: %v, %d open", err, len(h.uploads.table.open))
	}
	for _, path := range paths {
		at := h.offset(path)
		resp, b := h.patch(path, at, content[at:])
		h.want(http.StatusNoContent, resp, b)
	}
	if n := len(h.Files()); n != 5 {
		t.Errorf("%d files", n)
	}
}
