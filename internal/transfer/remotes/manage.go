package remotes

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"regexp"
	"slices"
	"time"

	"github.com/google/uuid"
	"golang.org/x/crypto/ssh"

	"sealgate/internal/audit"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	table "sealgate/internal/store/catalog/remotes"
	"sealgate/internal/transfer/remotes/address"
)

// secretKind is that of a remote's secret in the key store.
const secretKind = "remote"

const (
	maxRemotes = 500 // of an account
	maxSecret  = 64 << 10
)

var nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)

// Secret is by what the gateway proves itself at a server.
type Secret struct {
	For        string `json:"for"` // the Origin that it was given for
	Password   string `json:"password,omitempty"`
	Key        string `json:"key,omitempty"` // private, PEM or OpenSSH's form
	Passphrase string `json:"passphrase,omitempty"`
}

// String says what it is and nothing of it.
func (Secret) String() string { return "[secret]" }

// GoString is String.
func (Secret) GoString() string { return "[secret]" }

func (s Secret) empty() bool { return s.Password == "" && s.Key == "" }

// SecretChange says what to change of a secret; nil = it stays, "" = it goes.
type SecretChange struct {
	Password, Key, Passphrase *string
}

func (c SecretChange) nothing() bool {
	return c.Password == nil && c.Key == nil && c.Passphrase == nil
}

func (c SecretChange) of(s Secret) Secret {
	for to, from := range map[*string]*string{&s.Password: c.Password, &s.Key: c.Key, &s.Passphrase: c.Passphrase} {
		if from != nil {
			*to = *from
		}
	}
	if s.Key == "" {
		s.Passphrase = ""
	}
	return s
}

func (s Secret) check(at address.Address) error {
	const op = "remotes: secret"
	if len(s.Password)+len(s.Key)+len(s.Passphrase) > maxSecret {
		return fault.New(fault.Invalid, op, "password and key have at most 64 KiB")
	}
	if s.Key == "" {
		return nil
	}
	if at.Scheme != address.SFTP {
		return fault.New(fault.Invalid, op, "a private key is for sftp:// addresses; FTPS signs in with a password")
	}
	_, err := ssh.ParsePrivateKey([]byte(s.Key))
	var missing *ssh.PassphraseMissingError
	if errors.As(err, &missing) {
		if s.Passphrase == "" {
			return fault.New(fault.Invalid, op, "the private key is encrypted; it needs its passphrase")
		}
		if _, err = ssh.ParsePrivateKeyWithPassphrase([]byte(s.Key), []byte(s.Passphrase)); err != nil {
			return fault.New(fault.Invalid, op, "the passphrase does not open the private key")
		}
	}
	if err != nil {
		return fault.New(fault.Invalid, op, "that is no private key in a form that is known (OpenSSH, PKCS#8 or PKCS#1)")
	}
	return nil
}

// secret returns what the key store has for an address; the zero Secret = nothing.
func (s *Service) secret(account, id uuid.UUID, at address.Address) (secret Secret, err error) {
	value, err := s.opt.Keys.AccountSecret(account, secretKind, id)
	if fault.Is(err, fault.NotFound) {
		return Secret{}, nil
	}
	if err == nil {
		err = json.Unmarshal(value, &secret)
	}
	if err != nil {
		return Secret{}, fault.Wrap(fault.Internal, "remotes: secret", err)
	}
	if secret.For != at.Origin() {
		return Secret{}, nil
	}
	return secret, nil
}

func (s *Service) keepSecret(account, id uuid.UUID, secret Secret) error {
	value, err := json.Marshal(secret)
	if err != nil {
		return fault.Wrap(fault.Internal, "remotes: secret", err)
	}
	return s.opt.Keys.SetSecret(account, secretKind, id, value)
}

// swapSecret keeps a secret in the place of the one before, and returns what puts that
// back.
func (s *Service) swapSecret(account, id uuid.UUID, secret Secret) (putBack func(), err error) {
	before, err := s.opt.Keys.AccountSecret(account, secretKind, id)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, fault.Wrap(fault.Internal, "remotes: secret", err)
	}
	if err := s.keepSecret(account, id, secret); err != nil {
		return nil, err
	}
	return func() {
		var err error
		if before == nil {
			err = s.opt.Keys.RemoveSecret(account, secretKind, id)
		} else {
			err = s.opt.Keys.SetSecret(account, secretKind, id, before)
		}
		if err != nil {
			s.opt.Log.Warn("remotes: a secret that was not to be changed could not be put back", "account", account, "err", err)
		}
	}, nil
}

