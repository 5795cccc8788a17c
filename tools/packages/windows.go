package main

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/template"
)

// A piece is a file of what Windows gets.
type piece struct {
	name string
	text []byte
}

func (r release) pieces(arch string) ([]piece, error) {
	program, err := os.ReadFile(r.binary("windows", arch))
	if err != nil {
		return nil, err
	}
	readme, err := os.ReadFile(filepath.Join(r.Root, "docs/connect.md"))
	if err != nil {
		return nil, err
	}
	return []piece{{"connect.exe", program}, {"README.txt", crlf(readme)}, {"LICENCES.txt", crlf(r.Notices)}}, nil
}

// zip makes the archive for Windows.
func (r release) zip(arch string) error {
	pieces, err := r.pieces(arch)
	if err != nil {
		return err
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	for _, p := range pieces {
		w, err := z.CreateHeader(&zip.FileHeader{Name: name + "/" + p.name, Method: zip.Deflate, Modified: r.Time})
		if err != nil {
			return err
		}
		if _, err := io.Copy(w, bytes.NewReader(p.text)); err != nil {
			return err
		}
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.Out, fmt.Sprintf("%s_%s_windows_%s.zip", name, r.numbers(), arch)), out.Bytes(), 0o644)
}

//go:embed connect.wxs
var wxs string

// What wixl 0.101 cannot say, or says in another order each time: the directory of the
// program in the PATH; that the same version is replaced as well, and an older one not
// put over a newer one; that the service goes with the program, and is started again
// after an upgrade. Actions of type 3154 run the program as the system, and what they
// say is not waited for to be well; type 19 stops with a sentence.
var more = []string{
	"CREATE TABLE `Environment` (`Environment` CHAR(72) NOT NULL, `Name` CHAR(255) NOT NULL LOCALIZABLE, `Value` CHAR(255) LOCALIZABLE, `Component_` CHAR(72) NOT NULL PRIMARY KEY `Environment`)",
	"INSERT INTO `Environment` (`Environment`, `Name`, `Value`, `Component_`) VALUES ('path', '=-*PATH', '[~];[INSTALLDIR]', 'connect.exe')",
	"INSERT INTO `Property` (`Property`, `Value`) VALUES ('SecureCustomProperties', 'NEWER;OLDER')",
	"INSERT INTO `Upgrade` (`UpgradeCode`, `VersionMin`, `VersionMax`, `Attributes`, `ActionProperty`) VALUES ('" + upgrades + "', '0.0.0', 'VERSION', 768, 'OLDER')", // both ends are in it
	"INSERT INTO `Upgrade` (`UpgradeCode`, `VersionMin`, `Attributes`, `ActionProperty`) VALUES ('" + upgrades + "', 'VERSION', 2, 'NEWER')",                          // looked for only
	"INSERT INTO `CustomAction` (`Action`, `Type`, `Target`) VALUES ('NoWayBack', 19, 'A newer Sealgate Connect is installed on this machine.')",
	"INSERT INTO `CustomAction` (`Action`, `Type`, `Source`, `Target`) VALUES ('TakeAway', 3154, 'connect.exe', 'service uninstall')",
	"INSERT INTO `CustomAction` (`Action`, `Type`, `Source`, `Target`) VALUES ('StartAgain', 3154, 'connect.exe', 'service start')",
	step + "('FindRelatedProducts', '', 25)",
	step + "('NoWayBack', 'NEWER', 26)",
	step + "('RemoveExistingProducts', '', 1501)",
	step + "('TakeAway', 'REMOVE=\"ALL\" AND NOT UPGRADINGPRODUCTCODE', 1950)", // the service is stopped, the program still there
	step + "('RemoveEnvironmentStrings', '', 3300)",
	step + "('WriteEnvironmentStrings', '', 5200)",
	step + "('StartAgain', '(OLDER OR REINSTALL) AND NOT REMOVE', 6450)",
}

const step = "INSERT INTO `InstallExecuteSequence` (`Action`, `Condition`, `Sequence`) VALUES "

// upgrades is what all versions have in common for Windows.
const upgrades = "{8E3B5A3C-3B7E-4B7E-9A59-2B1F0D5C6E01}"

// msi makes the installer, by wixl. It knows no arm64; Windows on ARM runs amd64, too.
func (r release) msi() error {
	dir, err := os.MkdirTemp("", "packages-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	pieces, err := r.pieces("amd64")
	if err != nil {
		return err
	}
	for _, p := range pieces {
		at := filepath.Join(dir, p.name)
		if err := os.WriteFile(at, p.text, 0o644); err != nil {
			return err
		}
		if err := os.Chtimes(at, r.Time, r.Time); err != nil {
			return err
		}
	}
	var text bytes.Buffer
	about := struct{ Version, Product, Package, Upgrades string }{r.base(), r.guid("product"), r.guid("package"), upgrades}
	t, err := template.New("").Parse(wxs)
	if err == nil {
		err = t.Execute(&text, about)
	}
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "connect.wxs"), text.Bytes(), 0o644)
	}
	if err != nil {
		return err
	}
	queries := []string{"msibuild", "connect.msi"}
	for _, q := range more {
		queries = append(queries, "-q", strings.ReplaceAll(q, "VERSION", about.Version))
	}
	for _, command := range [][]string{
		{"wixl", "--arch", "x64", "--output", "connect.msi", "connect.wxs"},
		queries,
		{"msibuild", "connect.msi", "-s", "Sealgate Connect", "Sealgate", "x64;1033", about.Package},
	} {
		// They write the time of day into the file: faketime tells them the commit's.
		cmd := exec.Command("faketime", append([]string{r.Time.Format("2006-01-02 15:04:05")}, command...)...)
		cmd.Dir, cmd.Env = dir, append(os.Environ(), "TZ=UTC", "LC_ALL=C")
		if said, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w: %s (tools/deps packages installs it)", command[0], err, said)
		}
	}
	msi, err := os.ReadFile(filepath.Join(dir, "connect.msi"))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.Out, fmt.Sprintf("%s_%s_windows_amd64.msi", name, r.numbers())), msi, 0o644)
}

// guid is the same for the same version and time.
func (r release) guid(of string) string {
	h := sha256.Sum256([]byte("sealgate connect " + of + " " + r.numbers() + " " + r.Time.String()))
	h[6], h[8] = h[6]&0x0f|0x80, h[8]&0x3f|0x80 // RFC 9562, version 8
	return fmt.Sprintf("{%X-%X-%X-%X-%X}", h[:4], h[4:6], h[6:8], h[8:10], h[10:16])
}
