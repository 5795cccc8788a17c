// Package campaign attacks the built gateway from outside: it is killed, its
// clients' connections are cut, its disk fills, strangers send it hostile names
// and its disk is stolen. It holds tests only, and what they assert is what a
// customer or an operator sees: the answers of the SFTP server, `gateway file`,
// and the bytes that lie on the disk. Where only time would bring something about, a
// test changes what a stopped gateway finds at its next start.
//
// Each campaign has a short form, which runs with all other tests, and a long
// one (SEALGATE_LONG=1, make test-long). A campaign that draws lots prints its
// seed; SEALGATE_SEED repeats the lots, not the timing.
package campaign
