package campaign

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"sealgate/internal/needtest"
)

// wine is a Windows on this machine, with Connect for Windows.
type wine struct {
	t      *testing.T
	prefix string
	exe    string
	env    []string
}

// newWine makes one that stays up until the test ends, as a Windows does while nobody
// is signed in: without somebody, Wine ends its services.
func newWine(t *testing.T) *wine {
	t.Helper()
	needtest.Program(t, "wine")
	ld := needtest.Program(t, "x86_64-w64-mingw32-ld")
	dir := t.TempDir()
	w := &wine{t: t, prefix: filepath.Join(dir, "prefix"), exe: filepath.Join(dir, "connect.exe")}
	w.env = append(os.Environ(), "WINEPREFIX="+w.prefix, "WINEDEBUG=-all", "WINEDLLOVERRIDES=mscoree,mshtml=", "HTTPS_PROXY=", "HTTP_PROXY=")
	w.build(w.exe, "sealgate/cmd/connect")
	t.Cleanup(func() {
		end := exec.Command("wineserver", "--kill")
		end.Env = w.env
		_ = end.Run() // fails when nobody is there
	})
	w.do(w.command(context.Background(), "wineboot", "--init"))

	// Go takes its randomness from a library that every Windows since 7 has, and Wine since 9.
	def := filepath.Join(dir, "random.def")
	if err := os.WriteFile(def, []byte("LIBRARY bcryptprimitives.dll\nEXPORTS\nProcessPrng = advapi32.SystemFunction036\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.do(exec.Command(ld, "-shared", "-e", "0", "-o", w.path(`windows/system32/bcryptprimitives.dll`), def))

	w.someone()
	return w
}

// someone is signed in until the test ends, and Windows with its services is up. They have
// his output: whoever comes later is not waited for until they end.
func (w *wine) someone() {
	w.t.Helper()
	someone := w.command(context.Background(), "cmd", "/k", "echo here")
	someone.SysProcAttr = dieWithTest()
	in, err := someone.StdinPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	out, err := someone.StdoutPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := someone.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { in.Close(); _ = someone.Process.Kill(); _ = someone.Wait() })
	said := bufio.NewScanner(out)
	for said.Scan() {
		if strings.Contains(said.Text(), "here") {
			go func() { _, _ = io.Copy(io.Discard, out) }()
			return
		}
	}
	w.t.Fatalf("nobody is signed in: %v", said.Err())
}

func (w *wine) path(name string) string { return filepath.Join(w.prefix, "drive_c", name) }

func (w *wine) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "wine", args...)
	cmd.Env = w.env
	return cmd
}

// build makes a program for Windows.
func (w *wine) build(exe, source string) {
	w.t.Helper()
	cmd := exec.Command("go", "build", "-o", exe, source)
	cmd.Env = append(os.Environ(), "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
	w.do(cmd)
}

func (w *wine) do(cmd *exec.Cmd) {
	w.t.Helper()
	if out, err := cmd.CombinedOutput(); err != nil {
		w.t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
}

// premises is Connect where Windows has it, with a folder to watch and one on another drive.
func (w *wine) premises(g *gateway, exe string) *premises {
	w.t.Helper()
	other := w.t.TempDir()
	p := &premises{folder: w.path("ERP/Payments"), outbox: filepath.Join(other, "From bank")}
	p.agent = agent{t: w.t, dir: w.path("ProgramData/Sealgate Connect"), program: func(ctx context.Context, args ...string) *exec.Cmd {
		return w.command(ctx, append([]string{exe}, args...)...)
	}}
	for _, dir := range []string{p.folder, p.outbox} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			w.t.Fatal(err)
		}
	}
	if err := os.Symlink(other, filepath.Join(w.prefix, "dosdevices/e:")); err != nil {
		w.t.Fatal(err)
	}
	p.enroll(g, "acme", "erp", "https://"+g.addr("https"))
	// names in other letters than on the disk, and other slashes
	settings := `folders:
  - path: c:/erp\PAYMENTS
    include: ["*.xml"]
    settle: 100ms
outbox: 'E:\from BANK'
`
	if err := os.WriteFile(filepath.Join(p.dir, "connect.yaml"), []byte(settings), 0o600); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(p.leave)
	return p
}

