package sftpd

import (
	"crypto"
	"crypto/rsa"

	"golang.org/x/crypto/ssh"

	"sealgate/internal/fault"
)

// The library's own defaults still hold SHA-1 and small groups, so every list
// is written out. All key exchanges are forward secret, the first also against
// a quantum computer. The ciphers leave out chacha20-poly1305@openssh.com: with
// a peer that has no strict key exchange it is open to the Terrapin attack
// (CVE-2023-48795), and every client that has it has AES, too. The last MAC is
// for clients on libssh2 before 1.11 (curl and PHP on Debian 12), which have
// none of the others: encrypt-and-MAC with SHA-256 is old-fashioned, not broken.
var (
	keyExchanges = []string{ssh.KeyExchangeMLKEM768X25519, ssh.KeyExchangeCurve25519}
	ciphers      = []string{ssh.CipherAES256GCM, ssh.CipherAES256CTR}
	macs         = []string{ssh.HMACSHA512ETM, ssh.HMACSHA256ETM, ssh.HMACSHA256}
	userKeys     = []string{
		ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519, ssh.KeyAlgoSKECDSA256,
		ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521,
		ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256,
	}
	rsaSignatures = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
)

const (
	// rekeyAfter bytes in one direction, new keys are exchanged.
	rekeyAfter = 1 << 30
	// authTries is what OpenSSH allows: an agent offers several keys first.
	authTries = 6
	// passwordTries bounds the guesses of one connection.
	passwordTries = 3

	serverVersion = "SSH-2.0-Sealgate"
)

// baseConfig is what all connections share: algorithms, host keys, no sign-in.
func baseConfig(hostKeys []crypto.Signer) (*ssh.ServerConfig, error) {
	const op = "sftpd: host key"
	c := &ssh.ServerConfig{
		Config: ssh.Config{
			KeyExchanges: keyExchanges, Ciphers: ciphers, MACs: macs, RekeyThreshold: rekeyAfter,
		},
		PublicKeyAuthAlgorithms: userKeys,
		MaxAuthTries:            authTries,
		ServerVersion:           serverVersion,
	}
	for _, k := range hostKeys {
		signer, err := ssh.NewSignerFromSigner(k)
		if err != nil {
			return nil, fault.Wrap(fault.Internal, op, err)
		}
		if _, isRSA := k.Public().(*rsa.PublicKey); isRSA {
			signer, err = ssh.NewSignerWithAlgorithms(signer.(ssh.AlgorithmSigner), rsaSignatures)
			if err != nil {
				return nil, fault.Wrap(fault.Internal, op, err)
			}
		}
		c.AddHostKey(signer)
	}
	if len(hostKeys) == 0 {
		return nil, fault.New(fault.Invalid, op, "there is no SSH host key")
	}
	return c, nil
}
