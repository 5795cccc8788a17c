package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

var licence = regexp.MustCompile(`(?i)^(licen[cs]e|copying|notice|patents)([.-].*)?$`)

// notices is the licences of all that is linked into Connect on any platform, which
// ask to go with it.
func notices(root string) ([]byte, error) {
	goroot, err := output(root, "", "env", "GOROOT")
	if err != nil {
		return nil, err
	}
	dirs := map[string]string{"Go": strings.TrimSpace(goroot)}
	for _, goos := range []string{"linux", "windows", "darwin"} {
		list, err := output(root, goos, "list", "-deps", "-f", "{{with .Module}}{{if not .Main}}{{.Path}} {{.Version}}\t{{.Dir}}{{end}}{{end}}", "./cmd/connect")
		if err != nil {
			return nil, err
		}
		for line := range strings.Lines(list) {
			if module, dir, ok := strings.Cut(strings.TrimSpace(line), "\t"); ok {
				dirs[module] = dir
			}
		}
	}
	var out bytes.Buffer
	out.WriteString("Sealgate Connect is part of Sealgate. It is made of these works, too, under their own licences.\n")
	for _, module := range sorted(dirs) {
		entries, err := os.ReadDir(dirs[module])
		if err != nil {
			return nil, err
		}
		found := false
		for _, e := range entries {
			if e.IsDir() || !licence.MatchString(e.Name()) {
				continue
			}
			text, err := os.ReadFile(filepath.Join(dirs[module], e.Name()))
			if err != nil {
				return nil, err
			}
			fmt.Fprintf(&out, "\n---- %s: %s ----\n\n%s\n", module, e.Name(), bytes.TrimSpace(bytes.ReplaceAll(text, []byte("\r\n"), []byte("\n"))))
			found = true
		}
		if !found {
			return nil, fmt.Errorf("%s has no licence in %s", module, dirs[module])
		}
	}
	return out.Bytes(), nil
}

func output(dir, goos string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if goos != "" {
		cmd.Env = append(cmd.Env, "GOOS="+goos)
	}
	text, err := cmd.Output()
	return string(text), err
}
