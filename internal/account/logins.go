package account

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"sealgate/internal/account/password"
	"sealgate/internal/account/person"
	"sealgate/internal/account/signin"
	"sealgate/internal/audit"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
	"sealgate/internal/store/catalog/logins"
)

// Login is a person or robot of an account, with its username open.
type Login struct {
	ID         uuid.UUID
	Account    uuid.UUID
	Username   string
	Unreadable bool // the username is sealed under a record key that is not here: it is empty
	Password   bool // it has one
	Generated  bool // and the gateway made it
	Keys       []Key
	Factors    person.Factors
	AllowFrom  []netip.Prefix
	SFTP       bool
	Portal     bool
	Role       Role
	CreatedAt  time.Time
	LastSeen   time.Time
}

// NewLogin says what login to make. Without a password and keys, a password is
// made.
type NewLogin struct {
	Username  string
	Password  []byte
	SSHKeys   []string // lines of authorized_keys
	AllowFrom []string
	NoSFTP    bool
	NoPortal  bool
	Role      Role // empty = Uploader
	// Invite makes a login that has nothing to sign in with but the link of Invite.
	Invite bool
}

// AddLogin makes a login. The second result is the password when one was made:
// it is nowhere else.
func (s *Service) AddLogin(ctx context.Context, actor, account string, n NewLogin) (*Login, string, error) {
	if account == catalog.SystemAccount {
		return nil, "", fault.New(fault.Invalid, "account: add login", "logins of the gateway itself are operators")
	}
	made := ""
	if n.Invite && n.NoPortal {
		return nil, "", fault.New(fault.Invalid, "account: add login", "an invitation opens the portal, which this login may not use")
	}
	if len(n.Password) == 0 && len(n.SSHKeys) == 0 && !n.Invite {
		made = password.Make()
	}
	l, err := s.addLogin(ctx, actor, account, n, made)
	if err != nil {
		return nil, "", err
	}
	return l, made, nil
}

func (s *Service) addLogin(ctx context.Context, actor, account string, n NewLogin, made string) (*Login, error) {
	const op = "account: add login"
	acc, rec, err := s.openAccount(ctx, account)
	if err != nil {
		return nil, err
	}
	row, keys, err := s.newRow(ctx, acc, rec, n, made)
	if err != nil {
		return nil, err
	}
	err = s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		if now, err := tx.Account(acc.ID); err != nil || now.State != catalog.AccountOpen {
			return closedOr(err)
		}
		if err := tx.InsertLogin(row); err != nil {
			return err
		}
		for _, k := range keys {
			if err := tx.AddLoginKey(k); err != nil {
				return err
			}
		}
		return tx.Audit(audit.Entry{
			Account: acc.ID, Actor: actor, Action: "login.added", Object: row.ID.String(), Detail: map[string]string{"role": row.Role},
		})
	})
	if fault.Is(err, fault.Exists) {
		return nil, fault.New(fault.Exists, op, "that username is taken (usernames are unique in the gateway)")
	}
	if err != nil {
		return nil, fault.Wrap(fault.Internal, op, err)
	}
	return loginOf(row, keys, rec)
}

// newRow checks what is wanted and makes the row.
func (s *Service) newRow(ctx context.Context, acc *catalog.Account, rec *custody.Records, n NewLogin, made string) (*logins.Login, []*logins.Key, error) {
	const op = "account: add login"
	name, err := signin.CheckUsername(n.Username)
	if err != nil {
		return nil, nil, err
	}
	if n.Role == "" {
		n.Role = Uploader
	}
	id, err := newID(op)
	if err != nil {
		return nil, nil, err
	}
	row := &logins.Login{
		ID: id, Account: acc.ID, NameMAC: s.NameMAC(name), Name: rec.Seal("login", "name", id, []byte(name)),
		SFTP: !n.NoSFTP, Portal: !n.NoPortal, Role: string(n.Role), CreatedAt: s.now(),
	}
	keys, err := parseKeys(id, n.SSHKeys)
	if err != nil {
		return nil, nil, err
	}
	if err := checkLogin(row); err != nil {
		return nil, nil, err
	}
	if err := s.setNetworks(row, rec, n.AllowFrom); err != nil {
		return nil, nil, err
	}
	switch {
	case made != "":
		row.Generated = true
		row.Hash, err = s.Hash(ctx, []byte(made))
	case len(n.Password) > 0:
		if err := password.Check(n.Password, leastLength(acc, keys), name, acc.Name); err != nil {
			return nil, nil, err
		}
		row.Short = password.Short(n.Password)
		row.Hash, err = s.Hash(ctx, n.Password)
	}
	return row, keys, err
}

// leastLength is shorter only where a password alone opens nothing.
func leastLength(acc *catalog.Account, keys []*logins.Key) int {
	if acc.RequireBoth && len(keys) > 0 {
		return password.Least
	}
	return password.LeastAlone
}

func checkLogin(row *logins.Login) error {
	const op = "account: login"
	switch {
	case !Role(row.Role).Known():
		return fault.New(fault.Invalid, op, "role is uploader, reader, approver or admin, not %q", row.Role)
	case !row.SFTP && !row.Portal:
		return fault.New(fault.Invalid, op, "a login needs SFTP or the portal")
	}
	return nil
}

