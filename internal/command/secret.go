package command

import (
	"bytes"
	"errors"
	"io"
	"os"

	"golang.org/x/term"

	"sealgate/internal/fault"
	"sealgate/internal/terminal"
)

// maxSecret bounds a line with a secret.
const maxSecret = 4096

// ReadSecret reads the next line of standard input, and nothing after it: a
// command may ask for two.
func (p *Program) ReadSecret() (string, error) {
	var text []byte
	b := make([]byte, 1)
	for len(text) < maxSecret {
		n, err := p.In.Read(b)
		if n == 0 && err == io.EOF || n == 1 && b[0] == '\n' {
			break
		}
		if n == 0 && err != nil {
			return "", fault.Wrap(fault.Internal, "read secret", err)
		}
		text = append(text, b[:n]...)
	}
	text = bytes.TrimRight(text, "\r")
	if len(text) == 0 {
		return "", Usage(errors.New("nothing came on standard input"))
	}
	return string(text), nil
}

// AtTerminal reports whether a person can be asked.
func (p *Program) AtTerminal() bool {
	in, ok := p.In.(*os.File)
	return ok && terminal.IsTerminal(in)
}

// Passphrase asks on the terminal, or reads the next line of standard input.
func (p *Program) Passphrase(prompt string) ([]byte, error) {
	if p.AtTerminal() {
		if _, err := p.Err.Write([]byte(prompt)); err != nil {
			return nil, err
		}
		text, err := term.ReadPassword(int(p.In.(*os.File).Fd()))
		p.Say("")
		return text, err
	}
	text, err := p.ReadSecret()
	return []byte(text), err
}

// NewPassphrase asks for a passphrase that is to be remembered: on the terminal
// twice.
func (p *Program) NewPassphrase(prompt string) ([]byte, error) {
	first, err := p.Passphrase(prompt)
	if err != nil || !p.AtTerminal() {
		return first, err
	}
	again, err := p.Passphrase("The same again: ")
	defer clear(again)
	if err == nil && !bytes.Equal(first, again) {
		err = Usage(errors.New("the two are not the same; nothing was done"))
	}
	if err != nil {
		clear(first)
		return nil, err
	}
	return first, nil
}
