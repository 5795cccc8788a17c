package sftp

import (
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"sealgate/internal/fault"
	"sealgate/internal/transfer/remote/why"
)

// Legacy allows a server what is no longer safe, until a day, and by name:
//
//	ssh-rsa    signatures with SHA-1, by the server's host key and the login's key
//	dh-sha1    key exchange with SHA-1 (group 14, or of the server's choice)
//	cbc        the ciphers AES-CBC and 3DES
//	hmac-sha1  integrity by SHA-1
type Legacy struct {
	Options []string
	Until   time.Time
}

// algorithms are those that are offered. The library's defaults hold SHA-1, so each
// list is written out; chacha20-poly1305 is left out because a server without strict
// key exchange would open it to the Terrapin attack (CVE-2023-48795).
type algorithms struct {
	kex, hostKeys, ciphers, macs, signatures []string
}

func modern() algorithms {
	return algorithms{
		kex: []string{
			ssh.KeyExchangeMLKEM768X25519, ssh.KeyExchangeCurve25519, ssh.KeyExchangeECDHP256, ssh.KeyExchangeECDHP384,
			ssh.KeyExchangeECDHP521, ssh.KeyExchangeDH16SHA512, ssh.KeyExchangeDH14SHA256, ssh.KeyExchangeDHGEXSHA256,
		},
		hostKeys: []string{
			ssh.KeyAlgoED25519, ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
		},
		ciphers:    []string{ssh.CipherAES256GCM, ssh.CipherAES128GCM, ssh.CipherAES256CTR, ssh.CipherAES192CTR, ssh.CipherAES128CTR},
		macs:       []string{ssh.HMACSHA256ETM, ssh.HMACSHA512ETM, ssh.HMACSHA256, ssh.HMACSHA512},
		signatures: []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256},
	}
}

// old is what each option adds. Key exchange over a group of 1,024 bits is no option:
// it can be read by who has recorded it.
var old = map[string]algorithms{
	"ssh-rsa":   {hostKeys: []string{ssh.KeyAlgoRSA}, signatures: []string{ssh.KeyAlgoRSA}},
	"dh-sha1":   {kex: []string{ssh.InsecureKeyExchangeDH14SHA1, ssh.InsecureKeyExchangeDHGEXSHA1}},
	"cbc":       {ciphers: []string{ssh.InsecureCipherAES128CBC, ssh.InsecureCipherTripleDESCBC}},
	"hmac-sha1": {macs: []string{ssh.HMACSHA1}},
}

// algorithms returns what is offered on a day.
func (l Legacy) algorithms(now time.Time) (algorithms, error) {
	const op = "sftp: legacy"
	a := modern()
	if len(l.Options) == 0 {
		return a, nil
	}
	if l.Until.IsZero() {
		return a, fault.New(fault.Invalid, op, "an option for old algorithms needs the day until which it holds")
	}
	if now.After(l.Until) {
		return a, why.OldOver.New(fault.Denied, op, "old algorithms (%s) were allowed for this server until %s; who runs it has to update it, or who runs the gateway sets another day",
			strings.Join(l.Options, ", "), l.Until.Format(time.DateOnly))
	}
	for _, name := range l.Options {
		more, ok := old[name]
		if !ok {
			return a, fault.New(fault.Invalid, op, "%q is no option for old algorithms; they are ssh-rsa, dh-sha1, cbc and hmac-sha1", name)
		}
		a.kex = append(a.kex, more.kex...)
		a.hostKeys = append(a.hostKeys, more.hostKeys...)
		a.ciphers = append(a.ciphers, more.ciphers...)
		a.macs = append(a.macs, more.macs...)
		a.signatures = append(a.signatures, more.signatures...)
	}
	return a, nil
}

// optionFor returns the option that would let one of these algorithms in; "" = none.
func optionFor(offered []string) string {
	for _, name := range []string{"ssh-rsa", "dh-sha1", "cbc", "hmac-sha1"} {
		o := old[name]
		for _, a := range slices.Concat(o.kex, o.hostKeys, o.ciphers, o.macs) {
			if slices.Contains(offered, a) {
				return name
			}
		}
	}
	return ""
}

// inUse returns the old algorithms that a connection came to.
func inUse(n ssh.NegotiatedAlgorithms) []string {
	var found []string
	for _, a := range []string{n.KeyExchange, n.HostKey, n.Read.Cipher, n.Write.Cipher, n.Read.MAC, n.Write.MAC} {
		for _, o := range old {
			if slices.Contains(slices.Concat(o.kex, o.hostKeys, o.ciphers, o.macs), a) && !slices.Contains(found, a) {
				found = append(found, a)
			}
		}
	}
	return found
}
