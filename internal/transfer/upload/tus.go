package upload

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake"
)

// maxUnfinished is how many unfinished uploads an account may have.
const maxUnfinished = 1000

var (
	errTerminated = errors.New("terminated by its client")
	errReceived   = fault.New(fault.Exists, "upload", "the file was received; it cannot be taken back")
)

// options says what of tus there is. It needs nobody.
func options(w http.ResponseWriter) {
	h := w.Header()
	h.Set("Tus-Version", tusVersion)
	h.Set("Tus-Extension", tusExtensions)
	h.Set("Tus-Max-Size", strconv.FormatInt(intake.MaxSize, 10))
	h.Set("Tus-Checksum-Algorithm", tusChecksums)
	h.Set("Allow", "OPTIONS, POST, HEAD, PATCH, DELETE")
	w.WriteHeader(http.StatusNoContent)
}

// speaksTus refuses clients of another version.
func speaksTus(w http.ResponseWriter, r *http.Request) error {
	if r.Header.Get("Tus-Resumable") == tusVersion {
		return nil
	}
	w.Header().Set("Tus-Version", tusVersion)
	return refuse(http.StatusPreconditionFailed, fault.Invalid, "uploads are sent by the tus protocol, Tus-Resumable: %s", tusVersion)
}

func (u *Uploads) collection(w http.ResponseWriter, r *http.Request, who Who) error {
	if r.Method != http.MethodPost {
		return notAllowed(w, "OPTIONS, POST")
	}
	if err := speaksTus(w, r); err != nil {
		return err
	}
	return u.create(w, r, who)
}

func (u *Uploads) one(w http.ResponseWriter, r *http.Request, who Who) error {
	method := r.Method
	if over := r.Header.Get("X-HTTP-Method-Override"); over != "" && method == http.MethodPost {
		method = over // tus has it for clients that know GET and POST only
	}
	do := map[string]func(http.ResponseWriter, *http.Request, Who, uuid.UUID) error{
		http.MethodHead: u.head, http.MethodPatch: u.patch, http.MethodDelete: u.terminate,
	}[method]
	if do == nil {
		return notAllowed(w, "OPTIONS, HEAD, PATCH, DELETE")
	}
	if err := speaksTus(w, r); err != nil {
		return err
	}
	id, err := uuid.Parse(r.PathValue("id"))
	if err != nil || id.String() != r.PathValue("id") {
		return fault.New(fault.NotFound, "upload", "there is no such upload")
	}
	return do(w, r, who, id)
}

// create begins an upload. Its first bytes may come along.
func (u *Uploads) create(w http.ResponseWriter, r *http.Request, who Who) error {
	ctx := r.Context()
	length, err := lengthOf(r.Header)
	if err != nil {
		return err
	}
	path, err := nameOf(r.Header)
	if err != nil {
		return err
	}
	sum, err := checksumOf(r.Header)
	if err != nil {
		return err
	}
	if r.ContentLength != 0 && !isPiece(r.Header) {
		return refuse(http.StatusUnsupportedMediaType, fault.Invalid, "the first bytes of an upload have the type %s", offsetType)
	}
	if length != unknown && r.ContentLength > length {
		return errTooMuch
	}
	if many, err := u.Intake.Unfinished(ctx, who.Account, maxUnfinished); err != nil {
		return err
	} else if many {
		return fault.New(fault.TryLater, "upload", "%d uploads are unfinished; end some of them first", maxUnfinished)
	}
	a, leave, err := u.begin(ctx, who.spec(path, max(0, length)))
	if err != nil {
		return err
	}
	defer leave()
	x := &transfer{id: a.ID(), arrival: a, length: length}
	f, err := u.receive(w, r, who, x, sum)
	if err != nil { // nobody knows its id
		if x.arrival != nil {
			a.Drop(err)
		}
		return err
	}
	w.Header().Set("Location", uploadsPath+"/"+x.id.String())
	if r.ContentLength != 0 {
		w.Header().Set("Upload-Offset", strconv.FormatInt(x.offset.Load(), 10))
	}
	if f == nil {
		expires(w, a.Expires())
		u.table.add(x)
	} else {
		w.Header().Set(HeaderFileID, f.ID.String())
	}
	w.WriteHeader(http.StatusCreated)
	return nil
}

