package config

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"sealgate/internal/fault"
)

// setting is one leaf of the file, by its full name ("sftp.listen").
type setting struct {
	name, value string
	line        int
}

const maxFile = 1 << 20

// parse flattens the file's mappings into settings, keeping the lines.
func parse(file string, text []byte) ([]setting, error) {
	if len(text) > maxFile {
		return nil, fault.New(fault.Invalid, "config: parse", "%s: larger than 1 MiB, that is no configuration", file)
	}
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, syntaxError(file, err)
	}
	w := walker{file: file, seen: map[string]int{}}
	for _, doc := range tree.Docs {
		if doc.Body == nil {
			continue
		}
		if err := w.walk("", doc.Body); err != nil {
			return nil, err
		}
	}
	return w.found, nil
}

func syntaxError(file string, err error) error {
	var y yaml.Error
	if errors.As(err, &y) && y.GetToken() != nil {
		return fault.New(fault.Invalid, "config: parse", "%s:%d: %s", file, y.GetToken().Position.Line, y.GetMessage())
	}
	return fault.New(fault.Invalid, "config: parse", "%s: %v", file, err)
}

type walker struct {
	file  string
	found []setting
	seen  map[string]int // line of each setting, to refuse a second one
}

func (w *walker) walk(prefix string, node ast.Node) error {
	switch n := node.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			if err := w.walk(prefix, v); err != nil {
				return err
			}
		}
		return nil
	case *ast.MappingValueNode:
		key := n.Key.GetToken()
		name := key.Value
		if prefix != "" {
			name = prefix + "." + name
		}
		switch n.Value.(type) {
		case *ast.MappingNode, *ast.MappingValueNode:
			return w.walk(name, n.Value)
		case *ast.NullNode:
			if isSection(name) { // "sftp:" with everything below it commented out
				return nil
			}
		}
		return w.leaf(name, key.Position.Line, n.Value)
	case *ast.CommentGroupNode, *ast.NullNode:
		return nil
	}
	return w.refuse(line(node), "expected settings like \"sftp:\" or \"sftp.listen: 127.0.0.1:2022\"")
}

func (w *walker) leaf(name string, at int, node ast.Node) error {
	if first, twice := w.seen[name]; twice {
		return w.refuse(at, fmt.Sprintf("%q is set twice, first in line %d", name, first))
	}
	w.seen[name] = at
	value, err := w.scalar(name, at, node)
	if err != nil {
		return err
	}
	w.found = append(w.found, setting{name: name, value: value, line: at})
	return nil
}

// scalar gives a leaf as text; a list becomes its elements joined with commas,
// which is how lists are written in the environment.
func (w *walker) scalar(name string, at int, node ast.Node) (string, error) {
	switch n := node.(type) {
	case *ast.SequenceNode:
		parts := make([]string, 0, len(n.Values))
		for _, v := range n.Values {
			part, err := w.scalar(name, at, v)
			if err != nil {
				return "", err
			}
			parts = append(parts, part)
		}
		return strings.Join(parts, ","), nil
	case *ast.LiteralNode:
		return strings.TrimSpace(n.Value.Value), nil
	case *ast.NullNode:
		return "", nil
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode: // nothing here needs them
	case ast.ScalarNode:
		return n.GetToken().Value, nil
	}
	return "", w.refuse(at, fmt.Sprintf("%q wants a plain value", name))
}

func isSection(name string) bool {
	for key := range keys {
		if strings.HasPrefix(key, name+".") {
			return true
		}
	}
	return false
}

func (w *walker) refuse(at int, why string) error {
	return fault.New(fault.Invalid, "config: parse", "%s:%d: %s", w.file, at, why)
}

func line(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 1
}
