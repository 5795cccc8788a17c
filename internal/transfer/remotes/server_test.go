package remotes_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"sealgate/internal/fault"
	table "sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/remotetest"
	"sealgate/internal/transfer/remotes"
)

func TestAgainstARealServer(t *testing.T) {
	server := remotetest.OpenSSH(t)
	if err := os.WriteFile(filepath.Join(server.Disk, "a.xml"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := open(t)
	n := pull("bank", fmt.Sprintf("127.0.0.1:%d", server.Port))
	n.Settings.URL = fmt.Sprintf("sftp://%s@127.0.0.1:%d%s", server.User, server.Port, server.Disk)
	n.Settings.HostKeys, n.Secret = nil, remotes.SecretChange{Key: text(string(server.Key))}
	n.Settings.Include = []string{"*.xml"}
	d.add(n)
	test := func(name string) *remotes.Report {
		t.Helper()
		report, err := d.Test(t.Context(), "test", "acme", name)
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	names := func(r *remotes.Report) (list []string) {
		for _, s := range r.Steps {
			list = append(list, s.Name)
		}
		return list
	}
	report := test("bank")
	if report.OK() || report.Proves != remote.StepHostKey || len(report.Fingerprints) == 0 || !slices.Contains(server.HostKeys, report.Fingerprints[0]) {
		t.Fatalf("%+v", report)
	}
	if len(d.find("bank").Settings.HostKeys) != 0 {
		t.Error("a host key was confirmed silently")
	}
	confirm := func(s *remotes.Settings) error { s.HostKeys = report.Fingerprints; return nil }
	if _, err := d.Set(t.Context(), "test", "acme", "bank", remotes.Change{Settings: confirm}); err != nil {
		t.Fatal(err)
	}
	report = test("bank")
	if !report.OK() || !strings.Contains(report.Steps[len(report.Steps)-1].Seen, "1 of the files would be fetched") {
		t.Fatalf("%+v", report)
	}
	same(t, "steps", names(report), []string{"resolve", "connect", "host key", "sign-in", "start", "list"})

	lost := n
	lost.Name, lost.Settings.URL, lost.Settings.HostKeys = "lost", n.Settings.URL+"/not-there", server.HostKeys
	d.add(lost)
	if report = test("lost"); report.OK() || !strings.Contains(fault.Message(report.Steps[len(report.Steps)-1].Err), "not-there for this login; the folder in an address is absolute") {
		t.Errorf("a folder that is not there: %+v", report.Steps)
	}

	out := n
	out.Name, out.Direction, out.Settings.Include, out.Settings.After, out.Settings.Still = "out", table.Push, nil, "", 0
	out.Settings.HostKeys = server.HostKeys
	d.add(out)
	if report = test("out"); !report.OK() || report.Steps[len(report.Steps)-1].Name != remote.StepWrite {
		t.Fatalf("%+v", report)
	}
	if left, err := os.ReadDir(server.Disk); err != nil || len(left) != 1 {
		t.Errorf("the test left %v %v", left, err)
	}
	// A visit gets a session.
	d.does(func(ctx context.Context, v remotes.Visit) (remotes.Result, error) {
		s, err := v.Connect(ctx)
		if err != nil {
			return remotes.Result{}, err
		}
		list, err := s.List(ctx, v.Dir)
		return remotes.Result{Files: len(list)}, fault.Wrap(fault.Internal, "test", firstOf(err, s.Close()))
	})
	d.round()
	if runs, err := d.Runs(t.Context(), "acme", "bank", 1); err != nil || len(runs) != 1 || runs[0].Files != 1 {
		t.Errorf("%+v %v", runs, err)
	}
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func TestAgainstARealFTPSServer(t *testing.T) {
	server, _ := remotetest.ProFTPD(t)
	d := open(t)
	n := pull("bank", "h")
	n.Settings.URL, n.Settings.HostKeys, n.Secret.Password = fmt.Sprintf("ftpes://%s@127.0.0.1:%d%s", server.User, server.Explicit, server.Dir), nil, text(server.Password)
	d.add(n)
	report, err := d.Test(t.Context(), "test", "acme", "bank")
	if err != nil || report.OK() || report.Proves != "certificate" || !slices.Equal(report.Fingerprints, []string{server.Certificate}) {
		t.Fatalf("%+v %v", report, err)
	}
	confirm := func(s *remotes.Settings) error { s.Certificates = report.Fingerprints; return nil }
	if _, err := d.Set(t.Context(), "test", "acme", "bank", remotes.Change{Settings: confirm}); err != nil {
		t.Fatal(err)
	}
	if report, err = d.Test(t.Context(), "test", "acme", "bank"); err != nil || !report.OK() {
		t.Fatalf("%+v %v", report, err)
	}
}
