package sftp

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"

	"sealgate/internal/fault"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/why"
)

const (
	clientVersion = "SSH-2.0-Sealgate"
	// maxHandshake bounds what a server may send until the login is signed in.
	maxHandshake = 1 << 20
	// maxKeys is how many host keys of a server are looked at for the confirmed one.
	maxKeys = 4
)

// errOtherKey ends a handshake when the host key is not the confirmed one.
var errOtherKey = errors.New("not a confirmed host key")

// fingerprints brings those that people typed into the form that is compared.
func fingerprints(list []string) ([]string, error) {
	var expected []string
	for _, f := range list {
		sum, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(strings.TrimPrefix(f, "SHA256:"), "="))
		if err != nil || len(sum) != 32 {
			return nil, fault.New(fault.Invalid, "sftp: host key", "the fingerprint of a host key looks like SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU")
		}
		expected = append(expected, "SHA256:"+base64.RawStdEncoding.EncodeToString(sum))
	}
	return expected, nil
}

// shake connects until the server shows the confirmed host key: it may have one of
// each kind, shows one a connection, and people confirm whichever they were sent.
func (c Config) shake(ctx context.Context, auth []ssh.AuthMethod, expected []string, offer algorithms) (*Session, error) {
	var shown []string
	for range maxKeys {
		h := &handshake{Config: c, expected: expected, offer: offer}
		if len(shown) > 0 {
			h.later, h.Report = true, c.laterSteps
		}
		session, err := h.run(ctx, auth)
		if err == nil {
			return session, nil
		}
		if h.key == nil || !errors.Is(err, errOtherKey) {
			var none *ssh.AlgorithmNegotiationError
			if len(shown) > 0 && errors.As(err, &none) {
				break // it has no other key
			}
			return nil, err
		}
		shown = append(shown, ssh.FingerprintSHA256(h.key))
		if len(expected) == 0 {
			break
		}
		// Ask for a key of another kind.
		kind := h.key.Type()
		offer.hostKeys = slices.DeleteFunc(slices.Clone(offer.hostKeys), func(a string) bool {
			return a == kind || kind == ssh.KeyAlgoRSA && (a == ssh.KeyAlgoRSASHA256 || a == ssh.KeyAlgoRSASHA512)
		})
		if len(offer.hostKeys) == 0 {
			break
		}
	}
	identity := &remote.IdentityError{What: remote.StepHostKey, Seen: shown, Expected: expected}
	return nil, c.Failed(remote.StepHostKey, identity.Fault())
}

// laterSteps reports what a first try has not reported yet.
func (c Config) laterSteps(step remote.Step) {
	if c.Report != nil && (step.Err != nil || step.Name != remote.StepResolve && step.Name != remote.StepConnect) {
		c.Report(step)
	}
}

// handshake is one try.
type handshake struct {
	Config
	expected []string
	offer    algorithms
	key      ssh.PublicKey // that the server showed
	trusted  bool
	later    bool // there were tries before
}

