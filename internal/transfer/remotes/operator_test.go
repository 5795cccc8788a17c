package remotes_test

import (
	"context"
	"testing"
	"time"

	"sealgate/internal/account"
	"sealgate/internal/store/catalog"
	table "sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/remotes"
)

func push(name string) remotes.NewRemote {
	n := pull(name, "bank.example.com")
	n.Direction, n.Settings = table.Push, remotes.Defaults(table.Push)
	n.Settings.URL, n.Settings.HostKeys = "sftp://payments@bank.example.com/in", []string{fingerprint}
	return n
}

// lets says whether operators see the contents of the account.
func (d *desk) lets(choice string) {
	d.t.Helper()
	if _, err := d.Accounts.SetAccount(d.t.Context(), "test", "acme", account.Change{OperatorAccess: &choice}); err != nil {
		d.t.Fatal(err)
	}
}

// An account that closes its contents to operators closes the way out, too, that one of
// them has made while they were open.
func TestNothingIsPushedWhereOperatorsHaveLed(t *testing.T) {
	const other = "SHA256:AAAAAAj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
	d := open(t)
	n := push("added")
	n.ByOperator = true
	d.add(n)
	n = pull("fetched", "bank.example.com")
	n.ByOperator = true
	d.add(n)
	for _, name := range []string{"own", "url", "pin", "secret", "slower", "moved"} {
		d.add(push(name))
	}
	set := func(name string, byOperator bool, secret *string, change func(*remotes.Settings)) {
		t.Helper()
		_, err := d.Set(t.Context(), "test", "acme", name, remotes.Change{
			Settings: func(s *remotes.Settings) error { change(s); return nil }, Secret: remotes.SecretChange{Password: secret}, ByOperator: byOperator,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	set("url", true, nil, func(s *remotes.Settings) { s.URL = "sftp://payments@bank.example.com/elsewhere" })
	set("pin", true, nil, func(s *remotes.Settings) { s.HostKeys = []string{other} })
	set("secret", true, text("hunter3"), func(*remotes.Settings) {})
	set("slower", true, nil, func(s *remotes.Settings) { s.Every = 2 * time.Minute })
	set("moved", true, text("hunter3"), func(*remotes.Settings) {})
	set("moved", false, text("hunter4"), func(s *remotes.Settings) {
		s.URL, s.HostKeys = "sftp://payments@new.example.com/", []string{other}
	})
	set("pin", false, nil, func(s *remotes.Settings) { s.Every = 2 * time.Minute }) // that is no leave

	all := []string{"added", "fetched", "moved", "own", "pin", "secret", "slower", "url"}
	for _, c := range []struct {
		choice string
		want   []string
	}{
		{catalog.OperatorOn, all},
		{catalog.OperatorAsked, []string{"fetched", "moved", "own", "slower"}},
		{catalog.OperatorOff, []string{"fetched", "moved", "own", "slower"}},
		{catalog.OperatorOn, all},
	} {
		d.lets(c.choice)
		d.visited()
		for _, name := range all {
			if _, err := d.Start(t.Context(), "test", "acme", name); err != nil {
				t.Fatal(err)
			}
			d.Service.Wait()
		}
		same(t, "operators: "+c.choice, d.visited(), c.want)
	}
	d.lets(catalog.OperatorOff)
	d.does(func(context.Context, remotes.Visit) (remotes.Result, error) {
		t.Error("the server was called")
		return remotes.Result{}, nil
	})
	if _, err := d.Start(t.Context(), "test", "acme", "pin"); err != nil {
		t.Fatal(err)
	}
	d.Service.Wait()
	if h := d.find("pin").Health; h.Error != "not-allowed" || h.FailingSince.IsZero() {
		t.Errorf("health %+v", h)
	}
}
