// Command httpstore is the least that an HTTPS server can be which keeps what it is
// sent, for bench/run: PUT /NAME stores the body under that name, and is answered when
// the bytes and the name are on the disk. It checks nobody, seals nothing and hashes
// nothing.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "`address` to listen at: loopback only")
	dir := flag.String("dir", ".", "`directory` to store in")
	flag.Parse()
	if err := serve(*addr, *dir); err != nil {
		fmt.Fprintln(os.Stderr, "httpstore:", err)
		os.Exit(1)
	}
}

func serve(addr, dir string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("%s is not a loopback address", host)
	}
	cert, err := certificate()
	if err != nil {
		return err
	}
	s := &http.Server{
		Addr: addr, Handler: store(dir), ReadHeaderTimeout: time.Minute,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13},
	}
	return s.ListenAndServeTLS("", "")
}

// certificate makes one of the kind that the gateway makes for itself: ECDSA, P-256.
func certificate() (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	now := time.Now()
	t := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: now.Add(-time.Hour), NotAfter: now.Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, err
}

func store(dir string) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("PUT /{name}", func(w http.ResponseWriter, r *http.Request) {
		name := r.PathValue("name")
		if !filepath.IsLocal(name) || filepath.Base(name) != name {
			http.Error(w, "that is no name", http.StatusBadRequest)
			return
		}
		if err := keep(dir, name, r.Body); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.WriteHeader(http.StatusCreated)
	})
	return mux
}

// keep writes a file under a temporary name, syncs it, gives it its name, and syncs that.
func keep(dir, name string, body io.Reader) error {
	f, err := os.CreateTemp(dir, ".coming-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // fails once it has its name
	defer f.Close()
	if _, err := io.CopyBuffer(struct{ io.Writer }{f}, body, make([]byte, 256<<10)); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), filepath.Join(dir, name)); err != nil {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
