// Package remotes is the pages about customers' own servers: what they are set to, how
// the visits went, and a test that says step by step what was seen.
//
// They lie below /a/{account}, for its admins and for who runs the gateway. What a
// server proves itself by is shown by a test, and confirmed by a button of its own:
// nothing is confirmed on the way. Passwords and keys are typed and never shown.
//
// Why something failed is said in the reader's language by the code of the error; what
// the gateway and the server said stands beside it as a quotation.
package remotes

import (
	"cmp"
	"embed"
	"slices"
	"strings"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
)

//go:embed templates/*.html
var templates embed.FS

// Room is these pages.
func Room() desk.Room { return room }

const (
	all = "/a/{account}/remotes"
	one = all + "/of/{remote}"
)

var room = desk.Room{
	Views: ui.Later(templates, texts),
	Routes: []desk.Route{
		{Pattern: "GET " + all, Answer: list},
		{Pattern: "GET " + all + "/new/{direction}", Answer: askNew},
		{Pattern: "POST " + all + "/new/{direction}", Answer: add},
		{Pattern: "GET " + one, Answer: show},
		{Pattern: "GET " + one + "/edit", Answer: askEdit},
		{Pattern: "POST " + one + "/edit", Answer: edit},
		{Pattern: "POST " + one + "/test", Answer: test},
		{Pattern: "POST " + one + "/confirm", Answer: confirm},
		{Pattern: "POST " + one + "/run", Answer: run},
		{Pattern: "POST " + one + "/on", Answer: turn},
		{Pattern: "POST " + one + "/off", Answer: turn},
		{Pattern: "POST " + one + "/files/{file}/arrived", Answer: arrived},
		{Pattern: "POST " + one + "/files/{file}/again", Answer: sendAgain},
		{Pattern: "GET " + one + "/remove", Answer: askRemove},
		{Pattern: "POST " + one + "/remove", Answer: remove},
	},
}

// of is the API's path of something of the account's remotes, at an address of theirs.
func of(v *desk.Visit, parts ...string) string {
	return v.Of(append([]string{"remotes"}, parts...)...)
}

func at(v *desk.Visit, parts ...string) string {
	return v.At(append([]string{"remotes"}, parts...)...)
}

// own is the page of the address's remote.
func own(v *desk.Visit, parts ...string) string {
	return at(v, append([]string{"of", v.R.PathValue("remote")}, parts...)...)
}

func theRemote(v *desk.Visit) (r portal.Remote, err error) {
	if err := v.Managed(); err != nil {
		return r, err
	}
	err = v.Get(of(v, v.R.PathValue("remote")), nil, &r)
	return r, err
}

func crumbs(v *desk.Visit) []ui.Crumb {
	return []ui.Crumb{{Label: v.L.T("nav.remotes"), Href: at(v)}}
}

type listPage struct {
	Base string
	Rows []portal.Remote
}

// list shows those first whose files wait for an answer, and then those that fail.
func list(v *desk.Visit) error {
	if err := v.Managed(); err != nil {
		return err
	}
	page := listPage{Base: at(v)}
	if err := v.Get(of(v), nil, &page.Rows); err != nil {
		return err
	}
	slices.SortStableFunc(page.Rows, func(a, b portal.Remote) int { return cmp.Compare(urgency(a), urgency(b)) })
	return v.Show("remotes", "remotes", v.L.T("nav.remotes"), page)
}

func urgency(r portal.Remote) int {
	switch {
	case r.Unknown > 0:
		return 0
	case r.State != "on":
		return 4
	case r.FailingSince != nil:
		return 1
	case !ready(r):
		return 2
	}
	return 3
}

// ready reports whether a remote can be visited.
func ready(r portal.Remote) bool { return r.Confirmed && (r.Password || r.PrivateKey) }

// confirm puts what the test showed in the place of what was confirmed before. It is
// what stood in the page: what the server shows now may be another.
func confirm(v *desk.Visit) error {
	r, err := theRemote(v)
	if err != nil {
		return err
	}
	v.Next = own(v)
	seen := v.R.PostForm["fingerprint"]
	if len(seen) == 0 {
		return fault.New(fault.Invalid, "web: remote", "there is nothing to confirm; test the remote")
	}
	change := portal.RemoteChange{HostKeys: &seen}
	if r.Settings != nil && !strings.HasPrefix(r.Settings.URL, "sftp:") {
		change = portal.RemoteChange{CertificatePins: &seen}
	}
	if err := v.Patch(of(v, r.Name), change, nil); err != nil {
		return err
	}
	return v.Done(own(v), "remote-confirmed")
}

func run(v *desk.Visit) error {
	r, err := theRemote(v)
	if err != nil {
		return err
	}
	v.Next = own(v)
	if err := v.Post(of(v, r.Name, "run"), struct{}{}, nil); err != nil {
		return err
	}
	return v.Done(own(v), "remote-run")
}

func turn(v *desk.Visit) error {
	r, err := theRemote(v)
	if err != nil {
		return err
	}
	v.Next = own(v) // where the button is
	on := strings.HasSuffix(v.R.URL.Path, "/on")
	if err := v.Patch(of(v, r.Name), portal.RemoteChange{Enabled: &on}, nil); err != nil {
		return err
	}
	if on {
		return v.Done(own(v), "remote-on")
	}
	return v.Done(own(v), "remote-off")
}

type removePage struct{ Name, Base string }

func askRemove(v *desk.Visit) error {
	r, err := theRemote(v)
	if err != nil {
		return err
	}
	if err := v.Proved(); err != nil {
		return err
	}
	return v.Show("remove", "remotes", v.L.T("remote.remove"), removePage{r.Name, own(v)}, crumbs(v)...)
}

func remove(v *desk.Visit) error {
	r, err := theRemote(v)
	if err != nil {
		return err
	}
	v.Next = own(v, "remove")
	if err := v.Delete(of(v, r.Name), nil, nil); err != nil {
		return err
	}
	return v.Done(at(v), "remote-removed")
}