// receive writes the body of a request to a transfer that it holds, and makes
// durable what has come. It returns the file when that was the last of it. On an
// error of the sender's doing the transfer stays, with what is good of the body.
func (u *Uploads) receive(w http.ResponseWriter, r *http.Request, who Who, x *transfer, sum *checksum) (*catalog.File, error) {
	begin, limit := x.offset.Load(), int64(intake.MaxSize)
	if x.length != unknown {
		limit = x.length
	}
	limit -= begin
	body := newStream(w, r)
	body.heard, body.stop = func() { u.table.hear(x) }, &x.stop
	take := func(from io.Reader) error {
		_, err := copyTo(x.arrival, from, begin, limit, func(n int64) { x.offset.Store(begin + n) })
		return err
	}
	var err error
	if sum == nil {
		err = take(body)
		if err == nil && r.ContentLength < 0 && begin+limit == x.offset.Load() {
			if err = ended(body); errors.Is(err, errTooMuch) {
				x.offset.Store(begin) // who knows which bytes were meant
			}
		}
	} else {
		err = u.holdPiece(who, body, limit, sum, take)
	}
	var sender *refusal
	if err != nil && !errors.As(err, &sender) {
		u.end(x, err)
		return nil, err
	}
	if x.offset.Load() == x.length && (err == nil || x.offset.Load() > begin) { // however the body ended after its last byte
		if err = u.still(r.Context()); err == nil {
			return u.commit(r.Context(), x)
		}
		// It stays unfinished: who signs in again ends it, and what nobody ends is swept.
	}
	if serr := x.arrival.Sync(); serr != nil {
		u.end(x, serr)
		return nil, serr
	}
	return nil, err
}

// commit makes a file of a transfer that is whole. It goes on without its client,
// who will ask again.
func (u *Uploads) commit(ctx context.Context, x *transfer) (*catalog.File, error) {
	if x.arrival.Size() > x.length { // its length was told after more had come
		err := refuse(http.StatusRequestEntityTooLarge, fault.TooLarge, "more was sent before than the length that is told now; send the file again")
		x.arrival.Drop(err)
		x.arrival = nil
		return nil, err
	}
	f, err := x.arrival.Commit(context.WithoutCancel(ctx))
	x.arrival = nil
	return f, err
}

// end ends a transfer whose arrival failed.
func (u *Uploads) end(x *transfer, cause error) {
	x.arrival.Abort(cause)
	x.arrival = nil
}

// find looks an upload up for who asks. One that is not there for him is put on record,
// whoever has it or nobody: the answer takes the same time.
func (u *Uploads) find(ctx context.Context, who Who, id uuid.UUID) (*intake.Upload, error) {
	up, err := u.Intake.FindUpload(ctx, who.spec(noPath, 0), id)
	if fault.Is(err, fault.NotFound) && u.Denied != nil {
		u.Denied(ctx, id)
	}
	return up, err
}

// hold finds an upload and gives it to the request, open, or says that it was
// received. Who holds it gives it back.
func (u *Uploads) hold(w http.ResponseWriter, r *http.Request, who Who, id uuid.UUID) (x *transfer, up *intake.Upload, err error) {
	ctx := r.Context()
	if up, err = u.find(ctx, who, id); err != nil || up.Received() {
		return nil, up, err
	}
	rc := http.NewResponseController(w)
	x, err = u.table.take(ctx, id, func() { _ = rc.SetReadDeadline(time.Unix(1, 0)) })
	if err != nil {
		return x, up, err
	}
	if x.arrival != nil {
		return x, up, nil
	}
	if x.arrival, err = u.Intake.ResumeUpload(ctx, who.spec(noPath, 0), id); err == nil {
		x.offset.Store(x.arrival.Durable())
		if x.length = up.File.Content.Size; x.length == 0 {
			x.length = unknown
		}
		return x, up, nil
	}
	u.table.give(x)
	if fault.Is(err, fault.Exists) { // its last request has just ended
		up, err = u.find(ctx, who, id)
	}
	return nil, up, err
}

