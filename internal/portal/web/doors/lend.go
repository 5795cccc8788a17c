package doors

import (
	"io"
	"net/url"
	"slices"
	"strings"

	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/web/desk"
	"sealgate/internal/portal/web/ui"
)

// lendPage lends the gateway the customer's access key, or takes it back.
type lendPage struct {
	Account    portal.Account
	Form       *ui.Form
	Choices    []ui.Option
	Passphrase bool // a key is kept here under one
}

func keyCrumbs(v *desk.Visit) []ui.Crumb {
	return []ui.Crumb{{Label: v.L.T("nav.keys"), Href: v.At("keys")}}
}

func askLend(v *desk.Visit) error {
	if err := v.Managed(); err != nil {
		return err
	}
	if err := v.Proved(); err != nil {
		return err
	}
	return showLend(v, &ui.Form{Values: url.Values{"for": {"8h"}}})
}

var lendFor = []string{"1h", "8h", "1d"}

func showLend(v *desk.Visit, form *ui.Form) error {
	a, _, err := v.TheAccount()
	if err != nil {
		return err
	}
	if a.Keys != "customer" {
		return fault.New(fault.Invalid, "web: lend", "the gateway holds this account's access key itself; there is nothing to unlock")
	}
	var keys []portal.AccessKey
	if err := v.Get(v.Of("access-keys"), nil, &keys); err != nil {
		return err
	}
	page := lendPage{Account: a, Form: form, Choices: v.Options("access.for", lendFor...)}
	page.Passphrase = slices.ContainsFunc(keys, func(k portal.AccessKey) bool { return k.Held == "passphrase" && k.RemovedAt == nil })
	return v.ShowAs(form.Status(), "lend", "keys", v.L.T("lend.title"), page, keyCrumbs(v)...)
}

var lendRefusals = []desk.Refusal{
	{Words: "no such access key", Field: "key", Text: "lend.other"},
	{Words: "access key under a passphrase", Field: "passphrase", Text: "lend.no-passphrase"},
	{Words: "with this passphrase", Field: "passphrase", Text: "lend.wrong"},
	{Words: "one of the two", Field: "key", Text: "lend.one"},
	{Words: "a passphrase", Field: "passphrase", Text: "lend.slowly"},
	{Words: "too many passphrases", Field: "passphrase", Text: "lend.slowly"},
	{Words: "", Field: "key", Text: "lend.bad"},
}

// lend hands the key on. It is in this request and in the gateway's memory, and in no
// answer.
func lend(v *desk.Visit) error {
	if err := v.Managed(); err != nil {
		return err
	}
	v.Next = v.At("keys", "lend")
	form := &ui.Form{Values: desk.Keep(v.R.PostForm, "for")}
	key, err := picked(v, "key")
	if err != nil {
		return err
	}
	defer clear(key)
	in := portal.Unlock{AccessKey: string(key), Passphrase: v.R.PostForm.Get("passphrase")}
	if !slices.Contains(lendFor, form.Values.Get("for")) {
		form.Fail("for", v.L.T("form.required"))
	} else if in.For, err = portal.ParseDuration(form.Values.Get("for")); err != nil {
		return err
	}
	if in.AccessKey == "" && in.Passphrase == "" || in.AccessKey != "" && in.Passphrase != "" {
		form.Fail("key", v.L.T("lend.one"))
	}
	if !form.OK() {
		return showLend(v, form)
	}
	err = v.Post(v.Of("unlock"), in, nil)
	switch {
	case err == nil:
		return v.Done(v.At("keys", "lend"), "lent")
	case fault.Is(err, fault.NotFound) || fault.Is(err, fault.TryLater):
		err = fault.New(fault.Invalid, "web: lend", "%s", fault.Message(err)) // it is about what was typed
	}
	if err := v.Explain(form, err, lendRefusals); err != nil {
		return err
	}
	return showLend(v, form)
}

// maxKey is more than a key file has.
const maxKey = 64 << 10

// picked is the content of a file that was picked, nil when none was.
func picked(v *desk.Visit, name string) ([]byte, error) {
	if v.R.MultipartForm == nil || len(v.R.MultipartForm.File[name]) == 0 {
		return nil, nil
	}
	f, err := v.R.MultipartForm.File[name][0].Open()
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, "web: lend", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKey))
	return text, fault.Wrap(fault.Invalid, "web: lend", err)
}

func takeBack(v *desk.Visit) error {
	if err := v.Post(v.Of("lock"), nil, nil); err != nil {
		return err
	}
	return v.Done(v.At("keys", "lend"), "taken-back")
}

// resealPage tells how far it is that existing files are sealed for the present keys.
type resealPage struct {
	portal.Reseal
	Waits   string
	Manages bool
	All     int64
}

func reseal(v *desk.Visit) error {
	page := resealPage{Manages: v.May("admin", desk.Operator)}
	if err := v.Get(v.Of("reseal"), nil, &page.Reseal); err != nil {
		return err
	}
	page.All = page.Resealed + page.Left
	if key := "reseal.waits." + strings.ReplaceAll(page.Waiting, " ", "-"); page.Waiting != "" {
		page.Waits = v.L.T("reseal.waits.internal")
		if v.L.Has(key) {
			page.Waits = v.L.T(key)
		}
	}
	return v.Show("reseal", "keys", v.L.T("reseal.title"), page, keyCrumbs(v)...)
}

func startReseal(v *desk.Visit) error {
	if err := v.Post(v.Of("reseal"), nil, nil); err != nil {
		return err
	}
	return v.Done(v.At("keys", "reseal"), "resealing")
}
