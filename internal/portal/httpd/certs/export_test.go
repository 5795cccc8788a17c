package certs

// KeepNow does what Refresh does while the certificate is fresh.
func (a *ACME) KeepNow() { a.keep() }