// open opens a row.
func (s *Service) open(ctx context.Context, row *table.Remote) (*Remote, error) {
	r := &Remote{Remote: *row}
	rec, err := s.opt.Custody.Records(ctx, row.Account)
	if fault.Is(err, fault.Locked) {
		return r, nil
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, "remotes: open", err)
	}
	var set Settings
	text, err := rec.Open("remote", "settings", row.ID, row.Settings)
	if err == nil {
		err = json.Unmarshal(text, &set)
	}
	var at address.Address
	if err == nil {
		at, err = set.Address()
	}
	if err != nil { // one that cannot be read keeps nobody from the others
		if !fault.Is(err, fault.Locked) {
			s.opt.Log.WarnContext(ctx, "remotes: what one is set to cannot be read", "account", row.Account, "remote", row.Name, "kind", fault.KindOf(err)) // its words name the host
		}
		return r, nil
	}
	r.Settings = &set
	secret, err := s.secret(row.Account, row.ID, at)
	r.Password, r.Key = secret.Password != "", secret.Key != ""
	return r, err
}

func (s *Service) seal(ctx context.Context, account, id uuid.UUID, set *Settings) ([]byte, error) {
	rec, err := s.opt.Custody.Records(ctx, account)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(set)
	if err != nil {
		return nil, err
	}
	return rec.Seal("remote", "settings", id, text), nil
}

// entry is one of the audit log about a remote; its name is plain.
func entry(r *table.Remote, actor, action string, detail map[string]string) audit.Entry {
	all := map[string]string{"name": r.Name, "direction": r.Direction}
	maps.Copy(all, detail)
	return audit.Entry{Account: r.Account, Actor: actor, Action: action, Object: r.ID.String(), Detail: all}
}

// firstRun is when a remote is due that was just set: at once, if it can be visited.
func firstRun(state string, set *Settings, secret Secret, now time.Time) time.Time {
	if state != table.On || secret.empty() || !set.Confirmed() {
		return time.Time{}
	}
	return now
}

// NewRemote says what a new remote is.
type NewRemote struct {
	Name      string
	Direction string // table.Pull or table.Push
	Settings  Settings
	Secret    SecretChange
	Off       bool

	ByOperator bool // who runs the gateway adds it
}

// Add gives an account a remote.
func (s *Service) Add(ctx context.Context, actor, account string, n NewRemote) (*Remote, error) {
	const op = "remotes: add"
	acct, err := s.account(ctx, account)
	if err != nil {
		return nil, err
	}
	switch {
	case !nameForm.MatchString(n.Name):
		return nil, fault.New(fault.Invalid, op, "the name of a remote has 1 to 40 characters of a-z, 0-9 and -, and begins and ends with a letter or digit")
	case n.Direction != table.Pull && n.Direction != table.Push:
		return nil, fault.New(fault.Invalid, op, "say which way files go: pull (fetched from the server) or push (left on it)")
	}
	if err := n.Settings.check(n.Direction); err != nil {
		return nil, err
	}
	at, err := n.Settings.Address()
	if err != nil {
		return nil, err
	}
	secret := n.Secret.of(Secret{For: at.Origin()})
	if err := secret.check(at); err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	now := s.opt.Now()
	row := &table.Remote{ID: id, Account: acct.ID, Name: n.Name, Direction: n.Direction, State: table.On, ByOperator: n.ByOperator, CreatedAt: now, ChangedAt: now}
	if n.Off {
		row.State = table.Off
	}
	row.NextRun = firstRun(row.State, &n.Settings, secret, now)
	if row.Settings, err = s.seal(ctx, acct.ID, id, &n.Settings); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	// The secret first: one that no remote has is in nobody's way.
	if !secret.empty() {
		if err := s.keepSecret(acct.ID, id, secret); err != nil {
			return nil, err
		}
	}
	err = s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error { return insert(tx, row, actor) })
	if err != nil {
		if rerr := s.opt.Keys.RemoveSecret(acct.ID, secretKind, id); rerr != nil {
			s.opt.Log.WarnContext(ctx, "remotes: a secret that nobody needs stays in the key store", "err", rerr)
		}
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	s.Wake()
	return s.open(ctx, row)
}

func insert(tx *catalog.Tx, row *table.Remote, actor string) error {
	const op = "remotes: add"
	if acct, err := tx.Account(row.Account); err != nil || acct.State != catalog.AccountOpen {
		if err != nil {
			return err
		}
		return fault.New(fault.Locked, op, "the account is closed")
	}
	all, err := tx.Remotes(row.Account)
	if err != nil {
		return err
	}
	if len(all) >= maxRemotes {
		return fault.New(fault.Invalid, op, "an account has at most %d remotes; remove one that is not used", maxRemotes)
	}
	if slices.ContainsFunc(all, func(r *table.Remote) bool { return r.Name == row.Name }) {
		return fault.New(fault.Exists, op, "the account has a remote of that name already")
	}
	if err := tx.InsertRemote(row); err != nil {
		return err
	}
	return tx.Audit(entry(row, actor, "remote.added", nil))
}

// Change says what to change of a remote.
type Change struct {
	Settings func(*Settings) error // may be nil
	Secret   SecretChange
	On       *bool

	ByOperator bool // who runs the gateway changes it
}

