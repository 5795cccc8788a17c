package upload

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"

	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake"
	"sealgate/internal/transfer/vpath"
)

// Bounds of a form.
const (
	maxFiles  = 100
	maxFields = 100
	maxField  = 64 << 10 // bytes of a field that is no file
)

var noPath vpath.Path

// put takes one file: curl -T.
func (u *Uploads) put(w http.ResponseWriter, r *http.Request, who Who) error {
	if r.Method != http.MethodPut {
		return notAllowed(w, http.MethodPut)
	}
	once, err := conditions(r.Header)
	if err != nil {
		return err
	}
	path, err := parseName(r.PathValue("name"))
	if err != nil {
		return err
	}
	if r.ContentLength > intake.MaxSize {
		return tooLarge()
	}
	ctx, spec := r.Context(), who.spec(path, max(0, r.ContentLength))
	if once {
		if err := u.unnamed(r, spec); err != nil {
			return err
		}
	}
	a, leave, err := u.begin(ctx, spec)
	if err != nil {
		return err
	}
	defer leave()
	if err := whole(a, newStream(w, r)); err != nil {
		a.Drop(err)
		return err
	}
	if once { // look again, and let nobody in between
		select {
		case u.alone <- struct{}{}:
			defer func() { <-u.alone }()
			err = u.unnamed(r, spec)
		case <-ctx.Done():
			err = ctx.Err()
		}
		if err != nil {
			a.Drop(err)
			return err
		}
	}
	f, err := u.commitWhole(ctx, a)
	if err != nil {
		return err
	}
	w.Header().Set("Location", filesPath+"/"+f.ID.String())
	w.Header().Set(HeaderFileID, f.ID.String())
	u.made(w, u.object(r, f))
	return nil
}

// commitWhole makes a file of what came in one request, or leaves nothing of it.
func (u *Uploads) commitWhole(ctx context.Context, a *intake.Arrival) (*catalog.File, error) {
	if err := u.still(ctx); err != nil {
		a.Drop(err)
		return nil, err
	}
	return a.Commit(ctx)
}

// conditions reads what a PUT depends on. once: If-None-Match: *, no file of that
// name may be there. Nothing is ever replaced (R4), so the others never hold.
func conditions(h http.Header) (once bool, err error) {
	if h.Get("Content-Range") != "" {
		return false, invalid("a part of a file is sent by the tus protocol")
	}
	for _, name := range []string{"If-Match", "If-Unmodified-Since"} {
		if h.Get(name) != "" {
			return false, refuse(http.StatusPreconditionFailed, fault.Invalid, "every file is a new one: %s cannot hold", name)
		}
	}
	switch h.Get("If-None-Match") {
	case "":
		return false, nil
	case "*":
		return true, nil
	}
	return false, invalid("If-None-Match is known with *")
}

func (u *Uploads) unnamed(r *http.Request, spec intake.Spec) error {
	named, err := u.Intake.Named(r.Context(), spec)
	if err == nil && named {
		err = refuse(http.StatusPreconditionFailed, fault.Exists, "a file of that name was received already")
	}
	return err
}

// whole writes all that r gives.
func whole(a *intake.Arrival, r io.Reader) error {
	n, err := copyTo(a, r, 0, intake.MaxSize, func(int64) {})
	if err == nil && n == intake.MaxSize {
		if err = ended(r); errors.Is(err, errTooMuch) {
			err = tooLarge()
		}
	}
	return err
}

// object is what is told of a file that was taken. It was, whatever comes now.
func (u *Uploads) object(r *http.Request, f *catalog.File) any {
	o, err := u.Object(r.Context(), f)
	if err != nil {
		u.Log.WarnContext(r.Context(), "file object not shown", "file", f.ID, "error", err)
		return map[string]string{"id": f.ID.String()}
	}
	return o
}

func (u *Uploads) made(w http.ResponseWriter, what any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(what) // the caller is gone when this fails
}

