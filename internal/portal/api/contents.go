package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"sealgate/internal/fileobject"
	"sealgate/internal/portal"
)

// contents registers what carries bytes. They are plain handlers: bytes go through
// at any length without being held.
func (a *API) contents() {
	a.stream(http.MethodGet, "/files/{id}/content", "get-content", "A file's content", a.content)
	a.stream(http.MethodGet, "/files/{id}/sealed", "get-sealed", "A file as it lies in the vault", a.sealed)
	a.stream(http.MethodPost, "/accounts/{name}/outbox", "send-to-outbox", "Send the body as a file to the account", a.send)
	register(a, http.MethodGet, "/accounts/{name}/outbox", "list-outbox", "What waits for the account", a.listOutbox)
}

func (a *API) stream(method, path, id, summary string, handle func(http.ResponseWriter, *http.Request) error) {
	a.Mount(method, path, id, summary, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := handle(w, r); err != nil {
			a.refuse(r.Context(), w, err)
		}
	}))
}

// Mount adds an operation that reads and writes by itself: its right is asked for
// before it sees the request. A path may end in "{name...}".
func (a *API) Mount(method, path, id, summary string, h http.Handler) {
	mustHaveRight(id)
	a.mux.HandleFunc(method+" "+Prefix+path, func(w http.ResponseWriter, r *http.Request) {
		ctx, err := a.guard(id, path, r)
		if err != nil {
			a.refuse(ctx, w, err)
			return
		}
		h.ServeHTTP(w, r.WithContext(ctx))
	})
	op := &huma.Operation{
		OperationID: id, Method: method, Path: strings.ReplaceAll(path, "...}", "}"), Summary: summary, Tags: []string{tag(path)},
		Description: rights[id].String(),
		Responses:   map[string]*huma.Response{"default": {Description: "as docs/api.md says"}},
	}
	for _, part := range strings.Split(op.Path, "/") {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			op.Parameters = append(op.Parameters, &huma.Param{
				Name: strings.TrimSuffix(name, "}"), In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString},
			})
		}
	}
	a.huma.OpenAPI().AddOperation(op)
}

// content gives a file's plaintext. Every slot is verified before a byte of it
// leaves; what only the end can tell (SHA-256) is told in a trailer.
func (a *API) content(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	f, err := a.file(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	acct, err := a.Accounts.AccountByID(ctx, f.Account)
	if err != nil {
		return err
	}
	if err := a.allow(ctx, acct, "content.read", f.ID); err != nil {
		return err
	}
	body, err := a.Bodies.Open(ctx, f)
	if err != nil {
		return err
	}
	defer body.Close()
	attachment(w, body.Trailer().Name, body.Size())
	a.finish(ctx, w, body.VerifyTo(ctx, w))
	return nil
}

// sealed gives a file's sealed object as it lies in the vault. It opens nothing,
// so it needs no access to the account's contents.
func (a *API) sealed(w http.ResponseWriter, r *http.Request) error {
	f, err := a.file(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	obj, err := a.Bodies.OpenSealed(r.Context(), f)
	if err != nil {
		return err
	}
	defer obj.Close()
	attachment(w, f.ID.String()+".sealed", obj.Size())
	_, err = io.Copy(w, io.NewSectionReader(obj, 0, obj.Size()))
	a.finish(r.Context(), w, err)
	return nil
}

func attachment(w http.ResponseWriter, name string, size int64) {
	h := w.Header()
	h.Set("Content-Type", "application/octet-stream")
	h.Set("Content-Security-Policy", "sandbox")
	h.Set("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": name}))
	h.Set(portal.SizeHeader, strconv.FormatInt(size, 10))
	h.Set("Trailer", portal.ProblemTrailer)
}

// finish ends a content whose first bytes may have left: how it went stands in the
// trailer.
func (a *API) finish(ctx context.Context, w http.ResponseWriter, err error) {
	if err == nil || errors.Is(err, context.Canceled) {
		return
	}
	text, _ := json.Marshal(a.problem(ctx, err)) // a struct of strings always marshals
	w.Header().Set(portal.ProblemTrailer, string(text))
}

// send takes a file for the account.
func (a *API) send(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	acct, err := a.Accounts.Account(ctx, r.PathValue("name"))
	if err != nil {
		return err
	}
	f, err := a.Outbox.Send(ctx, acct.ID, r.URL.Query().Get("name"), r.Body, caller(ctx).Actor, "operator")
	if err != nil {
		return err
	}
	o, err := a.shower().object(ctx, f)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusCreated)
	_ = json.NewEncoder(w).Encode(o) // the file is taken; the caller is gone when this fails
	return nil
}

func (a *API) listOutbox(ctx context.Context, in *ByName) (*out[[]fileobject.Object], error) {
	acct, err := a.Accounts.Account(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	items, err := a.Outbox.Waiting(ctx, acct.ID)
	if err != nil {
		return nil, err
	}
	show := a.shower()
	list := make([]fileobject.Object, 0, len(items))
	for _, item := range items {
		o, err := show.object(ctx, item.File)
		if err != nil {
			return nil, err
		}
		list = append(list, o)
	}
	return &out[[]fileobject.Object]{list}, nil
}
