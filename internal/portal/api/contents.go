package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"

	"sealgate/internal/fault"
	"sealgate/internal/fileobject"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/fair"
	"sealgate/internal/portal/operation"
	"sealgate/internal/store/catalog"
)

// contents registers what carries bytes. They are plain handlers: bytes go through
// at any length without being held.
func (a *API) contents() {
	bytes := operation.Gives(http.StatusOK, "The bytes; when they turn out to be damaged, the trailer says so", octets, operation.Bytes())
	a.Stream(http.MethodGet, "/files/{id}/content", "get-content", "A file's content", a.content, bytes)
	a.Stream(http.MethodGet, "/files/{id}/sealed", "get-sealed", "A file as it lies in the vault", a.sealed, bytes)
	a.Stream(http.MethodPost, "/accounts/{name}/outbox", "send-to-outbox", "Send the body as a file to the account", a.send,
		operation.Takes(octets, operation.Bytes()), operation.Asks("query", "name", "of the file", true),
		operation.Gives(http.StatusCreated, "The file, taken", "application/json", operation.SchemaOf[fileobject.Object](a.Router)))
	operation.Register(a.Router, http.MethodGet, "/files/{id}/receipt", "get-receipt", "The signed receipt of a file", a.getReceipt)
	operation.Register(a.Router, http.MethodPost, "/files/{id}/delivered", "finish-file", "Say that the account has fetched a file of its outbox; its content stays for outbox_keep_for", a.finishFile)
	operation.Register(a.Router, http.MethodGet, "/accounts/{name}/outbox", "list-outbox", "What waits for the account", a.listOutbox)
}

// octets is the media type of contents.
const octets = "application/octet-stream"

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
// so it needs no access to the account's contents. But it is on record: who has it, and
// comes by the keys one day, opens it where nobody sees.
func (a *API) sealed(w http.ResponseWriter, r *http.Request) error {
	f, err := a.file(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	acct, err := a.Accounts.AccountByID(r.Context(), f.Account)
	if err != nil {
		return err
	}
	if err := a.used(r.Context(), acct, "sealed.read", f.ID, everybody); err != nil {
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
	h.Set("Content-Type", octets)
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
	text, _ := json.Marshal(a.Problem(ctx, err)) // a struct of strings always marshals
	w.Header().Set(portal.ProblemTrailer, string(text))
}

// SendPattern is the route of the API, but for uploads, whose bodies may have any size.
const SendPattern = "POST " + operation.Prefix + "/accounts/{name}/outbox"

// authorised is a body that has a proper end only when its sender may still send: it
// takes hours, and a token is dead at once.
type authorised struct {
	io.Reader
	ctx context.Context //nolint:containedctx // of the one request whose body it is
}

func (b *authorised) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	switch {
	case errors.Is(err, io.EOF):
		if gone := access.Still(b.ctx); gone != nil {
			return n, gone
		}
	case err != nil && !errors.Is(err, fair.ErrSlow):
		return n, fault.New(fault.Invalid, "api: send", "the body was cut before its end")
	}
	return n, err
}

// send takes a file for the account.
func (a *API) send(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	acct, err := a.Accounts.Account(ctx, r.PathValue("name"))
	if err != nil {
		return err
	}
	body := &authorised{fair.NewBody(w, r.Body), ctx}
	f, err := a.Outbox.Send(ctx, acct.ID, r.URL.Query().Get("name"), body, access.Of(ctx).Actor, "operator")
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

func (a *API) listOutbox(ctx context.Context, in *operation.ByName) (*operation.Out[[]fileobject.Object], error) {
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
	return operation.Answer(list), nil
}

// getReceipt gives the receipt of a file. It says what the index says, so that the
// account must let operators see that.
func (a *API) getReceipt(ctx context.Context, in *operation.ByID) (*operation.Out[portal.Receipt], error) {
	f, err := a.file(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	acct, err := a.Accounts.AccountByID(ctx, f.Account)
	if err != nil {
		return nil, err
	}
	if err := a.allow(ctx, acct, "receipt.read", f.ID); err != nil {
		return nil, err
	}
	note, err := a.Receipts.Receipt(ctx, f.ID)
	if err != nil {
		return nil, err
	}
	return operation.Answer(portal.Receipt{Text: string(note)}), nil
}

func (a *API) finishFile(ctx context.Context, in *operation.ByID) (*operation.Out[fileobject.Object], error) {
	return a.after(ctx, in.ID, func(f *catalog.File) error { return a.Outbox.Delivered(ctx, f.ID, access.Of(ctx).Actor) })
}
