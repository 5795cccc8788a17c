package account

import (
	"cmp"
	"net/netip"
	"path"
	"regexp"
	"slices"
	"strconv"
	"time"

	"sealgate/internal/account/signin"
	"sealgate/internal/custody"
	"sealgate/internal/fault"
	"sealgate/internal/store/catalog"
)

// Settings are what an account has chosen.
type Settings struct {
	Content         string // catalog.ContentKeep or ContentDelete
	KeepFor         time.Duration
	Keys            string // catalog.KeysGateway or KeysCustomer; fixed once made
	ProtectDatabase bool
	OperatorAccess  string // catalog.OperatorOn, OperatorAsked or OperatorOff
	InShowFor       time.Duration
	OutboxKeepFor   time.Duration
	TempNames       []string // patterns of names that wait for their rename; nil = the usual ones
	RequireBoth     bool     // a key and a password; in the portal a second factor
	RequireFactor   bool     // a second factor in the portal
	AllowFrom       []netip.Prefix
	KeyPeriod       string // catalog.PeriodYear: each year has its own access keys; "" = one for all times
	Receipts        bool   // receipts are put into the outbox
	// Unreadable says that AllowFrom is on record, under a record key that was
	// destroyed: nobody signs in until it is set anew.
	Unreadable bool
}

const (
	day = 24 * time.Hour

	maxListed = 100 // patterns of names, and networks
)

// Defaults are the settings of an account that chose nothing.
func Defaults() Settings {
	return Settings{
		Content: catalog.ContentKeep, KeepFor: 400 * day, Keys: catalog.KeysGateway,
		OperatorAccess: catalog.OperatorOn, InShowFor: 7 * day, OutboxKeepFor: 30 * day,
	}
}

// Change is what `account set` changes; nil leaves a setting.
type Change struct {
	Content         *string
	KeepFor         *time.Duration
	ProtectDatabase *bool
	OperatorAccess  *string
	InShowFor       *time.Duration
	OutboxKeepFor   *time.Duration
	TempNames       *[]string
	RequireBoth     *bool
	RequireFactor   *bool
	AllowFrom       *[]netip.Prefix
	KeyPeriod       *string
	Receipts        *bool

	// If is asked about the settings as they are just before the change; its error
	// leaves them so. It may be nil.
	If func(Settings) error
}

func (c Change) apply(s *Settings) {
	set(&s.Content, c.Content)
	set(&s.KeepFor, c.KeepFor)
	set(&s.ProtectDatabase, c.ProtectDatabase)
	set(&s.OperatorAccess, c.OperatorAccess)
	set(&s.InShowFor, c.InShowFor)
	set(&s.OutboxKeepFor, c.OutboxKeepFor)
	set(&s.TempNames, c.TempNames)
	set(&s.RequireBoth, c.RequireBoth)
	set(&s.RequireFactor, c.RequireFactor)
	set(&s.AllowFrom, c.AllowFrom)
	set(&s.KeyPeriod, c.KeyPeriod)
	set(&s.Receipts, c.Receipts)
	s.Unreadable = s.Unreadable && c.AllowFrom == nil
}

func set[T any](to, from *T) {
	if from != nil {
		*to = *from
	}
}

// changed says for the audit log what is not as it was before: from-OLD-to-NEW. Of lists,
// which are sealed or may hold any text, it says only that they have changed.
func (s Settings) changed(before Settings) map[string]string {
	detail := map[string]string{}
	note := func(name, from, to string) {
		if from != to {
			detail[name] = "from-" + from + "-to-" + to
		}
	}
	note("content", before.Content, s.Content)
	note("keep_for", span(before.KeepFor), span(s.KeepFor))
	note("operator_access", before.OperatorAccess, s.OperatorAccess)
	note("in_show_for", span(before.InShowFor), span(s.InShowFor))
	note("outbox_keep_for", span(before.OutboxKeepFor), span(s.OutboxKeepFor))
	note("require_both", yesNo(before.RequireBoth), yesNo(s.RequireBoth))
	note("require_second_factor", yesNo(before.RequireFactor), yesNo(s.RequireFactor))
	note("key_period", cmp.Or(before.KeyPeriod, "none"), cmp.Or(s.KeyPeriod, "none"))
	note("receipts", yesNo(before.Receipts), yesNo(s.Receipts))
	if !slices.Equal(before.TempNames, s.TempNames) {
		detail["temp_names"] = "changed"
	}
	if before.Unreadable != s.Unreadable || !slices.Equal(before.AllowFrom, s.AllowFrom) {
		detail["allow_from"] = "changed"
	}
	return detail
}