func (s *Service) setNetworks(row *logins.Login, rec *custody.Records, texts []string) error {
	list, err := ParseNetworks(texts)
	if err != nil {
		return err
	}
	row.AllowFrom, err = signin.SealNetworks(rec, "login", row.ID, list)
	return err
}

// openAccount returns the row and records of an account that is open.
func (s *Service) openAccount(ctx context.Context, name string) (*catalog.Account, *custody.Records, error) {
	acc, err := s.row(ctx, name)
	if err != nil {
		return nil, nil, err
	}
	if acc.State != catalog.AccountOpen {
		return nil, nil, closedOr(nil)
	}
	rec, err := s.keys.Records(ctx, acc.ID)
	return acc, rec, err
}

func closedOr(err error) error {
	if err != nil {
		return err
	}
	return fault.New(fault.Locked, "account: open", "the account is closed")
}

// loginOf opens a row; rec is nil when the account's record key is not here.
func loginOf(row *logins.Login, keys []*logins.Key, rec *custody.Records) (*Login, error) {
	l := &Login{
		ID: row.ID, Account: row.Account, Password: row.Hash != "", Generated: row.Generated,
		SFTP: row.SFTP, Portal: row.Portal, Role: Role(row.Role), CreatedAt: row.CreatedAt, LastSeen: row.LastSeen,
	}
	for _, k := range keys {
		l.Keys = append(l.Keys, keyOf(k))
	}
	err := l.open(row, rec)
	if rec == nil || fault.Is(err, fault.Locked) {
		l.Unreadable, err = true, nil
	}
	return l, err
}

func (l *Login) open(row *logins.Login, rec *custody.Records) error {
	if rec == nil {
		return nil
	}
	name, err := rec.Open("login", "name", row.ID, row.Name)
	if err != nil {
		return err
	}
	l.Username = string(name)
	l.AllowFrom, err = signin.OpenNetworks(rec, "login", row.ID, row.AllowFrom)
	return err
}

// Logins returns the logins of an account, by username.
func (s *Service) Logins(ctx context.Context, account string) ([]*Login, error) {
	acc, err := s.row(ctx, account)
	if err != nil {
		return nil, err
	}
	rec, err := s.keys.Records(ctx, acc.ID)
	if err != nil && !fault.Is(err, fault.Locked) {
		return nil, err
	}
	var all []*Login
	err = s.catalog.View(ctx, func(tx *catalog.Tx) error {
		rows, err := tx.Logins(acc.ID)
		if err != nil {
			return err
		}
		for _, row := range rows {
			keys, err := tx.LoginKeys(row.ID)
			if err != nil {
				return err
			}
			l, err := loginOf(row, keys, rec)
			if err != nil {
				return err
			}
			if l.Factors, err = person.ReadFactors(tx, row.ID); err != nil {
				return err
			}
			all = append(all, l)
		}
		return nil
	})
	slices.SortFunc(all, func(a, b *Login) int { return strings.Compare(signin.Fold(a.Username), signin.Fold(b.Username)) })
	return all, fault.Wrap(fault.Internal, "account: logins", err)
}

// Login returns one login of an account.
func (s *Service) Login(ctx context.Context, account, username string) (*Login, error) {
	acc, rec, err := s.openAccount(ctx, account)
	if err != nil {
		return nil, err
	}
	var l *Login
	err = s.catalog.View(ctx, func(tx *catalog.Tx) error {
		row, keys, err := s.find(tx, acc.ID, username)
		if err != nil {
			return err
		}
		if l, err = loginOf(row, keys, rec); err != nil {
			return err
		}
		l.Factors, err = person.ReadFactors(tx, row.ID)
		return err
	})
	return l, err
}

// find returns a login of this account; another account's is not there.
func (s *Service) find(tx *catalog.Tx, account uuid.UUID, username string) (*logins.Login, []*logins.Key, error) {
	row, err := tx.LoginByName(s.NameMAC(username))
	if err == nil && row.Account != account {
		err = fault.New(fault.NotFound, "account: login", "")
	}
	if fault.Is(err, fault.NotFound) {
		return nil, nil, fault.New(fault.NotFound, "account: login", "the account has no such login")
	}
	if err != nil {
		return nil, nil, err
	}
	keys, err := tx.LoginKeys(row.ID)
	return row, keys, err
}

// LoginChange is what `login set` changes; zero values leave things as they
// are.
type LoginChange struct {
	Password    []byte
	NewPassword bool // make one
	NoPassword  bool
	AddKeys     []string // lines of authorized_keys
	RemoveKeys  []string // fingerprints
	AllowFrom   *[]string
	SFTP        *bool
	Portal      *bool
	Role        *Role
}

