package seedfile

import (
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// The methods in this file read a YAML node as the type that it should have, and add a
// fault if it has another one.

// collectAnchors remembers what aliases in a document stand for.
func (r *reader) collectAnchors(body ast.Node) {
	for _, node := range ast.Filter(ast.AnchorType, body) {
		anchor, ok := node.(*ast.AnchorNode)
		if !ok || anchor.Name == nil {
			continue
		}
		name := anchor.Name.GetToken().Value
		if r.anchors[name] != nil {
			r.faults.add(r.at(anchor.GetToken()), "anchor %q is defined twice", name)
		}
		r.anchors[name] = anchor.Value
	}
}

// value returns the node itself, or the node that an alias or an anchor stands for; nil
// if there is no value.
func (r *reader) value(node ast.Node) ast.Node {
	switch n := node.(type) {
	case *ast.AnchorNode:
		return n.Value
	case *ast.AliasNode:
		if n.Value == nil {
			return nil
		}
		name := n.Value.GetToken()
		if r.anchors[name.Value] == nil {
			r.faults.add(r.at(name), "no anchor has the name of this alias: text that begins with * needs quotes")
		}
		return r.anchors[name.Value]
	}
	return node
}

func (r *reader) isNull(node ast.Node) bool {
	return node == nil || node.Type() == ast.NullType
}

// mapping calls each with every key and value until it returns false. A key that
// is given twice is a fault, and each is called only for the first.
func (r *reader) mapping(node ast.Node, what string, each func(key *token.Token, value ast.Node) bool) {
	pairs, ok := r.value(node).(ast.MapNode)
	if !ok {
		r.faults.add(r.start(node), "%s must be a mapping, lines of key: value", what)
		return
	}
	seen := make(map[string]bool)
	for it := pairs.MapRange(); it.Next() && len(r.faults) < maxFaults; {
		key := it.Key().GetToken()
		if seen[key.Value] {
			r.faults.add(r.at(key), "key %q is given twice", shorten(key.Value))
			continue
		}
		seen[key.Value] = true
		if !each(key, it.Value()) {
			return
		}
	}
}

// sequence returns the items of a list, or adds a fault with the given text.
func (r *reader) sequence(node ast.Node, otherwise string) ([]ast.Node, bool) {
	list, ok := r.value(node).(*ast.SequenceNode)
	if !ok {
		r.faults.add(r.start(node), "%s", otherwise)
		return nil, false
	}
	return list.Values, true
}

// start returns where a node begins. The token of a mapping is its first colon.
func (r *reader) start(node ast.Node) Position {
	if node == nil {
		return r.at(nil)
	}
	if pairs, ok := node.(ast.MapNode); ok {
		if it := pairs.MapRange(); it.Next() && it.Key() != nil {
			return r.at(it.Key().GetToken())
		}
	}
	return r.at(node.GetToken())
}

// text returns the text of a scalar. It returns a number as it is written, since ids may
// look like numbers, and "" for null. For anything else it adds a fault.
func (r *reader) text(node ast.Node, field string) (string, bool) {
	switch n := r.value(node).(type) {
	case nil, *ast.NullNode:
		return "", true
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.InfinityNode, *ast.NanNode:
		return n.GetToken().Value, true
	case *ast.BoolNode:
		r.faults.add(r.at(n.GetToken()), "%s must be text: put %s in quotes if it is meant", field, n.GetToken().Value)
	default:
		r.faults.add(r.start(node), "%s must be text", field)
	}
	return "", false
}
