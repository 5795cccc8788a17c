// Package killpoint names the steps of acts that must survive a crash between
// any two of them, so that a test can kill the program exactly there.
//
// In the program that users run, At does nothing. Built with the tag killpoints,
// and with SEALGATE_KILL_AT=NAME or NAME:N in the environment, the process kills
// itself with SIGKILL when it comes to that name for the first, or the Nth, time.
// Every name stands in docs/kill-points.md with what holds there; a test compares
// the two.
package killpoint
