package home

import (
	"bytes"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/windows"
)

// What the directory is closed with is understood, names the administrators as owner,
// and lets nobody in but them, the system and the service.
func TestTheDirectoryIsClosed(t *testing.T) {
	sd, err := windows.SecurityDescriptorFromString(fmt.Sprintf(byAdministrator, ServiceSID(Service)))
	if err != nil {
		t.Fatal(err)
	}
	if owner, _, err := sd.Owner(); err != nil || !owner.IsWellKnown(windows.WinBuiltinAdministratorsSid) {
		t.Errorf("owner: %v, %v", owner, err)
	}
	if control, _, err := sd.Control(); err != nil || control&windows.SE_DACL_PROTECTED == 0 {
		t.Errorf("it inherits: %v, %v", control, err)
	}
	if acl, _, err := sd.DACL(); err != nil || acl.AceCount != 3 {
		t.Errorf("access list: %v, %v", acl, err)
	}
	if _, err := windows.SecurityDescriptorFromString(fmt.Sprintf(byUser, ServiceSID(Service))); err != nil {
		t.Error(err)
	}
	dir, err := os.MkdirTemp("", "home") // Wine cannot do what t.TempDir ends with
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(dir)
	for range 2 { // closed already is well, too
		if err := protect(dir); err != nil {
			t.Fatal(err)
		}
	}
}

// Keys are under DPAPI: what is on the disk is not what they are.
func TestSecretsAreTheMachines(t *testing.T) {
	secret := []byte("a secret of this machine")
	wrapped, err := wrapSecret(secret)
	if err != nil || bytes.Contains(wrapped, secret) {
		t.Fatalf("%q, %v", wrapped, err)
	}
	if got, err := openSecret(wrapped); err != nil || !bytes.Equal(got, secret) {
		t.Errorf("%q, %v", got, err)
	}
}
