package password

import (
	"strings"
	"testing"
)

func TestPasswordRules(t *testing.T) {
	for password, ok := range map[string]bool{
		"short":                            false,
		"fourteen chars":                   false,
		"aaaaaaaaaaaaaaaaaaaaaaaa":         false,
		"password12345678":                 false,
		"P@ssw0rd-P@ssw0rd":                false,
		"1234567890123456":                 false,
		"qwertyuiopasdfghjkl":              false,
		"acme-payments-2026":               false,
		"löner-robot-löner-robot":          false,
		"Sommar2025Sommar2026":             false,
		"Tulpan8 cykel mot norr":           true,
		"kvarnsten bläckfisk onsdag":       true,
		"xK8mZq2vRt5nWp7y":                 true,
		strings.Repeat("lång mening ", 20): true,
		strings.Repeat("x9", 600):          false,
		"\xff\xfexxxxxxxxxxxxxxxxxx":       false,
	} {
		if err := Check([]byte(password), LeastAlone, "löner-robot", "acme"); (err == nil) != ok {
			t.Errorf("%q: %v", password, err)
		}
	}
}

func TestGeneratedPasswords(t *testing.T) {
	seen := make(map[string]bool)
	count := make(map[rune]int)
	for range 500 {
		p := Make()
		if len(p) != 47 || seen[p] {
			t.Fatalf("%q", p)
		}
		seen[p] = true
		for _, r := range p {
			count[r]++
		}
		if err := Check([]byte(p), LeastAlone); err != nil {
			t.Fatalf("%q: %v", p, err)
		}
	}
	for _, r := range alphabet { // 500*40/31 = 645 expected
		if count[r] < 500 || count[r] > 800 {
			t.Errorf("%q came %d times", r, count[r])
		}
	}
}

func TestShortPasswordsAreForThoseWhoShowSomethingElseBesides(t *testing.T) {
	const p = "trasigt fat"
	if err := Check([]byte(p), Least, "acme"); err != nil {
		t.Error(err)
	}
	if err := Check([]byte(p), LeastAlone, "acme"); err == nil {
		t.Error("taken as all that is asked for")
	}
	if !Short([]byte(p)) || Short([]byte("kvarnsten bläckfisk onsdag")) {
		t.Error("which is short?")
	}
	if !Short([]byte("bla\u0308ckfisk1234")) { // fourteen letters, fifteen code points
		t.Error("a letter in two parts counts twice")
	}
}

// What stands on the list is refused, also where the rules think well of it, and so
// is what is made of the names around it.
func TestLeakedPasswordsAndNamesAreRefused(t *testing.T) {
	for p := range common() {
		if Check([]byte(p), Least) == nil || Check([]byte(strings.ToUpper(p)+"!1"), Least) == nil {
			t.Errorf("%q", p)
		}
	}
	for _, p := range []string{"anna.svensson@example.com", "svensson-example-1", "Bageri!Bageri!", "Swedbank2026", "sealgate sealgate", "Anna.Svensson99"} {
		if Check([]byte(p), Least, "anna.svensson@example.com", "bageri-norr") == nil {
			t.Errorf("%q", p)
		}
	}
}
