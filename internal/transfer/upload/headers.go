package upload

import (
	"bytes"
	"crypto/sha1" //nolint:gosec // against damage on the way, not against people; tus clients know it
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"sealgate/internal/fault"
	"sealgate/internal/transfer/intake"
	"sealgate/internal/transfer/vpath"
)

const (
	tusVersion    = "1.0.0"
	tusExtensions = "creation,creation-with-upload,creation-defer-length,checksum,termination,expiration"
	tusChecksums  = "sha256,sha1"
	offsetType    = "application/offset+octet-stream"

	maxMetadata = 4096 // bytes of Upload-Metadata
)

func invalid(format string, args ...any) error {
	return refuse(http.StatusBadRequest, fault.Invalid, format, args...)
}

// single returns the only value of a header; "" when it is absent.
func single(h http.Header, name string) (string, error) {
	switch v := h.Values(name); len(v) {
	case 0:
		return "", nil
	case 1:
		return strings.TrimSpace(v[0]), nil
	}
	return "", invalid("%s stands there more than once", name)
}

// number reads a header that counts bytes. It is false when there is none.
func number(h http.Header, name string) (n int64, there bool, err error) {
	text, err := single(h, name)
	if err != nil || text == "" {
		return 0, false, err
	}
	if strings.Trim(text, "0123456789") != "" {
		return 0, false, invalid("%s is not a number of bytes", name)
	}
	if n, err = strconv.ParseInt(text, 10, 64); err != nil || n > intake.MaxSize {
		return 0, false, tooLarge()
	}
	return n, true, nil
}

func tooLarge() error {
	return refuse(http.StatusRequestEntityTooLarge, fault.TooLarge, "a file may have at most %d GiB", int64(intake.MaxSize)>>30)
}

// unknown is the length of an upload whose client will tell it later.
const unknown = -1

// lengthOf reads Upload-Length or Upload-Defer-Length of a creation.
func lengthOf(h http.Header) (int64, error) {
	n, there, err := number(h, "Upload-Length")
	if err != nil {
		return 0, err
	}
	later, err := single(h, "Upload-Defer-Length")
	switch {
	case err != nil:
		return 0, err
	case later == "" && there:
		return n, nil
	case later == "1" && !there:
		return unknown, nil
	}
	return 0, invalid("say how long the file is: either Upload-Length or Upload-Defer-Length: 1")
}

// nameOf reads the file's name from Upload-Metadata. Other keys are checked and
// left out: they are kept nowhere.
func nameOf(h http.Header) (vpath.Path, error) {
	text, err := single(h, "Upload-Metadata")
	if err != nil {
		return vpath.Path{}, err
	}
	if len(text) > maxMetadata {
		return vpath.Path{}, invalid("Upload-Metadata is longer than %d bytes", maxMetadata)
	}
	values := map[string][]byte{}
	for pair := range strings.SplitSeq(text, ",") {
		key, value, _ := strings.Cut(strings.TrimSpace(pair), " ")
		if key == "" && value == "" && text == "" {
			break
		}
		if _, twice := values[key]; key == "" || twice {
			return vpath.Path{}, invalid("Upload-Metadata has a key twice, or none")
		}
		if values[key], err = base64.StdEncoding.DecodeString(strings.TrimSpace(value)); err != nil {
			return vpath.Path{}, invalid("Upload-Metadata has a value that is not Base64")
		}
	}
	name, there := values["filename"]
	if !there {
		name = values["name"]
	}
	return parseName(string(name))
}

// parseName checks the name of a file, which may have folders before it.
func parseName(name string) (vpath.Path, error) {
	p, err := vpath.Parse(name)
	if err != nil {
		return p, err
	}
	if p.IsRoot() || strings.HasSuffix(name, "/") {
		return p, invalid("a file needs a name")
	}
	return p, nil
}

// metadata is what HEAD says of the metadata.
func metadata(p vpath.Path) string {
	return "filename " + base64.StdEncoding.EncodeToString([]byte(p.Base()))
}

// checksum is what a piece should hash to.
type checksum struct {
	hash hash.Hash
	want []byte
}

// checksumOf reads Upload-Checksum; nil when there is none.
func checksumOf(h http.Header) (*checksum, error) {
	text, err := single(h, "Upload-Checksum")
	if err != nil || text == "" {
		return nil, err
	}
	algorithm, value, _ := strings.Cut(text, " ")
	var c checksum
	switch algorithm {
	case "sha256":
		c.hash = sha256.New()
	case "sha1":
		c.hash = sha1.New() //nolint:gosec // see above
	default:
		return nil, invalid("Upload-Checksum is known with %s", tusChecksums)
	}
	if c.want, err = base64.StdEncoding.DecodeString(value); err != nil || len(c.want) != c.hash.Size() {
		return nil, invalid("Upload-Checksum is not the Base64 of a %s sum", algorithm)
	}
	return &c, nil
}

// holds reports whether the piece is what it should be.
func (c *checksum) holds(piece []byte) bool {
	c.hash.Write(piece)
	return bytes.Equal(c.hash.Sum(nil), c.want)
}

// isPiece reports whether the request's body is bytes of an upload.
func isPiece(h http.Header) bool {
	t, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	return err == nil && t == offsetType
}
