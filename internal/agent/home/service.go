package home

import (
	"crypto/sha1" // Windows makes these ids by it; it protects nothing
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"
)

// Service is the name of the service, and of the account it runs as.
const Service = "sealgate-connect"

// ServiceSID is the id that Windows gives the account of its own that a service has,
// `NT SERVICE\NAME`, whether the service is there yet or not.
func ServiceSID(name string) string {
	var text []byte
	for _, u := range utf16.Encode([]rune(strings.ToUpper(name))) {
		text = binary.LittleEndian.AppendUint16(text, u)
	}
	sum := sha1.Sum(text)
	sid := "S-1-5-80"
	for i := 0; i < len(sum); i += 4 {
		sid += fmt.Sprintf("-%d", binary.LittleEndian.Uint32(sum[i:]))
	}
	return sid
}
