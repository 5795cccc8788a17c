// Package doctor examines the machine and the data directory of a gateway, and says
// what to do about what it finds.
//
// It looks from outside, with no key and no store open: settings, the certificate of
// the HTTPS door, who may read what, the disk's sync and room, the clock, the
// processor, and the addresses that are to be listened on. Beside a check file that
// is gone when it ends it writes nothing. Not here: what only an open gateway knows
// of its keys (portal/health).
package doctor

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/cpu"

	"sealgate/internal/backup"
	"sealgate/internal/config"
	"sealgate/internal/durable"
	"sealgate/internal/fault"
	"sealgate/internal/portal"
	"sealgate/internal/portal/httpd/certs"
	"sealgate/internal/terminal"
)

// Fine is a finding with nothing to do about it.
func Fine(check, found string) portal.Finding {
	return portal.Finding{Check: check, Status: portal.Fine, Found: found}
}

// Warn is a finding that somebody should see to.
func Warn(check, found, do string) portal.Finding {
	return portal.Finding{Check: check, Status: portal.Warned, Found: found, Do: do}
}

// Fail is a finding with which the gateway does not work.
func Fail(check, found, do string) portal.Finding {
	return portal.Finding{Check: check, Status: portal.Failing, Found: found, Do: do}
}

// Machine examines what does not depend on whether the gateway runs.
func Machine(cfg *config.Config, now func() time.Time) []portal.Finding {
	list := checkSettings(cfg)
	list = append(list, checkHTTPS(cfg, now)...)
	list = append(list, checkConnect(cfg), checkClock(now()), checkCPU())
	list = append(list, checkDir(cfg)...)
	if _, err := os.Stat(cfg.Data); err == nil {
		list = append(list, checkSync(cfg.Data), checkRoom(cfg.Data))
	}
	return list
}

// Listeners examines whether a gateway that does not run could listen where it
// should.
func Listeners(cfg *config.Config) (list []portal.Finding) {
	for _, l := range [][2]string{
		{"sftp.listen", cfg.SFTP.Listen},
		{"https.listen", cfg.HTTPS.Listen},
		{"http.listen", cfg.HTTP.Listen},
		{"metrics.listen", cfg.Metrics.Listen},
	} {
		if l[1] != "" {
			list = append(list, checkListen(l[0], l[1]))
		}
	}
	return list
}

func checkSettings(cfg *config.Config) []portal.Finding {
	list := []portal.Finding{Fine("configuration", "every setting is known and fits")}
	for _, w := range cfg.Warnings {
		list = append(list, Warn("configuration", w, "correct the name, or unset it"))
	}
	if cfg.MasterInside() {
		// Not there: the running gateway has it from elsewhere (SEALGATE_KEYS_MASTER in its
		// unit), or the keys do not open, which is told.
		if _, err := os.Stat(cfg.Keys.Master.Name); err == nil {
			list = append(list, Warn("master key", "it lies in the data directory: who copies that has both",
				"move it to another disk and name its place in gateway.yaml (keys.master: file:PATH)"))
		}
	}
	return list
}

// checkConnect says which way agents (Connect) come in.
func checkConnect(cfg *config.Config) portal.Finding {
	const name = "connect"
	plain := cfg.HTTP.Connect && cfg.HTTP.Listen != ""
	switch {
	case cfg.HTTP.Connect && !plain:
		return Warn(name, "http.connect is on, and http.listen is not set: no agent comes in by plain HTTP", "set http.listen, or http.connect: false")
	case cfg.HTTPS.Listen == "" && !plain:
		return Fine(name, "no agent can come in: https.listen is off, and so is http.connect")
	case cfg.HTTPS.Listen == "":
		return Fine(name, "agents come in by plain HTTP only (http.connect is on); what they say is sealed and signed all the same")
	}
	found := "agents come in by HTTPS; by plain HTTP they do not (http.connect is off)"
	if plain {
		found = "agents come in by HTTPS, and by plain HTTP (http.connect is on)"
	}
	if cfg.HTTPS.URL == "" {
		return portal.Finding{
			Check: name, Status: portal.Fine, Found: found + "; https.url is not set", Do: "set https.url, or SEALGATE_HTTPS_URL, so that agent invite names the address",
		}
	}
	return Fine(name, found+", at "+cfg.HTTPS.URL)
}

// checkACME looks at what the door shows now, as a client that believes everything.
func checkACME(listen, host string, now time.Time) portal.Finding {
	const name, do = "certificate", "see the gateway's log; port 443 of the name has to lead to https.listen"
	c, err := tls.DialWithDialer(&net.Dialer{Timeout: 3 * time.Second}, "tcp", listen, &tls.Config{
		ServerName: host, MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, //nolint:gosec // it is only looked at
	})
	if err != nil {
		return Fine(name, "an authority gives it for "+host+" (https.acme); the door is not open now")
	}
	defer c.Close()
	leaf := c.ConnectionState().PeerCertificates[0]
	if leaf.Subject.String() == leaf.Issuer.String() {
		return Warn(name, "the authority has given none for "+host+" yet; the gateway's own is shown", do)
	}
	if doubts := certs.Doubts(leaf, host, now); len(doubts) > 0 {
		return Warn(name, "that of the authority: "+strings.Join(doubts, "; "), do)
	}
	return Fine(name, "that of the authority is good until "+leaf.NotAfter.UTC().Format("2006-01-02"))
}

