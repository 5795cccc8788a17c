package api

import (
	"net/http"
	"testing"

	"sealgate/internal/account"
	"sealgate/internal/portal"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/catalogtest"
	"sealgate/internal/store/catalog/notices"
)

// What alarms call for stands on the overviews until somebody has seen it: once, and for
// whose it is.
func TestOverviewsReadTheAlarms(t *testing.T) {
	h := newHouse(t)
	for _, name := range []string{"acme", "other"} {
		h.want(http.StatusOK, "POST", "/accounts", portal.NewAccount{Name: name}, nil)
	}
	h.hold("acme") // an alarm and a standing: one thing
	h.api.Notices.Alarms.Round(t.Context())
	var seen notices.Alarm
	h.world.Update(func(tx *catalog.Tx) error {
		acme, err := tx.AccountByName("acme")
		if err != nil {
			return err
		}
		other, err := tx.AccountByName("other")
		if err != nil {
			return err
		}
		now := h.world.Clock.Now()
		seen = notices.Alarm{ID: catalogtest.ID(), Account: acme.ID, Kind: "webhook-off", Object: "x", State: notices.AlarmOpen, Severity: "warning", Count: 1, RaisedAt: now}
		for _, a := range []notices.Alarm{
			seen,
			{ID: catalogtest.ID(), Account: other.ID, Kind: "webhook-failing", State: notices.AlarmOpen, Severity: "warning", Count: 1, RaisedAt: now},
			{ID: catalogtest.ID(), Kind: "audit-damaged", State: notices.AlarmOpen, Severity: "critical", Count: 1, RaisedAt: now},
		} {
			if err := tx.InsertAlarm(&a); err != nil {
				return err
			}
		}
		return nil
	})
	codes := func(list []portal.Attention) (codes []string) {
		for _, a := range list {
			codes = append(codes, a.Account+" "+a.Code)
		}
		return codes
	}
	same := func(got []string, want ...string) {
		t.Helper()
		if len(got) != len(want) {
			t.Fatalf("%q, want %q", got, want)
		}
		for i := range got {
			if got[i] != want[i] {
				t.Errorf("%q, want %q", got, want)
			}
		}
	}
	var mine portal.Overview
	h.want(http.StatusOK, "GET", "/accounts/acme/overview?language=sv", nil, &mine)
	same(codes(mine.Attention), " files-held", " webhook-off")
	if a := mine.Attention[1]; a.Message != "en webhook har stängts av eftersom den inte tagit emot något på flera dagar" || a.Alarm != seen.ID.String() {
		t.Errorf("%+v", a)
	}
	reader := h.token("acme", "r", account.Reader)
	if w := h.by(reader, "POST", "/alarms/"+seen.ID.String()+"/seen", ""); w.Code != http.StatusForbidden {
		t.Errorf("a reader marks it: %d", w.Code)
	}
	var all portal.GatewayOverview
	h.want(http.StatusOK, "GET", "/overview", nil, &all)
	var rest []string
	for _, c := range codes(all.Attention) {
		if c != " key-backup" && c != " data-backup" {
			rest = append(rest, c)
		}
	}
	same(rest, "acme files-held", " audit-damaged", "acme webhook-off", "other webhook-failing")
	h.want(http.StatusOK, "POST", "/alarms/"+seen.ID.String()+"/seen", nil, nil)
	mine = portal.Overview{}
	h.want(http.StatusOK, "GET", "/accounts/acme/overview", nil, &mine)
	same(codes(mine.Attention), " files-held")
}
