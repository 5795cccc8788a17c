package upload

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake"
	"sealgate/internal/transfer/vpath"
)

// answered reads the file objects of an answer.
func answered(t *testing.T, b []byte) (ids []string) {
	t.Helper()
	var one struct {
		ID    string
		Files []struct{ ID string }
	}
	if err := json.Unmarshal(b, &one); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	if one.ID != "" {
		return []string{one.ID}
	}
	for _, f := range one.Files {
		ids = append(ids, f.ID)
	}
	return ids
}

func TestPut(t *testing.T) {
	overHTTP(t, func(t *testing.T, h *house) {
		for name, body := range map[string]io.Reader{
			"with its length": bytes.NewReader(noise(1, 200_000)),
			"without":         io.MultiReader(bytes.NewReader(noise(1, 200_000))),
		} {
			resp, b := h.call(http.MethodPut, filesPath+"/2026/l%C3%B6ner%20nov.xml", body)
			h.want(http.StatusCreated, resp, b)
			id := answered(t, b)[0]
			if resp.Header.Get(HeaderFileID) != id || resp.Header.Get("Location") != filesPath+"/"+id {
				t.Errorf("%s: %v", name, resp.Header)
			}
			f := h.received(id, noise(1, 200_000))
			rec, err := h.Keys.Records(t.Context(), f.Account)
			if err != nil {
				t.Fatal(err)
			}
			if got, err := rec.Open("file", "name", f.ID, f.Name); err != nil || string(got) != "löner nov.xml" {
				t.Errorf("%s: name %q, %v", name, got, err)
			}
			h.Update(func(tx *catalog.Tx) error { return tx.DeleteFile(f.ID) }) // for the next round
		}
	})
}

// Temporary names mean nothing here, and the same bytes again are a new file, for
// the indexer to judge (R2, R4).
func TestPutTwice(t *testing.T) {
	h := openHouse(t)
	for range 2 {
		resp, b := h.call(http.MethodPut, filesPath+"/a.xml.tmp", []byte("same"))
		h.want(http.StatusCreated, resp, b)
	}
	files := h.Files()
	if len(files) != 2 || files[0].State != catalog.Received || files[1].State != catalog.Received {
		t.Fatalf("%d files", len(files))
	}
	resp, b := h.call(http.MethodPut, filesPath+"/a.xml.tmp", []byte("same"), "If-None-Match", "*")
	h.want(http.StatusPreconditionFailed, resp, b)
	resp, b = h.call(http.MethodPut, filesPath+"/b.xml", []byte("same"), "If-None-Match", "*")
	h.want(http.StatusCreated, resp, b)
	resp, b = h.call(http.MethodPut, filesPath+"/a.xml.tmp", []byte("same"), "If-None-Match", "*", "Authorization", "Bearer other")
	h.want(http.StatusCreated, resp, b)
}

// Of many conditional PUTs of one name at the same time, one makes a file.
func TestPutOnceAtTheSameTime(t *testing.T) {
	h := openHouse(t)
	const n = 8
	statuses := make(chan int, n)
	for i := range n {
		go func() {
			resp, _, err := h.try(http.MethodPut, filesPath+"/a.xml", noise(i, 100), "If-None-Match", "*")
			if err != nil {
				statuses <- 0
				return
			}
			statuses <- resp.StatusCode
		}()
	}
	got := map[int]int{}
	for range n {
		got[<-statuses]++
	}
	if got[http.StatusCreated] != 1 || got[http.StatusPreconditionFailed] != n-1 || len(h.Files()) != 1 {
		t.Errorf("%v, %d files", got, len(h.Files()))
	}
}

