package sftp

import (
	"context"
	"strings"

	"sealgate/internal/fault"
	"sealgate/internal/transfer/remote"
	"sealgate/internal/transfer/remote/why"
)

// confirm compares the hash of a file, when the server offers to tell it (check-file,
// draft-ietf-secsh-filexfer-extensions).
func (s *Session) confirm(ctx context.Context, op, name string, proof remote.Proof) (remote.Proof, error) {
	if !s.hashes() || proof.Size == 0 { // of nothing, servers tell no hash
		return proof, nil
	}
	var answer *request
	err := s.within(ctx, remote.TimeToHash(s.patience, proof.Size), func() error {
		const from, toEnd, inOne = uint64(0), uint64(0), uint32(0)
		answer = s.line.ask(kindExtended, nil, "check-file-name", name, "sha256", from, toEnd, inOne)
		<-answer.done
		return answer.err
	})
	if err != nil {
		return remote.Proof{}, s.explain(ctx, op, err)
	}
	if answer.kind != kindReply {
		return proof, nil // not this hash, or not for this file: who may write it may not always read it
	}
	switch sum, ok := parseCheck(answer.body); {
	case !ok:
		return proof, nil
	case sum != proof.SHA256:
		return remote.Proof{}, why.Wrong.New(fault.Damaged, op, "the server has other bytes than those that were sent, says its own hash of the file")
	}
	proof.Hash = "SHA-256"
	return proof, nil
}

// hashes reports whether the server offers to tell hashes. ProFTPD offers it in later
// versions of the protocol only, and does it in this one, too.
func (s *Session) hashes() bool {
	for _, name := range []string{"check-file", "check-file-name"} {
		if _, ok := s.sftp.HasExtension(name); ok {
			return true
		}
	}
	return strings.HasPrefix(s.seen.Banner, "SSH-2.0-mod_sftp")
}

// parseCheck reads the answer to check-file: the name of the extension, which ProFTPD
// leaves out, that of the hash, and the hash.
func parseCheck(b []byte) (sum [32]byte, ok bool) {
	name, rest, ok := text(b)
	if ok && name == "check-file" {
		name, rest, ok = text(rest)
	}
	if !ok || !strings.EqualFold(name, "sha256") || len(rest) != len(sum) {
		return sum, false
	}
	return [32]byte(rest), true
}
