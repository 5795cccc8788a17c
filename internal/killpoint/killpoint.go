// Package killpoint names the steps of acts that must survive a crash between
// any two of them, so that a test can kill the program exactly there.
//
// In the program that users run, At does nothing. Where package armed is linked in
// (tests, and the gateway built with the tag killpoints), and SEALGATE_KILL_AT=NAME or
// NAME:N is in the environment, the process kills itself with SIGKILL when it comes to
// that name for the first, or the Nth, time. Every name stands in docs/kill-points.md
// with what holds there; a test compares the two.
package killpoint

// come is what a program that is armed does at a name.
var come func(name string)

// Arm sets what is done at every name. It is called before main, by package armed, which
// is apart so that the two programs differ in nothing else, and are compiled once.
func Arm(do func(name string)) { come = do }

// At is a place to die.
func At(name string) {
	if come != nil {
		come(name)
	}
}
