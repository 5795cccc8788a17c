package send

import "io/fs"

// careful is nothing here: folders of Windows have no pipes, and a link takes an
// administrator.
const careful = 0

// links is 1 here, where a file is renamed in one step.
func links(fs.FileInfo) uint64 { return 1 }
