package agent

// UnmapFile is what an agent at rest does with its own program.
var UnmapFile = unmapFile