// leadsElsewhere tells whether files may get to another place than by the settings before.
func (s *Settings) leadsElsewhere(before *Settings) bool {
	return s.URL != before.URL || !slices.Equal(s.HostKeys, before.HostKeys) || !slices.Equal(s.Certificates, before.Certificates)
}

// Set changes a remote. When scheme, host, port or user change, the secret and what was
// confirmed of the server are forgotten, unless they are given anew.
func (s *Service) Set(ctx context.Context, actor, account, name string, c Change) (*Remote, error) {
	const op = "remotes: set"
	s.setting.Lock()
	defer s.setting.Unlock()
	r, err := s.Find(ctx, account, name)
	if err != nil {
		return nil, err
	}
	if r.Settings == nil {
		return nil, fault.New(fault.Locked, op, "what the remote is set to is sealed under a key that is not here; remove it and add it anew")
	}
	set, was := *r.Settings, *r.Settings
	if c.Settings != nil {
		if err := c.Settings(&set); err != nil {
			return nil, err
		}
	}
	before, err := was.Address()
	if err != nil {
		return nil, err
	}
	at, err := set.Address()
	if err != nil {
		return nil, err
	}
	elsewhere := before.Origin() != at.Origin()
	if elsewhere && slices.Equal(set.HostKeys, was.HostKeys) {
		set.HostKeys = nil
	}
	if elsewhere && slices.Equal(set.Certificates, was.Certificates) {
		set.Certificates = nil
	}
	if err := set.check(r.Direction); err != nil {
		return nil, err
	}
	secret, err := s.secret(r.Account, r.ID, at) // nothing, when it is elsewhere
	if err != nil {
		return nil, err
	}
	secret.For = at.Origin()
	secret = c.Secret.of(secret)
	if err := secret.check(at); err != nil {
		return nil, err
	}
	row := r.Remote
	if c.On != nil {
		row.State = table.Off
		if *c.On {
			row.State = table.On
		}
	}
	switch {
	case c.ByOperator:
		row.ByOperator = row.ByOperator || !c.Secret.nothing() || set.leadsElsewhere(&was)
	case elsewhere: // nothing of what was said of the server before is left
		row.ByOperator = false
	}
	row.ChangedAt = s.opt.Now()
	row.NextRun, row.Planned = firstRun(row.State, &set, secret, row.ChangedAt), time.Time{}
	if row.Settings, err = s.seal(ctx, r.Account, r.ID, &set); err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	// The secret first: it is of use for its own address only.
	putBack := func() {}
	if !c.Secret.nothing() {
		if putBack, err = s.swapSecret(r.Account, r.ID, secret); err != nil {
			return nil, err
		}
	}
	err = s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		now, err := tx.Remote(row.ID)
		if err != nil {
			return err
		}
		if !bytes.Equal(now.Settings, r.Remote.Settings) {
			return fault.New(fault.TryLater, op, "somebody else has changed the remote just now; look at it, and try again")
		}
		if err := tx.SaveRemote(&row); err != nil {
			return err
		}
		if err := tx.EndRemoteRun(row.ID); err != nil { // it goes by what was set before
			return err
		}
		if elsewhere || before.Dir != at.Dir { // what lies there, or does not, says nothing about what was begun
			if err := tx.DeleteRemotePushes(row.ID); err != nil {
				return err
			}
		}
		detail := map[string]string{"state": row.State}
		if elsewhere {
			detail["address"] = "changed"
		}
		if !c.Secret.nothing() {
			detail["secret"] = "changed"
		}
		return tx.Audit(entry(&row, actor, "remote.changed", detail))
	})
	if err != nil {
		putBack()
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	s.endVisit(r.ID)
	if elsewhere && c.Secret.nothing() {
		if err := s.opt.Keys.RemoveSecret(r.Account, secretKind, r.ID); err != nil {
			return nil, fault.Wrap(fault.Internal, op, err)
		}
	}
	s.Wake()
	return s.open(ctx, &row)
}

// Remove ends a remote and forgets what is known of it. Files that were fetched stay.
func (s *Service) Remove(ctx context.Context, actor, account, name string) error {
	const op = "remotes: remove"
	s.setting.Lock()
	defer s.setting.Unlock()
	r, err := s.Find(ctx, account, name)
	if err != nil {
		return err
	}
	defer s.endVisit(r.ID)
	err = s.opt.Catalog.Update(ctx, func(tx *catalog.Tx) error {
		if err := tx.DeleteRemote(r.ID); err != nil {
			return err
		}
		return tx.Audit(entry(&r.Remote, actor, "remote.removed", nil))
	})
	if err != nil {
		return fault.Wrap(fault.Internal, op, err)
	}
	return fault.Wrap(fault.Internal, op, s.opt.Keys.RemoveSecret(r.Account, secretKind, r.ID))
}
