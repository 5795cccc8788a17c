package address

import (
	"strings"
	"testing"

	"sealgate/internal/fault"
)

func TestAddresses(t *testing.T) {
	for text, want := range map[string]Address{
		"sftp://payments@bank.example.com":                {SFTP, "bank.example.com", 22, "payments", ""},
		"sftp://payments@bank.example.com/":               {SFTP, "bank.example.com", 22, "payments", "/"},
		"sftp://payments@bank.example.com/out/daily":      {SFTP, "bank.example.com", 22, "payments", "/out/daily"},
		"sftp://payments@bank.example.com/~/out":          {SFTP, "bank.example.com", 22, "payments", "out"},
		"sftp://payments@bank.example.com/~":              {SFTP, "bank.example.com", 22, "payments", ""},
		"sftp://payments@bank.example.com/~old":           {SFTP, "bank.example.com", 22, "payments", "/~old"},
		"sftp://a%40b.example@127.0.0.1:2022/f%C3%B6r%3F": {SFTP, "127.0.0.1", 2022, "a@b.example", "/för?"},
		"ftps://u@[2001:db8::1]/":                         {FTPS, "2001:db8::1", 990, "u", "/"},
		"ftpes://u@ftp.example.com:2121":                  {FTPES, "ftp.example.com", 2121, "u", ""},
	} {
		got, err := Parse(text)
		if err != nil || got != want {
			t.Errorf("%s: %+v %v", text, got, err)
		}
	}
	for _, text := range []string{
		"", "bank.example.com", "sftp:u@h", "sftp://u@", "http://u@h/", "ftp://u@h/", "SCP://u@h", "sftp://u:secret@h/", "sftp://u:@h/", "sftp://h/",
		"sftp://u@h:0/", "sftp://u@h:70000/", "sftp://u@h:x/", "sftp://u@h/?a=b", "sftp://u@h/#x", "sftp://u@h/a/../b", "sftp://u@h/~/../b",
		"sftp://u@h/a%0ab", "sftp://u%0a@h/", "sftp://u@-h/", "sftp://u@h..x/", "sftp://u@räksmörgås.se/", "sftp://u@h/" + strings.Repeat("a", 2000),
		"sftp://u@h%20x/", "sftp://u@[fe80::1%25eth0]x/",
	} {
		if got, err := Parse(text); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %+v %v", text, got, err)
		}
	}
	if _, err := Parse("sftp://u:hunter2@h/"); strings.Contains(err.Error(), "hunter2") {
		t.Errorf("the sentence repeats the password: %v", err)
	}
}

func FuzzAddress(f *testing.F) {
	f.Add("sftp://payments@bank.example.com:22/~/out")
	f.Add("ftps://u@[::1]/%2e%2e/")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := Parse(text)
		if err != nil {
			return
		}
		if a.Host == "" || a.User == "" || a.Port == 0 || strings.Contains("/"+a.Dir+"/", "/../") || strings.ContainsFunc(a.Dir+a.User+a.Host, control) {
			t.Fatalf("%q: %+v", text, a)
		}
	})
}
