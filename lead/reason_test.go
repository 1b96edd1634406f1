package lead_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"github.com/leadhook/leadhook/lead"
)

// TestReasonsHasEveryReason reads the constants from the source: a reason that is
// not in the list cannot be asked for, and nothing else tells.
func TestReasonsHasEveryReason(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "reason.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var declared []lead.Reason
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		declared = append(declared, lead.Reason(text))
		return false
	})
	if listed := lead.Reasons(); !slices.Equal(declared, listed) || len(listed) == 0 {
		t.Errorf("declared are %q, listed %q", declared, listed)
	}
}