// span is a time in days where it is whole ones.
func span(d time.Duration) string {
	if d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	return d.String()
}

func yesNo(v bool) string {
	if v {
		return "yes"
	}
	return "no"
}

// Check says what is wrong with the settings, if anything.
func (s Settings) Check() error {
	const op = "account: settings"
	switch {
	case s.Content != catalog.ContentKeep && s.Content != catalog.ContentDelete:
		return fault.New(fault.Invalid, op, "content is keep or delete, not %q", s.Content)
	case s.Keys != catalog.KeysGateway && s.Keys != catalog.KeysCustomer:
		return fault.New(fault.Invalid, op, "keys are held by the gateway or the customer, not %q", s.Keys)
	case s.OperatorAccess != catalog.OperatorOn && s.OperatorAccess != catalog.OperatorAsked && s.OperatorAccess != catalog.OperatorOff:
		return fault.New(fault.Invalid, op, "operator-access is on, asked or off, not %q", s.OperatorAccess)
	case s.KeyPeriod != "" && s.KeyPeriod != catalog.PeriodYear:
		return fault.New(fault.Invalid, op, "key-period is year, or nothing for keys of all times, not %q", s.KeyPeriod)
	case s.KeepFor < day:
		return fault.New(fault.Invalid, op, "keep-for is at least a day")
	case s.InShowFor < time.Hour || s.InShowFor > 366*day:
		return fault.New(fault.Invalid, op, "in-show-for is between an hour and a year")
	case s.OutboxKeepFor < time.Hour:
		return fault.New(fault.Invalid, op, "outbox-keep-for is at least an hour")
	case len(s.TempNames) > maxListed || len(s.AllowFrom) > maxListed:
		return fault.New(fault.Invalid, op, "at most %d patterns and networks are allowed", maxListed)
	}
	for _, pattern := range s.TempNames {
		if _, err := path.Match(pattern, "x"); err != nil || pattern == "" {
			return fault.New(fault.Invalid, op, "%q is no pattern for names", pattern)
		}
	}
	return nil
}

var accountName = regexp.MustCompile(`^[a-z0-9][a-z0-9.-]{0,62}$`)

// NameOK tells whether a name can be an account's.
func NameOK(name string) bool { return accountName.MatchString(name) }

func checkAccountName(name string) error {
	switch {
	case name == catalog.SystemAccount:
		return fault.New(fault.Invalid, "account: name", "the account %q belongs to the gateway itself", name)
	case !NameOK(name):
		return fault.New(fault.Invalid, "account: name", "an account's name has 1 to 63 small letters, digits, hyphens and dots, a letter or digit first")
	}
	return nil
}

// fill writes the settings into a row. A list of networks that cannot be read
// stays as it is.
func (s Settings) fill(a *catalog.Account, rec *custody.Records) error {
	a.Content, a.KeepFor, a.Keys, a.ProtectDatabase = s.Content, s.KeepFor, s.Keys, s.ProtectDatabase
	a.OperatorAccess, a.InShowFor, a.OutboxKeepFor = s.OperatorAccess, s.InShowFor, s.OutboxKeepFor
	a.TempNames, a.RequireBoth, a.RequireFactor = s.TempNames, s.RequireBoth, s.RequireFactor
	a.KeyPeriod, a.Receipts = s.KeyPeriod, s.Receipts
	if s.Unreadable {
		return nil
	}
	var err error
	a.AllowFrom, err = signin.SealNetworks(rec, "account", a.ID, s.AllowFrom)
	return err
}

// settingsOf reads the settings of a row; rec is nil when the account's record
// key is not here.
func settingsOf(a *catalog.Account, rec *custody.Records) (Settings, error) {
	s := Settings{
		Content: a.Content, KeepFor: a.KeepFor, Keys: a.Keys, ProtectDatabase: a.ProtectDatabase,
		OperatorAccess: a.OperatorAccess, InShowFor: a.InShowFor, OutboxKeepFor: a.OutboxKeepFor,
		TempNames: a.TempNames, RequireBoth: a.RequireBoth, RequireFactor: a.RequireFactor, KeyPeriod: a.KeyPeriod, Receipts: a.Receipts,
	}
	if rec == nil {
		s.Unreadable = a.AllowFrom != nil
		return s, nil
	}
	var err error
	s.AllowFrom, err = signin.OpenNetworks(rec, "account", a.ID, a.AllowFrom)
	if fault.Is(err, fault.Locked) {
		s.Unreadable, err = true, nil
	}
	return s, err
}
