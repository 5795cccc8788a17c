package main

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sealgate/internal/needtest"
)

// The packages of every platform are made twice, with the same bytes, and are what
// the tools of those platforms take for packages; those of this machine are installed,
// upgraded and removed. (Compiling for five platforms is nothing for each change.)
func TestCampaignPackages(t *testing.T) {
	if os.Getenv("SEALGATE_LONG") == "" {
		return
	}
	for _, p := range []string{"dpkg", "rpm", "wixl", "faketime", "osslsigncode", "systemd-analyze", "unshare"} {
		needtest.Program(t, p)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(root, "bin/packages")
	output := func(name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%s %v: %v\n%s", name, args, err, out)
		}
		return string(out)
	}
	made := func() string {
		old, err := filepath.Glob(filepath.Join(root, "bin/connect-*"))
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range old {
			if err := os.Remove(name); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		output("make", "-C", root, "packages")
		sums, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		return string(sums)
	}
	first := made()
	if again := made(); first != again {
		t.Errorf("the same commit made other bytes:\n%s\n%s", first, again)
	}
	output("sha256sum", "--check", "SHA256SUMS")
	output(filepath.Join(root, "tools/packages/try"), dir)
	if files := output("rpm", "-qlp", one(t, dir, "*.aarch64.rpm")); !strings.Contains(files, "/usr/bin/connect\n") {
		t.Errorf("the rpm holds %s", files)
	}
	zipped(t, one(t, dir, "*_windows_arm64.zip"))
	installer(t, one(t, dir, "*.msi"), output)
}

// Under a systemd that is really there, the gateway's unit and the deb do what the pages
// say: they start, come again after a kill and a power cut, and go.
func TestCampaignSystemd(t *testing.T) {
	if os.Getenv("SEALGATE_LONG") == "" {
		return
	}
	for _, p := range []string{"systemd-nspawn", "nsenter", "unshare", "dpkg"} {
		needtest.Program(t, p)
	}
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(filepath.Join(root, "bin/packages")); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"make", "-C", root, "build", "packages"},
		{filepath.Join(root, "tools/packages/live"), filepath.Join(root, "bin/gateway")},
	} {
		if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
	}
}

func one(t *testing.T, dir, pattern string) string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(names) != 1 {
		t.Fatalf("%s: %v, %v", pattern, names, err)
	}
	return names[0]
}

func zipped(t *testing.T, name string) {
	t.Helper()
	z, err := zip.OpenReader(name)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	for file, want := range map[string]string{"connect.exe": "MZ", "README.txt": "# Connect: from download to the first receipt in five minutes\r\n", "LICENCES.txt": "Sealgate Connect"} {
		f, err := z.Open("sealgate-connect/" + file)
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(f)
		if err != nil || !bytes.HasPrefix(text, []byte(want)) {
			t.Errorf("%s: %v, begins with %.70q", file, err, text)
		}
	}
}

// installer reads the MSI back, and signs it, as docs/connect.md says.
func installer(t *testing.T, msi string, output func(string, ...string) string) {
	t.Helper()
	for table, wants := range map[string][]string{
		"InstallExecuteSequence": {"TakeAway\tREMOVE=\"ALL\" AND NOT UPGRADINGPRODUCTCODE\t1950", "StopServices\tVersionNT\t1900", "StartAgain\t(OLDER OR REINSTALL) AND NOT REMOVE\t6450"},
		"Environment":            {"path\t=-*PATH\t[~];[INSTALLDIR]\tconnect.exe"},
		"ServiceControl":         {"stop\tsealgate-connect\t34\t"},
		"File":                   {"connect.exe", "README.txt", "LICENCES.txt"},
		"Upgrade":                {"\t768\t\tOLDER", "\t2\t\tNEWER"},
	} {
		text := output("msiinfo", "export", msi, table)
		for _, want := range wants {
			if !strings.Contains(text, want) {
				t.Errorf("%s lacks %q:\n%s", table, want, text)
			}
		}
	}
	key, cert, signed := filepath.Join(t.TempDir(), "key.pem"), filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "signed.msi")
	output("openssl", "req", "-x509", "-newkey", "rsa:3072", "-nodes", "-keyout", key, "-out", cert, "-days", "2", "-subj", "/CN=Sealgate test", "-addext", "extendedKeyUsage=codeSigning")
	output("osslsigncode", "sign", "-certs", cert, "-key", key, "-n", "Sealgate Connect", "-in", msi, "-out", signed)
	output("osslsigncode", "verify", "-CAfile", cert, "-in", signed)
}
