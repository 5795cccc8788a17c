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
	n := 0
	for p := range ranks() {
		if n++; n%7 == 0 && (Check([]byte(p), 1) == nil || Check([]byte(strings.ToUpper(p)+"!1"), 1) == nil) {
			t.Errorf("%q", p)
		}
	}
	if n < 60_000 {
		t.Errorf("only %d words are known", n)
	}
	for _, p := range []string{"anna.svensson@example.com", "svensson-example-1", "Bageri!Bageri!", "Swedbank2026", "sealgate sealgate", "Anna.Svensson99"} {
		if Check([]byte(p), Least, "anna.svensson@example.com", "bageri-norr") == nil {
			t.Errorf("%q", p)
		}
	}
}

func TestHowSoonItIsGuessed(t *testing.T) {
	for password, want := range map[string][2]float64{
		"password": {0, 2}, "Password1": {0, 4}, "drowssap": {0, 3}, "p@ssw0rd": {0, 3}, "qwertyuiop": {0, 4}, "zaq12wsx": {0, 5},
		"abcdefgh": {0, 4}, "aaaaaaaaaaaa": {0, 4}, "19841125": {0, 5}, "2026-11-22": {0, 6}, "monkeymonkeymonkey": {0, 4}, "elephants": {0, 6},
		"Svensson1984": {0, 8}, "xK8mZq2v": {8, 20}, "correct horse battery staple": {10, 40}, "kvarnsten bläckfisk onsdag": {12, 40}, "": {-1, 1},
	} {
		if got := cost(password, nil); password != "" && (got < want[0] || got > want[1]) {
			t.Errorf("%q: 10^%.1f", password, got)
		}
	}
	if with, without := cost("bageri-norr-42x", []string{"bageri", "norr"}), cost("bageri-norr-42x", nil); with >= without {
		t.Errorf("names cost %.1f, strange words %.1f", with, without)
	}
}

func FuzzCost(f *testing.F) {
	f.Add("Åäö1234567890")
	f.Add("\u0130\xff\x00")
	f.Fuzz(func(t *testing.T, text string) {
		text = first(strings.ToValidUTF8(text, ""), judged)
		c := cost(text, nil)
		if n := float64(len([]rune(text))); text != "" && (c < 0 || c > n+1) {
			t.Errorf("%q: %f", text, c)
		}
	})
}

func BenchmarkCheck(b *testing.B) {
	p := []byte(strings.Repeat("aB1!qwertypassword2024", 10)[:judged])
	for b.Loop() {
		_ = Check(p, Least, "anna@example.org", "acme")
	}
}
