// Package yamlfile reads a YAML file of settings, strictly: into a flat list of its
// leaves by their full names ("sftp.listen"), each with the line it stands in.
//
// What is not a setting is refused with its line and the nearest known name, and so are
// a setting that is set twice and whatever is more than YAML needs for settings (anchors,
// aliases, tags): a setting that is silently ignored is one somebody believes in. What
// the values mean is their reader's affair.
package yamlfile

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"

	"sealgate/internal/config/nearest"
	"sealgate/internal/fault"
)

// Format is what a file may hold.
type Format struct {
	Names   []string // of all settings
	Example string   // how one is written
	List    string   // the section that is a list of sections, or empty: none is
	Item    string   // how one of that list is written
}

// Setting is one leaf of a file.
type Setting struct {
	Name  string
	Item  int      // which of the list's items it belongs to, from 0
	Value []string // one, but for a list
	Line  int
}

const maxFile = 1 << 20

// Read reads the text of a file of this name.
func (f Format) Read(file string, text []byte) ([]Setting, error) {
	if len(text) > maxFile {
		return nil, fault.New(fault.Invalid, "settings: read", "%s: larger than 1 MiB, these are no settings", file)
	}
	tree, err := parser.ParseBytes(text, 0)
	if err != nil {
		return nil, syntaxError(file, err)
	}
	w := walker{Format: f, file: file, seen: map[string]int{}}
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
		return refuse(file, y.GetToken().Position.Line, "%s", y.GetMessage())
	}
	return fault.New(fault.Invalid, "settings: read", "%s: %v", file, err)
}

func refuse(file string, line int, format string, args ...any) error {
	return fault.New(fault.Invalid, "settings: read", "%s:%d: %s", file, line, fmt.Sprintf(format, args...))
}

// walker goes through one file.
type walker struct {
	Format
	file  string
	item  int
	found []Setting
	seen  map[string]int // line of each setting, to refuse a second one
}

func (w *walker) refuse(line int, format string, args ...any) error {
	return refuse(w.file, line, format, args...)
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
	return w.refuse(lineOf(node), "expected settings like %s", w.Example)
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
		if w.isSection(name) { // all below it commented out
			return nil
		}
	case *ast.SequenceNode:
		if w.List != "" && name == w.List {
			return w.items(v)
		}
	}
	return w.leaf(name, key.Position.Line, n.Value)
}

// items walks the sections of the list.
func (w *walker) items(list *ast.SequenceNode) error {
	for _, v := range list.Values {
		switch v.(type) {
		case *ast.MappingNode, *ast.MappingValueNode:
		default:
			return w.refuse(lineOf(v), "%q is a list of items like %q", w.List, w.Item)
		}
		before := len(w.found)
		if err := w.walk(w.List, v); err != nil {
			return err
		}
		if len(w.found) == before {
			return w.refuse(lineOf(v), "this item of %q says nothing", w.List)
		}
		w.item++
	}
	return nil
}

func (w *walker) leaf(name string, line int, node ast.Node) error {
	if !slices.Contains(w.Names, name) {
		return w.refuse(line, "there is no setting %q%s", name, nearest.Hint(name, slices.Values(w.Names)))
	}
	once := name
	if w.List != "" && strings.HasPrefix(name, w.List+".") {
		once = fmt.Sprintf("%s %d", name, w.item)
	}
	if first, twice := w.seen[once]; twice {
		return w.refuse(line, "%q is set twice, first in line %d", name, first)
	}
	w.seen[once] = line
	parts := []ast.Node{node}
	if list, ok := node.(*ast.SequenceNode); ok {
		parts = list.Values
	}
	value := make([]string, 0, len(parts))
	for _, part := range parts {
		text, err := w.scalar(name, line, part)
		if err != nil {
			return err
		}
		value = append(value, text)
	}
	w.found = append(w.found, Setting{Name: name, Item: w.item, Value: value, Line: line})
	return nil
}

func (w *walker) scalar(name string, line int, node ast.Node) (string, error) {
	switch n := node.(type) {
	case *ast.LiteralNode:
		return strings.TrimSpace(n.Value.Value), nil
	case *ast.NullNode:
		return "", nil
	case *ast.AnchorNode, *ast.AliasNode, *ast.TagNode: // nothing here needs them
	case ast.ScalarNode:
		return n.GetToken().Value, nil
	}
	return "", w.refuse(line, "%q wants a plain value", name)
}

func (w *walker) isSection(name string) bool {
	return slices.ContainsFunc(w.Names, func(known string) bool { return strings.HasPrefix(known, name+".") })
}

func lineOf(n ast.Node) int {
	if t := n.GetToken(); t != nil && t.Position != nil {
		return t.Position.Line
	}
	return 1
}
