package main

import (
	"os"
	"path/filepath"

	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

// name is that of the package; the program in it is `connect`, as everywhere.
const name = "sealgate-connect"

// linux makes a deb or an rpm.
func (r release) linux(format, arch string) error {
	dir, err := os.MkdirTemp("", "packages-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	notices := filepath.Join(dir, "copyright")
	if err := os.WriteFile(notices, r.Notices, 0o644); err != nil {
		return err
	}
	docs := "/usr/share/doc/" + name
	file := func(source, target string, mode os.FileMode) *files.Content {
		return &files.Content{Source: source, Destination: target, FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: mode, MTime: r.Time}}
	}
	script := func(of string) string { return filepath.Join(r.Root, "tools/packages/scripts", of) }
	info := &nfpm.Info{
		Name: name, Arch: arch, Platform: "linux", Version: r.numbers(), VersionSchema: "none", Release: "1",
		Section: "net", Priority: "optional", Maintainer: "Sealgate <connect@sealgate.invalid>", Vendor: "Sealgate", License: "see " + docs + "/copyright",
		Description: "Seals payment files where they are made, and delivers them\nConnect watches the folders that an ERP writes payment files to, seals each file\non the spot, delivers it to a Sealgate gateway exactly once, keeps a signed\nreceipt, and brings answers home.",
		MTime:       r.Time,
		Overridables: nfpm.Overridables{
			Conflicts: []string{"connect-proxy"}, // it has a /usr/bin/connect of its own
			Contents: files.Contents{
				file(r.binary("linux", arch), "/usr/bin/connect", 0o755),
				file(filepath.Join(r.Root, "cmd/connect/systemd", name+".service"), "/usr/lib/systemd/system/"+name+".service", 0o644),
				file(filepath.Join(r.Root, "docs/connect.md"), docs+"/README.md", 0o644),
				file(filepath.Join(r.Root, "docs/connect-protocol.md"), docs+"/connect-protocol.md", 0o644),
				file(notices, docs+"/copyright", 0o644),
			},
			Scripts: nfpm.Scripts{PostInstall: script("postinst"), PreRemove: script("prerm"), PostRemove: script("postrm")},
			RPM:     nfpm.RPM{Summary: "Seals payment files where they are made, and delivers them", BuildHost: "sealgate"},
		},
	}
	switch format {
	case "deb":
		info.Depends, info.Recommends = []string{"passwd"}, []string{"ca-certificates"}
	case "rpm":
		info.Depends, info.Recommends = []string{"shadow-utils"}, []string{"ca-certificates"}
	}
	info = nfpm.WithDefaults(info)
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return err
	}
	p, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(r.Out, p.ConventionalFileName(info)))
	if err != nil {
		return err
	}
	if err := p.Package(info, f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
