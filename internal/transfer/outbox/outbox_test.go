package outbox

import "testing"

func TestNumberedNamesLeadBack(t *testing.T) {
	for _, name := range []string{"a.xml", "a", "a.b.xml", ".hidden", "lön mars.txt", "a.2", "a.2.xml"} {
		for _, n := range []int{2, 3, 17} {
			shown := numbered(name, n)
			original, got, ok := unnumbered(shown)
			if !ok || got != n || original != name {
				t.Errorf("%q as number %d is %q, which leads to %q, %d, %v", name, n, shown, original, got, ok)
			}
		}
	}
	for _, name := range []string{"a.xml", "a", "a.1.xml", "a.02.xml", "a.-2.xml", "a.2x.xml", "", "."} {
		if original, n, ok := unnumbered(name); ok {
			t.Errorf("%q leads to %q, %d", name, original, n)
		}
	}
}
