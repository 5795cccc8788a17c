package signon

import (
	"context"
	"net/netip"
	"time"

	"sealgate/internal/limit"
	"sealgate/internal/mailaddr"
)

const (
	maxForgotten = 64 // that wait
	maxUsername  = 255
)

// requests counts who says that he forgot, by network. The buckets of strangers are a
// bounded number: nobody fills them with the networks of one provider.
type requests struct{ network, provider *limit.Limiter }

func newRequests(now func() time.Time) requests {
	return requests{limit.New(limit.Rate{Burst: 5, Every: 2 * time.Minute}, now), limit.New(limit.Rate{Burst: 50, Every: 6 * time.Second}, now)}
}

// take reports whether a request from this address is heard.
func (r requests) take(from netip.Addr) bool {
	if from = from.Unmap().WithZone(""); from.Is6() {
		if provider, err := from.Prefix(32); err != nil || r.provider.Take(provider.String()) > 0 {
			return false
		}
	}
	return r.network.Take(limit.Network(from).String()) == 0
}

// Run sends links to those who have forgotten their password, until ctx ends and
// nobody waits for one. It happens apart from the answer, which so takes the same time
// for everybody.
func (h *Handler) Run(ctx context.Context) error {
	for {
		var username string
		select {
		case username = <-h.forgotten:
		case <-ctx.Done():
			select {
			case username = <-h.forgotten: // who was told that it is sent
			default:
				return nil
			}
		}
		if err := h.remind(context.WithoutCancel(ctx), username); err != nil {
			h.log.Error("a link for who forgot the password could not be sent", "error", err)
		}
	}
}

func (h *Handler) remind(ctx context.Context, username string) error {
	if !mailaddr.Valid(username) {
		return nil // no letter can go there
	}
	link, to, err := h.people.Forgot(ctx, username)
	if err != nil || link == nil {
		return err
	}
	h.letters.Send(ctx, link, to)
	return nil
}

func (v *visit) forgot() error {
	if v.letters == nil {
		return notFound()
	}
	return v.show("forgot", true, signInData{Form: v.form})
}

func (v *visit) doForgot() error {
	if v.letters == nil {
		return notFound()
	}
	username := v.r.PostForm.Get("username")
	if len(username) <= maxUsername && v.forgets.take(v.from.Source) {
		select {
		case v.Handler.forgotten <- username:
		default: // a flood: who asks again later is heard
		}
	}
	return v.done("/sign-in", "link-sent")
}
