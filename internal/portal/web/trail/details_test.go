package trail

import (
	"net/http"
	"slices"
	"testing"

	"sealgate/internal/portal"
	"sealgate/internal/portal/web/desk"
)

// What an entry tells besides is words, also of a change from one value to another; what
// nobody has given words stays as it is on record.
func TestDetailsAreSaidInWords(t *testing.T) {
	r, err := http.NewRequest(http.MethodGet, "/", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Language", "sv")
	v := &desk.Visit{L: room.Views.Locale(r)}
	got := detailsOf(v, portal.AuditEntry{Detail: map[string]string{
		"operator_access": "from-on-to-asked", "in_show_for": "from-7d-to-36h0m0s", "until": "2026-11-29", "role": "admin", "source": "remote:bank",
		"code": "timeout", "approval": "01a202ff-2c77-7a50-82ea-cb5a3c935377", "zz_new": "some-word",
	}})
	want := []string{
		"Godkänd insyn: 01a202ff-2c77", "Orsak: servern svarar inte", "Visas i /in i: 7 dagar → 36 timmar", "Operatörers insyn: ja → efter godkännande",
		"Roll: Administratör", "Från: Hämtad från bank", "Till och med: 29 nov 2026", "zz_new: some-word",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}
