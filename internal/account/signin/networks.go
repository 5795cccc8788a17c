package signin

import (
	"encoding/json"
	"net/netip"
	"strings"

	"github.com/google/uuid"

	"sealgate/internal/custody"
	"sealgate/internal/fault"
)

// maxNetworks bounds an allow list.
const maxNetworks = 100

// ParseNetworks reads allow-from values: addresses and CIDR networks.
func ParseNetworks(texts []string) ([]netip.Prefix, error) {
	const op = "sign-in: allow-from"
	if len(texts) > maxNetworks {
		return nil, fault.New(fault.Invalid, op, "at most %d networks can be allowed", maxNetworks)
	}
	var list []netip.Prefix
	for _, text := range texts {
		text = strings.TrimSpace(text)
		p, err := netip.ParsePrefix(text)
		if err != nil {
			a, aerr := netip.ParseAddr(text)
			if aerr != nil || a.Zone() != "" {
				return nil, fault.New(fault.Invalid, op, "%q is no address and no network such as 192.0.2.0/24", text)
			}
			p = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
		}
		if p.Addr().Is4In6() {
			return nil, fault.New(fault.Invalid, op, "%q is an IPv4 network written as IPv6; write it as IPv4", text)
		}
		list = append(list, p.Masked())
	}
	return list, nil
}

func contains(list []netip.Prefix, a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// SealNetworks makes the sealed column of an allow list; nil when it is empty.
func SealNetworks(rec *custody.Records, table string, row uuid.UUID, list []netip.Prefix) ([]byte, error) {
	if len(list) == 0 {
		return nil, nil
	}
	text, err := json.Marshal(list)
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "sign-in: allow-from", err)
	}
	return rec.Seal(table, "allow_from", row, text), nil
}

func OpenNetworks(rec *custody.Records, table string, row uuid.UUID, sealed []byte) ([]netip.Prefix, error) {
	if sealed == nil {
		return nil, nil
	}
	text, err := rec.Open(table, "allow_from", row, sealed)
	if err != nil {
		return nil, err
	}
	var list []netip.Prefix
	if err := json.Unmarshal(text, &list); err != nil {
		return nil, fault.Wrap(fault.Damaged, "sign-in: allow-from", err)
	}
	return list, nil
}
