package mail_test

import (
	"bufio"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"mime"
	"mime/quotedprintable"
	"net"
	netmail "net/mail"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"sealgate/internal/fault"
	"sealgate/internal/needtest"
	"sealgate/internal/notify/mail"
	"sealgate/internal/notify/notifytest"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
	"sealgate/internal/store/catalog/notices"
)

// smtpd builds the server of tools/smtpd, once.
var smtpd = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "smtpd")
	if err != nil {
		return "", err
	}
	program := filepath.Join(dir, "smtpd")
	cmd := exec.Command("go", "build", "-o", program, ".")
	cmd.Dir = "../../../tools/smtpd"
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=")
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), err
	}
	return program, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if program, err := smtpd(); err == nil {
		_ = os.RemoveAll(filepath.Dir(program))
	}
	os.Exit(code)
}

// letter is one that the server took.
type letter struct {
	From string
	To   []string
	Text string
}

// startServer runs a mail server; what it takes comes out of the channel.
func startServer(t *testing.T, args ...string) (mail.Server, <-chan letter) {
	t.Helper()
	program, err := smtpd()
	if err != nil {
		needtest.Missing(t, "the mail server of tools/smtpd cannot be built: %v\n%s", err, program)
	}
	cmd := exec.Command(program, args...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	line := func() string {
		text, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(text)
	}
	host, port, err := net.SplitHostPort(line())
	if err != nil {
		t.Fatal(err)
	}
	s := mail.Server{Host: host, From: "gateway@pay.example", Security: mail.StartTLS}
	if s.Port, err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(strings.Join(args, " "), "-tls none") {
		s.Security = mail.Plain
	} else {
		der, err := base64.StdEncoding.DecodeString(line())
		if err != nil {
			t.Fatal(err)
		}
		cert, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		s.Roots = x509.NewCertPool()
		s.Roots.AddCert(cert)
	}
	taken := make(chan letter, 100)
	done := make(chan struct{})
	go func() {
		defer close(done)
		d := json.NewDecoder(lines)
		for {
			var l letter
			if d.Decode(&l) != nil {
				return
			}
			taken <- l
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-done
		_ = cmd.Wait()
	})
	return s, taken
}

func sure() bool { return true }

func post(o *notifytest.Office, s mail.Server) *mail.Post {
	return mail.New(s, o.Catalog, o.Custody, o.Clock.Now, sure, slog.New(slog.DiscardHandler))
}

func waiting(o *notifytest.Office) (rows []*notices.Mail) {
	catalogtest.View(o.T, o.Catalog, func(tx *catalog.Tx) (err error) {
		rows, err = tx.MailDue(o.Clock.Now().Add(1000*time.Hour), o.Clock.Now(), 100)
		return err
	})
	return rows
}

var hello = mail.Message{To: "anna@kund.example", Subject: "Välkommen – en länk", Text: "Hej Anna!\n.\nEn rad som är " + strings.Repeat("lång ", 40) + "\n"}

func TestALetterArrives(t *testing.T) {
	o := notifytest.Open(t)
	for _, way := range [][]string{
		{"-tls", "starttls"},
		{"-tls", "implicit"},
		{"-tls", "none"},
		{"-tls", "starttls", "-user", "gw", "-password", "s3kret ö"},
		{"-tls", "implicit", "-user", "gw", "-password", "x"},
		{"-tls", "none", "-user", "gw", "-password", "x"},
	} {
		t.Run(strings.Join(way, " "), func(t *testing.T) {
			s, taken := startServer(t, way...)
			if way[1] == "implicit" {
				s.Security = mail.TLS
			}
			if len(way) > 2 {
				s.User, s.Password = way[3], way[5]
			}
			p := post(o, s)
			if err := p.Check(t.Context()); err != nil {
				t.Fatalf("check: %v", err)
			}
			if err := p.Send(t.Context(), hello); err != nil {
				t.Fatal(err)
			}
			if err := p.Round(t.Context()); err != nil {
				t.Fatal(err)
			}
			reads(t, <-taken)
			if left := waiting(o); len(left) != 0 {
				t.Errorf("%d letters are left", len(left))
			}
		})
	}
}

// reads reads a letter as a mail program does.
func reads(t *testing.T, l letter) {
	t.Helper()
	if l.From != "gateway@pay.example" || len(l.To) != 1 || l.To[0] != hello.To {
		t.Errorf("from %s to %v", l.From, l.To)
	}
	m, err := netmail.ReadMessage(strings.NewReader(l.Text))
	if err != nil {
		t.Fatal(err)
	}
	subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
	if err != nil || subject != hello.Subject {
		t.Errorf("subject %q, %v", subject, err)
	}
	text, err := io.ReadAll(quotedprintable.NewReader(m.Body))
	if err != nil || strings.ReplaceAll(string(text), "\r\n", "\n") != hello.Text {
		t.Errorf("text %q, %v", text, err)
	}
	if _, err := m.Header.Date(); err != nil {
		t.Error(err)
	}
	for _, h := range []string{"Message-Id", "Auto-Submitted", "Mime-Version"} {
		if m.Header.Get(h) == "" {
			t.Errorf("no %s", h)
		}
	}
	for line := range strings.SplitSeq(l.Text, "\n") {
		if len(line) > 998 {
			t.Errorf("a line of %d bytes", len(line))
		}
	}
}

func TestNothingIsSentInTheClear(t *testing.T) {
	o := notifytest.Open(t)
	plain, taken := startServer(t, "-tls", "none", "-user", "gw", "-password", "x")
	plain.Security, plain.User, plain.Password = mail.StartTLS, "gw", "x"
	p := post(o, plain)
	if err := p.Check(t.Context()); !fault.Is(err, fault.Denied) || !strings.Contains(fault.Message(err), "STARTTLS") {
		t.Errorf("a server without STARTTLS: %v", err)
	}
	strange, _ := startServer(t)
	strange.Roots = x509.NewCertPool()
	if err := strange.Check(t.Context()); err == nil || !strings.Contains(fault.Message(err), "certificate") {
		t.Errorf("a certificate that nobody knows: %v", err)
	}
	if err := p.Send(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	if err := p.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if len(taken) != 0 || len(waiting(o)) != 1 {
		t.Error("the letter went out, or is gone")
	}
}

func TestWhatIsWrongIsSaid(t *testing.T) {
	s, _ := startServer(t, "-user", "gw", "-password", "right")
	s.User, s.Password = "gw", "wrong"
	if err := s.Check(t.Context()); err == nil || !strings.Contains(fault.Message(err), "it answers") {
		t.Errorf("a wrong password: %v", err)
	}
	if err := (mail.Server{Host: "127.0.0.1", Port: 1, Security: mail.Plain, From: "a@b.example"}).Check(t.Context()); !fault.Is(err, fault.TryLater) || !strings.Contains(fault.Message(err), "reached") {
		t.Errorf("nobody there: %v", err)
	}
}

// A letter outlives the server's bad days and the gateway's restarts.
func TestALetterIsTriedAgain(t *testing.T) {
	o := notifytest.Open(t)
	busy, _ := startServer(t, "-answer", "451")
	p := post(o, busy)
	if err := p.Send(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if err := p.Round(t.Context()); err != nil {
			t.Fatal(err)
		}
		o.Clock.Add(time.Hour)
	}
	if rows := waiting(o); len(rows) != 1 || rows[0].Attempts != 5 || rows[0].Error != "answered-451" {
		t.Fatalf("%+v", rows)
	}
	if err := o.Catalog.Close(); err != nil {
		t.Fatal(err)
	}
	o.Reopen()
	good, taken := startServer(t)
	if err := post(o, good).Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	reads(t, <-taken)
}

func TestALetterIsGivenUp(t *testing.T) {
	o := notifytest.Open(t)
	lost := func() (text string) {
		catalogtest.View(t, o.Catalog, func(tx *catalog.Tx) (err error) { text, err = tx.Setting(mail.LostSetting); return err })
		return text
	}
	s, _ := startServer(t, "-answer", "550")
	p := post(o, s)
	if err := p.Send(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	if err := p.Round(t.Context()); err != nil || len(waiting(o)) != 0 || lost() == "" {
		t.Errorf("refused for good: %v, %d left, lost at %q", err, len(waiting(o)), lost())
	}
	first := lost()
	p = post(o, mail.Server{Host: "127.0.0.1", Port: 1, Security: mail.Plain, From: "a@b.example"})
	if err := p.Send(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	for range 60 {
		o.Clock.Add(time.Hour)
		if err := p.Round(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(waiting(o)) != 0 || lost() == first {
		t.Errorf("after two days: %d left, lost at %q", len(waiting(o)), lost())
	}
}

func TestNobodyWritesIntoTheHeadOfALetter(t *testing.T) {
	o := notifytest.Open(t)
	p := post(o, mail.Server{})
	for _, to := range []string{
		"", "anna", "anna@", "@kund.example", "Anna <anna@kund.example>", "anna@kund.example, bo@kund.example", "anna@kund.example\r\nBcc: all@kund.example",
		"anna@kund.example\n", "\"a b\"@kund.example", "anna@kund.example>", "a\x00@kund.example", "änna@kund.example", strings.Repeat("a", 250) + "@kund.example",
	} {
		m := hello
		m.To = to
		if err := p.Send(t.Context(), m); !fault.Is(err, fault.Invalid) {
			t.Errorf("to %q: %v", to, err)
		}
	}
	for _, subject := range []string{"", "a\r\nBcc: all@kund.example", "a\nb", "a\rb", "a\x00b", strings.Repeat("a", 201)} {
		m := hello
		m.Subject = subject
		if err := p.Send(t.Context(), m); !fault.Is(err, fault.Invalid) {
			t.Errorf("subject %q: %v", subject, err)
		}
	}
	m := hello
	m.Text = ""
	if err := p.Send(t.Context(), m); !fault.Is(err, fault.Invalid) {
		t.Errorf("no text: %v", err)
	}
}

func TestNothingToReadInTheQueue(t *testing.T) {
	o := notifytest.Open(t)
	if err := post(o, mail.Server{}).Send(t.Context(), hello); err != nil {
		t.Fatal(err)
	}
	if err := o.Catalog.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob(filepath.Join(o.Dir, "*"))
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{"anna", "Hej", "kund.example"} {
			if strings.Contains(string(raw), text) {
				t.Errorf("%q stands in %s", text, filepath.Base(file))
			}
		}
	}
}
