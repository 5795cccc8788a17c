package visits

import (
	"context"
	"slices"

	"sealgate/internal/fault"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/ftps"
	"sealgate/internal/transfer/remote/sftp"
	"sealgate/internal/transfer/remotes"
	"sealgate/internal/transfer/remotes/address"
)

// Dial is remotes.Connect over the network.
func Dial(ctx context.Context, t remotes.Target) (remote.Session, error) {
	server := remote.Server{Host: t.Host, Port: t.Port, Guard: t.Guard, Report: t.Report, Reach: t.Reach}
	switch t.Scheme {
	case address.SFTP:
		return connected(sftp.Connect(ctx, sftp.Config{
			Server: server, User: t.User, Password: t.Secret.Password, Key: []byte(t.Secret.Key), Passphrase: t.Secret.Passphrase,
			HostKeys: t.Settings.HostKeys, Legacy: sftp.Legacy{Options: t.Settings.Legacy, Until: t.Settings.LegacyUntil}, Now: t.Now,
		}))
	case address.FTPS, address.FTPES:
		return connected(ftps.Connect(ctx, ftps.Config{
			Server: server, Implicit: t.Scheme == address.FTPS, User: t.User, Password: t.Secret.Password, Certificates: t.Settings.Certificates,
			TLS12: slices.Contains(t.Settings.Quirks, remotes.QuirkTLS12), ListOnly: slices.Contains(t.Settings.Quirks, remotes.QuirkList), Now: t.Now,
		}))
	}
	return nil, fault.New(fault.Invalid, "remotes: connect", "this gateway does not speak %s", t.Scheme)
}

// connected keeps a nil session of some type from looking like a session.
func connected[S remote.Session](s S, err error) (remote.Session, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}
