package sftpd

import (
	"context"
	"errors"
	"net/netip"
	"time"

	"golang.org/x/crypto/ssh"

	"sealgate/internal/account"
	"sealgate/internal/fault"
)

// SignIn decides who may come in. All methods answer fault.Denied for every
// reason that is the stranger's, and TryLater when the gateway is busy.
type SignIn interface {
	// OfferKey reports whether the key would do. It changes nothing: a key
	// that is offered is not a key that is held.
	OfferKey(ctx context.Context, a account.Attempt, key []byte) error
	// VerifiedKey signs in with a key that has signed this very session.
	VerifiedKey(ctx context.Context, a account.Attempt, key []byte) (*account.Identity, error)
	Password(ctx context.Context, a account.Attempt, password []byte) (*account.Identity, error)
	// StillValid reports whether somebody who signed in earlier would still
	// be let in.
	StillValid(ctx context.Context, who *account.Identity) bool
}

var (
	errKeyRefused   = errors.New("public key refused")
	errTooMany      = errors.New("too many passwords on one connection")
	errOtherLogin   = errors.New("password and key belong to different logins")
	errCertificates = errors.New("SSH certificates are not supported")
)

// busyBanner is shown by clients before they ask again.
const busyBanner = "The gateway is busy. Please try again in a few seconds.\r\n"

// signInTimeout bounds one look at the account data, a wait for a free
// password check included.
const signInTimeout = 15 * time.Second

// signIn is the sign-in of one connection. Its methods are called by one
// goroutine, in the order of the client's requests.
//
// A key counts only in verified, which the library calls when the client has
// signed with that very key; offer is asked about keys that the client only
// names (CVE-2024-45337). What the connection may do is decided by the last
// callback alone, from the catalog. When an account wants key and password, the
// key comes first: a password cannot be tried without it.
type signIn struct {
	by        SignIn
	source    netip.Addr
	passwords int
	half      *account.Identity // who has shown the key, when the password is still to come
}

// configure returns the configuration of one connection.
func (s *signIn) configure(base *ssh.ServerConfig) *ssh.ServerConfig {
	c := *base
	c.PasswordCallback = s.password
	c.PublicKeyCallback = s.offer
	c.VerifiedPublicKeyCallback = s.verified
	return &c
}

func (s *signIn) attempt(c ssh.ConnMetadata) account.Attempt {
	return account.Attempt{Username: c.User(), Source: s.source, Door: account.SFTP, Half: s.half}
}

func (s *signIn) offer(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
	if _, ok := key.(*ssh.Certificate); ok {
		return nil, errCertificates
	}
	ctx, cancel := context.WithTimeout(context.Background(), signInTimeout)
	defer cancel()
	if err := s.by.OfferKey(ctx, s.attempt(c), key.Marshal()); err != nil {
		return nil, errKeyRefused
	}
	return nil, nil
}

func (s *signIn) verified(c ssh.ConnMetadata, key ssh.PublicKey, _ *ssh.Permissions, _ string) (*ssh.Permissions, error) {
	ctx, cancel := context.WithTimeout(context.Background(), signInTimeout)
	defer cancel()
	who, err := s.by.VerifiedKey(ctx, s.attempt(c), key.Marshal())
	if err != nil {
		return nil, refusal(err)
	}
	if who.NeedsPassword {
		s.half = who
		return nil, &ssh.PartialSuccessError{Next: ssh.ServerAuthCallbacks{PasswordCallback: s.password}}
	}
	return permit(who), nil
}

func (s *signIn) password(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
	if s.passwords++; s.passwords > passwordTries {
		return nil, errTooMany
	}
	ctx, cancel := context.WithTimeout(context.Background(), signInTimeout)
	defer cancel()
	who, err := s.by.Password(ctx, s.attempt(c), password)
	clear(password)
	if err != nil {
		return nil, refusal(err)
	}
	if who.NeedsPassword || s.half != nil && s.half.Login != who.Login {
		return nil, errOtherLogin
	}
	return permit(who), nil
}

// identityKey is where the signed-in identity lies in ssh.Permissions.
type identityKey struct{}

func permit(who *account.Identity) *ssh.Permissions {
	return &ssh.Permissions{ExtraData: map[any]any{identityKey{}: who}}
}

// signedIn returns who a connection belongs to, nil when nobody signed in.
func signedIn(c *ssh.ServerConn) *account.Identity {
	if c.Permissions == nil {
		return nil
	}
	who, _ := c.Permissions.ExtraData[identityKey{}].(*account.Identity)
	return who
}

// refusal is the error of a callback: any error refuses, and only a busy
// gateway says so.
func refusal(err error) error {
	if fault.Is(err, fault.TryLater) {
		return &ssh.BannerError{Err: err, Message: busyBanner}
	}
	return err
}
