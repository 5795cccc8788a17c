package connectd

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"time"

	"sealgate/internal/connect"
	"sealgate/internal/fault"
	"sealgate/internal/limit"
)

// enroll takes the request of somebody who is no agent yet.
func (d *Door) enroll(w http.ResponseWriter, r *http.Request) {
	enrolled, err := d.tryEnroll(w, r)
	if err != nil {
		d.refuse(w, r, nil, err)
		return
	}
	d.answerJSON(w, r, http.StatusOK, enrolled)
}

func (d *Door) tryEnroll(w http.ResponseWriter, r *http.Request) (*connect.Enrolled, error) {
	from := network(r)
	if wait := d.tries.Take(from); wait > 0 {
		p := connect.Refuse(connect.TryLater, "There were too many attempts to enrol from this network.")
		p.RetryAfter = int64(wait/time.Second) + 1
		return nil, p
	}
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(enrollTime)) // fails on a connection that is gone
	body, err := io.ReadAll(io.LimitReader(r.Body, connect.MaxUnsigned+1))
	if err != nil {
		return nil, fault.Wrap(fault.TryLater, "connectd: enrol", err)
	}
	e, err := connect.ParseEnrolment(body)
	if err != nil {
		return nil, err
	}
	leave := d.enrols.Take(from) // not while the request comes: strangers may take their time
	if leave == nil {
		return nil, later("Others are being enrolled right now.")
	}
	defer leave()
	enrolled, err := d.Agents.Enrol(r.Context(), e)
	if err != nil {
		return nil, err
	}
	told, err := d.accountOf(r.Context(), enrolled.Agent)
	if err != nil {
		return nil, err
	}
	return e.Accept(enrolled.Key, d.Identity, enrolled.ID, *told)
}

// network is what counts as one source of strangers.
func network(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	addr, err := netip.ParseAddr(host)
	if err != nil {
		return host
	}
	return limit.Network(addr.Unmap()).String()
}

// enrollTime is what a stranger has for his request.
const enrollTime = 15 * time.Second
