package intake

import (
	"github.com/google/uuid"

	"sealgate/internal/store/catalog"
	"sealgate/internal/transfer/intake/live"
)

// The doors, as sources of files.
const (
	SourceSFTP   = "sftp" // the one whose clients rename what they have sent
	SourcePortal = "portal"
	SourceAPI    = "api"
)

// listed reports whether the file gets a name under /in, by which its login
// finds it again and whose repetition is the same delivery (R2). What comes
// through other doors is known by its id, which is its delivery id, too.
func (s Spec) listed() bool {
	return s.Source == SourceSFTP && s.Direction != catalog.Out && s.Login != uuid.Nil
}

// name is what the arrival is found under while it is open.
func (s Spec) name() live.Name {
	if !s.listed() {
		return live.Name{}
	}
	return live.Name{Login: s.Login, Path: s.Path.String()}
}

// waits reports whether a file of this name waits for its rename.
func waits(account *catalog.Account, spec Spec) bool {
	return spec.Direction != catalog.Out && spec.Source == SourceSFTP && spec.Path.Temporary(account.TempNames)
}
