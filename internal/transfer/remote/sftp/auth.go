package sftp

import (
	"crypto/x509"
	"errors"

	"golang.org/x/crypto/ssh"

	"sealgate/internal/fault"
)

// maxQuestions bounds the rounds of keyboard-interactive questions.
const maxQuestions = 4

// auth returns the ways in which the login proves itself, the key first.
func (c Config) auth() ([]ssh.AuthMethod, error) {
	const op = "sftp: login"
	if c.User == "" || len(c.Key) == 0 && c.Password == "" {
		return nil, fault.New(fault.Invalid, op, "a login has a username, and a password or a key")
	}
	var methods []ssh.AuthMethod
	if len(c.Key) > 0 {
		signer, err := c.signer()
		if err != nil {
			return nil, err
		}
		methods = append(methods, ssh.PublicKeys(signer))
	}
	if c.Password != "" {
		methods = append(methods, ssh.Password(c.Password), ssh.KeyboardInteractive(c.answers()))
	}
	return methods, nil
}

// answers gives the password to the one hidden question, once. Anything else is asked
// of a person who is not there.
func (c Config) answers() ssh.KeyboardInteractiveChallenge {
	rounds, told := 0, false
	return func(_, _ string, questions []string, echos []bool) ([]string, error) {
		if rounds++; rounds > maxQuestions {
			return nil, errors.New("too many rounds of questions")
		}
		switch {
		case len(questions) == 0:
			return nil, nil
		case len(questions) > 1 || echos[0] || told:
			return nil, errors.New("a question that is not for the password")
		}
		told = true
		return []string{c.Password}, nil
	}
}

// signer opens the private key. RSA signs with SHA-2, and with SHA-1 only where an
// option allows that.
func (c Config) signer() (ssh.Signer, error) {
	const op = "sftp: key"
	var missing *ssh.PassphraseMissingError
	key, err := ssh.ParsePrivateKey(c.Key)
	if errors.As(err, &missing) {
		if c.Passphrase == "" {
			return nil, fault.New(fault.Invalid, op, "the private key is encrypted; it needs its passphrase")
		}
		key, err = ssh.ParsePrivateKeyWithPassphrase(c.Key, []byte(c.Passphrase))
		if errors.Is(err, x509.IncorrectPasswordError) {
			return nil, fault.New(fault.Invalid, op, "the passphrase does not open the private key")
		}
	}
	if err != nil {
		return nil, &fault.Error{Kind: fault.Invalid, Op: op, Message: "this is no private key in a form that is known (OpenSSH, PKCS#8 or PKCS#1)", Err: err}
	}
	if key.PublicKey().Type() != ssh.KeyAlgoRSA {
		return key, nil
	}
	signatures := modern().signatures
	for _, o := range c.Legacy.Options {
		signatures = append(signatures, old[o].signatures...)
	}
	key, err = ssh.NewSignerWithAlgorithms(key.(ssh.AlgorithmSigner), signatures)
	return key, fault.Wrap(fault.Internal, op, err)
}