func TestHostilePut(t *testing.T) {
	h := openHouse(t)
	put := func(status int, name string, header ...string) {
		t.Helper()
		resp, b := h.call(http.MethodPut, filesPath+"/"+name, []byte("x"), header...)
		h.want(status, resp, b)
	}
	for _, name := range []string{
		"", "a/", "%2e%2e", "a%00b", "a%0ab", `a%5cb`, "%ff", "%e2%80%ae", strings.Repeat("x", 256), strings.Repeat("a%2f", 20) + "b",
	} {
		put(http.StatusBadRequest, name)
	}
	put(http.StatusBadRequest, "a", "Content-Range", "bytes 0-1/2")
	put(http.StatusBadRequest, "a", "If-None-Match", `"x"`)
	put(http.StatusPreconditionFailed, "a", "If-Match", "*")
	put(http.StatusUnsupportedMediaType, "a", "Content-Encoding", "gzip")
	put(http.StatusForbidden, "a", "Authorization", "Bearer reader")
	put(http.StatusForbidden, "a", "Authorization", "")
	h.nothing()
	resp, b := h.call(http.MethodGet, filesPath+"/a", nil)
	h.want(http.StatusMethodNotAllowed, resp, b)
	put(http.StatusCreated, "..%2f..%2fetc%2fpasswd") // a name of strangers, not a path of ours
}

