//go:build pkcs11

package token

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/miekg/pkcs11"

	"sealgate/internal/fault"
)

// The tokens that this process uses. A PKCS#11 library is initialised once a
// process, and a login counts for all of it: there is nobody else to own them.
var tokens = struct {
	mu      sync.Mutex
	modules map[string]*pkcs11.Ctx // by path of the library
	devices map[uri]*device        // by a URI without its key
}{modules: make(map[string]*pkcs11.Ctx), devices: make(map[uri]*device)}

// device is one token with one session, in which one thing is done at a time.
type device struct {
	uri uri // names no key

	mu      sync.Mutex // guards what follows
	ctx     *pkcs11.Ctx
	open    bool
	session pkcs11.SessionHandle
	refused [sha256.Size]byte // hash of the PIN that the token did not take
}

func deviceOf(u uri) *device {
	u.object, u.id = "", ""
	tokens.mu.Lock()
	defer tokens.mu.Unlock()
	d := tokens.devices[u]
	if d == nil {
		d = &device{uri: u}
		tokens.devices[u] = d
	}
	return d
}

func derive(u uri, point []byte, size int) (secret []byte, err error) {
	err = deviceOf(u).use(u, func(d *device, key pkcs11.ObjectHandle) error {
		// PKCS#11 2.40, 2.3.10: no key derivation function gives the X coordinate.
		params := pkcs11.NewECDH1DeriveParams(pkcs11.CKD_NULL, nil, point)
		made, err := d.ctx.DeriveKey(d.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_ECDH1_DERIVE, params)}, key, []*pkcs11.Attribute{
			pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_SECRET_KEY),
			pkcs11.NewAttribute(pkcs11.CKA_KEY_TYPE, pkcs11.CKK_GENERIC_SECRET),
			pkcs11.NewAttribute(pkcs11.CKA_TOKEN, false),
			pkcs11.NewAttribute(pkcs11.CKA_SENSITIVE, false),
			pkcs11.NewAttribute(pkcs11.CKA_EXTRACTABLE, true),
			pkcs11.NewAttribute(pkcs11.CKA_VALUE_LEN, size),
		})
		if err != nil {
			return err
		}
		got, err := d.ctx.GetAttributeValue(d.session, made, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_VALUE, nil)})
		if err := errors.Join(err, d.ctx.DestroyObject(d.session, made)); err != nil {
			return err
		}
		secret = got[0].Value
		return nil
	})
	return secret, err
}

func decrypt(u uri, msg []byte) (plain []byte, err error) {
	err = deviceOf(u).use(u, func(d *device, key pkcs11.ObjectHandle) error {
		params := pkcs11.NewOAEPParams(pkcs11.CKM_SHA256, pkcs11.CKG_MGF1_SHA256, pkcs11.CKZ_DATA_SPECIFIED, nil)
		err := d.ctx.DecryptInit(d.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_RSA_PKCS_OAEP, params)}, key)
		if is(err, pkcs11.CKR_ARGUMENTS_BAD, pkcs11.CKR_MECHANISM_INVALID, pkcs11.CKR_MECHANISM_PARAM_INVALID) {
			return fault.New(fault.Invalid, "token: decrypt", "%s does not do RSA-OAEP with SHA-256, which sealed files need: use an EC key in it, or another token", d.uri)
		}
		if err != nil {
			return err
		}
		plain, err = d.ctx.Decrypt(d.session, msg)
		return err
	})
	return plain, err
}

// use finds the key that u names and lets act use it. When the token turns out
// to have been away since the last time, the session is opened anew, once.
func (d *device) use(u uri, act func(*device, pkcs11.ObjectHandle) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	again := d.open
	err := d.once(u, act)
	if again && away(err) {
		err = d.once(u, act)
	}
	if away(err) {
		return d.locked("%s cannot be reached: is it there?", err)
	}
	return err
}

func (d *device) once(u uri, act func(*device, pkcs11.ObjectHandle) error) error {
	if err := d.connect(); err != nil {
		return err
	}
	key, err := d.find(u)
	if err == nil {
		err = act(d, key)
	}
	if d.open && away(err) {
		_ = d.ctx.CloseSession(d.session) // most likely gone already
		d.open = false
	}
	return err
}

// connect opens the session and logs in, unless it is open.
func (d *device) connect() error {
	if d.open {
		return nil
	}
	pin, err := d.pin()
	if err != nil {
		return err
	}
	defer clear(pin)
	if d.ctx, err = module(d.uri.module); err != nil {
		return err
	}
	slot, err := d.slot()
	if err != nil {
		return err
	}
	session, err := d.ctx.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION)
	if err != nil {
		return d.locked("%s cannot be reached: is it there?", err)
	}
	if err := d.login(session, pin); err != nil {
		_ = d.ctx.CloseSession(session)
		return err
	}
	d.session, d.open = session, true
	return nil
}

func (d *device) login(session pkcs11.SessionHandle, pin []byte) error {
	if pin == nil {
		return nil
	}
	err := d.ctx.Login(session, pkcs11.CKU_USER, string(pin))
	switch {
	case err == nil, is(err, pkcs11.CKR_USER_ALREADY_LOGGED_IN):
		return nil
	case is(err, pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE):
		d.refused = sha256.Sum256(pin)
		return d.locked("%s does not take the PIN in "+d.uri.pinFile, err)
	case is(err, pkcs11.CKR_PIN_LOCKED):
		return d.locked("%s has locked itself after too many wrong PINs", err)
	}
	return d.locked("%s does not let the gateway in", err)
}

