package api

import (
	"context"

	"sealgate/internal/account"
	"sealgate/internal/audit"
	"sealgate/internal/portal"
	"sealgate/internal/portal/access"
	"sealgate/internal/portal/operation"
	"sealgate/internal/store/catalog"
)

// maxHappenings is how much of a file's life one answer tells: the first entries. A
// file has some ten; one that robots fetch each minute has more, which the audit log
// pages through.
const maxHappenings = 500

// timeline tells what happened to a file, from the audit entries about it. What
// others were refused about it stands in their own logs and is not told here.
func (a *API) timeline(ctx context.Context, in *operation.ByID) (*operation.Out[[]portal.Happening], error) {
	f, err := a.file(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	var entries []*audit.Entry
	err = a.Catalog.View(ctx, func(tx *catalog.Tx) (err error) {
		entries, err = tx.AuditOf(f.ID.String(), maxHappenings)
		return err
	})
	if err != nil {
		return nil, err
	}
	known := map[string]account.Actor{}
	list := []portal.Happening{}
	for _, e := range entries {
		if e.Account != f.Account {
			continue
		}
		who, ok := known[e.Actor]
		if !ok {
			if who, err = a.Accounts.Actor(ctx, e.Actor); err != nil {
				return nil, err
			}
			known[e.Actor] = who
		}
		list = append(list, happening(ctx, f, e, who))
	}
	return operation.Answer(list), nil
}

// happening is an entry in words. The names of who runs the gateway are not told to
// its customers.
func happening(ctx context.Context, f *catalog.File, e *audit.Entry, who account.Actor) portal.Happening {
	h := portal.Happening{At: e.Time.UTC(), Action: e.Action, Text: inWords(f, e), Actor: e.Actor, ActorKind: string(who.Kind), Detail: e.Detail}
	if who.Kind == account.ActorRemote || who.Name != "" && access.Own(ctx, who.Account) {
		h.ActorName = &who.Name
	}
	return h
}

// sentences are what the actions about a file mean.
var sentences = map[string]string{
	"file.received":       "Received, complete and stored safely",
	"file.waiting-rename": "Stored safely under a temporary name; waiting to be renamed",
	"file.not-renamed":    "Still under its temporary name after a day; nobody renamed it",
	"file.sent":           "Put into the outbox",
	"file.repeated":       "Sent once more and recognised as the same delivery; nothing was stored twice",
	"file.indexed":        "Read and indexed",
	"file.kept":           "Kept, sealed",
	"file.deleted":        "Content deleted as the account's policy says; the record stays",
	"file.released":       "Released by a person",
	"file.reindex":        "To be indexed again",
	"file.erased":         "Content erased; the record stays",
	"file.held":           "Held until a person decides",
	"file.locked":         "Waiting: a key that opens it is missing",
	"file.refused":        "Refused: it could not be read",
	"file.delivered":      "Delivered",
	"file.body-removed":   "Content removed some time after delivery",
	"arrival.abandoned":   "The upload was never finished and was given up",
	"grant.damaged":       "Could not be opened; the key that it came with is damaged",
	"content.read":        "Content read",
	"sealed.read":         "Fetched sealed, as it lies here",
	"findings.read":       "What its findings say read by an operator",
	"receipt.read":        "Receipt fetched",
	"payments.exported":   "Payments of the file fetched as a sheet",
	"payments.searched":   "Payments of the file looked at",
}

// doors are where files come from.
var doors = map[string]string{
	"sftp": "SFTP", "api": "the API", "portal": "the portal", "connect": "Connect", "operator": "an operator", "gateway": "the gateway itself",
}

// outcomes are what indexing came to.
var outcomes = map[string]string{
	"indexed": "; nothing wrong with it", "held": "; held until a person decides", "refused": "; refused, it could not be read to its end",
}

// proofs are what shows that a file lies on the account's own server.
var proofs = map[string]string{
	"size":    " to the account's own server, which confirmed its size",
	"content": " to the account's own server, from which it was read back",
	"by-hand": " to the account's own server, as somebody said who had asked there",
}

// reasons are why content was erased.
var reasons = map[string]string{
	"erased": ": somebody asked for it", "retention": ": its time was over", "key-removed": ": the key that opened it was removed",
	"lost-before-indexing": ": it was lost before it could be read; send the file again",
}

// inWords says what an entry means in a sentence. An action that has none stands for
// itself.
func inWords(f *catalog.File, e *audit.Entry) string {
	text, ok := sentences[e.Action]
	if !ok {
		return e.Action
	}
	if door, ok := doors[e.Detail["source"]]; ok && (e.Action == "file.received" || e.Action == "file.waiting-rename") {
		text += ", by " + door
	}
	if e.Action == "file.received" && f.Delivery.Resumed {
		text += "; the upload had been cut and was resumed"
	}
	if e.Action == "file.indexed" {
		text += outcomes[e.Detail["outcome"]]
	}
	if e.Action == "file.delivered" {
		text += proofs[e.Detail["check"]]
		if hash := e.Detail["hash"]; hash != "" {
			text += " and " + hash
		}
	}
	if e.Action == "file.erased" {
		text += reasons[e.Detail["reason"]]
	}
	return text
}