// What is too large, or comes to a closed account or a full disk, is refused
// before its body: a client that asks first (Expect) sends none of it.
func TestRefusedBeforeTheBody(t *testing.T) {
	h := openHouse(t)
	never := func(name string, status int, header ...string) {
		t.Helper()
		var read atomic.Bool
		body := readerFunc(func([]byte) (int, error) { read.Store(true); return 0, errors.New("asked for") })
		resp, b := h.call(http.MethodPut, filesPath+"/a", body, append(header, "Expect", "100-continue")...)
		h.want(status, resp, b)
		if read.Load() {
			t.Errorf("%s: the body was asked for", name)
		}
	}
	tr := h.client.Transport.(*http.Transport).Clone()
	tr.ExpectContinueTimeout = time.Hour
	t.Cleanup(tr.CloseIdleConnections)
	h.client.Transport = tr
	never("no right", http.StatusForbidden, "Authorization", "Bearer reader")
	full := intake.New(h.Catalog, h.Vault, h.Keys, intake.Options{
		Node: "node-1", Now: h.Clock.Now, Log: h.uploads.Log, Space: func() (int64, int64, error) { return 0, 1 << 40, nil },
	})
	was := h.uploads.Intake
	h.uploads.Intake = full
	never("full", http.StatusInsufficientStorage)
	h.uploads.Intake = was
	h.Update(func(tx *catalog.Tx) error {
		a, err := tx.Account(h.acme.ID)
		if err != nil {
			return err
		}
		a.State = catalog.AccountClosed
		return tx.SaveAccount(a)
	})
	never("closed", http.StatusLocked)
	h.nothing()
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

func TestTooLargeToBegin(t *testing.T) {
	h := openHouse(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, h.server.URL+filesPath+"/a", strings.NewReader("x"))
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = intake.MaxSize + 1
	req.Header.Set("Authorization", "Bearer acme")
	resp, err := h.client.Do(req)
	if err == nil { // the client may see its own broken promise first
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		h.want(http.StatusRequestEntityTooLarge, resp, b)
	}
	h.nothing()
}

// A cut PUT or form is no file, and leaves nothing (R3).
func TestCutIsNoFile(t *testing.T) {
	overHTTP(t, func(t *testing.T, h *house) {
		for _, size := range []int{10, 300_000} {
			body := &cutBody{bytes.NewReader(noise(1, size)), now()}
			if _, _, err := h.try(http.MethodPut, filesPath+"/a.xml", body); err == nil {
				t.Fatal("a cut PUT was answered")
			}
			form, kind := h.form(map[string][]byte{"a.xml": noise(1, size), "b.xml": noise(2, size)})
			cut := &cutBody{bytes.NewReader(form[:len(form)-20]), now()}
			if _, _, err := h.try(http.MethodPost, filesPath, cut, "Content-Type", kind); err == nil {
				t.Fatal("a cut form was answered")
			}
			resp, b := h.call(http.MethodPost, filesPath, form[:len(form)-20], "Content-Type", kind)
			h.want(http.StatusBadRequest, resp, b)
		}
		h.server.Close() // waits for what is under way
		h.nothing()
	})
}

// form is a multipart body with these files, in the order of their names.
func (h *house) form(files map[string][]byte) (body []byte, contentType string) {
	h.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	_ = w.WriteField("note", "no file")
	for _, name := range []string{"a.xml", "b.xml", "c.xml"} {
		content, ok := files[name]
		if !ok {
			continue
		}
		part, err := w.CreateFormFile("files", name)
		if err != nil {
			h.t.Fatal(err)
		}
		_, _ = part.Write(content)
	}
	w.Close()
	return b.Bytes(), w.FormDataContentType()
}

func TestForm(t *testing.T) {
	overHTTP(t, func(t *testing.T, h *house) {
		contents := map[string][]byte{"a.xml": noise(1, 300_000), "b.xml": {}, "c.xml": noise(3, 10)}
		form, kind := h.form(contents)
		resp, b := h.call(http.MethodPost, filesPath, form, "Content-Type", kind)
		h.want(http.StatusCreated, resp, b)
		ids := answered(t, b)
		files := h.Files()
		if len(ids) != 3 || len(files) != 3 {
			t.Fatalf("%v, %d files", ids, len(files))
		}
		for i, name := range []string{"a.xml", "b.xml", "c.xml"} {
			f := files[2-i] // newest first
			if f.ID.String() != ids[i] || !bytes.Equal(h.Read(f), contents[name]) {
				t.Errorf("%s is not what was sent", name)
			}
		}
	})
}

func TestHostileForm(t *testing.T) {
	h := openHouse(t)
	send := func(status int, build func(w *multipart.Writer)) {
		t.Helper()
		var b bytes.Buffer
		w := multipart.NewWriter(&b)
		build(w)
		w.Close()
		resp, body := h.call(http.MethodPost, filesPath, b.Bytes(), "Content-Type", w.FormDataContentType())
		h.want(status, resp, body)
		h.nothing()
	}
	file := func(w *multipart.Writer, name string, header ...string) {
		hd := textproto.MIMEHeader{"Content-Disposition": {fmt.Sprintf(`form-data; name="f"; filename="%s"`, name)}}
		for i := 0; i < len(header); i += 2 {
			hd.Set(header[i], header[i+1])
		}
		p, _ := w.CreatePart(hd)
		_, _ = p.Write(noise(1, 100_000))
	}
	send(http.StatusBadRequest, func(*multipart.Writer) {})
	send(http.StatusBadRequest, func(w *multipart.Writer) { _ = w.WriteField("a", "b") })
	send(http.StatusBadRequest, func(w *multipart.Writer) { file(w, "a"); _ = w.WriteField("big", strings.Repeat("x", maxField+1)) })
	send(http.StatusBadRequest, func(w *multipart.Writer) {
		for range maxFields + 1 {
			_ = w.WriteField("a", "b")
		}
	})
	send(http.StatusBadRequest, func(w *multipart.Writer) {
		for range maxFiles + 1 {
			file(w, "a")
		}
	})
	send(http.StatusBadRequest, func(w *multipart.Writer) { file(w, "good"); file(w, "a\tb") })
	send(http.StatusBadRequest, func(w *multipart.Writer) { file(w, "good"); file(w, "x", "Content-Transfer-Encoding", "base64") })
	for _, kind := range []string{"", "application/json", "multipart/form-data", "multipart/mixed; boundary=x"} {
		resp, b := h.call(http.MethodPost, filesPath, []byte("--x--\r\n"), "Content-Type", kind)
		if resp.StatusCode/100 != 4 {
			t.Errorf("%q: %s %s", kind, resp.Status, b)
		}
	}
	h.nothing()
}

// A commit that fails is an error to who sends, and no file (R1, R8).
func TestCommitFails(t *testing.T) {
	h := openHouse(t)
	h.Faults.FullNext()
	resp, b := h.call(http.MethodPut, filesPath+"/a.xml", noise(1, 10))
	h.want(http.StatusInsufficientStorage, resp, b)
	form, kind := h.form(map[string][]byte{"a.xml": noise(1, 10), "b.xml": noise(2, 10)})
	h.Faults.FullNext()
	resp, b = h.call(http.MethodPost, filesPath, form, "Content-Type", kind)
	h.want(http.StatusInsufficientStorage, resp, b)
	path := h.begin("a.xml", 10)
	h.Faults.FullNext()
	resp, b = h.patch(path, 0, noise(1, 10))
	h.want(http.StatusInsufficientStorage, resp, b)
	resp, b = h.call(http.MethodHead, path, nil)
	h.want(http.StatusNotFound, resp, b)
	h.nothing()

	// The second file of a form fails: the first was taken, and the answer says so.
	h.Faults.Skip(1)
	h.Faults.FullNext()
	resp, b = h.call(http.MethodPost, filesPath, form, "Content-Type", kind)
	h.want(http.StatusInsufficientStorage, resp, b)
	var p struct{ Taken []string }
	if err := json.Unmarshal(b, &p); err != nil || len(p.Taken) != 1 {
		t.Fatalf("taken %v, %v", p.Taken, err)
	}
	h.received(p.Taken[0], noise(1, 10))
}

// The commit that made the file was answered with an error because nobody knew:
// after the restart the same PATCH is answered with the file (R2).
func TestCommitWasStoredAfterAll(t *testing.T) {
	h := openHouse(t)
	content := noise(1, 100_000)
	path := h.begin("a.xml", len(content))
	resp, b := h.patch(path, 0, content[:70_000])
	h.want(http.StatusNoContent, resp, b)
	h.Faults.FailNext(true)
	resp, b = h.patch(path, 70_000, content[70_000:])
	h.want(http.StatusInternalServerError, resp, b)
	h.World = h.Reopened()
	h.open()
	if n := h.offset(path); n != len(content) {
		t.Errorf("HEAD says %d", n)
	}
	resp, b = h.patch(path, 70_000, content[70_000:])
	h.want(http.StatusNoContent, resp, b)
	h.received(resp.Header.Get(HeaderFileID), content)
}

func FuzzHeaders(f *testing.F) {
	f.Add("5", "0", filename("a.xml"), "sha256 "+strings.Repeat("A", 43)+"=", "a/b")
	f.Add("-1", "99999999999999999999", "filename,filename", "sha1", "../..")
	f.Add("", "", ",,, ,", " ", "\x00")
	f.Fuzz(func(t *testing.T, length, offset, meta, sum, name string) {
		h := http.Header{"Upload-Length": {length}, "Upload-Offset": {offset}, "Upload-Metadata": {meta}, "Upload-Checksum": {sum}}
		bad := func(err error) {
			if err != nil && fault.KindOf(err) != fault.Invalid && fault.KindOf(err) != fault.TooLarge {
				t.Errorf("kind %v: %v", fault.KindOf(err), err)
			}
		}
		n, err := lengthOf(h)
		if bad(err); err == nil && (n < 0 || n > intake.MaxSize) {
			t.Errorf("length %q is %d", length, n)
		}
		n, _, err = number(h, "Upload-Offset")
		if bad(err); err == nil && (n < 0 || n > intake.MaxSize) {
			t.Errorf("offset %q is %d", offset, n)
		}
		c, err := checksumOf(h)
		if bad(err); err == nil && c != nil && len(c.want) != c.hash.Size() {
			t.Errorf("checksum %q", sum)
		}
		for _, read := range []func() (vpath.Path, error){
			func() (vpath.Path, error) { return nameOf(h) },
			func() (vpath.Path, error) { return parseName(name) },
		} {
			p, err := read()
			if bad(err); err == nil && (p.Base() == "" || strings.ContainsAny(p.Base(), "/\x00\r\n\\")) {
				t.Errorf("name %q", p.Base())
			}
		}
	})
}