// form takes the files of a form: curl -F. They are taken when the form has come
// to its end, all of them.
func (u *Uploads) form(w http.ResponseWriter, r *http.Request, who Who) error {
	if r.Method != http.MethodPost {
		return notAllowed(w, http.MethodPost)
	}
	stream := newStream(w, r)
	r.Body = io.NopCloser(stream)
	parts, err := r.MultipartReader()
	if err != nil {
		return refuse(http.StatusUnsupportedMediaType, fault.Invalid, "files are sent as multipart/form-data, or with PUT to %s/NAME", filesPath)
	}
	var open places
	defer func() { open.leave() }()
	arrivals, err := u.parts(r, who, parts, &open)
	if err != nil {
		for _, a := range arrivals {
			a.Drop(err)
		}
		return err
	}
	var taken []string
	var objects []any
	for i, a := range arrivals {
		f, err := u.commitWhole(r.Context(), a)
		if err != nil {
			for _, rest := range arrivals[i+1:] {
				rest.Drop(err)
			}
			p := problem(err)
			p.Taken = taken
			u.answer(w, r, p)
			return nil
		}
		taken = append(taken, f.ID.String())
		objects = append(objects, u.object(r, f))
	}
	u.made(w, map[string]any{"files": objects})
	return nil
}

// places are those that a form's arrivals hold.
type places []func()

func (p places) leave() {
	for _, leave := range p {
		leave()
	}
}

// parts reads the form to its end. It returns the arrivals that it began, also
// with an error.
func (u *Uploads) parts(r *http.Request, who Who, parts *multipart.Reader, open *places) (arrivals []*intake.Arrival, err error) {
	for fields := 0; ; {
		part, err := parts.NextRawPart()
		switch {
		case errors.Is(err, io.EOF) && len(arrivals) == 0:
			return nil, invalid("the form has no file")
		case errors.Is(err, io.EOF):
			return arrivals, nil
		case err != nil:
			return arrivals, cutForm(err)
		}
		if fileName(part) == "" {
			if fields++; fields > maxFields {
				return arrivals, invalid("a form has at most %d fields that are no files", maxFields)
			}
			n, err := io.Copy(io.Discard, io.LimitReader(part, maxField+1))
			if err != nil {
				return arrivals, cutForm(err)
			}
			if n > maxField {
				return arrivals, invalid("a field that is no file has at most %d bytes", maxField)
			}
			continue
		}
		if len(arrivals) == maxFiles {
			return arrivals, invalid("a form has at most %d files; send the others in another one", maxFiles)
		}
		a, err := u.part(r, who, part, open)
		if a != nil {
			arrivals = append(arrivals, a)
		}
		if err != nil {
			return arrivals, cutForm(err)
		}
	}
}

// part begins the file of one part and writes it.
func (u *Uploads) part(r *http.Request, who Who, part *multipart.Part, open *places) (*intake.Arrival, error) {
	switch e := strings.ToLower(part.Header.Get("Content-Transfer-Encoding")); e {
	case "", "binary", "8bit", "7bit":
	default:
		return nil, invalid("a file of a form is sent as it is, without Content-Transfer-Encoding")
	}
	path, err := parseName(fileName(part))
	if err != nil {
		return nil, err
	}
	a, leave, err := u.begin(r.Context(), who.spec(path, 0))
	if err != nil {
		return nil, err
	}
	*open = append(*open, leave)
	return a, whole(a, part)
}

// fileName is a part's file name; the library leaves folders out of it.
func fileName(part *multipart.Part) string {
	if name := part.FileName(); name != "." && name != "/" {
		return name
	}
	return ""
}

// cutForm keeps what is known of an error while a form is read; the rest is the
// form's own fault.
func cutForm(err error) error {
	var known *fault.Error
	if errors.As(err, &known) {
		return err
	}
	return invalid("the form was cut, or is not well formed")
}
