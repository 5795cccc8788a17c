// Command smtpd is a mail server for tests: it speaks SMTP by emersion/go-smtp, and
// prints each letter that it takes as a line of JSON. Its first line is the address
// that it listens on, its second (with TLS) its certificate in base64.
//
//	smtpd [-tls starttls|implicit|none] [-user NAME -password PASSWORD] [-answer 451]
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"os"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

var (
	security = flag.String("tls", "starttls", "starttls, implicit or none")
	user     = flag.String("user", "", "name to sign in with; empty = nobody has to")
	password = flag.String("password", "", "password to sign in with")
	answer   = flag.Int("answer", 0, "refuse every letter with this code")
)

// mailbox takes letters of one session.
type mailbox struct {
	signedIn bool
	from     string
	to       []string
}

func (m *mailbox) AuthMechanisms() []string { return []string{sasl.Plain} }

func (m *mailbox) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, name, secret string) error {
		if name != *user || secret != *password {
			return errors.New("wrong name or password")
		}
		m.signedIn = true
		return nil
	}), nil
}

func (m *mailbox) Mail(from string, _ *smtp.MailOptions) error {
	if *user != "" && !m.signedIn {
		return smtp.ErrAuthRequired
	}
	m.from = from
	return nil
}

func (m *mailbox) Rcpt(to string, _ *smtp.RcptOptions) error {
	if *answer != 0 {
		return &smtp.SMTPError{Code: *answer, EnhancedCode: smtp.NoEnhancedCode, Message: "refused: " + to}
	}
	m.to = append(m.to, to)
	return nil
}

func (m *mailbox) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(map[string]any{"from": m.from, "to": m.to, "text": string(text)})
}

func (m *mailbox) Reset()        { m.from, m.to = "", nil }
func (m *mailbox) Logout() error { return nil }

func main() {
	flag.Parse()
	s := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &mailbox{}, nil }))
	s.Domain = "localhost"
	s.ReadTimeout, s.WriteTimeout = 10*time.Second, 10*time.Second
	s.AllowInsecureAuth = *security == "none"
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(l.Addr())
	if *security != "none" {
		cert := certificate()
		fmt.Println(base64.StdEncoding.EncodeToString(cert.Certificate[0]))
		config := &tls.Config{Certificates: []tls.Certificate{cert}}
		if *security == "implicit" {
			l = tls.NewListener(l, config)
		} else {
			s.TLSConfig = config
		}
	}
	log.Fatal(s.Serve(l))
}

func certificate() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		log.Fatal(err)
	}
	t := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, key.Public(), key)
	if err != nil {
		log.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
