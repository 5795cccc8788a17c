package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"strconv"
	"time"
)

// The headers of a delivery.
const (
	SignatureHeader = "Sealgate-Signature"
	EventHeader     = "Sealgate-Event"
	DeliveryHeader  = "Sealgate-Delivery"
)

// secretPrefix makes a secret known for what it is.
const secretPrefix = "sgw_"

// newSecret draws 256 bits, as text: it is pasted into settings, and its bytes as they
// stand there are the key.
func newSecret() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return secretPrefix + base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b)
}

// Sign is the value of the signature's header: the time in seconds, and for each
// secret that is good the HMAC-SHA-256 of "time.body". A receiver takes a delivery when
// one of them is right and the time is near his own.
func Sign(at time.Time, body []byte, secrets ...string) string {
	t := strconv.FormatInt(at.Unix(), 10)
	value := "t=" + t
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write([]byte(t))
		mac.Write([]byte("."))
		mac.Write(body)
		value += ",v1=" + hex.EncodeToString(mac.Sum(nil))
	}
	return value
}
