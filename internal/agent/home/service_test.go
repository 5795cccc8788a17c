package home

import "testing"

// The id of an account that every Windows has.
func TestServiceSID(t *testing.T) {
	const want = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
	if got := ServiceSID("TrustedInstaller"); got != want {
		t.Errorf("TrustedInstaller is %s, want %s", got, want)
	}
}