// checkHTTPS looks at the certificate that clients of the HTTPS door are shown.
func checkHTTPS(cfg *config.Config, now func() time.Time) []portal.Finding {
	const name = "certificate"
	if cfg.HTTPS.Listen == "" {
		return nil
	}
	host := cfg.HTTPS.Host()
	if cfg.HTTPS.ACME != "" {
		return []portal.Finding{checkACME(cfg.HTTPS.Listen, host, now())}
	}
	if cfg.HTTPS.Certificate == "" {
		found, do := "the gateway signs its own for the HTTPS door; serve prints its fingerprint for clients", ""
		status := portal.Fine
		if host != "" {
			status, do = portal.Warned, "browsers warn of it: name one that "+host+" was given (https.certificate, https.certificate-key)"
		}
		return []portal.Finding{{Check: name, Status: status, Found: found, Do: do}}
	}
	files, err := certs.OpenFiles(cfg.HTTPS.Certificate, cfg.HTTPS.CertificateKey, now, slog.New(slog.DiscardHandler))
	if err != nil {
		return []portal.Finding{Fail(name, fault.Message(err), "put a certificate and its key there")}
	}
	c, err := files.Certificate(nil)
	if err != nil {
		return []portal.Finding{Fail(name, fault.Message(err), "put a certificate and its key there")}
	}
	var list []portal.Finding
	for _, doubt := range certs.Doubts(c.Leaf, host, now()) {
		list = append(list, Warn(name, cfg.HTTPS.Certificate+": "+doubt, "put a new certificate there; the gateway takes it up by itself"))
	}
	if list == nil {
		list = append(list, Fine(name, cfg.HTTPS.Certificate+" is good until "+c.Leaf.NotAfter.UTC().Format("2006-01-02")))
	}
	return list
}

// checkDir looks at who may read the data directory and the keys.
func checkDir(cfg *config.Config) []portal.Finding {
	var list []portal.Finding
	dirs := []string{cfg.Data, filepath.Join(cfg.Data, backup.Keys)}
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return append(list, Fail("permissions", dir+" is not there", "gateway init, or gateway restore"))
		case err != nil:
			list = append(list, Fail("permissions", err.Error(), "let the gateway's user into "+dir))
		case info.Mode().Perm()&0o077 != 0:
			list = append(list, Fail("permissions", fmt.Sprintf("%s has mode %04o: others may look in", dir, info.Mode().Perm()), "chmod 700 "+dir))
		default:
			list = append(list, Fine("permissions", fmt.Sprintf("%s has mode %04o", dir, info.Mode().Perm())))
		}
	}
	return list
}

// Bounds of a disk that can be worked with. Below the first, most likely nothing
// reaches a disk at all: a memory file system, or a device that lies.
const (
	tooFast    = 20 * time.Microsecond
	slowSync   = 30 * time.Millisecond
	syncRounds = 15
	lowRoom    = 1 << 30
)

// checkSync measures what every acknowledgement waits for: a small write and its
// fsync.
func checkSync(dir string) portal.Finding {
	const name = "disk sync"
	path := filepath.Join(dir, ".doctor")
	_ = os.Remove(path) // of a doctor that was interrupted
	f, err := durable.OS.Create(path)
	if err != nil {
		return Fail(name, "cannot write to "+dir, "let the gateway's user write there")
	}
	defer os.Remove(path)
	defer f.Close()
	took := make([]time.Duration, syncRounds)
	for i := range took {
		begun := time.Now()
		if _, err := f.WriteAt(make([]byte, 4096), int64(i)*4096); err != nil {
			return Fail(name, err.Error(), "look at the disk")
		}
		if err := f.Sync(); err != nil {
			return Fail(name, err.Error(), "look at the disk: a failed fsync means lost data")
		}
		took[i] = time.Since(begun)
	}
	slices.Sort(took)
	median := took[len(took)/2]
	found := fmt.Sprintf("4 KiB written and synced in %s (median of %d)", median.Round(time.Microsecond), syncRounds)
	switch {
	case median < tooFast:
		return Warn(name, found, "no disk is that fast: is this a memory file system, or a disk that does not sync?")
	case median > slowSync:
		return Warn(name, found, "every file waits for this twice; use a disk with a protected write cache")
	}
	return Fine(name, found)
}

func checkRoom(dir string) portal.Finding {
	free, total, err := Room(dir)
	if err != nil {
		return Fail("room", err.Error(), "look at the disk")
	}
	found := fmt.Sprintf("%s free of %s", terminal.Size(free), terminal.Size(total))
	if free < lowRoom {
		return Warn("room", found, "make room: with none left, new files are refused")
	}
	return Fine("room", found)
}

func checkClock(now time.Time) portal.Finding {
	at := now.UTC().Format(time.RFC3339)
	loose, err := clockUnsynchronised()
	switch {
	case err != nil:
		return Warn("clock", at+"; cannot tell whether it is kept right", "run chrony or systemd-timesyncd")
	case loose:
		return Warn("clock", at+"; nobody keeps it right", "run chrony or systemd-timesyncd: times of receipt are evidence")
	}
	return Fine("clock", at+", synchronised")
}

func checkCPU() portal.Finding {
	if cpu.X86.HasAES || cpu.ARM64.HasAES || cpu.S390X.HasAES {
		return Fine("algorithms", "AES is done in hardware")
	}
	return Warn("algorithms", "AES is done in software", "sealing will be slow: give the machine a processor (or virtual one) with AES instructions")
}

func checkListen(setting, addr string) portal.Finding {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return Fail("listeners", fmt.Sprintf("%s: %v", setting, err), "end what listens there, or set "+setting)
	}
	l.Close()
	return Fine("listeners", fmt.Sprintf("%s: %s is free", setting, addr))
}