// pin reads the PIN; nil when the token asks for none.
func (d *device) pin() ([]byte, error) {
	const op = "token: read PIN"
	name := d.uri.pinFile
	if name == "" {
		return nil, nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, d.locked("the PIN of %s cannot be read from "+name, err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fault.Wrap(fault.Locked, op, err)
	}
	if !info.Mode().IsRegular() || info.Mode().Perm()&0o077 != 0 {
		return nil, fault.New(fault.Denied, op, "the PIN in %s has mode %04o, others can read it: chmod 600 %s", name, info.Mode().Perm(), name)
	}
	pin, err := io.ReadAll(io.LimitReader(f, 256))
	if err != nil {
		return nil, fault.Wrap(fault.Locked, op, err)
	}
	for n := len(pin); n > 0 && (pin[n-1] == '\n' || pin[n-1] == '\r'); n-- {
		pin = pin[:n-1]
	}
	if sha256.Sum256(pin) == d.refused {
		clear(pin)
		return nil, d.locked("%s does not take the PIN in "+name+"; it is not tried again until that file has changed", nil)
	}
	return pin, nil
}

// slot finds the token among those that are there now.
func (d *device) slot() (uint, error) {
	slots, err := d.ctx.GetSlotList(true)
	if err != nil {
		return 0, d.locked("%s cannot be reached: its library does not answer", err)
	}
	found, at := 0, uint(0)
	for _, slot := range slots {
		info, err := d.ctx.GetTokenInfo(slot)
		if err != nil || info.Flags&pkcs11.CKF_TOKEN_INITIALIZED == 0 {
			continue
		}
		if (d.uri.token == "" || info.Label == d.uri.token) && (d.uri.serial == "" || info.SerialNumber == d.uri.serial) {
			found, at = found+1, slot
		}
	}
	switch found {
	case 0:
		return 0, d.locked("%s is not there", nil)
	case 1:
		return at, nil
	}
	return 0, fault.New(fault.Invalid, "token: find", "there are %d tokens of that name: add serial= to the URI", found)
}

// find returns the one private key that u names.
func (d *device) find(u uri) (pkcs11.ObjectHandle, error) {
	want := []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY)}
	if u.object != "" {
		want = append(want, pkcs11.NewAttribute(pkcs11.CKA_LABEL, u.object))
	}
	if u.id != "" {
		want = append(want, pkcs11.NewAttribute(pkcs11.CKA_ID, []byte(u.id)))
	}
	if err := d.ctx.FindObjectsInit(d.session, want); err != nil {
		return 0, err
	}
	keys, _, err := d.ctx.FindObjects(d.session, 2)
	if err := errors.Join(err, d.ctx.FindObjectsFinal(d.session)); err != nil {
		return 0, err
	}
	switch len(keys) {
	case 0:
		hint := ""
		if u.pinFile == "" {
			hint = "; it may want a PIN: pin-source=file:PATH"
		}
		return 0, d.locked("%s has no such private key:"+describe(u)+hint, nil)
	case 1:
		return keys[0], nil
	}
	return 0, fault.New(fault.Invalid, "token: find", "%s has several such private keys: name one by object= and id= together", d.uri)
}

func describe(u uri) string {
	text := ""
	if u.object != "" {
		text += " object=" + u.object
	}
	if u.id != "" {
		text += fmt.Sprintf(" id=%x", u.id)
	}
	return text
}

// module loads a library, once.
func module(path string) (*pkcs11.Ctx, error) {
	const op = "token: load library"
	tokens.mu.Lock()
	defer tokens.mu.Unlock()
	ctx := tokens.modules[path]
	if ctx == nil {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return nil, &fault.Error{Kind: fault.Locked, Op: op, Message: "the PKCS#11 library " + path + " cannot be read", Err: err}
		case !info.Mode().IsRegular() || info.Mode().Perm()&0o022 != 0:
			return nil, fault.New(fault.Denied, op, "the PKCS#11 library %s could be changed by others (mode %04o), and is not loaded", path, info.Mode().Perm())
		}
		if ctx = pkcs11.New(path); ctx == nil {
			return nil, fault.New(fault.Invalid, op, "%s is no PKCS#11 library that this program can load", path)
		}
	}
	// Again each time: what has lost its state is set up anew.
	if err := ctx.Initialize(); err != nil && !is(err, pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED) {
		return nil, &fault.Error{Kind: fault.Locked, Op: op, Message: "the PKCS#11 library " + path + " does not start", Err: err}
	}
	tokens.modules[path] = ctx
	return ctx, nil
}

// away reports whether an error says that the session, or what it stood on, is
// gone, and so that a new one may do.
func away(err error) bool {
	return is(err,
		pkcs11.CKR_SESSION_HANDLE_INVALID, pkcs11.CKR_SESSION_CLOSED, pkcs11.CKR_USER_NOT_LOGGED_IN,
		pkcs11.CKR_TOKEN_NOT_PRESENT, pkcs11.CKR_TOKEN_NOT_RECOGNIZED, pkcs11.CKR_SLOT_ID_INVALID,
		pkcs11.CKR_DEVICE_REMOVED, pkcs11.CKR_DEVICE_ERROR, pkcs11.CKR_CRYPTOKI_NOT_INITIALIZED,
		pkcs11.CKR_KEY_HANDLE_INVALID, pkcs11.CKR_OBJECT_HANDLE_INVALID, pkcs11.CKR_GENERAL_ERROR)
}

func is(err error, codes ...uint) bool {
	var code pkcs11.Error
	if !errors.As(err, &code) {
		return false
	}
	for _, c := range codes {
		if uint(code) == c {
			return true
		}
	}
	return false
}

// locked is a token that cannot be used; the sentence has its name.
func (d *device) locked(sentence string, err error) error {
	return &fault.Error{
		Kind: fault.Locked, Op: "token: open",
		Message: strings.Replace(sentence, "%s", d.uri.String(), 1), Err: err,
	}
}
