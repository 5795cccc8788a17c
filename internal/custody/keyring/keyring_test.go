package keyring_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/custody/keyring"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
)

var now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// key is a living access key that the gateway holds.
func key(fingerprint, period string) *catalog.AccessKey {
	return &catalog.AccessKey{ID: uuid.New(), Fingerprint: fingerprint, Period: period, Held: catalog.KeysGateway, Confirmed: true}
}

func unconfirmed(k *catalog.AccessKey) *catalog.AccessKey { k.Confirmed = false; return k }
func customers(k *catalog.AccessKey) *catalog.AccessKey   { k.Held = catalog.KeysCustomer; return k }
func scheduled(k *catalog.AccessKey) *catalog.AccessKey   { k.RemoveAt = now; return k }
func removed(k *catalog.AccessKey) *catalog.AccessKey     { k.RemovedAt = now; return k }

func TestWhichAccessKeysSealNewFiles(t *testing.T) {
	const year, gateway, customer = catalog.PeriodYear, catalog.KeysGateway, catalog.KeysCustomer
	for what, c := range map[string]struct {
		period, held string
		keys         []*catalog.AccessKey
		want         []string
		made         bool
	}{
		"for all times":                     {"", gateway, []*catalog.AccessKey{key("a", ""), key("b", "")}, []string{"a", "b"}, false},
		"neither unconfirmed nor removed":   {"", gateway, []*catalog.AccessKey{unconfirmed(key("a", "")), removed(key("b", "")), key("c", "")}, []string{"c"}, false},
		"not one that is to go":             {"", gateway, []*catalog.AccessKey{scheduled(key("a", "")), key("b", "")}, []string{"b"}, false},
		"one that is to go, when alone":     {"", gateway, []*catalog.AccessKey{scheduled(key("a", ""))}, []string{"a"}, false},
		"of the year":                       {year, gateway, []*catalog.AccessKey{key("a", "2025"), key("b", "2026"), key("c", "2027")}, []string{"b"}, false},
		"the year's is to be made":          {year, gateway, []*catalog.AccessKey{key("a", "2025")}, []string{"a"}, true},
		"a customer's does not stand in":    {year, gateway, []*catalog.AccessKey{customers(key("a", "2026"))}, []string{"a"}, true},
		"the newest year of the customer's": {year, customer, []*catalog.AccessKey{customers(key("a", "2024")), customers(key("b", "2025")), customers(key("c", "2027"))}, []string{"b"}, false},
		"no years any more":                 {"", gateway, []*catalog.AccessKey{key("a", "2025"), key("b", "2026")}, []string{"b"}, false},
		"none":                              {"", customer, nil, nil, false},
	} {
		ring := keyring.Ring{Account: &catalog.Account{Keys: c.held, KeyPeriod: c.period}, AccessKeys: c.keys}
		_, access, made := ring.Sealing(keyring.Year(now))
		var got []string
		for _, k := range access {
			got = append(got, k.Fingerprint)
		}
		if !slices.Equal(got, c.want) || made != c.made {
			t.Errorf("%s: %v, made here: %v; want %v, %v", what, got, made, c.want, c.made)
		}
	}
}

func TestWhichCertificatesSealNewFiles(t *testing.T) {
	cert := func(name string, current bool) *catalog.Certificate {
		return &catalog.Certificate{Fingerprint: name, Current: current}
	}
	toGo := func(c *catalog.Certificate) *catalog.Certificate { c.RemoveAt = now; return c }
	gone := func(c *catalog.Certificate) *catalog.Certificate { c.RemovedAt = now; return c }
	for what, c := range map[string]struct {
		certs []*catalog.Certificate
		want  []string
	}{
		"the current one":                   {[]*catalog.Certificate{cert("a", true), cert("b", false), gone(cert("c", true))}, []string{"a"}},
		"all current ones":                  {[]*catalog.Certificate{cert("a", true), cert("b", true)}, []string{"a", "b"}},
		"not the current one that is to go": {[]*catalog.Certificate{toGo(cert("a", true)), cert("b", true)}, []string{"b"}},
		"an older one steps in":             {[]*catalog.Certificate{toGo(cert("a", true)), toGo(cert("b", false)), cert("c", false), cert("d", false)}, []string{"c"}},
		"one that is to go, when alone":     {[]*catalog.Certificate{toGo(cert("a", true)), gone(cert("b", false))}, []string{"a"}},
		"none":                              {[]*catalog.Certificate{gone(cert("a", true))}, nil},
	} {
		ring := keyring.Ring{Account: new(catalog.Account), Certificates: c.certs}
		certs, _, _ := ring.Sealing(keyring.Year(now))
		var got []string
		for _, cert := range certs {
			got = append(got, cert.Fingerprint)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", what, got, c.want)
		}
	}
}

func TestWhyNothingCanBeSealed(t *testing.T) {
	open := keyring.Ring{Account: &catalog.Account{State: catalog.AccountOpen, Keys: catalog.KeysGateway}}
	if err := open.NotReady(1, 1); err != nil {
		t.Error(err)
	}
	closed := keyring.Ring{Account: &catalog.Account{State: catalog.AccountClosed}}
	said := map[string]bool{}
	customer := keyring.Ring{Account: &catalog.Account{State: catalog.AccountOpen, Keys: catalog.KeysCustomer}}
	for _, err := range []error{closed.NotReady(1, 1), open.NotReady(0, 1), open.NotReady(1, 0), customer.NotReady(1, 0)} {
		if !fault.Is(err, fault.Locked) || said[fault.Message(err)] {
			t.Errorf("%v: not Locked, or said of something else, too", err)
		}
		said[fault.Message(err)] = true
	}
}

func TestWhatStillOpens(t *testing.T) {
	outside, here, gone := removed(customers(key("outside", ""))), key("here", ""), removed(key("gone", ""))
	ring := keyring.Ring{
		Certificates: []*catalog.Certificate{{Fingerprint: "cert"}, {Fingerprint: "dead", RemovedAt: now}},
		AccessKeys:   []*catalog.AccessKey{outside, here, gone},
	}
	lock := func(cert string, access ...string) *catalog.Lock {
		return &catalog.Lock{Certificates: []string{cert}, AccessKeys: access}
	}
	all, without := ring.Opening("", uuid.Nil), ring.Opening("", here.ID)
	for what, c := range map[string]struct{ got, want bool }{
		"both are there":                       {all.Lock(lock("cert", "here")), true},
		"the certificate was destroyed":        {all.Lock(lock("dead", "here")), false},
		"the access key was destroyed":         {all.Lock(lock("cert", "gone")), false},
		"one of two was destroyed":             {all.Lock(lock("cert", "gone", "here")), true},
		"the customer has what was removed":    {all.Lock(lock("cert", "outside")), true},
		"nobody knows the key":                 {all.Lock(lock("cert", "unheard")), false},
		"after the removal":                    {without.Lock(lock("cert", "here", "gone")), false},
		"after the removal, of two":            {without.Lock(lock("cert", "here", "outside")), true},
		"after the removal of the certificate": {ring.Opening("cert", uuid.Nil).Lock(lock("cert", "here")), false},
	} {
		if c.got != c.want {
			t.Errorf("%s: opens: %v", what, c.got)
		}
	}
	if n := all.AccessKeys(lock("cert", "here", "outside", "gone")); n != 2 {
		t.Errorf("%d of the lock's access keys open", n)
	}
}
