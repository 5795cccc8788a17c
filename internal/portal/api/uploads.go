package api

import "net/http"

// MountUploads adds what sends files. The handler speaks its protocol by itself; who
// asks is access.Of, and has a role that sends.
func (a *API) MountUploads(h http.Handler) {
	const upload = "/uploads/{id}"
	a.Mount(http.MethodOptions, "/uploads", "upload-options", "What of the tus protocol is spoken", h)
	a.Mount(http.MethodPost, "/uploads", "create-upload", "Begin an upload (tus 1.0: creation, creation-with-upload)", h)
	a.Mount(http.MethodHead, upload, "upload-progress", "How much of an upload is here", h)
	a.Mount(http.MethodPatch, upload, "send-upload", "Go on with an upload; the answer to the last byte has Sealgate-File-Id", h)
	a.Mount(http.MethodPost, upload, "override-upload", "PATCH or DELETE by X-HTTP-Method-Override", h)
	a.Mount(http.MethodDelete, upload, "drop-upload", "Give an upload up", h)
	a.Mount(http.MethodPut, "/files/{id...}", "put-file", "Send the body as a file; {id} is its name, which may hold folders (curl -T)", h)
	a.Mount(http.MethodPost, "/files", "post-files", "Send the files of a form (multipart/form-data)", h)
}
