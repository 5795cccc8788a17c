package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sealgate/internal/fault"
)

func TestMail(t *testing.T) {
	c, err := load(t, "mail:\n  host: smtp.example.com\n  from: sealgate@example.com\n  user: gw\n  password: file:mail.password\n  language: sv\n", Sources{})
	if err != nil {
		t.Fatal(err)
	}
	want := Mail{
		Host: "smtp.example.com", Port: 587, Security: "starttls", User: "gw", From: "sealgate@example.com", Language: "sv",
		Password: Secret{File: filepath.Join(c.Data, "mail.password")},
	}
	if c.Mail != want {
		t.Errorf("got  %+v\nwant %+v", c.Mail, want)
	}
	if _, err := c.Mail.Password.Read(); !fault.Is(err, fault.Locked) {
		t.Errorf("a file that is not there: %v", err)
	}
	for text, want := range map[string]string{"hemlig å\n": "hemlig å", "a b": "a b", "": "", "\n": "", "a\nb\n": ""} {
		if err := os.WriteFile(c.Mail.Password.File, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Mail.Password.Read(); got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", text, got, err)
		}
	}
	t.Setenv("CREDENTIALS_DIRECTORY", c.Data)
	if err := os.WriteFile(filepath.Join(c.Data, "smtp"), []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := (Secret{Credential: "smtp"}).Read(); err != nil || got != "x" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestSettingsOfMailThatAreRefused(t *testing.T) {
	const good = "mail.host: smtp.example.com\nmail.from: a@b.example\n"
	for text, want := range map[string]string{
		"mail.from: a@b.example\n":                      "mail.host is not set",
		"mail.host: smtp.example.com\n":                 "mail.from is not",
		good + "mail.user: gw\n":                        "belong together",
		good + "mail.security: none\n":                  "in the clear",
		good + "mail.security: ssl\n":                   "not one of",
		good + "mail.port: smtp\n":                      "not a port",
		good + "mail.language: de\n":                    "not one of",
		"mail.host: \"smtp.example.com:25\"\n":          "not a host",
		"mail.from: \"A <a@b.example>\"\n":              "not an address",
		"mail.from: \"a@b.example\\r\\nBcc: c@d.se\"\n": "not an address",
		good + "mail.password: hunter2\n":               "not written into a setting",
	} {
		_, err := load(t, text, Sources{})
		if got := fault.Message(err); !fault.Is(err, fault.Invalid) || !strings.Contains(got, want) || strings.Contains(got, "hunter2") {
			t.Errorf("%q: %v", text, err)
		}
	}
	if c, err := load(t, "mail.host: 127.0.0.1\nmail.from: a@b.example\nmail.security: none\n", Sources{}); err != nil || c.Mail.Port != 25 {
		t.Errorf("a server on this machine: %v", err)
	}
}