func (u *Uploads) head(w http.ResponseWriter, r *http.Request, who Who, id uuid.UUID) error {
	x, up, err := u.hold(w, r, who, id)
	h := w.Header()
	switch {
	case errors.Is(err, errBusy) && x != nil: // it is under way: what has come so far
		h.Set("Upload-Offset", strconv.FormatInt(x.offset.Load(), 10))
	case err != nil:
		return err
	case x == nil:
		h.Set("Upload-Offset", strconv.FormatInt(up.File.Content.Size, 10))
		h.Set(HeaderFileID, id.String())
	default:
		h.Set("Upload-Offset", strconv.FormatInt(x.offset.Load(), 10))
		expires(w, x.arrival.Expires())
		u.table.give(x)
	}
	if up.File.Content.Size > 0 || up.Received() {
		h.Set("Upload-Length", strconv.FormatInt(up.File.Content.Size, 10))
	} else {
		h.Set("Upload-Defer-Length", "1")
	}
	h.Set("Upload-Metadata", metadata(up.Path))
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusOK)
	return nil
}

func (u *Uploads) patch(w http.ResponseWriter, r *http.Request, who Who, id uuid.UUID) error {
	if !isPiece(r.Header) {
		return refuse(http.StatusUnsupportedMediaType, fault.Invalid, "bytes of an upload have the type %s", offsetType)
	}
	offset, there, err := number(r.Header, "Upload-Offset")
	if err == nil && !there {
		err = invalid("say with Upload-Offset where the bytes belong")
	}
	if err != nil {
		return err
	}
	sum, err := checksumOf(r.Header)
	if err != nil {
		return err
	}
	x, up, err := u.hold(w, r, who, id)
	if err != nil {
		return err
	}
	if x == nil {
		return repeated(w, r, up, offset)
	}
	defer u.table.give(x)
	if err := declare(r, x); err != nil {
		return err
	}
	if at := x.offset.Load(); offset != at {
		w.Header().Set("Upload-Offset", strconv.FormatInt(at, 10))
		return refuse(http.StatusConflict, fault.Invalid, "the upload goes on at byte %d", at)
	}
	if x.length != unknown && r.ContentLength > x.length-offset {
		return errTooMuch
	}
	until := x.arrival.Expires()
	f, err := u.receive(w, r, who, x, sum)
	if err != nil {
		return err
	}
	w.Header().Set("Upload-Offset", strconv.FormatInt(x.offset.Load(), 10))
	if f == nil {
		expires(w, until)
	} else {
		w.Header().Set(HeaderFileID, f.ID.String())
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// declare takes the length of an upload whose client did not know it at first.
func declare(r *http.Request, x *transfer) error {
	length, there, err := number(r.Header, "Upload-Length")
	switch {
	case err != nil || !there:
		return err
	case x.length == length:
		return nil
	case x.length != unknown:
		return invalid("the file was said to have %d bytes", x.length)
	case length < x.offset.Load():
		return invalid("%d bytes have come already", x.offset.Load())
	}
	if err := x.arrival.Declare(r.Context(), length); err != nil {
		return err
	}
	x.length = length
	return nil
}

// repeated answers a PATCH of an upload that was received: the last one, whose
// answer was lost, as before. Its bytes are not read.
func repeated(w http.ResponseWriter, r *http.Request, up *intake.Upload, offset int64) error {
	size := up.File.Content.Size
	w.Header().Set("Upload-Offset", strconv.FormatInt(size, 10))
	if n := r.ContentLength; offset > size || n >= 0 && offset+n != size {
		return refuse(http.StatusConflict, fault.Exists, "the file was received, with %d bytes", size)
	}
	w.Header().Set(HeaderFileID, up.File.ID.String())
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// terminate takes an unfinished upload away.
func (u *Uploads) terminate(w http.ResponseWriter, r *http.Request, who Who, id uuid.UUID) error {
	up, err := u.find(r.Context(), who, id)
	if err != nil {
		return err
	}
	if up.Received() {
		return errReceived
	}
	rc := http.NewResponseController(w)
	x, err := u.table.take(r.Context(), id, func() { _ = rc.SetReadDeadline(time.Unix(1, 0)) })
	if err != nil {
		return err
	}
	defer u.table.give(x)
	if x.arrival != nil {
		u.end(x, errTerminated)
	}
	err = u.Intake.CancelUpload(r.Context(), who.spec(noPath, 0), id)
	if fault.Is(err, fault.Exists) { // its last byte came before
		return errReceived
	}
	if err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// expires tells when an unfinished upload is swept.
func expires(w http.ResponseWriter, at time.Time) {
	w.Header().Set("Upload-Expires", at.UTC().Format(http.TimeFormat))
}
