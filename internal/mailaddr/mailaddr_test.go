package mailaddr

import (
	"strings"
	"testing"
)

func TestValid(t *testing.T) {
	for text, want := range map[string]bool{
		"anna@acme.example": true, "a.b+c@x.example": true, "ANNA@ACME.EXAMPLE": true,
		"": false, "anna": false, "@acme.example": false, "anna@": false, "a b@acme.example": false, "å@acme.example": false, "anna@å.example": false,
		"Anna <anna@acme.example>": false, "<anna@acme.example>": false, `"a b"@acme.example`: false, "a@[1.2.3.4]": false, "a,b@acme.example": false,
		"anna@acme.example\r\nBcc: x@y.example": false, "anna@acme.example\x00": false, strings.Repeat("a", 250) + "@b.se": false,
	} {
		if Valid(text) != want {
			t.Errorf("%q: %v", text, !want)
		}
	}
}
