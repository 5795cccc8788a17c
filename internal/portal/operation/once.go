package operation

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/fault"
	"sealgate/internal/logging"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/requests"
)

// A POST with an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header) is done
// once: who lost the answer asks again under the same key and gets the same one. What
// is remembered tells nothing to a reader of the catalog: the key is hashed, what was
// asked is a MAC under the key, and the answer, which may hold a new password, is
// sealed.

const (
	keyHeader      = "Idempotency-Key"
	replayedHeader = "Idempotency-Replayed"
	rememberedFor  = 24 * time.Hour
	minKey, maxKey = 8, 255
	maxAsked       = 1 << 20
	maxAnswered    = 256 << 10
)

// once lets do answer when the request was never asked before under its key, and
// answers from memory otherwise.
func (r *Router) once(w http.ResponseWriter, req *http.Request, do func(http.ResponseWriter, *http.Request)) {
	ctx := req.Context()
	key, err := keyOf(req)
	if err != nil {
		r.Refuse(ctx, w, err)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, req.Body, maxAsked))
	if err != nil {
		r.Refuse(ctx, w, bodyError(err))
		return
	}
	req.Body = io.NopCloser(bytes.NewReader(body))
	c := access.Of(ctx)
	sum := sha256.Sum256([]byte("sealgate/v1 request\x00" + c.Actor + "\x00" + key))
	print := hmac.New(sha256.New, []byte(key))
	print.Write([]byte(req.Method + " " + req.URL.RequestURI() + "\x00"))
	print.Write(body)
	known, fresh, err := r.begun(ctx, sum[:], print.Sum(nil))
	switch {
	case err != nil:
		r.Refuse(ctx, w, err)
	case fresh:
		kept := &keeper{ResponseWriter: w}
		do(kept, req)
		r.remember(ctx, known, kept)
	default:
		r.replay(ctx, w, known, print.Sum(nil))
	}
}

// keyOf is the key of a request. The draft has it in quotes; many send it without.
func keyOf(req *http.Request) (string, error) {
	lines := req.Header.Values(keyHeader)
	key := strings.TrimSpace(lines[0])
	if unquoted, ok := strings.CutPrefix(key, `"`); ok && strings.HasSuffix(unquoted, `"`) {
		key = strings.TrimSuffix(unquoted, `"`)
	}
	odd := strings.ContainsFunc(key, func(c rune) bool { return c <= ' ' || c > '~' || c == '"' || c == '\\' })
	if len(lines) > 1 || odd || len(key) < minKey || len(key) > maxKey {
		return "", fault.New(fault.Invalid, "api: once", "Idempotency-Key is one text of %d to %d characters without blanks, a UUID for example", minKey, maxKey)
	}
	return key, nil
}

func bodyError(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return fault.New(fault.TooLarge, "api: once", "the body of this request may have 1 MiB")
	}
	return fault.New(fault.Invalid, "api: once", "the body of the request did not come to its end")
}

// begun remembers a request that begins, or finds the one that was begun before.
func (r *Router) begun(ctx context.Context, hash, print []byte) (v *requests.Request, fresh bool, err error) {
	const op = "api: once"
	id, err := uuid.NewV7()
	if err != nil {
		return nil, false, fault.Wrap(fault.Internal, op, err)
	}
	err = r.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := tx.SweepRequests(r.opt.Now()); err != nil {
			return err
		}
		v, err = tx.Request(hash)
		if !fault.Is(err, fault.NotFound) {
			return err
		}
		account := access.Of(ctx).Account
		if account == uuid.Nil {
			system, err := tx.AccountByName(catalog.SystemAccount)
			if err != nil {
				return err
			}
			account = system.ID
		}
		fresh = true
		v = &requests.Request{Hash: hash, ID: id, Print: print, Run: r.run, Account: account, Until: r.opt.Now().Add(rememberedFor)}
		return tx.InsertRequest(v)
	})
	return v, fresh, fault.Wrap(fault.Internal, op, err)
}

// remember keeps an answer that says that it was done. What was refused was not done,
// and may be asked for again; of what broke down nobody knows.
func (r *Router) remember(ctx context.Context, v *requests.Request, kept *keeper) {
	ctx = context.WithoutCancel(ctx) // who does not wait for the answer will ask again
	err := func() error {
		switch {
		case kept.status == http.StatusServiceUnavailable || kept.status == http.StatusInsufficientStorage || kept.status >= 400 && kept.status < 500:
			return r.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.DeleteRequest(v.Hash) })
		case kept.status >= 500 || kept.tooLong:
			return nil
		}
		rec, err := r.opt.Records.Records(ctx, v.Account)
		if err != nil {
			return err
		}
		answer := rec.Seal("request", "answer", v.ID, kept.text.Bytes())
		media := kept.Header().Get("Content-Type")
		return r.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.AnswerRequest(v.Hash, int64(kept.status), media, answer) })
	}()
	if err != nil {
		r.opt.Log.ErrorContext(ctx, "api: the answer to a request that may come again could not be kept", "error", err)
	}
}

// replay answers what was answered before.
func (r *Router) replay(ctx context.Context, w http.ResponseWriter, v *requests.Request, print []byte) {
	refuse := func(status int, text string) {
		p := portal.ProblemFor(status, text)
		p.Request = logging.Request(ctx)
		write(w, p)
	}
	switch {
	case !hmac.Equal(v.Print, print):
		refuse(http.StatusUnprocessableEntity, "something else was asked under this Idempotency-Key; take a new one for each thing")
		return
	case v.Status == 0 && v.Run == r.run:
		refuse(http.StatusConflict, "this is under way already, or was cut short; look at what is there before you ask under a new Idempotency-Key")
		return
	case v.Status == 0:
		refuse(http.StatusConflict, "the gateway stopped while this was under way; look at what is there before you ask under a new Idempotency-Key")
		return
	}
	rec, err := r.opt.Records.Records(ctx, v.Account)
	if err != nil {
		r.Refuse(ctx, w, err)
		return
	}
	answer, err := rec.Open("request", "answer", v.ID, v.Answer)
	if err != nil {
		r.Refuse(ctx, w, err)
		return
	}
	if v.Media != "" {
		w.Header().Set("Content-Type", v.Media)
	}
	w.Header().Set(replayedHeader, "true")
	w.WriteHeader(int(v.Status))
	_, _ = w.Write(answer) // the caller is gone when this fails
}

// keeper keeps an answer while it is given.
type keeper struct {
	http.ResponseWriter
	status  int
	text    bytes.Buffer
	tooLong bool
}

func (k *keeper) WriteHeader(status int) {
	if k.status == 0 {
		k.status = status
	}
	k.ResponseWriter.WriteHeader(status)
}

func (k *keeper) Write(p []byte) (int, error) {
	if k.status == 0 {
		k.status = http.StatusOK
	}
	if k.tooLong = k.tooLong || k.text.Len()+len(p) > maxAnswered; !k.tooLong {
		k.text.Write(p)
	}
	return k.ResponseWriter.Write(p)
}

// Unwrap is for [http.ResponseController].
func (k *keeper) Unwrap() http.ResponseWriter { return k.ResponseWriter }
