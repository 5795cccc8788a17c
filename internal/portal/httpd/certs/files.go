package certs

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"log/slog"
	"os"
	"sync"
	"time"

	"sealgate/internal/fault"
)

const (
	lookEvery = 10 * time.Second // at most so often are the files read again
	maxPEM    = 1 << 20
)

// Files is a certificate (with its chain) and its key in two PEM files, read again
// when they change.
type Files struct {
	certificate, key string
	now              func() time.Time
	log              *slog.Logger

	mu      sync.Mutex // guards what follows
	current *tls.Certificate
	seen    [sha256.Size]byte // of what both files held when they were last read
	looked  time.Time
}

// OpenFiles reads the two files. A certificate that has ended is served all the
// same, with a warning: clients say more clearly what is wrong than a closed door.
func OpenFiles(certificate, key string, now func() time.Time, log *slog.Logger) (*Files, error) {
	f := &Files{certificate: certificate, key: key, now: now, log: log, looked: now()}
	sum, pair, err := f.read()
	if err != nil {
		return nil, err
	}
	f.seen, f.current = sum, pair
	if err := usable(pair.Leaf, now()); err != nil {
		log.Warn("the certificate of the HTTPS door is shown although it should not be", "file", certificate, "reason", err)
	}
	return f, nil
}

// Certificate returns the certificate to show. It is for [tls.Config.GetCertificate].
func (f *Files) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := f.now(); due(now, f.looked, lookEvery) {
		f.looked = now
		f.look(now)
	}
	return f.current, nil
}

// look takes up changed files. The caller holds mu.
func (f *Files) look(now time.Time) {
	before := f.seen
	sum, pair, err := f.read()
	if sum == before {
		return
	}
	f.seen = sum // so that the same bad files are complained about once
	if err == nil {
		if err = usable(pair.Leaf, now); err != nil && usable(f.current.Leaf, now) != nil {
			err = nil // neither is good: then the one that was put there last
		}
	}
	if err != nil {
		f.log.Error("the new certificate of the HTTPS door is not used; the one before stays", "file", f.certificate, "error", err)
		return
	}
	f.current = pair
	f.log.Info("the HTTPS door has a new certificate", "certificate", Fingerprint(pair), "until", pair.Leaf.NotAfter)
}

// read reads both files. The sum tells whether they changed; files that cannot be
// read have one, too.
func (f *Files) read() (sum [sha256.Size]byte, pair *tls.Certificate, err error) {
	const op = "certs: read"
	cert, err := readPEM(f.certificate)
	if err != nil {
		return sum, nil, fault.New(fault.Invalid, op, "cannot read the certificate: %v", err)
	}
	key, err := readPEM(f.key)
	if err != nil {
		return sum, nil, fault.New(fault.Invalid, op, "cannot read the certificate's key: %v", err)
	}
	defer clear(key)
	sum = sha256.Sum256(bytes.Join([][]byte{cert, key}, []byte{0}))
	info, err := os.Stat(f.key)
	if err != nil {
		return sum, nil, fault.New(fault.Invalid, op, "cannot read the certificate's key: %v", err)
	}
	if info.Mode().Perm()&0o007 != 0 {
		return sum, nil, fault.New(fault.Denied, op,
			"the key %s has mode %04o, everybody on this machine can use it: chmod 600 %s", f.key, info.Mode().Perm(), f.key)
	}
	loaded, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return sum, nil, fault.New(fault.Invalid, op, "%s and %s are no certificate and its key: %v", f.certificate, f.key, err)
	}
	return sum, &loaded, nil
}

func readPEM(name string) ([]byte, error) {
	info, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxPEM {
		return nil, &os.PathError{Op: "read", Path: name, Err: os.ErrInvalid}
	}
	return os.ReadFile(name)
}

// Ends is when the certificate in a file ends, whatever the gateway shows now.
func Ends(certificate, key string) (time.Time, error) {
	f := &Files{certificate: certificate, key: key}
	_, pair, err := f.read()
	if err != nil {
		return time.Time{}, err
	}
	return pair.Leaf.NotAfter, nil
}
