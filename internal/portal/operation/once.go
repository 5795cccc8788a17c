package operation

import (
	"bytes"
	"context"
	"crypto/hmac"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/logging"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/requests"
)

// A POST with an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header) is done
// once: who lost the answer asks again under the same key and gets the same one. What
// is remembered tells nothing to a reader of the catalog: sender, key and what was asked
// are MACs under the account's record key, and the answer is sealed. An answer that
// holds a secret is not kept at all: the secret would be in every backup, and come out
// again for who has the record key. That it was given is what a repeat is told.

const (
	keyHeader      = "Idempotency-Key"
	replayedHeader = "Idempotency-Replayed"
	rememberedFor  = 24 * time.Hour
	minKey, maxKey = 8, 255
	maxAsked       = 1 << 20
	maxAnswered    = 64 << 10
	maxRemembered  = 5_000 // requests of an account; of an operator, or of a program of one
)

// once lets do answer when the request was never asked before under its key, and
// answers from memory otherwise.
func (r *Router) once(w http.ResponseWriter, req *http.Request, operation string, do func(http.ResponseWriter, *http.Request)) {
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
	account, rec, err := r.rememberedBy(ctx)
	if err != nil {
		r.Refuse(ctx, w, err)
		return
	}
	sum := rec.MAC("request key", []byte(access.Of(ctx).Actor), []byte(key))
	print := rec.MAC("request", []byte(req.Method), []byte(req.URL.RequestURI()), body)
	sender := rec.MAC("request sender", []byte(access.Of(ctx).Actor))
	known, fresh, err := r.begun(ctx, &requests.Request{Hash: sum[:], Print: print[:], Run: r.run, Account: account, Sender: sender[:]})
	switch {
	case err != nil:
		r.Refuse(ctx, w, err)
	case fresh:
		kept := &keeper{ResponseWriter: w}
		do(kept, req)
		r.remember(ctx, known, kept, access.ShowsOnce(operation))
	case !hmac.Equal(known.Print, print[:]):
		r.refuseAgain(ctx, w, http.StatusUnprocessableEntity, "something else was asked under this Idempotency-Key; take a new one for each thing")
	default:
		r.replay(ctx, w, known, rec)
	}
}

// rememberedBy is the account whose request this is, the built-in one for who runs the
// gateway, and its record key.
func (r *Router) rememberedBy(ctx context.Context) (account uuid.UUID, rec *custody.Records, err error) {
	if account = access.Of(ctx).Account; account == uuid.Nil {
		err = r.opt.Catalog.View(ctx, func(tx *catalog.Tx) error {
			system, err := tx.AccountByName(catalog.SystemAccount)
			if err == nil {
				account = system.ID
			}
			return err
		})
		if err != nil {
			return account, nil, err
		}
	}
	rec, err = r.opt.Records.Records(ctx, account)
	if fault.Is(err, fault.Locked) {
		err = fault.New(fault.Locked, "api: once", "the account's records cannot be opened, so that nothing can be remembered: ask without Idempotency-Key")
	}
	return account, rec, err
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
func (r *Router) begun(ctx context.Context, begins *requests.Request) (v *requests.Request, fresh bool, err error) {
	const op = "api: once"
	if begins.ID, err = uuid.NewV7(); err != nil {
		return nil, false, fault.Wrap(fault.Internal, op, err)
	}
	var bounded []byte // an account's requests together; operators share one, and each has his own
	if access.Of(ctx).Account == uuid.Nil {
		bounded = begins.Sender
	}
	err = r.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := tx.SweepRequests(r.opt.Now()); err != nil {
			return err
		}
		v, err = tx.Request(begins.Hash)
		if !fault.Is(err, fault.NotFound) {
			return err
		}
		if n, err := tx.CountRequests(begins.Account, bounded); err != nil {
			return err
		} else if n >= maxRemembered {
			return tooMany("very many requests with an Idempotency-Key were made in the last 24 hours; ask without one, or later")
		}
		fresh, v = true, begins
		v.Until = r.opt.Now().Add(rememberedFor)
		return tx.InsertRequest(v)
	})
	return v, fresh, fault.Wrap(fault.Internal, op, err)
}

// remember keeps an answer that says that it was done, or only that it was. What was
// refused was not done, and may be asked for again; of what broke down nobody knows.
func (r *Router) remember(ctx context.Context, v *requests.Request, kept *keeper, secret bool) {
	ctx = context.WithoutCancel(ctx) // who does not wait for the answer will ask again
	err := func() error {
		switch {
		case kept.status == http.StatusServiceUnavailable || kept.status == http.StatusInsufficientStorage || kept.status >= 400 && kept.status < 500:
			return r.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.DeleteRequest(v.Hash) })
		case kept.status >= 500:
			return nil
		case secret || kept.tooLong:
			return r.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error { return tx.AnswerRequest(v.Hash, int64(kept.status), "", nil) })
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

func (r *Router) refuseAgain(ctx context.Context, w http.ResponseWriter, status int, text string) {
	p := portal.ProblemFor(status, text)
	p.Request = logging.Request(ctx)
	write(w, p)
}

// replay answers what was answered before.
func (r *Router) replay(ctx context.Context, w http.ResponseWriter, v *requests.Request, rec *custody.Records) {
	switch {
	case v.Status == 0 && v.Run == r.run:
		r.refuseAgain(ctx, w, http.StatusConflict, "this is under way already, or was cut short; look at what is there before you ask under a new Idempotency-Key")
		return
	case v.Status == 0:
		r.refuseAgain(ctx, w, http.StatusConflict, "the gateway stopped while this was under way; look at what is there before you ask under a new Idempotency-Key")
		return
	case len(v.Answer) == 0:
		r.refuseAgain(ctx, w, http.StatusConflict, "this was done, and its answer was given once: a secret in it is shown once and not kept. When it was lost, make a new one")
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
