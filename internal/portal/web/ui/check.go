package ui

import (
	"fmt"
	"html/template"
	"strings"
	"text/template/parse"
)

// naming are the functions whose first argument is the key of a text; in the others
// a key follows one of the words in keyed.
var naming = map[string]bool{"t": true}

var keyed = map[string]bool{`"label"`: true, `"help"`: true, `"title"`: true, `"text"`: true}

// checkTemplates reports the first text or template that a template names and that is
// not there.
func (l *Locale) checkTemplates(page *template.Template) error {
	for _, t := range page.Templates() {
		if t.Tree == nil {
			continue
		}
		if err := l.checkNode(page, t.Tree.Root); err != nil {
			return fmt.Errorf("%s: %w", t.Name(), err)
		}
	}
	return nil
}

func (l *Locale) checkNode(page *template.Template, n parse.Node) error {
	switch n := n.(type) {
	case *parse.ListNode:
		if n == nil {
			return nil
		}
		for _, child := range n.Nodes {
			if err := l.checkNode(page, child); err != nil {
				return err
			}
		}
	case *parse.ActionNode:
		return l.checkPipe(n.Pipe)
	case *parse.TemplateNode:
		if page.Lookup(n.Name) == nil {
			return fmt.Errorf("there is no template %q", n.Name)
		}
		return l.checkPipe(n.Pipe)
	case *parse.IfNode:
		return l.checkBranch(page, &n.BranchNode)
	case *parse.RangeNode:
		return l.checkBranch(page, &n.BranchNode)
	case *parse.WithNode:
		return l.checkBranch(page, &n.BranchNode)
	}
	return nil
}

func (l *Locale) checkBranch(page *template.Template, b *parse.BranchNode) error {
	if err := l.checkPipe(b.Pipe); err != nil {
		return err
	}
	if err := l.checkNode(page, b.List); err != nil {
		return err
	}
	return l.checkNode(page, b.ElseList)
}

func (l *Locale) checkPipe(p *parse.PipeNode) error {
	if p == nil {
		return nil
	}
	for _, cmd := range p.Cmds {
		for i, arg := range cmd.Args {
			if inner, ok := arg.(*parse.PipeNode); ok {
				if err := l.checkPipe(inner); err != nil {
					return err
				}
			}
			key, ok := arg.(*parse.StringNode)
			if !ok || i == 0 || !l.namesText(cmd.Args[0].String(), cmd.Args[i-1].String(), i) {
				continue
			}
			if !l.Has(key.Text) {
				return fmt.Errorf("there is no text %q", key.Text)
			}
		}
	}
	return nil
}

// namesText reports whether the argument at i of a function names a text.
func (l *Locale) namesText(function, before string, i int) bool {
	if strings.HasPrefix(function, ".") {
		return false
	}
	return naming[function] && i == 1 || function != "t" && keyed[before]
}
