package intake

import (
	"path"
	"strings"

	"sealgate/internal/store/catalog"
)

// temporaryNames are the names that clients give to files they have not
// finished, unless the account has its own list.
var temporaryNames = []string{
	"*.filepart", "*.part", "*.partial", "*.tmp", "*.temp", "*.crdownload", "*.writing", "*~", ".in.*", ".~*", "~$*",
}

// SourceSFTP is the source of files that come through the SFTP server, the one
// door whose clients rename what they have sent.
const SourceSFTP = "sftp"

// isTemporary reports whether a name says "not finished yet". Patterns are
// compared without regard to case, as the programs that make them do not.
func isTemporary(patterns []string, name string) bool {
	if len(patterns) == 0 {
		patterns = temporaryNames
	}
	name = strings.ToLower(name)
	for _, p := range patterns {
		if ok, err := path.Match(strings.ToLower(p), name); err == nil && ok {
			return true
		}
	}
	return false
}

// waits reports whether a file of this name waits for its rename.
func waits(account *catalog.Account, spec Spec) bool {
	return spec.Direction != catalog.Out && spec.Source == SourceSFTP && isTemporary(account.TempNames, spec.Path.Base())
}