// SetLogin changes a login. What strangers have spent of its budget is given
// back: somebody has looked at it. The second result is the password when one
// was made.
func (s *Service) SetLogin(ctx context.Context, actor, account, username string, c LoginChange) (*Login, string, error) {
	const op = "account: set login"
	acc, rec, err := s.openAccount(ctx, account)
	if err != nil {
		return nil, "", err
	}
	add, err := parseKeys(uuid.Nil, c.AddKeys)
	if err != nil {
		return nil, "", err
	}
	hash, made := "", ""
	switch {
	case c.NewPassword:
		made = password.Make()
		hash, err = s.Hash(ctx, []byte(made))
	case len(c.Password) > 0:
		if err := s.checkNewPassword(ctx, acc, username, c, add); err != nil {
			return nil, "", err
		}
		hash, err = s.Hash(ctx, c.Password)
	}
	if err != nil {
		return nil, "", err
	}
	var l *Login
	err = s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		row, _, err := s.find(tx, acc.ID, username)
		if err != nil {
			return err
		}
		if hash != "" || c.NoPassword {
			row.Hash, row.Generated, row.Short = hash, made != "", len(c.Password) > 0 && password.Short(c.Password)
		}
		set(&row.SFTP, c.SFTP)
		set(&row.Portal, c.Portal)
		set(&row.Role, (*string)(c.Role))
		if c.AllowFrom != nil {
			if err := s.setNetworks(row, rec, *c.AllowFrom); err != nil {
				return err
			}
		}
		if err := checkLogin(row); err != nil {
			return err
		}
		if l, err = s.saveLogin(tx, actor, row, rec, add, c); err != nil {
			return err
		}
		return nil
	})
	if err != nil {
		return nil, "", fault.Wrap(fault.Internal, op, err)
	}
	s.Forget(l.ID)
	return l, made, nil
}

func (s *Service) checkNewPassword(ctx context.Context, acc *catalog.Account, username string, c LoginChange, add []*logins.Key) error {
	keys := add
	err := s.catalog.View(ctx, func(tx *catalog.Tx) error {
		_, old, err := s.find(tx, acc.ID, username)
		keys = append(keys, old...)
		return err
	})
	if err != nil {
		return err
	}
	return password.Check(c.Password, leastLength(acc, keys), username, acc.Name)
}

// saveLogin writes a changed login, its keys and the audit entry.
func (s *Service) saveLogin(tx *catalog.Tx, actor string, row *logins.Login, rec *custody.Records, add []*logins.Key, c LoginChange) (*Login, error) {
	const op = "account: set login"
	if err := tx.SaveLogin(row); err != nil {
		return nil, err
	}
	for _, fingerprint := range c.RemoveKeys {
		if err := tx.DeleteLoginKey(row.ID, fingerprint); err != nil {
			return nil, err
		}
	}
	for _, k := range add {
		k.Login = row.ID
		if err := tx.AddLoginKey(k); err != nil && !fault.Is(err, fault.Exists) {
			return nil, err
		}
	}
	keys, err := tx.LoginKeys(row.ID)
	if err != nil {
		return nil, err
	}
	if len(keys) > maxKeys {
		return nil, fault.New(fault.Invalid, op, "a login may have at most %d keys", maxKeys)
	}
	if takes := c.NoPassword || len(c.RemoveKeys) > 0; takes && row.Hash == "" && len(keys) == 0 {
		return nil, fault.New(fault.Invalid, op, "the login would have no password and no key")
	}
	if c.NewPassword || len(c.Password) > 0 || c.NoPassword || !row.Portal { // a link that was sent out before would undo it
		if err := tx.DeleteLinks(row.ID); err != nil {
			return nil, err
		}
	}
	if err := s.Excuse(tx, row); err != nil {
		return nil, err
	}
	err = tx.Audit(audit.Entry{
		Account: row.Account, Actor: actor, Action: "login.changed", Object: row.ID.String(), Detail: map[string]string{"role": row.Role},
	})
	if err != nil {
		return nil, err
	}
	l, err := loginOf(row, keys, rec)
	if err != nil {
		return nil, err
	}
	l.Factors, err = person.ReadFactors(tx, row.ID)
	return l, err
}

// RemoveLogin deletes a login. Its files stay, and so does the last operator.
func (s *Service) RemoveLogin(ctx context.Context, actor, account, username string) error {
	acc, err := s.row(ctx, account)
	if err != nil {
		return err
	}
	var id uuid.UUID
	err = s.catalog.Update(ctx, func(tx *catalog.Tx) error {
		row, _, err := s.find(tx, acc.ID, username)
		if err != nil {
			return err
		}
		id = row.ID
		all, err := tx.Logins(acc.ID)
		if err != nil {
			return err
		}
		if acc.Name == catalog.SystemAccount && len(all) == 1 {
			return fault.New(fault.Invalid, "account: remove operator", "this is the last operator; add another one first")
		}
		if err := s.Excuse(tx, row); err != nil {
			return err
		}
		if err := tx.DeleteLogin(id); err != nil {
			return err
		}
		return tx.Audit(audit.Entry{Account: acc.ID, Actor: actor, Action: "login.removed", Object: id.String()})
	})
	if err != nil {
		return fault.Wrap(fault.Internal, "account: remove login", err)
	}
	s.Forget(id)
	return s.People.Forget(acc.ID, id)
}
