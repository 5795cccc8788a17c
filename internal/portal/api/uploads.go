package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"sealgate/internal/fileobject"
	"sealgate/internal/portal/operation"
)

// filesTaken is what a form of files becomes.
type filesTaken struct {
	Files []fileobject.Object `json:"files"`
}

// MountUploads adds what sends files. The handler speaks its protocol by itself; who
// asks is access.Of, and has a role that sends.
func (a *API) MountUploads(h http.Handler) {
	const (
		upload = "/uploads/{id}"
		pieces = "application/offset+octet-stream"
		json   = "application/json"
	)
	tus := operation.Asks("header", "Tus-Resumable", "1.0.0", true)
	offset := operation.Asks("header", "Upload-Offset", "where the piece begins", true)
	took := operation.Gives(http.StatusNoContent, "Taken; Upload-Offset says how far, and after the last byte Sealgate-File-Id which file it is", "", nil)
	a.Mount(http.MethodOptions, "/uploads", "upload-options", "What of the tus protocol is spoken", h,
		operation.Gives(http.StatusNoContent, "As Tus-Version, Tus-Extension and Tus-Max-Size say", "", nil))
	a.Mount(http.MethodPost, "/uploads", "create-upload", "Begin an upload (tus 1.0: creation, creation-with-upload)", h,
		tus, operation.Asks("header", "Upload-Length", "of the file, in bytes", false), operation.Asks("header", "Upload-Metadata", "filename and its name in base64", true),
		operation.Gives(http.StatusCreated, "Begun; Location says where", "", nil))
	a.Mount(http.MethodHead, upload, "upload-progress", "How much of an upload is here", h,
		tus, operation.Gives(http.StatusOK, "Upload-Offset", "", nil))
	a.Mount(http.MethodPatch, upload, "send-upload", "Go on with an upload; the answer to the last byte has Sealgate-File-Id", h,
		tus, offset, operation.Takes(pieces, operation.Bytes()), took)
	a.Mount(http.MethodPost, upload, "override-upload", "PATCH or DELETE by X-HTTP-Method-Override", h,
		tus, operation.Asks("header", "X-HTTP-Method-Override", "PATCH or DELETE", true), took)
	a.Mount(http.MethodDelete, upload, "drop-upload", "Give an upload up", h,
		tus, operation.Gives(http.StatusNoContent, "Gone", "", nil))
	a.Mount(http.MethodPut, "/files/{id...}", "put-file", "Send the body as a file; {id} is its name, which may hold folders (curl -T)", h,
		operation.Takes(octets, operation.Bytes()), operation.Asks("header", "If-None-Match", "*: not when the name is taken", false),
		operation.Gives(http.StatusCreated, "The file, durable", json, operation.SchemaOf[fileobject.Object](a.Router)))
	form := &huma.Schema{Type: huma.TypeObject, Properties: map[string]*huma.Schema{"file": {Type: huma.TypeArray, Items: operation.Bytes()}}, Required: []string{"file"}}
	a.Mount(http.MethodPost, "/files", "post-files", "Send the files of a form (multipart/form-data)", h,
		operation.Takes("multipart/form-data", form), operation.Gives(http.StatusCreated, "The files, durable", json, operation.SchemaOf[filesTaken](a.Router)))
}