func (h *handshake) run(ctx context.Context, auth []ssh.AuthMethod) (*Session, error) {
	s := &Session{patience: h.Patience()}
	conn, err := h.Dial(ctx, &s.seen)
	if err != nil {
		return nil, err
	}
	s.wire = remote.NewWire(conn)
	var client ssh.Conn
	var channels <-chan ssh.NewChannel
	var requests <-chan *ssh.Request
	over, err := s.wire.Bounded(maxHandshake, func() error {
		return s.within(ctx, 2*s.patience, func() (err error) {
			client, channels, requests, err = ssh.NewClientConn(s.wire, s.seen.Address.String(), h.client(auth))
			return err
		})
	})
	if err != nil {
		_ = s.wire.Close()
		return nil, h.explain(err, over)
	}
	s.ssh = ssh.NewClient(client, channels, requests)
	s.seen.Banner = remote.Quote(string(client.ServerVersion()))
	if meta, ok := client.(ssh.AlgorithmsConnMetadata); ok {
		n := meta.Algorithms()
		s.seen.Encryption = n.KeyExchange + ", " + n.Read.Cipher
		s.seen.Legacy = inUse(n)
	}
	s.seen.HostKey, s.seen.HostKeyType = ssh.FingerprintSHA256(h.key), h.key.Type()
	signedIn := "signed in; " + s.seen.Banner + " with " + s.seen.Encryption
	if len(s.seen.Legacy) > 0 {
		signedIn += "; warning: " + strings.Join(s.seen.Legacy, ", ") + " is no longer safe and only allowed until " + h.Legacy.Until.Format("2006-01-02")
	}
	h.Saw(remote.StepSignIn, signedIn, "server", s.seen.Banner, "encryption", s.seen.Encryption, "old", strings.Join(s.seen.Legacy, ", "))
	if err := s.start(ctx); err != nil {
		_ = s.Close()
		return nil, h.Failed(remote.StepStart, err)
	}
	h.Saw(remote.StepStart, "SFTP is there")
	return s, nil
}

func (h *handshake) client(auth []ssh.AuthMethod) *ssh.ClientConfig {
	return &ssh.ClientConfig{
		Config:            ssh.Config{KeyExchanges: h.offer.kex, Ciphers: h.offer.ciphers, MACs: h.offer.macs},
		User:              h.User,
		Auth:              auth,
		HostKeyCallback:   h.judge,
		HostKeyAlgorithms: h.offer.hostKeys,
		ClientVersion:     clientVersion,
	}
}

func (h *handshake) judge(_ string, _ net.Addr, key ssh.PublicKey) error {
	h.key = key
	fingerprint := ssh.FingerprintSHA256(key)
	if !slices.Contains(h.expected, fingerprint) {
		return errOtherKey
	}
	if !h.trusted { // a later exchange of keys shows it again
		h.trusted = true
		h.Saw(remote.StepHostKey, fingerprint+" ("+key.Type()+"), as confirmed", "fingerprint", fingerprint, "type", key.Type())
	}
	return nil
}

// explain says in which step a handshake failed, and who can change that.
func (h *handshake) explain(err error, over bool) error {
	const op = "sftp: sign-in"
	var none *ssh.AlgorithmNegotiationError
	if errors.Is(err, errOtherKey) || h.later && errors.As(err, &none) {
		return err // shake knows whether there is another key
	}
	step := remote.StepHostKey
	if h.trusted {
		step = remote.StepSignIn
	}
	var message string
	kind, code := fault.Invalid, why.NotSpoken
	switch {
	case over:
		message = "what answers at this port does not stop talking before SSH begins; check the port"
	case errors.As(err, &none):
		code, message = why.TooOld, fmt.Sprintf("the server offers nothing that is safe today for %s, only %s; who runs it should update it",
			none.What, remote.Quote(strings.Join(none.RequestedAlgorithms, ", ")))
		if option := optionFor(none.RequestedAlgorithms); option != "" {
			message += fmt.Sprintf("; until then who runs the gateway can allow %q for this server, until a day", option)
		}
	case fault.Is(err, fault.TryLater): // silent, or given up
		return h.Failed(step, err)
	case remote.IsCut(err) && h.trusted:
		kind, code, message = fault.TryLater, why.HungUp, "the server ended the connection during the sign-in; it may have too many sessions, or not let this address or login in"
	case remote.IsCut(err):
		kind, code, message = fault.TryLater, why.HungUp, "the server ended the connection before it showed a host key; it may be busy, or not let this address in, or what answers at this port is no SFTP server"
	case h.trusted:
		kind, code, message = fault.Denied, why.SignIn, "the server refused the sign-in; check username, password and key, and that the server lets the login in by one of them"
	default:
		message = "what answers at this port does not speak SSH as it should; check the port"
	}
	return h.Failed(step, &fault.Error{Kind: kind, Op: op, Message: message, Err: code.By(err)})
}
