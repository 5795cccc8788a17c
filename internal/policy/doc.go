// Package policy holds the laws of the house as tests: which package may import
// which (docs/architecture.md draws the arrows), what no package may import, and
// how large files, functions and structs may grow. It has no code of its own.
//
// Changing a table here is a decision, to be reviewed as one.
package policy
