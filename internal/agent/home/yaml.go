package home

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"sealgate/internal/fault"
)

// setting is one leaf of the file, by its full name ("folders.path"), and of which
// item of a list it is one.
type setting struct {
	name  string
	item  int
	value []string
	line  int
}

const maxFile = 1 << 20

// parse flattens the file into settings, keeping the lines. The one list of
// mappings is folders.
func parse(file string, text []byte) ([]setting, error) {
	if len(text) > maxFile {
		return nil, fault.New(fault.Invalid, "home: settings", "%s: larger than 1 MiB, these are no settings", file)
	}
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		var y yaml.Error
		if errors.As(err, &y) && y.GetToken() != nil {
			return nil, fault.New(fault.Invalid, "home: settings", "%s:%d: %s", file, y.GetToken().Position.Line, y.GetMessage())
		}
		return nil, fault.New(fault.Invalid, "home: settings", "%s: %v", file, err)
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

type walker struct {
	file  string
	item  int
	found []setting
	seen  map[string]int // line of each setting, to refuse a second one
}

func (w *walker) refuse(line int, format string, args ...any) error {
	return fault.New(fault.Invalid, "home: settings", "%s:%d: %s", w.file, line, fmt.Sprintf(format, args...))
}

func (w *walker) walk(prefix string, node ast.Node) error {
	switch n := node.(type) {
	case *ast.MappingNode:
		for _, v := range n.Values {
			if err := w.pair(prefix, v); err != nil {
				return err
			}
		}
		return nil
	case *ast.MappingValueNode:
		return w.pair(prefix, n)
	case *ast.CommentGroupNode, *ast.NullNode:
		return nil
	}
	return w.refuse(lineOf(node), "expected settings like \"outbox: /srv/from-bank\"")
}

func (w *walker) pair(prefix string, n *ast.MappingValueNode) error {
	key := n.Key.GetToken()
	name := key.Value
	if prefix != "" {
		name = prefix + "." + name
	}
	switch v := n.Value.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return w.walk(name, v)
	case *ast.NullNode:
		if isSection(name) { // all below it commented out
			return nil
		}
	case *ast.SequenceNode:
		if name == "folders" {
			return w.items(name, v)
		}
	}
	return w.leaf(name, key.Position.Line, n.Value)
}

func (w *walker) items(name string, list *ast.SequenceNode) error {
	for _, v := range list.Values {
		switch v.(type) {
		case *ast.MappingNode, *ast.MappingValueNode:
		default:
			return w.refuse(lineOf(v), "a folder is written as \"- path: /srv/payments\"")
		}
		before := len(w.found)
		if err := w.walk(name, v); err != nil {
			return err
		}
		if len(w.found) == before {
			return w.refuse(lineOf(v), "this folder says nothing")
		}
		w.item++
	}
	return nil
}

func (w *walker) leaf(name string, at int, node ast.Node) error {
	once := name
	if strings.HasPrefix(name, "folders.") {
		once = fmt.Sprintf("%s %d", name, w.item)
	}
	if first, twice := w.seen[once]; twice {
		return w.refuse(at, "%q is set twice, first in line %d", name, first)
	}
	w.seen[once] = at
	var value []string
	if list, ok := node.(*ast.SequenceNode); ok {
		for _, v := range list.Values {
			text, err := w.scalar(name, at, v)
			if err != nil {
				return err
			}
			value = append(value, text)
		}
	} else {
		text, err := w.scalar(name, at, node)
		if err != nil {
			return err
		}
		value = []string{text}
	}
	w.found = append(w.found, setting{name: name, item: w.item, value: value, line: at})
	return nil
}

func (w *walker) scalar(name string, at int, node ast.Node) (string, error) {
	switch n := node.(type) {
	case *ast.LiteralNode:
		return strings.TrimSpace(n.Value.Value), nil
	case *ast.NullNode:
		return "", nil
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode: // nothing here needs them
	case ast.ScalarNode:
		return n.GetToken().Value, nil
	}
	return "", w.refuse(at, "%q wants a plain value", name)
}

func isSection(name string) bool {
	for key := range keys {
		if strings.HasPrefix(key, name+".") {
			return true
		}
	}
	return false
}

func lineOf(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 1
}
