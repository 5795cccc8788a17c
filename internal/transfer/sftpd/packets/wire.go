package packets

import (
	"encoding/binary"
	"io"
	"strings"

	"sealgate/internal/fault"
)

// Packet types of draft-ietf-secsh-filexfer-02 (SFTP version 3).
const (
	fxpInit          = 1
	fxpVersion       = 2
	fxpOpen          = 3
	fxpClose         = 4
	fxpRead          = 5
	fxpWrite         = 6
	fxpFstat         = 8
	fxpSetstat       = 9
	fxpFsetstat      = 10
	fxpOpendir       = 11
	fxpReaddir       = 12
	fxpRemove        = 13
	fxpMkdir         = 14
	fxpRmdir         = 15
	fxpRename        = 18
	fxpStatus        = 101
	fxpHandle        = 102
	fxpExtended      = 200
	fxpExtendedReply = 201
)

const (
	statusOK      = 0
	statusDenied  = 3
	statusFailure = 4

	// MaxData is the most payload one READ or WRITE carries: what OpenSSH
	// uses, and what fits a packet of maxPacket bytes beside its header.
	MaxData   = 261120
	maxPacket = 256 << 10
	// channelPacket is the payload of one SSH channel packet of usual size.
	channelPacket = 32 << 10
	// MaxHandles bounds the open handles of one session. lftp and rclone use
	// at most a few dozen over one connection.
	MaxHandles = 64
	// maxHandleName bounds the handle string in a WRITE; pkg/sftp's handles
	// are short decimal numbers.
	maxHandleName = 256

	extLimits  = "limits@openssh.com"
	extFsync   = "fsync@openssh.com"
	extRename  = "posix-rename@openssh.com"
	extStatVFS = "statvfs@openssh.com"
)

// errMalformed ends a session whose client sends packets that do not parse.
var errMalformed = fault.New(fault.Invalid, "packets: read", "a packet does not parse")

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// cutString takes an SSH string (RFC 4251 section 5) off the front of b.
func cutString(b []byte) (s string, rest []byte, ok bool) {
	if len(b) < 4 {
		return "", nil, false
	}
	n := binary.BigEndian.Uint32(b)
	if uint64(n) > uint64(len(b)-4) {
		return "", nil, false
	}
	return string(b[4 : 4+n]), b[4+n:], true
}

func appendString(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}

func seal(packet []byte) []byte {
	binary.BigEndian.PutUint32(packet, uint32(len(packet)-4))
	return packet
}

// status makes an SSH_FXP_STATUS packet.
func status(id, code uint32, message string) []byte {
	b := []byte{0, 0, 0, 0, fxpStatus}
	b = binary.BigEndian.AppendUint32(b, id)
	b = binary.BigEndian.AppendUint32(b, code)
	return seal(appendString(appendString(b, message), ""))
}

// acts tells the requests that open or change what their paths name, of which
// they have one or two.
func acts(typ byte) (paths int) {
	switch typ {
	case fxpOpen, fxpRemove, fxpMkdir, fxpRmdir, fxpSetstat:
		return 1
	case fxpRename:
		return 2
	}
	return 0
}

// climbs reports whether one of the first paths in b leads above the root.
// pkg/sftp would quietly take such a path for one inside. Looking (REALPATH,
// STAT, OPENDIR) at what is above the root shows the root, as clients expect
// that walk upwards; acting there is refused.
func climbs(b []byte, paths int) bool {
	for range paths {
		path, rest, ok := cutString(b)
		if !ok {
			return false // pkg/sftp says that it does not parse
		}
		depth := 0
		for e := range strings.SplitSeq(path, "/") {
			switch e {
			case "", ".":
			case "..":
				if depth--; depth < 0 {
					return true
				}
			default:
				depth++
			}
		}
		b = rest
	}
	return false
}

func notOpen(id uint32) []byte { return status(id, statusFailure, "the handle is not open") }

func outside(id uint32) []byte {
	return status(id, statusDenied, "the path leads outside of this login's folders")
}

// limits makes the answer to limits@openssh.com (OpenSSH PROTOCOL 4.8).
func limits(id uint32) []byte {
	b := []byte{0, 0, 0, 0, fxpExtendedReply}
	b = binary.BigEndian.AppendUint32(b, id)
	for _, v := range []uint64{maxPacket, MaxData, MaxData, MaxHandles} {
		b = binary.BigEndian.AppendUint64(b, v)
	}
	return seal(b)
}

// version makes the answer to INIT: version 3, and the extensions that work
// here (posix-rename and statvfs are pkg/sftp's).
func version() []byte {
	b := []byte{0, 0, 0, 0, fxpVersion, 0, 0, 0, 3}
	for _, e := range [][2]string{{extRename, "1"}, {extStatVFS, "2"}, {extFsync, "1"}, {extLimits, "1"}} {
		b = appendString(appendString(b, e[0]), e[1])
	}
	return seal(b)
}