// Connect for Windows, from enrolment to uninstalling: by Wine, which is no Windows in
// who may do what (its files have the rights of Unix), but in everything else here.
func TestCampaignConnectUnderWine(t *testing.T) {
	if !long() {
		return
	}
	w := newWine(t)
	g := newConnectGateway(t)
	g.account("acme", "keep")
	p := w.premises(g, w.exe)
	if key, err := os.ReadFile(filepath.Join(p.dir, "agent.key")); err != nil || bytes.Contains(key, []byte("PRIVATE KEY")) {
		t.Errorf("agent.key is not under DPAPI: %v", err)
	}
	all := secretFiles()
	for name, content := range all {
		p.put(name, content)
	}
	p.start()
	for name := range all {
		p.until(name+" is in sent/", func() bool { return p.sent(name) })
	}
	for i := range 6 { // killed at any moment, it goes on where it was
		name := fmt.Sprintf("Löner %d.XML", i)
		all[name] = bytes.Repeat([]byte(name+" "), 1<<uint(2*i+4))
		p.put(name, all[name])
		if i%2 == 1 {
			p.kill()
			p.start()
		}
	}
	for name := range all {
		p.until(name+" is in sent/", func() bool { return p.sent(name) })
	}
	p.arrived(g, all)
	p.kill()

	p.must("service", "install")
	p.must("service", "start")
	p.until("the service runs", func() bool {
		return strings.Contains(p.must("service", "status"), "running") && strings.Contains(p.must("status", "--json"), `"running":true`)
	})
	all["as a service.xml"] = []byte("sent by the service")
	p.put("as a service.xml", all["as a service.xml"])
	p.until("the service has sent", func() bool { return p.sent("as a service.xml") })
	w.locked(p, all)
	answer := filepath.Join(t.TempDir(), "answer.txt")
	if err := os.WriteFile(answer, []byte(secretContent), 0o600); err != nil {
		t.Fatal(err)
	}
	g.must("file", "send", "acme", answer)
	p.must("fetch")
	if got, err := os.ReadFile(filepath.Join(p.outbox, "answer.txt")); err != nil || string(got) != secretContent {
		t.Errorf("the answer came as %q, %v", got, err)
	}
	p.arrived(g, all)
	var s struct{ Queue struct{ Waiting, Failed int } }
	if err := json.Unmarshal([]byte(p.must("status", "--json")), &s); err != nil || s.Queue.Waiting+s.Queue.Failed != 0 {
		t.Errorf("status: %+v, %v", s, err)
	}
	p.must("doctor")
	p.must("service", "stop")
	if out := p.must("service", "status"); !strings.Contains(out, "stopped") {
		t.Errorf("stopped, the service is %s", out)
	}
	p.must("service", "uninstall")
	if out, _, code := p.command("service", "status"); code != 3 {
		t.Errorf("uninstalled, the service is %s (%d)", out, code)
	}
	w.proxied(p)
}

// locked: a file that another program has open for writing waits until it is closed.
func (w *wine) locked(p *premises, all map[string][]byte) {
	w.t.Helper()
	w.build(w.path("hold.exe"), "./testdata/hold")
	writer := w.command(context.Background(), `C:\hold.exe`, `C:\ERP\Payments\open.xml`)
	in, err := writer.StdinPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	writer.SysProcAttr = dieWithTest()
	if err := writer.Start(); err != nil {
		w.t.Fatal(err)
	}
	p.until("the program has begun to write", func() bool {
		text, err := os.ReadFile(filepath.Join(p.folder, "open.xml"))
		return err == nil && len(text) > 0
	})
	all["beside.xml"] = []byte("sent while the other one is open")
	p.put("beside.xml", all["beside.xml"])
	p.until("the file beside is sent", func() bool { return p.sent("beside.xml") })
	if p.sent("open.xml") {
		w.t.Error("a file that is open for writing was taken")
	}
	in.Close()
	if err := writer.Wait(); err != nil {
		w.t.Fatal(err)
	}
	p.until("the closed file is sent", func() bool { return p.sent("open.xml") })
	text, err := os.ReadFile(filepath.Join(p.folder, "sent/open.xml"))
	if err != nil || !bytes.Contains(text, []byte("last")) {
		w.t.Errorf("sent/open.xml holds %q, %v", text, err)
	}
	all["open.xml"] = text
}

