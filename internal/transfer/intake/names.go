package intake

import "sealgate/internal/store/catalog"

// SourceSFTP is the source of files that come through the SFTP server, the one
// door whose clients rename what they have sent.
const SourceSFTP = "sftp"

// waits reports whether a file of this name waits for its rename.
func waits(account *catalog.Account, spec Spec) bool {
	return spec.Direction != catalog.Out && spec.Source == SourceSFTP && spec.Path.Temporary(account.TempNames)
}
