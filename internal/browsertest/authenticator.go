package browsertest

import (
	"github.com/chromedp/cdproto/webauthn"
)

// Authenticator gives the tab a device that keeps passkeys, and that always recognises
// its owner.
func (p *Page) Authenticator() {
	p.b.t.Helper()
	p.must("add an authenticator", command(webauthn.Enable, webauthn.EnableParams{}),
		command(webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: webauthn.AuthenticatorProtocolCtap2, Transport: webauthn.AuthenticatorTransportInternal,
			HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		}}))
}
