package upload

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"mime/multipart"
	"net/http"
	"testing"

	"sealgate/internal/portal/fair"
)

// nobody says whether senders may still send.
func (h *house) nobody(gone bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gone = gone
}

// form is a multipart form with files.
func form(t *testing.T, names ...string) (body []byte, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, name := range names {
		part, err := w.CreateFormFile("file", name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(part, name); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), w.FormDataContentType()
}

// A token that is removed while a body comes makes no file of it. What comes by tus
// stays unfinished: a person who signs in again ends it.
func TestWhoIsGoneMakesNoFile(t *testing.T) {
	h := openHouse(t)
	h.nobody(true)
	resp, b := h.call(http.MethodPut, filesPath+"/a.xml", []byte("salaries"))
	h.want(http.StatusUnauthorized, resp, b)
	body, contentType := form(t, "b.xml", "c.xml")
	resp, b = h.call(http.MethodPost, filesPath, body, "Content-Type", contentType)
	h.want(http.StatusUnauthorized, resp, b)
	h.nothing()

	content := noise(3, 100_000)
	path := h.begin("d.xml", len(content))
	resp, b = h.patch(path, 0, content[:50_000])
	h.want(http.StatusNoContent, resp, b)
	resp, b = h.patch(path, 50_000, content[50_000:])
	h.want(http.StatusUnauthorized, resp, b)
	for _, f := range h.Files() {
		if f.State != "arriving" {
			t.Errorf("it is %s", f.State)
		}
	}
	h.nobody(false)
	if at := h.offset(path); at != len(content) {
		t.Errorf("%d bytes are here", at)
	}
	resp, b = h.patch(path, len(content), nil)
	h.want(http.StatusNoContent, resp, b)
	h.received(resp.Header.Get(HeaderFileID), content)
}

// What one account holds open is bounded, whoever of it sends, and is no bound for
// another.
func TestOneAccountHoldsSoManyFilesOpen(t *testing.T) {
	h := openHouse(t)
	h.uploads.arrivals = fair.NewPlaces(2, 0)
	many, contentType := form(t, "a", "b", "c")
	resp, b := h.call(http.MethodPost, filesPath, many, "Content-Type", contentType)
	h.want(http.StatusTooManyRequests, resp, b)
	h.nothing()
	few, contentType := form(t, "a", "b")
	for range 2 { // the places are free again
		resp, b = h.call(http.MethodPost, filesPath, few, "Content-Type", contentType)
		h.want(http.StatusCreated, resp, b)
	}

	slow := []func(){h.uploads.arrivals.Take(h.acme.ID.String()), h.uploads.arrivals.Take(h.acme.ID.String())} // two that dribble
	resp, b = h.call(http.MethodPut, filesPath+"/d", []byte("d"))
	h.want(http.StatusTooManyRequests, resp, b)
	resp, b = h.call(http.MethodPost, uploadsPath, nil, "Upload-Length", "1", "Upload-Metadata", filename("d"))
	h.want(http.StatusTooManyRequests, resp, b)
	resp, b = h.call(http.MethodPut, filesPath+"/d", []byte("d"), "Authorization", "Bearer other")
	h.want(http.StatusCreated, resp, b)
	for _, leave := range slow {
		leave()
	}
	resp, b = h.call(http.MethodPut, filesPath+"/d", []byte("d"))
	h.want(http.StatusCreated, resp, b)
}

// The pieces with a checksum that one account sends slowly are in no other's way.
func TestPiecesOfOneAccount(t *testing.T) {
	h := openHouse(t)
	piece := []byte("salaries")
	sum := sha256.Sum256(piece)
	checksum := "sha256 " + base64.StdEncoding.EncodeToString(sum[:])
	h.uploads.pieces = fair.NewPlaces(1, 2)
	leave := h.uploads.pieces.Take(h.acme.ID.String()) // one that dribbles
	path := h.begin("a.xml", len(piece))
	resp, b := h.patch(path, 0, piece, "Upload-Checksum", checksum)
	h.want(http.StatusServiceUnavailable, resp, b)
	theirs := h.begin("a.xml", len(piece), "Authorization", "Bearer other")
	resp, b = h.patch(theirs, 0, piece, "Upload-Checksum", checksum, "Authorization", "Bearer other")
	h.want(http.StatusNoContent, resp, b)
	leave()
	resp, b = h.patch(path, 0, piece, "Upload-Checksum", checksum)
	h.want(http.StatusNoContent, resp, b)
}