// proxied: the proxy of the Internet settings is taken, and named when it does not answer.
func (w *wine) proxied(p *premises) {
	w.t.Helper()
	const settings = `HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings`
	w.do(w.command(context.Background(), "reg", "add", settings, "/v", "ProxyEnable", "/t", "REG_DWORD", "/d", "1", "/f"))
	w.do(w.command(context.Background(), "reg", "add", settings, "/v", "ProxyServer", "/d", "127.0.0.1:1", "/f"))
	if out, _, code := p.command("doctor"); code != 1 || !strings.Contains(out, "127.0.0.1:1") {
		w.t.Errorf("doctor past a proxy that is not there: %d\n%s", code, out)
	}
}

// installers makes two MSIs: what is here, and a version after it.
func installers(t *testing.T) (older, newer string) {
	t.Helper()
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("make", "-C", root, "connect-all").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	made := make([]string, 2)
	for i := range made {
		dir := t.TempDir()
		build := exec.Command("go", "run", "-C", filepath.Join(root, "tools/packages"), ".", "-root", root, "-out", dir, "-version", "0.1.0", "-time", fmt.Sprint(1_800_000_000+i))
		if out, err := build.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		made[i] = filepath.Join(dir, "sealgate-connect_0.1.0_windows_amd64.msi")
	}
	return made[0], made[1]
}

// The MSI puts the program where the PATH finds it, an upgrade leaves keys and journal
// there, and uninstalling takes the service and leaves the rest.
func TestCampaignInstallerUnderWine(t *testing.T) {
	if !long() {
		return
	}
	needtest.Program(t, "wixl")
	older, newer := installers(t)
	w := newWine(t)
	msiexec := func(how, msi string) {
		t.Helper()
		w.do(w.command(context.Background(), "msiexec", how, `Z:`+strings.ReplaceAll(msi, "/", `\`), "/qn"))
	}
	msiexec("/i", older)
	w.do(w.command(context.Background(), "cmd", "/c", "connect.exe --version")) // by the PATH
	g := newConnectGateway(t)
	g.account("acme", "keep")
	p := w.premises(g, `C:\Program Files\Sealgate Connect\connect.exe`)
	p.must("service", "install")
	p.must("service", "start")
	running := func() bool {
		out, _, code := p.command("service", "status")
		return code == 0 && strings.Contains(out, "running")
	}
	p.until("the service runs", running)
	p.put("before.xml", []byte("before the upgrade"))
	p.until("it has sent", func() bool { return p.sent("before.xml") })
	msiexec("/i", newer)
	// Windows says UPGRADINGPRODUCTCODE to the version that goes, which then leaves the service; Wine 8 does not.
	p.must("service", "install")
	p.must("service", "start")
	p.until("the service runs again", running)
	p.put("after.xml", []byte("after the upgrade"))
	p.until("it has sent", func() bool { return p.sent("after.xml") })
	p.arrived(g, map[string][]byte{"before.xml": []byte("before the upgrade"), "after.xml": []byte("after the upgrade")})
	msiexec("/x", newer)
	p.program = func(ctx context.Context, args ...string) *exec.Cmd {
		return w.command(ctx, append([]string{w.exe}, args...)...)
	}
	if out, _, code := p.command("service", "status"); code != 3 {
		t.Errorf("uninstalled, the service is %s (%d)", out, code)
	}
	if left, err := os.ReadDir(w.path("Program Files/Sealgate Connect")); err == nil {
		t.Errorf("left of the program: %v", left)
	}
	for _, name := range []string{"agent.key", "journal.db", "receipts", "connect.yaml"} {
		if _, err := os.Stat(filepath.Join(p.dir, name)); err != nil {
			t.Errorf("uninstalling took %s: %v", name, err)
		}
	}
}

// The tests that are Windows' own run there. (The others end with what Wine 8 cannot:
// deleting a tree as Go does.)
func TestCampaignWindowsTestsUnderWine(t *testing.T) {
	if !long() {
		return
	}
	w := newWine(t)
	for pkg, tests := range map[string]string{"home": "^(TestServiceSID|TestSecretsAreTheMachines|TestTheDirectoryIsClosed)$", "wire": "^TestServerFor$"} {
		cmd := exec.Command("go", "test", "-count=1", "-vet=off", "-v", "-exec", "wine", "-run", tests, "sealgate/internal/agent/"+pkg)
		cmd.Env = append(w.env, "GOOS=windows", "GOARCH=amd64", "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil || bytes.Contains(out, []byte("no tests to run")) {
			t.Errorf("%s: %v\n%s", pkg, err, out)
		}
	}
}
