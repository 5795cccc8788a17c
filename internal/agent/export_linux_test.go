package agent

// UnmapFile is what an agent at rest does with its own program.
func UnmapFile(name string) {
	for _, m := range clean(name) {
		m.forget()
	}
}
